# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader of pkg images on disk, formats 4 (JSON catalogs) and 5 (SQLite). Runs no pkg and changes nothing.

The image may be a zone's: nothing outside its root is reached, sizes are bounded, every string is hostile.
Layout: docs of the formats in the project's reference (FORMAT-v4, FORMAT-v5).
"""

from __future__ import annotations

import ast
import configparser
import contextlib
import json
import os
import sqlite3
import tempfile
from dataclasses import dataclass
from typing import Any, Iterator, Sequence

from ..model.fmri import Fmri
from ..model.parent import counts, parse_action
from ..model.publisher import Publisher, is_legal_name
from . import safe

_CONFIG = "var/pkg/pkg5.image"
_DATABASE = "var/pkg/state/catalog.db"
_STATE = "var/pkg/state"
_LINKED = "var/pkg/linked"
_CATALOG_LIMIT = 256 * safe.MEGABYTE
_FORMATS = (4, 5)
_COLUMNS = {
    "packages": {"id", "pub", "stem", "version", "installed"},
    "actions": {"pkg", "part", "locale", "acts"},
}
# Far above what a real image has: bounds for one that was made to be endless (steps in millions, of SQLite's).
_MOST_PACKAGES = 1_000_000
_MOST_STEPS = 2000
# Settings of a publisher, besides the URIs and `property.*`, that are its owner's and not the repository's.
_SETTINGS = ("ssl_cert", "ssl_key", "approved_ca_certs", "revoked_ca_certs")


class ImageError(Exception):
    """The image cannot be read; the text is a sentence for people."""


class ImageBusy(ImageError):
    """A pkg is writing to the image, or was killed while it did."""


@dataclass(frozen=True)
class Config:
    """What pkg5.image says; publishers are in search order, facets as (pattern, setting)."""

    format: int
    variants: tuple[tuple[str, str], ...]
    facets: tuple[tuple[str, bool], ...]
    publishers: tuple[Publisher, ...]
    use_system_repo: bool


class Image:
    """The image at `root` ("/" or a zone's root)."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.config = self._config()
        if self.config.format not in _FORMATS:
            raise ImageError(f"The image at {root} has format {self.config.format}; only formats 4 and 5 can be read.")

    def installed(self) -> dict[str, Fmri]:
        """Return stem -> FMRI of what is installed."""
        return {fmri.stem: fmri for fmri, _actions in self._packages(installed_only=True)}

    def known(self) -> list[Fmri]:
        """Return every version the image's catalogs know."""
        return [fmri for fmri, _actions in self._packages(installed_only=False)]

    def parent_dependencies(self, packages: Sequence[Fmri]) -> list[tuple[Fmri, str]]:
        """Return (package, dependency) for each parent dependency that counts in this image.

        `packages` need not be installed, but must be known. Raises ImageError if one is not.
        """
        wanted = {str(fmri): fmri for fmri in packages}
        found: list[tuple[Fmri, str]] = []
        variants = dict(self.config.variants)
        facets = tuple(self.inherited_facets()) + self.config.facets
        for fmri, actions in self._packages(installed_only=False):
            if wanted.pop(str(fmri), None) is None:
                continue
            for line in actions:
                action = self._action(line)
                if action is None or action.values("type") != ("parent",):
                    continue
                if counts(action, variants, facets):
                    found += [(fmri, dependency) for dependency in action.values("fmri")]
        if wanted:
            raise ImageError(f"The catalogs of the image at {self.root} do not know {', '.join(sorted(wanted))}.")
        return found

    def linked_name(self) -> str | None:
        """Return the name the image has as a child ("zone:web01"), None if it has no linked metadata."""
        try:
            text = safe.read(self.root, f"{_LINKED}/linked_prop")
        except FileNotFoundError:
            return None
        except (safe.UnsafePath, OSError) as exc:
            raise ImageError(str(exc)) from None
        document = self._json(text, "linked_prop")
        name = document.get("li-name") if isinstance(document, dict) else None
        return name if isinstance(name, str) else None

    def inherited_facets(self) -> list[tuple[str, bool]]:
        """Return the facets the parent has handed down."""
        try:
            document = self._json(safe.read(self.root, f"{_LINKED}/linked_pfacets"), "linked_pfacets")
        except FileNotFoundError:
            return []
        except (safe.UnsafePath, OSError) as exc:
            raise ImageError(str(exc)) from None
        return [(str(k), bool(v)) for k, v in document.items()] if isinstance(document, dict) else []

    def _action(self, line: str) -> Any:
        try:
            return parse_action(str(line))
        except ValueError as exc:
            raise ImageError(f"The catalog of the image at {self.root} has {exc}") from None

    def _json(self, content: bytes, what: str) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as exc:
            raise ImageError(f"{what} of the image at {self.root} is not readable: {exc}.") from None

    def _config(self) -> Config:
        try:
            text = safe.read(self.root, _CONFIG).decode("utf-8", errors="replace")
        except FileNotFoundError:
            raise ImageError(f"There is no pkg image at {self.root} ({_CONFIG} is missing).") from None
        except (safe.UnsafePath, OSError) as exc:
            raise ImageError(str(exc)) from None
        parser = configparser.RawConfigParser(delimiters=("=",), strict=False, comment_prefixes=("#",))
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        try:
            parser.read_string(text)
            return _parsed(parser)
        except (configparser.Error, ValueError, SyntaxError, RecursionError, MemoryError) as exc:
            reason = str(exc).splitlines()[0].rstrip(".") if str(exc) else type(exc).__name__
            raise ImageError(f"{_CONFIG} of the image at {self.root} cannot be understood: {reason}.") from None

    def _packages(self, installed_only: bool) -> Iterator[tuple[Fmri, list[str]]]:
        rows = self._database_rows(installed_only) if self.config.format == 5 else self._json_rows(installed_only)
        for publisher, stem, version, actions in rows:
            try:
                yield Fmri.parse(f"pkg://{publisher}/{stem}@{version}"), actions
            except ValueError as exc:
                raise ImageError(f"The catalog of the image at {self.root} has an entry that is {exc}.") from None

    def _json_rows(self, installed_only: bool) -> Iterator[tuple[str, str, str, list[str]]]:
        folder = f"{_STATE}/{'installed' if installed_only else 'known'}"
        base = self._part(f"{folder}/catalog.base.C")
        depend = self._part(f"{folder}/catalog.dependency.C")
        for publisher, stems in base.items():
            if publisher.startswith("_"):
                continue
            for stem, entries in stems.items():
                lines = {e["version"]: e.get("actions", []) for e in depend.get(publisher, {}).get(stem, [])}
                for entry in entries:
                    yield publisher, stem, entry["version"], lines.get(entry["version"], [])

    def _part(self, path: str) -> dict[str, Any]:
        try:
            document = self._json(safe.read(self.root, path, _CATALOG_LIMIT), path)
        except (FileNotFoundError, safe.UnsafePath, OSError) as exc:
            raise ImageError(f"{path} of the image at {self.root} cannot be read: {exc}.") from None
        if not _is_part(document):
            raise ImageError(f"{path} of the image at {self.root} is not of the known form.")
        return dict(document)

    def _database_rows(self, installed_only: bool) -> Iterator[tuple[str, str, str, list[str]]]:
        query = (
            "SELECT p.pub, p.stem, p.version, a.acts FROM packages p "
            "LEFT JOIN actions a ON a.pkg = p.id AND a.part = 0 AND a.locale = 'C'"
        )
        if installed_only:
            query += " WHERE p.installed = 1"
        try:
            with self._database() as connection:
                _check_tables(connection)
                # Row by row: what one row says may stand in very many.
                for count, row in enumerate(connection.execute(query)):
                    if count >= _MOST_PACKAGES:
                        raise sqlite3.DataError(f"it has more than {_MOST_PACKAGES} packages")
                    yield str(row[0]), str(row[1]), str(row[2]), str(row[3]).split("\n") if row[3] else []
        except sqlite3.Error as exc:
            raise ImageError(f"{_DATABASE} of the image at {self.root} cannot be read: {exc}.") from None

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """Open a private copy of the database: SQLite goes by path, and a path in a zone may be a trap."""
        try:
            if safe.exists(self.root, _DATABASE + "-journal"):
                raise ImageBusy(
                    f"The package database of the image at {self.root} is being changed (or a pkg was killed there); "
                    "try again, or run any changing pkg command on it first."
                )
            content = safe.read(self.root, _DATABASE, _CATALOG_LIMIT)
        except (FileNotFoundError, safe.UnsafePath, OSError) as exc:
            raise ImageError(f"{_DATABASE} of the image at {self.root} cannot be read: {exc}.") from None
        with tempfile.TemporaryDirectory(prefix="linked_zones-") as folder:
            path = os.path.join(folder, "catalog.db")
            with open(path, "wb") as stream:
                stream.write(content)
            connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
            try:
                connection.execute("PRAGMA trusted_schema = OFF")
                steps = iter(range(_MOST_STEPS))
                connection.set_progress_handler(lambda: next(steps, None) is None, 1_000_000)
                connection.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
                yield connection
            finally:
                connection.close()


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


def _list(text: str) -> list[Any]:
    value = ast.literal_eval(text) if text.strip() else []
    if not isinstance(value, list):
        raise ValueError(f"not a list: {text[:80]!r}")
    return value


def _parsed(parser: configparser.RawConfigParser) -> Config:
    facets = parser["facet"].items() if parser.has_section("facet") else ()
    publishers = {}
    for section in parser.sections():
        if section.startswith("authority_"):
            publisher = _publisher(parser[section])
            publishers[publisher.name] = publisher
    order = [str(name) for name in _list(parser.get("property", "publisher-search-order", fallback=""))]
    names = [name for name in order if name in publishers] + [name for name in publishers if name not in order]
    return Config(
        format=int(parser.get("image", "version", fallback="-1")),
        variants=tuple(parser["variant"].items()) if parser.has_section("variant") else (),
        facets=tuple((key, value == "True") for key, value in facets),
        publishers=tuple(publishers[name] for name in names),
        use_system_repo=parser.get("property", "use-system-repo", fallback="False") == "True",
    )


def _publisher(section: configparser.SectionProxy) -> Publisher:
    info = [entry for entry in _list(section.get("origin_info", "")) if isinstance(entry, dict)]
    name = section.get("prefix", section.name[len("authority_") :])
    if not is_legal_name(name):
        raise ValueError(f"not the name of a publisher: {name[:80]!r}")
    settings = {key: section.get(key, "") for key in _SETTINGS}
    settings.update((k, v) for k, v in section.items() if k.startswith("property.") and k != "property.nochild")
    settings["proxy"] = ", ".join(str(e["proxy"]) for e in info if e.get("proxy"))
    settings["disabled origins"] = ", ".join(str(e.get("uri")) for e in info if e.get("disabled") == "true")
    return Publisher(
        name=name,
        origins=tuple(str(uri) for uri in _list(section.get("origins", ""))),
        mirrors=tuple(str(uri) for uri in _list(section.get("mirrors", ""))),
        sticky=section.get("sticky", "True") == "True",
        enabled=section.get("disabled", "False") != "True",
        nochild=section.get("property.nochild", "false").lower() == "true",
        settings=tuple(sorted((k, v) for k, v in settings.items() if v not in ("", "[]", "None"))),
    )
