"""The brand hooks: what zoneadm and zoneadmd run to attach, detach, boot, halt, clone and uninstall a zone.

They run the commands of the host by argv, as the real scripts do: log, faults and kill points are those of commands.
"""

from __future__ import annotations

import importlib

from testbed import faults
from testbed.command import Context, Result
from testbed.hooks.base import OK, Call, Exit, Hook
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
    """Run a brand hook. zoneadm passes the arguments through a shell unquoted: blanks divide them (zone-tools 1).

    A hook that dies by a signal gives a negative code, and what it had printed.
    """
    words = " ".join(args).split()
    hook = Hook(ctx, Call(brand, name, words, brand in LIKE_SPARSE))
    function = getattr(importlib.import_module(f"testbed.hooks.{HOOKS[name]}"), name)
    code = OK
    try:
        function(hook)
    except Exit as end:
        code = end.code
    except faults.Killed as killed:
        if killed.target != "hook":
            raise
        code = -killed.signal
    result = Result(code, hook.stdout, hook.stderr)
    if ctx.host.observer is not None:
        ctx.host.observer(Context(ctx.host, [hook.call.program, *words], {}, parent=ctx.number), result)
    return result
