# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow an update that is at work: its steps, its end, and the delivery of its result."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Sequence

from ..host import kept_result, update_progress
from ..host.update_progress import LOST, RUNNING, Seen
from ..host.update_store import DIRECTORY
from ..model.finding import refuse

_LOOK_SECONDS = 0.25
# News are gathered so long before they are handed over: each call costs about a second of the host's time, too.
_GATHER_SECONDS = 10.0
# So long a run may be dead before its job says so, if that is not dead as well.
_DEAD_SECONDS = 3.0


@dataclass(frozen=True)
class Options:
    """The options of the module; `wait` in seconds, `job` the path of a file that ansible's async wrapper writes."""

    run_id: str | None = None
    since: str = ""
    wait: int = 0
    job: str | None = None
    acknowledge: str | None = None


def run(
    options: Options,
    dry: bool,
    directory: str = DIRECTORY,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Return the module's result. Raises Refusal."""
    try:
        changed = options.acknowledge is not None and _acknowledge(options, dry, directory)
        seen, outcome = _follow(options, directory, clock, sleep)
        kept = kept_result.kept(directory)
    except OSError as exc:
        raise refuse(
            "progress-unreadable", f"The progress of updates cannot be read ({exc}).", "Run this as root."
        ) from None
    return {
        "changed": changed,
        "state": seen.state,
        "run_id": seen.run_id,
        "began": seen.began,
        "images": latest(seen.steps),
        "steps": list(seen.steps),
        "mark": f"{seen.run_id}:{seen.offset}",
        "undelivered": kept.run_id if kept else None,
        "job_result": outcome,
    }


def latest(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the last step of each image, the global zone's first, then by name."""
    last = {str(step["image"]): step for step in steps}
    return [last[image] for image in sorted(last, key=lambda image: (image != "global", image))]


def _acknowledge(options: Options, dry: bool, directory: str) -> bool:
    kept = kept_result.kept(directory)
    known = kept is not None and kept.run_id == options.acknowledge
    if dry:
        return known
    if known:
        kept_result.delivered(directory)
    if options.job:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(options.job)
    return known


def _follow(
    options: Options, directory: str, clock: Callable[[], float], sleep: Callable[[float], None]
) -> tuple[Seen, dict[str, Any] | None]:
    run_id, offset = _mark(options.since)
    began = clock()
    while True:
        # The job first: when it has its result, all steps are written.
        outcome = _outcome(options.job) if options.job and options.acknowledge is None else None
        seen = _of_interest(update_progress.read(run_id, offset, directory), options.run_id)
        waited = clock() - began
        if outcome is not None or waited >= min(_enough(seen, options), options.wait):
            return seen, outcome
        sleep(_LOOK_SECONDS)


def _enough(seen: Seen, options: Options) -> float:
    """Return how many seconds at most to wait for more than was seen."""
    if seen.state == LOST and seen.run_id == options.run_id:
        return _DEAD_SECONDS
    return _GATHER_SECONDS if seen.steps else options.wait


def _of_interest(seen: Seen, run_id: str | None) -> Seen:
    """Who follows a run of their own wants to know of another one only while it is at work."""
    if run_id is None or seen.run_id == run_id or seen.state == RUNNING:
        return seen
    return Seen()


def _mark(text: str) -> tuple[str, int]:
    if not text:
        return "", 0
    run_id, colon, offset = text.rpartition(":")
    if not colon or not offset.isdecimal():
        raise refuse(
            "mark", f"{text!r} is no mark of the progress of an update.", "Give the `mark` of an earlier call."
        )
    return run_id, int(offset)


def _outcome(job: str) -> dict[str, Any] | None:
    """Return what a module left in the file of its job; None if it has not ended."""
    try:
        with open(job, encoding="utf-8") as stream:
            told = json.load(stream)
    except FileNotFoundError:
        raise refuse(
            "job-gone",
            f"There is no {job} on this host.",
            "It has probably been rebooted into another boot environment meanwhile.",
        ) from None
    except ValueError:
        return None
    # async_wrapper writes `started` until the module's own result takes the place of all.
    return None if not isinstance(told, dict) or "started" in told else told
