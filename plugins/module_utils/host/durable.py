# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a later run must find again: files that survive a power loss, and locks, below /var/lib/illumos.linked_zones.

Files `NAME.json` in that directory itself are journals of zones (host/journal.py); everything else has a
directory of its own below it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Callable, Iterator

DIRECTORY = "/var/lib/illumos.linked_zones"
_POLL_SECONDS = 0.5


class Held(Exception):
    """Somebody else holds the lock and has not let go of it in time."""


def make_directory(path: str) -> None:
    """Make the directory, mode 0700, and those above it."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    status = os.lstat(path)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        os.chmod(path, 0o700)


def write(path: str, text: str) -> None:
    """Put a file of mode 0600 in the place of the one there was; when this returns it survives a power loss."""
    make_directory(os.path.dirname(path))
    temporary = path + ".new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    sync(os.path.dirname(path))


def read(path: str) -> str | None:
    """Return the file's text, None if there is none. Raises OSError, and ValueError if it is no text."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def remove(path: str) -> None:
    """Remove a file durably; it need not be there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        sync(os.path.dirname(path))


def sync(directory: str) -> None:
    """Let changes of a directory's entries survive a power loss."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def lock(
    path: str,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold a lock while this process lives or the block lasts. Raises Held after `timeout` seconds."""
    make_directory(os.path.dirname(path))
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = clock() + timeout
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock() >= deadline:
                    raise Held(path) from None
                sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(fd)
