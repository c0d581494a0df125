"""`python -m testbed.conformance [DIR...]`: replay recordings, print a table, exit 1 if a step differs that should not.

Without a directory: all recordings of tests/fixtures. A directory may hold recordings of pkg, of the brand hooks, or
both. Options: `-k TEXT` only those whose name holds it, `-v` texts in full.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from testbed.conformance.difference import Difference, Outcome
from testbed.conformance.hooks import compare as hook_compare
from testbed.conformance.hooks import recording as hook_recording
from testbed.conformance.hooks import run as hook_run
from testbed.conformance.packages import recording as package_recording
from testbed.conformance.packages import run as package_run

WIDTH = 150
SHARED = ("manifests", "repositories", "payloads")
"""Files beside the recordings begin so."""


@dataclass(frozen=True)
class Job:
    """A recording to replay and what it needs."""

    name: str
    entry: dict[str, Any]
    library: hook_recording.Library | package_recording.Library


def collect(directories: list[Path], text: str) -> tuple[list[Job], list[str]]:
    """Recordings whose name holds ``text``, and a line for each file that is none. Raises FileNotFoundError."""
    jobs, left_out = [], []
    for directory in directories:
        if not directory.is_dir():
            raise FileNotFoundError(f"{directory}: no such directory")
        shared = hook_recording.read_library(directory)
        for path in sorted(directory.glob("*.json")):
            if path.name.startswith(SHARED):
                continue
            try:
                entry = json.loads(path.read_text())
                if hook_recording.is_one(entry):
                    jobs.append(Job(entry["case"], entry, shared))
                elif package_recording.is_one(entry):
                    jobs.append(Job(entry["scenario"], entry, package_recording.read_library(directory, entry)))
                else:
                    left_out.append(f"{path.name}: neither a recording of pkg nor of the brand hooks")
            except (OSError, ValueError) as error:
                left_out.append(f"{path.name}: {error}")
    return [job for job in jobs if text in job.name], left_out


def replay(job: Job, scratch: Path) -> Outcome:
    """Set up, run and compare one recording; what the replay itself stumbles over is a difference, too."""
    worker = multiprocessing.current_process().name
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        try:
            if isinstance(job.library, package_recording.Library):
                return package_run.run(job.entry, job.library, Path(directory))
            return hook_run.run(job.entry, job.library, Path(directory), scratch / f"images-{worker}")
        except Exception as error:  # one broken recording must not end the run
            place = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
            return Outcome(job.name, _steps(job), 0, [Difference(None, "replay", "runs to its end", at)])


def _steps(job: Job) -> int:
    if isinstance(job.library, package_recording.Library):
        return sum(map(package_recording.counts, job.entry["steps"]))
    return hook_compare.step_count(job.entry)


def memory() -> str | None:
    """A file system in memory with room for the hosts (thousands of small files), if there is one."""
    place = "/dev/shm"
    roomy = os.access(place, os.W_OK) and shutil.disk_usage(place).free > 500_000_000
    return place if roomy else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__.partition("\n")[0])
    parser.add_argument("directories", nargs="*", type=Path, metavar="DIR")
    parser.add_argument("-k", metavar="TEXT", default="", help="only recordings whose name holds this")
    parser.add_argument("-v", action="store_true", help="texts in full, and texts that nobody reads")
    options = parser.parse_args()
    directories = options.directories or [package_recording.FIXTURES, package_recording.MORE, hook_recording.FIXTURES]
    try:
        jobs, left_out = collect(directories, options.k)
    except OSError as error:
        sys.exit(f"conformance: {error}")
    if not jobs:
        sys.exit(
            f"conformance: no recording{f' with {options.k} in its name' if options.k else ''} in these directories"
        )
    outcomes = []
    print(f"{'recording':<60} steps match")
    with tempfile.TemporaryDirectory(dir=memory()) as scratch, multiprocessing.Pool(2) as pool:
        for outcome in pool.imap(partial(replay, scratch=Path(scratch)), jobs, chunksize=4):
            outcomes.append(outcome)
            report(outcome, options.v)
    summary(outcomes, left_out)
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def report(outcome: Outcome, verbose: bool) -> None:
    """One row of the table, and below it each difference with its reason or with both sides."""
    print(f"{outcome.name:<60} {outcome.steps:>5} {outcome.matching:>5}", flush=True)
    for why in sorted({found.known for found in outcome.differences if found.known}):
        print(f"    differs as it should: {why}")
    shown = (lambda text: text) if verbose else short
    for found in outcome.differences:
        if not found.known:
            print(f"    {'end' if found.step is None else f'step {found.step + 1}'}, {found.what}")
            print(f"        recorded: {shown(found.recorded)}")
            print(f"        replayed: {shown(found.observed)}")
    if verbose and outcome.other_texts:
        print(f"    other texts in steps {', '.join(str(number + 1) for number in outcome.other_texts)}")


def short(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}..."


def summary(outcomes: list[Outcome], left_out: list[str]) -> None:
    for line in left_out + [f"{outcome.name}: {outcome.ended}" for outcome in outcomes if outcome.ended]:
        print(f"left out: {line}")
    uncounted = Counter(name for outcome in outcomes for name in outcome.uncounted)
    if uncounted:
        listed = ", ".join(f"{name} {number}" for name, number in sorted(uncounted.items()))
        print(f"carried out, but not counted: {sum(uncounted.values())} steps ({listed})")
    others = sum(len(outcome.other_texts) for outcome in outcomes)
    if others:
        print(f"other texts (nothing that a match asks for) differ in {others} matching steps")
    total, good = sum(outcome.steps for outcome in outcomes), sum(outcome.matching for outcome in outcomes)
    print(f"conformance: {good} of {total} steps match")


if __name__ == "__main__":
    sys.exit(main())
