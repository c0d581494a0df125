"""A host is a directory. What lies in it is what the host shows as `/`; `/.testbed` holds what is not a file there.

A dataset's files are one directory. While the dataset is mounted, that directory *is* the mount point (it was renamed
there, the empty directory it covers waits in `/.testbed/under`); while it is not, it lies in `/.testbed/data`. So no
mount of the machine is needed, every process sees the same, and nothing is left behind when one is killed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from testbed.state import State

if TYPE_CHECKING:
    from testbed.command import Context, Result

PRIVATE = ".testbed"


class Host:
    """One simulated host. ``directory`` is `/` for a process inside it (enter.py), any path for one outside."""

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)
        self.private = self.directory / PRIVATE
        self.state = State()
        self.changed = False
        """Set by everything that changes a file or the state; the command log takes and clears it."""
        self.starting: Callable[[Context], None] | None = None
        """Told of every command about to run, with the state on disk as it is then."""
        self.observer: Callable[[Context, Result | None], None] | None = None
        """Told of every command that ends on this host object, with its texts (None: it was killed); for replays."""
        self.went_down = False
        """Set by a reboot or a shutdown: once the command ends, every process of the host ends with it."""
        self._saved = ""
        self._lock: int | None = None

    def path(self, absolute: str) -> Path:
        """Where the host's path ``absolute`` is for this process."""
        return self.directory / absolute.lstrip("/")

    # -- state ---------------------------------------------------------------------------------------------------

    def load(self) -> None:
        self._saved = (self.private / "state.json").read_text()
        self.state = State.from_json(self._saved)

    def save(self) -> None:
        text = self.state.to_json()
        if text == self._saved:
            return
        target = self.private / "state.json"
        scratch = self.private / f"state.{os.getpid()}"
        scratch.write_text(text)
        scratch.rename(target)
        self._saved = text

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the host's lock, with the state as it is now; saved at the end, also when a command is killed."""
        self._acquire()
        try:
            yield
        finally:
            try:
                self.save()
            finally:
                self._release()

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Let others work while this command waits (a boot, a hanging command, a shell in a zone)."""
        if self._lock is None:
            yield
            return
        self.save()
        self._release()
        try:
            yield
        finally:
            self._acquire()

    def _acquire(self) -> None:
        self._lock = os.open(self.private / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            self.load()
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- files (every change goes through these, so the log can say that there was one) ----------------------------

    def write(self, absolute: str, text: str, mode: int = 0o644) -> None:
        """Write a file as a whole, atomically."""
        target = self.path(absolute)
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.{os.getpid()}")
        scratch.write_text(text)
        scratch.chmod(mode)
        scratch.rename(target)
        self.changed = True

    def append(self, absolute: str, text: str, mode: int = 0o644) -> None:
        target = self.path(absolute)
        new = not target.exists()
        with target.open("a") as stream:
            stream.write(text)
        if new:
            target.chmod(mode)
        self.changed = True

    def mkdir(self, absolute: str, mode: int = 0o755) -> None:
        """Make a directory and those above it; an existing one is left alone."""
        target = self.path(absolute)
        if not target.is_dir():
            target.mkdir(parents=True)
            target.chmod(mode)
            self.changed = True

    def remove(self, absolute: str) -> None:
        """Remove a file, a link or a whole directory; nothing there is no error."""
        target = self.path(absolute)
        if target.is_dir() and not target.is_symlink():
            import shutil  # costs 5 ms, and most commands remove nothing

            shutil.rmtree(target)
        elif target.is_symlink() or target.exists():
            target.unlink()
        else:
            return
        self.changed = True


def create(directory: Path | str) -> Host:
    """An empty host: no datasets, no files, powered on."""
    host = Host(directory)
    for name in ("data", "snapshots", "under"):
        (host.private / name).mkdir(parents=True)
    (host.private / "log.jsonl").touch()
    (host.private / "state.json").write_text("")
    host.save()
    return host
