# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file in which a running update says how far it is; only for the eye, no decision hangs on its content.

One JSON object on each line: `{run, began}`, then steps, and `{ended}` if the run came to an end, good or bad. Who
writes it holds a lock on it, so that one that was killed is told from one that is at work.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Protocol

from . import durable
from .update_store import DIRECTORY

# What image and phase go on with is told so often at most, in seconds.
_EVERY = 15.0

NONE = "none"
RUNNING = "running"
ENDED = "ended"
LOST = "lost"


@dataclass(frozen=True)
class Seen:
    """What the file says from an offset (in bytes) on; `offset` is where the next reading begins.

    `state` is `none`, `running`, `ended`, or `lost`: nobody writes it any more and it has no end. `began` and the
    steps' `at` are UTC, as `2026-11-21T19:03:16Z`.
    """

    run_id: str = ""
    began: str = ""
    state: str = NONE
    steps: tuple[dict[str, Any], ...] = ()
    offset: int = 0


class Tell(Protocol):
    """Notes a step of one image; `image` is pkg's name of it, or "global". Never raises."""

    def __call__(
        self, image: str, phase: str, done: int | None = None, total: int | None = None, sentence: str = ""
    ) -> None: ...


def silently(image: str, phase: str, done: int | None = None, total: int | None = None, sentence: str = "") -> None:
    """Note nothing: for a run of which there is nothing to follow."""


class _Writer:
    """Notes each image's every phase once, and beyond that one step in a while."""

    def __init__(self, stream: int, warn: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._stream = stream
        self._warn = warn
        self._clock = clock
        self._told: set[tuple[str, str]] = set()
        self._last = 0.0
        self._broken = False

    def tell(
        self, image: str, phase: str, done: int | None = None, total: int | None = None, sentence: str = ""
    ) -> None:
        now = self._clock()
        if (image, phase) in self._told and now - self._last < _EVERY:
            return
        self._told.add((image, phase))
        self._last = now
        self.write(
            {"at": _utc(now), "image": image, "phase": phase, "done": done, "total": total, "sentence": sentence}
        )

    def write(self, entry: dict[str, Any]) -> None:
        if self._broken:
            return
        try:
            os.write(self._stream, _line(entry))
        except OSError as exc:  # a full disk must not come between an update and its end
            self._broken = True
            self._warn(f"The progress of the update cannot be noted any more ({exc}); it goes on.")


def path(directory: str = DIRECTORY) -> str:
    """Return where the file is."""
    return os.path.join(directory, "progress.jsonl")


@contextlib.contextmanager
def writing(
    run_id: str, warn: Callable[[str], None], directory: str = DIRECTORY, clock: Callable[[], float] = time.time
) -> Iterator[Tell]:
    """Note the progress of a run in a new file. Only who holds the lock on updates may do so. Raises OSError."""
    durable.make_directory(directory)
    temporary = path(directory) + ".new"
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    stream = os.open(temporary, flags, 0o600)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
        os.write(stream, _line({"run": run_id, "began": _utc(clock())}))
        os.replace(temporary, path(directory))
        writer = _Writer(stream, warn, clock)
        try:
            yield writer.tell
        finally:
            writer.write({"ended": _utc(clock())})
    finally:
        os.close(stream)


def read(run_id: str = "", offset: int = 0, directory: str = DIRECTORY) -> Seen:
    """Return what the file says from `offset` on if it is that of the run, else from its beginning. Raises OSError."""
    try:
        with open(path(directory), "rb") as stream:
            # Before the content: a run that ends in between has written its end by then.
            writing_on = _is_locked(stream.fileno())
            content = stream.read()
    except FileNotFoundError:
        return Seen()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.splitlines(keepends=True) or [b""]
    head = _parse(lines[0])
    steps_from = max(offset, len(lines[0])) if head.get("run") == run_id else len(lines[0])
    return Seen(
        run_id=str(head.get("run", "")),
        began=str(head.get("began", "")),
        state=RUNNING if writing_on else ENDED if "ended" in _parse(lines[-1]) else LOST,
        steps=tuple(entry for entry in map(_parse, whole[steps_from:].splitlines()) if "phase" in entry),
        offset=len(whole),
    )


def _is_locked(stream: int) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _parse(line: bytes) -> dict[str, Any]:
    # What is not JSON is what a power cut has left.
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
