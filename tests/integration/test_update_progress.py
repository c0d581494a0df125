"""linked_update as a task: its progress in the play's output, and connections that are lost meanwhile."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from integration import updating
from integration.conftest import MakeMachine
from integration.machine import Machine
from integration.test_ansible import play
from testbed import log

UPDATE = "illumos.linked_zones.linked_update"
FOLLOW = "illumos.linked_zones.update_progress"
STATE = Path("/var/lib/illumos.linked_zones/update")
RESULTS = "/root/results.json"
# Early, while the first call of update_progress is surely there to lose its connection, and long before the end.
LOST_IN_MID_UPDATE = {"match": "pkg update --no-refresh", "at": "^Planning", "kill": {"target": "connection"}}
SLOWLY = {"match": "pkg update --no-refresh", "at": "^(Download|Finalize)", "hang": 0.2}


@pytest.fixture
def host(machine: MakeMachine) -> Machine:
    made = machine({"zones": [updating.WEB01, updating.DB01]})
    updating.publish(made, "libraries")
    return made


def results(host: Machine, tmp_path: Path, *tasks: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Run the tasks, which may fail or find the host unreachable; their results, and the play's output."""
    listed: list[dict[str, Any]] = []
    for number, task in enumerate(tasks):
        kept = {"register": f"result{number}", "ignore_errors": True, "ignore_unreachable": True}
        listed += [{**task, **kept}, {"ansible.builtin.debug": {"msg": f"after {number}"}}]
    names = ", ".join(f"result{number}" for number in range(len(tasks)))
    listed.append({"ansible.builtin.copy": {"content": "{{ [" + names + "] | to_json }}", "dest": RESULTS}})
    done = play(host, tmp_path, listed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return json.loads(host.path(RESULTS).read_text()), done.stdout


def steps(output: str) -> list[str]:
    """The lines of progress that a play showed, without what is counted in them."""
    return re.findall(r"^gz1: (\S+  \w+)", output, re.MULTILINE)


def between(output: str, number: int) -> str:
    """What a play showed during one task."""
    start = f"after {number - 1}" if number else "PLAY ["
    return output[output.index(start) : output.index(f"after {number}")]


def real_updates(host: Machine) -> int:
    return log.typed(log.read(host.host.private)).count(updating.REAL.split())


def left(host: Machine) -> list[str]:
    """What runs have left on the host to be delivered, or to be finished."""
    jobs = host.path("/root/.ansible_async")
    found = [f"job {entry.name}" for entry in jobs.iterdir()] if jobs.is_dir() else []
    return found + [
        entry.name for entry in host.path(str(STATE)).iterdir() if entry.name not in ("lock", "progress.jsonl")
    ]


def test_progress_is_shown_and_a_silent_run_is_cheap(
    host: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_VERBOSITY", "3")
    (first, second, look), output = results(host, tmp_path, {UPDATE: {}}, {UPDATE: {}}, {FOLLOW: {}})
    assert (first["changed"], second["changed"], look["changed"]) == (True, False, False)
    assert updating.statuses_of(first) == {"global": "updated", "web01": "updated", "db01": "updated"}
    shown = steps(between(output, 0))
    assert len(shown) == len(set(shown))
    assert {"global  Planning", "global  Actions", "zone:web01  Actions", "zone:db01  Actions"} <= set(shown)
    assert steps(between(output, 1)) == ["global  Planning"]
    modules = re.findall(r"Using module file \S*/(\w+)\.py", between(output, 1))
    assert modules == ["linked_update", "update_progress", "update_progress"]
    assert (look["state"], look["undelivered"], look["images"][0]["phase"]) == ("ended", None, "Planning")
    assert left(host) == []


def test_a_connection_that_comes_back(host: Machine, tmp_path: Path) -> None:
    host.faults(SLOWLY, LOST_IN_MID_UPDATE)
    (result,), output = results(host, tmp_path, {UPDATE: {}})
    assert "gz1: The connection is lost (the connection was lost while the command ran)." in output
    assert (result["changed"], result["resumed"]) == (True, False)
    assert updating.statuses_of(result) == {"global": "updated", "web01": "updated", "db01": "updated"}
    assert "zone:db01  Actions" in steps(output)
    assert left(host) == []


def test_a_lost_connection_and_the_next_run(host: Machine, tmp_path: Path) -> None:
    host.faults(SLOWLY, LOST_IN_MID_UPDATE)
    (lost, foreseen, resumed, again), output = results(
        host, tmp_path, {UPDATE: {"reconnect_timeout": 0}}, {UPDATE: {}, "check_mode": True}, {UPDATE: {}}, {UPDATE: {}}
    )
    assert lost["unreachable"] is True
    assert "gz1 could not be reached again within 0 seconds" in lost["msg"]
    assert "The update goes on there." in lost["msg"]
    assert (foreseen["changed"], foreseen["resumed"]) == (True, True)
    assert (resumed["changed"], resumed["resumed"]) == (True, True)
    assert updating.statuses_of(resumed) == {"global": "updated", "web01": "updated", "db01": "updated"}
    assert [entry["change"] for entry in resumed["plan"]["images"]] != []
    assert updating.REAL.split() in [action["argv"] for action in resumed["actions"]]
    assert (again["changed"], again["resumed"]) == (False, False)
    assert real_updates(host) == 1
    assert [name for name in left(host) if not name.startswith("job")] == []


def test_a_run_at_work_is_shown_to_the_one_that_waits_for_it(host: Machine, tmp_path: Path) -> None:
    host.faults({**SLOWLY, "hang": 1.5}, LOST_IN_MID_UPDATE)
    (_, resumed), output = results(host, tmp_path, {UPDATE: {"reconnect_timeout": 0}}, {UPDATE: {}})
    waiting = between(output, 1)
    assert "gz1: Another update is at work there since" in waiting
    assert [step for step in steps(waiting) if step.startswith("zone:")]  # this one itself has nothing to do in zones
    assert resumed["resumed"]
    assert real_updates(host) == 1


def test_a_power_cut_is_told_and_finished_by_the_next_run(host: Machine, tmp_path: Path) -> None:
    host.faults({"match": "pkg update --no-refresh", "at": "^Download", "kill": {"target": "power"}})
    (cut, resumed), _ = results(host, tmp_path, {UPDATE: {}}, {UPDATE: {}})
    assert cut["failed"]
    assert cut["msg"] == (
        "The update on gz1 was started, but cannot be followed: it was killed, or the host went down. Run the task "
        "again: it finishes what was begun, or returns the result."
    )
    assert (resumed["changed"], resumed["resumed"]) == (True, True)
    assert updating.statuses_of(resumed) == {"global": "updated", "web01": "updated", "db01": "updated"}


def test_a_module_that_is_killed_and_pkg_that_goes_on(host: Machine, tmp_path: Path) -> None:
    host.faults(SLOWLY, {"match": "pkg update --no-refresh", "at": "^Download", "kill": {"target": "caller"}})
    (killed, resumed), _ = results(host, tmp_path, {UPDATE: {}}, {UPDATE: {}})
    assert killed["failed"]
    assert "The update on gz1 was started, but cannot be followed: its process died." in killed["msg"]
    assert (resumed["changed"], resumed["resumed"]) == (True, True)
    assert updating.statuses_of(resumed) == {"global": "updated", "web01": "updated", "db01": "updated"}
    assert real_updates(host) == 1


def test_other_ways_to_run_the_task(host: Machine, tmp_path: Path) -> None:
    (foreseen, wrong, unseen, by_itself), output = results(
        host,
        tmp_path,
        {UPDATE: {}, "check_mode": True},
        {UPDATE: {"zone": "web01"}},
        {UPDATE: {"lock_timeout": 30}, "no_log": True},
        {UPDATE: {}, "async": 60, "poll": 1},
    )
    assert (foreseen["changed"], unseen["changed"], by_itself["changed"]) == (True, True, False)
    assert "Unsupported parameters" in wrong["msg"]
    assert steps(output) == []
    assert left(host) == []
