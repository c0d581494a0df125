# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FMRIs and versions of packages, compared as pkg(1) compares them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Collection

_FMRI = re.compile(
    r"(?:pkg:)?(?://(?P<publisher>[A-Za-z0-9][A-Za-z0-9._-]*)/|/)?"
    r"(?P<stem>[A-Za-z0-9][A-Za-z0-9_/.+-]*)"
    r"(?:@(?P<version>[0-9A-Za-z.,:-]*))?"
)
_ANCHOR = re.compile(r"(?:pkg:)?(?://[^/]*/|/)|pkg:")
_WILD = frozenset("*?[")
_VERSION = re.compile(
    r"(?P<release>[0-9.]+)(?:,(?P<build>[0-9.]*))?(?:-(?P<branch>[0-9.]+))?(?::(?P<stamp>[0-9]{8}T[0-9]{6}Z))?"
)
# Far above any real one: Python would take ages to read a number of a million digits.
_LONGEST = 1000
# Zones have mostly the packages of their global zone: what is parsed once serves for all of them.
_REMEMBERED = 4096


def _dots(text: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in (text or "").split(".") if part)


@dataclass(frozen=True)
class Version:
    """A version: release and branch as numbers, time stamp as text ("" if not given).

    The build release (",5.11") takes no part in comparisons, nor does pkg's (`list` does not even show it).
    """

    release: tuple[int, ...]
    branch: tuple[int, ...] = ()
    stamp: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Parse `11-151054.0:20250505T080000Z` with or without `,5.11`. Raises ValueError."""
        match = _VERSION.fullmatch(text) if len(text) <= _LONGEST else None
        if not match or not _dots(match["release"]):
            raise ValueError(f"not a package version: {text[:200]!r}")
        return cls(_dots(match["release"]), _dots(match["branch"]), match["stamp"] or "")

    @property
    def key(self) -> tuple[tuple[int, ...], tuple[int, ...], str]:
        """What pkg orders by: release, branch, time stamp."""
        return (self.release, self.branch, self.stamp)

    def __lt__(self, other: Version) -> bool:
        return self.key < other.key

    def begins(self, other: Version) -> bool:
        """Tell whether an incorporation at this version allows another: each part is that one's beginning (pkg(7))."""
        return (
            other.release[: len(self.release)] == self.release
            and other.branch[: len(self.branch)] == self.branch
            and self.stamp in ("", other.stamp)
        )

    def __str__(self) -> str:
        """Return the form of `pkg list -Hv`, without the build release."""
        text = ".".join(map(str, self.release))
        if self.branch:
            text += "-" + ".".join(map(str, self.branch))
        return text + (":" + self.stamp if self.stamp else "")


@dataclass(frozen=True)
class Fmri:
    """A package FMRI; publisher is "" and version None where the text has none."""

    stem: str
    publisher: str = ""
    version: Version | None = None

    @classmethod
    def parse(cls, text: str) -> Fmri:
        """Parse any written form of an FMRI. Raises ValueError."""
        if len(text) > _LONGEST:
            raise ValueError(f"not a package FMRI: {text[:200]!r}")
        return _parse_fmri(text)

    def __str__(self) -> str:
        head = f"pkg://{self.publisher}/" if self.publisher else "pkg:/"
        return head + self.stem + (f"@{self.version}" if self.version else "")


@lru_cache(maxsize=_REMEMBERED)
def _parse_fmri(text: str) -> Fmri:
    match = _FMRI.fullmatch(text.strip())
    if not match:
        raise ValueError(f"not a package FMRI: {text[:200]!r}")
    version = Version.parse(match["version"]) if match["version"] else None
    return Fmri(match["stem"], match["publisher"] or "", version)


def is_wild(pattern: str) -> bool:
    """Tell whether a pattern may mean any number of packages."""
    return not _WILD.isdisjoint(pattern)


def matching(pattern: str, stems: Collection[str]) -> list[str]:
    """Return which of some stems a pattern means, as pkg(1) takes it, in order.

    That is a stem, else the end of one at a slash, with * and ? if wanted; one that begins as an FMRI does is a whole
    stem. Publisher and version of the pattern are passed over.
    """
    anchor = _ANCHOR.match(pattern)
    name = pattern[anchor.end() if anchor else 0 :].partition("@")[0]
    if name in stems:
        return [name]
    return sorted(
        stem for stem in stems if fnmatchcase(stem, name) or (not anchor and name and fnmatchcase(stem, f"*/{name}"))
    )
