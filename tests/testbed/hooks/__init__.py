"""The brand hooks: what zoneadm and zoneadmd run to attach, detach, boot, halt, clone and uninstall a zone.

They are commands of the host, /usr/lib/brand/{ipkg,sparse}/NAME, and run commands by argv as the real scripts do: log,
faults and kill points are those of commands. A hook that is a program on the host runs instead of the one here.
"""

from __future__ import annotations

import importlib
import os

from testbed import faults, outside
from testbed.command import Context, Result
from testbed.hooks.base import OK, Exit, Hook
from testbed.zones import LIKE_IPKG, LIKE_SPARSE

HOOKS = {
    "attach": "attach",
    "clone": "clone",
    "detach": "detach",
    "install": "install",
    "poststate": "state",
    "prestate": "state",
    "uninstall": "uninstall",
}
"""Name of a hook -> its module here, where the function has the hook's name."""


def has_hooks(brand: str) -> bool:
    """Whether the brand brings scripts; zoneadm itself does what there is to do for the others."""
    return brand in LIKE_IPKG + LIKE_SPARSE


def run(ctx: Context, brand: str, name: str, args: list[str]) -> Result:
    """Run a brand's hook as zoneadm does: through a shell, unquoted: blanks divide arguments (zone-tools 1)."""
    family = "sparse" if brand in LIKE_SPARSE else "ipkg"
    return ctx.run([f"/usr/lib/brand/{family}/{name}", *" ".join(args).split()])


def main(ctx: Context, args: list[str]) -> int:
    """Entry of the hooks as commands. A hook that dies by a signal gives a negative code, and what it had printed."""
    if outside.has_hook(ctx):
        return outside.hook(ctx)
    name = os.path.basename(ctx.argv[0])
    module = importlib.import_module(f"testbed.hooks.{HOOKS[name]}")
    hook = Hook(ctx, args, sparse=ctx.argv[0].startswith("/usr/lib/brand/sparse/"))
    try:
        getattr(module, name)(hook)
    except Exit as end:
        return end.code
    except faults.Killed as killed:
        if killed.target != "hook":
            raise
        return -killed.signal
    return OK
