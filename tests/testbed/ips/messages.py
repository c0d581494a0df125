"""What pkg says, in the words of the recordings. Two dialects: the pkg of r151054 and that of master (August 2026)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from testbed.ips import fmri
from testbed.ips.images.catalog import Entry
from testbed.ips.planning.planner import Plan
from testbed.ips.repositories.contacts import Contacts, Unreachable

MASTER, R151054 = "master", "r151054"

LOCKED = "The image cannot be modified as it is currently in use by another package client.\n"
SHOWS = "pkg: 'pkg publisher' will show a list of publishers.\n"
DISABLED = f"pkg: Publisher '{{}}' is disabled and cannot be used for packaging operations.\n{SHOWS}"
NO_ACCESS = (
    "Could not operate on {}\nbecause of insufficient permissions. Please try the command again as a privileged user.\n"
)
NOT_ROOT = (
    "Insufficient access to complete the requested operation.\nPlease try the operation again as a privileged user.\n"
)
RULE = "----------------------------------------"


# -- plans -------------------------------------------------------------------------------------------------------------


def counted(pairs: Iterable[tuple[str, str]]) -> str:
    """Labels and values, both right-aligned."""
    rows = list(pairs)
    label = max((len(name) for name, _ in rows), default=0)
    width = max((len(value) for _, value in rows), default=0)
    return "".join(f"{name:>{label}}: {value:>{width}}\n" for name, value in rows)


def packages_table(plan: Plan) -> list[tuple[str, str]]:
    counts = (("remove", len(plan.remove)), ("install", len(plan.add)), ("update", len(plan.change)))
    return [(f"Packages to {word}", str(number)) for word, number in counts if number]


def changed_packages(plan: Plan) -> str:
    """The part of a plan that -v adds: by publisher what goes, what comes, what changes and what stays otherwise."""
    pairs: list[tuple[Entry | None, Entry | None]] = []
    pairs += [(entry, None) for entry in sorted(plan.remove, key=_by_name)]
    pairs += [(None, entry) for entry in sorted(plan.add, key=_by_name)]
    changed = sorted(plan.change, key=lambda pair: _by_name(pair[0]))
    pairs += changed
    pairs += [(entry, entry) for entry in sorted(plan.affected + plan.repeated, key=_by_name)]
    by_publisher: dict[str, list[str]] = {}
    for old, new in pairs:
        publishers = dict.fromkeys(entry.publisher for entry in (old, new) if entry)
        stem = next(entry.stem for entry in (new, old) if entry)
        by_publisher.setdefault(" -> ".join(publishers), []).append(f"  {stem}\n    {_versions(old, new)}\n")
    text = "".join(f"{publisher}\n{''.join(by_publisher[publisher])}" for publisher in sorted(by_publisher))
    return f"\nChanged packages:\n{text}" if text else ""


def _by_name(entry: Entry) -> tuple[str, str]:
    return entry.publisher, entry.stem


def _versions(old: Entry | None, new: Entry | None) -> str:
    """Versions before and after; with time stamps where nothing else tells them apart."""
    if old and old is new:
        return old.fmri.known.plain
    same = old and new and old.fmri.known.plain == new.fmri.known.plain
    return " -> ".join("None" if e is None else e.fmri.known.short if same else e.fmri.known.plain for e in (old, new))


def parsable(plan: Plan, **rest: Any) -> dict[str, Any]:
    """A plan as `--parsable=0` prints it; ``rest`` are keys that the plan alone does not tell."""
    return {
        "activate-be": True,
        "add-packages": sorted(str(entry.fmri) for entry in plan.add),
        "affect-packages": [],
        "affect-services": [],
        "backup-be-name": None,
        "be-name": None,
        "boot-archive-rebuild": False,
        "change-facets": [],
        "change-editables": [],
        "change-mediators": [],
        "change-packages": sorted([str(old.fmri), str(new.fmri)] for old, new in plan.change),
        "change-variants": [],
        "child-images": [],
        "create-backup-be": False,
        "create-new-be": False,
        "image-name": None,
        "item-messages": {},
        "licenses": [],
        "release-notes": [],
        "remove-packages": sorted(str(entry.fmri) for entry in plan.remove),
        "space-available": None,
        "space-required": None,
        "version": 0,
        **rest,
    }


def as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":")) + "\n"


# -- licences ----------------------------------------------------------------------------------------------------------


def licence_shown(package: str, name: str, text: str) -> str:
    return f"{'-' * 60}\nPackage: {package}\nLicense: {name}\n\n{text}\n\n\n"


def licences_refused(pairs: Iterable[tuple[str, str]]) -> str:
    """``pairs``: FMRI with build release, name of the licence."""
    text = (
        "\npkg: The following packages require their licenses to be accepted before they can be installed or updated:\n"
    )
    for package, name in pairs:
        text += f" {RULE}\nPackage: {package}\n\nLicense: {name}\n  License requires acceptance.\n"
    return (
        f"{text}\nTo indicate that you agree to and accept the terms of the licenses of the packages listed above,"
        " use the --accept option. To display all of the related licenses, use the --licenses option.\n"
    )


# -- repositories that cannot be reached -------------------------------------------------------------------------------


def stale_catalogs(contacts: Contacts) -> str:
    """The warning that a plan was made without the newest catalogs (on stdout); empty if all origins answered."""
    if not contacts.failed:
        return ""
    text = (
        "\n\nWARNING: Errors were encountered when attempting to retrieve package\n"
        "catalog information. Packages added to the affected publisher repositories since\n"
        "the last retrieval may not be available.\n\n"
    )
    for publisher, tally in contacts.failed.items():
        several = f"{len(tally.failed)} of {tally.total} repositories"
        where = "repository" if tally.total == 1 else several
        text += f"Errors were encountered when attempting to contact {where} for publisher '{publisher}'.\n"
        text += "".join(f"\n{entry.details}" for entry in tally.failed) + "\n"
    return text + "\n"


NOT_REACHED = "could not be reached for catalog refresh"
NOT_REFRESHED = "could not be refreshed"


def refresh_failed(missing: list[Unreachable], publishers: int, how: str = NOT_REACHED) -> str:
    """stderr of `pkg refresh`, and of set-publisher (``how`` is NOT_REFRESHED)."""
    by_publisher: dict[str, list[Unreachable]] = {}
    for entry in missing:
        by_publisher.setdefault(entry.publisher, []).append(entry)
    partial = sum(len(found) < found[0].origins and not found[0].answered for found in by_publisher.values())
    head = f"{publishers - len(by_publisher)}/{publishers} catalogs successfully updated"
    text = f"pkg: {head}{f' ({partial} partial)' if partial else ''}:\n"
    for publisher, entries in by_publisher.items():
        if entries[0].answered:
            text += f"\n   \n{entries[0].failure}"
            continue
        text += f"\n{len(entries)}/{entries[0].origins} repositories for publisher '{publisher}' {how}.\n"
        text += "".join(f"\n{entry.details}" for entry in entries)
    return text + "\n\n"


def no_origin(publisher: str, missing: Unreachable) -> str:
    """stderr of set-publisher with an origin that does not answer."""
    return (
        f"The origin URIs for '{publisher}' do not appear to point to a valid pkg repository.\n"
        "Please verify the repository's location and the client's network configuration.\n"
        "Additional details:\n\nUnable to contact valid package repository\n"
        "Encountered the following error(s):\n"
        "Transport errors encountered when trying to contact repository.\n"
        f"Reported the following errors:\n{missing.failure}"
    )


FETCH_FAILED = (
    "\nErrors were encountered while attempting to retrieve package or file data for\n"
    "the requested operation.\nDetails follow:\n\n"
)


def fetch_failed(missing: Iterable[Unreachable]) -> str:
    """stderr of a real run that has to fetch what it cannot get."""
    return FETCH_FAILED + "".join(entry.failure for entry in missing)


# -- tables ------------------------------------------------------------------------------------------------------------


def table(rows: list[list[str]]) -> str:
    """Columns padded to the longest cell, tabs between them: list-linked, audit-linked, property-linked."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return "".join("\t".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\n" for row in rows)


def fmri_short(text: str) -> str:
    """An FMRI without its build release."""
    return fmri.parse(text).short


def changed_files(editables: list[list[Any]]) -> str:
    """The editable files that -v lists."""
    words = {"moved": "Move", "removed": "Remove", "installed": "Install", "updated": "Update"}
    text = ""
    for kind, paths in editables:
        named = [" -> ".join(path) for path in paths] if kind == "moved" else paths
        text += f"  {words[kind]}:\n" + "".join(f"    {path}\n" for path in named)
    return f"\nEditable files to change:\n{text}" if text else ""


OUTDATED_FORMAT = (
    "\nNOTE: The format of this image is out of date.\n"
    "Run 'pkg update-format' to update to the latest format and improve performance.\n"
)
