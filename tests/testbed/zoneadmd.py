"""What zoneadmd does for one zone: make it ready, boot, halt, shut down, mount; with the brand's state hooks.

Sources: zoneadmd.c and the recordings `boot*`, `halt*`. Messages carry the prefix `zone 'Z': ` (zone-tools 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed import hooks, smf, zones
from testbed.hooks.state import HALT, READY, SYSBOOT
from testbed.state import KernelZone

if TYPE_CHECKING:
    from testbed.command import Context

BOOT = "1"


def relay(ctx: Context, zone: str, text: str) -> None:
    """Print what the daemon says of a zone, on zoneadm's standard error."""
    for line in text.splitlines():
        if line:
            ctx.err(f"zone '{zone}': {line}\n")


def invalid(ctx: Context, zone: str, command: str, state: str) -> None:
    relay(ctx, zone, f"{command} operation is invalid for zones in state '{state}'")


def kernel_state(ctx: Context, zone: str) -> str:
    """The kernel's state of the zone, empty if it does not know it."""
    known = ctx.host.state.kernel_zones.get(zone)
    return known.state if known else ""


def _hook(ctx: Context, zone: zones.Zone, name: str, state: str, command: str) -> bool:
    """Run prestate or poststate: its standard output is relayed, its standard error is lost (recordings)."""
    if not hooks.has_hooks(zone.brand):
        return True
    result = hooks.run(ctx, zone.brand, name, [zone.name, zone.zonepath, state, command])
    relay(ctx, zone.name, result.stdout)
    return result.rc == 0


def _enter(ctx: Context, zone: zones.Zone, state: str) -> None:
    """The kernel gets the zone under a new id."""
    known = ctx.host.state
    known.kernel_zones[zone.name] = KernelZone(known.next_zone_id, state, zone.brand, zone.ip_type)
    known.next_zone_id += 1
    ctx.host.changed = True


def _leave(ctx: Context, zone: zones.Zone) -> None:
    del ctx.host.state.kernel_zones[zone.name]
    ctx.host.state.settings.get("shutting_down", {}).pop(zone.name, None)
    smf.zone_halted(ctx.host, zone.name)
    ctx.host.changed = True


def ready(ctx: Context, zone: zones.Zone) -> bool:
    if not _hook(ctx, zone, "prestate", "2", READY):
        return False
    _enter(ctx, zone, zones.READY)
    if _hook(ctx, zone, "poststate", "2", READY):
        return True
    _leave(ctx, zone)
    return False


def boot(ctx: Context, zone: zones.Zone) -> bool:
    """Boot a halted or ready zone. Returns before its services are up, as zoneadmd does."""
    if kernel_state(ctx, zone.name) != zones.READY and not ready(ctx, zone):
        return False
    if not _hook(ctx, zone, "prestate", "3", BOOT):
        return False
    ctx.host.state.kernel_zones[zone.name].state = zones.RUNNING
    ctx.host.changed = True
    if zone.brand not in zones.BUILT_IN:
        smf.zone_booted(ctx.host, zone.name)
    return _hook(ctx, zone, "poststate", "3", BOOT)


def halt(ctx: Context, zone: zones.Zone) -> bool:
    """End the zone at once. It stays `down` where that is declared: then only a reboot of the host helps.

    A state hook that fails makes it fail, too: before, the zone runs on; after, it is down all the same (zone_halt).
    """
    number = str(zones.STATES.index(kernel_state(ctx, zone.name)))
    if not _hook(ctx, zone, "prestate", number, HALT):
        return False
    if zone.name in ctx.host.state.settings.get("stuck_down", []):
        ctx.host.state.kernel_zones[zone.name].state = zones.DOWN
        smf.zone_halted(ctx.host, zone.name)
        ctx.host.changed = True
        relay(ctx, zone.name, "unable to destroy zone")
        return False
    _leave(ctx, zone)
    return _hook(ctx, zone, "poststate", number, HALT)


def shutdown(ctx: Context, zone: zones.Zone) -> bool:
    """Shut the zone down and wait; gives up where the zone is declared to be slow, which goes on shutting down."""
    slow = ctx.host.state.settings.get("slow_shutdown", {}).get(zone.name)
    if slow is None:
        halt(ctx, zone)  # the zone's own doing: zoneadmd only looks whether it has gone
        return not kernel_state(ctx, zone.name)
    ctx.host.state.kernel_zones[zone.name].state = slow["state"]
    ctx.host.state.settings.setdefault("shutting_down", {}).setdefault(zone.name, slow["polls"])
    ctx.host.changed = True
    relay(ctx, zone.name, "unable to shutdown zone")
    return False


def count_reading(ctx: Context, zone: zones.Zone) -> None:
    """A reading of a zone that is shutting down; after the last one it is halted, which is not the reader's doing."""
    left = ctx.host.state.settings.get("shutting_down", {})
    if left.get(zone.name) is None:
        return
    if left[zone.name] > 0:
        left[zone.name] -= 1
        return
    changed, ctx.host.changed = ctx.host.changed, False
    halt(ctx, zone)
    ctx.host.changed = changed


def mount(ctx: Context, zone: zones.Zone) -> bool:
    """Mount the zone's root as a scratch zone; only the state hooks before `ready` run (recording clone)."""
    if not _hook(ctx, zone, "prestate", "2", READY):
        return False
    _enter(ctx, zone, zones.MOUNTED)
    return True


def unmount(ctx: Context, zone: zones.Zone) -> None:
    _leave(ctx, zone)
    _hook(ctx, zone, "poststate", str(zones.STATES.index(zones.MOUNTED)), HALT)


def sysboot(ctx: Context, zone: zones.Zone) -> bool:
    return _hook(ctx, zone, "prestate", SYSBOOT, READY)
