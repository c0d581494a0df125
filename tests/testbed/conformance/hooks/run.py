"""One recording of the brand hooks: set up, replayed, compared."""

from __future__ import annotations

from pathlib import Path

from testbed.conformance.difference import Outcome
from testbed.conformance.hooks import compare, setup
from testbed.conformance.hooks.recording import Library, Recording
from testbed.conformance.hooks.replay import Replay


def run(entry: Recording, library: Library, scratch: Path, templates: Path) -> Outcome:
    """``scratch``: an empty directory; ``templates``: where image trees are kept for the next recording."""
    host = setup.build(scratch / "host", entry, library, templates)
    differences = compare.compare(entry, Replay(host, entry).run())
    steps = compare.step_count(entry)
    return Outcome(entry["case"], steps, steps - len({found.step for found in differences}), differences)
