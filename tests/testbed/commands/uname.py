"""uname(1)."""

from __future__ import annotations

from testbed import options
from testbed.command import Context
from testbed.options import Usage

FIELDS = {
    "s": ("sysname", "SunOS"),
    "n": ("nodename", "omnios"),
    "r": ("release", "5.11"),
    "v": ("version", "omnios-r151054-b5c2b7b7f8"),
    "m": ("machine", "i86pc"),
    "p": ("processor", "i386"),
    "i": ("platform", "i86pc"),
    "o": ("system", "illumos"),
}
"""Letter -> (key in state.uname, what stands there if nothing is declared). `-a` shows all but the last."""


def main(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 usage."""
    try:
        found = options.parse(args, "asnrvmpioX", "")
    except Usage as usage:
        ctx.err(f"uname: {usage}\nusage:\tuname [-snrvmapioX]\n")
        return 1
    if found.rest:
        ctx.err("usage:\tuname [-snrvmapioX]\n")
        return 1
    letters = "snrvmpi" if "a" in found else [letter for letter in FIELDS if letter in found] or "s"
    values = {letter: ctx.host.state.uname.get(*FIELDS[letter]) for letter in letters}
    if "n" in values and ctx.zone != "global":
        values["n"] = ctx.zone
    ctx.out(" ".join(values[letter] for letter in letters) + "\n")
    return 0
