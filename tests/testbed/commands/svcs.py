"""svcs(1): state of instances, here and (-z, -Z) in running zones."""

from __future__ import annotations

from testbed import options, smf
from testbed.command import Context
from testbed.options import Usage

_WIDTHS = {"state": 14, "stime": 8, "zone": 16, "nsta": 6, "fmri": 0}
_USAGE = "Usage: svcs [-aHpvx] [-o col[,col ... ]] [-Z | -z zone] [<service> ...]\n"


def main(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 error (also: nothing matches), 2 usage."""
    try:
        found = options.parse(args, "?aHpvxLZ", "o:s:S:z:R:")
    except Usage as usage:
        ctx.err(f"svcs: {usage}\n{_USAGE}")
        return 2
    columns = found.value("o").lower().split(",") if "o" in found else ["state", "stime", "fmri"]
    if any(column not in _WIDTHS for column in columns):
        ctx.err(f"svcs: Unknown column in '{found.value('o')}'.\n{_USAGE}")
        return 2
    zones = zones_meant(ctx, "svcs", found)
    if not zones:
        return 1
    if "Z" in found and "zone" not in columns:
        columns = [*columns[:-1], "zone", columns[-1]] if "o" not in found else columns
    if "x" in found:
        return _explain(ctx, zones)
    return _list(ctx, found, zones, columns)


def zones_meant(ctx: Context, command: str, found: options.Options) -> list[str]:
    """Zones to look at: the own one, -z's, or all running; an empty list if -z's cannot be looked at."""
    if "Z" in found:
        return sorted(ctx.host.state.services)
    zone = found.value("z", ctx.zone)
    if zone in ctx.host.state.services:
        return [zone]
    ctx.err(f"{command}: Could not bind to repository server of zone '{zone}': repository server unavailable.\n")
    return []


def _list(ctx: Context, found: options.Options, zones: list[str], columns: list[str]) -> int:
    rows = []
    rc = 0
    for pattern in found.rest or [""]:
        hits = [
            (zone, fmri)
            for zone in zones
            for fmri in (smf.matching(ctx.host, zone, pattern) if pattern else ctx.host.state.services[zone])
        ]
        if pattern and not hits:
            ctx.err(f"svcs: Pattern '{pattern}' doesn't match any instances\n")
            rc = 1
        rows += hits
    lines = []
    for zone, fmri in dict.fromkeys(rows):
        state = smf.read_state(ctx.host.state.services[zone][fmri])
        if not found.rest and "a" not in found and state == "disabled":
            continue
        lines.append({"state": state, "stime": "12:32:00", "zone": zone, "nsta": "-", "fmri": fmri})
    if "H" not in found:
        lines.insert(0, {column: column.upper() for column in _WIDTHS})
    for line in lines:
        cells = [line[column].ljust(_WIDTHS[column]) for column in columns]
        ctx.out(" ".join(cells) + "\n")
    return rc


def _explain(ctx: Context, zones: list[str]) -> int:
    """`svcs -x`: nothing where all is well; exit 0 either way."""
    for zone in zones:
        for fmri, instance in sorted(ctx.host.state.services[zone].items()):
            if instance.state in ("maintenance", "degraded", "offline"):
                ctx.out(f"{fmri} ({fmri})\n")
                if zone != "global":
                    ctx.out(f"  Zone: {zone}\n")
                ctx.out(f" State: {instance.state} since Fri May  2 12:32:00 2025\n\n")
    return 0
