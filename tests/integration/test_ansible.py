"""The module as a task of a playbook, over the testbed's connection: check, run, check, run, change back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import testbed
from integration.conftest import MakeMachine
from integration.machine import Machine
from testbed import log

PLUGINS = Path(testbed.__file__).parent / "ansible/plugins/connection"
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
COLLECTIONS = Path(sys.executable).parents[1] / "collections"
STEPS = [(True, "lipkg"), (False, "lipkg"), (True, "lipkg"), (False, "lipkg"), (True, "ipkg"), (False, "ipkg")]
# The module does not use this form: it parts the steps in the command log.
MARK = ["beadm", "list"]
RESULTS = "/root/results.json"


def environment(tmp_path: Path) -> dict[str, str]:
    """In it ansible finds the testbed's connection and this collection; its own files go to `tmp_path`."""
    return {
        **os.environ,
        "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
    }


def play(host: Machine, tmp_path: Path, tasks: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Run the tasks on the host."""
    variables = {
        "ansible_connection": "testbed",
        "ansible_python_interpreter": "/usr/bin/python3",
        "testbed_dir": str(host.directory),
    }
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"gz1": variables}}}))
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    argv = [str(PLAYBOOK), "--diff", "-i", str(tmp_path / "hosts.json"), str(tmp_path / "play.json")]
    return subprocess.run(argv, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False)


def six_steps() -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = []
    for number, (check, brand) in enumerate(STEPS):
        module = {"zone": "web01", "brand": brand}
        tasks += [
            {"illumos.linked_zones.zone_brand": module, "check_mode": check, "register": f"step{number}"},
            {"ansible.builtin.command": {"argv": MARK}},
            {"ansible.builtin.command": {"argv": ["zoneadm", "list", "-cp"]}, "register": f"zones{number}"},
        ]
    names = ", ".join(f"[step{number}, zones{number}.stdout]" for number in range(len(STEPS)))
    copy = {"content": "{{ [" + names + "] | to_json }}", "dest": RESULTS}
    return [*tasks, {"ansible.builtin.copy": copy, "diff": False}]


def parts(host: Machine) -> list[list[dict[str, Any]]]:
    """The records of the log, parted at the marks."""
    found: list[list[dict[str, Any]]] = [[]]
    for record in log.read(host.host.private):
        if record["argv"] == MARK:
            found.append([])
        else:
            found[-1].append(record)
    return found


def test_six_steps(machine: MakeMachine, tmp_path: Path) -> None:
    host = machine()
    done = play(host, tmp_path, six_steps())
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(host.path(RESULTS).read_text())
    steps = [step for step, _ in told]
    assert [step["changed"] for step in steps] == [True, True, False, False, True, True]
    brands = [next(line.split(":")[5] for line in zones.splitlines() if ":web01:" in line) for _, zones in told]
    assert brands == ["ipkg", "lipkg", "lipkg", "lipkg", "lipkg", "ipkg"]
    assert all(":web01:running:" in zones for _, zones in told)
    changing = [[" ".join(argv) for argv in log.changing(records)] for records in parts(host)]
    for step, (check, _) in enumerate(STEPS):
        own = [line for line in changing[step] if "rehearsal" in line]
        if check or not steps[step]["changed"]:
            assert changing[step] == own
        assert bool(own) is steps[step]["changed"]
    for foreseen, done_later in ((steps[0], steps[1]), (steps[4], steps[5])):
        assert foreseen["zone"] == done_later["zone"]
        assert foreseen["plan"] == done_later["plan"]
        assert foreseen["left_behind"] == done_later["left_behind"]
        assert [action["argv"] for action in foreseen["actions"]] == [
            action["argv"] for action in done_later["actions"]
        ]
    assert all(action["rc"] == 0 for action in steps[1]["actions"])
    assert "+brand: lipkg" in done.stdout


def test_a_refusal_as_a_task_shows_it(machine: MakeMachine, tmp_path: Path) -> None:
    host = machine()
    tasks = [{"illumos.linked_zones.zone_brand": {"zone": "web02", "brand": "lipkg"}}]
    done = play(host, tmp_path, tasks)
    assert done.returncode == 2
    assert "There is no zone web02 on this host." in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert log.changing(log.read(host.host.private)) == []


def test_a_shutdown_that_hangs_is_not_killed(machine: MakeMachine, tmp_path: Path) -> None:
    """It ends after shutdown_timeout, and the zone is booted again."""
    host = machine({"faults": [{"match": "zoneadm -z web01 shutdown", "hang": 3}]})
    options = {"zone": "web01", "brand": "lipkg", "rehearse": False, "shutdown_timeout": 1}
    done = play(host, tmp_path, [{"illumos.linked_zones.zone_brand": options}])
    assert done.returncode == 2
    assert "did not shut down within 1 seconds; it came down only after that" in done.stdout + done.stderr
    shutdown = next(record for record in log.read(host.host.private) if record["argv"][-1] == "shutdown")
    assert shutdown["rc"] == 0
    assert host.zone() == ("running", "ipkg")
