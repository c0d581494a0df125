"""The module as it runs on a managed host: ansible's payload, its commands as processes, killed by a declared fault."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed import log
from testbed.host import Host
from walk import check, world
from walk.check import Reference
from walk.scenario import Scenario
from walk.walk import KILL, POWER, Step, guarded
from walk.world import Result

PAYLOAD = "/root/module.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


@dataclass(frozen=True)
class Boundary:
    """Before or after the ``number``-th command since the module began (hooks' commands count)."""

    number: int
    when: str
    how: str
    label: str


def install(directory: Path, options: dict[str, Any], module: str = "zone_brand") -> None:
    """Put the module, with its arguments, on the host."""
    file = Host(directory).path(PAYLOAD)
    argv = [sys.executable, "-m", "walk.payload", module, json.dumps(options), str(file)]
    subprocess.run(argv, env=ENVIRONMENT, check=True)


def run(directory: Path) -> Result | None:
    """Run the module once; None if it did not live to say anything."""
    argv = [sys.executable, "-m", "testbed", "enter", str(directory), "--", "/usr/bin/python3", PAYLOAD]
    given = subprocess.run(argv, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if not given.stdout.strip():
        return None
    result: Result = json.loads(given.stdout.strip().splitlines()[-1])
    return result


def boundaries(directory: Path, work: Path) -> list[Boundary]:
    """Every boundary of the module's run on this host, from the command log of an undisturbed one."""
    undisturbed = work / "undisturbed"
    world.copy(directory, undisturbed)
    world.clear_log(undisturbed)
    run(undisturbed)
    records = log.read(undisturbed / ".testbed")
    shutil.rmtree(undisturbed)
    return list(_boundaries(records))


def _boundaries(records: list[dict[str, Any]]) -> Iterable[Boundary]:
    for number, record in enumerate(records, 1):
        line = " ".join(record["argv"])
        if record["parent"] is None:
            for when in ("before", "after"):
                for how in (KILL, POWER):
                    yield Boundary(number, when, how, f"{when} {line}")
        else:
            # Inside a hook only the host can die: the module's death does not reach what its command runs.
            yield Boundary(number, "after", POWER, f"after {line}")


def walk(scenario: Scenario, directory: Path, work: Path, boundary: Boundary, made: Reference) -> Step:
    """Die at the boundary, then run again."""
    there = work / f"{scenario.name}-{boundary.number}-{boundary.when}-{boundary.how[:1]}"
    world.copy(directory, there)
    wrong = guarded(lambda: _die_and_run(scenario, there, boundary, made))
    shutil.rmtree(there)
    return Step(scenario.name, boundary.how, boundary.label, wrong)


def _die_and_run(scenario: Scenario, there: Path, boundary: Boundary, made: Reference) -> list[str]:
    target = "caller" if boundary.how == KILL else "power"
    kill = {"match": "", "nth": boundary.number, "kill": {"target": target, "when": boundary.when}}
    host = Host(there)
    with host.locked():
        declared = list(host.state.faults)
        host.state.faults.append(kill)
    died = run(there)
    if died is not None:
        return [f"nobody died {boundary.label}"]
    with host.locked():
        host.state.faults = [*declared]
    if boundary.how == POWER:
        world.power_cycle(there)
    state = world.state_to_reach(there, scenario, made.state)
    result = run(there)
    if result is None:
        return ["the next run said nothing"]
    wrong = check.finished(scenario, there, result, state, made)
    if not wrong and not scenario.failed:
        world.clear_log(there)
        again = run(there) or {"failed": True, "msg": "it said nothing"}
        wrong = check.idle(again, world.changing(there))
    return wrong
