"""One recording of pkg: set up, replayed, compared."""

from __future__ import annotations

from pathlib import Path

from testbed.conformance.difference import Outcome
from testbed.conformance.packages import compare, lent, replay, setup
from testbed.conformance.packages.recording import Library, Recording


def run(entry: Recording, library: Library, scratch: Path) -> Outcome:
    """``scratch``: an empty directory."""
    host = setup.make(scratch / "host", entry, library)
    if not lent.asked_for():
        return compare.compare(entry, replay.run(host, entry, library))
    observed, why = replay.run_lent(host, entry, library, scratch)
    outcome = compare.compare({**entry, "steps": entry["steps"][: len(observed)]}, observed)
    if why:
        outcome.ended = f"steps from {len(observed) + 1} on: {why}"
    return outcome
