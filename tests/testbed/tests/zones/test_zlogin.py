"""zlogin: who may log in where, and how a command reaches the zone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import testbed
from testbed.commands.zlogin import _line, _words


@pytest.mark.parametrize(
    ("line", "stderr"),
    [
        ("zlogin nosuch true", "zone 'nosuch' unknown"),
        ("zlogin old01 true", "cannot login to a zone which is 'configured'"),
        ("zlogin db01 true", "login allowed only to running zones (db01 is 'installed')."),
        ("zlogin global true", "'zlogin' not applicable to the global zone"),
        ("zlogin -i -n web01 true", "-i and -n flags are incompatible"),
        ("zlogin -S -l fred web01 true", "-l may not be specified for failsafe login"),
    ],
)
def test_refused_with_exit_1__zone_tools_8(run, line, stderr):
    result = run(line)
    assert (result.rc, result.stderr) == (1, f"zlogin: {stderr}\n")


def test_not_from_within_a_zone_and_usage__zone_tools_8(run):
    inside = run("zlogin web01 true", zone="web01")
    assert inside.stderr == "zlogin: 'zlogin' may only be used from the global zone\n"
    assert run("zlogin").rc == 2


def test_a_command_of_the_host_runs_as_the_zones(run):
    assert run("zlogin web01 zonename").stdout == "web01\n"
    assert run("zlogin web01", "/bin/sh -c zonename").stdout == "web01\n"
    assert run("zlogin web01", "pkg list -H entire").stdout.startswith("entire ")
    assert run("zlogin web01 zonecfg -z web01 info").rc == 1


def test_init_in_a_zone_ends_the_zone__zone_tools_3_7(run):
    assert run("zlogin -S web01 /sbin/init 0").rc == 0
    assert run("zoneadm list").stdout.split() == ["global"]


def test_several_arguments_are_joined_those_with_a_blank_quoted__zone_tools_8():
    assert _line(["sh", "-c", "echo $HOME; x"]) == "sh -c 'echo $HOME; x'"
    assert _line(["sh", "-c", "a;b"]) == "sh -c a;b"
    assert _line(["echo 'as it is'"]) == "echo 'as it is'"


def test_only_a_line_that_a_shell_just_splits_needs_no_shell():
    assert _words("/bin/sh -c 'svcs -H x'") == ["svcs", "-H", "x"]
    for line in ("a; b", "echo $HOME", "a > b", "a *", "it's", "a\nb"):
        assert _words(line) == []


def test_a_shell_needs_a_host_that_was_entered(run):
    result = run("zlogin web01", "cat /etc/release | wc -l")
    assert result.rc == 1
    assert "needs a shell in the zone" in result.stderr


@pytest.mark.parametrize(
    ("line", "rc", "stdout"),
    [
        ("cat /etc/release | head -n 1", 0, "  OmniOS v11 r151054\n"),
        ("echo $HOME; pwd; zonename; zoneadm list", 0, "/root\n/root\nweb01\nweb01\n"),
        ("pkg list -H entire | wc -l", 0, "1\n"),
        ("exit 7", 7, ""),
    ],
)
def test_the_machines_shell_runs_with_the_zones_root__zone_tools_8(host, line, rc, stdout):
    done = subprocess.run(
        [sys.executable, "-m", "testbed", "enter", str(host.directory), "--", "zlogin", "web01", line],
        env={**os.environ, "PYTHONPATH": str(Path(testbed.__file__).parents[1])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (rc, stdout), done.stderr
    assert sorted(entry.name for entry in host.path("/zones/web01/root").iterdir()) == CONTENTS


CONTENTS = ["etc", "lib", "opt", "root", "usr", "var"]
"""A shell leaves nothing behind in the zone's root but what its command wrote."""
