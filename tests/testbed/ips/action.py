"""Action lines of manifests and catalogs, and whether one counts in an image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from testbed.ips.images import facets

_WORD = re.compile(r"""(?:([^\s=]+)=)?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\S+)""")


@dataclass(frozen=True)
class Action:
    """``kind`` is file, dir, link, hardlink, depend, set, license, ...; ``hash`` the payload of file and license."""

    kind: str
    hash: str
    attributes: Mapping[str, tuple[str, ...]]
    line: str

    def get(self, name: str, default: str = "") -> str:
        """The first value of an attribute."""
        values = self.attributes.get(name)
        return values[0] if values else default

    def all(self, name: str) -> tuple[str, ...]:
        return self.attributes.get(name, ())


@cache
def parse(line: str) -> Action:
    kind, _, rest = line.strip().partition(" ")
    payload = ""
    attributes: dict[str, tuple[str, ...]] = {}
    for name, value in _WORD.findall(rest):
        if value[:1] in "\"'" and len(value) > 1:
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if name:
            attributes[name] = (*attributes.get(name, ()), value)
        else:
            payload = value
    return Action(kind, payload, attributes, line)


def counts(action: Action, variants: Mapping[str, str], ordered: Mapping[str, bool]) -> bool:
    """Does the action count in an image with these variants and these effective facets? (images/FORMAT-v4.md)"""
    any_of: list[bool] = []
    for name, values in action.attributes.items():
        if name.startswith("variant."):
            fits = variants[name] == values[0] if name in variants else values[0].startswith("false")
            if len(values) > 1 or not fits:
                return False
        elif name.startswith("facet."):
            setting = facets.value(name, ordered)
            if len(values) > 1 or (values[0] == "all" and not setting):
                return False
            if values[0] != "all":
                any_of.append(setting)
    return not any_of or any(any_of)


def catalog_part(line: str) -> int | None:
    """The part of a catalog that repeats this manifest line: 0 dependency, 1 summary, None neither."""
    if line.startswith("depend "):
        return 0
    if not line.startswith("set "):
        return None
    name = parse(line).get("name")
    if name.startswith(("variant", "facet", "pkg.depend.")) or name in ("pkg.obsolete", "pkg.renamed", "pkg.legacy"):
        return 0
    if name in ("fmri", "pkg.fmri", "publisher") or name.startswith(("info.source-url", "pkg.debug", "pkg.linted")):
        return None
    return 1
