"""What pkg works out of a manifest and keeps beside it: its facets, variants and sizes, as actions of kind `set`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from testbed.ips.action import Action

Tags = tuple[tuple[str, str], ...]
"""Facets and variants of an action, sorted."""


def line(found: Action) -> str:
    """An action in the form in which pkg prints it: attributes sorted, values quoted where needed."""
    return _line(found.kind, found.attributes, found.hash)


def _line(kind: str, attributes: Mapping[str, Iterable[str]], payload: str = "") -> str:
    pairs = [f"{name}={_quoted(value)}" for name in sorted(attributes) for value in attributes[name]]
    return " ".join([kind, *([payload] if payload else []), *pairs])


def _quoted(value: str) -> str:
    if value and not any(mark in value for mark in (" ", "'", '"', "$(")):
        return value
    if '"' not in value:
        return f'"{value}"'
    return f"'{value}'" if "'" not in value else '"' + value.replace('"', '\\"') + '"'


def attributes(actions: Iterable[Action]) -> list[str]:
    """Lines of kind `set` that a manifest of these actions implies."""
    variants: dict[str, set[str]] = {}
    facets: dict[Tags, set[str]] = {}
    sizes: dict[Tags, list[int]] = {}
    declared = set()
    for found in actions:
        name = found.get("name")
        if found.kind == "set" and name.startswith("variant."):
            declared.add(name)
            variants.setdefault(name, set()).update(found.all("value"))
        own_facets = _tags(found, "facet.")
        own_variants = _tags(found, "variant.")
        for key, value in own_variants:
            variants.setdefault(key, set()).add(value)
        if own_facets:
            facets.setdefault(own_variants, set()).update(key for key, _ in own_facets)
        total = sizes.setdefault(tuple(sorted(own_facets + own_variants)), [0, 0])
        total[0] += int(found.get("pkg.csize", "0"))
        total[1] += int(found.get("pkg.size", "0"))
    common = facets.pop((), set())
    # without a value the line is taken for a value without a name, and gets the name `name` (manifest.py)
    made = [_set("pkg.variant", sorted(name.removeprefix("variant.") for name in variants))]
    if not variants:
        made = [_set("name", ["pkg.variant"])]
    made += [_set(name, sorted(values)) for name, values in variants.items() if name not in declared]
    made.append(_set("pkg.facet.common", sorted(name.removeprefix("facet.") for name in common)))
    for tags, names in facets.items():
        if rest := names - common:
            made.append(_set(f"pkg.facet.{_key(tags)}", sorted(name.removeprefix("facet.") for name in rest), tags))
    for tags, (compressed, plain) in sizes.items():
        if tags and (compressed or plain):
            made.append(_set(f"pkg.sizes.{_key(tags)}", [f"csz={compressed}", f"sz={plain}"], tags))
    compressed, plain = sizes.get((), [0, 0])
    return [*made, _set("pkg.sizes.common", [f"csz={compressed}", f"sz={plain}"])]


def _tags(found: Action, prefix: str) -> Tags:
    return tuple(
        sorted((name, value) for name in found.attributes if name.startswith(prefix) for value in found.all(name))
    )


def _key(tags: Tags) -> str:
    return hashlib.sha1("".join(f"{name}{value}" for name, value in tags).encode(), usedforsecurity=False).hexdigest()


def _set(name: str, values: list[str], tags: Tags = ()) -> str:
    found: dict[str, list[str]] = {"name": [name], "value": values or [""]}
    for key, value in tags:
        found.setdefault(key, []).append(value)
    return _line("set", found)
