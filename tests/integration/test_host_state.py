"""host_state on simulated hosts: zones and services come back exactly as they were, also after a reboot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import host_state
from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from testbed.host import Host
from walk.in_process import HostRunner

NOTE = "/var/lib/illumos.linked_zones/host_state/note"
ZONES = [
    {"name": "web01", "brand": "lipkg", "state": "running", "autoboot": True},
    {"name": "db01", "brand": "lipkg", "state": "running"},
    {"name": "spare01", "brand": "lipkg"},
    {"name": "own01", "brand": "ipkg", "state": "running"},
]
LIST, SVCS, BEADM = "zoneadm list -cp", "svcs -a -Z -H -o zone,state,fmri", "beadm list -H"


def ask(machine: Machine, state: str, check: bool = False, **options: Any) -> Outcome:
    def work() -> dict[str, Any]:
        try:
            return host_state.run(HostRunner(Host("/"), 60), host_state.Options(state, **options), check)
        except RunFailed as failure:
            return {**failure.result, "failed": True, "msg": str(failure)}

    return machine.enter(work)


def reboot(machine: Machine) -> None:
    machine.command("init 6")


def running(machine: Machine) -> list[str]:
    lines = machine.command("zoneadm list").stdout.split()
    return sorted(name for name in lines if name != "global")


def test_check_run_check_again_run_again_change_run(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    before = host.picture()
    looked = ask(host, "noted", check=True)
    assert looked.result["changed"]
    assert looked.typed == [LIST, SVCS, BEADM]
    assert host.picture() == before
    assert ask(host, "noted").result["changed"]
    assert json.loads(host.path(NOTE).read_text())["zones"] == {
        "web01": "running",
        "db01": "running",
        "own01": "running",
        "spare01": "installed",
    }
    assert host.path(NOTE).stat().st_mode & 0o777 == 0o600
    assert not ask(host, "noted", check=True).result["changed"]
    assert not ask(host, "noted").result["changed"]

    planned = ask(host, "halted", check=True, zones=("db01", "web01"))
    assert planned.actions == [LIST, "zoneadm -z db01 shutdown", "zoneadm -z web01 shutdown"]
    assert planned.changing == []
    done = ask(host, "halted", zones=("db01", "web01"))
    assert done.changing == ["zoneadm -z db01 shutdown", "zoneadm -z web01 shutdown"]
    assert running(host) == ["own01"]
    assert not ask(host, "halted", zones=("db01", "web01")).result["changed"]

    back = ask(host, "restored")
    assert back.changing == ["zoneadm -z web01 boot", "zoneadm -z db01 boot"]
    assert back.result["booted"] == ["web01", "db01"]
    assert running(host) == ["db01", "own01", "web01"]
    assert not host.path(NOTE).exists()


def test_all_linked_zones_and_no_other_are_halted_by_default(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    ask(host, "noted")
    assert ask(host, "halted").result["halted"] == ["web01", "db01"]
    assert running(host) == ["own01"]


def test_after_a_reboot_into_a_clone_all_is_as_it_was(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    ask(host, "noted")
    ask(host, "halted")
    host.command("beadm create next")
    host.command("beadm activate next")
    # autoboot brings up web01, and not db01; somebody boots one that did not run
    reboot(host)
    host.command("zoneadm -z spare01 boot")
    again = ask(host, "noted")
    assert not again.result["changed"]
    assert ask(host, "restored").changing == [
        "zoneadm -z spare01 shutdown",
        "zoneadm -z db01 boot",
        "zoneadm -z own01 boot",
    ]
    assert running(host) == ["db01", "own01", "web01"]


def test_after_a_power_cut_the_zones_that_ran_are_brought_back(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    ask(host, "noted")
    ask(host, "halted")
    reboot(host)
    assert ask(host, "noted").result["kept"]
    assert ask(host, "restored").result["booted"] == ["db01", "own01"]
    assert running(host) == ["db01", "own01", "web01"]


def test_back_in_the_old_boot_environment_the_note_is_taken_anew(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    ask(host, "noted")
    host.command("beadm create next")
    uuid = next(line.split(";")[1] for line in host.command("beadm list -H").stdout.splitlines() if line[:5] == "next;")
    told = ask(host, "noted", next_be=uuid)
    assert (told.result["kept"], told.result["changed"]) == (True, True)
    assert not ask(host, "noted", next_be=uuid).result["changed"]
    host.command("beadm activate next")
    reboot(host)
    assert not ask(host, "restored").result.get("failed")
    host.command("beadm activate omnios-r151054")
    reboot(host)
    anew = ask(host, "noted")
    assert (anew.result["kept"], anew.result["changed"]) == (False, True)
    assert anew.result["noted"]["zones"]["db01"] == "installed"


def test_a_service_that_is_worse_fails_and_keeps_the_note(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    ask(host, "noted")
    host.command("svcadm -z db01 mark maintenance svc:/network/ssh:default")
    outcome = ask(host, "restored", boot_timeout=4)
    worse = outcome.result["worse"]
    assert outcome.cause == "services-worse", outcome.result
    assert [(one["zone"], one["state"], one["was"]) for one in worse] == [("db01", "maintenance", "online")]
    assert host.path(NOTE).exists()
    assert ask(host, "forgotten").result["changed"]
    assert not host.path(NOTE).exists()


def test_a_service_that_was_in_maintenance_before_is_shown_and_no_reason_to_fail(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    host.command("svcadm -z db01 mark maintenance svc:/network/ssh:default")
    noted = ask(host, "noted")
    assert [one["zone"] for one in noted.result["unhealthy"]] == ["db01"]
    assert not ask(host, "restored").result.get("failed")


def test_services_that_come_up_slowly_are_waited_for(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES, "settings": {"boot_polls": 3}})
    for _ in range(4):
        host.command(SVCS)
    ask(host, "noted")
    ask(host, "halted", zones=("db01",))
    back = ask(host, "restored")
    assert not back.result.get("failed"), back.message
    assert back.typed.count(SVCS) > 1


def test_a_zone_that_does_not_come_down_is_named(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES, "settings": {"slow_shutdown": {"web01": {"state": "running", "polls": None}}}})
    ask(host, "noted")
    refused = ask(host, "halted", zones=("web01",), shutdown_timeout=4)
    assert refused.cause == "shutdown-timeout"
    assert "web01" in refused.message
    forced = ask(host, "halted", zones=("web01",), shutdown_timeout=4, force_halt=True)
    assert forced.changing == ["zoneadm -z web01 shutdown", "zoneadm -z web01 halt"]


@pytest.mark.parametrize(
    ("state", "options", "cause"),
    [("halted", {}, "no-note"), ("restored", {}, "no-note")],
)
def test_without_a_note_nothing_is_done(state: str, options: dict[str, Any], cause: str, machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    refused = ask(host, state, **options)
    assert (refused.cause, refused.changing) == (cause, [])


def test_an_unknown_zone_is_refused_before_another_goes_down(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    ask(host, "noted")
    refused = ask(host, "halted", zones=("web01", "nosuch"))
    assert (refused.cause, refused.changing) == ("no-such-zone", [])


def test_a_zone_that_cannot_be_booted_is_named(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    ask(host, "noted")
    ask(host, "halted")
    host.faults({"match": "zoneadm -z db01 boot", "rc": 1, "stderr": "zoneadm: zone 'db01': call to zoneadmd failed\n"})
    failed = ask(host, "restored")
    assert failed.cause == "boot-failed"
    assert "db01" in failed.message
    assert not ask(host, "restored").result.get("failed")


def test_a_broken_note_is_refused_and_can_be_forgotten(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    ask(host, "noted")
    host.path(NOTE).write_text("{")
    assert ask(host, "restored").cause == "note-unreadable"
    assert ask(host, "forgotten").result["changed"]
