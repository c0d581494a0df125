"""The module in this process: its own code on the testbed's commands, without starting one.

The module runs once. At every boundary (before and after each command, also those that a brand hook runs) the host is
kept as it is just then: that is what a kill or a power cut there leaves. Boundaries that leave the same are kept once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import switch
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.brand_switch import Options
from testbed import command
from testbed.host import Host
from walk import world
from walk.world import Result


@dataclass(frozen=True)
class Boundary:
    """``label`` says where it is; ``kept`` is the copy of the host, empty if an earlier boundary left the same."""

    label: str
    kept: str


class HostRunner(runner.Runner):
    """Runs commands on a simulated host by calling them. Time passes only by sleeping."""

    def __init__(self, host: Host, lock_timeout: float) -> None:
        self.now = 0.0
        self.warnings: list[str] = []
        super().__init__(self.warnings.append, lock_timeout, clock=lambda: self.now, sleep=self._pass)
        self.host = host

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def _run(self, argv: Sequence[str], wait: object) -> runner.Result:
        action = self._note(argv)
        given = command.run(self.host, argv, self._env)
        action.update(rc=given.rc, seconds=0.0)
        return runner.Result(tuple(argv), given.rc, given.stdout, given.stderr, 0.0)


def run(directory: Path, options: dict[str, Any], check: bool = False) -> Result:
    """Run the module once on the host in ``directory``."""
    return _as_result(world.in_child(directory, lambda: module(Host("/"), options, check)))


def keep_boundaries(directory: Path, options: dict[str, Any]) -> tuple[Result, list[Boundary]]:
    """Run the module once; its result, and every boundary in order. Copies stay in the host's own directory."""
    return boundaries_of(directory, lambda host: module(host, options))


def boundaries_of(directory: Path, work: Callable[[Host], Result]) -> tuple[Result, list[Boundary]]:
    """Let ``work`` run a module once; its result, and every boundary in order. Copies stay in the host's directory."""
    answer = world.in_child(directory, lambda: _keeping(work))
    return _as_result(answer["result"]), [Boundary(**entry) for entry in answer["boundaries"]]


def _keeping(work: Callable[[Host], Result]) -> dict[str, Any]:
    host = Host("/")
    boundaries: list[Boundary] = []
    seen: set[str] = set()

    def boundary(when: str, argv: list[str]) -> None:
        mark = world.fingerprint(Path("/"))
        kept = ""
        if mark not in seen:
            seen.add(mark)
            kept = f"/{world.CAPTURES}/{len(boundaries)}"
            world.copy(Path("/"), Path(kept))
        boundaries.append(Boundary(f"{when} {' '.join(argv)}", kept))

    host.starting = lambda ctx: boundary("before", ctx.argv)
    host.observer = lambda ctx, result: boundary("after", ctx.argv)
    result = work(host)
    return {"result": result, "boundaries": [asdict(entry) for entry in boundaries]}


def module(host: Host, options: dict[str, Any], check: bool = False) -> Result:
    """The module on ``host``, in the process whose `/` it is."""
    given = Options(**options)
    acting = HostRunner(host, given.lock_timeout)
    try:
        result = switch.run(acting, given, check)
    except RunFailed as failure:
        result = {**failure.result, "failed": True, "msg": str(failure)}
    return {**result, "warnings": acting.warnings}


def _as_result(answer: Any) -> Result:
    result: Result = json.loads(json.dumps(answer))
    return result
