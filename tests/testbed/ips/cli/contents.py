"""pkg contents."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from testbed.ips import action
from testbed.ips.action import Action
from testbed.ips.cli import listing
from testbed.ips.cli.list import bare_patterns, manifest, reachable
from testbed.ips.cli.listing import Kind
from testbed.ips.cli.options import Options, parse, usage
from testbed.ips.fmri import Fmri
from testbed.ips.images import generated
from testbed.ips.session import Exit, Session

KEYS = {
    "depend": "fmri",
    "dir": "path",
    "driver": "name",
    "file": "path",
    "group": "groupname",
    "hardlink": "path",
    "legacy": "pkg",
    "license": "license",
    "link": "path",
    "set": "name",
    "signature": "value",
    "user": "username",
}
"""Kind of action -> the attribute that identifies it."""
COLUMNS = {kind: [key] for kind, key in KEYS.items()} | {"depend": ["type", "fmri"], "set": ["name", "value"]}
"""Kind of action -> what is shown where nothing was asked for."""
OF_ACTION = ("action.hash", "action.key", "action.name", "action.raw")
LEFT = ("action.name", "action.key", "action.raw", "pkg.name", "pkg.fmri", "pkg.shortfmri", "pkg.publisher")
"""Columns that are never right-aligned."""
Cell = str | list[str]


@dataclass
class Asked:
    """What of the packages is wanted."""

    raw: bool
    columns: list[str]
    kinds: list[str]
    where: dict[str, list[str]]
    order: str
    headers: bool
    own_columns: bool


def contents(session: Session, args: list[str]) -> int:
    given = parse("contents", args, "Ha:g:o:s:t:mfr")
    remote = given.has("-r", "-g")
    if remote and not given.words:
        raise usage("contents", "contents: must request remote contents for specific packages")
    asked = _asked(session, given)
    wanted = bare_patterns("pkg: ", given.words)
    entries = session.image.known.entries
    uris = reachable(session, given.all("-g"))
    if uris:
        entries = listing.offered_by(session.image, session.repositories, uris)
    kind = Kind.NEWEST if remote else Kind.INSTALLED
    chosen = listing.select(session.image, kind, wanted, entries, any_variant=True, ranked=remote)
    if not remote and not chosen.found and not wanted:
        raise Exit(1, "pkg contents: no packages installed\n")
    found = [
        (entry.fmri, each)
        for entry in chosen.found
        for each in _actions(session, manifest(session, entry, uris), asked)
    ]
    text, complaint = "", ""
    if chosen.found and asked.where and not found:
        complaint = "pkg: contents: no matching actions found in the listed packages\n"
    elif chosen.found:
        text = _table(found, asked)
        if not text:
            session.err(_empty(asked, bool(found), len(given.words)))
    session.out(text)
    if chosen.unmatched:
        complaint += _unmatched(remote, bool(chosen.found), chosen.unmatched)
    if complaint:
        raise Exit(1, complaint)
    return 0


def _asked(session: Session, given: Options) -> Asked:
    """Raises Exit 2."""
    where: dict[str, list[str]] = {}
    for text in given.all("-a"):
        name, equals, pattern = text.partition("=")
        if not equals:
            raise usage("contents", "-a takes an argument of the form <attribute>=<pattern>")
        where.setdefault(name, []).append(pattern)
    columns = [name for text in given.all("-o") for name in text.split(",")]
    kinds = [name for text in given.all("-t") for name in text.split(",")]
    raw = given.has("-m")
    if raw:
        other = next((name for name in ("-H", "-o", "-t", "-s", "-a") if given.has(name)), "")
        if other:
            raise usage("contents", f"-m and {other} may not be specified at the same time")
        columns = ["action.raw"]
    unknown = [name for name in kinds if name not in COLUMNS]
    if kinds and unknown == kinds:
        raise usage("contents", "no valid action types specified")
    if unknown:
        session.err(f"WARNING: invalid action types specified: {','.join(unknown)}\n\n")
    for name in columns:
        if name.startswith("action.") and name not in OF_ACTION:
            raise usage("contents", f"Invalid attribute '{name}'")
    if not columns:
        shown = itertools.chain.from_iterable(COLUMNS.get(name, []) for name in kinds) if kinds else ["path"]
        columns = list(dict.fromkeys(shown))
    order = given.all("-s")[0] if given.has("-s") else "path" if "path" in columns else columns[0]
    return Asked(raw, columns, kinds, where, "" if raw else order, not (raw or given.has("-H")), given.has("-o"))


def _actions(session: Session, lines: list[str], asked: Asked) -> Iterator[Action]:
    """The actions of a manifest that are wanted, in the order of the kinds asked for."""
    every = [action.parse(line) for line in lines]
    if asked.raw:
        yield from every
        return
    groups = [every]
    if asked.kinds:
        # pkg keeps lists of facets, variants and sizes beside a manifest, among its actions of kind `set`
        every += [action.parse(line) for line in generated.attributes(every)]
        groups = [[found for found in every if found.kind == kind] for kind in asked.kinds]
    for found in itertools.chain.from_iterable(groups):
        if action.counts(found, session.image.variants, session.image.facets) and _matches(found, asked.where):
            yield found


def _matches(found: Action, where: dict[str, list[str]]) -> bool:
    """One pattern has to match (manifest.py)."""
    return not where or any(
        fnmatch.fnmatchcase(value.lower(), pattern.lower())
        for name, patterns in where.items()
        for value in found.all(name)
        for pattern in patterns
    )


def _cell(name: Fmri, found: Action, column: str) -> Cell:
    if column in found.attributes:
        values = found.all(column)
        return values[0] if len(values) == 1 else list(values)
    special = {
        "action.name": found.kind,
        "action.raw": generated.line(found),
        "hash": found.hash,
        "action.hash": found.hash,
        "pkg.name": name.stem,
        "pkg.fmri": name.short,
        "pkg.shortfmri": name.plain,
        "pkg.publisher": name.publisher,
    }
    if column == "action.key":
        return _cell(name, found, KEYS[found.kind])
    return special.get(column, "")


def _table(found: Iterable[tuple[Fmri, Action]], asked: Asked) -> str:
    rows = [[_cell(name, each, column) for column in asked.columns] for name, each in found]
    rows = [row for row in rows if any(str(cell) for cell in row)]
    if asked.order:
        place = asked.columns.index(asked.order) if asked.order in asked.columns else 0
        rows.sort(key=lambda row: str(row[place]))
    if not asked.headers:
        return "".join("\t".join(map(str, row)).rstrip() + "\n" for row in rows if any(map(str, row)))
    heads = [name.upper() for name in asked.columns]
    if not rows:
        return ""
    texts = [list(map(str, row)) for row in rows]
    widths = [max(len(row[place]) for row in [heads, *texts]) for place in range(len(heads))]
    text = " ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)).rstrip() + "\n"
    for row_texts in texts:
        cells = [_aligned(*cell) for cell in zip(asked.columns, row_texts, widths, strict=True)]
        text += " ".join(cells).rstrip() + "\n"
    return text


def _aligned(column: str, cell: str, width: int) -> str:
    number = column not in LEFT and cell.lstrip("+-").isdigit()
    return cell.rjust(width) if number else cell.ljust(width)


def _empty(asked: Asked, any_action: bool, packages: int) -> str:
    """Nothing was printed: why."""
    these, contain = ("This package", "contains") if packages == 1 else ("These packages", "contain")
    if asked.own_columns:
        return (
            f"pkg: {these} {contain} no actions with the fields specified using the -o\n"
            "option. Please specify other fields, or use the -m option to show the raw\npackage manifests.\n"
        )
    if not any_action:
        return (
            f"pkg: {these.replace('packages', 'package')} contains no actions specified using the -t option. Please\n"
            "specify other fields, or use the -m option to show the raw package\nmanifests.\n"
        )
    deliver = "delivers" if packages == 1 else "deliver"
    return (
        f"pkg: {these} {deliver} no filesystem content, but may contain metadata. Use\n"
        "the -o option to specify fields other than 'path', or use the -m option to show\nthe raw package manifests.\n"
    )


def _unmatched(remote: bool, some: bool, names: list[str]) -> str:
    text = "\n" if some else ""
    if remote:
        text += (
            "pkg: contents: no packages matching the following patterns you specified were\n"
            "found in the catalog.  Try relaxing the patterns, refreshing, and/or\nexamining the catalogs:\n"
        )
    else:
        text += (
            "pkg: contents: no packages matching the following patterns you specified are\n"
            "installed on the system.  Try specifying -r to query remotely:\n"
        )
    return text + "\n" + "".join(f"        {name}\n" for name in names)
