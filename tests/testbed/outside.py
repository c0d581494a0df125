"""Programs lent to an entered host: brand hooks that lie on it as files, and another pkg in place of the testbed's.

They are processes of their own and run the host's commands as processes, so the host is not locked meanwhile. What they
do is not looked into: it counts as a change, but for what pkg only reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import faults
from testbed.command import Context

if TYPE_CHECKING:
    import subprocess

HOOKS, PKG, REPOSITORIES = "TESTBED_HOOKS", "TESTBED_PKG", "TESTBED_REPOS"
"""What `enter` takes from its environment: a directory for /usr/lib/brand, a program for pkg, a directory for /repo."""

READING = [
    "contents",
    "facet",
    "history",
    "info",
    "list",
    "list-linked",
    "property",
    "property-linked",
    "publisher",
    "search",
    "variant",
]
"""Subcommands of pkg that change nothing."""


def has_hook(ctx: Context) -> bool:
    """Whether the brand hook that ``ctx.argv`` names is a program on this host."""
    return _entered(ctx) and os.access(ctx.argv[0], os.X_OK)


def hook(ctx: Context) -> int:
    """Run it. Negative: the signal that ended it."""
    return _run(ctx, ["/bin/sh", "-c", 'TESTBED_HOOK=$$ exec "$@"', "sh", *ctx.argv])


LOCK_HELD = "_ZONEADM_LOCK_HELD"
"""Set for what a hook runs: a zoneadm below the one that has the lock does without (zonecfg_grab_lock_file)."""


@contextmanager
def zone_lock(ctx: Context, zone: str) -> Iterator[None]:
    """Hold zoneadm's lock on the zone, for which others wait; the host's own lock is not held while a hook runs."""
    if not _entered(ctx) or LOCK_HELD in ctx.env:
        yield
        return
    import fcntl

    os.makedirs("/var/run/zones", exist_ok=True)
    with open(f"/var/run/zones/{zone}.zoneadm.lock", "w") as file:
        with ctx.host.unlocked():
            fcntl.lockf(file, fcntl.LOCK_EX)
        ctx.env[LOCK_HELD] = "1"
        yield


def has_pkg(ctx: Context) -> bool:
    return _entered(ctx) and PKG in ctx.env


def pkg(ctx: Context, args: list[str]) -> int:
    subcommand = [*args[2:], ""][0] if args[:1] == ["-R"] else [*args, ""][0]
    return _run(ctx, [ctx.env[PKG], *args], changes=subcommand not in READING)


def _entered(ctx: Context) -> bool:
    return ctx.host.directory == Path("/") and ctx.zone == "global"


def _run(ctx: Context, argv: Sequence[str], changes: bool = True) -> int:
    import subprocess

    environment = {"TESTBED_CALLER": str(os.getppid()), **ctx.env, "TESTBED_PARENT": str(ctx.number)}
    ctx.host.changed = changes
    with ctx.host.unlocked():
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        try:
            _pass_on(ctx, process)
        except faults.Killed:
            process.kill()
            process.wait()
            raise
    return process.returncode


def _pass_on(ctx: Context, process: subprocess.Popen[str]) -> None:
    """Its output as it comes, to its end. If nobody reads it any more the program is told so as it would be itself."""
    import threading

    assert process.stdout
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or []))
    reader.start()
    for line in process.stdout:
        ctx.out(line)
        try:
            ctx.flush()
        except BrokenPipeError:
            process.stdout.close()
            break
        if ctx.fault and ctx.fault.due(line):
            with ctx.host.locked():
                ctx.fault.step(ctx, line)
    process.wait()
    reader.join()
    ctx.err("".join(errors))
