"""pkg info."""

from __future__ import annotations

import calendar
import textwrap
import time

from testbed.ips import action, messages
from testbed.ips.action import Action
from testbed.ips.cli import listing
from testbed.ips.cli.list import bare_patterns, is_frozen, manifest, reachable, summary
from testbed.ips.cli.listing import Kind
from testbed.ips.cli.options import clash, parse, usage
from testbed.ips.images import catalog
from testbed.ips.images.catalog import Entry
from testbed.ips.session import Exit, Session

FURTHER = {
    "info.keyword": "Additional Keywords",
    "info.upstream": "Project Contact",
    "info.maintainer": "Project Maintainer",
    "info.maintainer-url": "Project Maintainer URL",
    "pkg.detailed-url": "Project URL",
    "info.upstream-url": "Project URL",
    "info.repository-changeset": "Repository Changeset",
    "info.repository-url": "Source URL",
    "info.source-url": "Source URL",
}
"""Attributes that are shown behind the rest, and their labels."""


def info(session: Session, args: list[str]) -> int:
    given = parse("info", args, "lrqg:", "license")
    remote = given.has("-r", "-g")
    if given.has("-l") and remote:
        raise clash("info", "-l", "-r")
    if remote and not given.words:
        raise usage("info", "must request remote info for specific packages")
    uris = reachable(session, given.all("-g"))
    entries = session.image.known.entries
    if uris:
        entries = listing.offered_by(session.image, session.repositories, uris)
    kind = Kind.NEWEST if remote else Kind.INSTALLED
    chosen = listing.select(
        session.image, kind, bare_patterns("", given.words), entries, any_variant=True, ranked=remote
    )
    if not given.words and not chosen.found:
        raise Exit(1, "pkg: no packages installed\n")
    quiet = given.has("-q")
    without = []
    shown = []
    for entry in chosen.found:
        lines = _actions(session, entry, uris)
        if not given.has("--license"):
            shown.append(_described(session, entry, lines, elsewhere=bool(uris)))
        elif any(found.kind == "license" for found in lines):
            shown.append(_licences(session, lines))
        else:
            without.append(entry)
    if not quiet:
        session.out("\n".join(shown))
    rc, text = 0, ""
    if chosen.unmatched:
        rc = 3 if chosen.found else 1
        text = ("\n" if chosen.found else "") + _unmatched(remote, chosen.unmatched)
    if without:
        rc = 1 if len(without) == len(chosen.found) else 3
        text += "pkg: no license information could be found for the following packages:\n"
        text += "".join(f"\t{entry.fmri}\n" for entry in without) + "\n"
    if rc:
        raise Exit(rc, "" if quiet else text)
    return 0


def _actions(session: Session, entry: Entry, uris: list[str]) -> list[Action]:
    """Of a package's manifest; raises Exit 1."""
    try:
        return [action.parse(line) for line in manifest(session, entry, uris)]
    except Exit as failure:
        raise Exit(failure.rc, failure.text.replace(messages.FETCH_FAILED, "pkg: ")) from None


def _unmatched(remote: bool, names: list[str]) -> str:
    """All names stand in one line."""
    if remote:
        text = (
            "pkg: info: no packages matching the following patterns you specified were\n"
            "found in the catalog.  Try relaxing the patterns, refreshing, and/or\nexamining the catalogs:\n"
        )
    else:
        text = (
            "pkg: info: no packages matching the following patterns you specified are\n"
            "installed on the system.  Try querying remotely instead:\n"
        )
    return text + "\n" + "".join(f"        {name}" for name in names) + "\n"


def _licences(session: Session, lines: list[Action]) -> str:
    found = [line for line in lines if line.kind == "license"]
    return "".join(session.repositories.payload(line.hash).decode() + "\n" for line in found)


def _described(session: Session, entry: Entry, lines: list[Action], elsewhere: bool) -> str:
    rows = _rows(session, entry, lines, elsewhere)
    width = max(len(label) for label in rows)
    text = ""
    for label, values in rows.items():
        if any(values):
            head = f"{label:>{width}}: "
            wrapper = textwrap.TextWrapper(80, head, " " * (width + 2), break_on_hyphens=False, break_long_words=False)
            text += wrapper.fill("\n".join(values)) + "\n"
    return text


def _rows(session: Session, entry: Entry, lines: list[Action], elsewhere: bool) -> dict[str, list[str]]:
    """Label -> values. Labels without a value count for the width of the column."""
    version = entry.fmri.known
    release, _, branch = version.plain.partition("-")
    described = _attributes(entry)
    rows = {"Name": [entry.stem], "Summary": [summary(entry)]}
    rows |= {"Description": described["pkg.description"]} if "pkg.description" in described else {}
    rows |= {"Category": _categories(described)} if "info.classification" in described else {}
    rows["State"] = [_state(session, entry, elsewhere)]
    if entry.renamed:
        rows["Renamed to"] = _dependencies(session, entry)
    human = described.get("pkg.human-version", [release])[0]
    rows["Publisher"] = [entry.publisher]
    rows["Version"] = [release if human == release else f"{release} ({human})"]
    rows |= {"Branch": [branch], "Packaging Date": [date(version.stamp)]}
    metadata = entry.base.get("metadata", {})
    for label, key in (("Last Install Time", "last-install"), ("Last Update Time", "last-update")):
        rows |= {label: [date(metadata[key])]} if metadata.get(key) else {}
    rows |= {"Size": [_size(session, lines)], "FMRI": [entry.fmri.short]}
    for key, label in FURTHER.items():
        if key in described:
            rows[label] = rows.get(label, []) + described[key]
    return rows


def _attributes(entry: Entry) -> dict[str, list[str]]:
    """What the catalog's actions of kind `set` say."""
    found: dict[str, list[str]] = {}
    for line in [*(entry.summary or []), *(entry.depend or [])]:
        parsed = action.parse(line)
        if parsed.kind == "set":
            found.setdefault(parsed.get("name"), []).extend(parsed.all("value"))
    return found


def _categories(described: dict[str, list[str]]) -> list[str]:
    pairs = [text.partition(":") for text in described["info.classification"]]
    if len(pairs) == 1:
        return [pairs[0][2]]
    return [f"{category} ({scheme})" for scheme, _, category in pairs]


def _state(session: Session, entry: Entry, elsewhere: bool) -> str:
    notes = ["Obsolete"] if entry.obsolete else ["Renamed"] if entry.renamed else []
    frozen = {} if elsewhere else session.image.frozen()
    notes += ["Frozen"] if is_frozen(frozen, entry) else []
    notes += ["Manually installed"] if catalog.MANUAL in entry.states else []
    return ("Installed" if entry.installed else "Not installed") + (f" ({', '.join(notes)})" if notes else "")


def _dependencies(session: Session, entry: Entry) -> list[str]:
    image = session.image
    depends = [found for found in entry.actions if found.kind == "depend"]
    return [text for a in depends if action.counts(a, image.variants, image.facets) for text in a.all("fmri")]


def _size(session: Session, lines: list[Action]) -> str:
    image = session.image
    total = sum(
        int(found.get("pkg.size", "0")) for found in lines if action.counts(found, image.variants, image.facets)
    )
    unit, number = "B", float(total)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1024 or unit == "GB":
            break
        number /= 1024
    return f"{number:.2f} {unit}"


def date(stamp: str) -> str:
    """A time of pkg's (20261121T060453Z) as it prints them."""
    seconds = calendar.timegm(time.strptime(stamp[:15], "%Y%m%dT%H%M%S"))
    return time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(seconds))
