"""Is there room for what a plan brings? A host has as much as ``settings[available]`` says."""

from __future__ import annotations

from testbed.host import Host
from testbed.ips.planning.planner import Plan
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session, traceback

REQUIRED = 157830.0
"""What pkg estimates, for every plan the same."""
_USUAL = 82462941184


def available(host: Host) -> int:
    return int(host.state.settings.get("available", _USUAL))


def shown(size: float) -> str:
    """As pkg writes a number of bytes (misc.bytes_to_str)."""
    for unit in ("B", "kB", "MB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GB"


def lack(session: Session, made: Plan) -> str:
    """What pkg says if there is not enough; empty if there is."""
    room = available(session.host)
    if not made or room >= REQUIRED:
        return ""
    return (
        f"Insufficient disk space available for Root filesystem. Available space: {shown(room)}."
        f" Estimated required: {shown(REQUIRED)}.\n"
    )


def check(session: Session, request: Request, made: Plan) -> None:
    """Raises Exit 1; a dry run goes on, and raises Exit 99 where it should write its plan as JSON (imageplan.py)."""
    words = lack(session, made)
    if words and not request.dry_run:
        raise Exit(1, f"pkg: {words}")
    if words and request.parsable:
        error = f"ImageInsufficentSpace({REQUIRED}, {available(session.host)}, 'Root filesystem')"
        raise Exit(99, traceback(f"TypeError: {error} is not JSON serializable"))
