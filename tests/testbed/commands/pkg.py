"""pkg(1): options before the subcommand, and which function does the work."""

from __future__ import annotations

import importlib
import os

from testbed import outside
from testbed.command import Context
from testbed.ips import front, history
from testbed.ips.front import Call
from testbed.ips.options import usage
from testbed.ips.session import Exit, Session, zone_root

SUBCOMMANDS = {
    "install": ("cli_packages", "install"),
    "uninstall": ("cli_packages", "uninstall"),
    "update": ("cli_packages", "update"),
    "exact-install": ("cli_packages", "exact_install"),
    "autoremove": ("cli_packages", "autoremove"),
    "avoid": ("cli_avoid", "avoid"),
    "unavoid": ("cli_avoid", "unavoid"),
    "list": ("cli_list", "list_packages"),
    "info": ("cli_info", "info"),
    "contents": ("cli_contents", "contents"),
    "variant": ("cli_variants", "variant"),
    "change-variant": ("cli_variants", "change_variant"),
    "facet": ("cli_facets", "facet"),
    "change-facet": ("cli_facets", "change_facet"),
    "mediator": ("cli_mediators", "mediator"),
    "set-mediator": ("cli_mediators", "set_mediator"),
    "unset-mediator": ("cli_mediators", "unset_mediator"),
    "verify": ("cli_verify", "verify"),
    "fix": ("cli_verify", "fix"),
    "search": ("cli_search", "search"),
    "publisher": ("cli_publishers", "publisher"),
    "set-publisher": ("cli_set_publisher", "set_publisher"),
    "unset-publisher": ("cli_set_publisher", "unset_publisher"),
    "copy-publishers-from": ("cli_refresh", "copy_publishers_from"),
    "refresh": ("cli_refresh", "refresh_catalogs"),
    "update-format": ("cli_format", "update_format"),
    "history": ("cli_history", "show"),
    "purge-history": ("cli_history", "purge"),
    "property": ("cli_property", "show"),
    "set-property": ("cli_property", "change"),
    "unset-property": ("cli_property", "unset"),
    "add-property-value": ("cli_property", "add_value"),
    "remove-property-value": ("cli_property", "remove_value"),
    "freeze": ("cli_freeze", "freeze"),
    "unfreeze": ("cli_freeze", "unfreeze"),
    "attach-linked": ("cli_attach", "attach_linked"),
    "detach-linked": ("cli_attach", "detach_linked"),
    "set-property-linked": ("cli_attach", "set_property_linked"),
    "list-linked": ("cli_linked", "list_linked"),
    "property-linked": ("cli_linked", "property_linked"),
    "audit-linked": ("cli_linked", "audit_linked"),
    "sync-linked": ("cli_sync", "sync_linked"),
    "pubcheck-linked": ("cli_sync", "pubcheck_linked"),
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
        rc: int = getattr(importlib.import_module(f"testbed.ips.{module}"), name)(session, call.args)
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
