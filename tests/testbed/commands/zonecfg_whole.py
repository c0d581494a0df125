"""Commands of zonecfg for the configuration as a whole: create, delete, commit, info, export (zone-tools 4.3, 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed import options, zones
from testbed import zoneconfig as words
from testbed.zoneconfig import ALIASES, GLOBAL, RESOURCES, Command
from testbed.zonesession import USAGE, Session, Wrong, matches, verify_zone

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def create(session: Session, command: Command) -> None:
    given = _options(command, "FbX", "a:t:")
    name = session.name
    if session.zone is not None:
        if session.is_installed:
            # zonecfg exits 0 here: the error flag is not set in this branch
            session.ctx.err(f"Zone {name} already installed; create not allowed.\n")
            return
        if "F" not in given:
            text = "Zone exists, input not from terminal and -F not specified:\ncreate command ignored, exiting."
            raise Wrong(text)
        session.ctx.out(f"Zone {name} already exists; overwriting.\n")
    zone = _template(session, given)
    zone.set("name", name)
    zone.attrib.pop("debugid", None)
    session.zone = zone
    session.changed = True


def _template(session: Session, given: options.Options) -> Element:
    from xml.etree.ElementTree import Element as New

    try:
        if "a" in given:
            return _detached(session, given.value("a"))
        if "X" in given:
            return zones.read_xml(session.host, session.name)
    except (OSError, SyntaxError):
        raise Wrong("invalid path to detached zone" if "a" in given else "Invalid document") from None
    template = "SUNWblank" if "b" in given else given.value("t", "SUNWdefault")
    if template[:1].islower():
        template = f"OMNI{template}"
    try:
        return zones.read_xml(session.host, template)
    except OSError:
        pass
    blank = {"name": "", "zonepath": "", "autoboot": "false", "brand": "lipkg"}
    if template == "SUNWblank":
        return New("zone", blank)
    brand = "lipkg" if template == "SUNWdefault" else template.removeprefix("OMNI")
    if not zones.brand_installed(session.host, brand):
        raise Wrong(f"{template}: No such zone configured")
    return New("zone", {**blank, "brand": brand, "ip-type": "exclusive"})


def _detached(session: Session, path: str) -> Element:
    """The configuration that a detached zone carries, with the zonepath it lies in now."""
    zone = zones.read_xml_file(session.host, f"{path}/SUNWdetached.xml")
    zone.set("zonepath", path)
    return zone


def delete(session: Session, command: Command) -> None:
    given = _options(command, "F", "")
    session.writable()
    name = session.name
    if "F" not in given:
        raise Wrong("Input not from terminal and -F not specified:\ndelete command ignored, exiting.")
    if name in session.host.state.kernel_zones:
        raise Wrong(f"{name}: Zone state is invalid for the requested operation")
    session.host.remove(zones.xml_path(name))
    entries = [entry for entry in zones.read_index(session.host) if entry.name != name]
    zones.write_index(session.host, entries)
    session.zone = None
    session.changed = False


def commit(session: Session, command: Command) -> None:
    _options(command, "", "")
    session.known()
    session.save()


def revert(session: Session, command: Command) -> None:
    given = _options(command, "F", "")
    session.known()
    if not session.changed:
        raise Wrong("No changes to revert.")
    if "F" not in given:
        raise Wrong("Input not from terminal and -F not specified:\nrevert command ignored, exiting.")
    session.zone = zones.read_xml(session.host, session.name)
    session.changed = False


def verify(session: Session, command: Command) -> None:
    _options(command, "", "")
    verify_zone(session.host, session.known(), session.name)


def export(session: Session, command: Command) -> None:
    given = _options(command, "", "f:")
    text = words.export(session.known())
    if "f" in given:
        session.host.write(given.value("f"), text)
    else:
        session.ctx.out(text)


def info(session: Session, command: Command) -> None:
    zone = session.known()
    if session.scope and session.resource is not None:
        session.ctx.out(words.info_resource(session.scope, session.resource))
        return
    if len(command.words) == 1:
        session.ctx.out(_info_of_global(zone) if session.name == "global" else words.info(zone))
        return
    what = command.words[1]
    if what in GLOBAL:
        if session.name == "global" and what not in GLOBAL_ZONE:
            raise Wrong(f"{what} is not a valid property for the global zone.")
        session.ctx.out(words.info_global(zone, what))
    elif what in ALIASES:
        session.ctx.out(words.info_alias(zone, what))
    elif what in RESOURCES:
        found = [each for each in words.instances(zone, what) if matches(what, each, command)]
        if not found and command.pairs:
            session.ctx.out(f"No such {what} resource.\n")
        session.ctx.out("".join(words.info_resource(what, each) for each in found))
    else:
        raise Wrong(f"{what}: No such resource type\n{USAGE}")


GLOBAL_ZONE = ("zonename", "pool")
"""Properties that the global zone has."""


def _info_of_global(zone: Element) -> str:
    text = "".join(words.info_global(zone, prop) for prop in GLOBAL_ZONE)
    return text + "".join(words.info_resource("rctl", each) for each in words.instances(zone, "rctl"))


def exit_(session: Session, command: Command) -> None:
    _options(command, "F", "")
    session.done = True


def help_(session: Session, command: Command) -> None:
    session.ctx.out(USAGE)


def _options(command: Command, flags: str, valued: str) -> options.Options:
    try:
        given = options.parse(command.words[1:], flags, valued)
    except options.Usage as usage:
        raise Wrong(f"{usage}\n{USAGE}") from None
    if given.rest or command.pairs:
        raise words.SyntaxMistake((given.rest or [command.pairs[0][0]])[0])
    return given
