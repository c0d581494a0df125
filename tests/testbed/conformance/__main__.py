"""`python -m testbed.conformance [DIR...]`: replay recordings, print what differs, exit 1 if it should not.

Without a directory: the recordings in tests/fixtures/brand-scripts. Options: `-k TEXT` only cases whose name holds it,
`-v` a line for every case.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path

from testbed.conformance import compare, recording, setup
from testbed.conformance.known import Difference
from testbed.conformance.recording import Library, Recording
from testbed.conformance.replay import Replay

WIDTH = 150


def replay(entry: Recording, library: Library, scratch: Path) -> list[Difference]:
    """Set up, run and compare one recording; what the replay itself stumbles over is a difference, too."""
    worker = multiprocessing.current_process().name
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        try:
            host = setup.build(Path(directory) / "host", entry, library, scratch / f"images-{worker}")
            return compare.compare(entry, Replay(host, entry).run())
        except Exception as error:  # one broken case must not end the run
            place = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
            return [Difference(None, "replay", "runs to its end", at)]


def memory() -> str | None:
    """A file system in memory with room for the hosts (thousands of small files), if there is one."""
    place = "/dev/shm"
    roomy = os.access(place, os.W_OK) and shutil.disk_usage(place).free > 500_000_000
    return place if roomy else None


def short(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}..."


def matching(entry: Recording, differences: list[Difference]) -> int:
    """How many of a recording's steps match: typed commands, and the end state as one."""
    if any(difference.what == "replay" for difference in differences):
        return 0
    return compare.step_count(entry) - len({difference.step for difference in differences})


def main() -> int:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__.partition("\n")[0])
    parser.add_argument("directories", nargs="*", type=Path, metavar="DIR")
    parser.add_argument("-k", metavar="TEXT", default="", help="only cases whose name holds this")
    parser.add_argument("-v", action="store_true", help="a line for every case, texts in full")
    options = parser.parse_args()
    try:
        library = recording.read(options.directories or [recording.FIXTURES])
    except (OSError, ValueError) as error:
        sys.exit(f"conformance: {error}")
    cases = sorted(case for case in library.recordings if options.k in case)
    shared = replace(library, recordings={})
    total = good = wrong = 0
    with tempfile.TemporaryDirectory(dir=memory()) as scratch, multiprocessing.Pool(2) as pool:
        work = partial(replay, library=shared, scratch=Path(scratch))
        entries = [library.recordings[case] for case in cases]
        for case, entry, differences in zip(cases, entries, pool.imap(work, entries, chunksize=8), strict=True):
            total += compare.step_count(entry)
            good += matching(entry, differences)
            wrong += any(not difference.known for difference in differences)
            report(case, differences, options.v)
    print(f"conformance: {good} of {total} steps match")
    return 1 if wrong else 0


def report(case: str, differences: list[Difference], verbose: bool) -> None:
    """One entry of the table: the case, and each difference with its reason or with both sides."""
    if not differences:
        if verbose:
            print(f"{case}: matches")
        return
    print(f"{case}: {'differs' if any(not found.known for found in differences) else 'differs as it should'}")
    for why in sorted({found.known for found in differences if found.known}):
        print(f"    {why}")
    shown = (lambda text: text) if verbose else short
    for found in differences:
        if not found.known:
            print(f"    {'end' if found.step is None else f'step {found.step + 1}'}, {found.what}")
            print(f"        recorded: {shown(found.recorded)}")
            print(f"        replayed: {shown(found.observed)}")


if __name__ == "__main__":
    sys.exit(main())
