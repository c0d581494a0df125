"""What stands on pkg's command line before the options of the subcommand."""

from __future__ import annotations

import getopt
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.ips.cli import usages
from testbed.ips.cli.options import usage
from testbed.ips.session import Exit

ALIASES = {
    "image-update": "update",
    "apply-hotfix": "apply-hot-fix",
    "cleanup-hotfix": "clean-up-hot-fix",
    "cleanup-hot-fix": "clean-up-hot-fix",
    "cleanup": "clean",
}


DEBUG = ("plan", "transport", "exclude", "actions")
"""Values of -D that need no `=`."""


@dataclass(frozen=True)
class Call:
    """A subcommand with its arguments. ``root``: of the image; ``origin``: how messages name where it came from."""

    command: str
    args: list[str]
    root: str
    origin: str


def read(args: list[str], env: Mapping[str, str]) -> Call:
    """Raises Exit with what is printed instead: usage errors, and help (exit code 0, on stderr too)."""
    try:
        options, words = getopt.getopt(args, "R:D:?", ["debug=", "help", "runid=", "notes", "no-network-cache"])
    except getopt.GetoptError as error:
        raise usage("", f"illegal global option -- {error.opt}") from None
    given = dict(options)
    for option, value in options:
        if option in ("-D", "--debug") and value not in DEBUG and "=" not in value:
            raise usage("", f"{option} takes argument of form name=value, not {value}")
    command = ALIASES.get(words[0], words[0]) if words else ""
    rest = words[1:]
    if command == "help":
        raise _help(rest[0] if rest else "")
    wants_help = "--help" in given or "-?" in given
    if command and command not in usages.USAGE:
        raise _unknown(command)
    if wants_help:
        raise Exit(0, usages.of(command) if command else usages.SUMMARY)
    if not command:
        raise Exit(2, f"pkg: no subcommand specified\n{usages.SUMMARY}")
    if "--help" in rest or "-?" in rest:
        raise Exit(0, usages.of(command))
    if command in ("version", "image-create") and "-R" in given:
        raise usage(command, f"-R not allowed for {command} subcommand")
    if "-R" in given:
        return Call(command, rest, given["-R"], "")
    return Call(command, rest, env.get("PKG_IMAGE") or "/", " (set by $PKG_IMAGE)" if env.get("PKG_IMAGE") else "")


def _help(about: str) -> Exit:
    if about in ("", "help", "-?", "--help"):
        return Exit(0, usages.SUMMARY)
    if about == "-v":
        return Exit(0, usages.everything())
    if about in usages.USAGE:
        return Exit(0, usages.of(about))
    return _unknown(about)


def _unknown(command: str) -> Exit:
    similar = ", ".join(_similar(command))
    return usage("", f"unknown subcommand '{command}'" + (f"\nDid you mean:\n    {similar}\n" if similar else ""))


def _similar(text: str) -> list[str]:
    """Subcommands that may have been meant, the nearest first; none of the private ones."""
    known = ["help", *usages.BASIC.split(), *(name for name in usages.ADVANCED.split() if name != "|")]
    prefixed = sorted(name for name in known if name.startswith(text))
    if len(text) < 4 and prefixed:
        return prefixed
    distances = {name: _distance(text, name) for name in known}
    near = [name for name in known if distances[name] <= len(name) / 2 or text in name or name in text]
    return sorted(near, key=distances.__getitem__)


def _distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        before, row = row, [place]
        for column, opposite in enumerate(other, 1):
            row.append(min(before[column] + 1, row[-1] + 1, before[column - 1] + (letter != opposite)))
    return row[-1]
