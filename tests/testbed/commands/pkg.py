"""pkg(1): options before the subcommand, and which function does the work."""

from __future__ import annotations

import importlib

from testbed import outside, zones
from testbed.command import Context
from testbed.ips.session import Exit, Session

SUBCOMMANDS = {
    "install": ("cli_packages", "install"),
    "uninstall": ("cli_packages", "uninstall"),
    "update": ("cli_packages", "update"),
    "list": ("cli_list", "list_packages"),
    "info": ("cli_info", "info"),
    "contents": ("cli_contents", "contents"),
    "variant": ("cli_query", "variant"),
    "verify": ("cli_verify", "verify"),
    "search": ("cli_query", "search"),
    "publisher": ("cli_publishers", "publisher"),
    "set-publisher": ("cli_publishers", "set_publisher"),
    "unset-publisher": ("cli_publishers", "unset_publisher"),
    "copy-publishers-from": ("cli_publishers", "copy_publishers_from"),
    "refresh": ("cli_publishers", "refresh_catalogs"),
    "freeze": ("cli_freeze", "freeze"),
    "unfreeze": ("cli_freeze", "unfreeze"),
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
    root = ctx.env.get("PKG_IMAGE") or "/"
    while args and args[0].startswith("-"):
        if args[0] == "-R" and len(args) > 1:
            root, args = args[1], args[2:]
        elif args[0].startswith("-R") and len(args[0]) > 2:
            root, args = args[0][2:], args[1:]
        else:
            ctx.err(f"pkg: illegal global option -- {args[0].lstrip('-')}\n")
            return 2
    if not args:
        ctx.err("pkg: no subcommand specified\nTry `pkg --help or -?' for more information.\n")
        return 2
    place = SUBCOMMANDS.get(args[0])
    if place is None:
        ctx.err(f"pkg: unknown subcommand '{args[0]}'\nTry `pkg --help or -?' for more information.\n")
        return 2
    session = Session(ctx, _inside_zone(ctx, root))
    session.command = args[0]
    try:
        rc: int = getattr(importlib.import_module(f"testbed.ips.{place[0]}"), place[1])(session, args[1:])
    except Exit as ending:
        ctx.err(ending.text)
        rc = ending.rc
    if rc == 4 and ctx.env.get("PKG_SUCCESS_ON_NOP") == "1":
        return 0
    return rc


def _inside_zone(ctx: Context, root: str) -> str:
    """A path typed in a zone (zlogin) as a path of the host."""
    for zone in zones.listed(ctx.host):
        if zone.name == ctx.zone:
            return f"{zone.zonepath}/root{root}"
    return root
