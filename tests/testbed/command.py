"""Running a command of the host: find it, apply the declared faults, run it, log it.

A command is a function ``main(ctx, args) -> exit code`` in `testbed.commands`. Commands run by others (the brand hooks
run zfs, mount, beadm, pkg) go the same way through ``Context.run``, with the same log and the same faults.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed import faults, log
from testbed.host import Host

COMMANDS: dict[str, tuple[str, str]] = {
    "/usr/sbin/zoneadm": ("zoneadm", "main"),
    "/usr/sbin/zonecfg": ("zonecfg", "main"),
    "/usr/sbin/zlogin": ("zlogin", "main"),
    "/usr/bin/zonename": ("zonename", "main"),
    "/usr/sbin/beadm": ("beadm", "main"),
    "/usr/sbin/zfs": ("zfs", "main"),
    "/usr/sbin/mount": ("mount", "mount"),
    "/usr/sbin/umount": ("mount", "umount"),
    "/usr/sbin/fuser": ("fuser", "main"),
    "/usr/bin/ps": ("ps", "main"),
    "/usr/bin/svcs": ("svcs", "main"),
    "/usr/sbin/svcadm": ("svcadm", "main"),
    "/usr/bin/uname": ("uname", "main"),
    "/usr/sbin/init": ("power", "init"),
    "/usr/sbin/shutdown": ("power", "shutdown"),
    "/usr/sbin/reboot": ("power", "reboot"),
    "/usr/bin/pkg": ("pkg", "main"),
    "/usr/bin/kstat": ("inventory", "kstat"),
    "/usr/sbin/prtconf": ("inventory", "prtconf"),
    "/usr/sbin/prtdiag": ("inventory", "prtdiag"),
    "/usr/sbin/swap": ("inventory", "swap"),
    "/usr/sbin/ifconfig": ("inventory", "ifconfig"),
    "/usr/bin/hostname": ("inventory", "hostname"),
    "/usr/bin/who": ("inventory", "who"),
}
"""Path on the host -> (module in testbed.commands, function). /sbin and /bin are links to the /usr ones."""

HOOK_TOOLS: dict[str, tuple[str, str]] = {
    "rm": ("tools", "rm"),
    "rmdir": ("tools", "rmdir"),
    "cp": ("tools", "cp"),
    "system-unconfigure": ("tools", "unconfigure"),
    "dladm": ("tools", "dladm"),
    "route": ("tools", "route"),
}
"""Commands that brand hooks run, with log and faults like any other, but that are not put on the host's path."""

UNREAD = 120
"""Exit code of a Python program, as pkg is one, that cannot write its last words."""

BY_NAME = HOOK_TOOLS | {path.rsplit("/", 1)[1]: place for path, place in COMMANDS.items()}


@dataclass(frozen=True)
class Result:
    rc: int
    stdout: str
    stderr: str


class Context:
    """What one running command sees: the host, its environment, where it runs, and where its output goes."""

    def __init__(
        self,
        host: Host,
        argv: Sequence[str],
        env: Mapping[str, str],
        zone: str = "global",
        parent: int | None = None,
        stdin: Callable[[], str] = lambda: "",
        user: int = 0,
    ) -> None:
        self.host = host
        self.argv = list(argv)
        self.env = dict(env)
        self.zone = zone
        self.parent = parent
        self.user = user
        """Its user id; pkg asks for it, what else a host has is for root only."""
        self.number = 0
        self.fault: faults.Fault | None = None
        """What strikes this command; pkg asks it while it works."""
        self.stdin = stdin
        """Reads all of standard input; empty for commands run by others."""
        self.live = False
        """Standard output is this process's own: what is flushed is seen at once."""
        self.held: set[Path] = set()
        """Files that stay locked while it waits and lets others work."""
        self._out: list[str] = []
        self._err: list[str] = []
        self._flushed = 0

    def out(self, text: str) -> None:
        """Write text, newline included, to standard output."""
        self._out.append(text)

    def flush(self) -> None:
        """Show what there is of standard output: somebody may look on. Raises BrokenPipeError if nobody does."""
        if self.live and not (self.fault and "stdout" in self.fault.entry):
            fresh = self._out[self._flushed :]
            self._flushed = len(self._out)
            sys.stdout.write("".join(fresh))
            sys.stdout.flush()

    @property
    def shown(self) -> str:
        """What was flushed."""
        return "".join(self._out[: self._flushed])

    def err(self, text: str) -> None:
        """Write text, newline included, to standard error."""
        self._err.append(text)

    def run(self, argv: Sequence[str], env: Mapping[str, str] | None = None, zone: str | None = None) -> Result:
        """Run another command of the host, as a hook does; its output comes back and is not printed."""
        child = Context(self.host, argv, {**self.env, **(env or {})}, zone or self.zone, parent=self.number)
        return execute(child)

    def result(self, rc: int) -> Result:
        return Result(rc, "".join(self._out), "".join(self._err))


def execute(ctx: Context) -> Result:
    """Run ``ctx.argv``. The host must be locked. Raises faults.Killed where a declared fault says so."""
    host = ctx.host
    outer_changed, host.changed = host.changed, False
    ctx.number = _next_number(host)
    started = time.monotonic()
    argv = ctx.argv
    rc: int | None = None
    result = ctx.result(127)
    if host.starting is not None:
        host.save()
        host.starting(ctx)
    try:
        ctx.fault = fault = faults.before(ctx)
        forced = fault.instead() if fault else None
        result = ctx.result(_call(ctx)) if forced is None else forced
        if fault:
            result = fault.after(ctx, result)
        rc = result.rc
        return result
    finally:
        host.save()
        ctx.argv = argv  # as it was asked for, whatever a fault made of it
        log.append(host.private, _record(ctx, rc, time.monotonic() - started))
        if host.observer is not None:
            host.observer(ctx, None if rc is None else result)
        host.changed = outer_changed or host.changed


def _call(ctx: Context) -> int:
    place = BY_NAME.get(os.path.basename(ctx.argv[0]))
    if place is None and ctx.argv[0].startswith("/usr/lib/brand/"):
        from testbed import hooks

        return hooks.main(ctx, ctx.argv[1:])
    if place is None:
        ctx.err(f"{ctx.argv[0]}: this simulated host does not have the command\n")
        return 127
    module = importlib.import_module(f"testbed.commands.{place[0]}")
    rc: int = getattr(module, place[1])(ctx, ctx.argv[1:])
    return rc


def _next_number(host: Host) -> int:
    counter = host.private / "log.count"
    number = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(number))
    return number


def _record(ctx: Context, rc: int | None, seconds: float) -> dict[str, object]:
    return {
        "n": ctx.number,
        "parent": ctx.parent,
        "argv": ctx.argv,
        "rc": rc,
        "seconds": round(seconds, 4),
        "changed": ctx.host.changed,
        "env": {key: value for key, value in ctx.env.items() if key.startswith("PKG_")},
        "zone": ctx.zone,
    }


def run(
    host: Host, argv: Sequence[str], env: Mapping[str, str] | None = None, stdin: str = "", user: int = 0
) -> Result:
    """Run one command on ``host`` from outside (tests, replays): takes the lock, loads and saves the state."""
    with host.locked():
        return execute(Context(host, argv, env or {}, host.state.zonename, stdin=lambda: stdin, user=user))


def absent() -> None:
    """Entry of the commands that a real host has and this one has not."""
    name = os.path.basename(sys.argv[0])
    host = Host(Path("/"))
    with host.locked():
        ctx = Context(host, [name, *sys.argv[1:]], os.environ, host.state.zonename)
        ctx.number = _next_number(host)
        log.append(host.private, _record(ctx, 127, 0.0))
    sys.stderr.write(f"{name}: this simulated host does not have the command\n")
    sys.exit(127)


def main() -> None:
    """Entry of the command files on the host: argv[0] tells which command it is."""
    host = Host(Path("/"))
    argv = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
    parent = int(os.environ["TESTBED_PARENT"]) if "TESTBED_PARENT" in os.environ else None
    with host.locked():
        zone = os.environ.get("TESTBED_ZONE", host.state.zonename)
        ctx = Context(host, argv, os.environ, zone, parent, stdin=sys.stdin.read)
        ctx.live = True
        try:
            result = execute(ctx)
        except faults.Killed as killed:
            killed.die(host)
    rc = result.rc
    try:
        sys.stdout.write(result.stdout[len(ctx.shown) :])
        sys.stdout.flush()
    except BrokenPipeError:
        rc = UNREAD
    sys.stderr.write(result.stderr)
    sys.stderr.flush()
    if host.went_down:
        faults.end_processes(host)
    os._exit(rc)
