"""zonename(1): the name of the zone it runs in."""

from __future__ import annotations

from testbed.command import Context


def main(ctx: Context, args: list[str]) -> int:
    if args:
        ctx.err("usage: zonename\n")
        return 1
    ctx.out(f"{ctx.zone}\n")
    return 0
