"""Commands of zonecfg that change properties and resources (zone-tools 4.2, 4.4)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from testbed import zoneconfig as words
from testbed import zones
from testbed.zoneconfig import ALIASES, CAPS, GLOBAL, RESOURCES, Command
from testbed.zonesession import USAGE, ZONE_NAME, Session, Wrong, matches

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


# -- set -------------------------------------------------------------------------------------------------------------


def set_(session: Session, command: Command) -> None:
    zone = session.writable()
    if len(command.pairs) != 1 or len(command.words) != 1:
        raise words.SyntaxMistake((command.words[1:] or [""])[0])
    prop, value = command.pairs[0]
    if session.scope:
        _set_in_resource(session, prop, value)
        return
    if not isinstance(value, str):
        raise Wrong(f"A simple value was expected here: {prop}")
    if prop in ALIASES:
        rctl, action = ALIASES[prop]
        words.set_rctl(zone, rctl, value, action)
    elif prop in GLOBAL:
        if not _may_set(session, zone, prop, value):
            return
        zone.set("name" if prop == "zonename" else prop, value)
    elif any(prop == name for resource in RESOURCES.values() for name, _ in resource.properties):
        raise Wrong("Cannot set a resource-specific property from the global scope.")
    else:
        raise Wrong(f"{prop}: No such property type\n{USAGE}")
    session.changed = True


def _may_set(session: Session, zone: Element, prop: str, value: str) -> bool:
    """Whether a global property may have this value now. Raises Wrong; False is a refusal with exit code 0."""
    name = session.name
    if session.is_installed and prop in ("brand", "zonepath"):
        # zonecfg exits 0 here: the error flag is not set in this branch (zone-tools 4.2)
        session.ctx.err(f"Zone {name} already installed; set {prop} not allowed.\n")
        return False
    if prop == "zonename":
        if session.state not in (zones.CONFIGURED, zones.INCOMPLETE, zones.INSTALLED):
            raise Wrong(f"{name}: Zone state is invalid for the requested operation")
        if not ZONE_NAME.fullmatch(value):
            raise Wrong(f"{value}: Bogus zone name")
        if value != name and any(entry.name == value for entry in zones.read_index(session.host)):
            raise Wrong(f"{value}: Zone name already in use")
    if prop == "zonepath" and not value.startswith("/"):
        raise Wrong(f"{value} is not an absolute path.")
    if prop == "autoboot" and value not in ("true", "false"):
        raise Wrong("autoboot value must be 'true' or 'false'.")
    if prop == "ip-type" and value not in ("shared", "exclusive"):
        raise Wrong("ip-type value must be 'shared' or 'exclusive'.")
    return True


def _set_in_resource(session: Session, prop: str, value: str | list[str] | dict[str, str]) -> None:
    resource = RESOURCES[session.scope]
    if prop in resource.lists:
        for child in _resource(session).findall(words.CHILDREN[prop]):
            _resource(session).remove(child)
        for each in value if isinstance(value, list) else [value]:
            _add_value(session, prop, each)
        return
    if prop not in dict(resource.properties) or not isinstance(value, str):
        raise Wrong(f"{prop}: No such property type\n{USAGE}")
    if session.scope == "attr" and prop == "type" and value not in ("string", "int", "uint", "boolean"):
        raise Wrong(f"{value}: Invalid argument")
    if session.scope == "capped-memory":
        try:
            size = words.to_bytes(value)
        except ValueError:
            raise Wrong(f"{value}: Invalid argument") from None
        if prop == "swap" and size < 50 * 1024**2:
            raise Wrong("A minimum of 50M is required for the swap cap.")
    words.put(resource, _resource(session), prop, value)


# -- resources -------------------------------------------------------------------------------------------------------


def _resource(session: Session) -> Element:
    if session.resource is None:
        raise Wrong("The command only makes sense in a resource scope.")
    return session.resource


def add(session: Session, command: Command) -> None:
    from xml.etree.ElementTree import Element as New

    session.writable()
    what = (command.words[1:] or [""])[0]
    if session.scope:
        if what not in RESOURCES[session.scope].lists:
            raise Wrong(f"{what}: No such property type\n{USAGE}")
        for value in _given_values(command):
            _add_value(session, what, value)
        return
    if what not in RESOURCES:
        raise Wrong(f"{what}: No such resource type\n{USAGE}")
    session.scope, session.resource, session.selected = what, New(RESOURCES[what].tag), None


def _given_values(command: Command) -> list[str | dict[str, str]]:
    found: list[str | dict[str, str]] = [part for word in command.words[2:] for part in word.split(",")]
    for _, value in command.pairs:
        found += value if isinstance(value, list) else [value]
    return found


def _add_value(session: Session, prop: str, value: str | dict[str, str]) -> None:
    from xml.etree.ElementTree import SubElement

    attributes = {"name": value} if isinstance(value, str) else value
    SubElement(_resource(session), words.CHILDREN[prop], attributes)


def select(session: Session, command: Command) -> None:
    zone = session.writable()
    what = (command.words[1:] or [""])[0]
    if what not in RESOURCES:
        raise Wrong(f"{what}: No such resource type\n{USAGE}")
    found = [each for each in words.instances(zone, what) if matches(what, each, command)]
    if len(found) != 1:
        missing = "No such resource with that id" if not found else "Insufficient specification"
        raise Wrong(f"select {what}: {missing}")
    session.scope, session.selected, session.resource = what, found[0], copy.deepcopy(found[0])


def remove(session: Session, command: Command) -> None:
    zone = session.writable()
    force = "-F" in command.words
    rest = [word for word in command.words[1:] if word != "-F"]
    what = (rest or [""])[0]
    if session.scope:
        _remove_value(session, what, command)
        return
    if what not in RESOURCES:
        raise Wrong(f"{what}: No such resource type\n{USAGE}")
    found = [each for each in words.instances(zone, what) if matches(what, each, command)]
    if not found:
        raise Wrong(f"remove {what}: No such resource with that id")
    if len(found) > 1 and not force:
        raise Wrong(
            "There are multiple instances of this resource.  Either qualify the resource to\n"
            "remove a single instance or use the -F option to remove all instances."
        )
    for each in found:
        _take_away(zone, what, each)
    session.changed = True


def _take_away(zone: Element, kind: str, element: Element) -> None:
    if kind in ("capped-cpu", "capped-memory"):
        for (resource, _), rctl in CAPS.items():
            if resource == kind:
                words.set_rctl(zone, rctl, "", "")
    else:
        zone.remove(element)


def _remove_value(session: Session, prop: str, command: Command) -> None:
    if prop not in RESOURCES[session.scope].lists:
        raise Wrong(f"{prop}: No such property type\n{USAGE}")
    for value in _given_values(command):
        wanted = {"name": value} if isinstance(value, str) else value
        children = _resource(session).findall(words.CHILDREN[prop])
        child = next((each for each in children if wanted.items() <= dict(each.items()).items()), None)
        if child is None:
            raise Wrong(f"remove {prop}: No such property with that id")
        _resource(session).remove(child)


def clear(session: Session, command: Command) -> None:
    zone = session.writable()
    prop = (command.words[1:] or [""])[0]
    if session.scope:
        resource = RESOURCES[session.scope]
        if prop not in dict(resource.properties):
            raise Wrong(f"{prop}: No such property type\n{USAGE}")
        _resource(session).attrib.pop(resource.attribute(prop), None)
        return
    if prop in ALIASES:
        words.set_rctl(zone, ALIASES[prop][0], "", "")
    elif prop in GLOBAL and prop not in ("zonename", "zonepath", "brand"):
        zone.attrib.pop(prop, None)
    else:
        raise Wrong(f"{prop}: No such property type\n{USAGE}")
    session.changed = True


def end(session: Session, command: Command) -> None:
    zone, element = session.writable(), _resource(session)
    resource = RESOURCES[session.scope]
    for prop in resource.required:
        given = element.findall(words.CHILDREN[prop]) if prop in resource.lists else words.get(resource, element, prop)
        if not given:
            raise Wrong(f"{prop} not specified\nResource incomplete.")
    _refuse_double(session, zone, element)
    if session.scope in ("capped-cpu", "capped-memory"):
        for (kind, prop), rctl in CAPS.items():
            if kind == session.scope and element.get(prop):
                words.set_rctl(zone, rctl, _cap(kind, element.get(prop, "")), "deny")
    elif session.selected is not None:
        zone[list(zone).index(session.selected)] = element
    else:
        zone.append(element)
    session.scope, session.resource, session.changed = "", None, True


def _cap(kind: str, value: str) -> str:
    return str(round(float(value) * 100)) if kind == "capped-cpu" else str(words.to_bytes(value))


def _refuse_double(session: Session, zone: Element, element: Element) -> None:
    for other in zone.findall(element.tag):
        if other is session.selected:
            continue
        if session.scope == "attr" and other.get("name") == element.get("name"):
            raise Wrong(f"An attr resource with the name '{element.get('name')}' already exists.")
        same = (element.get("physical"), element.get("address", ""))
        if session.scope == "net" and same == (other.get("physical"), other.get("address", "")):
            raise Wrong(f"A net resource with the physical '{same[0]}', and address '{same[1]}' already exists.")


def cancel(session: Session, command: Command) -> None:
    _resource(session)
    session.scope, session.resource = "", None
