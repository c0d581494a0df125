"""pkg list, info, search."""

from __future__ import annotations

import calendar
import fnmatch
import json
import time
from collections.abc import Iterable

from testbed.ips import action, catalog, fmri
from testbed.ips.catalog import Entry
from testbed.ips.options import Options, parse, usage
from testbed.ips.rules import variant_reason
from testbed.ips.session import Exit, Session


def list_packages(session: Session, args: list[str]) -> int:
    given = parse("list", args, "HafiMmnqRrsuvg:F:o:", "no-refresh")
    if given.has("-f") and not given.has("-a"):
        raise usage("list", "'-f' may only be used with '-a'.")
    found, unmatched = _select(session, given)
    if given.has("-q"):
        return 0 if found and not unmatched else (3 if found else 1)
    if found:
        _print_list(session, given, found)
    elif not unmatched:
        raise Exit(1, _nothing(given))
    if unmatched:
        kind = "known" if given.has("-a", "-n") else "installed"
        if given.has("-u"):
            head = "no packages matching the following patterns have newer versions available:"
        else:
            head = f"no packages matching the following patterns are {kind}:"
        raise Exit(3 if found else 1, f" \npkg list: {head}\n" + "".join(f"  {text}\n" for text in unmatched))
    return 0


def _nothing(given: Options) -> str:
    if given.has("-u"):
        return "no packages have newer versions available\n"
    return "no packages installed\n" if not given.has("-a", "-n") else "no packages known\n"


def _select(session: Session, given: Options) -> tuple[list[Entry], list[str]]:
    """The entries to list and the patterns that matched nothing."""
    rank = {name: place for place, name in enumerate(session.image.order)}
    entries = sorted(
        session.image.known.entries, key=lambda e: (e.stem, rank.get(e.publisher, len(rank)), _descending(e))
    )
    if given.has("-a", "-n"):
        entries = [e for e in entries if e.installed or not variant_reason(e, session.image.variants)]
        if not given.has("-f"):
            entries = _newest(entries)
    elif given.has("-u"):
        entries = [e for e in entries if e.installed and catalog.UPGRADABLE in e.states]
    else:
        entries = [e for e in entries if e.installed]
    if not given.words:
        return entries, []
    found: dict[int, Entry] = {}
    unmatched = []
    for text in given.words:
        matching = list(matches(entries, text))
        found.update({id(entry): entry for entry in matching})
        if not matching:
            unmatched.append(text)
    return [entry for entry in entries if id(entry) in found], unmatched


def _descending(entry: Entry) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    version = entry.fmri.known
    stamp = int("".join(filter(str.isdigit, version.stamp)) or 0)
    return (tuple(-n for n in version.release), tuple(-n for n in version.branch), -stamp)


def _newest(entries: Iterable[Entry]) -> list[Entry]:
    """Of every stem the installed version, or else the newest of each publisher that is not obsolete."""
    shown: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.stem, entry.publisher)
        if entry.installed or key not in shown:
            shown[key] = entry
    return [entry for entry in shown.values() if entry.installed or not entry.obsolete]


def matches(entries: Iterable[Entry], text: str) -> Iterable[Entry]:
    """Entries that a pattern of the user's means."""
    try:
        pattern = fmri.parse(text)
    except fmri.Invalid:
        return []
    return [
        e
        for e in entries
        if e.fmri.named_by(pattern) and (pattern.version is None or e.fmri.known.matches(pattern.version))
    ]


def _flags(entry: Entry, frozen: Iterable[str]) -> str:
    manual = catalog.MANUAL in entry.states
    first = "i" if entry.installed else "-"
    second = "m" if entry.installed and manual else "-"
    if entry.stem in frozen and entry.installed:
        second = "f"
    third = "o" if entry.obsolete else "r" if entry.renamed else "-"
    return first + second + third


def _print_list(session: Session, given: Options, entries: list[Entry]) -> None:
    frozen = session.image.frozen()
    first = session.image.order[0] if session.image.order else ""
    rows = []
    for entry in entries:
        name = entry.stem if entry.publisher == first else f"{entry.stem} ({entry.publisher})"
        flags = _flags(entry, frozen)
        if given.has("-v"):
            rows.append({"fmri": entry.fmri.short, "flags": flags})
        elif given.has("-s"):
            rows.append({"namepub": name, "summary": summary(entry)})
        else:
            rows.append({"namepub": name, "version": entry.fmri.known.plain, "flags": flags})
    heads = {"namepub": "NAME (PUBLISHER)", "version": "VERSION", "flags": "IFO", "fmri": "FMRI", "summary": "SUMMARY"}
    form = given.one("-F")
    if form in ("json", "json-formatted"):
        session.out(json.dumps(rows, separators=(",", ":"), sort_keys=True))
        return
    if not given.has("-H"):
        rows.insert(0, {key: heads[key] for key in rows[0]})
    for row in rows:
        if form == "tsv":
            session.out("\t".join(row.values()) + "\n")
        elif "fmri" in row:
            session.out(f"{row['fmri']:<76} {row['flags']}\n")
        elif "summary" in row:
            session.out(f"{row['namepub']:<55} {row['summary']}\n")
        else:
            session.out(f"{row['namepub']:<49} {row['version']:<26} {row['flags']}\n")


def summary(entry: Entry) -> str:
    for line in entry.summary or []:
        parsed = action.parse(line)
        if parsed.get("name") == "pkg.summary":
            return parsed.get("value")
    return ""


def info(session: Session, args: list[str]) -> int:
    given = parse("info", args, "lrqg:", "license")
    entries = session.image.known.entries if given.has("-r") else list(session.image.installed().values())
    found: list[Entry] = []
    unmatched = []
    for text in given.words:
        matching = list(matches(sorted(entries, key=_descending), text))
        found += matching[:1] if given.has("-r") else matching
        if not matching:
            unmatched.append(text)
    if not given.words:
        found = sorted(entries, key=lambda entry: entry.stem)
    session.out("\n".join(_info(session, entry) for entry in found))
    if unmatched:
        text = "".join(f"        {text}\n" for text in unmatched)
        raise Exit(
            3 if found else 1,
            ("\n" if found else "") + "pkg: info: no packages matching the following patterns you specified are\n"
            f"installed on the system.  Try querying remotely instead:\n\n{text}",
        )
    return 0


def _info(session: Session, entry: Entry) -> str:
    version = entry.fmri.known
    state = "Installed" if entry.installed else "Not installed"
    if entry.installed and catalog.MANUAL in entry.states:
        state += " (Manually installed)"
    release, _, branch = version.plain.partition("-")
    metadata = entry.base.get("metadata", {})
    rows = [("Name", entry.stem), ("Summary", summary(entry)), ("Category", _category(entry)), ("State", state)]
    rows += [("Publisher", entry.publisher), ("Version", release), ("Branch", branch)]
    rows += [("Packaging Date", date(version.stamp)), ("Last Install Time", date(metadata.get("last-install", "")))]
    rows += [("Last Update Time", date(metadata.get("last-update", ""))), ("Size", _size(session, entry))]
    rows.append(("FMRI", entry.fmri.short))
    return "".join(f"{label:>17}: {value}\n" for label, value in rows if value)


def _category(entry: Entry) -> str:
    for line in entry.summary or []:
        parsed = action.parse(line)
        if parsed.get("name") == "info.classification":
            return parsed.get("value").partition(":")[2]
    return ""


def _size(session: Session, entry: Entry) -> str:
    lines = session.image.manifest(entry.fmri) or []
    parsed = [action.parse(line) for line in lines if line.startswith(("file ", "license "))]
    counted = [found for found in parsed if action.counts(found, session.image.variants, session.image.facets)]
    return f"{float(sum(int(found.get('pkg.size', '0')) for found in counted)):.2f} B"


def date(stamp: str) -> str:
    """A time of pkg's (20261121T060453Z) as it prints them."""
    if not stamp:
        return ""
    seconds = calendar.timegm(time.strptime(stamp[:15], "%Y%m%dT%H%M%S"))
    return time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(seconds))


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
