"""Replaying with another pkg: TESTBED_PKG typed on the entered host, the repositories of TESTBED_REPOS at /repo.

Its images are those that the testbed writes, what happens around it happens in files: repositories are copied for each
recording and replaced or moved away, locks are locks, a directory in which nothing can be changed is one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from testbed import __main__ as cli
from testbed.conformance.packages import situations
from testbed.conformance.packages.recording import Library
from testbed.host import Host
from testbed.outside import PKG, REPOSITORIES

FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x80086601, 0x40086602, 0x10
"""linux/fs.h; what chattr +i sets."""


class Ends(Exception):
    """The replay cannot go on from here with what was lent; the message says what it lacks."""


def asked_for() -> bool:
    """Whether a pkg is lent."""
    return bool(os.environ.get(PKG))


class Lent:
    """The host of one recording with the lent pkg. Use it as a context: it leaves nothing locked or immutable."""

    def __init__(self, host: Host, library: Library, stage: str, scratch: Path) -> None:
        if not os.environ.get(REPOSITORIES):
            raise Ends(f"{REPOSITORIES} is not set: a lent pkg needs the repositories of the recordings")
        self.host = host
        self.library = library
        self.offered = Path(os.environ[REPOSITORIES])
        self.repositories = scratch / "repositories"
        self.away = scratch / "away"
        self._locks: dict[str, IO[str]] = {}
        self._immutable: list[int] = []
        """Open directories: a reboot gives them other paths."""
        self.publish(stage)

    def __enter__(self) -> Lent:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:
            for directory in self._immutable:
                stack.callback(os.close, directory)
                stack.callback(_set_immutable, directory, False)
            for file in self._locks.values():
                stack.callback(file.close)

    def type(self, argv: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command on the host as somebody at a shell does, in `/` as when the recordings were made."""
        words = ["env", "--chdir=/", *(f"{name}={value}" for name, value in env.items()), *argv]
        enter = [sys.executable, "-IS", cli.__file__, "enter", str(self.host.directory), "--", *words]
        around = {**os.environ, REPOSITORIES: str(self.repositories)}
        return subprocess.run(enter, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=around, check=False)

    def carry_out(self, words: list[str]) -> None:
        """Do what `@WORD ARGUMENT...` says. Raises Ends, situations.Unknown."""
        own: dict[str, Callable[..., None]] = {
            "@publish": self.publish,
            "@repo-offline": self._take_away,
            "@repo-online": self._bring_back,
            "@lock": self._lock,
            "@unlock": self._unlock,
            "@immutable": lambda who, path: self._change_immutable(who, path, True),
            "@mutable": lambda who, path: self._change_immutable(who, path, False),
        }
        if words[0] in own:
            own[words[0]](*words[1:])
        else:
            with self.host.locked():
                situations.carry_out(self.host, self.library, words)

    def publish(self, stage: str) -> None:
        """`base` is TESTBED_REPOS itself, another stage the directory beside it with -STAGE at the end of its name."""
        source = self.offered if stage == "base" else self.offered.with_name(f"{self.offered.name}-{stage}")
        if not source.is_dir():
            raise Ends(f"no repositories of stage {stage}: {source} is not there")
        shutil.rmtree(self.repositories, ignore_errors=True)
        shutil.copytree(source, self.repositories, symlinks=True)

    def _take_away(self, directory: str) -> None:
        (self.away / directory).parent.mkdir(parents=True, exist_ok=True)
        (self.repositories / directory).rename(self.away / directory)

    def _bring_back(self, directory: str) -> None:
        (self.away / directory).rename(self.repositories / directory)

    def _lock(self, who: str) -> None:
        file = self._inside(who, "var/pkg/lock").open("a")
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._locks[who] = file

    def _unlock(self, who: str) -> None:
        self._locks.pop(who).close()

    def _change_immutable(self, who: str, path: str, immutable: bool) -> None:
        directory = os.open(self._inside(who, path), os.O_RDONLY | os.O_DIRECTORY)
        self._immutable.append(directory)
        try:
            _set_immutable(directory, immutable)
        except OSError as error:
            raise Ends(f"no directory can be made immutable here: {error}") from error

    def _inside(self, who: str, path: str) -> Path:
        with self.host.locked():
            return self.host.path(f"{situations.image_root(self.host, who).rstrip('/')}/{path}")


def _set_immutable(directory: int, immutable: bool) -> None:
    """Raises OSError."""
    flags: int = struct.unpack("l", fcntl.ioctl(directory, FS_IOC_GETFLAGS, struct.pack("l", 0)))[0]
    flags = flags | FS_IMMUTABLE_FL if immutable else flags & ~FS_IMMUTABLE_FL
    fcntl.ioctl(directory, FS_IOC_SETFLAGS, struct.pack("l", flags))
