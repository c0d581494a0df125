# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that starts a process: by argv, without a shell, in the C locale and a scrubbed environment."""

from __future__ import annotations

import codecs
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import IO, Any, Callable, Sequence

from ..model.exitcodes import PKG_LOCKED
from ..model.finding import Diagnosis
from ..model.uri import mask

# pkg's sentence for a locked image; set-publisher says it with exit code 1 (recording 11-locked-images).
LOCK_SENTENCE = "currently in use by another package client"
# Where illumos has its commands; appended to PATH, which a login may have set to something shorter.
_SYSTEM_PATH = ("/usr/sbin", "/usr/bin", "/sbin")
# What would change the behaviour or the language of a tool. _ZONEADM_LOCK_HELD makes zoneadm skip its lock.
_SCRUB_PREFIXES = ("PKG_", "LC_", "PYTHON", "_ZONEADM")
_SCRUB_NAMES = ("LANG", "LANGUAGE", "IFS", "ENV", "BASH_ENV", "GZ_IMAGE")
_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 15.0
_DYING_SECONDS = 5.0
# How often to look at what a changing command has written.
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Result:
    """What a command gave back; `seconds` is wall-clock time."""

    argv: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def locked(self) -> bool:
        """True if pkg gave up because another pkg holds the image."""
        return self.rc == PKG_LOCKED or (self.rc != 0 and LOCK_SENTENCE in self.stderr)

    def lines(self) -> list[str]:
        """The last lines of both outputs, as evidence for a diagnosis."""
        text = [line.rstrip() for line in (self.stdout + "\n" + self.stderr).splitlines() if line.strip()]
        return text[-20:]


class CommandError(Exception):
    """A command that could not be run, did not end in time, or (a probe) failed; carries a sentence for people."""

    def __init__(self, sentence: str, result: Result | None = None) -> None:
        super().__init__(mask(sentence))
        self.result = result

    @property
    def diagnosis(self) -> Diagnosis:
        """What is said where nobody has more to say of it."""
        return Diagnosis("probe-failed", str(self), "Mend that, then run again.")


class StillRunning(CommandError):
    """A changing command that has not ended within its limit. It was not killed and may still do its work."""

    @property
    def diagnosis(self) -> Diagnosis:
        """What is said where nobody has more to say of it."""
        return Diagnosis("still-running", str(self), "Wait for it to end, then run again.")


class Runner:
    """Runs probes and changing commands and keeps `actions`, the list of all that ran.

    `warn` takes a sentence; `clock` and `sleep` are those of the `time` module.
    """

    def __init__(
        self,
        warn: Callable[[str], None],
        lock_timeout: float = 600,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.warn: Callable[[str], None] = lambda sentence: warn(mask(sentence))
        self.lock_timeout = lock_timeout
        self.clock = clock
        self.sleep = sleep
        self.actions: list[dict[str, Any]] = []
        self._env = scrubbed(os.environ)

    def planned(self, argv: Sequence[str]) -> None:
        """Note a command that a real run would execute here."""
        self._note(argv)

    def probe(self, argv: Sequence[str], timeout: float = 120, ok: Sequence[int] = (0,)) -> Result:
        """Run a command that changes nothing. Killed after `timeout` seconds.

        Raises CommandError if it cannot be run, does not end, or ends with a code not in `ok`.
        """
        result = self._run(argv, lambda process, out: self._wait_or_kill(process, argv, timeout))
        if result.rc not in ok:
            detail = " / ".join(result.lines()[-3:]) or "no message"
            raise CommandError(f"`{' '.join(argv)}` failed with exit code {result.rc}: {detail}.", result)
        return result

    def change(
        self,
        argv: Sequence[str],
        expected: float = 600,
        limit: float = 7200,
        watch: Callable[[str], None] = lambda text: None,
    ) -> Result:
        """Run a changing command; it is never killed. Any exit code is handed back.

        After `expected` seconds a warning is given; after `limit` seconds StillRunning is raised and the
        command goes on by itself. A locked image is tried again, with growing pauses, until `lock_timeout`.
        `watch` gets what the command writes to stdout, piece by piece and cut anywhere, while it runs.
        """
        deadline = self.clock() + self.lock_timeout
        pause = _FIRST_BACKOFF
        while True:
            result = self._run(
                argv, lambda process, out: self._wait_patiently(process, argv, expected, limit, _Tail(out, watch))
            )
            if not result.locked or self.clock() + pause > deadline:
                return result
            self.sleep(pause)
            pause = min(pause * 2, _LONGEST_BACKOFF)

    def _run(self, argv: Sequence[str], wait: Callable[[subprocess.Popen[bytes], IO[bytes]], None]) -> Result:
        path = shutil.which(argv[0], path=self._env["PATH"])
        if path is None:
            raise CommandError(f"The command {argv[0]} is not on this host; it belongs to every illumos global zone.")
        action = self._note(argv)
        began = self.clock()
        # Files, not pipes: a changing command that outlives this process must not die of SIGPIPE. A session of
        # its own, so that a hang-up of the connection does not reach it.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self._start(argv, path, out, err)
            wait(process, out)
            seconds = round(self.clock() - began, 3)
            result = Result(tuple(argv), process.returncode, _text(out), _text(err), seconds)
        action.update(rc=result.rc, seconds=seconds)
        return result

    def _start(self, argv: Sequence[str], path: str, out: IO[bytes], err: IO[bytes]) -> subprocess.Popen[bytes]:
        # What pkg writes into a zone must be readable there, however careful root's own umask is.
        umask = os.umask(0o022)
        try:
            return subprocess.Popen(
                list(argv),
                executable=path,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self._env,
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.umask(umask)

    def _wait_or_kill(self, process: subprocess.Popen[bytes], argv: Sequence[str], timeout: float) -> None:
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # One that hangs in the kernel (a suspended pool) does not even die; leave it.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_DYING_SECONDS)
            raise CommandError(f"`{' '.join(argv)}` gave no answer within {timeout:g} seconds.") from None

    def _wait_patiently(
        self, process: subprocess.Popen[bytes], argv: Sequence[str], expected: float, limit: float, tail: _Tail
    ) -> None:
        if _ended_within(process, min(expected, limit), tail):
            return
        if expected < limit:
            self.warn(f"`{' '.join(argv)}` has been running for {expected:g} seconds; waiting on.")
        if not _ended_within(process, max(0.0, limit - expected), tail):
            raise StillRunning(
                f"`{' '.join(argv)}` has not ended within {max(expected, limit):g} seconds. It was not killed and may "
                f"still do its work (process {process.pid})."
            )

    def _note(self, argv: Sequence[str]) -> dict[str, Any]:
        action: dict[str, Any] = {"argv": [mask(word) for word in argv], "rc": None, "seconds": None}
        self.actions.append(action)
        return action


class _Tail:
    """Hands on what a command has written since the last look."""

    def __init__(self, stream: IO[bytes], watch: Callable[[str], None]) -> None:
        self._stream = stream
        self._watch = watch
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def look(self) -> None:
        # Not by seek and read: the command shares this file's position.
        while True:
            data = os.pread(self._stream.fileno(), 65536, self._offset)
            if not data:
                return
            self._offset += len(data)
            self._watch(self._decoder.decode(data))


def _ended_within(process: subprocess.Popen[bytes], seconds: float, tail: _Tail) -> bool:
    while True:
        try:
            process.wait(min(seconds, _LOOK_SECONDS))
            return True
        except subprocess.TimeoutExpired:
            seconds -= _LOOK_SECONDS
            if seconds <= 0:
                return False
        finally:
            tail.look()


def scrubbed(environ: Any) -> dict[str, str]:
    """Return the environment for tools: without what changes their behaviour or language, LC_ALL=C."""
    env = {
        key: value for key, value in environ.items() if not key.startswith(_SCRUB_PREFIXES) and key not in _SCRUB_NAMES
    }
    env["LC_ALL"] = "C"
    path = [part for part in env.get("PATH", "").split(":") if part.startswith("/")]
    env["PATH"] = ":".join(path + [part for part in _SYSTEM_PATH if part not in path])
    return env


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", errors="replace")
