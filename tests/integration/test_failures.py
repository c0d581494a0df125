"""Failures at every place of a switch: where the zone ends, what is said, what is kept."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest

from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from testbed import log
from walk import world

ZBE = "rpool/zones/web01/ROOT/zbe"
BEFORE = f"{ZBE}@illumos.linked_zones-before-lipkg"
NO_SPACE = "pkg: install from https://admin:geheim@h/ failed: [Errno 28] No space left on device\n"
ATTACH_FAILS = {
    "faults": [{"match": "pkg install --accept --no-refresh entire", "nth": "every", "rc": 1, "stderr": NO_SPACE}]
}
LOCKED = "pkg: The image cannot be modified as it is currently in use by another package client.\n"
IN_USE = {"match": "pkg install --accept --no-refresh entire", "rc": 7, "stderr": LOCKED}
NOT_IN_PICTURE = ("zones/web01/root/var/pkg/lock", "zones/web01/root/var/pkg/history", "zones/web01/root/var/pkg/cache")


def fault(match: str, rc: int = 1, stderr: str = "tool: it does not work\n", **more: Any) -> dict[str, Any]:
    return {"faults": [{"match": match, "rc": rc, "stderr": stderr, **more}]}


def untouched(before: dict[str, Any], after: dict[str, Any], *but: str) -> None:
    """All is as it was, but the zone's id, its uuid in the index, and these paths."""
    left = {key: value for key, value in after.items() if key not in ("running", "files")}
    assert left == {key: before[key] for key in left}
    assert set(before["running"]) == set(after["running"])
    files = {*before["files"].items()} ^ {*after["files"].items()}
    assert {name for name, _ in files} - {"etc/zones/index", *but} == set()


def brought_back(outcome: Outcome, host: Machine, before: dict[str, Any], *but: str) -> None:
    assert outcome.result["failed"] is True
    assert outcome.result["rolled_back"] is True
    assert "The zone was brought back" in outcome.message
    assert outcome.result["snapshot"] is None
    assert not host.journal().exists()
    untouched(before, host.picture(NOT_IN_PICTURE), *but)


PLACES = [
    "zfs snapshot .*before",
    "zoneadm -z web01 detach",
    "zonecfg -z web01 set brand=lipkg",
    "zoneadm -z web01 attach -u",
    "sync-linked --linked-md-only",
    "pkg sync-linked -l",
    "audit-linked",
    "pkg list-linked",
    "zoneadm -z web01 boot",
]


@pytest.mark.parametrize("match", PLACES)
def test_a_command_fails(machine: MakeMachine, match: str) -> None:
    """It is said which, with the tool's own words, and the zone is as it was."""
    host = machine(fault(match), files={"/var/tenant/data": "kept\n"})
    before = host.picture(NOT_IN_PICTURE)
    outcome = host.run()
    brought_back(outcome, host, before)
    assert "tool: it does not work" in outcome.message
    assert outcome.cause not in (None, "interrupted")
    assert host.zone() == ("running", "ipkg")
    again = host.run()
    assert (again.cause, host.zone()) == (None, ("running", "lipkg"))


@pytest.mark.parametrize("match", [place for place in PLACES if "linked" not in place])
def test_a_command_fails_on_the_way_to_ipkg(machine: MakeMachine, match: str) -> None:
    host = machine(fault(match.replace("lipkg", "ipkg")), brand="lipkg")
    before = host.picture(NOT_IN_PICTURE)
    brought_back(host.run(brand="ipkg"), host, before)
    assert host.zone() == ("running", "lipkg")
    assert host.path("/zones/web01/root/var/pkg/linked/linked_prop").exists()


NO_EFFECT = [
    ("zoneadm -z web01 detach", "Detaching zone web01 had no effect: zone web01 is installed"),
    ("zonecfg -z web01 set brand=lipkg", "Setting brand lipkg had no effect: zone web01 is configured with brand ipkg"),
    ("zoneadm -z web01 attach -u", "`zoneadm -z web01 attach -u`"),
    ("zoneadm -z web01 boot", "Booting zone web01 had no effect: zone web01 is installed"),
    ("zfs snapshot .*before", "is not there after it was taken"),
    ("sync-linked --linked-md-only", "linked metadata of zone web01 were not written"),
    ("pkg list-linked", "does not show it as a child"),
]


@pytest.mark.parametrize(("match", "says"), NO_EFFECT)
def test_exit_0_proves_nothing(machine: MakeMachine, match: str, says: str) -> None:
    host = machine(fault(match, rc=0, stderr=""))
    before = host.picture(NOT_IN_PICTURE)
    outcome = host.run()
    brought_back(outcome, host, before)
    assert says in outcome.message


def test_zonecfg_says_no_and_exits_0(machine: MakeMachine) -> None:
    text = "Zone web01 already installed; set brand not allowed.\n"
    host = machine(fault("zonecfg -z web01 set brand=lipkg", rc=0, stderr=text))
    outcome = host.run()
    assert outcome.cause == "no-effect"
    assert "set brand not allowed" in outcome.message
    assert host.zone() == ("running", "ipkg")


def test_an_audit_that_finds_the_zone_diverged(machine: MakeMachine) -> None:
    host = machine(fault("audit-linked", rc=52, stderr="", stdout="NAME         STATUS\nzone:web01\tdiverged\n"))
    before = host.picture(NOT_IN_PICTURE)
    outcome = host.run()
    brought_back(outcome, host, before)
    assert (outcome.cause, outcome.result["audit"]) == ("audit-failed", "diverged")
    assert "not in sync with the global zone (diverged)" in outcome.message


def test_a_zone_that_was_down_is_down_again(machine: MakeMachine) -> None:
    host = machine(ATTACH_FAILS, state="installed")
    before = host.picture(NOT_IN_PICTURE)
    brought_back(host.run(), host, before)
    assert host.zone() == ("installed", "ipkg")


def test_a_detached_zone_is_detached_again(machine: MakeMachine) -> None:
    host = machine(ATTACH_FAILS, state="configured")
    before = host.picture(NOT_IN_PICTURE)
    brought_back(host.run(), host, before)
    assert host.zone() == ("configured", "ipkg")


SURROUNDINGS: list[dict[str, Any]] = [
    {"zonepath": "/zones/a:b/web01"},
    {"delegated": ["rpool/zones/web01/data"]},
    {"image_format": 4, "autoboot": True},
]


@pytest.mark.parametrize("zone", SURROUNDINGS, ids=str)
@pytest.mark.parametrize("bes", [[], ["backup", "older"]], ids=["one BE", "three BEs"])
@pytest.mark.parametrize("brand", ["lipkg", "ipkg"])
def test_the_way_back_touches_the_zone_s_own_dataset_alone(
    machine: MakeMachine, zone: dict[str, Any], bes: list[str], brand: str
) -> None:
    other = {"name": "other", "brand": "lipkg", "state": "running"}
    mine = {"name": "web01", "state": "running", "release": "r151046", "brand": "ipkg" if brand == "lipkg" else "lipkg"}
    host = machine({**ATTACH_FAILS, "other_boot_environments": bes, "zones": [{**mine, **zone}, other]})
    before = host.picture(NOT_IN_PICTURE)
    outcome = host.run(brand=brand)
    brought_back(outcome, host, before)
    assert outcome.cause == "update-failed"
    assert not re.search("zfs (rollback|destroy|set|inherit).*(data|zbe-|other)", "\n".join(outcome.typed))
    assert not re.search(" -[adrR]( |$)", "\n".join(line for line in outcome.typed if line.startswith("zoneadm")))
    host.faults()
    assert host.run(brand=brand).cause is None
    assert host.zone() == ("running", brand)
    assert host.zone("other") == ("running", "lipkg")


def test_two_boot_environments(machine: MakeMachine) -> None:
    """The zone BE of the other boot environment keeps its brand's packages and properties."""
    host = machine({"other_boot_environments": ["backup"]})
    before = host.picture()["datasets"]
    outcome = host.run()
    assert outcome.cause is None
    after = host.picture()["datasets"]
    assert {name: after[name] for name in after if not name.endswith("/zbe")} == {
        name: before[name] for name in before if not name.endswith("/zbe")
    }


def test_left_as_it_is(machine: MakeMachine) -> None:
    host = machine(ATTACH_FAILS)
    outcome = host.run(on_failure="leave")
    assert outcome.result["rolled_back"] is False
    assert outcome.result["snapshot"] == BEFORE
    assert "was left as it is (configured, brand lipkg)" in outcome.message
    assert host.zone() == ("configured", "lipkg")
    assert host.journal().exists()
    host.faults()
    again = host.run()
    assert (again.cause, again.result["resumed"]) == (None, True)
    assert host.zone() == ("running", "lipkg")


def test_left_as_it_is_and_brought_back_by_asking_for_the_old_brand(machine: MakeMachine) -> None:
    host = machine(ATTACH_FAILS)
    before = host.picture(NOT_IN_PICTURE)
    host.run(on_failure="leave")
    outcome = host.run(brand="ipkg")
    assert outcome.cause is None
    untouched(before, host.picture(NOT_IN_PICTURE))


def test_without_a_snapshot_it_is_said_what_cannot_be_restored(machine: MakeMachine) -> None:
    host = machine(ATTACH_FAILS)
    outcome = host.run(snapshot=False)
    assert "cannot restore" in outcome.result["warnings"][0]
    assert "There was no snapshot" in outcome.message
    assert host.zone() == ("running", "ipkg")
    assert [line for line in outcome.typed if "before-" in line] == []
    assert host.packages()["entire"].startswith("11-151046")


def test_linked_metadata_come_back_without_a_snapshot(machine: MakeMachine) -> None:
    host = machine(ATTACH_FAILS, brand="lipkg")
    host.run(brand="ipkg", snapshot=False)
    assert host.zone() == ("running", "lipkg")
    assert host.path("/zones/web01/root/var/pkg/linked/linked_prop").exists()


def with_newer_snapshot(machine: MakeMachine, *lines: str) -> Machine:
    """A switch killed before attach; then somebody else snapshots the zone BE."""
    host = machine(ATTACH_FAILS)
    host.run_until("zoneadm -z web01 attach")
    host.command(f"zfs snapshot {ZBE}@theirs")
    for line in lines:
        assert host.command(line).rc == 0
    return host


def test_newer_snapshots_go_and_are_named(machine: MakeMachine) -> None:
    host = with_newer_snapshot(machine)
    outcome = host.run()
    assert outcome.result["rolled_back"] is True
    assert outcome.result["destroyed_snapshots"] == [f"{ZBE}@theirs"]
    assert f"zfs rollback -r {BEFORE}" in outcome.typed
    assert host.zone() == ("running", "ipkg")


@pytest.mark.parametrize(
    ("line", "says", "undo"),
    [
        (f"zfs hold keep {ZBE}@theirs", "has a hold", f"zfs release keep {ZBE}@theirs"),
        (
            f"zfs clone -o mountpoint=none {ZBE}@theirs rpool/theirs",
            "has the clone rpool/theirs",
            "zfs destroy rpool/theirs",
        ),
    ],
)
def test_newer_snapshots_that_must_not_go_stop_the_way_back(
    machine: MakeMachine, line: str, says: str, undo: str
) -> None:
    host = with_newer_snapshot(machine, line)
    outcome = host.run()
    assert outcome.result["rolled_back"] is False
    assert outcome.result["snapshot"] == BEFORE
    assert f"{ZBE}@theirs {says}" in outcome.message
    assert "the journal is kept" in outcome.message
    assert "with brand ipkg finishes the way back" in outcome.message
    assert [line for line in outcome.typed if line.startswith("zfs rollback")] == []
    assert host.journal().exists()
    assert host.command(undo).rc == 0
    assert host.run(brand="ipkg").cause is None
    assert host.zone() == ("running", "ipkg")


def test_a_rollback_that_is_refused(machine: MakeMachine) -> None:
    refusal = {"match": "zfs rollback", "rc": 1, "stderr": "cannot rollback: more recent snapshots exist\n"}
    host = machine({"faults": [*ATTACH_FAILS["faults"], refusal]})
    before = host.picture(NOT_IN_PICTURE)
    outcome = host.run()
    assert outcome.result["rolled_back"] is False
    assert "more recent snapshots exist" in outcome.message
    assert host.zone() == ("configured", "ipkg")
    assert host.run(brand="ipkg").cause is None
    untouched(before, host.picture(NOT_IN_PICTURE))


def test_a_root_that_gets_busy_at_attach(machine: MakeMachine) -> None:
    busy = {"match": "zoneadm -z web01 attach -u", "effect": {"busy": "/zones/web01/root"}}
    host = machine({"faults": [busy]})
    before = host.picture(NOT_IN_PICTURE)
    outcome = host.run()
    assert (outcome.cause, outcome.result["rolled_back"]) == ("dataset-busy", False)
    assert "2001 -bash" in outcome.message
    host.change(busy=[])
    assert host.run(brand="ipkg").cause is None
    untouched(before, host.picture(NOT_IN_PICTURE))


def test_locks_are_waited_for(machine: MakeMachine) -> None:
    sync = {"match": "sync-linked --linked-md-only", "rc": 7, "stderr": LOCKED}
    host = machine({"faults": [{**IN_USE, "nth": 1}, sync, {"match": "refresh$", "rc": 7, "stderr": LOCKED}]})
    outcome = host.run()
    assert outcome.cause is None
    assert outcome.typed.count("zoneadm -z web01 attach -u") == 2
    assert host.zone() == ("running", "lipkg")


def test_a_lock_that_is_never_free(machine: MakeMachine) -> None:
    host = machine({"faults": [{**IN_USE, "nth": "every"}]})
    before = host.picture(NOT_IN_PICTURE)
    outcome = host.run(lock_timeout=40)
    brought_back(outcome, host, before)
    assert outcome.cause == "image-locked"


def test_a_repository_that_is_lost_after_the_rehearsal(machine: MakeMachine) -> None:
    host = machine()
    before = host.picture(NOT_IN_PICTURE)
    host.run_until("zoneadm -z web01 attach")
    host.change(offline=["https://pkg.example.org/r151054/core/"])
    outcome = host.run()
    assert outcome.cause == "publisher-unreachable"
    assert outcome.result["rolled_back"] is True
    untouched(before, host.picture(NOT_IN_PICTURE))


def test_a_service_that_does_not_come_online(machine: MakeMachine) -> None:
    """The tenant has written since: nothing is rolled back by itself."""
    host = machine()
    host.change(settings={"zone_services": {"web01": {"svc:/milestone/multi-user-server:default": "maintenance"}}})
    outcome = host.run(boot_timeout=60)
    assert outcome.cause == "service-not-online"
    assert outcome.result["rolled_back"] is False
    assert outcome.result["snapshot"] == BEFORE
    assert "is maintenance after 60 seconds" in outcome.message
    assert "would be lost" in outcome.message
    assert BEFORE in outcome.message
    assert host.zone() == ("running", "lipkg")
    assert [line for line in outcome.typed if "rollback" in line] == []


def test_a_service_that_was_not_online_before(machine: MakeMachine) -> None:
    services = {"zone_services": {"web01": {"svc:/milestone/multi-user-server:default": "offline"}}}
    host = machine({"settings": services})
    outcome = host.run()
    assert outcome.cause is None
    assert "it was not before" in outcome.result["warnings"][0]


def test_a_zone_that_no_longer_boots_under_any_brand(machine: MakeMachine) -> None:
    text = "zoneadm: zone 'web01': call to zoneadmd failed\n"
    host = machine({"faults": [{"match": "zoneadm -z web01 boot", "nth": "every", "rc": 1, "stderr": text}]})
    outcome = host.run()
    assert (outcome.cause, outcome.result["rolled_back"]) == ("boot-failed", False)
    assert "The way back stopped: Booting zone web01 failed." in outcome.message
    assert host.zone() == ("installed", "ipkg")
    host.faults()
    assert host.run(brand="ipkg").cause is None
    assert host.zone() == ("running", "ipkg")


def test_a_boot_that_stops_half_way(machine: MakeMachine) -> None:
    """zoneadm leaves the zone ready under the new brand (zoneadmd: the brand's hook for `boot` failed)."""
    host = machine({"faults": [{"match": "/usr/lib/brand/ipkg/prestate web01 /zones/web01 3 1", "rc": 1}]})
    before = host.picture(NOT_IN_PICTURE)
    outcome = host.run()
    assert outcome.result["rolled_back"] is True
    assert "zoneadm -z web01 halt" in outcome.typed
    assert host.zone() == ("running", "ipkg")
    untouched(before, host.picture(NOT_IN_PICTURE), "zones/web01/log", "zones/web01/log/zone.log")


def test_a_boot_that_fails_in_the_brand_s_script_says_why(machine: MakeMachine) -> None:
    text = "cannot mount: no such dataset\n"
    host = machine({"faults": [{"match": f"^mount -F zfs {ZBE} /zones/web01/root", "nth": 2, "rc": 1, "stderr": text}]})
    outcome = host.run()
    assert outcome.cause == "dataset-busy", outcome.message
    assert "Unable to mount" in json.dumps(outcome.result["diagnosis"]["evidence"])


def test_a_snapshot_that_cannot_be_seen_is_removed(machine: MakeMachine) -> None:
    host = machine(
        {"faults": [{"match": f"zfs list -H -t snapshot -o name -r {ZBE}$", "rc": 1, "stderr": "zfs: no\n"}]}
    )
    before = host.picture(NOT_IN_PICTURE)
    brought_back(host.run(), host, before)


def test_a_snapshot_that_stays_is_named(machine: MakeMachine) -> None:
    host = machine({"faults": [{"match": "zfs destroy .*before", "rc": 1, "stderr": "cannot destroy: it is held\n"}]})
    outcome = host.run()
    assert (outcome.cause, outcome.result["snapshot"]) == (None, BEFORE)
    assert "it is held" in outcome.result["warnings"][0]
    assert not host.journal().exists()


def test_kept_snapshots_get_names_of_their_own(machine: MakeMachine) -> None:
    host = machine()
    assert host.run(keep_snapshot=True).result["snapshot"] == BEFORE
    assert host.run(brand="ipkg").cause is None
    assert host.run(keep_snapshot=True).result["snapshot"] == f"{BEFORE}-2"
    names = host.command("zfs list -H -t snapshot -o name").stdout.split()
    assert names == [BEFORE, f"{BEFORE}-2"]


@pytest.mark.parametrize("match", ["copy-publishers-from", "refresh$", "install -n", "^umount", "^zfs destroy"])
def test_nothing_of_a_rehearsal_is_left_by_the_run_after(machine: MakeMachine, match: str) -> None:
    host = machine(fault(match, nth="every"))
    before = host.picture()
    outcome = host.run()
    assert outcome.beyond_rehearsal == []
    host.faults()
    assert host.run(check=True).cause is None
    assert host.picture() == before


def secrets(host: Machine) -> dict[str, str]:
    """Files that the collection writes."""
    return {path.name: path.read_text() for path in host.journal().parent.glob("*.json")}


def test_no_secret_in_result_or_journal(machine: MakeMachine) -> None:
    ours = "https://admin:geheim@pkg.example.org/ours/"
    repository = {"uri": ours, "publisher": "ours", "packages": [{"name": "ours/agent", "version": "1"}]}
    origins = [f"https://pkg.example.org/r151046/{name}/" for name in ("core", "extra")]
    publishers = [
        {"name": "ours", "origins": [ours]},
        {"name": "omnios", "origins": origins[:1], "mirrors": [ours]},
        {"name": "extra.omnios", "origins": origins[1:]},
    ]
    host = machine({**ATTACH_FAILS, "repositories": [repository]}, publishers=publishers)
    outcome = host.run(replace_publishers=True, on_failure="leave")
    assert outcome.cause == "update-failed"
    written = secrets(host)
    assert written
    assert "geheim" not in json.dumps([outcome.result, written])
    host.faults()
    assert host.run(replace_publishers=True).cause is None
    assert host.publishers() == ["omnios", "extra.omnios", "ours"]


@pytest.mark.parametrize("place", ["zoneadm -z web01 shutdown", "zoneadm -z web01 detach", "zoneadm -z web01 boot"])
def test_refused_on_resuming_leaves_the_zone_as_the_first_run_found_it(machine: MakeMachine, place: str) -> None:
    """Killed; meanwhile a repository went away."""
    host = machine()
    host.run_until(place)
    host.change(offline=["https://pkg.example.org/r151054/core/"])
    outcome = host.run()
    assert host.zone()[0] == "running", outcome.message


IN_HOOKS = ["detach", "attach", "prestate", "poststate"]


@pytest.mark.parametrize("hook", IN_HOOKS)
def test_a_command_of_a_brand_hook_fails(machine: MakeMachine, hook: str) -> None:
    """Each changing command that the hook runs, in turn: the zone is as it was, or the hook did not mind."""
    undisturbed = machine()
    assert undisturbed.run().cause is None
    records = log.read(undisturbed.host.private)
    hooks = {record["n"]: record["argv"][0].rpartition("/")[2] for record in records}
    places = [record for record in records if record["changed"] and hooks.get(record["parent"]) == hook]
    assert places
    for place in places:
        host = machine()
        host.faults({"match": "", "nth": place["n"], "rc": 1, "stderr": "tool: it does not work\n"})
        before = host.picture(NOT_IN_PICTURE)
        outcome = host.run()
        if outcome.cause is None:
            assert host.zone() == ("running", "lipkg"), place["argv"]
        else:
            brought_back(outcome, host, before, "zones/web01/log", "zones/web01/log/zone.log")


ON_THE_WAY_BACK = [
    "zonecfg -z web01 set brand=ipkg",
    "zfs rollback",
    "zfs set org.opensolaris.libbe:parentbe",
    "zfs set org.opensolaris.libbe:active",
    f"zfs set canmount=noauto {ZBE}",
    f"zfs set zoned=off {ZBE}",
    f"zfs inherit mountpoint {ZBE}",
    f"zfs inherit zoned {ZBE}",
    f"mount -F zfs {ZBE} /zones/web01/root",
    "zoneadm -z web01 attach -F",
    "zoneadm -z web01 boot",
    "zoneadm list -cp",
    "mount -p",
]


@pytest.mark.parametrize("match", ON_THE_WAY_BACK)
def test_the_way_back_fails_and_is_finished_by_the_next_run(machine: MakeMachine, match: str) -> None:
    host = machine(ATTACH_FAILS)
    before = host.picture(NOT_IN_PICTURE)
    host.run_until("zoneadm -z web01 attach")
    fails = {"match": f"^{match}", "typed": True, "rc": 1, "stderr": "tool: it does not work\n"}
    # the look and the readings of attach and after it come first
    fails["nth"] = {"zoneadm list -cp": 4, "mount -p": 2}.get(match, 1)
    host.faults(*ATTACH_FAILS["faults"], fails)
    outcome = host.run()
    assert outcome.result["rolled_back"] is False
    assert "tool: it does not work" in outcome.message
    assert "The way back stopped" in outcome.message
    assert outcome.result["snapshot"] == BEFORE
    assert host.journal().exists()
    host.faults()
    assert host.run(brand="ipkg").cause is None
    untouched(before, host.picture(NOT_IN_PICTURE))


def test_what_a_rehearsal_in_another_boot_environment_has_left(machine: MakeMachine) -> None:
    """Its mark lies in that boot environment's /var/lib."""
    host = machine()
    before = host.picture()
    host.run_until("pkg -R")
    host.command("umount /var/lib/illumos.linked_zones/web01.rehearsal/root")
    shutil.rmtree(host.journal().with_name("web01.rehearsal"))
    assert host.run(check=True).cause is None
    assert host.picture() == before


OTHER_HANDS = [
    ("zoneadm -z web01 detach", "zoneadm -z web01 boot", "lipkg"),
    ("zonecfg -z web01 set", "zoneadm -z web01 attach -u", "lipkg"),
    ("pkg sync-linked", "zoneadm -z web01 boot", "lipkg"),
    ("zoneadm -z web01 attach", f"zfs destroy {BEFORE}", "lipkg"),
    ("zoneadm -z web01 attach", f"zfs destroy {BEFORE}", "ipkg"),
    ("pkg sync-linked", f"zfs destroy {BEFORE}", "ipkg"),
    ("zoneadm -z web01 attach", "umount /zones/web01/root", "lipkg"),
    ("zoneadm -z web01 attach", "umount /zones/web01/root", "ipkg"),
]


@pytest.mark.parametrize(("killed_before", "line", "brand"), OTHER_HANDS)
def test_somebody_worked_on_the_zone_between_two_runs(
    machine: MakeMachine, killed_before: str, line: str, brand: str
) -> None:
    host = machine(files={"/var/tenant/data": "kept\n"})
    host.run_until(killed_before)
    assert host.command(line).rc == 0
    outcome = host.run(brand=brand)
    assert outcome.cause is None, outcome.message
    assert host.zone() == ("running", brand)
    assert host.path("/zones/web01/root/var/tenant/data").read_text() == "kept\n"
    assert not host.journal().exists()
    again = host.run(brand=brand)
    assert (again.changing, again.result["changed"]) == ([], False)


def test_a_zone_that_somebody_deleted_between_two_runs(machine: MakeMachine) -> None:
    host = machine()
    host.run_until("zonecfg -z web01 set")
    host.command("zonecfg -z web01 delete -F")
    outcome = host.run()
    assert (outcome.cause, outcome.changing) == ("absent", [])


def test_a_host_without_power_between_two_runs(machine: MakeMachine) -> None:
    for autoboot in (True, False):
        host = machine(autoboot=autoboot)
        host.run_until("zoneadm -z web01 attach")
        world.power_cycle(host.directory)
        assert host.run().cause is None
        assert host.zone() == ("running", "lipkg")


SIGNALS = [(9, "pkg copy-publishers-from", "broken-off"), (15, "pkg copy-publishers-from", "interrupted")]


@pytest.mark.parametrize(("signal", "match", "cause"), [*SIGNALS, (9, "zoneadm -z web01 list -p", "broken-off")])
def test_the_attach_hook_gets_a_signal(machine: MakeMachine, signal: int, match: str, cause: str) -> None:
    host = machine({"faults": []})
    host.run_until("zoneadm -z web01 attach")
    host.faults({"match": f"^{match}", "kill": {"target": "hook", "when": "after", "signal": signal}})
    outcome = host.run()
    assert (outcome.cause, outcome.result["rolled_back"]) == (cause, True), outcome.message
    assert host.zone() == ("running", "ipkg")
    assert host.packages()["entire"].startswith("11-151046")
