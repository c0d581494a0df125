"""pkg search."""

from __future__ import annotations

import fnmatch

from testbed.ips import action
from testbed.ips.cli.options import parse
from testbed.ips.session import Exit, Session


def search(session: Session, args: list[str]) -> int:
    """Only local searches for an attribute of packages, `[PACKAGE]:NAME:PATTERN`: what the attach hook runs."""
    given = parse("search", args, "HlrafpIso:")
    if len(given.words) != 1 or given.words[0].count(":") < 2 or not given.has("-l"):
        raise Exit(1, "pkg search: this simulated host only searches with -l for :ATTRIBUTE:PATTERN\n")
    _, name, pattern = given.words[0].split(":", 2)
    found = []
    for entry in sorted(session.image.installed().values(), key=lambda entry: entry.stem):
        for parsed in entry.actions + [action.parse(line) for line in entry.summary or []]:
            if parsed.get("name") == name and any(fnmatch.fnmatch(value, pattern) for value in parsed.all("value")):
                found.append(entry)
    for entry in found:
        session.out(f"{entry.stem if given.one('-o') == 'pkg.name' else entry.fmri.short}\n")
    return 0 if found else 1
