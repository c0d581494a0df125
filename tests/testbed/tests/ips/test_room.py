"""Not enough room, as seen of the real pkg on a full file system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testbed import command, declare, updates
from testbed.command import Result
from testbed.host import Host

LITTLE = 36864
WORDS = (
    "Insufficient disk space available for Root filesystem. Available space: 36.00 kB. Estimated required: 154.13 kB.\n"
)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = declare.declare(tmp_path / "host", "{release: r151060, zones: [{name: db01, brand: lipkg}]}")
    with made.locked():
        updates.publish(made, "libraries")
    return made


def run(host: Host, line: str, available: int) -> Result:
    with host.locked():
        host.state.settings["available"] = available
    return command.run(host, line.split())


def test_what_is_left_is_in_the_plan_and_in_zfs(host: Host) -> None:
    plan = json.loads(run(host, "pkg update -n --parsable=0", 10**9).stdout)
    assert (plan["space-available"], plan["child-images"][0]["space-available"]) == (10**9, 10**9)
    assert run(host, "zfs get -Hp -o value available rpool", 10**9).stdout == f"{10**9}\n"


def test_an_update_is_refused_after_planning(host: Host) -> None:
    result = run(host, "pkg update -r", LITTLE)
    assert (result.rc, result.stderr) == (1, f"pkg: {WORDS}")
    assert "Download" not in result.stdout


def test_a_dry_run_only_tells(host: Host) -> None:
    result = run(host, "pkg update -nr", LITTLE)
    assert (result.rc, result.stderr) == (0, "")
    assert f"\n{WORDS}Planning: Linked images: 0/1" in result.stdout
    assert f"| Packages to update: 4\n| \n| {WORDS}`\n" in result.stdout


def test_a_dry_run_cannot_tell_it_as_json(host: Host) -> None:
    result = run(host, "pkg update -nr --parsable=0", LITTLE)
    assert (result.rc, result.stdout) == (99, "")
    assert "A 'update' operation failed for child 'zone:db01' with an unexpected\nreturn value of 99" in result.stderr
    assert (
        "TypeError: ImageInsufficentSpace(157830.0, 36864, 'Root filesystem') is not JSON serializable" in result.stderr
    )
    alone = run(host, "pkg update -n -I --parsable=0", LITTLE)
    assert (alone.rc, alone.stdout) == (99, "")
    assert alone.stderr.startswith("Traceback (most recent call last):\nTypeError: ImageInsufficentSpace(157830.0")


def test_nothing_to_do_needs_no_room(host: Host) -> None:
    assert run(host, "pkg update -r", 10**9).rc == 0
    assert run(host, "pkg update -r", LITTLE).rc == 4
