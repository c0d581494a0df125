# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the package catalogs of an image say, in formats 4 (JSON) and 5 (SQLite): FMRIs and action lines.

The image may be a zone's: nothing outside its root is reached, sizes and times are bounded, every string is hostile.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
from typing import Any, Iterator, List, Tuple

from . import safe

FORMATS = (4, 5)
_DATABASE = "var/pkg/state/catalog.db"
_STATE = "var/pkg/state"
_COLUMNS = {
    "packages": {"id", "pub", "stem", "version", "installed"},
    "actions": {"pkg", "part", "locale", "acts"},
}
# Far above what a real image has: bounds for one that was made to be endless (steps in millions, of SQLite's).
# A part of state/installed is about 1 MB, of state/known 20 MB, a database 60 MB.
_DATABASE_LIMIT = 256 * safe.MEGABYTE
_PART_LIMITS = {"installed": 16 * safe.MEGABYTE, "known": 64 * safe.MEGABYTE}
# Bytes of JSON for each value, at least, in what is large. Real ones have 17; an empty list is 3, and 64 in memory.
_FEWEST_BYTES = 8
_MOST_PACKAGES = 1_000_000
# The dependencies of one package; an incorporation of all there is has some 5000, in half a megabyte.
_LONGEST_ACTIONS = 8 * safe.MEGABYTE
_MOST_STEPS = 300
_LONGEST_INTEGER = 20
_WAL = b"\2\2"
# Not there before Python 3.11, nor with an SQLite that was built without it.
_DESERIALIZE: Any = getattr(sqlite3.Connection, "deserialize", None)

# FMRI as text, action lines of the dependency part
Row = Tuple[str, List[str]]


class ImageError(Exception):
    """The image cannot be read; the text is a sentence for people."""


class ImageMissing(ImageError):
    """There is no image."""


class UnknownFormat(ImageError):
    """Only pkg can read the packages of the image."""


class ImageBusy(ImageError):
    """A pkg is writing to the image, or was killed while it did."""


def packages(root: str, image_format: int, installed_only: bool, containing: str) -> Iterator[Row]:
    """Yield the packages of the image at `root`, installed or all that are known. Raises ImageError.

    The action lines of a package may be left out if `containing` occurs in none of them.
    """
    if image_format == 5:
        return _database_rows(root, installed_only, containing)
    return _json_rows(root, installed_only)


def known(root: str, image_format: int, stem: str) -> list[str]:
    """Return the FMRIs of every version of one package that the image at `root` knows. Raises ImageError."""
    if image_format != 5:
        base = _part(root, f"{_STATE}/known/catalog.base.C", _PART_LIMITS["known"])
        publishers = [(name, stems) for name, stems in base.items() if not name.startswith("_")]
        return [
            f"pkg://{name}/{stem}@{entry['version']}" for name, stems in publishers for entry in stems.get(stem, [])
        ]
    query = "SELECT 'pkg://' || pub || '/' || stem || '@' || version FROM packages WHERE stem = ?"
    try:
        with _database(root) as connection:
            _check_tables(connection)
            return [str(fmri) for (fmri,) in connection.execute(query, (stem,))]
    except (sqlite3.Error, OSError, UnicodeError, MemoryError) as exc:
        raise ImageError(f"{_DATABASE} of the image at {root} cannot be read: {safe.words(exc)}.") from None


def parse_json(content: bytes, what: str, root: str) -> Any:
    """Parse what a zone may have written. Raises ImageError, also for an integer that would take Python ages."""
    if len(content) > safe.MEGABYTE and sum(map(content.count, (b",", b"[", b"{"))) * _FEWEST_BYTES > len(content):
        raise ImageError(f"{what} of the image at {root} is not of the known form.")
    try:
        return json.loads(content, parse_int=_integer)
    except (ValueError, RecursionError, MemoryError) as exc:
        raise ImageError(f"{what} of the image at {root} is not readable: {str(exc)[:200] or 'too big'}.") from None


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise ValueError("an integer is too long")
    return int(text)


def _json_rows(root: str, installed_only: bool) -> Iterator[Row]:
    catalog = "installed" if installed_only else "known"
    limit = _PART_LIMITS[catalog]
    before = _stamp(root, catalog)
    base = _part(root, f"{_STATE}/{catalog}/catalog.base.C", limit)
    depend = _part(root, f"{_STATE}/{catalog}/catalog.dependency.C", limit)
    if _stamp(root, catalog) != before:
        raise ImageBusy(f"The package catalog of the image at {root} was changed while it was read; try again.")
    for publisher, stems in base.items():
        if publisher.startswith("_"):
            continue
        for stem, entries in stems.items():
            lines = {e["version"]: e.get("actions", []) for e in depend.get(publisher, {}).get(stem, [])}
            for entry in entries:
                yield f"pkg://{publisher}/{stem}@{entry['version']}", lines.get(entry["version"], [])


def _stamp(root: str, catalog: str) -> bytes:
    """Return what changes with every change of a catalog: its parts are replaced one after the other."""
    path = f"{_STATE}/{catalog}/catalog.attrs"
    try:
        return safe.read(root, path)
    except FileNotFoundError:
        return b""
    except (safe.UnsafePath, OSError, MemoryError) as exc:
        raise ImageError(f"{path} of the image at {root} cannot be read: {safe.words(exc)}.") from None


def _part(root: str, path: str, limit: int) -> dict[str, Any]:
    try:
        document = parse_json(safe.read(root, path, limit), path, root)
    except (FileNotFoundError, safe.UnsafePath, OSError, MemoryError) as exc:
        raise ImageError(f"{path} of the image at {root} cannot be read: {safe.words(exc)}.") from None
    if not _is_part(document):
        raise ImageError(f"{path} of the image at {root} is not of the known form.")
    return dict(document)


def _database_rows(root: str, installed_only: bool, containing: str) -> Iterator[Row]:
    query = (
        "SELECT 'pkg://' || p.pub || '/' || p.stem || '@' || p.version, a.acts FROM packages p "
        "LEFT JOIN actions a ON a.pkg = p.id AND a.part = 0 AND a.locale = 'C'"
    )
    if installed_only:
        query += " WHERE p.installed = 1"
    try:
        with _database(root) as connection:
            _check_tables(connection)
            # Row by row: what one row says may stand in very many.
            for count, row in enumerate(connection.execute(query)):
                if count >= _MOST_PACKAGES:
                    raise sqlite3.DataError(f"it has more than {_MOST_PACKAGES} packages")
                fmri, actions = row
                if not isinstance(fmri, str) or not isinstance(actions or "", str):
                    raise sqlite3.DataError("it has values that are no text")
                if actions and len(actions) > _LONGEST_ACTIONS:
                    raise sqlite3.DataError(f"the dependencies of one package are longer than {_LONGEST_ACTIONS} bytes")
                # Not asked of SQLite: what it searches in is counted nowhere.
                yield fmri, actions.split("\n") if actions and containing in actions else []
    except (sqlite3.Error, OSError, UnicodeError, MemoryError) as exc:
        # UnicodeError: SQLite's own complaint repeats what stands in the file.
        raise ImageError(f"{_DATABASE} of the image at {root} cannot be read: {safe.words(exc)}.") from None


@contextlib.contextmanager
def _database(root: str) -> Iterator[sqlite3.Connection]:
    """Open a private copy of the database: SQLite goes by path, and a path in a zone may be a trap."""
    try:
        _check_journal(root)
        content = safe.read(root, _DATABASE, _DATABASE_LIMIT)
        # What a change has replaced meanwhile is in a journal now.
        _check_journal(root)
    except (FileNotFoundError, safe.UnsafePath, OSError) as exc:
        raise ImageError(f"{_DATABASE} of the image at {root} cannot be read: {safe.words(exc)}.") from None
    with _opened(content) as connection:
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            steps = iter(range(_MOST_STEPS))
            connection.set_progress_handler(lambda: next(steps, None) is None, 1_000_000)
            connection.text_factory = _Texts()
            yield connection
        finally:
            connection.set_progress_handler(None, 0)


@contextlib.contextmanager
def _opened(content: bytes) -> Iterator[sqlite3.Connection]:
    if not content:
        raise sqlite3.DataError("it is empty")
    if _DESERIALIZE is not None:
        connection = sqlite3.connect(":memory:")
        try:
            if content[18:20] == _WAL:
                # One in WAL mode cannot be used from memory until its header says otherwise (sqlite3_deserialize).
                content = content[:18] + b"\1\1" + content[20:]
            _DESERIALIZE(connection, content)
            yield connection
        finally:
            connection.close()
        return
    with tempfile.TemporaryDirectory(prefix="linked_zones-") as folder:
        path = os.path.join(folder, "catalog.db")
        with open(path, "wb") as stream:
            stream.write(content)
        connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        try:
            yield connection
        finally:
            connection.close()


def _check_journal(root: str) -> None:
    if safe.exists(root, _DATABASE + "-journal"):
        raise ImageBusy(
            f"The package database of the image at {root} is being changed (or a pkg was killed there); "
            "try again, or run any changing pkg command on it first."
        )


class _Texts:
    """Decodes texts, of all rows together not more than a file can hold: many rows may share one long text."""

    def __init__(self) -> None:
        self.left = _DATABASE_LIMIT

    def __call__(self, raw: bytes) -> str:
        self.left -= len(raw)
        if self.left < 0:
            raise sqlite3.DataError("its texts are longer than the file")
        return raw.decode("utf-8", errors="replace")


def _check_tables(connection: sqlite3.Connection) -> None:
    """See that what is asked for are tables that hold their values: a view computes them, without end perhaps."""
    for table, columns in _COLUMNS.items():
        real = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = ? AND type = 'table' AND rootpage > 0", (table,)
        ).fetchone()[0]
        # table_info does not show generated columns.
        stored = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if real != 1 or not columns <= stored:
            raise sqlite3.DataError(f"table {table} is not of the known form")


def _is_part(document: Any) -> bool:
    """Tell whether a JSON document is a catalog part: publisher -> stem -> list of entries with a version."""
    return isinstance(document, dict) and all(
        name.startswith("_")
        or (
            isinstance(stems, dict)
            and all(
                isinstance(entries, list)
                and all(
                    isinstance(e, dict) and isinstance(e.get("version"), str) and isinstance(e.get("actions", []), list)
                    for e in entries
                )
                for entries in stems.values()
            )
        )
        for name, stems in document.items()
    )
