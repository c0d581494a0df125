"""Walking one scenario in this process: from every boundary on, by a kill, a power cut, and a change of mind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from testbed.ips.images import image
from walk import check, in_process, world
from walk.check import Reference
from walk.scenario import Scenario

KILL, POWER, CHANGED_MIND = "killed", "power cut", "killed, then the old brand asked for"


@dataclass(frozen=True)
class Step:
    """One boundary walked in one way; ``wrong`` is empty if the next run came to the right end."""

    scenario: str
    how: str
    label: str
    wrong: list[str]


def reference(scenario: Scenario, directory: Path, work: Path) -> Reference:
    """The scenario without any disturbance. Raises RuntimeError if that does not come to the right end itself."""
    undisturbed = work / "undisturbed"
    world.copy(directory, undisturbed)
    state = scenario.state or world.zone_state(directory, scenario.zone)
    before = world.end(directory, scenario.zone, whole=scenario.original)
    result = in_process.run(undisturbed, scenario.options)
    after = world.end(undisturbed, scenario.zone, whole=scenario.original)
    made = Reference(before, after, state)
    wrong = check.finished(scenario, undisturbed, result, state, made)
    shutil.rmtree(undisturbed)
    if wrong:
        raise RuntimeError(f"{scenario.name} goes wrong undisturbed: {'; '.join(wrong)}")
    return made


def in_one_process(scenario: Scenario, directory: Path, work: Path) -> Iterator[list[Step]]:
    """Walk every boundary; a list for each, empty where an earlier one left the host the same."""
    made = reference(scenario, directory, work)
    _, boundaries = in_process.keep_boundaries(directory, scenario.options)
    ways = (KILL, POWER) if scenario.failed else (KILL, POWER, CHANGED_MIND)
    for boundary in boundaries:
        if not boundary.kept:
            yield []
            continue
        kept = directory / boundary.kept.lstrip("/")
        yield [_walk(scenario, kept, work / "there", boundary.label, how, made) for how in ways]
        shutil.rmtree(kept)


def _walk(scenario: Scenario, kept: Path, there: Path, label: str, how: str, made: Reference) -> Step:
    world.copy(kept, there)
    wrong = guarded(lambda: _next_run(scenario, there, how, made))
    shutil.rmtree(there)
    return Step(scenario.name, how, label, wrong)


def guarded(work: Callable[[], list[str]]) -> list[str]:
    """A crash is one more thing that is wrong."""
    try:
        return work()
    except (RuntimeError, image.NoImage) as error:
        return [f"{type(error).__name__}: {error}"]


def _next_run(scenario: Scenario, directory: Path, how: str, made: Reference) -> list[str]:
    """What is wrong after the run that follows, and after one more."""
    if how == POWER:
        world.power_cycle(directory)
    options = scenario.options
    if how == CHANGED_MIND:
        options = {**options, "brand": made.before["brand"]}
    state = world.state_to_reach(directory, scenario, made.state)
    result = in_process.run(directory, options)
    if how == CHANGED_MIND:
        wrong = check.back_again(scenario, directory, result, state, made)
    else:
        wrong = check.finished(scenario, directory, result, state, made)
    if not wrong and not scenario.failed:
        world.clear_log(directory)
        again = in_process.run(directory, options)
        wrong = check.idle(again, world.changing(directory))
    return wrong
