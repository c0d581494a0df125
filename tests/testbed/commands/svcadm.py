"""svcadm(8): enable, disable, restart, refresh, clear and mark, here and (-z, -Z) in running zones."""

from __future__ import annotations

from testbed import options, smf
from testbed.command import Context
from testbed.commands.svcs import zones_meant
from testbed.options import Usage
from testbed.state import Instance

_FLAGS = {"enable": "rst", "disable": "st", "restart": "dk", "refresh": "s", "clear": "", "mark": "It"}
_USAGE = "Usage: svcadm [-v] [-Z | -z zone] [cmd [args ... ]]\n"


def main(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 error, 2 usage, 3 (-s) the instance is in maintenance."""
    try:
        common = options.parse(args, "vZ", "S:z:")
        if not common.rest or common.rest[0] not in _FLAGS:
            raise Usage(f"unknown subcommand '{common.rest[0]}'" if common.rest else "no subcommand")
        subcommand, *rest = common.rest
        found = options.parse(rest, _FLAGS[subcommand], "c:" if subcommand == "disable" else "")
        target = found.rest.pop(0) if subcommand == "mark" and found.rest else "maintenance"
        if not found.rest:
            raise Usage("no instance")
    except Usage as usage:
        ctx.err(f"svcadm: {usage}\n{_USAGE}")
        return 2
    rc = 0
    for zone in zones_meant(ctx, "svcadm", common) or [""]:
        for pattern in found.rest if zone else []:
            rc = max(rc, _change(ctx, subcommand, zone, pattern, target, "s" in found))
        rc = rc if zone else 1
    return rc


def _change(ctx: Context, subcommand: str, zone: str, pattern: str, target: str, wait: bool) -> int:
    hits = smf.matching(ctx.host, zone, pattern)
    if len(hits) != 1:
        problem = "doesn't match any instances" if not hits else "matches multiple instances"
        ctx.err(f"svcadm: Pattern '{pattern}' {problem}\n")
        return 1
    instance = ctx.host.state.services[zone][hits[0]]
    if subcommand == "clear" and instance.state not in ("maintenance", "degraded"):
        ctx.err(f'svcadm: Instance "{hits[0]}" is not in a maintenance or degraded state.\n')
        return 1
    before = instance.state
    _apply(instance, subcommand, target)
    ctx.host.changed = ctx.host.changed or instance.state != before or subcommand in ("restart", "refresh")
    if wait and instance.state == "maintenance":
        ctx.err(f'svcadm: Instance "{hits[0]}" is in maintenance state.\n')
        return 3
    return 0


def _apply(instance: Instance, subcommand: str, target: str) -> None:
    if subcommand == "mark":
        instance.state = target
    elif subcommand == "disable":
        instance.state = "disabled"
    elif subcommand == "clear" or (subcommand == "enable" and instance.state == "disabled"):
        instance.state = "online"
