# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which zones `scope: zones` means, and what it leaves alone in them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.image import FROM_DISK, ImageView
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.linked import BRAND, LINKED, Standing
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.parent import SELF
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.plan import Plan
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.publisher import Publisher
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import ZONES, Request
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.zone import Zone
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import update_zones
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.survey import ZoneSurvey
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update_zones import ZoneUpdate

LIBRARY = Fmri.parse("pkg://omnios/system/library@0.5.11-151054.0:20250505T120000Z")
LIBRARY_2 = Fmri.parse("pkg://omnios/system/library@0.5.11-151054.0:20250512T120000Z")
CURL = Fmri.parse("pkg://omnios/web/curl@8.13-151054.0:20250505T120000Z")
CURL_2 = Fmri.parse("pkg://omnios/web/curl@8.14-151054.0:20250512T120000Z")
BOTH = Plan(change=((LIBRARY, LIBRARY_2), (CURL, CURL_2)))


def image(**changes: Any) -> ImageView:
    return ImageView(
        **{
            "source": FROM_DISK,
            "format": 5,
            "installed": {"system/library": LIBRARY, "web/curl": CURL},
            "parent_dependencies": ((LIBRARY, SELF),),
            "publishers": (Publisher("omnios", origins=("file:///repo",)),),
            "use_system_repo": False,
            "variants": {},
            "frozen": (),
            "linked_name": "zone:web01",
            "parent_publishers": None,
            "parent_packages": (LIBRARY,),
            **changes,
        }
    )


def zone(name: str, linked: bool = True, view: ImageView | None = None) -> ZoneSurvey:
    return ZoneSurvey(
        zone=Zone(name, "running", f"/zones/{name}", "lipkg" if linked else "ipkg", "0"),
        root=f"/zones/{name}/root",
        standing=Standing(linked, LINKED if linked else BRAND, "of brand ipkg"),
        view=view or image(),
        trouble="",
        missing=False,
        userland=None,
        userland_trouble="",
    )


def web01(linked: bool = True, **changes: Any) -> ZoneUpdate:
    view = image(**changes)
    return ZoneUpdate(zone("web01", linked, view), view, ())


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["web01", "db01"]),
        ({"exclude_zones": ("db01",)}, ["web01"]),
        ({"zones": ("own01", "db01")}, ["db01", "own01"]),
        ({"zones": ()}, []),
    ],
)
def test_zones_that_are_meant(options: dict[str, Any], names: list[str]) -> None:
    """Those that are not linked only if they are named."""
    zones = [zone("web01"), zone("db01"), zone("own01", linked=False)]
    chosen = update_zones.choose(Request(scope=ZONES, **options), zones, ["elsewhere"])
    assert [one.zone.name for one in chosen] == names


def test_a_zone_whose_brand_is_being_changed_is_refused() -> None:
    with pytest.raises(Refusal) as raised:
        update_zones.choose(Request(scope=ZONES), [zone("web01")], ["web01"])
    assert raised.value.diagnosis.cause == "switching"


@pytest.mark.parametrize(
    ("linked", "changes", "stale"),
    [
        (True, {}, False),
        (True, {"linked_name": None, "parent_packages": None}, True),
        (True, {"parent_packages": (LIBRARY_2,)}, True),
        (True, {"parent_packages": (LIBRARY, CURL)}, True),
        (False, {"linked_name": None}, False),
    ],
)
def test_who_must_be_told_of_the_global_zone(linked: bool, changes: dict[str, Any], stale: bool) -> None:
    parent = image(installed={"system/library": LIBRARY})
    assert update_zones.stale(web01(linked, **changes), parent) is stale


def test_what_follows_the_global_zone_is_not_moved() -> None:
    told = update_zones.refuse_moving(web01(), BOTH)
    assert told is not None
    assert (told.cause, "system/library" in told.sentence, "web/curl" in told.sentence) == (
        "parent-dependency",
        True,
        False,
    )
    assert update_zones.refuse_moving(web01(), Plan(change=((CURL, CURL_2),))) is None
    assert update_zones.refuse_moving(web01(linked=False), BOTH) is None
