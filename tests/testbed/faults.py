"""Declared faults: a command that fails, hangs, changes what lies round it, or dies; and power cuts.

A fault is an entry of ``state.faults``::

    match: "zfs set canmount=on"   regular expression, searched in the argv joined with blanks
    nth: 2                         the second command that matches (default 1), whoever ran it; `every`: all of them
    typed: true                    count only commands that no other command of the host ran
    rc: 1, stdout: "", stderr: ""  it does nothing but print this and exit so
    effect: {busy: PATH}           the path is busy from right before it on; it runs (rc and texts overlaid if given)
    effect: {lock: IMAGE ROOT}     another pkg takes this lock right before it and keeps it
    effect: {without: [ARG, ...]}  it runs without these arguments
    effect: {offline: URI}         the repository cannot be reached from right before it on
    hang: 5                        it takes that many seconds longer, then goes on
    at: "Finalize: .*zone:db01"    regular expression: not before the command but right after it has written a line of
                                   progress that matches; lines of a child, which nobody sees, begin with `zone:db01 `.
                                   `hang` then strikes at every such line, `effect` and `kill` at the first
    effect: {error: ENOSPC, right_after_replacing: etc/release}
                                   pkg gets this error right after it has replaced that path
    effect: {sleeps: 60, rc_when_signalled: 1, holds_open: PATH}
                                   it does nothing but wait for the signal of a `kill` and then exits so; if the hook
                                   is killed `alone` it goes on, with the file open, and the hook's exit trap meets it
                                   (but for SIGINT: ksh93 waits for the command it runs, at SIGTERM and SIGHUP not)
    kill: {target: ..., when: before|during|after, signal: 9}
                                   target `hook`: the brand hook that ran it; `command`: this command;
                                   `caller`: the process that typed it (a module); `power`: the host loses power;
                                   `connection`: what Ansible reached the host by breaks, and the processes of its
                                   session get SIGHUP; one in a session of its own goes on, this command, too
    kill: {..., when: during, right_after_replacing: etc/release}
                                   right after pkg has replaced that path; `image: zone:db01` beside it: in that image

``seen`` counts the matches so far. Several entries may strike one command (an effect and a kill).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testbed.command import Context, Result
    from testbed.host import Host


CONNECTIONS = "connections"
"""Below the host's private directory: a file for each connection, with the id of its session."""


class Killed(BaseException):
    """Something died here. Passes through everything that the dying process would not have run."""

    def __init__(self, target: str, number: int) -> None:
        super().__init__(target, number)
        self.target = target
        self.signal = number

    def die(self, host: Host) -> None:
        """Carry it out on real processes; does not return."""
        if self.target == "connection":
            hang_up(host)
            os.kill(os.getpid(), signal.SIGHUP)
        elif self.target == "caller":
            os.kill(_caller(), self.signal)
        elif self.target == "hook":
            os.kill(int(os.environ["TESTBED_HOOK"]), self.signal)
        elif self.target == "power":
            host.state.powered = False
            host.save()
            end_processes(host)
        os.kill(os.getpid(), signal.SIGKILL)


def end_processes(host: Host) -> None:
    """Kill every process of the host but this one, also those that start meanwhile: it went down."""
    while others := [process for process in processes(host.directory) if process != os.getpid()]:
        for process in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def sessions(host: Host) -> set[int]:
    """Sessions of the connections that are open now; `enter` noted them."""
    texts = [entry.read_text() for entry in (host.private / CONNECTIONS).glob("*")]
    return {int(text) for text in texts if text}


def hang_up(host: Host) -> None:
    """Break all connections: the other end finds its file gone, processes of the session (but this one) get SIGHUP."""
    lost = sessions(host)
    for entry in (host.private / CONNECTIONS).glob("*"):
        entry.unlink(missing_ok=True)
    for process in processes(host.directory):
        with contextlib.suppress(ProcessLookupError):
            if process != os.getpid() and os.getsid(process) in lost:
                os.kill(process, signal.SIGHUP)


def processes(root: Path) -> list[int]:
    """Processes whose root directory is this host's, seen from inside or outside of it."""
    here = os.stat(root)
    proc = "/proc" if os.path.exists("/proc/self") else "/.testbed/proc"
    found = []
    for entry in os.listdir(proc):
        if entry.isdigit():
            try:
                there = os.stat(f"{proc}/{entry}/root")
            except OSError:
                continue
            if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
                found.append(int(entry))
    return found


class Fault:
    """One declared fault at the command that it strikes."""

    def __init__(
        self,
        entry: dict[str, Any],
        steps: list[dict[str, Any]],
        host: Host,
        make: Callable[[int, str, str], Result],
    ) -> None:
        self.entry = entry
        self.steps = steps
        """Faults that strike at a line of progress."""
        self.host = host
        self.effect: dict[str, Any] = entry.get("effect") or {}
        self._make = make

    def instead(self) -> Result | None:
        """The result to give without running the command, if that is what the fault says."""
        if "sleeps" in self.effect:
            return self._make(self.effect.get("rc_when_signalled", 1), "", "")
        if self.entry.get("rc") is None or self.effect:
            return None
        return self._make(self.entry["rc"], self.entry.get("stdout") or "", self.entry.get("stderr") or "")

    def due(self, line: str) -> list[dict[str, Any]]:
        """What strikes at this line of progress."""
        return [entry for entry in self.steps if re.search(entry["at"], line)]

    def step(self, ctx: Context, line: str) -> None:
        """The command has just written a line of progress. Raises Killed."""
        for entry in self.due(line):
            kill = entry.get("kill")
            if kill or entry.get("effect"):
                self.steps.remove(entry)
            _change(ctx, entry)
            if kill and kill["target"] == "caller":
                os.kill(_caller(), kill.get("signal", signal.SIGKILL))
            elif kill:
                _kill(kill, ctx.host)

    def replaced(self, path: str, image: str) -> str | None:
        """pkg has just replaced ``path`` (no slash before it): the name of the error it gets now, if one is declared.

        ``image``: name of the child, empty for the image that pkg works on. Raises Killed if that is declared.
        """
        kill = self.entry.get("kill") or {}
        if kill.get("right_after_replacing") == path and kill.get("image", image) == image:
            _kill(kill, self.host)
        if self.effect.get("right_after_replacing") == path and self.effect.get("image", image) == image:
            return str(self.effect["error"])
        return None

    def after(self, ctx: Context, result: Result) -> Result:
        """What happens once the command has run: overlaid exit code and texts, or death."""
        kill = self.entry.get("kill")
        if kill and kill.get("when", "after") != "before" and "right_after_replacing" not in kill:
            if kill.get("alone") and kill.get("signal") != signal.SIGINT and "holds_open" in self.effect:
                ctx.host.state.busy.append(self.effect["holds_open"])
            _kill(kill, ctx.host)
        if not self.effect:
            return result
        given = {key: self.entry[key] for key in ("rc", "stdout", "stderr") if self.entry.get(key) is not None}
        return self._make(
            given.get("rc", result.rc), given.get("stdout", result.stdout), given.get("stderr", result.stderr)
        )


def before(ctx: Context) -> Fault | None:
    """The fault that strikes this command, if any, with what it does beforehand already done."""
    from testbed.command import Result

    line = " ".join(ctx.argv)
    struck: dict[str, Any] = {}
    steps: list[dict[str, Any]] = []
    for entry in ctx.host.state.faults:
        if not re.search(entry["match"], line) or (entry.get("typed") and ctx.parent is not None):
            continue
        entry["seen"] = entry.get("seen", 0) + 1
        if entry.get("nth", 1) not in (entry["seen"], "every"):
            continue
        if "at" in entry:
            steps.append(entry)
        else:
            struck |= entry
    if not struck and not steps:
        return None
    ctx.host.save()
    _change(ctx, struck)
    kill = struck.get("kill")
    if kill and kill.get("when") == "before":
        _kill(kill, ctx.host)
    return Fault(struck, steps, ctx.host, Result)


def _change(ctx: Context, struck: dict[str, Any]) -> None:
    """What the fault makes different for the command, and how long that takes."""
    effect = struck.get("effect") or {}
    for key, known in (
        ("busy", ctx.host.state.busy),
        ("lock", ctx.host.state.locks),
        ("offline", ctx.host.state.offline),
    ):
        if key in effect:
            known.append(effect[key])
    if "without" in effect:
        ctx.argv = [word for word in ctx.argv if word not in effect["without"]]
    if struck.get("hang"):
        _pause(ctx, struck["hang"])


def _pause(ctx: Context, seconds: float) -> None:
    """Let others work; what the command has locked they find locked."""
    with contextlib.ExitStack() as stack:
        for path in ctx.held:
            fcntl.flock(stack.enter_context(open(path, "a")), fcntl.LOCK_EX)
        with ctx.host.unlocked():
            time.sleep(seconds)


def is_held(path: Path) -> bool:
    """Whether a command that waits has locked the file."""
    with contextlib.suppress(FileNotFoundError), open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _caller() -> int:
    return int(os.environ.get("TESTBED_CALLER", os.getppid()))


def _kill(kill: dict[str, Any], host: Host) -> None:
    """Raises Killed, unless only the connection breaks and this process is not of its session (or ignores SIGHUP)."""
    if kill["target"] == "connection" and (
        os.getsid(0) not in sessions(host) or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    ):
        hang_up(host)
        return
    raise Killed(kill["target"], kill.get("signal", signal.SIGKILL))
