# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zones of an image that is not running, from its etc/zones (libzonecfg: getzoneent.c, zonecfg.dtd)."""

from __future__ import annotations

import re
from xml.parsers import expat

from ..model.zone import Zone, is_legal_name
from . import safe

_INDEX = "etc/zones/index"
# name:state:zonepath[:uuid], the zonepath in double quotes if it holds a colon
_LINE = re.compile(r'(?P<name>[^:]+):(?P<state>[a-z_]+):(?P<path>"[^"]*"|[^:]*)(?::(?P<uuid>[^:]*))?')


class ZoneFilesError(Exception):
    """The configuration of the zones cannot be read; the text is a sentence for people."""


def configured(root: str) -> bool:
    """Tell whether the directory etc/zones is there."""
    try:
        with safe.directory(root, "etc/zones"):
            return True
    except FileNotFoundError:
        return False
    except (safe.UnsafePath, OSError) as exc:
        raise ZoneFilesError(f"etc/zones below {root} cannot be read: {safe.words(exc)}.") from None


def zones(root: str) -> list[Zone]:
    """Return the non-global zones configured below `root`, zonepaths as they are when it runs. Raises ZoneFilesError.

    As in `zoneadm -R ROOT list -cp` the states are configured, incomplete and installed only; a state that is not
    known is not one in which pkg links a zone.
    """
    try:
        text = safe.read(root, _INDEX).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    except (safe.UnsafePath, OSError) as exc:
        raise ZoneFilesError(f"{_INDEX} below {root} cannot be read: {safe.words(exc)}.") from None
    lines = [line.strip() for line in text.splitlines()]
    try:
        entries = [parse_line(line) for line in lines if line and not line.startswith("#")]
    except ValueError as exc:
        raise ZoneFilesError(f"{_INDEX} below {root} has {exc}; please report.") from None
    return [
        Zone(name=name, state=state, zonepath=path, brand=_brand(root, name), uuid=uuid)
        for name, state, path, uuid in entries
        if name != "global"
    ]


def parse_line(line: str) -> tuple[str, str, str, str]:
    """Return (name, state, zonepath, uuid) of a line of the index. Raises ValueError."""
    match = _LINE.fullmatch(line)
    if not match:
        raise ValueError(f"a line that is not known: {line[:200]!r}")
    name, path = match["name"], match["path"].strip('"')
    if name != "global" and not is_legal_name(name):
        raise ValueError(f"the name of a zone that is none: {name[:80]!r}")
    if not path.startswith("/") or ".." in path.split("/"):
        raise ValueError(f"a zonepath that is none: {path[:200]!r}")
    return name, match["state"], path, match["uuid"] or ""


def _brand(root: str, name: str) -> str:
    path = f"etc/zones/{name}.xml"
    try:
        brand = parse_brand(safe.read(root, path))
    except FileNotFoundError:
        raise ZoneFilesError(f"Zone {name} has no configuration: {path} below {root} is missing.") from None
    except (safe.UnsafePath, OSError, ValueError) as exc:
        raise ZoneFilesError(f"{path} below {root} cannot be read: {safe.words(exc)}.") from None
    return brand


class _Found(Exception):
    """Ends the parsing at the first element."""


def parse_brand(content: bytes) -> str:
    """Return the brand in a zone's configuration. Raises ValueError; entities are not expanded, but refused."""
    found: dict[str, str] = {}

    def first(name: str, attributes: dict[str, str]) -> None:
        found.update(attributes, element=name)
        raise _Found

    def entity(*_declaration: object) -> None:
        raise ValueError("it declares an entity")

    parser = expat.ParserCreate()
    parser.StartElementHandler = first
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(content, True)
    except _Found:
        pass
    except expat.ExpatError as exc:
        raise ValueError(f"it is no XML ({exc})") from None
    if found.get("element") != "zone" or not found.get("brand"):
        raise ValueError("it names no brand")
    return found["brand"]
