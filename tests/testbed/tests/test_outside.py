"""Programs lent to an entered host: another pkg, its repositories, and brand hooks that are scripts."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed import __main__ as cli
from testbed import enter, faults, log, zones
from testbed.host import Host

from .machine import ZBE, P, bare

MAIN = Path(cli.__file__)
Shell = Callable[[str], subprocess.CompletedProcess[str]]

DETACH = f"""#!/bin/sh
echo "detach $*"
zfs set zoned=off {ZBE} || exit 254
echo "half-way" >&2
zfs set canmount=on {ZBE} || exit 254
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host with a detach hook, a pkg and a repository lent to it."""
    made = bare(tmp_path / "host")
    enter.ready(made)
    lent = {
        "hooks/ipkg/config.xml": '<brand name="ipkg"/>',
        "hooks/ipkg/detach": DETACH,
        "pkg5/bin/pkg": f'#!/bin/sh\n. {tmp_path}/pkg5/lib/say\nsay "$@"\nzoneadm list\nexit 3\n',
        "pkg5/lib/say": 'say() { echo "lent pkg: $* in ${PKG_IMAGE:-/}"; }\n',
        "repositories/core/pkg5.repository": "[repository]\n",
    }
    for name, text in lent.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    monkeypatch.setenv("TESTBED_HOOKS", str(tmp_path / "hooks"))
    monkeypatch.setenv("TESTBED_PKG", str(tmp_path / "pkg5/bin/pkg"))
    monkeypatch.setenv("TESTBED_REPOS", str(tmp_path / "repositories"))
    tried = _run(made, "true")
    if "cannot make a private mount namespace" in tried.stderr:
        pytest.skip(tried.stderr)
    return made


def _run(host: Host, script: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-IS", str(MAIN), "enter", str(host.directory), "--", "sh", "-c", script]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def sh(host: Host) -> Shell:
    return lambda script: _run(host, script)


def _log(host: Host) -> list[tuple[int | None, bool, str]]:
    """(number of the command that ran it, counted from 0; whether it changed something; command)."""
    records = [record for record in log.read(host.private) if record["argv"] != ["true"]]
    order = {record["n"]: place for place, record in enumerate(records)}
    return [(order.get(record["parent"]), record["changed"], " ".join(record["argv"])) for record in records]


def test_a_hook_that_is_a_script_runs_and_its_commands_are_logged_below_it(host: Host, sh: Shell) -> None:
    done = sh("zoneadm -z web01 detach")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"detach -z web01 -R {P}\n", "half-way\n")
    assert _log(host) == [
        (None, True, "zoneadm -z web01 detach"),
        (0, True, f"/usr/lib/brand/ipkg/detach -z web01 -R {P}"),
        (1, True, f"zfs set zoned=off {ZBE}"),
        (1, True, f"zfs set canmount=on {ZBE}"),
    ]
    assert [entry.state for entry in zones.read_index(host)] == [zones.INSTALLED, zones.CONFIGURED]


def test_a_fault_strikes_inside_a_script_too(host: Host, sh: Shell) -> None:
    _fault(host, {"match": "zfs set canmount", "rc": 1, "stderr": "no\n"})
    done = sh("zoneadm -z web01 detach")
    assert (done.returncode, done.stderr) == (1, "half-way\nno\n")


def test_a_script_is_killed_zoneadm_sees_it_fail(host: Host, sh: Shell) -> None:
    _fault(host, {"match": "zfs set zoned=off", "kill": {"target": "hook", "when": "after"}})
    done = sh("zoneadm -z web01 detach; echo $?")
    assert (done.stdout, done.stderr) == (f"detach -z web01 -R {P}\n1\n", "")
    assert sh(f"zfs get -H -o value zoned,canmount {ZBE}").stdout == "off\nnoauto\n"
    assert [entry.state for entry in zones.read_index(host)] == [zones.INSTALLED, zones.INSTALLED]


def test_the_caller_is_who_typed_the_command(host: Host, sh: Shell) -> None:
    _fault(host, {"match": "zfs set zoned=off", "kill": {"target": "caller", "when": "after"}})
    said = sh("sh -c 'zoneadm -z web01 detach; echo never'; echo $?").stdout.splitlines()
    assert sorted(said) == [str(128 + signal.SIGKILL), f"detach -z web01 -R {P}"]


WAITING = """\
#!/bin/sh
echo ready > /begun
read word < /go_on
"""
LOCKED = """\
import fcntl
try:
    fcntl.lockf(open("/var/run/zones/web01.zoneadm.lock"), fcntl.LOCK_SH | fcntl.LOCK_NB)
    print("free")
except OSError:
    print("held")
"""


def test_zoneadm_holds_the_zones_lock_while_a_hook_runs(host: Host, sh: Shell, tmp_path: Path) -> None:
    (tmp_path / "hooks/ipkg/detach").write_text(WAITING)
    host.write("/look.py", LOCKED)
    done = sh(
        "mkfifo /begun /go_on; zoneadm -z web01 detach & read word < /begun; python3 /look.py;"
        "echo > /go_on; wait; python3 /look.py; zoneadm list -p -c | grep -c web01:configured"
    )
    assert (done.stdout, done.stderr) == ("held\nfree\n1\n", "")


def test_without_a_script_the_hook_is_the_testbeds(host: Host, sh: Shell) -> None:
    done = sh("zoneadm -z web01 ready")
    assert done.returncode == 0
    assert "beadm list -H" in [command for _, _, command in _log(host)]


def test_a_lent_pkg_is_run_with_what_lies_round_it(host: Host, sh: Shell) -> None:
    done = sh("PKG_IMAGE=/a pkg -R /b list -a")
    assert (done.returncode, done.stdout) == (3, "lent pkg: -R /b list -a in /a\nglobal\n")
    assert sh("pkg install web/curl").returncode == 3
    assert _log(host) == [
        (None, False, "pkg -R /b list -a"),
        (0, False, "zoneadm list"),
        (None, True, "pkg install web/curl"),
        (2, False, "zoneadm list"),
    ]


def test_lent_repositories_are_shown(sh: Shell) -> None:
    assert sh("cat /repo/core/pkg5.repository").stdout == "[repository]\n"


def test_what_is_not_there_cannot_be_lent(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED_PKG", "/no/such/pkg")
    done = sh("true")
    assert (done.returncode, done.stderr) == (1, "testbed: TESTBED_PKG is /no/such/pkg, which is not there\n")


def test_nothing_of_it_stays(host: Host, sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    sh("true")
    for variable in ("TESTBED_HOOKS", "TESTBED_PKG", "TESTBED_REPOS"):
        monkeypatch.delenv(variable)
    assert sh("ls /repo/; test -x /usr/lib/brand/ipkg/detach || echo gone").stdout == "gone\n"
    assert "lent" not in sh("pkg list").stdout


def _fault(host: Host, fault: dict[str, object]) -> None:
    with host.locked():
        host.state.faults = [fault]


SLOW = """#!/usr/bin/python3
import time
print(" Actions: 1/2 actions", flush=True)
time.sleep(60)
open("/root/late", "w")
"""


def test_a_fault_strikes_the_lent_pkg_at_a_line_of_progress(host: Host, tmp_path: Path) -> None:
    (tmp_path / "pkg5/bin/pkg").write_text(SLOW)
    with host.locked():
        host.state.faults = [{"match": "pkg update", "at": "^ Actions: 1", "kill": {"target": "command"}}]
    done = _run(host, "pkg update")
    assert (done.returncode, done.stdout) == (137, " Actions: 1/2 actions\n")
    assert faults.processes(host.directory) == []
    assert not host.path("/root/late").exists()
    assert [(record["rc"], record["changed"]) for record in log.read(host.private)] == [(None, True)]
