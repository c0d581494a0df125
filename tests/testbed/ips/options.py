"""Options of pkg's subcommands, read as getopt(3C) does."""

from __future__ import annotations

import getopt
from dataclasses import dataclass, field

from testbed.ips.session import Exit

FLAG_ALIASES = {"--verbose": "-v", "--quiet": "-q", "--no-execute": "-n"}


@dataclass
class Options:
    """``flags`` in the order given, values of options by name, and what follows the options."""

    flags: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def has(self, *names: str) -> bool:
        return any(name in self.flags for name in names)

    def all(self, *names: str) -> list[str]:
        return [value for name in names for value in self.values.get(name, [])]

    def one(self, *names: str) -> str | None:
        found = self.all(*names)
        return found[-1] if found else None


def parse(command: str, args: list[str], short: str, long: str = "") -> Options:
    """Parse; raises Exit 2 with the usage. ``long``: names in one string, `=` behind those with a value."""
    made = Options()
    try:
        pairs, made.words = getopt.getopt(args, short, long.split())
    except getopt.GetoptError as error:
        dashes = "-" if len(error.opt) == 1 else "--"
        if "requires argument" in error.msg:
            raise usage(command, f"option '{dashes}{error.opt}' requires an argument") from None
        raise usage(command, f"illegal option -- {error.opt}") from None
    for name, value in pairs:
        name = FLAG_ALIASES.get(name, name)
        made.flags.append(name)
        if value:
            made.values.setdefault(name, []).append(value)
    return made


def usage(command: str, reason: str) -> Exit:
    """A usage error of a subcommand."""
    head = "Private subcommand usage, options subject to change at any time" if command.endswith("-linked") else "Usage"
    return Exit(2, f"pkg {command}: {reason}\n{head}:\n{USAGE.get(command, f'        pkg {command} ...')}\n")


_CHANGE = """\
            [--no-be-activate] [-t | --temp-be-activate]
            [--no-backup-be | --require-backup-be] [--backup-be-name name]
            [--deny-new-be | --require-new-be] [--be-name name]
            [-r [-z zonename... | -Z zonename...]]
            [--sync-actuators | --sync-actuators-timeout timeout]
"""

USAGE = {
    "install": "        pkg install [-nvq] [-C n] [-g path_or_uri ...]\n"
    "            [--no-index] [--no-refresh] [--licenses] [--accept]\n"
    f"{_CHANGE}            [--reject pkg_fmri_pattern ... ] pkg_fmri_pattern ...",
    "uninstall": "        pkg uninstall [-nvq] [-C n] [--ignore-missing] [--no-index]\n"
    f"{_CHANGE}            pkg_fmri_pattern ...",
    "update": "        pkg update [-fnvq] [-C n] [-g path_or_uri ...] [--ignore-missing]\n"
    "            [--no-index] [--no-refresh] [--licenses] [--accept]\n"
    + _CHANGE.replace("[-r [-z", "[-R | -r [-z")
    + "            [--reject pkg_fmri_pattern ...] [pkg_fmri_pattern ...]",
    "refresh": "        pkg refresh [-q] [--full] [publisher ...]",
    "list": "        pkg list [-HafiMmnqRrsuv] [-g path_or_uri ...] [--no-refresh]\n"
    "            [-F format] [-o column[,column]]\n            [pkg_fmri_pattern ...]",
    "sync-linked": "        pkg sync-linked [-nvq] [-C n] [--accept] [--licenses] [--no-index]\n"
    "            [--no-refresh] [--no-parent-sync] [--no-pkg-updates]\n"
    "            [--linked-md-only] [-a|-l <name>]",
    "unset-publisher": "        pkg unset-publisher publisher ...",
    "freeze": "        pkg freeze [-n] [-c reason] [pkg_fmri_pattern] ...",
    "unfreeze": "        pkg unfreeze [-n] [pkg_name_pattern] ...",
}
