"""zoneadm(8): the state of zones. This is what comes before a subcommand, and `list` (zone-tools 1)."""

from __future__ import annotations

import importlib
from contextlib import nullcontext

from testbed import options, outside, zoneadmd, zones
from testbed.command import Context
from testbed.zonecall import BAD_USAGE, ERROR, OK, USAGES, Call, Refused, find_zone

ZONES_OWN = ("halt", "shutdown", "reboot")
"""Inside a zone there is a command of that name for it."""

ALTERNATE_ROOT = ("list", "mark", "mount", "unmount")

SUBCOMMANDS = {
    "attach": "zoneadm_contents",
    "boot": "zoneadm_states",
    "clone": "zoneadm_contents",
    "detach": "zoneadm_contents",
    "halt": "zoneadm_states",
    "install": "zoneadm_contents",
    "mark": "zoneadm_states",
    "mount": "zoneadm_states",
    "move": "zoneadm_contents",
    "ready": "zoneadm_states",
    "reboot": "zoneadm_states",
    "shutdown": "zoneadm_states",
    "sysboot": "zoneadm_states",
    "uninstall": "zoneadm_contents",
    "unmount": "zoneadm_states",
    "verify": "zoneadm_states",
}
"""Subcommand -> module in testbed.commands, where its function has its name."""

LOCKING = ("attach", "clone", "detach", "install", "mark", "move", "uninstall")
"""Those that hold the zone's lock until they end; the others leave that to zoneadmd."""


def main(ctx: Context, args: list[str]) -> int:
    try:
        given = options.parse(args, "", "R:u:z:")
    except options.Usage:
        return _usage(ctx)
    if not given.rest or given.rest[0] not in (*USAGES, "help"):
        return _usage(ctx)
    command, rest = given.rest[0], given.rest[1:]
    if command == "help":
        ctx.out(_usage_text())
        return OK
    try:
        return _dispatch(ctx, given, command, rest)
    except Refused as refused:
        return refused.code


def _usage_text() -> str:
    lines = "".join(f"\t{text}\n" for text in USAGES.values())
    return f"usage:\tzoneadm [-z <zone> | -u <uuid-match>] subcommand\n{lines}"


def _usage(ctx: Context) -> int:
    ctx.err(_usage_text())
    return BAD_USAGE


def _dispatch(ctx: Context, given: options.Options, command: str, rest: list[str]) -> int:
    root = given.value("R")
    if root:
        _check_root(ctx, root, command)
        root = root.rstrip("/")  # pkg asks with `-R /` for the zones of the host itself
    wanted = _wanted(ctx, given, root)
    if command == "list":
        return list_zones(ctx, rest, wanted, root)
    if wanted is None:
        ctx.err("zoneadm: no zone specified\n")
        return ERROR
    _check_place(ctx, wanted, command)
    module = importlib.import_module(f"testbed.commands.{SUBCOMMANDS[command]}")
    with outside.zone_lock(ctx, wanted) if command in LOCKING else nullcontext():
        code: int = getattr(module, command)(Call(ctx, command, rest, find_zone(ctx, wanted)))
    return code


def _check_root(ctx: Context, root: str, command: str) -> None:
    if command not in ALTERNATE_ROOT:
        ctx.err(f"zoneadm: cannot {command} zone in alternate root\n")
        raise Refused
    if not root.startswith("/"):
        ctx.err("zoneadm: root path must be absolute.\n")
        raise Refused
    if not ctx.host.path(root).is_dir():
        ctx.err("zoneadm: root path must be a directory.\n")
        raise Refused


def _wanted(ctx: Context, given: options.Options, root: str) -> str | None:
    """The name of the zone asked for by -z (a number: the id of an active zone comes first) or -u."""
    name = given.value("z")
    if not name and not given.value("u"):
        return None
    if ctx.zone != "global":
        names = [ctx.zone]
    else:
        entries = zones.read_index(ctx.host, root)
        names = [entry.name for entry in entries]
        if not name:
            name = next((entry.name for entry in entries if entry.uuid == given.value("u")), given.value("u"))
        by_id = {str(kernel.id): zone for zone, kernel in ctx.host.state.kernel_zones.items()}
        name = by_id.get(name, name)
    if name not in names:
        ctx.err(f"zoneadm: {name}: No such zone configured\n")
        raise Refused
    return name


def _check_place(ctx: Context, name: str, command: str) -> None:
    said = f"zoneadm: zone '{name}': "
    if ctx.zone != "global":
        if command in ZONES_OWN:
            ctx.err(f"{said}use {command}(8) to {command} this zone.\n")
        else:
            ctx.err(f"{said}must be in the global zone to {command} a zone.\n")
        raise Refused
    if name == "global":
        ctx.err(f"{said}{command} operation is invalid for the global zone.\n")
        raise Refused
    if name.startswith("SUNW"):
        ctx.err(f"{said}{command} operation is invalid for zones starting with SUNW.\n")
        raise Refused


# -- list ------------------------------------------------------------------------------------------------------------


def list_zones(ctx: Context, args: list[str], wanted: str | None, root: str) -> int:
    try:
        given = options.parse(args, "cinpv", "")
    except options.Usage:
        given = None
    if given is None or given.rest or (wanted and ("c" in given or "i" in given or "n" in given)):
        ctx.err(f"usage:\t{USAGES['list']}\n")
        return BAD_USAGE
    if "p" in given and "v" in given:
        ctx.err("zoneadm: list -p and -v are mutually exclusive.\n")
        return ERROR
    if "v" in given:
        ctx.out(f"{'ID':>4} {'NAME':<16} {'STATUS':<10} {'PATH':<30} {'BRAND':<8} {'IP':<6}\n")
    for zone in _selected(ctx, given, wanted, root):
        ctx.out(_line(zone, given) + "\n")
    return OK


def _selected(ctx: Context, given: options.Options, wanted: str | None, root: str) -> list[zones.Zone]:
    if ctx.zone != "global":
        return [_own_zone(ctx)]
    everything = zones.Zone("global", 0, zones.RUNNING, root or "/", "", "ipkg", "shared", "0", False)
    if wanted == "global":
        return [everything]
    if wanted:
        zoneadmd.count_reading(ctx, find_zone(ctx, wanted, root))
        return [find_zone(ctx, wanted, root)]
    for zone in zones.listed(ctx.host) if not root else []:
        zoneadmd.count_reading(ctx, zone)
    found, unreadable = zones.readable(ctx.host, root)
    for name in unreadable:
        ctx.err(f"zoneadm: {name}: could not get zone brand: No such zone configured\n")
    least = zones.STATES.index(zones.INSTALLED) if "i" in given else zones.STATES.index(zones.READY)
    chosen = found if "c" in given else [zone for zone in found if zone.state in zones.STATES[least:]]
    return chosen if "n" in given else [everything, *chosen]


def _own_zone(ctx: Context) -> zones.Zone:
    """What a zone sees of itself (fake_up_local_zone in zoneadm.c)."""
    kernel = ctx.host.state.kernel_zones[ctx.zone]
    return zones.Zone(ctx.zone, kernel.id, zones.RUNNING, "/", "", kernel.brand, kernel.ip_type, "0", False)


def _line(zone: zones.Zone, given: options.Options) -> str:
    number = "-" if zone.id is None else str(zone.id)
    if "p" in given:
        path = zone.zonepath.replace(":", "\\:")
        return ":".join([number, zone.name, zone.state, path, zone.uuid, zone.brand, zone.ip_type, zone.debugid])
    if "v" in given:
        path = zone.zonepath
        return f"{number:>4} {zone.name:<16} {zone.state:<10} {path:<30} {zone.brand:<8} {zone.ip_type:<6}"
    return zone.name
