# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What linked_publisher was asked for, read from its options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

from ..model import zone
from ..model.finding import refuse
from ..model.publisher import is_legal_name
from ..model.publisher_plan import Wanted
from ..model.uri import canonical

_NO = ("", "false", "no", "off", "none")


@dataclass(frozen=True)
class Wishes:
    """`publishers` are the global zone's (None: as it has them), `zones` maps a zone to what is declared for it."""

    publishers: tuple[Wanted, ...] | None = None
    zones: Mapping[str, tuple[Wanted, ...]] = field(default_factory=dict)
    remove_unlisted: bool = False


def wishes(
    publishers: Sequence[Mapping[str, Any]] | None,
    zone_publishers: Mapping[str, Any],
    remove_unlisted: bool,
) -> Wishes:
    """Return the options of this form as Wishes. Raises Refusal."""
    zones = {}
    for name, entries in zone_publishers.items():
        if not zone.is_legal_name(str(name)):
            raise refuse("bad-zone", f"`zone_publishers` names {str(name)[:80]!r}, which is no zone.", "Correct it.")
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise _bad(f"`zone_publishers` for zone {name} is no list of publishers")
        zones[str(name)] = _all(entries, f"`zone_publishers` for zone {name}")
    if publishers is not None and not publishers:
        raise _bad("`publishers` is empty")
    return Wishes(None if publishers is None else _all(publishers, "`publishers`"), zones, remove_unlisted)


def _all(entries: Sequence[Mapping[str, Any]], where: str) -> tuple[Wanted, ...]:
    wanted = tuple(_one(entry, where) for entry in entries)
    names = [one.name for one in wanted]
    for name in names:
        if names.count(name) > 1:
            raise _bad(f"{where} has publisher {name} twice")
    return wanted


def _one(entry: Mapping[str, Any], where: str) -> Wanted:
    name = entry.get("name")
    if not isinstance(name, str) or not is_legal_name(name):
        raise _bad(f"{where} has an entry without a legal `name`: {str(name)[:80]!r}")
    where = f"{where}, publisher {name}"
    known = {"name", "origins", "mirrors", "sticky", "enabled", "proxy", "properties"}
    unknown = sorted(str(key) for key in entry if key not in known)
    if unknown:
        raise _bad(f"{where} has the key {unknown[0][:80]!r}")
    return Wanted(
        name=name,
        origins=_uris(entry, "origins", where),
        mirrors=_uris(entry, "mirrors", where),
        sticky=_yes_or_no(entry, "sticky", where),
        enabled=_yes_or_no(entry, "enabled", where),
        proxy=_proxy(entry.get("proxy"), where),
        properties=_properties(entry.get("properties"), where),
    )


def _uris(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...] | None:
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, list):
        raise _bad(f"{where}: `{key}` is no list of URIs")
    try:
        return tuple(dict.fromkeys(canonical(str(uri)) for uri in value))
    except ValueError as exc:
        raise _bad(f"{where}, `{key}`: {exc}") from None


def _yes_or_no(entry: Mapping[str, Any], key: str, where: str) -> bool | None:
    value = entry.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise _bad(f"{where}: `{key}` is neither true nor false")


def _proxy(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, str) and not value:
        return ""
    if isinstance(value, str) and value.startswith(("http://", "https://")) and len(value.split()) == 1:
        return value
    raise _bad(f"{where}: `proxy` is no http URI")


def _properties(value: Any, where: str) -> tuple[tuple[str, str | None], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise _bad(f"{where}: `properties` is no mapping of names to texts")
    pairs = []
    for name, text in value.items():
        if not isinstance(name, str) or not name or set(name) & set("= \t\n") or name.startswith("-"):
            raise _bad(f"{where}: {str(name)[:80]!r} is no name of a property")
        if isinstance(text, (dict, list)):
            raise _bad(f"{where}: property {name} is no text; properties that are lists are not managed")
        if name == "nochild":
            # to pkg any text says yes, "false" too (get_pubs in linkedimage/common.py)
            pairs.append((name, None if str(text).lower() in _NO else "true"))
        else:
            pairs.append((name, None if text in (None, "") else str(text)))
    return tuple(pairs)


def _bad(sentence: str) -> Exception:
    return refuse("bad-publishers", f"{sentence}.", "Correct that; the documentation of linked_publisher has the form.")
