"""pkg list."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping

from testbed.ips import action, fmri, messages
from testbed.ips.cli import listing
from testbed.ips.cli.listing import Kind, Listing
from testbed.ips.cli.options import Options, clash, parse, required, usage
from testbed.ips.fmri import Version
from testbed.ips.images import catalog
from testbed.ips.images.catalog import Entry
from testbed.ips.planning import patterns
from testbed.ips.planning.patterns import Pattern
from testbed.ips.repositories.contacts import Unreachable
from testbed.ips.repositories.repository import uri
from testbed.ips.session import Exit, Session

CLASHES = "gu gr an au ar ur mM im iM ir iu sv qv"
"""Pairs of options that may not be combined."""

HEADERS = {
    "fmri": "FMRI",
    "version": "VERSION",
    "release": "RELEASE",
    "osrelease": "OS RELEASE",
    "branch": "BRANCH",
    "timestamp": "TIMESTAMP",
    "flags": "IFO",
    "name": "NAME",
    "publisher": "PUBLISHER",
    "namepub": "NAME (PUBLISHER)",
    "summary": "SUMMARY",
}

Frozen = Mapping[str, tuple[str, str | None, int]]
"""Stem -> FMRI, comment, time; empty for what -g shows: there nothing is frozen."""

FORMATS = ("default", "tsv", "json", "json-formatted")


def list_packages(session: Session, args: list[str]) -> int:
    given = parse("list", args, "HafiMmnqRrsuvg:F:o:", "no-refresh no-parent-sync output-format= output-fields=")
    form = _form(given)
    kind = _kind(given)
    columns, layout = _columns(given)
    wanted = read_patterns("list", given.words)
    if kind not in (Kind.INSTALLED, Kind.REMOVABLE) and not given.has("--no-refresh"):
        refresh_where_needed(session)
    entries = session.image.known.entries
    if given.has("-g"):
        entries = listing.offered_by(session.image, session.repositories, reachable(session, given.all("-g")))
    chosen = listing.select(session.image, kind, wanted, entries, any_variant=kind is Kind.ALL)
    if not given.has("-q"):
        frozen = {} if given.has("-g") else session.image.frozen()
        first = session.image.enabled[0].name if session.image.enabled else ""
        optional = listing.optional(session.image) if kind is Kind.REMOVABLE else set()
        rows = [_row(entry, first, frozen, optional) for entry in _shown(given, chosen.found, optional)]
        session.out(_text(rows, columns, layout, form, headers=not given.has("-H")))
    return _verdict(session, given, kind, chosen)


def _form(given: Options) -> str:
    form = given.one("-F", "--output-format") or "default"
    if form not in FORMATS:
        text = f"Argument '{form}' for option '-F/--output-format' is invalid.\nSupported: {', '.join(FORMATS)}"
        raise usage("list", text)
    if given.has("-q") and form != "default":
        raise clash("list", "-q", "-F/--output-format")
    return form


def _kind(given: Options) -> Kind:
    """Which packages are wanted; raises Exit 2 for options that contradict each other."""
    on = {letter: given.has(f"-{letter}") for letter in "gaunrRmMisvqf"}
    on["r"] |= on["R"]
    for pair in CLASHES.split():
        if on[pair[0]] and on[pair[1]]:
            raise clash("list", f"-{pair[0]}", f"-{pair[1]}")
    every = on["a"] or (on["g"] and not on["n"])
    if on["f"] and not every:
        raise required("list", "-f", "-a")
    if every:
        return Kind.ALL if on["f"] else Kind.ALLOWED
    if on["n"] or on["i"]:
        return Kind.NEWEST
    if on["u"]:
        return Kind.UPGRADABLE
    return Kind.REMOVABLE if on["r"] else Kind.INSTALLED


def _columns(given: Options) -> tuple[list[str], str]:
    """Columns, and their layout; an empty one is worked out from the content."""
    text = given.one("-o", "--output-fields")
    if not text:
        if given.has("-v"):
            return ["fmri", "flags"], "{0:76} {1}"
        if given.has("-s"):
            return ["namepub", "summary"], "{0:55} {1}"
        return ["namepub", "version", "flags"], "{0:49} {1:26} {2}"
    if given.has("-v", "-s"):
        raise usage("", "-o cannot be used with -v or -s")
    columns = list(dict.fromkeys(text.lower().split(",")))
    unknown = [name for name in columns if name not in HEADERS]
    if unknown:
        known = f"Known fields are: {', '.join(sorted(HEADERS))}"
        raise usage("", f"Unknown output field(s): {', '.join(unknown)}\n{known}")
    return columns, "{0}" if len(columns) == 1 else ""


def read_patterns(command: str, words: Iterable[str]) -> list[Pattern]:
    """Raises Exit 1 if one is no pattern."""
    found, wrong = [], []
    for text in words:
        try:
            found.append(patterns.parse(text))
        except patterns.Illegal as illegal:
            wrong.append(str(illegal))
    if wrong:
        raise Exit(1, f"pkg {command}: " + "\n".join(wrong) + "\n")
    return found


def bare_patterns(head: str, words: Iterable[str]) -> list[Pattern]:
    """The same for `info` and `contents`, which do not repeat a pattern whose version is bad."""
    found, wrong = [], ""
    for text in words:
        try:
            found.append(patterns.parse(text))
        except patterns.Illegal as illegal:
            wrong += f"{head}{illegal.bare}\n"
    if wrong:
        raise Exit(1, wrong)
    return found


def refresh_where_needed(session: Session) -> None:
    """Fetch what was never fetched; raises Exit 1 if that fails. Who may not write goes on with what there is."""
    image = session.image
    stale = [
        p
        for p in image.enabled
        if p.active_origins and (image.catalogs(p.name).stale or image.catalogs(p.name).lack(p.active_origins))
    ]
    if not stale or session.unprivileged:
        return
    session.quiet, shown = True, session.quiet  # a listing shows no progress
    missing = session.fetch(stale)
    session.quiet = shown
    if missing:
        raise Exit(1, messages.refresh_failed(missing, len(image.enabled), messages.NOT_REFRESHED))


def reachable(session: Session, places: Iterable[str]) -> list[str]:
    """The URIs of the repositories (or paths) that -g names; raises Exit 1 for one that does not answer."""
    found = [uri(text if "://" in text else f"file://{os.path.abspath(f'/{text}')}") for text in places]
    for text in found:
        if not session.repositories.reachable(text):
            details = f"{Unreachable('', text, 1).error}\nRepository URL: '{text.rstrip('/')}'.\n"
            raise Exit(1, f"pkg: {details}" if session.command == "info" else f"{messages.FETCH_FAILED}{details}")
    return found


def manifest(session: Session, entry: Entry, uris: list[str]) -> list[str]:
    """A package's manifest, from the repositories ``uris`` where some are named."""
    for repository in map(session.repositories.at, uris):
        if repository.has(entry.fmri):
            return repository.manifest(entry.fmri)
    return session.manifest(entry)


def _shown(given: Options, found: list[Entry], optional: set[str]) -> list[Entry]:
    """``optional``: stems that others have optional dependencies on, where what can be removed is listed."""
    if not given.has("-R"):
        found = [entry for entry in found if entry.stem not in optional]
    if given.has("-m", "-M"):
        found = [entry for entry in found if (catalog.MANUAL in entry.states) == given.has("-m")]
    if given.has("-i"):
        found = [entry for entry in found if not (entry.installed or entry.obsolete or entry.renamed)]
    return found


def _row(entry: Entry, preferred: str, frozen: Frozen, optional: set[str]) -> dict[str, str]:
    """Every column of a package. ``preferred``: the publisher that is not named."""
    version = entry.fmri.known
    release, _, branch = version.plain.partition("-")
    return {
        "fmri": entry.fmri.short,
        "version": version.plain,
        "release": release,
        "osrelease": _build(version),
        "branch": branch,
        "timestamp": version.stamp,
        "flags": _flags(entry, frozen, optional),
        "name": entry.stem,
        "publisher": entry.publisher,
        "namepub": entry.stem + (f" ({entry.publisher})" if entry.publisher != preferred else ""),
        "summary": summary(entry),
    }


def _build(version: Version) -> str:
    return version.text.partition(":")[0].partition("-")[0].partition(",")[2]


def is_frozen(frozen: Frozen, entry: Entry) -> bool:
    held = frozen.get(entry.stem)
    version = fmri.parse(held[0]).version if held else None
    return version is not None and entry.fmri.known.matches(version)


def _flags(entry: Entry, frozen: Frozen, optional: set[str]) -> str:
    marks = (("f", is_frozen(frozen, entry)), ("S", entry.stem in optional), ("m", catalog.MANUAL in entry.states))
    second = next((mark for mark, on in marks if on), "-")
    third = "o" if entry.obsolete else "r" if entry.renamed else "-"
    return ("i" if entry.installed else "-") + second + third


def summary(entry: Entry) -> str:
    for line in entry.summary or []:
        parsed = action.parse(line)
        if parsed.get("name") == "pkg.summary":
            return parsed.get("value")
    return ""


def _text(rows: list[dict[str, str]], columns: list[str], layout: str, form: str, headers: bool) -> str:
    if form.startswith("json"):
        cells = [{name: row[name] for name in columns} for row in rows]
        if form == "json":
            return json.dumps(cells, sort_keys=True, separators=(",", ":"))
        return json.dumps(cells, sort_keys=True, indent=2) + "\n"
    lines = [[row[name] for name in columns] for row in rows]
    if not layout:
        widths = [max(len(line[place]) for line in lines) + 1 for place in range(len(columns))] if lines else []
        layout = "".join(f"{{{place}:{width}}}" for place, width in enumerate(widths))
    if rows and headers:
        lines.insert(0, [HEADERS[name] for name in columns])
    return "".join(("\t".join(line) if form == "tsv" else layout.format(*line)) + "\n" for line in lines)


def _verdict(session: Session, given: Options, kind: Kind, chosen: Listing) -> int:
    """The exit code; raises Exit with what is to be said of patterns that matched nothing, or of an empty list."""
    if not chosen.unmatched and chosen.found:
        return 0
    code = 3 if chosen.found else 1
    if given.has("-q"):
        return code
    if not chosen.unmatched:
        raise Exit(code, NOTHING.get(kind, ""))
    raise Exit(code, _unmatched(session, kind, chosen.unmatched))


NOTHING = {
    Kind.INSTALLED: "no packages installed\n",
    Kind.ALLOWED: "no packages installed or available for installation\n",
    Kind.UPGRADABLE: "no packages have newer versions available\n",
    Kind.REMOVABLE: "no installed packages are removable\n",
}


def _unmatched(session: Session, kind: Kind, names: list[str]) -> str:
    head, tail = "no packages matching the following patterns are installed:", ""
    if kind in (Kind.ALL, Kind.NEWEST):
        head = "no known packages matching:"
    elif kind is Kind.ALLOWED:
        head = (
            "no packages matching the following patterns are allowed by installed incorporations,"
            " or image variants that are known or installed"
        )
        tail = "Use -af to allow all versions.\n"
    elif kind is Kind.UPGRADABLE:
        return _not_upgradable(session, head, names)
    return f" \npkg list: {_listed(head, names)}\n{tail}"


def _not_upgradable(session: Session, head: str, names: list[str]) -> str:
    """Which of them are not installed, and which are but have no newer version."""
    entries = session.image.known.entries
    have = listing.select(session.image, Kind.INSTALLED, map(patterns.parse, names), entries)
    text = _listed(head, have.unmatched) if have.unmatched else ""
    if have.found:
        text += _listed("no updates are available for the following packages:", [entry.stem for entry in have.found])
    return f" \npkg list: {text}\n"


def _listed(head: str, names: Iterable[str]) -> str:
    return head + "".join(f"\n  {name}" for name in names)
