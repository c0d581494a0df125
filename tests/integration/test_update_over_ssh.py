"""linked_update over OpenSSH's client, with Ansible's own arguments for it: connections are shared, and persist.

One play on three hosts at a time, for nearly all of it is waiting for pkg, which is slowed down.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from integration import updating
from integration.machine import Machine
from integration.test_ansible import PLAYBOOK, environment
from integration.test_update_progress import RESULTS, UPDATE, left, real_updates
from walk import over_processes

# With pipelining there is no terminal, without it there is one: what a broken connection does to them is not the same.
HOSTS: dict[str, dict[str, Any]] = {
    "pipelined": {"ansible_pipelining": True, "reconnect": 120},
    "terminal": {"ansible_pipelining": False, "reconnect": 120},
    "givesup": {
        "ansible_pipelining": False,
        "reconnect": 0,
        "ansible_user": "admin",
        "ansible_become": True,
        "ansible_become_exe": "sh /opt/sudo",
    },
}
COMES_BACK = ["pipelined", "terminal"]
SUDO = 'touch /root/became; while [ "$1" != /bin/sh ]; do shift; done; exec "$@"\n'
# The connection breaks once a call of update_progress is surely there to lose it. When another one has shown what is
# new, which it gathers for ten seconds, pkg is surely still at work.
FAULTS = [
    {"match": "pkg update --no-refresh", "at": "^(Planning: (Solver|Running)|Download|Finalize)", "hang": 1.2},
    {"match": "pkg update --no-refresh", "at": "^Planning: Linked images", "kill": {"target": "connection"}},
]
TASKS: list[dict[str, Any]] = [
    {UPDATE: {"reconnect_timeout": "{{ reconnect }}"}, "register": "first", "ignore_unreachable": True},
    {UPDATE: {}, "register": "second", "when": "reconnect == 0"},
    {"ansible.builtin.copy": {"content": "{{ [first, second] | to_json }}", "dest": RESULTS}, "diff": False},
]


@dataclass
class Played:
    """What was seen of the play."""

    hosts: dict[str, Machine]
    output: str = ""
    shown_meanwhile: set[str] = field(default_factory=set)
    """The hosts of whose zones the play told before pkg had ended there."""

    def results(self, name: str) -> list[dict[str, Any]]:
        """What the two tasks returned."""
        found: list[dict[str, Any]] = json.loads(self.hosts[name].path(RESULTS).read_text())
        return found

    def told(self, name: str) -> list[str]:
        """What the play said of a host while a task ran."""
        return re.findall(rf"^{name}: (.*)$", self.output, re.MULTILINE)


@contextlib.contextmanager
def served(hosts: list[Machine]) -> Iterator[list[dict[str, Any]]]:
    """Serve the hosts over ssh; for each the variables by which it is reached."""
    with contextlib.ExitStack() as stack:
        servers = []
        for host in hosts:
            argv = [sys.executable, "-m", "testbed", "sshd", str(host.directory)]
            env = over_processes.ENVIRONMENT
            server = stack.enter_context(subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True))
            stack.callback(server.terminate)
            servers.append(server)
        yield [json.loads(server.stdout.readline()) for server in servers if server.stdout]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh here: apt-get install openssh-client")
    declared = {"zones": [updating.WEB01, updating.DB01], "files": {"/opt/sudo": SUDO}, "faults": FAULTS}
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="integration-", dir=memory) as top:
        hosts = {name: Machine(Path(top, name), json.dumps(declared)) for name in HOSTS}
        for host in hosts.values():
            updating.publish(host, "libraries")
        with served(list(hosts.values())) as over:
            yield play(Played(hosts), dict(zip(hosts, over, strict=True)), tmp_path_factory.mktemp("play"))


def play(seen: Played, over: dict[str, dict[str, Any]], directory: Path) -> Played:
    """Run the tasks on all hosts, each as fast as it goes."""
    inventory = {"all": {"hosts": {name: {**over[name], **HOSTS[name]} for name in HOSTS}}}
    (directory / "hosts.json").write_text(json.dumps(inventory))
    tasks = [{"hosts": "all", "gather_facts": False, "strategy": "free", "tasks": TASKS}]
    (directory / "play.json").write_text(json.dumps(tasks))
    argv = [str(PLAYBOOK), "-i", str(directory / "hosts.json"), str(directory / "play.json")]
    # As on a terminal: into a pipe Python would keep lines back until there are many.
    env = {**environment(directory), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        argv, env=env, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout
        for line in running.stdout:
            seen.output += line
            of_zone = re.match(r"(\w+): zone:", line)
            if of_zone and real_updates(seen.hosts[of_zone[1]]) == 0:  # the log gets a command when it has ended
                seen.shown_meanwhile.add(of_zone[1])
    assert running.returncode == 0, seen.output
    assert "Traceback" not in seen.output
    return seen


@pytest.mark.parametrize("name", COMES_BACK)
def test_progress_is_shown_while_pkg_runs(played: Played, name: str) -> None:
    assert name in played.shown_meanwhile
    steps = re.findall(r"^(\S+  \w+)", "\n".join(played.told(name)), re.MULTILINE)
    assert {"global  Planning", "global  Download", "zone:web01  Actions", "zone:db01  Actions"} <= set(steps)
    assert all(steps.count(step) <= 3 for step in steps)  # at first, and every 15 seconds


@pytest.mark.parametrize("name", COMES_BACK)
def test_a_connection_that_comes_back(played: Played, name: str) -> None:
    result, _ = played.results(name)
    assert [line.split("(")[0] for line in played.told(name) if "connection" in line] == ["The connection is lost "]
    assert (result["changed"], result["resumed"]) == (True, False)
    assert updating.statuses_of(result) == {"global": "updated", "web01": "updated", "db01": "updated"}
    assert real_updates(played.hosts[name]) == 1
    assert left(played.hosts[name]) == []


def test_the_play_gives_up_and_the_next_task_returns_the_result(played: Played) -> None:
    lost, resumed = played.results("givesup")
    assert lost["unreachable"] is True
    assert "givesup could not be reached again within 0 seconds" in lost["msg"]
    assert "The update goes on there." in lost["msg"]
    assert [line for line in played.told("givesup") if line.startswith("Another update is at work there since")]
    assert "givesup" in played.shown_meanwhile
    assert played.hosts["givesup"].path("/root/became").exists()
    assert (resumed["changed"], resumed["resumed"]) == (True, True)
    assert updating.statuses_of(resumed) == {"global": "updated", "web01": "updated", "db01": "updated"}
    assert real_updates(played.hosts["givesup"]) == 1
