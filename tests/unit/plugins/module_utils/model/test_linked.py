# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which zones pkg takes for children (linked-images.md, section 1), and what tells a release."""

from __future__ import annotations

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.dataset import FileSystem, zone_bes_at
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri, Version
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.image import ImageView
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.linked import by_configuration, by_image
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.release import packaged_kernel, release_in
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.zone import ALL_STATES, Zone


def view(*stems: str, variant: str = "global", linked_name: str | None = None) -> ImageView:
    return ImageView(
        source="image",
        format=4,
        installed={stem: Fmri(stem) for stem in stems},
        parent_dependencies=(),
        publishers=(),
        use_system_repo=False,
        variants={"variant.opensolaris.zone": variant},
        frozen=(),
        linked_name=linked_name,
        parent_publishers=None,
        parent_packages=None,
    )


GLOBAL = view("system/zones")


@pytest.mark.parametrize(
    ("platform", "brand", "state", "parent", "configured", "why"),
    [
        ("omnios", "lipkg", "installed", GLOBAL, True, "linked"),
        ("omnios", "sparse", "running", GLOBAL, True, "linked"),
        (None, "pkgsrc", "mounted", GLOBAL, True, "linked"),
        ("omnios", "ipkg", "installed", GLOBAL, True, "brand"),
        ("openindiana", "ipkg", "installed", GLOBAL, True, "linked"),
        ("openindiana", "nlipkg", "installed", GLOBAL, True, "brand"),
        ("omnios", "lipkg", "configured", GLOBAL, True, "state"),
        ("omnios", "lipkg", "incomplete", GLOBAL, True, "state"),
        ("omnios", "lipkg", "unavailable", GLOBAL, True, "state"),
        ("omnios", "lipkg", "installed", view("entire"), True, "no-zones-package"),
        ("omnios", "lipkg", "installed", view("SUNWzoner"), True, "no-zones-package"),
        ("omnios", "lipkg", "installed", view("SUNWzoner", "SUNWzoneu"), True, "linked"),
        ("omnios", "lipkg", "installed", GLOBAL, False, "no-zones-package"),
        ("omnios", "lipkg", "installed", view("system/zones", variant="nonglobal"), True, "not-global"),
    ],
)
def test_why(platform: str | None, brand: str, state: str, parent: ImageView, configured: bool, why: str) -> None:
    standing = by_configuration(Zone("z", state, "/zones/z", brand), platform, parent, configured)
    assert (standing.why, standing.linked) == (why, why == "linked")
    assert standing.reason.endswith(".")


@pytest.mark.parametrize("state", ALL_STATES)
def test_states_in_which_pkg_links(state: str) -> None:
    standing = by_configuration(Zone("z", state, "/zones/z", "lipkg"), "omnios", GLOBAL, True)
    assert standing.linked is (state not in ("configured", "incomplete"))


def test_what_keeps_a_linked_zone_from_working() -> None:
    zone = Zone("z", "installed", "/zones/z", "lipkg")
    standing = by_configuration(zone, "omnios", GLOBAL, True)
    assert by_image(standing, zone, view(), False, "").why == "never-synced"
    assert by_image(standing, zone, view(linked_name="zone:z"), False, "").why == "linked"
    assert by_image(standing, zone, None, True, "It is gone.").why == "image-missing"
    assert by_image(standing, zone, None, False, "It is broken.").why == "image-unreadable"
    unlinked = by_configuration(zone, "openindiana", GLOBAL, True)
    assert by_image(unlinked, zone, None, True, "It is gone.") == unlinked


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("omnios-r151054-b5c2b7b7f8", "r151054"),
        ("  OmniOS v11 r151046ay", "r151046ay"),
        ("OpenIndiana Hipster 2024.10 (powered by illumos)", None),
        ("omnios-master-0123456789", None),
    ],
)
def test_release_in(text: str, release: str | None) -> None:
    assert release_in(text) == release


def test_packaged_kernel() -> None:
    assert packaged_kernel(Version.parse("0.5.11-151054.0:20250505T080000Z")).release == "r151054"
    assert packaged_kernel(Version.parse("0.5.11-2024.0.0.22000")).release is None
    assert packaged_kernel(Version.parse("0.5.11")).release is None


def test_zone_bes_are_what_lies_right_below_root() -> None:
    filesystems = [
        FileSystem("rpool/zones", "/zones", "-", "-"),
        FileSystem("rpool/zones/a", "/zones/a", "-", "-"),
        FileSystem("rpool/zones/a/ROOT", "legacy", "-", "-"),
        FileSystem("rpool/zones/a/ROOT/zbe", "legacy", "u1", "on"),
        FileSystem("rpool/zones/a/ROOT/zbe/svc", "legacy", "u1", "on"),
        FileSystem("rpool/zones/a/ROOT/zbe-1", "legacy", "u2", "off"),
        FileSystem("rpool/zones/b/ROOT/zbe", "legacy", "u1", "on"),
    ]
    found = [(be.name, be.parentbe, be.active) for be in zone_bes_at("/zones/a", filesystems)]
    assert found == [("rpool/zones/a/ROOT/zbe", "u1", "on"), ("rpool/zones/a/ROOT/zbe-1", "u2", "off")]
