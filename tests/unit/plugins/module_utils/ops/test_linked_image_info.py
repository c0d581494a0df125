# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""linked_image_info on image trees of the real pkg, held to pkg's own answers about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.linked_image_info import run

IMAGES = Path(__file__).resolve().parents[4] / "fixtures" / "images"
NAMES = [path.name.split(".")[0] for path in sorted(IMAGES.glob("*.expected.json"))]
CHILD_PUBLISHERS = "Invalid child image publisher"


def info(root: Path, zones: list[str] | None = None) -> dict[str, Any]:
    """Run it on a root that is not running: no command may be started."""
    result = run(Runner(pytest.fail), str(root), zones)
    assert result["actions"] == []
    loaded: dict[str, Any] = json.loads(json.dumps(result).encode("ascii"))
    return loaded


def expected(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((IMAGES / f"{name}.expected.json").read_text())
    return loaded


def table(output: dict[str, Any]) -> dict[str, str]:
    rows = [line.split("\t") for line in output["stdout"].splitlines()]
    return {row[0].strip(): row[1].strip() for row in rows if row[0].strip() != "NAME"}


@pytest.mark.parametrize("name", NAMES)
def test_says_what_pkg_says(name: str, unpacked: Callable[[str], Path]) -> None:
    wanted = expected(name)
    seen = info(unpacked(name))
    children = {f"zone:{zone['name']}": zone["audit"] for zone in seen["zones"] if zone["linked"]}
    assert children == table(wanted["audit_linked_a"])
    check_image(seen["global_zone"], wanted["global"])
    assert [zone["name"] for zone in seen["zones"] if zone["name"] in wanted["zones"]] == list(wanted["zones"])
    for zone in seen["zones"]:
        if zone["name"] in wanted["zones"]:
            check_zone(zone, wanted["zones"][zone["name"]])


def check_zone(zone: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert zone["brand"] == wanted["brand"]
    assert zone["linked"] is wanted.get("linked", True)
    if "publisher_order" not in wanted:
        assert (zone["image_format"], zone["audit"], zone["findings"]) == (None, "not-linked", [])
        return
    check_image(zone, wanted)
    if "verify_sync_n" in wanted:
        refused = CHILD_PUBLISHERS in wanted["verify_sync_n"]["stdout"] + wanted["verify_sync_n"]["stderr"]
        assert zone["publisher_check"]["verdict"] == ("violated" if refused else "ok")
    if zone["linked"] and "synced_metadata" in wanted:
        assert (zone["why"] == "linked") is wanted["synced_metadata"]


def check_image(image: dict[str, Any], wanted: dict[str, Any]) -> None:
    order = wanted.get("publisher_order")
    assert order is None or [publisher["name"] for publisher in image["publishers"]] == order
    if "installed" in wanted:
        assert image["packages"] == len(wanted["installed"])
        versions = [fmri.partition("@")[2] for fmri in wanted["installed"] if "/entire@" in fmri]
        assert [image["entire"]] == (versions or [None])
    if "freeze" in wanted:
        listed = [line.split(None, 7) for line in wanted["freeze"]["stdout"].splitlines()]
        assert [[f["name"], f["version"], f["comment"]] for f in image["frozen"]] == [
            [row[0], row[1], row[7] if row[7] != "None" else None] for row in listed
        ]


def test_why_a_zone_is_not_in_step(unpacked: Callable[[str], Path]) -> None:
    zones = {zone["name"]: zone for zone in info(unpacked("v5-parent-missing"))["zones"]}
    outcomes = {violation["outcome"] for zone in zones.values() for violation in zone["audit_violations"]}
    assert "missing" in outcomes
    assert zones["lx01"]["why"] == "brand"
    positions = {
        zone["name"]: (zone["publisher_check"]["position"], zone["publisher_check"]["reason"])
        for zone in info(unpacked("v5-publishers"))["zones"]
        if zone["linked"]
    }
    assert positions == {"web01": (0, "order"), "db01": (1, "missing"), "build01": (1, "stickiness")}


def test_kernel_and_userland_of_an_image_that_is_not_running(unpacked: Callable[[str], Path]) -> None:
    seen = info(unpacked("v4-stale-db"), ["own01"])
    assert seen["boot_environments"] is None
    assert seen["global_zone"]["release"] == {
        "kernel": {"release": "r151054", "version": "0.5.11-151054.0:20250602T073000Z", "source": "system/kernel"},
        "userland": {"release": "r151054b", "version": "OmniOS v11 r151054b", "source": "etc/release"},
    }
    (own,) = seen["zones"]
    assert own["release"]["kernel"] == seen["global_zone"]["release"]["kernel"]
    assert own["release"]["userland"]["release"] == "r151054"


@pytest.mark.parametrize(("zone", "message"), [("nosuch", "no zone nosuch"), ("global", "always looked at")])
def test_a_zone_that_is_not_there(zone: str, message: str, unpacked: Callable[[str], Path]) -> None:
    with pytest.raises(RunFailed, match=message):
        info(unpacked("v4-synced"), [zone])


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="no directory"):
        info(tmp_path / "nosuch")
    with pytest.raises(RunFailed, match="no pkg image"):
        info(tmp_path)
