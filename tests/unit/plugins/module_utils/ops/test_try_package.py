# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What manifests as pkg prints them mean for a trial, and what the global zone must get first."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.image import ImageView
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.try_package import (
    Package,
    global_packages,
    parse_manifest,
)

ZONE = {"variant.opensolaris.zone": "nonglobal", "variant.arch": "i386"}
SELF = "feature/package/dependency/self"
MINE = Fmri.parse("pkg://ours/ours/agent@2.0-1:20260101T000000Z")


def manifest_of(steps: list[dict[str, Any]], command: str) -> str:
    (text,) = {step["stdout"] for step in steps if " ".join(step["argv"]) == command}
    return str(text)


@pytest.mark.parametrize(
    ("command", "package", "kind"),
    [
        ("pkg contents -rm -g file:///repo/r151048/core/ entire", "omnios/entire@11-151048.0:20231106T120000Z", "self"),
        (
            "pkg -R /zones/web01/root contents -r -m ooce/util/bottom",
            "extra.omnios/ooce/util/bottom@2.0-151046.0:20230503T120000Z",
            "none",
        ),
    ],
)
def test_recorded_manifests(pkg_steps: list[dict[str, Any]], command: str, package: str, kind: str) -> None:
    found = parse_manifest(manifest_of(pkg_steps, command), ZONE)
    assert (str(found.fmri), found.kind) == (f"pkg://{package}", kind)


def test_a_driver_cannot_be_tried(pkg_steps: list[dict[str, Any]]) -> None:
    with pytest.raises(Refusal, match="cannot be installed in a zone") as refused:
        parse_manifest(manifest_of(pkg_steps, "pkg contents -m driver/network/e1000g"), ZONE)
    assert refused.value.diagnosis.cause == "global-only"


def test_an_obsolete_package_cannot(pkg_steps: list[dict[str, Any]]) -> None:
    with pytest.raises(Refusal) as refused:
        parse_manifest(manifest_of(pkg_steps, "pkg contents -rm ooce/util/oldmon"), ZONE)
    assert refused.value.diagnosis.cause == "gone-package"


NAME = "set name=pkg.fmri value=pkg://ours/ours/agent@2.0,5.11-1:20260101T000000Z\n"


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (f"depend type=parent fmri={SELF} variant.opensolaris.zone=nonglobal", "self"),
        ("depend type=parent fmri=pkg:/ours/agent@2.0", "self"),
        (f"depend type=parent fmri={SELF} variant.opensolaris.zone=global", "none"),
        (f"depend type=parent fmri={SELF} facet.optional.zone=true", "none"),
        ("depend type=parent fmri=pkg:/ours/driver", "other"),
        ("depend type=require fmri=pkg:/ours/driver", "none"),
        ("set name=variant.opensolaris.zone value=global value=nonglobal", "none"),
    ],
)
def test_what_counts_in_the_zone(lines: str, kind: str) -> None:
    assert parse_manifest(NAME + lines, ZONE).kind == kind


@pytest.mark.parametrize(
    ("facet", "facets", "kind"),
    [
        ("facet.optional.zone=true", [("facet.optional.*", True)], "self"),
        ("facet.ours=true", [], "self"),
        ("facet.ours=true", [("facet.ours", False)], "none"),
        ("facet.ours=true", [("facet.ours", True), ("facet.*", False)], "self"),
    ],
)
def test_what_counts_by_the_facets_of_the_zone(facet: str, facets: list[tuple[str, bool]], kind: str) -> None:
    text = f"{NAME}depend type=parent fmri={SELF} {facet}"
    assert parse_manifest(text, ZONE, facets).kind == kind


@pytest.mark.parametrize("text", ["", NAME + NAME, 'set name=pkg.fmri value="x\n'])
def test_one_readable_manifest_is_needed(text: str) -> None:
    with pytest.raises(Refusal):
        parse_manifest(text, ZONE)


def parent(*installed: str) -> ImageView:
    packages = {fmri.stem: fmri for fmri in map(Fmri.parse, installed)}
    return ImageView("image", 4, packages, (), (), False, {}, (), None, None, None)


@pytest.mark.parametrize(
    ("dependencies", "installed", "first"),
    [
        ([SELF], [], [str(MINE)]),
        ([SELF], ["pkg://ours/ours/agent@1.0-1:20250101T000000Z"], [str(MINE)]),
        ([SELF], [str(MINE)], []),
        (["pkg:/ours/driver@2"], [], ["pkg:/ours/driver"]),
        (["pkg:/ours/driver@2"], ["pkg://ours/ours/driver@1.9"], ["pkg:/ours/driver"]),
        (["pkg:/ours/driver@2"], ["pkg://ours/ours/driver@3.0"], []),
        ([SELF, "ours/driver"], [], [str(MINE), "pkg:/ours/driver"]),
    ],
)
def test_what_the_global_zone_needs(dependencies: list[str], installed: list[str], first: list[str]) -> None:
    assert global_packages(Package(MINE, tuple(dependencies)), parent(*installed)) == first


def test_another_publisher_in_the_global_zone() -> None:
    package = Package(MINE, (SELF,))
    with pytest.raises(Refusal) as refused:
        global_packages(package, parent("pkg://theirs/ours/agent@2.0-1:20260101T000000Z"))
    assert refused.value.diagnosis.cause == "parent-publisher"
