"""Inside a host: what is there, what is not, and what a reboot or a power cut does to the processes in it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed import __main__ as cli
from testbed import enter, log
from testbed.host import Host

from .machine import BE, ZBE, P, bare, ok

MAIN = Path(cli.__file__)
Shell = Callable[[str], subprocess.CompletedProcess[str]]


def _run(host: Host, script: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-IS", str(MAIN), "enter", str(host.directory), "--", "sh", "-c", script]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = bare(tmp_path / "host", autoboot=True)
    enter.ready(made)
    tried = _run(made, "true")
    if "cannot make a private mount namespace" in tried.stderr:
        pytest.skip(tried.stderr)
    return made


@pytest.fixture
def sh(host: Host) -> Shell:
    return lambda script: _run(host, script)


def test_real_absolute_paths(sh: Shell) -> None:
    assert sh("cat /etc/zones/index").stdout.startswith("global:installed:/\n")
    assert sh(f"cat {P}/root/etc/release").stdout == "r151054\n"
    assert sh("zoneadm list -p").stdout == "0:global:running:/::ipkg:shared:0\n"
    assert sh("/usr/sbin/zfs list -H -o name rpool; /sbin/zfs list -H -o name rpool").stdout == "rpool\nrpool\n"


def test_exit_code_and_both_streams_come_through(sh: Shell) -> None:
    done = sh("zfs list -H -o name rpool nosuch")
    assert (done.returncode, done.stdout) == (1, "rpool\n")
    assert done.stderr == "cannot open 'nosuch': dataset does not exist\n"


def test_what_is_written_stays(host: Host, sh: Shell) -> None:
    assert sh("echo kept > /var/kept").returncode == 0
    assert host.path("/var/kept").read_text() == "kept\n"


@pytest.mark.parametrize("name", ["zpool", "dladm", "ipadm", "svccfg", "pkgrepo", "prctl", "ssh", "curl", "useradd"])
def test_a_command_of_illumos_that_is_missing_says_so(sh: Shell, host: Host, name: str) -> None:
    done = sh(f"{name} -x")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr == f"{name}: this simulated host does not have the command\n"
    assert log.read(host.private)[-1]["argv"] == [name, "-x"]


def test_no_other_program_of_the_machine_is_on_the_path(sh: Shell) -> None:
    names = set(sh("ls /usr/bin /usr/sbin").stdout.split())
    assert not names & {"apt", "dpkg", "systemctl", "lsblk", "ip", "gcc", "mount.nfs", "nsenter"}
    assert sh("systemctl").returncode == 127
    assert sh("ls /bin/../usr/bin/dpkg").returncode != 0


def test_linux_shows_neither_in_proc_nor_in_uname(sh: Shell) -> None:
    assert sh("ls /proc").stdout == ""
    assert sh("uname -s").stdout == "SunOS\n"
    assert sh("hostname").stdout == "omnios\n"


def test_python_says_sunos(sh: Shell) -> None:
    code = "import os, platform; print(os.uname().sysname, platform.system(), os.uname().release)"
    done = sh(f"/usr/bin/python3 -c '{code}'")
    assert (done.stdout, done.stderr) == ("SunOS SunOS 5.11\n", "")


def test_python_runs_what_it_needs(sh: Shell) -> None:
    done = sh("/usr/bin/python3 -c 'import json, sqlite3, subprocess, zipfile, tempfile, hashlib, fcntl; print(1)'")
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_environment_is_not_the_callers(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PKG_IMAGE", "/elsewhere")
    assert "PKG_IMAGE" not in sh("env").stdout
    assert "HOME=/root" in sh("env").stdout


def test_the_machine_cannot_be_changed_from_inside(sh: Shell) -> None:
    assert sh("touch /.testbed/code/testbed/x").returncode != 0
    assert sh("touch /.testbed/linux/x").returncode != 0


def test_nothing_stays_mounted_outside(host: Host, sh: Shell) -> None:
    sh("true")
    assert str(host.directory) not in Path("/proc/mounts").read_text()
    assert list((host.private / "linux").iterdir()) == []


def test_a_reboot_ends_every_process_of_the_host(host: Host, sh: Shell) -> None:
    argv = [sys.executable, "-IS", str(MAIN), "enter", str(host.directory), "--", "sh", "-c", "echo up; sleep 600"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"up\n"
        done = sh("init 6; echo still here")
        assert (done.returncode, done.stdout) == (-9, "")
        assert other.wait(timeout=10) == -9
    assert sh("zoneadm list").stdout.split() == ["global", "web01"]


def test_the_next_be_has_the_tools_too(host: Host, sh: Shell) -> None:
    ok(host, "beadm create -a new")
    sh("reboot")
    assert sh("beadm list -H | cut -d';' -f1,3").stdout == "omnios-r151054;\nnew;NR\n"


def test_a_be_that_never_had_tools_gets_them(host: Host, sh: Shell) -> None:
    ok(host, "zfs create -o mountpoint=/ -o canmount=noauto rpool/ROOT/old")
    ok(host, "beadm activate old")
    sh("reboot")
    assert sh("beadm list -H | cut -d';' -f1,3").stdout == "omnios-r151054;\nold;NR\n"
    assert sh(f"zfs list -H -o mounted {BE}").stdout == "no\n"


def test_a_power_cut_ends_all_and_the_next_entry_finds_the_host_up(host: Host, sh: Shell) -> None:
    with host.locked():
        host.state.faults = [{"match": "canmount=on", "kill": {"target": "power", "when": "after"}}]
    done = sh(f"zfs set canmount=on {ZBE}; echo survived")
    assert (done.returncode, done.stdout) == (-9, "")
    state = json.loads((host.private / "state.json").read_text())
    assert (state["powered"], state["boots"]) == (False, 0)
    assert sh(f"zfs get -H -o value canmount {ZBE}; zoneadm list").stdout.split() == ["on", "global", "web01"]


def test_the_caller_dies_the_command_is_done(host: Host, sh: Shell) -> None:
    with host.locked():
        host.state.faults = [{"match": "canmount=on", "kill": {"target": "caller", "when": "after"}}]
    done = sh(f"zfs set canmount=on {ZBE}; echo survived")
    assert (done.returncode, done.stdout) == (-9, "")
    assert sh(f"zfs get -H -o value canmount {ZBE}").stdout == "on\n"


def cheapest(act: Callable[[], object]) -> float:
    """Seconds of processor time of the children: the clock also counts what else the machine does."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        act()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(4))


def test_a_command_costs_less_than_80_ms(sh: Shell) -> None:
    entering = cheapest(lambda: sh("true"))
    with_ten = cheapest(lambda: sh("for i in 1 2 3 4 5 6 7 8 9 10; do zfs list; done"))
    assert (with_ten - entering) / 10 < 0.08


def test_entering_costs_tens_of_milliseconds(sh: Shell) -> None:
    assert cheapest(lambda: sh("true")) < 0.1


# -- the command line


def command_line(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(MAIN), *args], capture_output=True, text=True, check=False)


def test_declare_enter_and_log(tmp_path: Path) -> None:
    (tmp_path / "gz1.yml").write_text("zones: [{name: web01}]\n")
    made = command_line("declare", str(tmp_path / "gz1.yml"), str(tmp_path / "gz1"))
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    command_line("enter", str(tmp_path / "gz1"), "--", "zoneadm", "-z", "web01", "boot")
    changing = command_line("log", str(tmp_path / "gz1"), "--changing").stdout.split("\n")
    assert changing[0].split() == ["1", "0", "*", "zoneadm", "-z", "web01", "boot"]
    assert len(changing) == 2
    assert len(command_line("log", str(tmp_path / "gz1")).stdout.split("\n")) > 5


def test_power_off_and_reboot(host: Host) -> None:
    assert command_line("power-off", str(host.directory)).returncode == 0
    assert not json.loads((host.private / "state.json").read_text())["powered"]
    assert command_line("reboot", str(host.directory)).returncode == 0
    assert json.loads((host.private / "state.json").read_text())["powered"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["enter", "{tmp}"], "testbed: {tmp} is not a host of the testbed: make one with"),
        (["declare", "{tmp}/no.yml", "{tmp}/h"], "testbed: [Errno 2] No such file or directory: '{tmp}/no.yml'"),
        (["declare", "{tmp}/no.yml", "{tmp}"], "testbed: {tmp} is there already: remove it first"),
        (["declare", "{tmp}/bad.yml", "{tmp}/h"], "testbed: the host has unknown keys: zonse; known are"),
    ],
)
def test_errors_are_sentences(tmp_path: Path, args: list[str], said: str) -> None:
    (tmp_path / "bad.yml").write_text("zonse: []\n")
    done = command_line(*[arg.replace("{tmp}", str(tmp_path)) for arg in args])
    assert done.returncode == 1
    assert done.stderr.startswith(said.replace("{tmp}", str(tmp_path)))
    assert "Traceback" not in done.stderr


def test_usage_is_exit_2() -> None:
    assert command_line().returncode == 2
    assert command_line("frobnicate", "x").returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root to see that it works without")
def test_without_root_by_user_namespaces(host: Host, tmp_path: Path) -> None:
    """With the machine's Python and a copy of the code: a user may read neither root's Python nor root's checkout."""
    code = tmp_path / "code/testbed"
    shutil.copytree(MAIN.parent, code, ignore=shutil.ignore_patterns("tests", "conformance", "__pycache__"))
    for path in (host.directory, *host.directory.rglob("*"), code, *code.rglob("*")):
        os.lchown(path, 65534, 65534)
    for parent in host.directory.parents:
        if parent.stat().st_uid == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    argv = ["/usr/bin/python3", "-IS", str(code / "__main__.py"), "enter", str(host.directory), "--", "sh", "-c"]
    done = subprocess.run(
        [*argv, "id -u; zoneadm list"],
        capture_output=True,
        text=True,
        user=65534,
        group=65534,
        extra_groups=[],
        check=False,
    )
    if "cannot make a private mount namespace" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.stdout.split(), done.stderr) == (["0", "global"], "")


def test_a_machine_without_namespaces_is_told_plainly() -> None:
    no_such_flag = 1
    with pytest.raises(
        enter.Impossible, match=r"cannot make a private mount namespace \(unshare: .*\): run it as root"
    ):
        enter._call("unshare", no_such_flag)
