"""The words of zonecfg: its command language, resources and properties, and how `info` and `export` print them.

Sources: zone-tools 4 (zonecfg.c of illumos-omnios, zonecfg_lex.l, libzonecfg.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

GLOBAL = (
    "zonename",
    "zonepath",
    "brand",
    "autoboot",
    "bootargs",
    "pool",
    "limitpriv",
    "scheduling-class",
    "ip-type",
    "hostid",
    "fs-allowed",
)
"""Properties of the zone itself, in the order of `info`; the XML has `name` for zonename."""

ALIASES = {
    "max-lwps": ("zone.max-lwps", "deny"),
    "max-processes": ("zone.max-processes", "deny"),
    "max-shm-memory": ("zone.max-shm-memory", "deny"),
    "max-shm-ids": ("zone.max-shm-ids", "deny"),
    "max-msg-ids": ("zone.max-msg-ids", "deny"),
    "max-sem-ids": ("zone.max-sem-ids", "deny"),
    "cpu-shares": ("zone.cpu-shares", "none"),
    "zfs-io-priority": ("zone.zfs-io-priority", "none"),
}
"""Global properties that are kept as a resource control: name and action of it."""

CAPS = {
    ("capped-cpu", "ncpus"): "zone.cpu-cap",
    ("capped-memory", "physical"): "zone.max-physical-memory",
    ("capped-memory", "swap"): "zone.max-swap",
    ("capped-memory", "locked"): "zone.max-locked-memory",
}
"""Properties of the two resources that exist in `info` only, and the resource controls they are kept as."""


@dataclass(frozen=True)
class Resource:
    """A resource type: its element in the XML, (property, attribute) in the order of `info`, and what it must have."""

    tag: str
    properties: tuple[tuple[str, str], ...]
    required: tuple[str, ...]
    lists: tuple[str, ...] = ()
    """Properties with several values, kept as child elements."""
    optional: tuple[str, ...] = ()
    """Properties that `info` leaves out when they are empty."""

    def attribute(self, prop: str) -> str:
        return dict(self.properties)[prop]


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


RESOURCES = {
    "fs": Resource(
        "filesystem",
        (("dir", "directory"), *_same("special", "raw", "type")),
        ("dir", "special", "type"),
        ("options",),
    ),
    "net": Resource(
        "network",
        _same("address", "allowed-address", "physical", "mac-addr", "vlan-id", "global-nic", "defrouter"),
        ("physical",),
        ("property",),
    ),
    "device": Resource("device", _same("match"), ("match",), ("property",)),
    "dedicated-cpu": Resource("pset", _same("ncpus", "importance"), ("ncpus",), optional=("importance",)),
    "capped-cpu": Resource("capped-cpu", _same("ncpus"), ("ncpus",)),
    "capped-memory": Resource(
        "capped-memory", _same("physical", "swap", "locked"), (), optional=("physical", "swap", "locked")
    ),
    "attr": Resource("attr", _same("name", "type", "value"), ("name", "type", "value")),
    "dataset": Resource("dataset", _same("name"), ("name",)),
    "admin": Resource("admin", _same("user", "auths"), ("user", "auths")),
    "rctl": Resource("rctl", _same("name"), ("name", "value"), ("value",)),
    "security-flags": Resource(
        "security-flags", _same("default", "lower", "upper"), (), optional=("default", "lower", "upper")
    ),
}
"""In the order of `info`."""

EXPORTED = ("fs", "net", "device", "rctl", "attr", "dataset", "dedicated-cpu", "admin", "security-flags")
UNQUOTED_IN_EXPORT = ("dedicated-cpu", "security-flags")

CHILDREN = {"options": "fsoption", "property": "net-attr", "value": "rctl-value"}
"""The child element of a property with several values."""


# -- the command language --------------------------------------------------------------------------------------------


class SyntaxMistake(Exception):
    """What the lexer or the grammar does not take; the argument is the word at which it stopped."""


@dataclass
class Command:
    """One command: its words, `prop=value` pairs, and the line it stands on."""

    line: int
    words: list[str] = field(default_factory=list)
    pairs: list[tuple[str, str | list[str] | dict[str, str]]] = field(default_factory=list)


TOKEN = re.compile(r'"(?P<quoted>[^"\n]*)"|(?P<mark>[=;()\[\]\n])|(?P<word>[^\s"=;()\[\]]+)|(?P<wrong>")')


def parse(text: str) -> Iterator[Command]:
    """The commands of a text one by one. Raises SyntaxMistake at the first that is none, after those before it."""
    command = Command(1)
    line = 1
    tokens = list(_tokens(text))
    place = 0
    while place < len(tokens):
        kind, value = tokens[place]
        if kind == "mark" and value in ";\n":
            if command.words or command.pairs:
                yield command
            line += value == "\n"
            command = Command(line)
        elif kind == "wrong":
            raise SyntaxMistake(value)
        elif kind == "mark" and value in "([":
            value_of_none, place = _bracketed(tokens, place)
            command.pairs.append(("", value_of_none))
        elif kind == "mark":
            raise SyntaxMistake(value)
        elif tokens[place + 1 : place + 2] == [("mark", "=")]:
            parsed, place = _value(tokens, place + 2)
            command.pairs.append((value, parsed))
        else:
            command.words.append(value)
        place += 1
    if command.words or command.pairs:
        yield command


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield "mark", "\n"
        if not line.lstrip().startswith("#"):
            for match in TOKEN.finditer(line):
                kind = match.lastgroup or ""
                yield ("word", match["quoted"]) if kind == "quoted" else (kind, match[0])


def _value(tokens: list[tuple[str, str]], place: int) -> tuple[str | list[str] | dict[str, str], int]:
    """The value that begins at ``place``, and where its last token stands."""
    if place >= len(tokens) or tokens[place][1] in (";", "\n", "=", ")", "]") and tokens[place][0] == "mark":
        raise SyntaxMistake(tokens[place][1] if place < len(tokens) else "")
    if tokens[place][0] == "mark":
        return _bracketed(tokens, place)
    return tokens[place][1], place


def _bracketed(tokens: list[tuple[str, str]], place: int) -> tuple[list[str] | dict[str, str], int]:
    """A list `[a,b]` or a complex value `(a=b,c=d)`."""
    closing = {"(": ")", "[": "]"}[tokens[place][1]]
    end = next((at for at in range(place, len(tokens)) if tokens[at] == ("mark", closing)), None)
    if end is None:
        raise SyntaxMistake(tokens[-1][1])
    inner = "".join(f'"{value}"' if " " in value else value for _, value in tokens[place + 1 : end])
    parts = [part for part in inner.split(",") if part]
    if closing == "]":
        return [part.strip('"') for part in parts], end
    pairs = (part.partition("=") for part in parts)
    return {key: value.strip('"') for key, _, value in pairs}, end


# -- resources in the XML ----------------------------------------------------------------------------------------------


def rctl_limit(zone: Element, name: str) -> str:
    """The limit of a resource control of the zone, empty if it has none."""
    for rctl in zone.iter("rctl"):
        if rctl.get("name") == name:
            values = list(rctl)
            return values[0].get("limit", "") if values else ""
    return ""


def set_rctl(zone: Element, name: str, limit: str, action: str) -> None:
    """Give the zone a resource control with one privileged value; an empty limit takes it away."""
    from xml.etree.ElementTree import SubElement

    for rctl in zone.findall("rctl"):
        if rctl.get("name") == name:
            zone.remove(rctl)
    if limit:
        SubElement(
            SubElement(zone, "rctl", {"name": name}),
            "rctl-value",
            {"priv": "privileged", "limit": limit, "action": action},
        )


def instances(zone: Element, kind: str) -> list[Element]:
    """The resources of one type; those that are kept as resource controls are put together for it."""
    if kind in ("capped-cpu", "capped-memory"):
        from xml.etree.ElementTree import Element as New

        limits = {prop: rctl_limit(zone, name) for (resource, prop), name in CAPS.items() if resource == kind}
        shown = {prop: _cap_shown(kind, limit) for prop, limit in limits.items() if limit}
        return [New(kind, shown)] if shown else []
    aliased = {*CAPS.values(), *(name for name, _ in ALIASES.values())}
    return [each for each in zone.findall(RESOURCES[kind].tag) if kind != "rctl" or each.get("name") not in aliased]


def _cap_shown(kind: str, limit: str) -> str:
    return f"{int(limit) / 100:.2f}" if kind == "capped-cpu" else human(int(limit))


def human(size: int) -> str:
    """1073741824 as `1G`."""
    for unit in ("", "K", "M", "G"):
        if size < 1024 or size % 1024:
            return f"{size}{unit}"
        size //= 1024
    return f"{size}T"


def to_bytes(text: str) -> int:
    """`1G` as a number. Raises ValueError."""
    unit = "KMGT".find(text[-1:].upper()) + 1 if text else 0
    return int(float(text[:-1]) * 1024**unit) if unit else int(text)


def get(resource: Resource, element: Element, prop: str) -> str:
    if resource.tag == "pset" and prop == "ncpus":
        low, high = element.get("ncpu_min", ""), element.get("ncpu_max", "")
        return low if low == high else f"{low}-{high}"
    return element.get(resource.attribute(prop), "")


def put(resource: Resource, element: Element, prop: str, value: str) -> None:
    if resource.tag == "pset" and prop == "ncpus":
        low, _, high = value.partition("-")
        element.set("ncpu_min", low)
        element.set("ncpu_max", high or low)
    else:
        element.set(resource.attribute(prop), value)


# -- info --------------------------------------------------------------------------------------------------------------


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value or "\t" in value else value


def global_value(zone: Element, prop: str) -> str:
    if prop == "ip-type":
        return zone.get(prop) or "shared"
    if prop == "autoboot":
        return zone.get(prop) or "false"
    return zone.get("name" if prop == "zonename" else prop, "")


def info_global(zone: Element, prop: str) -> str:
    return f"{prop}: {_quoted(global_value(zone, prop))}\n"


def info_alias(zone: Element, prop: str) -> str:
    limit = rctl_limit(zone, ALIASES[prop][0])
    return f"[{prop}: {limit}]\n" if limit else ""


def info_resource(kind: str, element: Element) -> str:
    resource = RESOURCES[kind]
    lines = [f"{kind}:"]
    for prop, _ in resource.properties:
        value = get(resource, element, prop)
        if value and kind in ("capped-cpu", "capped-memory"):
            lines.append(f"\t[{prop}: {value}]")
        elif value:
            lines.append(f"\t{prop}: {_quoted(value)}")
        elif prop not in resource.optional:
            lines.append(f"\t{prop} not specified")
    for prop in resource.lists:
        values = element.findall(CHILDREN[prop])
        if prop == "options":
            lines.append(f"\toptions: [{','.join(each.get('name', '') for each in values)}]")
        else:
            lines += [f"\t{prop}: {_complex(each)}" for each in values]
    return "".join(line + "\n" for line in lines)


def _complex(element: Element) -> str:
    if element.tag == "rctl-value":
        return "(" + ",".join(f"{key}={element.get(key, '')}" for key in ("priv", "limit", "action")) + ")"
    return f'(name={element.get("name", "")},value="{element.get("value", "")}")'


def info(zone: Element) -> str:
    text = "".join(info_global(zone, prop) for prop in GLOBAL)
    text += "".join(info_alias(zone, prop) for prop in ALIASES)
    return text + "".join(info_resource(kind, each) for kind in RESOURCES for each in instances(zone, kind))


# -- export ------------------------------------------------------------------------------------------------------------


def export(zone: Element) -> str:
    """As OmniOS prints it: global properties without quotes, strings of resources always in them."""
    lines = ["create -b"]
    for prop in GLOBAL[1:]:
        value = global_value(zone, prop)
        if value:
            lines.append(f"set {prop}={value}")
    for kind in EXPORTED:
        # caps and aliases are not known to export: they come out as the resource controls they are
        elements = zone.findall("rctl") if kind == "rctl" else instances(zone, kind)
        for element in elements:
            lines += [f"add {kind}", *_export_resource(kind, element), "end"]
    return "".join(line + "\n" for line in lines)


def _export_resource(kind: str, element: Element) -> Iterator[str]:
    resource = RESOURCES[kind]
    quote = "" if kind in UNQUOTED_IN_EXPORT else '"'
    names = ["lower", "default", "upper"] if kind == "security-flags" else [prop for prop, _ in resource.properties]
    if kind == "fs":
        names = ["dir", "special", "raw", "type"]
    for prop in names:
        value = get(resource, element, prop)
        if value:
            yield f"set {prop}={quote}{value}{quote}"
    for prop in resource.lists:
        for each in element.findall(CHILDREN[prop]):
            yield f"add {prop} {each.get('name', '') if prop == 'options' else _complex(each)}"
