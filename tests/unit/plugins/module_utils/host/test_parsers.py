# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers of the tools' texts, fed with what the real tools (and the recorded stand-ins) printed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import beadm, fuser, pkg, zfs, zoneadm
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Result


def no_warning(text: str) -> None:
    pytest.fail(text)


def test_every_recorded_zone_list_is_read(brand_recordings: list[dict[str, Any]]) -> None:
    seen = 0
    for recording in brand_recordings:
        for step in (recording.get("steps") or []) + recording["commands"]:
            if step["argv"][:2] == ["zoneadm", "list"] and step["rc"] == 0 and "-cp" in step["argv"]:
                zones = {zone.name: zone for zone in zoneadm.parse_list(step["stdout"])}
                assert zones["global"].state == "running"
                seen += 1
    assert seen > 200


def test_zonepath_with_a_colon_and_seven_fields() -> None:
    (zone,) = zoneadm.parse_list("-:a:installed:/zones/a\\:b:1-2:lipkg:excl\n")
    assert (zone.zonepath, zone.brand, zone.zid) == ("/zones/a:b", "lipkg", None)


@pytest.mark.parametrize("line", ["x:a:installed:/z:u:b:excl:1", "-:a:strange:/z:u:b:excl:1", "usage: zoneadm"])
def test_an_unknown_zone_line_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="please report"):
        zoneadm.parse_list(line)


def test_recorded_mounts_and_boot_environments(brand_recordings: list[dict[str, Any]]) -> None:
    for recording in brand_recordings:
        start = recording["start"]
        mounts = zfs.parse_mounts("\n".join(start["mounts"]), no_warning)
        assert len(mounts) == len(start["mounts"])
        assert len(beadm.parse_list("\n".join(start["beadm"]))) == len(start["beadm"])


def test_a_mount_point_with_a_blank() -> None:
    (mount,) = zfs.parse_mounts("rpool/a - /my zones/a zfs - no rw,devices", no_warning)
    assert mount.mountpoint == "/my zones/a"


def test_every_recorded_list_linked_is_read(pkg_steps: list[dict[str, Any]]) -> None:
    seen = 0
    for step in pkg_steps:
        if step["argv"] == ["pkg", "list-linked", "-H"] and step["rc"] == 0:
            names = pkg.parse_list_linked(step["stdout"], no_warning)
            assert len(names) == step["stdout"].count("\tchild")
            seen += 1
    assert seen


def test_every_recorded_audit_of_one_zone_is_read(pkg_steps: list[dict[str, Any]]) -> None:
    expected = {0: "synced", 52: "diverged"}
    seen = 0
    for step in pkg_steps:
        argv = step["argv"]
        if argv[:3] == ["pkg", "audit-linked", "-l"] and step["rc"] in expected:
            assert pkg.parse_audit(step["stdout"]) == {argv[3]: expected[step["rc"]]}
            seen += 1
    assert seen


def result(step: dict[str, Any]) -> Result:
    return Result(tuple(step["argv"]), step["rc"], step["stdout"], step["stderr"], 0.0)


def test_every_failed_refresh_names_its_publishers(pkg_steps: list[dict[str, Any]]) -> None:
    seen = 0
    for step in pkg_steps:
        if step["argv"][-1:] == ["refresh"] and step["rc"] in (1, 3) and "catalogs successfully" in step["stderr"]:
            assert set(pkg.unreachable_publishers(result(step))) <= {"omnios", "extra.omnios", "local.example"}
            assert pkg.unreachable_publishers(result(step))
            seen += 1
    assert seen


def test_every_recorded_lock_is_seen(pkg_steps: list[dict[str, Any]]) -> None:
    locked = [s for s in pkg_steps if "currently in use by another" in s["stderr"] and s["rc"] not in (0, None)]
    assert len(locked) > 20
    assert all(result(step).locked for step in locked)


@pytest.mark.parametrize(
    ("text", "pids"),
    [
        ("", []),
        (" 1234c 99o\n", [1234, 99]),
        ("/zones/web01/root: 1234c\n", [1234]),
        ("1234 99\n", [1234, 99]),
    ],
)
def test_fuser(text: str, pids: list[int]) -> None:
    assert fuser.parse_pids(text, "/zones/web01/root") == pids


def test_holds() -> None:
    text = "NAME                TAG   TIMESTAMP\nrpool/a@x  keep  Sat Nov 21 13:00 2026\n"
    assert zfs.parse_holds(text) == ["rpool/a@x"]
