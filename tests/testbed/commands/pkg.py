"""pkg(1): options before the subcommand, and which function does the work."""

from __future__ import annotations

import importlib
import os

from testbed import outside
from testbed.command import Context
from testbed.ips.cli import front
from testbed.ips.cli.front import Call
from testbed.ips.cli.options import usage
from testbed.ips.images import history
from testbed.ips.session import Exit, Session, zone_root

SUBCOMMANDS = {
    "install": ("packages", "install"),
    "uninstall": ("packages", "uninstall"),
    "update": ("packages", "update"),
    "exact-install": ("packages", "exact_install"),
    "autoremove": ("packages", "autoremove"),
    "avoid": ("avoid", "avoid"),
    "unavoid": ("avoid", "unavoid"),
    "list": ("list", "list_packages"),
    "info": ("info", "info"),
    "contents": ("contents", "contents"),
    "variant": ("variants", "variant"),
    "change-variant": ("variants", "change_variant"),
    "facet": ("facets", "facet"),
    "change-facet": ("facets", "change_facet"),
    "mediator": ("mediators", "mediator"),
    "set-mediator": ("mediators", "set_mediator"),
    "unset-mediator": ("mediators", "unset_mediator"),
    "verify": ("verify", "verify"),
    "fix": ("verify", "fix"),
    "search": ("search", "search"),
    "publisher": ("publishers", "publisher"),
    "set-publisher": ("set_publisher", "set_publisher"),
    "unset-publisher": ("set_publisher", "unset_publisher"),
    "copy-publishers-from": ("refresh", "copy_publishers_from"),
    "refresh": ("refresh", "refresh_catalogs"),
    "update-format": ("format", "update_format"),
    "history": ("history", "show"),
    "purge-history": ("history", "purge"),
    "property": ("property", "show"),
    "set-property": ("property", "change"),
    "unset-property": ("property", "unset"),
    "add-property-value": ("property", "add_value"),
    "remove-property-value": ("property", "remove_value"),
    "freeze": ("freeze", "freeze"),
    "unfreeze": ("freeze", "unfreeze"),
    "attach-linked": ("attach", "attach_linked"),
    "detach-linked": ("attach", "detach_linked"),
    "set-property-linked": ("attach", "set_property_linked"),
    "list-linked": ("linked", "list_linked"),
    "property-linked": ("linked", "property_linked"),
    "audit-linked": ("linked", "audit_linked"),
    "sync-linked": ("sync", "sync_linked"),
    "pubcheck-linked": ("sync", "pubcheck_linked"),
}
"""Subcommand -> module below testbed.ips and function."""


def main(ctx: Context, args: list[str]) -> int:
    if outside.has_pkg(ctx):
        return outside.pkg(ctx, args)
    try:
        rc = _run(ctx, front.read(args, ctx.env))
    except Exit as ending:
        ctx.err(ending.text)
        rc = ending.rc
    if rc == 4 and ctx.env.get("PKG_SUCCESS_ON_NOP"):
        return 0
    return rc


def _run(ctx: Context, call: Call) -> int:
    """Raises Exit."""
    if call.command == "version":
        return _version(ctx, call.args)
    if call.command not in SUBCOMMANDS:
        raise Exit(1, f"pkg {call.command}: this simulated host does not have the subcommand\n")
    module, name = SUBCOMMANDS[call.command]
    session = Session(ctx, zone_root(ctx) + os.path.abspath(f"/{call.root.lstrip('/')}"))
    session.command = call.command
    session.named = f"'{call.root}'{call.origin}"
    session.image.format  # noqa: B018 - opened before the options are read
    try:
        rc: int = getattr(importlib.import_module(f"testbed.ips.cli.{module}"), name)(session, call.args)
    except Exit as ending:
        history.ended(session, ending.rc, ending.text)
        raise
    history.ended(session, rc)
    return rc


def _version(ctx: Context, args: list[str]) -> int:
    if args:
        raise usage("version", f"version: command does not take operands ('{' '.join(args)}')")
    ctx.out("unknown\n")
    return 0
