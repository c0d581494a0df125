"""boot_environment on simulated hosts: exact commands, what it refuses, why others stay, kills, what is read back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import zfs
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import CommandError
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import boot_environments
from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from integration.test_ansible import play
from testbed import command, log
from testbed.host import Host
from walk import world
from walk.in_process import HostRunner

BE = "omnios-r151054"
ZONES = [
    {"name": "db01", "brand": "sparse", "state": "running"},
    {"name": "own01", "brand": "ipkg", "state": "installed"},
    {"name": "lx1", "brand": "lx", "state": "installed"},
]
RUNNING = ["active-now", "active-on-reboot"]
LIBBE = "org.opensolaris.libbe"
PROBES = [
    "zoneadm list -cp",
    "beadm list -H",
    f"zfs list -H -p -t filesystem -o name,mountpoint,{LIBBE}:parentbe,{LIBBE}:active,origin,used,mounted,{LIBBE}:uuid",
]


def make(machine: MakeMachine, **declared: Any) -> Machine:
    return machine({"zones": ZONES, **declared})


def attempt(host: Machine, check: bool = False, **options: Any) -> Outcome:
    """Run it once."""
    return host.enter(lambda: acting(Host("/"), check, options))


def acting(host: Host, check: bool, options: dict[str, Any]) -> dict[str, Any]:
    runner = HostRunner(host, 0)
    try:
        result = boot_environments.run(runner, boot_environments.Options(**options), check)
    except RunFailed as failure:
        result = {**failure.result, "failed": True, "msg": str(failure)}
    return {**result, "warnings": runner.warnings}


def done(outcome: Outcome) -> Outcome:
    assert not outcome.result.get("failed"), (outcome.message, outcome.result.get("diagnosis"))
    return outcome


def refused(host: Machine, cause: str, **options: Any) -> str:
    """It fails in both modes alike and changes nothing."""
    before = host.picture()
    foreseen, tried = attempt(host, check=True, **options), attempt(host, **options)
    assert (foreseen.cause, tried.cause) == (cause, cause), (foreseen.message, tried.message)
    assert (foreseen.changing, tried.changing) == ([], [])
    assert host.picture() == before
    return tried.message


def names(host: Machine) -> list[str]:
    return [line.split(";")[0] for line in host.command("beadm list -H").stdout.splitlines()]


def flags(host: Machine) -> dict[str, str]:
    fields = [line.split(";") for line in host.command("beadm list -H").stdout.splitlines()]
    return {field[0]: field[2] for field in fields if field[2]}


def run_all(host: Machine, expected: list[str], **options: Any) -> Outcome:
    """Check mode, run, check mode again, second run: the same commands are foreseen and run, then none."""
    before = host.picture()
    foreseen = done(attempt(host, check=True, **options))
    assert foreseen.changing == []
    assert host.picture() == before
    ran = done(attempt(host, **options))
    assert ran.changing == expected
    assert foreseen.typed == PROBES + foreseen.typed[len(PROBES) :]
    assert [line for line in foreseen.actions if line not in foreseen.typed] == expected
    for key in ("changed", "created", "activated", "destroyed", "kept", "reboot_required"):
        assert foreseen.result[key] == ran.result[key], key
    assert foreseen.result["diff"] == ran.result["diff"]
    for check in (True, False):
        again = done(attempt(host, check=check, **options))
        assert (again.changing, again.result["changed"], again.result["destroyed"]) == ([], False, [])
        assert again.result["diff"]["before"] == again.result["diff"]["after"] == ran.result["diff"]["after"]
    return ran


# -- create ----------------------------------------------------------------------------------------------------------


def test_create(machine: MakeMachine) -> None:
    host = make(machine)
    ran = run_all(host, ["beadm create backup"], name="backup")
    assert ran.typed == [*PROBES, "beadm create backup", "beadm list -H", *PROBES[1:]]
    assert ran.result["created"] == "backup"
    assert ran.result["diff"] == {
        "before": f"{BE} NR zones: db01, own01\n",
        "after": f"{BE} NR zones: db01, own01\nbackup - zones: db01, own01\n",
    }
    running, backup = ran.result["boot_environments"]
    assert [zone_be["dataset"] for zone_be in backup["zone_bes"]] == [
        "rpool/zones/db01/ROOT/zbe-1",
        "rpool/zones/own01/ROOT/zbe-1",
    ]
    assert backup["dataset"] == "rpool/ROOT/backup"
    assert backup["space_with_zones"] == backup["space"] + sum(zone_be["space"] for zone_be in backup["zone_bes"])
    assert (running["active_now"], running["active_on_reboot"], running["mountpoint"]) == (True, True, "/")
    assert ran.result["reboot_required"] is False


def test_what_is_foretold_names_no_datasets_of_zone_bes(machine: MakeMachine) -> None:
    backup = done(attempt(make(machine), check=True, name="backup")).result["boot_environments"][1]
    assert backup["dataset"] == "rpool/ROOT/backup"
    assert [(zone_be["zone"], zone_be["dataset"]) for zone_be in backup["zone_bes"]] == [
        ("db01", None),
        ("own01", None),
    ]


def test_create_from_another_with_a_title(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    argv = ["beadm", "create", "-d", "before the move", "-e", "old", "new"]
    ran = done(attempt(host, name="new", source="old", description="before the move"))
    assert [action["argv"] for action in ran.result["actions"] if action["argv"][1] == "create"] == [argv]
    assert host.command("zfs get -H -o value origin rpool/ROOT/new").stdout.startswith("rpool/ROOT/old@")


def test_the_running_one_named_as_the_source_is_the_default(machine: MakeMachine) -> None:
    run_all(make(machine), ["beadm create new"], name="new", source=BE)


def test_create_from_a_snapshot(machine: MakeMachine) -> None:
    host = make(machine)
    host.command(f"beadm create {BE}@one")
    host.command(f"beadm create {BE}@two")
    run_all(host, [f"beadm create -e {BE}@one new"], name="new", source=f"{BE}@one")
    message = refused(host, "name-taken", name="new", source=f"{BE}@two")
    assert f"made from snapshot one of {BE}, not two" in message
    assert "It has one, two." in refused(host, "no-such-snapshot", name="newer", source=f"{BE}@three")


def test_one_that_is_there_needs_its_source_no_more(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    host.command("beadm create old@then")
    options: dict[str, Any] = {"name": "new", "source": "old@then"}
    run_all(host, ["beadm create -e old@then new"], **options)
    run_all(host, ["beadm destroy -F -s old"], name="old", state="absent", destroy_snapshots=True)
    run_all(host, [], **options)


def test_create_fails_where_a_zone_has_no_active_root(machine: MakeMachine) -> None:
    host = make(machine)
    host.command(f"zfs set {LIBBE}:active=off rpool/zones/own01/ROOT/zbe")
    tried = attempt(host, name="new")
    assert tried.cause == "not-made"
    assert "own01 has 0" in tried.message
    assert names(host) == [BE]


def test_what_an_interrupted_beadm_leaves_is_not_taken_for_a_boot_environment(machine: MakeMachine) -> None:
    host = make(machine)
    host.command("zfs snapshot rpool/ROOT/" + BE + "@x")
    host.command(f"zfs clone -o canmount=noauto -o mountpoint=/ rpool/ROOT/{BE}@x rpool/ROOT/half")
    host.command(f"zfs set {LIBBE}:uuid=- rpool/ROOT/half")
    for state in ("present", "active", "active_once"):
        assert "`beadm destroy -F half`" in refused(host, "no-uuid", name="half", state=state)
    run_all(host, ["beadm destroy -F half"], name="half", state="absent")


def test_a_create_that_says_0_and_does_nothing(machine: MakeMachine) -> None:
    host = make(machine, faults=[{"match": "beadm create", "rc": 0, "stdout": "Created successfully\n"}])
    tried = attempt(host, name="new")
    assert tried.cause == "not-made"
    assert "ended with 0 and said: Created successfully" in tried.message


# -- activate --------------------------------------------------------------------------------------------------------


def test_activate_and_back(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    ran = run_all(host, ["beadm activate old"], name="old", state="active")
    assert flags(host) == {BE: "N", "old": "R"}
    assert ran.result["activated"] == "old"
    assert ran.result["reboot_required"] is True
    ran = run_all(host, [f"beadm activate {BE}"], name=BE, state="active")
    assert flags(host) == {BE: "NR"}
    assert ran.result["reboot_required"] is False


def test_activate_once(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    ran = run_all(host, ["beadm activate -t old"], name="old", state="active_once")
    assert flags(host) == {BE: "NR", "old": "T"}
    assert ran.result["reboot_required"] is True


def test_active_takes_back_what_was_activated_once(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old", "older"])
    host.command("beadm activate -t old")
    run_all(host, ["beadm activate -T old"], name=BE, state="active")
    assert flags(host) == {BE: "NR"}
    host.command("beadm activate -t old")
    run_all(host, ["beadm activate -T old", "beadm activate older"], name="older", state="active")
    assert flags(host) == {BE: "N", "older": "R"}


def test_active_makes_of_once_always(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    host.command("beadm activate -t old")
    run_all(host, ["beadm activate old"], name="old", state="active")
    assert flags(host) == {BE: "N", "old": "R"}


def test_what_the_next_boot_brings_anyway_is_not_activated_once(machine: MakeMachine) -> None:
    run_all(make(machine), [], name=BE, state="active_once")


def test_a_zone_without_zone_be_is_warned_of(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    host.command("zfs destroy rpool/zones/own01/ROOT/zbe-1")
    for check in (True, False):
        ran = done(attempt(host, check=check, name="old", state="active"))
        assert ran.result["warnings"] == [
            "Zone own01 has no active zone BE in boot environment old: after the boot into it the zone is not there, "
            "or does not boot."
        ]


def test_an_activation_that_says_0_and_does_nothing(machine: MakeMachine) -> None:
    faults = [{"match": "beadm activate", "rc": 0, "stdout": "Activated successfully\n"}]
    host = make(machine, other_boot_environments=["old"], faults=faults)
    assert attempt(host, name="old", state="active").cause == "not-activated"


# -- destroy ---------------------------------------------------------------------------------------------------------


def test_destroy(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    ran = run_all(host, ["beadm destroy -F old"], name="old", state="absent")
    (gone,) = ran.result["destroyed"]
    assert [(zone_be["zone"], zone_be["dataset"]) for zone_be in gone["zone_bes"]] == [
        ("db01", "rpool/zones/db01/ROOT/zbe-1"),
        ("own01", "rpool/zones/own01/ROOT/zbe-1"),
    ]
    assert ran.result["zone_bes_left"] == []
    assert names(host) == [BE]
    assert "zbe-1" not in host.command("zfs list -H -o name").stdout


def test_absent_that_never_was(machine: MakeMachine) -> None:
    run_all(make(machine), [], name="nosuch", state="absent")


def test_destroy_refuses_what_is_in_use(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["next", "once", "mounted", "kept"])
    host.command("beadm activate next")
    host.command("beadm activate -t once")
    host.command("beadm mount mounted /mnt")
    assert "it is the running one" in refused(host, "active-now", name=BE, state="absent")
    assert "the next boot brings it." in refused(host, "active-on-reboot", name="next", state="absent")
    assert "`beadm activate -T once`" in refused(host, "active-once", name="once", state="absent")
    assert "mounted on /mnt. `beadm unmount mounted`" in refused(host, "mounted", name="mounted", state="absent")
    message = refused(host, "protected", name="kept", state="absent", protect=["other", "k*"])
    assert "`protect` names it (k*)" in message


def test_a_zone_be_that_is_mounted_by_hand(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    host.host.mkdir("/mnt/z")
    host.command("mount -F zfs rpool/zones/own01/ROOT/zbe-1 /mnt/z")
    assert "rpool/zones/own01/ROOT/zbe-1 is mounted" in refused(host, "mounted", name="old", state="absent")


@pytest.mark.parametrize("where", ["rpool/ROOT/old", "rpool/zones/own01/ROOT/zbe-1", "rpool/zones/db01/ROOT/zbe-1/svc"])
def test_snapshots_are_destroyed_only_on_demand(where: str, machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    if where.endswith("/svc"):
        assert host.command(f"zfs create {where}").rc == 0
    assert host.command(f"zfs snapshot {where}@mine").rc == 0
    message = refused(host, "snapshots", name="old", state="absent")
    assert f"has snapshots: {where}@mine." in message
    host.command(f"zfs hold me {where}@mine")
    assert f"{where}@mine" in refused(host, "held", name="old", state="absent", destroy_snapshots=True)
    host.command(f"zfs release me {where}@mine")
    run_all(host, ["beadm destroy -F -s old"], name="old", state="absent", destroy_snapshots=True)


def test_the_origin_of_another_is_handed_over(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    host.command("beadm create -e old newer")
    refused(host, "snapshots", name="old", state="absent")
    run_all(host, ["beadm destroy -F -s old"], name="old", state="absent", destroy_snapshots=True)
    assert names(host) == [BE, "newer"]
    assert len(done(attempt(host, name="newer")).result["boot_environments"][1]["zone_bes"]) == 2


def test_a_destroy_that_says_0_and_does_nothing(machine: MakeMachine) -> None:
    faults = [{"match": "beadm destroy", "rc": 0, "stdout": "old has not been destroyed.\n"}]
    host = make(machine, other_boot_environments=["old"], faults=faults)
    tried = attempt(host, name="old", state="absent")
    assert tried.cause == "not-destroyed"
    assert "old has not been destroyed." in tried.message
    assert tried.result["changed"] is False


def test_a_zone_be_that_stays_behind_is_told(machine: MakeMachine) -> None:
    """beadm looks for zones in the boot environment itself; one that was detached there is none to it."""
    host = make(machine)
    host.command("beadm create new")
    host.command("zoneadm -z own01 detach")
    host.command("beadm activate new")
    host.command("reboot")
    ran = done(attempt(host, name=BE, state="absent"))
    left = "rpool/zones/own01/ROOT/zbe"
    assert ran.result["zone_bes_left"] == [left]
    assert f"left its zone BE {left}" in ran.result["warnings"][0]
    assert names(host) == ["new"]


# -- retention -------------------------------------------------------------------------------------------------------


def kept(outcome: Outcome) -> dict[str, list[str]]:
    return {entry["name"]: entry["reasons"] for entry in outcome.result["kept"]}


def test_keep_the_newest(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["b1", "b2", "b3", "b4", "other"])
    ran = run_all(host, ["beadm destroy -F b1", "beadm destroy -F b2"], keep=2, match="b*")
    assert kept(ran) == {"b3": ["newest"], "b4": ["newest"]}
    assert [gone["name"] for gone in ran.result["destroyed"]] == ["b1", "b2"]
    assert names(host) == [BE, "b3", "b4", "other"]


def test_a_new_one_counts_as_the_newest(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["b1", "b2"])
    ran = run_all(host, ["beadm create b3", "beadm destroy -F b1"], name="b3", keep=2, match="b*")
    assert kept(ran) == {"b2": ["newest"], "b3": ["newest"]}


def test_the_source_of_the_new_one_stays(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["b1", "b2"])
    ran = run_all(host, ["beadm create -e b1 new", "beadm destroy -F b2"], name="new", source="b1", keep=0, match="b*")
    assert kept(ran) == {"b1": ["origin"]}


def test_what_is_in_use_stays_and_is_told_why(machine: MakeMachine) -> None:
    others = ["next", "once", "mounted", "held-back", "snapped", "going"]
    host = make(machine, other_boot_environments=others)
    for line in (
        "beadm activate next",
        "beadm activate -t once",
        "beadm mount mounted /mnt",
        "zfs snapshot rpool/zones/own01/ROOT/zbe-5@mine",
    ):
        assert host.command(line).rc == 0, line
    ran = run_all(host, ["beadm destroy -F going"], keep=0, match="*", protect=["held-*"])
    assert kept(ran) == {
        BE: ["active-now"],
        "next": ["active-on-reboot"],
        "once": ["active-once"],
        "mounted": ["mounted"],
        "held-back": ["protected"],
        "snapped": ["snapshots"],
    }
    message = next(entry["message"] for entry in ran.result["kept"] if entry["name"] == "snapped")
    assert "rpool/zones/own01/ROOT/zbe-5@mine" in message
    run_all(host, ["beadm destroy -F -s snapped"], keep=0, match="snapped", destroy_snapshots=True)


def test_origins_of_what_stays_stay(machine: MakeMachine) -> None:
    """Also where only a zone BE is one, and over several steps."""
    host = make(machine, other_boot_environments=["first"])
    for line in ("beadm create -e first second", "beadm create -e second third", "beadm create -e first loose"):
        assert host.command(line).rc == 0, line
    ran = run_all(host, ["beadm destroy -F loose"], keep=0, match="*", protect=["third"])
    assert kept(ran) == {BE: RUNNING, "first": ["origin"], "second": ["origin"], "third": ["protected"]}
    ran = run_all(host, [f"beadm destroy -F {name}" for name in ("third", "second", "first")], keep=0, match="[!o]*")
    assert names(host) == [BE]


def test_an_origin_of_somebodys_clone_stays(machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["old"])
    host.command("zfs snapshot rpool/zones/own01/ROOT/zbe-1@mine")
    host.command("zfs clone rpool/zones/own01/ROOT/zbe-1@mine rpool/look")
    ran = run_all(host, [], keep=0, match="old")
    assert kept(ran) == {"old": ["origin"]}
    assert "rpool/look was made from it" in ran.result["kept"][0]["message"]


def test_after_an_update_the_old_ones_are_free(machine: MakeMachine) -> None:
    """An activation makes the new one the origin of the old one."""
    host = make(machine)
    for name in ("u1", "u2", "u3"):
        host.command(f"beadm create -a {name}")
        host.command("reboot")
    ran = run_all(host, [f"beadm destroy -F {BE}", "beadm destroy -F u1"], keep=2, match="*")
    assert kept(ran) == {"u2": ["newest"], "u3": ["newest", *RUNNING]}
    assert host.command("zoneadm list -c").stdout.split() == ["global", "db01", "own01", "lx1"]


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_command_is_finished_by_the_next_run(nth: int, when: str, machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["b1", "b2", "b3"])
    options: dict[str, Any] = {"name": "b4", "keep": 2, "match": "b*"}

    def work() -> dict[str, Any]:
        found = Host("/")
        seen: list[str] = []

        def strike(ctx: command.Context) -> None:
            if ctx.parent is None and ctx.argv[:2] in (["beadm", "create"], ["beadm", "destroy"]):
                seen.append(ctx.argv[1])
                if len(seen) == nth:
                    os._exit(9)

        if when == "before":
            found.starting = strike
        else:
            found.observer = lambda ctx, result: strike(ctx)
        return acting(found, False, options)

    with pytest.raises(RuntimeError):
        host.enter(work)
    done(attempt(host, **options))
    assert names(host) == [BE, "b3", "b4"]
    again = done(attempt(host, **options))
    assert (again.changing, again.result["changed"]) == ([], False)


@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize("match", ["beadm create", "beadm destroy"])
def test_a_power_cut_in_a_command(match: str, when: str, machine: MakeMachine) -> None:
    host = make(machine, other_boot_environments=["b1", "b2", "b3"])
    options: dict[str, Any] = {"name": "b4", "keep": 2, "match": "b*"}
    host.faults({"match": match, "kill": {"target": "power", "when": when}})
    with pytest.raises(RuntimeError, match="Killed"):
        attempt(host, **options)
    host.faults()
    world.power_cycle(host.directory)
    done(attempt(host, **options))
    assert names(host) == [BE, "b3", "b4"]


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "cause", "said"),
    [
        ({}, "nothing-asked", "Neither `name` nor `keep`"),
        ({"state": "active", "keep": 1, "match": "*"}, "no-name", "needs a `name`"),
        ({"name": "x", "state": "active", "source": BE}, "not-created", "`state` is active"),
        ({"name": "x", "state": "absent", "keep": 1, "match": "*"}, "keep-with-state", "a task of its own"),
        ({"keep": 1}, "keep-without-match", "go together"),
        ({"name": "x", "match": "*"}, "keep-without-match", "go together"),
        ({"keep": -1, "match": "*"}, "bad-keep", "0 or more"),
        ({"name": "no/such"}, "bad-name", "'no/such' is no name"),
        ({"name": "-a"}, "bad-name", "'-a' is no name"),
        ({"name": "x" * 65}, "bad-name", "up to 64"),
        ({"name": "new", "description": "two\nlines"}, "bad-description", "one line of the boot menu"),
        ({"name": "new", "description": ""}, "bad-description", "leave it out"),
        ({"name": "nosuch", "state": "active"}, "no-such-be", f"Those there are: {BE}."),
        ({"name": "new", "source": "nosuch"}, "no-such-be", "no boot environment nosuch."),
        ({"name": "new", "source": "nosuch@x"}, "no-such-be", "no boot environment nosuch."),
    ],
)
def test_refusals(options: dict[str, Any], cause: str, said: str, machine: MakeMachine) -> None:
    assert said in refused(make(machine), cause, **options)


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_that_fails_is_a_failure(probe: str, machine: MakeMachine) -> None:
    match = "^" + probe.replace("*", "\\*") + "$"
    host = make(machine, faults=[{"match": match, "nth": "every", "rc": 1, "stderr": "broken\n"}])
    message = refused(host, "probe-failed", name="new")
    assert "broken" in message


def test_a_non_global_zone(machine: MakeMachine) -> None:
    refused(machine({"zonename": "web01"}), "not-global-zone", name="new")


def test_what_can_still_be_written(machine: MakeMachine) -> None:
    """The check for space before an update asks for this."""

    def work() -> dict[str, Any]:
        runner = HostRunner(Host("/"), 0)
        told: dict[str, Any] = {"actions": runner.actions, "free": zfs.available(runner, f"rpool/ROOT/{BE}")}
        with pytest.raises(CommandError, match="dataset does not exist"):
            zfs.available(runner, "rpool/nosuch")
        return told

    asked = make(machine).enter(work)
    assert asked.result["free"] == 55941948210
    assert asked.typed[0] == f"zfs list -H -p -o available rpool/ROOT/{BE}"


def test_numbers_that_are_not_known(machine: MakeMachine) -> None:
    host = make(machine, faults=[{"match": "zfs list -H -p -t filesystem", "nth": "every", "rc": 0, "stdout": "x\n"}])
    assert "please report" in refused(host, "probe-failed", name="new")
    row = "\t".join(("rpool", "/rpool", "-", "-", "-", "5.2G", "yes", "-")) + "\n"
    host.faults({"match": "zfs list -H -p -t filesystem", "nth": "every", "rc": 0, "stdout": row})
    assert "what rpool uses a number that is not known: '5.2G'" in refused(host, "probe-failed", name="new")


# -- as a task -------------------------------------------------------------------------------------------------------


def test_as_a_task(machine: MakeMachine, tmp_path: Path) -> None:
    host = make(machine, other_boot_environments=["b1"])
    module = "illumos.linked_zones.boot_environment"
    asked = {"name": "b2", "keep": 1, "match": "b*"}
    back = {"name": "b1", "keep": 1, "match": "b*"}
    steps = [(True, asked), (False, asked), (True, asked), (False, asked), (True, back), (False, back)]
    tasks: list[dict[str, Any]] = [
        {module: options, "check_mode": check, "register": f"step{number}"}
        for number, (check, options) in enumerate(steps)
    ]
    told = ", ".join(f"step{number}" for number in range(len(steps)))
    tasks.append({"ansible.builtin.copy": {"content": "{{ [" + told + "] | to_json }}", "dest": "/root/results.json"}})
    ran = play(host, tmp_path, tasks)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = json.loads(host.path("/root/results.json").read_text())
    assert [result["changed"] for result in results] == [True, True, False, False, True, True]
    assert "+b2 - zones: db01, own01" in ran.stdout
    changing = [" ".join(argv) for argv in log.changing(log.read(host.host.private)) if argv[0] == "beadm"]
    assert changing == ["beadm create b2", "beadm destroy -F b1", "beadm create b1", "beadm destroy -F b2"]
    failed = play(host, tmp_path, [{module: {"name": "b9", "state": "active"}}])
    assert failed.returncode == 2
    assert f"There is no boot environment b9. Those there are: {BE}, b1." in failed.stdout + failed.stderr
    assert "Traceback" not in failed.stdout + failed.stderr
