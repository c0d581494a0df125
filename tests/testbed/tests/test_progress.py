"""An update is seen while it runs, and stopped in the middle: what pkg leaves then is what the real one leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testbed import __main__ as cli
from testbed import command, declare, enter, faults, updates
from testbed.host import Host

from .machine import ok, run

MAIN = Path(cli.__file__)
HOST = """
release: r151060
zones:
  - {name: db01, brand: lipkg}
  - {name: web01, brand: lipkg}
"""
UPDATE = "pkg update -r --no-refresh"
GZ, DB01, WEB01 = "/", "/zones/db01/root", "/zones/web01/root"  # web01's turn comes before db01's


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = declare.declare(tmp_path / "host", HOST)
    publish(made, "libraries")
    return made


def publish(host: Host, update: str) -> None:
    with host.locked():
        updates.publish(host, update)
    assert run(host, "pkg update -nr").rc == 0  # the catalogs of all images


def fault(host: Host, **entry: Any) -> None:
    with host.locked():
        host.state.faults = [{"match": "pkg update", **entry}]


def cut_off(host: Host, **entry: Any) -> None:
    """An update that dies where the fault says."""
    fault(host, kill={"target": "command", **entry.pop("kill", {})}, **entry)
    with pytest.raises(faults.Killed):
        run(host, UPDATE)


def behind(host: Host) -> list[str]:
    """Images that have newer packages to get."""
    return [root for root in (GZ, DB01, WEB01) if run(host, f"pkg -R {root} list -Hu").rc == 0]


def broken(host: Host) -> list[str]:
    """Images with files that are not those of their packages."""
    return [root for root in (GZ, DB01, WEB01) if run(host, f"pkg -R {root} verify").rc != 0]


def bes(host: Host) -> list[tuple[str, str, bool]]:
    """Name, flags and whether mounted."""
    fields = [line.split(";") for line in ok(host, "beadm list -H").splitlines()]
    return [(field[0], field[2], bool(field[3])) for field in fields]


def test_phases_and_children_come_in_order(host: Host) -> None:
    lines = ok(host, UPDATE).splitlines()
    shown = [
        " Startup: Linked image publisher check ... Done",
        " Startup: Checking that pkg(7) is up to date ... Done",
        "Planning: Linked images: 0/2 done; 1 working: zone:web01",
        "Planning: Linked images: 1/2 done; 1 working: zone:db01",
        "Planning: Finished processing linked images.",
        "Download: Linked images: 0/2 done; 1 working: zone:web01",
        "Download: Finished processing linked images.",
        "Finalize: Updating package state database ... Done",
        "Finalize: Linked images: 0/2 done; 1 working: zone:web01",
        "Finalize: Linked images: 1/2 done; 1 working: zone:db01",
        "Finalize: Finished processing linked images.",
    ]
    places = [lines.index(line) for line in shown]
    assert places == sorted(places)
    assert [line for line in lines if line.startswith(" Actions:")][0].startswith(" Actions: 1/")


def test_an_image_that_stays_as_it_is_takes_no_part(host: Host) -> None:
    ok(host, f"pkg -R {WEB01} freeze release/name")
    cut_off(host, at="Finalize: .*1/2")
    assert "Finalize: Linked images: 0/1 done; 1 working: zone:db01\n" in ok(host, UPDATE)


@pytest.mark.parametrize(
    ("where", "old", "wrong"),
    [
        ({"at": "Download: .*1/2"}, [GZ, DB01, WEB01], []),
        ({"at": "^ Actions: Completed"}, [GZ, DB01, WEB01], [GZ]),
        ({"at": "Finalize: Updating package state database"}, [DB01, WEB01], []),
        ({"at": "Finalize: .* 1/2 .* zone:db01"}, [DB01], []),
        ({"at": "zone:db01  Actions: Completed"}, [DB01], [DB01]),
        ({"kill": {"right_after_replacing": "etc/release", "image": "zone:db01"}}, [DB01], [DB01]),
        ({"kill": {"right_after_replacing": "etc/release"}}, [GZ, DB01, WEB01], [GZ]),
    ],
)
def test_what_a_killed_update_leaves(host: Host, where: dict[str, Any], old: list[str], wrong: list[str]) -> None:
    """As observed of the real pkg: files may be new while the image's state is old, and nothing else is said of it."""
    cut_off(host, **where)
    assert (behind(host), broken(host)) == (old, wrong)
    ok(host, UPDATE)
    assert (behind(host), broken(host)) == ([], [])


def test_a_killed_update_is_in_no_history_but_the_childrens(host: Host) -> None:
    before = ok(host, "pkg history -H")
    cut_off(host, at="^ Actions: 1")
    assert ok(host, "pkg history -H") == before
    assert [line.split()[1:] for line in ok(host, f"pkg -R {WEB01} history -H -n 2").splitlines()] == [
        ["update", "pkg", "Canceled"],
        ["update", "pkg", "Canceled"],
    ]


def test_a_killed_update_leaves_its_new_boot_environment_mounted(host: Host) -> None:
    publish(host, "kernel")
    cut_off(host, at="zone:db01  Actions: Completed")
    assert bes(host) == [("omnios-r151060", "NR", True), ("omnios-r151060-1", "", True)]
    assert behind(host) == [GZ, DB01, WEB01]
    assert broken(host) == []
    ok(host, UPDATE)
    assert bes(host)[1:] == [("omnios-r151060-1", "", True), ("omnios-r151060-2", "R", False)]


def test_a_backup_stays_when_the_update_is_killed(host: Host) -> None:
    cut_off(host, at="^ Actions: 1")
    assert [name for name, _, _ in bes(host)] == ["omnios-r151060", "omnios-r151060-backup-1"]


def test_a_repository_goes_away_between_plan_and_download(host: Host) -> None:
    [uri] = [line.split()[-1] for line in ok(host, "pkg publisher -H").splitlines() if line.startswith("omnios ")]
    fault(host, at="Planning: Finished", effect={"offline": uri})
    result = run(host, UPDATE)
    assert result.rc == 1
    assert f"Repository URL: '{uri.rstrip('/')}'" in result.stderr
    assert (behind(host), broken(host)) == ([GZ, DB01, WEB01], [])


def entered(host: Host, line: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-IS", str(MAIN), "enter", str(host.directory), "--", *line.split()]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"{text} never came: {process.communicate()[1]}")


@pytest.fixture
def real(host: Host) -> Host:
    enter.ready(host)
    tried = entered(host, "true").communicate()[1]
    if "cannot make a private mount namespace" in tried:
        pytest.skip(tried)
    return host


def test_lines_are_seen_while_it_runs_and_the_image_is_locked_until_it_dies(real: Host) -> None:
    fault(real, at="^ Actions: 1", hang=60)
    running = entered(real, UPDATE)
    read_until(running, " Actions: 1/")
    assert run(real, "pkg install -n web/curl").rc == 7
    assert run(real, f"pkg -R {WEB01} install -n web/curl").rc == 7
    assert run(real, "pkg list -H web/curl").rc == 0
    running.kill()
    running.wait()
    assert run(real, "pkg update -nr").rc == 0


def test_a_caller_that_dies_does_not_take_pkg_along(real: Host) -> None:
    fault(real, at="^ Actions: 1", kill={"target": "caller"})
    argv = [sys.executable, "-IS", str(MAIN), "enter", str(real.directory), "--", "sh", "-c", f"{UPDATE}; echo over"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert "Finalize: Finished processing linked images.\n" in done.stdout
    assert "over" not in done.stdout
    assert behind(real) == []


def test_a_reader_that_goes_ends_the_update(real: Host) -> None:
    fault(real, at="Download: Completed", hang=0.5)
    running = entered(real, UPDATE)
    read_until(running, "Download: Completed")
    assert running.stdout
    running.stdout.close()
    assert running.wait(timeout=60) == command.UNREAD
    assert behind(real) == [GZ, DB01, WEB01]
