"""zoneadm boot, halt, shutdown and their kin: what zoneadmd does with a zone that has its contents (zone-tools 3.7)."""

from __future__ import annotations

from testbed import zoneadmd, zones
from testbed.zonecall import (
    ACTIVE,
    BAD_USAGE,
    ERROR,
    OK,
    Call,
    daemon_refuses,
    flags,
    must_be_halted,
    must_be_installed,
    require_verified,
)


def verify(call: Call) -> int:
    if call.zone.state == zones.INCOMPLETE:
        raise call.refuse("zone is incomplete; uninstall required.")
    require_verified(call)
    return OK


def boot(call: Call) -> int:
    given = flags(call, "fs")
    must_be_installed(call, "f" in given)
    daemon_refuses(call, zones.MOUNTED)
    if call.zone.state in (zones.RUNNING, zones.SHUTTING_DOWN, zones.DOWN):
        zoneadmd.relay(call.ctx, call.name, "zone is already booted")
        return OK
    require_verified(call)
    return OK if zoneadmd.boot(call.ctx, call.zone) else call.daemon_failed()


def ready(call: Call) -> int:
    must_be_installed(call)
    daemon_refuses(call, zones.MOUNTED)
    if call.zone.state == zones.READY:
        zoneadmd.relay(call.ctx, call.name, "zone is already ready")
        return OK
    require_verified(call)
    if call.zone.state in ACTIVE and not zoneadmd.halt(call.ctx, call.zone):
        return call.daemon_failed()
    return OK if zoneadmd.ready(call.ctx, call.zone) else call.daemon_failed()


def halt(call: Call) -> int:
    if call.zone.state == zones.CONFIGURED:
        zoneadmd.relay(call.ctx, call.name, "cannot manage a zone which is in state 'configured'")
        raise call.refuse("could not start zoneadmd")
    daemon_refuses(call, zones.INCOMPLETE, zones.MOUNTED)
    if call.zone.state == zones.INSTALLED:
        zoneadmd.relay(call.ctx, call.name, "zone is already halted")
        return OK
    return OK if zoneadmd.halt(call.ctx, call.zone) else call.daemon_failed()


def _must_run(call: Call) -> None:
    if call.zone.state in (zones.CONFIGURED, zones.INCOMPLETE, zones.INSTALLED):
        raise call.refuse("not running")
    daemon_refuses(call, zones.READY, zones.MOUNTED)


def shutdown(call: Call) -> int:
    given = flags(call, "r")
    _must_run(call)
    if not zoneadmd.shutdown(call.ctx, call.zone):
        return ERROR
    if "r" in given and not zoneadmd.boot(call.ctx, call.zone):
        return call.daemon_failed()
    return OK


def reboot(call: Call) -> int:
    _must_run(call)
    require_verified(call)
    done = zoneadmd.halt(call.ctx, call.zone) and zoneadmd.boot(call.ctx, call.zone)
    return OK if done else call.daemon_failed()


def mount(call: Call) -> int:
    given = flags(call, "f")
    must_be_installed(call, "f" in given)
    daemon_refuses(call, zones.READY, zones.RUNNING, zones.SHUTTING_DOWN, zones.DOWN, zones.MOUNTED)
    return OK if zoneadmd.mount(call.ctx, call.zone) else call.daemon_failed()


def unmount(call: Call) -> int:
    if call.zone.state != zones.MOUNTED:
        raise call.refuse("must be mounted before unmount.")
    zoneadmd.unmount(call.ctx, call.zone)
    return OK


def sysboot(call: Call) -> int:
    """Private: run for installed zones without autoboot when the host boots (svc-zones)."""
    if call.zone.state != zones.INSTALLED:
        raise call.refuse("must be installed before sysboot.")
    return OK if zoneadmd.sysboot(call.ctx, call.zone) else ERROR


def mark(call: Call) -> int:
    given = flags(call, "F")
    state = given.rest[0] if len(given.rest) == 1 else ""
    allowed = (zones.CONFIGURED, zones.INCOMPLETE, zones.INSTALLED) if "F" in given else (zones.INCOMPLETE,)
    if state not in allowed:
        return BAD_USAGE
    must_be_halted(call)
    zones.set_state(call.ctx.host, call.name, state)
    return OK
