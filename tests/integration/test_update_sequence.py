"""Each case of docs/linked_update-sequence.md: the command log has exactly the page's commands, probes included."""

from __future__ import annotations

import os
from typing import Any

import pytest

from integration import sequence
from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from integration.updating import DB01, MOUNTPOINT, WEB01, attempt, done, publish

PAGE = sequence.sections(sequence.DOCS / "linked_update-sequence.md")
RUN = "if zones run: which of them have a clone there"
NOT_KEPT = "not with keep_failed_be: true"
BACKUP = "if pkg has made a backup, which is NEW"
UNTOLD = "if the zone does not know what the global zone has"
CURL = {"days": 8, "packages": ["web/curl"]}
NAMES = {
    "OPTIONS": "-r",
    "ACCEPT": "",
    "NAME": "",
    "NEW": "omnios-r151054-1",
    "BE": MOUNTPOINT,
    "BEP": f"{MOUNTPOINT}/zones/web01",
    "Z": "web01",
    "P": "/zones/web01",
    "LAYOUT": "name,mountpoint,org.opensolaris.libbe:parentbe,org.opensolaris.libbe:active",
    "HELD": "pkg:/web/curl",
    "COMMENT": "illumos.linked_zones: held until the update from the global zone has ended",
    "PACKAGES": "",
}


def make(machine: MakeMachine, *zones: dict[str, Any], **declared: Any) -> Machine:
    return machine({"zones": list(zones or (WEB01, DB01)), "updates": {"curl": [CURL]}, **declared})


def commands(heading: str, *phrases: str, **names: str) -> list[str]:
    """What of a section runs where these phrases are true."""
    return [
        sequence.spelled(line.command, {**NAMES, **names})
        for line in PAGE[heading]
        if not line.when or line.when in phrases
    ]


def holds(outcome: Outcome, expected: list[str]) -> None:
    """The log, the result's actions and the page say the same."""
    assert outcome.typed == expected
    assert outcome.actions == expected


def test_every_phrase_of_the_page_is_understood() -> None:
    phrases = {line.when for lines in PAGE.values() for line in lines}
    assert phrases == {"", RUN, NOT_KEPT, BACKUP, UNTOLD}


@pytest.mark.parametrize("check", [True, False])
def test_nothing_to_do(check: bool, machine: MakeMachine) -> None:
    holds(done(attempt(make(machine), check)), commands("Nothing to do"))


OPTIONS = [
    ({}, {}),
    ({"accept_licenses": True, "zones": ("web01",)}, {"ACCEPT": "--accept", "OPTIONS": "-r -z web01"}),
    ({"recurse": False, "concurrency": 2}, {"OPTIONS": "-R -C 2"}),
    ({"new_be": "deny", "backup_be": "never"}, {"OPTIONS": "-r --deny-new-be --no-backup-be"}),
    ({"exclude_zones": ("db01",), "packages": ("system/library",)}, {"OPTIONS": "-r -Z db01 system/library"}),
]


@pytest.mark.parametrize(("options", "names"), OPTIONS)
def test_in_the_running_system(options: dict[str, Any], names: dict[str, str], machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "libraries")
    expected = commands("In the running system", **names)
    foreseen = done(attempt(host, check=True, **options))
    assert (foreseen.actions, foreseen.typed) == (expected, expected[:3])
    holds(done(attempt(host, **options)), expected)


def test_in_the_running_system_where_it_fails(machine: MakeMachine) -> None:
    host = make(machine, immutable=["/zones/web01/root/etc"])
    publish(host, "libraries")
    failed = attempt(host)
    assert failed.result["failed"]
    holds(failed, commands("In the running system"))


@pytest.mark.parametrize("state", ["running", "installed"])
def test_into_a_new_boot_environment(state: str, machine: MakeMachine) -> None:
    host = make(machine, {**WEB01, "state": state})
    publish(host, "kernel")
    phrases = [RUN] if state == "running" else []
    names = {"NEW": "next", "NAME": "--be-name next", "OPTIONS": "-r --require-new-be"}
    expected = commands("Into a new boot environment", *phrases, **names)
    foreseen = done(attempt(host, check=True, be_name="next"))
    assert (foreseen.actions, foreseen.typed) == (
        expected,
        expected[: foreseen.typed.index(expected[2]) + 1 + len(phrases)],
    )
    holds(done(attempt(host, be_name="next")), expected)
    for check in (True, False):
        holds(done(attempt(host, check)), commands("While it waits to be booted", *phrases))


@pytest.mark.parametrize("keep", [True, False])
def test_a_new_boot_environment_that_fails(keep: bool, machine: MakeMachine) -> None:
    host = make(machine, DB01)
    publish(host, "kernel", "libraries")
    place = host.path("/zones/db01/root/etc")
    place.rename(place.with_name("etc.real"))
    os.symlink("etc.real", place)  # pkg changes nothing in it, in a clone neither
    failed = attempt(host, keep_failed_be=keep)
    assert failed.result["be"]["half_done"] == [NAMES["NEW"]]
    holds(failed, commands("If it fails on the way", *([] if keep else [NOT_KEPT])))


@pytest.mark.parametrize("backup_be", ["auto", "never"])
def test_with_hold(backup_be: str, machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "libraries", "curl")
    made = backup_be == "auto"
    phrases, options = ([BACKUP], "-r") if made else ([], "-r --no-backup-be")
    expected = commands("With hold", *phrases, NEW="omnios-r151054-backup-1", OPTIONS=options)
    holds(done(attempt(host, hold={"web01": ("web/curl",)}, backup_be=backup_be)), expected)


def test_pkg_itself_is_out_of_date(machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "pkg", "curl")
    holds(done(attempt(host)), commands("pkg itself is out of date"))


@pytest.mark.parametrize("linked", [True, False])
def test_inside_a_zone(linked: bool, machine: MakeMachine) -> None:
    host = make(machine, {**WEB01, "linked": False})
    if linked:
        host.command("pkg sync-linked -a --linked-md-only")
    publish(host, "curl")
    expected = commands("Inside a zone", *([] if linked else [UNTOLD]), PACKAGES="web/curl")
    assert done(attempt(host, check=True, scope="zones", packages=("web/curl",))).actions == expected
    holds(done(attempt(host, scope="zones", packages=("web/curl",))), expected)
