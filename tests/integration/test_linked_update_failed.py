"""An update that fails half-way: what is said of each image, and what the next run makes of it."""

from __future__ import annotations

import os
from typing import Any

import pytest

from integration.conftest import MakeMachine
from integration.machine import Machine
from integration.updating import (
    DRY,
    LOOK,
    MOUNTPOINT,
    REAL,
    attempt,
    boot_environments,
    done,
    publish,
    statuses,
)

ZONES = [{"name": name, "brand": "lipkg"} for name in ("a01", "b01", "c01")]
NEW = "omnios-r151054-1"
DRY_NEW, REAL_NEW = f"{DRY} --require-new-be", f"{REAL} --require-new-be"


def make(machine: MakeMachine, update: str = "libraries", **declared: Any) -> Machine:
    host = machine({"zones": ZONES, **declared})
    publish(host, update)
    return host


def in_the_way(host: Machine, zone: str) -> None:
    """In the place of a directory of a zone's a link: pkg changes nothing in it, in a clone neither."""
    place = host.path(f"/zones/{zone}/root/etc")
    place.rename(place.with_name("etc.real"))
    os.symlink("etc.real", place)


def out_of_the_way(host: Machine, zone: str) -> None:
    place = host.path(f"/zones/{zone}/root/etc")
    place.unlink()
    place.with_name("etc.real").rename(place)


def test_a_zone_in_the_running_system(machine: MakeMachine) -> None:
    """The global zone and the zones before it are done, the others not (linked-images.md, section 3)."""
    host = make(machine, immutable=["/zones/b01/root/etc"])
    failed = attempt(host)
    assert failed.typed == [*LOOK, DRY, REAL, *LOOK]
    assert statuses(failed) == {"global": "updated", "a01": "failed", "b01": "failed", "c01": "updated"}
    assert (failed.result["changed"], failed.result["exit_code"]) == (True, 1)
    assert "In zone b01" in failed.message
    assert "The global zone and zone c01 are updated; zone a01 and zone b01 are not." in failed.message
    assert "run again" in failed.message
    assert "holds the state from before" in failed.message
    assert failed.result["be"]["backup"] == ["omnios-r151054-backup-1"]
    host.change(immutable=[])
    ran = done(attempt(host))
    assert statuses(ran) == {"global": "unchanged", "a01": "updated", "b01": "updated", "c01": "unchanged"}
    assert ran.result["resumed"] is False
    assert done(attempt(host)).result["changed"] is False


def test_the_global_zone_in_the_running_system(machine: MakeMachine) -> None:
    """pkg makes a boot environment of its snapshot; that and the backup stay, for they hold the state from before."""
    host = make(machine, immutable=["/etc"])
    failed = attempt(host)
    assert statuses(failed) == dict.fromkeys(("global", "a01", "b01", "c01"), "failed")
    assert "pkg verify" in failed.message
    assert failed.result["be"]["backup"] == ["omnios-r151054-backup-1", NEW]
    assert f"omnios-r151054-backup-1 and {NEW} hold the state from before" in failed.message
    assert list(boot_environments(host)) == ["omnios-r151054", "omnios-r151054-backup-1", NEW]
    host.change(immutable=[])
    assert done(attempt(host)).result["changed"] is True


@pytest.mark.parametrize("keep", [False, True])
def test_a_zone_in_a_new_boot_environment(keep: bool, machine: MakeMachine) -> None:
    """pkg leaves the boot environment half done, without a word about it."""
    host = make(machine)
    in_the_way(host, "b01")
    before = host.picture()["datasets"]
    failed = attempt(host, new_be="require", keep_failed_be=keep)
    tidied = [] if keep else [f"beadm destroy -F -s -f {NEW}", "beadm list -H"]
    assert failed.typed == [*LOOK, DRY_NEW, REAL_NEW, "beadm list -H", "zoneadm list -cp", *tidied]
    assert statuses(failed) == dict.fromkeys(("global", "a01", "b01", "c01"), "failed")
    assert "The running system is as it was." in failed.message
    assert (f"half done, {NEW}, was destroyed" in failed.message) is not keep
    assert (f"half done, {NEW}; it is kept" in failed.message) is keep
    assert "/tmp/" not in failed.message
    assert (failed.result["changed"], failed.result["reboot_required"]) == (keep, False)
    assert failed.result["lost_writes"] == []
    assert (failed.result["be"]["half_done"], failed.result["be"]["destroyed"]) == ([NEW], not keep)
    assert list(boot_environments(host)) == ["omnios-r151054", *([NEW] if keep else [])]
    if not keep:
        assert host.picture()["datasets"] == before
    out_of_the_way(host, "b01")
    ran = done(attempt(host, new_be="require"))
    assert set(statuses(ran).values()) == {"staged"}
    assert ran.result["be"]["name"] == ("omnios-r151054-2" if keep else NEW)


def test_a_half_done_boot_environment_that_cannot_be_destroyed(machine: MakeMachine) -> None:
    """It is named, and the next run tries again."""
    host = make(machine)
    in_the_way(host, "b01")
    host.faults({"match": "beadm destroy", "rc": 1, "stderr": f"Unable to destroy {NEW}.\n", "nth": 1})
    failed = attempt(host, new_be="require")
    assert failed.cause == "half-done-be-left"
    assert f"Unable to destroy {NEW}" in failed.message
    assert failed.result["be"]["destroyed"] is False
    out_of_the_way(host, "b01")
    ran = done(attempt(host))
    assert f"beadm destroy -F -s -f {NEW}" in ran.typed
    assert (ran.result["resumed"], list(boot_environments(host))) == (
        True,
        ["omnios-r151054", "omnios-r151054-backup-1"],
    )


def test_pkg_says_that_all_is_well_and_it_is_not(machine: MakeMachine) -> None:
    """In the running system, as in a new boot environment, what is there counts."""
    host = make(machine)
    host.faults({"match": REAL, "rc": 0})
    failed = attempt(host)
    assert (failed.cause, set(statuses(failed).values())) == ("not-as-planned", {"failed"})
    assert failed.result["changed"] is False
    assert "the global zone, zone a01, zone b01 and zone c01 did not get what was planned" in failed.message
    host.faults()
    publish(host, "kernel")
    host.faults({"match": REAL, "rc": 0})
    failed = attempt(host)
    assert (failed.cause, failed.result["be"]["created"]) == ("not-as-planned", False)


def test_a_new_boot_environment_that_cannot_be_read(machine: MakeMachine) -> None:
    """It is not known what is in it: that is an error, and the next run finds out."""
    host = make(machine, "kernel")
    host.faults({"match": "beadm mount", "rc": 1, "stderr": f"Unable to mount {NEW}.\n"})
    failed = attempt(host)
    assert (failed.cause, failed.result["changed"], failed.result["reboot_required"]) == (
        "read-back-failed",
        True,
        True,
    )
    assert failed.result["be"]["name"] == NEW
    host.faults()
    ran = done(attempt(host))
    assert f"beadm mount {NEW} {MOUNTPOINT}" in ran.typed
    assert (ran.result["resumed"], statuses(ran)["global"]) == (True, "staged")


def test_a_zone_locked_while_it_works(machine: MakeMachine) -> None:
    host = make(machine)
    host.faults({"match": REAL, "effect": {"lock": "/zones/b01/root"}})
    failed = attempt(host, lock_timeout=5)
    assert (failed.cause, failed.result["exit_code"]) == ("locked", 7)
    assert "zone b01" in failed.message


def test_a_repository_that_goes_away_after_the_plan(machine: MakeMachine) -> None:
    host = make(machine)
    done(attempt(host, check=True))
    host.change(offline=["https://pkg.example.org/r151054/core/"])
    failed = attempt(host, refresh=False)
    assert (failed.cause, failed.result["changed"]) == ("unreachable", False)
