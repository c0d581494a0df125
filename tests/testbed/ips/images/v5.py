"""The catalog of format v5: SQLite, var/pkg/state/catalog.db (images/FORMAT-v5.md)."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

from testbed.ips import fmri
from testbed.ips.images.catalog import Catalog, Entry

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE packages (id INTEGER PRIMARY KEY, pub TEXT NOT NULL, stem TEXT NOT NULL, version TEXT NOT NULL,
    sortkey BLOB NOT NULL, installed INTEGER NOT NULL DEFAULT 0, base TEXT NOT NULL, UNIQUE (pub, stem, version));
CREATE TABLE actions (pkg INTEGER NOT NULL, part INTEGER NOT NULL, locale TEXT NOT NULL, acts TEXT NOT NULL,
    PRIMARY KEY (pkg, part, locale)) WITHOUT ROWID;
CREATE INDEX pkg_stem ON packages (stem, sortkey);
CREATE INDEX pkg_ordered ON packages (stem, pub, sortkey DESC);
CREATE INDEX pkg_installed ON packages (stem) WHERE installed = 1;
PRAGMA user_version = 1;
"""


def read(path: Path) -> Catalog:
    """The catalog in the database; raises FileNotFoundError, sqlite3.DatabaseError."""
    if not path.exists():
        raise FileNotFoundError(path)
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        attributes = dict(connection.execute("SELECT name, value FROM meta"))
        entries: dict[int, Entry] = {}
        for row, publisher, stem, text, base in connection.execute(
            "SELECT id, pub, stem, version, base FROM packages ORDER BY id"
        ):
            entries[row] = Entry(publisher, stem, text, json.loads(base))
        for row, part, acts in connection.execute("SELECT pkg, part, acts FROM actions"):
            if part == 0:
                entries[row].depend = acts.split("\n")
            else:
                entries[row].summary = acts.split("\n")
    finally:
        connection.close()
    return Catalog(list(entries.values()), attributes)


def write(path: Path, catalog: Catalog) -> None:
    """Write the database anew and put it in place at once."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    connection = sqlite3.connect(scratch)
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO meta VALUES (?, ?)", sorted(catalog.attributes.items()))
        for row, entry in enumerate(catalog.entries, 1):
            connection.execute(
                "INSERT INTO packages VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    row,
                    entry.publisher,
                    entry.stem,
                    entry.version,
                    sortkey(entry.fmri.known),
                    int(entry.installed),
                    json.dumps(entry.base, separators=(",", ":")),
                ),
            )
            for part, acts in ((0, entry.depend), (1, entry.summary)):
                if acts is not None:
                    connection.execute("INSERT INTO actions VALUES (?, ?, 'C', ?)", (row, part, "\n".join(acts)))
        connection.commit()
    finally:
        connection.close()
    scratch.rename(path)


def sortkey(version: fmri.Version) -> bytes:
    """Bytes that order versions: each number with its length before it, a 0 at the end, 1 before what follows."""
    key = _numbers(version.release) + (b"\x01" + _numbers(version.branch)) if version.branch else b"\x00"
    return key + (b"\x01" + version.stamp.encode() if version.stamp else b"\x00")


def _numbers(numbers: tuple[int, ...]) -> bytes:
    encoded = b""
    for number in numbers:
        size = max(1, (number.bit_length() + 7) // 8)
        encoded += bytes([size]) + number.to_bytes(size, "big")
    return encoded + b"\x00"
