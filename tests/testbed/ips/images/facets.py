"""Facets of an image: its own, and those inherited from its parent (images/FORMAT-v4.md)."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from urllib.parse import quote, unquote


def read(section: Mapping[str, str]) -> dict[str, bool]:
    """Facets from a section of pkg5.image."""
    return {unquote(name): value == "True" for name, value in section.items()}


def section(facets: Mapping[str, bool]) -> dict[str, str]:
    return {quote(name, safe=""): str(value) for name, value in facets.items()}


def effective(own: Mapping[str, bool], inherited: Mapping[str, bool]) -> dict[str, bool]:
    """The facets that count, in the order in which they are tried: inherited ones first, longer names first."""
    groups = (inherited, {name: value for name, value in own.items() if name not in inherited})
    return {name: group[name] for group in groups for name in sorted(group, key=lambda name: (-len(name), name))}


def value(name: str, ordered: Mapping[str, bool]) -> bool:
    """A facet's setting: that of its exact name, else of the first pattern that matches, else the default."""
    pattern = matching(name, ordered)
    return ordered[pattern] if pattern else not name.startswith(("facet.optional.", "facet.debug."))


def matching(name: str, ordered: Mapping[str, bool]) -> str:
    """The name or pattern that sets a facet; empty: none."""
    if name in ordered:
        return name
    return next((pattern for pattern in ordered if fnmatch.fnmatchcase(name, pattern)), "")
