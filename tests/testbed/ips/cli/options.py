"""Options of pkg's subcommands, read as getopt(3C) does."""

from __future__ import annotations

import getopt
from dataclasses import dataclass, field

from testbed.ips.cli import usages
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


REPEATABLE = (
    "-v -g -G -m -M -l -i -z -Z -p --reject --add-origin --remove-origin --add-mirror --remove-mirror --set-property"
    " --add-property-value --remove-property-value --unset-property --approve-ca-cert --revoke-ca-cert --unset-ca-cert"
    " --prop-linked --tagged"
)
FREE = (
    "contents history property set-property unset-property add-property-value remove-property-value freeze unfreeze"
    " refresh search avoid unavoid copy-publishers-from purge-history flag"
)
"""Subcommands that take the same option several times; the others only those of REPEATABLE."""
MOST_WORDS = {
    "audit-linked": 0,
    "sync-linked": 0,
    "list-linked": 0,
    "pubcheck-linked": 0,
    "detach-linked": 0,
    "attach-linked": 2,
}
LONG = {
    "-r": "--recurse",
    "-R": "--norecurse",
    "-t": "--temp-be-activate",
    "-C": "--concurrency",
    "-F": "--output-format",
    "-o": "--output-fields",
}


def parse(command: str, args: list[str], short: str, long: str = "") -> Options:
    """Parse; raises Exit 2 with the usage. ``long``: names in one string, `=` behind those with a value."""
    made = Options()
    try:
        pairs, made.words = getopt.getopt(args, short, long.split())
    except getopt.GetoptError as error:
        raise usage(command, f"illegal option -- {error.opt}") from None
    most = MOST_WORDS.get(command, len(made.words))
    if len(made.words) > most:
        raise usage(command, f"illegal argument -- {made.words[most]}")
    for name, value in pairs:
        name = FLAG_ALIASES.get(name, name)
        if name in made.flags and name not in REPEATABLE.split() and command not in FREE.split():
            raise usage(command, f"Option '{shown(name)}' may not be repeated.")
        made.flags.append(name)
        if f"{name.lstrip('-')}=" in long.split() or f"{name[1:]}:" in short:
            made.values.setdefault(name, []).append(value)
    return made


def shown(name: str) -> str:
    """An option as messages name it."""
    return f"{name}/{LONG[name]}" if name in LONG else name


def usage(command: str, reason: str) -> Exit:
    """A usage error of a subcommand, or of pkg itself (empty ``command``)."""
    if not command:
        return Exit(2, f"pkg: {reason}\nFor a full list of subcommands, run: pkg help\n")
    return Exit(2, f"pkg {command}: {reason}\n{usages.of(command)}")


def clash(command: str, one: str, other: str) -> Exit:
    return usage(command, f"The '{one}' and '{other}' options may not be combined.")


def required(command: str, one: str, other: str) -> Exit:
    return usage(command, f"'{one}' may only be used with '{other}'.")
