"""One recording of pkg: set up, replayed, compared."""

from __future__ import annotations

from pathlib import Path

from testbed.conformance.difference import Outcome
from testbed.conformance.packages import compare, replay, setup
from testbed.conformance.packages.recording import Library, Recording


def run(entry: Recording, library: Library, scratch: Path) -> Outcome:
    """``scratch``: an empty directory."""
    host = setup.make(scratch / "host", entry, library)
    return compare.compare(entry, replay.run(host, entry, library))
