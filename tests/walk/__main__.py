"""Die at every boundary of every scenario, over processes; or (--sample N) all in one process, N over them."""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from walk import over_processes, scenario, walk, world
from walk.check import Reference
from walk.scenario import Scenario
from walk.walk import Step

Prepared = tuple[Scenario, Path, Reference]


def main() -> int:
    parser = argparse.ArgumentParser(prog="walk", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="of scenarios.yml; default: all")
    parser.add_argument("--sample", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of the sample")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    chosen = [entry for entry in scenario.load() if not given.scenario or entry.name in given.scenario]
    world.preload()
    with tempfile.TemporaryDirectory(prefix="walk-", dir=_fast()) as name, multiprocessing.Pool(given.jobs) as pool:
        work = Path(name)
        good = True
        if given.sample is not None:
            good = report("in one process", pool.imap_unordered(_in_one_process, [(s, work) for s in chosen]))
        prepared = pool.map(_prepare, [(entry, work) for entry in chosen])
        tasks = [(one, work, boundary) for one in prepared for boundary in over_processes.boundaries(one[1], work)]
        if given.sample is not None:
            print(f"walk: a sample of {given.sample} of {len(tasks)} over processes, seed {given.seed}", flush=True)
            tasks = random.Random(given.seed).sample(tasks, min(given.sample, len(tasks)))
        steps = pool.imap_unordered(_over_processes, tasks)
        return 0 if report("over processes", ([[step]] for step in steps), len(tasks)) and good else 1


def _fast() -> str | None:
    """Memory, where the machine has some as files: a walk copies thousands of small files."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _prepare(task: tuple[Scenario, Path]) -> Prepared:
    entry, work = task
    directory = work / entry.name / "host"
    directory.parent.mkdir()
    world.build(directory, entry.host)
    made = walk.reference(entry, directory, directory.parent)
    over_processes.install(directory, entry.options)
    return entry, directory, made


def _in_one_process(task: tuple[Scenario, Path]) -> list[list[Step]]:
    entry, work = task
    with tempfile.TemporaryDirectory(prefix=f"{entry.name}-", dir=work) as name:
        directory = Path(name) / "host"
        world.build(directory, entry.host)
        return list(walk.in_one_process(entry, directory, Path(name)))


def _over_processes(task: tuple[Prepared, Path, over_processes.Boundary]) -> Step:
    (entry, directory, made), work, boundary = task
    return over_processes.walk(entry, directory, work, boundary, made)


def report(where: str, results: Iterable[list[list[Step]]], total: int = 0) -> bool:
    """Print what is wrong, the progress, and the count of boundaries; true if all converged."""
    began = time.monotonic()
    boundaries = converged = ways = 0
    for done, result in enumerate(results, 1):
        for steps in result:
            boundaries += 1
            ways += len(steps)
            wrong = [step for step in steps if step.wrong]
            converged += not wrong
            for step in wrong:
                print(f"{step.scenario}, {step.how} {step.label}:", flush=True)
                for sentence in step.wrong:
                    print(f"    {sentence}", flush=True)
        if total and done % 20 == 0:
            print(f"walk: {done} of {total}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(f"walk: {boundaries} boundaries, {converged} converged ({where}, {ways} runs after a death)", flush=True)
    return boundaries == converged


if __name__ == "__main__":
    sys.exit(main())
