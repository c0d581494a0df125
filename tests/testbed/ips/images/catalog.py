"""What an image knows of packages, whatever file format it is kept in (v4.py, v5.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from testbed.ips import action, fmri
from testbed.ips.action import Action
from testbed.ips.fmri import Fmri

KNOWN, INSTALLED, UPGRADABLE, V1, OBSOLETE, RENAMED, FROZEN, MANUAL = 0, 2, 4, 7, 8, 9, 11, 13
"""Package states (images/FORMAT-v4.md)."""


@dataclass
class Entry:
    """One version of a package. ``base`` is what the file keeps besides the version: signature and metadata."""

    publisher: str
    stem: str
    version: str
    base: dict[str, Any] = field(default_factory=dict)
    depend: list[str] | None = None
    """Action lines of the dependency part; None where the part has nothing on this version."""
    summary: list[str] | None = None

    @cached_property
    def fmri(self) -> Fmri:
        return Fmri(self.publisher, self.stem, fmri.version(self.version))

    @property
    def states(self) -> list[int]:
        states: list[int] = self.base.setdefault("metadata", {}).setdefault("states", [])
        return states

    @property
    def installed(self) -> bool:
        return INSTALLED in self.states

    @cached_property
    def actions(self) -> list[Action]:
        return [action.parse(line) for line in self.depend or []]

    @cached_property
    def obsolete(self) -> bool:
        return self._flag("pkg.obsolete")

    @cached_property
    def renamed(self) -> bool:
        return self._flag("pkg.renamed")

    def _flag(self, name: str) -> bool:
        return any(a.kind == "set" and a.get("name") == name and a.get("value") == "true" for a in self.actions)

    def set_state(self, state: int, on: bool) -> None:
        if on and state not in self.states:
            self.states.append(state)
        elif not on and state in self.states:
            self.states.remove(state)


@dataclass
class Catalog:
    """Entries in the file's order, and what the file says of itself (``created``, ``last-modified``, ...)."""

    entries: list[Entry] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    feature: bool = True
    """Its parts carry `_FEATURE`; a catalog that pkg fetched as increments does not."""

    def installed(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.installed]

    def by_stem(self) -> dict[str, list[Entry]]:
        """All versions of each stem, newest first."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.stem, []).append(entry)
        for versions in found.values():
            versions.sort(key=lambda entry: entry.fmri.known.key, reverse=True)
        return found

    def find(self, wanted: Fmri) -> Entry | None:
        for entry in self.entries:
            if entry.fmri == wanted:
                return entry
        return None


def from_manifests(manifests: Mapping[Fmri, list[str]]) -> list[Entry]:
    """Catalog entries of these packages, as a repository builds them: by publisher and stem, versions ascending."""
    entries = []
    for name in sorted(manifests, key=lambda name: (name.publisher, name.stem, name.known.key)):
        lines = manifests[name]
        parts: tuple[list[str], list[str]] = ([], [])
        for line in sorted(lines, key=lambda line: not line.startswith("depend ")):  # these first, else as they are
            part = action.catalog_part(line)
            if part is not None:
                parts[part].append(line)
        signature = hashlib.sha1(manifest_text(lines).encode()).hexdigest()
        entries.append(
            Entry(
                name.publisher,
                name.stem,
                name.known.text,
                {"signature-sha-1": signature},
                parts[0] or None,
                parts[1] or None,
            )
        )
    return entries


def manifest_text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
