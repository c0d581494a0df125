"""init(8), shutdown(8), reboot(8): the host goes down, or down and up again at once."""

from __future__ import annotations

from testbed import boot, options
from testbed.command import Context
from testbed.options import Usage

DOWN = ("0", "5")
AGAIN = ("6",)


def init(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 error."""
    if len(args) != 1 or args[0] not in ("0", "1", "2", "3", "4", "5", "6", "s", "S", "q", "Q"):
        ctx.err("Usage: init [0123456SsQqabc]\n")
        return 1
    _change_level(ctx, args[0])
    return 0


def shutdown(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 usage. Without -y it asks; only a `y` goes on."""
    try:
        found = options.parse(args, "y", "g:i:")
    except Usage as usage:
        ctx.err(f"shutdown: {usage}\nUsage: shutdown [ -y ] [ -g<grace> ] [ -i<initstate> ] [ message ]\n")
        return 1
    level = found.value("i", "s")
    if level not in ("0", "1", "2", "3", "5", "6", "s", "S"):
        ctx.err(f"shutdown: Initial state {level} is not valid\n")
        return 1
    if "y" not in found:
        ctx.out("Do you want to continue? (y or n):   ")
        if not ctx.stdin().strip().lower().startswith("y"):
            ctx.err("shutdown: False alarm: shutdown aborted.\n")
            return 1
    _change_level(ctx, level)
    return 0


def reboot(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 usage."""
    try:
        options.parse(args, "dfnlp", "e:")
    except Usage as usage:
        ctx.err(f"reboot: {usage}\nusage: reboot [-dlnpq] [-r|-f]\n")
        return 1
    _change_level(ctx, "6")
    return 0


def _change_level(ctx: Context, level: str) -> None:
    if ctx.zone != "global":
        ctx.run(["zoneadm", "-z", ctx.zone, "reboot" if level in AGAIN else "halt"], zone="global")
    elif level in AGAIN:
        boot.reboot(ctx)
        ctx.host.went_down = True
    elif level in DOWN:
        ctx.host.state.powered = False
        ctx.host.changed = True
        ctx.host.went_down = True
