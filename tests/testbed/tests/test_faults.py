"""Declared faults, the command log, and the lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testbed import command, faults, log
from testbed.host import Host

from .machine import ROOT, ZBE, P, bare, ok, refused, run


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return bare(tmp_path / "host")


def declare(host: Host, *entries: dict[str, Any]) -> None:
    with host.locked():
        host.state.faults = list(entries)


def test_the_nth_match_fails_and_does_nothing(host: Host) -> None:
    declare(host, {"match": "zfs set zoned", "nth": 2, "rc": 1, "stderr": "cannot: permission denied\n"})
    ok(host, f"zfs set zoned=off {ZBE}")
    assert refused(host, f"zfs set zoned=on {ZBE}") == "cannot: permission denied\n"
    assert ok(host, f"zfs get -H -o value zoned {ZBE}") == "off\n"
    ok(host, f"zfs set zoned=on {ZBE}")


def test_typed_counts_only_what_no_command_ran(host: Host) -> None:
    declare(host, {"match": "^zfs list", "typed": True, "rc": 1})
    assert run(host, "zoneadm -z web01 boot").rc == 0
    assert run(host, "zfs list").rc == 1


def test_busy_from_right_before_the_command(host: Host) -> None:
    declare(host, {"match": "^umount", "effect": {"busy": f"{P}/root"}})
    assert refused(host, f"umount {P}/root") == f"cannot unmount '{P}/root': Device busy\n"


def test_texts_are_laid_over_a_command_that_ran(host: Host) -> None:
    declare(host, {"match": "canmount", "rc": 5, "stderr": "lost\n", "effect": {"without": ["-x"]}})
    result = run(host, f"zfs set -x canmount=on {ZBE}")
    assert (result.rc, result.stderr) == (5, "lost\n")
    assert ok(host, f"zfs get -H -o value canmount {ZBE}") == "on\n"


@pytest.mark.parametrize(("when", "value"), [("before", "noauto"), ("after", "on")])
def test_a_command_killed_has_done_nothing_or_all(host: Host, when: str, value: str) -> None:
    declare(host, {"match": "canmount=on", "kill": {"target": "command", "when": when}})
    with pytest.raises(faults.Killed):
        run(host, f"zfs set canmount=on {ZBE}")
    declare(host)
    assert ok(host, f"zfs get -H -o value canmount {ZBE}") == f"{value}\n"
    assert log.read(host.private)[0]["rc"] is None


def test_a_boot_hook_killed_leaves_its_zone_halted(host: Host) -> None:
    declare(host, {"match": "^mount -F zfs", "kill": {"target": "hook", "when": "before"}})
    assert run(host, "zoneadm -z web01 boot").rc == 1
    assert ok(host, "zoneadm list -p").count("\n") == 1


def test_the_log_tells_what_was_typed_and_what_changed(host: Host) -> None:
    run(host, "zoneadm -z web01 boot")
    ok(host, f"zfs get zoned {ROOT}")
    refused(host, f"zfs create {ROOT}")
    records = log.read(host.private)
    assert log.typed(records) == [
        ["zoneadm", "-z", "web01", "boot"],
        ["zfs", "get", "zoned", ROOT],
        ["zfs", "create", ROOT],
    ]
    assert log.changing(records) == [["zoneadm", "-z", "web01", "boot"]]
    assert [record["n"] for record in records] == list(range(1, len(records) + 1))


def test_a_change_by_a_hook_is_one_of_the_command_that_ran_it(host: Host) -> None:
    run(host, "zoneadm -z web01 boot")
    by_number = {record["n"]: record for record in log.read(host.private)}
    inner = [record for record in by_number.values() if record["argv"][0] == "mount" and record["changed"]]
    assert inner
    for record in inner:
        while record["parent"] is not None:
            record = by_number[record["parent"]]
            assert record["changed"]


def test_setting_the_same_value_again_is_a_change_too(host: Host) -> None:
    """What counts is that a changing command ran: a second run of a playbook runs none."""
    ok(host, f"zfs set canmount=noauto {ZBE}")
    assert log.changing(log.read(host.private)) == [["zfs", "set", "canmount=noauto", ZBE]]


def test_pkg_variables_are_logged_others_are_not(host: Host) -> None:
    command.run(host, ["zfs", "list"], env={"PKG_IMAGE": "/x", "SECRET": "y"})
    assert log.read(host.private)[0]["env"] == {"PKG_IMAGE": "/x"}


def test_a_command_that_is_not_there_says_so(host: Host) -> None:
    result = run(host, "zpool list")
    assert result.rc == 127
    assert result.stderr == "zpool: this simulated host does not have the command\n"
