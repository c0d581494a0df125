"""A run of linked_update that is cut off between any two commands is finished by the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import Request
from integration.conftest import MakeMachine
from integration.machine import Machine
from integration.updating import (
    DB01,
    DRY,
    LAYOUT,
    LOOK,
    MOUNTPOINT,
    OWN01,
    REAL,
    WEB01,
    attempt,
    boot_environments,
    done,
    module,
    publish,
    statuses,
)
from testbed.host import Host
from walk import in_process, world

UPDATE = "/var/lib/illumos.linked_zones/update"
IMAGES = ("/", "/zones/web01/root", "/zones/db01/root")


class Copy(Machine):
    """A host that was kept at some moment."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory


def make(machine: MakeMachine, *updates: str) -> Machine:
    host = machine({"zones": [WEB01, DB01, OWN01]})
    publish(host, *updates)
    return host


def end(host: Machine) -> dict[str, Any]:
    """What counts at the end of a run: boot environments, the packages that are booted next, and what is left over."""
    left = [name for name in ("journal.json", "be") if list(host.path(UPDATE).glob(name))]
    world.power_cycle(host.directory)
    environments = boot_environments(host)
    return {"environments": environments, "left": left, "packages": {root: host.packages(root) for root in IMAGES}}


def walked(host: Machine, how: Callable[[Machine], None], **options: Any) -> list[str]:
    """Cut a run off at every boundary, run again, and return what is wrong then."""
    wrong = []
    undisturbed = Copy(host.directory.with_name("undisturbed"))
    world.copy(host.directory, undisturbed.directory)
    done(attempt(undisturbed, **options))
    wanted = end(undisturbed)
    request = Request(**options)
    _result, boundaries = in_process.boundaries_of(host.directory, lambda found: module(request, host=found))
    kept = [boundary for boundary in boundaries if boundary.kept]
    assert len(kept) > 2
    for boundary in kept:
        there = Copy(host.directory.with_name("there"))
        world.copy(host.directory / boundary.kept.lstrip("/"), there.directory)
        how(there)
        again = attempt(there, **options)
        if again.result.get("failed"):
            wrong.append(f"{boundary.label}: {again.message}")
        elif (found := end(there)) != wanted:
            wrong.append(f"{boundary.label}: {found['environments']} {found['left']} {again.typed}")
        shutil.rmtree(there.directory)
    return wrong


def killed(host: Machine) -> None:
    """Nothing more happens than that the run is gone."""


def powered_off(host: Machine) -> None:
    world.power_cycle(host.directory)


@pytest.mark.parametrize("how", [killed, powered_off])
@pytest.mark.parametrize(
    ("updates", "options"),
    [
        (("libraries",), {}),
        (("libraries",), {"recurse": False, "backup_be": "never"}),
        (("pkg", "libraries"), {}),
        (("libraries", "kernel"), {}),
        (("kernel",), {"be_name": "next", "activate": "never"}),
    ],
)
def test_every_boundary(
    how: Callable[[Machine], None], updates: tuple[str, ...], options: dict[str, Any], machine: MakeMachine
) -> None:
    assert walked(make(machine, *updates), how, **options) == []


def kill_after(host: Machine, start: str, **options: Any) -> None:
    """Run it and kill it right after a command that begins with `start`."""
    request = Request(**options)

    def work() -> dict[str, Any]:
        found = Host("/")

        def observe(ctx: Any, result: Any) -> None:
            if ctx.parent is None and " ".join(ctx.argv).startswith(start):
                os._exit(9)

        found.observer = observe
        return module(request, host=found)

    with pytest.raises(RuntimeError):
        world.in_child(host.directory, work)


def test_what_a_lost_run_did_is_told(machine: MakeMachine) -> None:
    host = make(machine, "libraries")
    kill_after(host, REAL)
    foreseen = done(attempt(host, check=True))
    ran = done(attempt(host))
    assert foreseen.typed == ran.typed == [*LOOK, DRY]
    for outcome in (foreseen, ran):
        assert (outcome.result["resumed"], outcome.result["changed"]) == (True, True)
        assert statuses(outcome) == {"global": "updated", "web01": "updated", "db01": "updated", "own01": "not-linked"}
    again = done(attempt(host))
    assert (again.result["resumed"], again.result["changed"]) == (False, False)


def test_a_backup_that_a_lost_run_made(machine: MakeMachine) -> None:
    host = make(machine, "libraries")
    kill_after(host, f"{REAL} --require-backup-be", backup_be="always")
    ran = done(attempt(host))
    assert (ran.result["be"]["backup"], ran.result["resumed"]) == (["omnios-r151054-backup-1"], True)


def test_a_boot_environment_that_a_lost_run_made(machine: MakeMachine) -> None:
    """It is read, taken for made, and nothing else is run."""
    host = make(machine, "kernel")
    kill_after(host, REAL)
    foreseen = done(attempt(host, check=True))
    ran = done(attempt(host))
    assert foreseen.typed == [*LOOK, "beadm list -H", LAYOUT]
    assert foreseen.actions == ran.typed
    for key in ("images", "be", "changed", "resumed", "reboot_required"):
        assert foreseen.result[key] == ran.result[key]
    read = ["beadm mount omnios-r151054-1 " + MOUNTPOINT, "beadm unmount omnios-r151054-1", "beadm list -H"]
    assert ran.typed == [*LOOK, *read, LAYOUT]
    assert [ran.result[key] for key in ("resumed", "changed", "reboot_required")] == [True, True, True]
    assert statuses(ran)["global"] == "staged"
    again = done(attempt(host))
    assert (again.typed, again.result["changed"], again.result["resumed"]) == ([*LOOK, LAYOUT], False, False)


@pytest.mark.parametrize("keep", [False, True])
def test_a_boot_environment_that_was_left_half_done(keep: bool, machine: MakeMachine) -> None:
    """The run and its pkg are killed before the boot environment is activated."""
    host = make(machine, "kernel", "libraries")
    kill_after(host, REAL, keep_failed_be=keep)
    host.command("beadm activate omnios-r151054")
    host.command("beadm mount omnios-r151054-1 /tmp/pkg")
    foreseen = attempt(host, check=True)
    ran = done(attempt(host))
    destroyed = "beadm destroy -F -s -f omnios-r151054-1"
    assert (destroyed in ran.typed, destroyed in foreseen.actions) == (not keep, not keep)
    assert ran.result["be"]["half_done"] == ["omnios-r151054-1"]
    assert ran.result["be"]["name"] == ("omnios-r151054-2" if keep else "omnios-r151054-1")
    assert ran.result["resumed"] is True


def test_a_pkg_that_is_still_at_work(machine: MakeMachine) -> None:
    host = make(machine, "libraries")
    kill_after(host, REAL)
    host.command("pkg refresh")
    lock = host.path("/var/pkg/lock")
    lock.touch()
    with lock.open("a") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        waiting = attempt(host, lock_timeout=30)
    assert (waiting.cause, waiting.typed) == ("still-running", [])
    assert done(attempt(host)).result["resumed"] is True


def test_a_journal_of_another_boot_environment(machine: MakeMachine) -> None:
    """It is told of, and not followed."""
    host = make(machine, "libraries")
    host.command("beadm create other")
    kill_after(host, REAL, backup_be="never")
    journal = host.path(f"{UPDATE}/journal.json").read_text()
    host.command("beadm activate other")
    host.command("init 6")
    place = host.path(UPDATE)
    place.mkdir(parents=True, exist_ok=True)
    (place / "journal.json").write_text(journal)
    ran = done(attempt(host))
    assert ran.result["resumed"] is False
    assert "it is not followed" in ran.result["warnings"][0]


@pytest.mark.parametrize("name", ["journal.json", "made.json"])
def test_a_file_that_cannot_be_understood(name: str, machine: MakeMachine) -> None:
    host = make(machine, "libraries")
    done(attempt(host, check=True))
    host.path(f"{UPDATE}/{name}").write_text("[]")
    outcome = attempt(host)
    assert (outcome.cause, "remove the file" in outcome.message) == ("journal-unreadable", True)


def test_another_run_at_work(machine: MakeMachine) -> None:
    host = make(machine, "libraries")
    done(attempt(host, check=True))
    with host.path(f"{UPDATE}/lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        outcome = attempt(host, lock_timeout=5)
    assert (outcome.cause, outcome.typed) == ("locked", [])


@pytest.mark.parametrize("target", ["power", "command"])
@pytest.mark.parametrize(
    "at",
    [
        "^Download: 0",
        "^ Actions: 1",
        "^Finalize: Updating package state",
        "zone:db01 .*Actions: 1",
        "zone:web01 .*Finalize: Updating image",
    ],
)
@pytest.mark.parametrize("update", ["libraries", "kernel"])
def test_cut_off_in_the_middle_of_pkg(update: str, at: str, target: str, machine: MakeMachine) -> None:
    """In the running system the next run goes on; a boot environment that was left half done is destroyed first."""
    host = make(machine, *dict.fromkeys(("libraries", update)))
    undisturbed = Copy(host.directory.with_name("undisturbed"))
    world.copy(host.directory, undisturbed.directory)
    done(attempt(undisturbed, backup_be="never"))
    host.faults({"match": "^pkg update --no-refresh", "at": at, "kill": {"target": target}})
    with pytest.raises(RuntimeError):
        attempt(host, backup_be="never")
    host.faults()
    if target == "power":
        powered_off(host)
    half_done = list(boot_environments(host))[1:]
    assert half_done == ([] if update == "libraries" or at == "^Download: 0" else ["omnios-r151054-1"])
    ran = done(attempt(host, backup_be="never"))
    assert (ran.result["resumed"], ran.result["changed"]) == (True, True)
    assert ran.result["be"].get("half_done", []) == half_done
    assert end(host) == end(undisturbed)
