"""Each case of docs/zone_brand-sequence.md: the command log has exactly the page's commands, probes included."""

from __future__ import annotations

from typing import Any

import pytest

from integration import sequence
from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from integration.sequence import Case, Line, commands

PROPERTIES = "zoned,canmount,mountpoint,org.opensolaris.libbe:parentbe,org.opensolaris.libbe:active"
PAGE = sequence.sections()
STATES = sequence.states()
SWITCH = PAGE["From running"][1:]
SHUTDOWN = PAGE["From running"][:1]
FORCED = "pkg://omnios/system/network@0.5.11-151054.0:20250505T120000Z"
OURS = {
    "uri": "https://pkg.example.org/ours/",
    "publisher": "ours",
    "packages": [{"name": "ours/agent", "version": "1.2"}],
}
OWN_FIRST = [
    {"name": "ours", "origins": ["https://pkg.example.org/ours/"]},
    {"name": "omnios", "origins": ["https://pkg.example.org/r151046/core/"]},
    {"name": "extra.omnios", "origins": ["https://pkg.example.org/r151046/extra/"]},
]
ATTACH_FAILS = {
    "faults": [{"match": "pkg install --accept --no-refresh entire", "nth": "every", "rc": 1, "stderr": "pkg: no\n"}]
}


def case(machine: Machine, brand: str = "lipkg", **what: Any) -> Case:
    """The page's names on this host."""
    zonepath = "/zones/web01"
    dataset = f"rpool{zonepath}"
    zbe = f"{dataset}/ROOT/zbe"
    pids = machine.command(f"fuser -c {zonepath}/root").stdout.split()
    names = {
        "Z": "web01",
        "P": zonepath,
        "DS": dataset,
        "D": zbe,
        "S": f"{zbe}@illumos.linked_zones-before-{brand}",
        "COPY": "/var/lib/illumos.linked_zones/web01.rehearsal/root",
        "ENTIRE": "entire@11-151054.0:20250505T120000Z",
        "RENAMED": "",
        "FORCED": FORCED,
        "BRAND": brand,
        "OLD": {"lipkg": "ipkg", "ipkg": "lipkg"}[brand],
        "PROPERTIES": PROPERTIES,
        "UUID": machine.command(f"zfs get -H -o value org.opensolaris.libbe:parentbe {zbe}").stdout.strip(),
        "PIDS": ",".join(pid.rstrip("cotr") for pid in pids),
    }
    return Case(names, linked=brand == "lipkg", **{"forced": brand == "lipkg", "processes": bool(pids), **what})


def holds(outcome: Outcome, *expected: list[str]) -> None:
    """The log, the result's actions and the page say the same."""
    wanted = [line for part in expected for line in part]
    assert outcome.typed == wanted
    assert outcome.actions == wanted


def seen(host_case: Case, lines: list[Line] | None = None) -> list[str]:
    """Look and rehearsal, then these lines."""
    return [
        *commands(PAGE["Look"], host_case),
        *commands(PAGE["Rehearsal"], host_case),
        *commands(lines or [], host_case),
    ]


@pytest.mark.parametrize("brand", ["lipkg", "ipkg"])
def test_from_running(machine: MakeMachine, brand: str) -> None:
    host = machine(brand="ipkg" if brand == "lipkg" else "lipkg")
    wanted = case(host, brand)
    holds(host.run(brand=brand), seen(wanted, SHUTDOWN + SWITCH))


def test_in_check_mode_the_same_commands_are_foreseen(machine: MakeMachine) -> None:
    host = machine()
    wanted = seen(case(host), SHUTDOWN + SWITCH)
    foreseen = host.run(check=True)
    assert foreseen.actions == wanted
    assert foreseen.typed == wanted[: len(foreseen.typed)]
    assert foreseen.typed[-1].startswith("zfs list")
    assert foreseen.beyond_rehearsal == []
    assert host.run().actions == wanted


@pytest.mark.parametrize("brand", ["lipkg", "ipkg"])
@pytest.mark.parametrize("state", ["installed", "ready", "shutting_down", "down", "configured"])
def test_from_other_states(machine: MakeMachine, state: str, brand: str) -> None:
    settings = {"shutting_down": {"web01": 2}} if state == "shutting_down" else {}
    host = machine({"settings": settings}, state=state, brand="ipkg" if brand == "lipkg" else "lipkg")
    wanted = case(host, brand, runs=False, booted=False)
    switch = SWITCH if state != "installed" else SWITCH[1:]
    if state == "configured":
        switch = [line for line in SWITCH[1:] if "detach" not in line.command]
        switch.pop(2)  # the reading after detach
    down = commands(STATES[state], wanted)
    holds(host.run(brand=brand), seen(wanted), down, commands(switch, wanted))


def test_a_detached_zone_whose_dataset_is_not_mounted(machine: MakeMachine) -> None:
    host = machine(state="configured")
    host.command("umount /zones/web01/root")
    wanted = case(host, runs=False, booted=False, mounted=False, processes=False)
    attach = [line for line in SWITCH[1:] if "detach" not in line.command]
    attach.pop(2)
    expected = [
        *commands(attach[:2], wanted),
        *commands(PAGE["From other states"], wanted),
        *commands(attach[2:], wanted),
    ]
    holds(host.run(), seen(wanted), expected)


OPTIONS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"snapshot": False}, {}, {"snapshot": False}),
    ({"keep_snapshot": True}, {}, {"keep_snapshot": True}),
    ({"boot": "never"}, {}, {"booted": False}),
    ({"update": False}, {"release": "r151054"}, {"update": False, "forced": False}),
    ({}, {"release": "r151054"}, {"forced": False}),
]


@pytest.mark.parametrize(("options", "zone", "what"), OPTIONS, ids=[str(given) for given, _, _ in OPTIONS])
def test_options(machine: MakeMachine, options: dict[str, Any], zone: dict[str, Any], what: dict[str, Any]) -> None:
    host = machine(**zone)
    wanted = case(host, **what)
    holds(host.run(**options), seen(wanted, SHUTDOWN + SWITCH))


def test_without_a_rehearsal(machine: MakeMachine) -> None:
    host = machine()
    wanted = case(host)
    check = host.run(check=True, rehearse=False)
    assert check.changing == []
    assert check.result["plan"] is None
    expected = [*commands(PAGE["Look"], wanted), *commands(SHUTDOWN + SWITCH, wanted)]
    assert [line for line in check.actions if "sync-linked -l" not in line] == [
        line for line in expected if "sync-linked -l" not in line
    ]
    holds(host.run(rehearse=False), expected)


def test_boot_always(machine: MakeMachine) -> None:
    host = machine(state="installed")
    wanted = case(host, runs=False)
    holds(host.run(boot="always"), seen(wanted, SWITCH[1:]))


def test_a_service_that_takes_its_time(machine: MakeMachine) -> None:
    host = machine({"settings": {"boot_polls": 3}})
    wanted = case(host, readings=4)
    holds(host.run(), seen(wanted, SHUTDOWN + SWITCH))


@pytest.mark.parametrize("brand", ["lipkg", "ipkg"])
def test_publishers_of_the_zone_s_own(machine: MakeMachine, brand: str) -> None:
    host = machine(
        {"repositories": [OURS]}, publishers=OWN_FIRST, brand="ipkg" if brand == "lipkg" else "lipkg", linked=False
    )
    wanted = case(host, brand, moves=(("extra.omnios", "ours"),))
    holds(host.run(brand=brand), seen(wanted, SHUTDOWN + SWITCH))
    assert host.publishers() == ["omnios", "extra.omnios", "ours"]


def test_a_licence_needs_no_further_command(machine: MakeMachine) -> None:
    host = machine(packages={"add": ["system/licensed"]})
    wanted = case(host)
    outcome = host.run()
    holds(outcome, seen(wanted, SHUTDOWN + SWITCH))
    assert [licence["license"] for licence in outcome.result["plan"]["licenses"]] == ["fonts"]


def test_force_halt(machine: MakeMachine) -> None:
    host = machine({"settings": {"slow_shutdown": {"web01": {"state": "running", "polls": None}}}})
    wanted = case(host)
    outcome = host.run(force_halt=True, shutdown_timeout=0)
    after = commands(SHUTDOWN + SWITCH, wanted)
    holds(outcome, seen(wanted), after[:2], ["zoneadm -z web01 halt"], after[1:])


@pytest.mark.parametrize("brand", ["lipkg", "ipkg"])
@pytest.mark.parametrize("state", ["running", "installed"])
def test_nothing_to_do(machine: MakeMachine, brand: str, state: str) -> None:
    host = machine(brand=brand, state=state)
    for check in (True, False):
        outcome = host.run(brand=brand, check=check)
        holds(outcome, commands(PAGE["Nothing to do"], case(host)))
        assert outcome.result["changed"] is False


@pytest.mark.parametrize(
    ("brand", "options", "what"),
    [
        ("lipkg", {}, {}),
        ("ipkg", {}, {}),
        ("ipkg", {"snapshot": False}, {"snapshot": False, "roll_back": False, "metadata_lost": True}),
    ],
)
def test_the_way_back_after_a_failing_attach(
    machine: MakeMachine, brand: str, options: dict[str, Any], what: dict[str, Any]
) -> None:
    host = machine(ATTACH_FAILS, brand="ipkg" if brand == "lipkg" else "lipkg")
    wanted = case(host, brand, **what)
    forward = commands(SHUTDOWN + SWITCH, wanted)
    forward = forward[: forward.index("zoneadm -z web01 attach -u") + 2]
    back = commands(PAGE["The way back"], wanted)
    outcome = host.run(brand=brand, **options)
    assert outcome.result["rolled_back"] is True
    holds(outcome, seen(wanted), forward, ["zoneadm list -cp"], back)


def test_the_way_back_after_attach(machine: MakeMachine) -> None:
    host = machine({"faults": [{"match": "audit-linked", "rc": 1, "stderr": "pkg: no\n"}]})
    wanted = case(host, attached=True)
    forward = commands(SHUTDOWN + SWITCH, wanted)
    forward = forward[: forward.index("pkg audit-linked -l zone:web01") + 1]
    holds(host.run(), seen(wanted), forward, ["zoneadm list -cp"], commands(PAGE["The way back"], wanted))


def test_the_way_back_of_a_zone_that_was_not_detached(machine: MakeMachine) -> None:
    host = machine({"faults": [{"match": "zoneadm -z web01 detach", "rc": 1, "stderr": "zoneadm: no\n"}]})
    wanted = case(host)
    forward = commands(SHUTDOWN + SWITCH, wanted)
    forward = forward[: forward.index("zoneadm -z web01 detach") + 2]
    page = PAGE["The way back"]
    reading = [line for line in page if "PROPERTIES" in line.command or line.command == "mount -p"][:2]
    boot = next(number for number, line in enumerate(page) if line.command.endswith("boot"))
    holds(
        host.run(),
        seen(wanted),
        forward,
        ["zoneadm list -cp"],
        commands(reading, wanted),
        commands(page[boot:], wanted),
    )


RESUMED = [
    ("zonecfg -z web01 set", "zonecfg -z web01 set"),
    ("zoneadm -z web01 attach", "zoneadm -z web01 attach"),
    ("pkg sync-linked --linked-md-only", "pkg sync-linked --linked-md-only"),
    ("pkg sync-linked -l", "pkg sync-linked --linked-md-only"),
]


@pytest.mark.parametrize(("killed_before", "begins_with"), RESUMED)
def test_after_a_kill_it_goes_on_from_there(machine: MakeMachine, killed_before: str, begins_with: str) -> None:
    host = machine()
    expected = commands(SWITCH, case(host))
    start = next(number for number, line in enumerate(expected) if line.startswith(begins_with))
    host.run_until(killed_before)
    look = commands(PAGE["Look"], case(host, runs=False))
    outcome = host.run()
    assert outcome.result["resumed"] is True
    holds(outcome, look, expected[start:])


def test_after_a_kill_in_the_rehearsal_it_is_cleared_away_first(machine: MakeMachine) -> None:
    host = machine()
    wanted = case(host)
    host.run_until("pkg -R /var/lib/illumos.linked_zones/web01.rehearsal/root refresh")
    rehearsal = PAGE["Rehearsal"]
    clearing = next(number for number, line in enumerate(rehearsal) if line.command == "mount -p")
    outcome = host.run()
    holds(
        outcome,
        commands(PAGE["Look"], wanted),
        commands(rehearsal[clearing:], wanted),
        commands(rehearsal, wanted),
        commands(SHUTDOWN + SWITCH, wanted),
    )


def test_the_old_brand_wanted_again_after_a_kill(machine: MakeMachine) -> None:
    host = machine()
    wanted = case(host)
    host.run_until("zoneadm -z web01 attach")
    look = commands(PAGE["Look"], case(host, runs=False))
    outcome = host.run(brand="ipkg")
    holds(outcome, look, commands(PAGE["The way back"], wanted))
    assert host.zone() == ("running", "ipkg")


KILLED_BEFORE = [
    "zoneadm -z web01 shutdown",
    "zoneadm -z web01 detach",
    "zonecfg -z web01 set",
    "zoneadm -z web01 attach",
    "pkg list-linked",
    "zoneadm -z web01 boot",
    "zfs destroy rpool/zones/web01/ROOT/zbe@illumos.linked_zones-before",
]


@pytest.mark.parametrize("again", ["the same brand", "the old brand"])
@pytest.mark.parametrize("old", ["ipkg", "lipkg"])
@pytest.mark.parametrize("place", KILLED_BEFORE)
def test_check_mode_foresees_what_finishes_a_killed_switch(
    machine: MakeMachine, place: str, old: str, again: str
) -> None:
    host = machine(brand=old)
    new = "lipkg" if old == "ipkg" else "ipkg"
    host.run_until(place, brand=new)
    wanted = new if again == "the same brand" else old
    before = host.picture()
    foreseen = host.run(brand=wanted, check=True)
    assert host.picture() == before
    assert foreseen.beyond_rehearsal == []
    done = host.run(brand=wanted)
    assert (done.cause, done.actions) == (None, foreseen.actions)
    assert done.result["zone"] == foreseen.result["zone"]
    assert done.result["zone"]["linked"] is (wanted == "lipkg")
    assert host.zone() == ("running", wanted)
