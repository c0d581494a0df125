"""Ansible reaches a host over ssh: tasks, terminals, connections that break."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import testbed
from testbed import enter, faults, log
from testbed.host import Host

from .machine import bare
from .test_connection import declare_fault, play

MAIN = Path(testbed.__file__).with_name("__main__.py")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh here: apt-get install openssh-client")
    made = bare(tmp_path / "gz1", autoboot=True)
    made.write("/etc/release", "  OmniOS v11 r151054\n")
    enter.ready(made)
    return made


@pytest.fixture
def variables(host: Host) -> Iterator[dict[str, Any]]:
    argv = [sys.executable, str(MAIN), "sshd", str(host.directory)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stderr
        yield json.loads(server.stdout.readline())
        server.terminate()
        assert server.stderr.read() == ""


def ssh(variables: dict[str, Any], *argv: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    key, port = variables["ansible_ssh_private_key_file"], str(variables["ansible_port"])
    words = ["ssh", "-i", key, "-p", port, *shlex.split(variables["ansible_ssh_common_args"]), "root@127.0.0.1"]
    return subprocess.run([*words, *argv], input=given, capture_output=True, timeout=60, check=False)


def test_exit_code_and_both_streams_come_through(variables: dict[str, Any]) -> None:
    done = ssh(variables, "zoneadm list -c; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"global\nweb01\n", b"err\n")


def test_what_is_sent_arrives_whole(host: Host, variables: dict[str, Any]) -> None:
    sent = bytes(range(256)) * 4000
    assert ssh(variables, "cat > /root/blob", given=sent).returncode == 0
    assert host.path("/root/blob").read_bytes() == sent
    assert ssh(variables, "cat /root/blob").stdout == sent


def test_a_terminal_for_who_wants_one(variables: dict[str, Any]) -> None:
    assert ssh(variables, "-tt", "test -t 0 && test -t 1 && zonename").stdout == b"global\r\n"
    assert ssh(variables, "test -t 0").returncode == 1


def test_tasks_files_and_reboot(tmp_path: Path, variables: dict[str, Any]) -> None:
    copied, _, rebooted, shown = play(
        tmp_path,
        [
            {"ansible.builtin.copy": {"content": "over ssh\n", "dest": "/root/it's here"}},
            {"ansible.builtin.command": {"argv": ["beadm", "create", "-a", "new"]}},
            {"ansible.builtin.reboot": {"reboot_timeout": 120}},
            {"ansible.builtin.command": {"argv": ["beadm", "list", "-H", "new"]}},
        ],
        variables=variables,
    )
    assert (copied["changed"], rebooted["rebooted"]) == (True, True)
    assert str(shown["stdout"]).split(";")[2] == "NR"


def test_a_broken_connection_ends_what_runs_in_its_terminal(
    host: Host, tmp_path: Path, variables: dict[str, Any]
) -> None:
    declare_fault(host, match="beadm create", kill={"target": "connection", "when": "before"})
    create: dict[str, object] = {"ansible.builtin.command": {"argv": ["beadm", "create", "new"]}}
    lost, again = play(tmp_path, [{**create, "ignore_unreachable": True}, create], variables=variables)
    assert (lost["unreachable"], again["rc"]) == (True, 0)
    tried = [record["rc"] for record in log.read(host.private) if record["argv"][0] == "beadm"]
    assert tried == [None, 0]


def test_work_in_a_session_of_its_own_goes_on(host: Host, tmp_path: Path, variables: dict[str, Any]) -> None:
    declare_fault(host, match="beadm create", kill={"target": "connection", "when": "before"})
    started, found = play(
        tmp_path,
        [
            {
                "ansible.builtin.command": {"argv": ["beadm", "create", "new"]},
                "async": 60,
                "poll": 0,
                "register": "started",
                "ignore_unreachable": True,
            },
            {"ansible.builtin.wait_for_connection": {"timeout": 60}},
            {"ansible.builtin.command": {"argv": ["beadm", "list", "-H", "new"]}, "register": "found"},
        ],
        variables=variables,
    )[0::2]
    assert found["rc"] == 0
    assert [record["rc"] for record in log.read(host.private) if record["argv"][:2] == ["beadm", "create"]] == [0]
    assert faults.sessions(host) == set()
