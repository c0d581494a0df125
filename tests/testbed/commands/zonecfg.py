"""zonecfg(8): the configuration of a zone. Texts and exit codes, 0 with an error among them: zone-tools 4."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from testbed import options, zones
from testbed import zoneconfig as words
from testbed.command import Context
from testbed.host import Host
from testbed.zoneconfig import ALIASES, CAPS, GLOBAL, RESOURCES, Command

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

OK, ERROR, BAD_USAGE = 0, 1, 2

USAGE = (
    "usage:\tzonecfg help\n"
    "\tzonecfg -z <zone>\t\t\t(interactive)\n"
    "\tzonecfg -z <zone> <command>\n"
    "\tzonecfg -z <zone> -f <command-file>\n"
)
ZONE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class Wrong(Exception):
    """A command failed; the argument is what zonecfg says. The rest of the commands is not run."""


def main(ctx: Context, args: list[str]) -> int:
    if ctx.zone != "global":
        ctx.err("zonecfg can only be run from the global zone.\n")
        return ERROR
    try:
        given = options.parse(args, "", "f:R:z:")
    except options.Usage:
        ctx.err(USAGE)
        return BAD_USAGE
    if args == ["help"]:
        ctx.out(USAGE)
        return OK
    name = given.value("z")
    if not name:
        ctx.err(USAGE)
        return BAD_USAGE
    if not ZONE_NAME.fullmatch(name):
        ctx.err(f"{name}: Bogus zone name\n{USAGE}")
        return BAD_USAGE
    file = given.value("f")
    if file and file != "-":
        try:
            text = ctx.host.path(file).read_text()
        except OSError as error:
            ctx.err(f"could not open file {file}: {error.strerror}\n")
            return ERROR
    else:
        text = " ".join(given.rest) if given.rest else ctx.stdin()
    return Session(ctx, name, file if file != "-" else "", interactive=not given.rest and not file).run(text)


class Session:
    """One run of zonecfg: the configuration as it is being changed, and the resource that is being edited."""

    def __init__(self, ctx: Context, name: str, file: str, interactive: bool) -> None:
        self.ctx = ctx
        self.host = ctx.host
        self.name = name
        """The zone's name on disk; `set zonename` takes effect with the commit."""
        self.file = file
        self.interactive = interactive
        self.zone: Element | None = None
        self.changed = False
        self.scope = ""
        self.resource: Element | None = None
        self.selected: Element | None = None
        self.done = False

    def run(self, text: str) -> int:
        if not self._read():
            return ERROR
        failed = False
        line = 1
        try:
            for command in words.parse(text):
                line = command.line
                self._run(command)
                if self.done:
                    break
        except words.SyntaxMistake as mistake:
            self._say(f"syntax error at '{mistake}'", line)
            self.ctx.err(USAGE)
            failed = True
        except Wrong as wrong:
            self._say(str(wrong), line)
            failed = True
        return ERROR if not self._finish() or failed else OK

    def _say(self, text: str, line: int) -> None:
        if self.file:
            self.ctx.err(f"On line {line} of {self.file}:\n")
        self.ctx.err(f"{text}\n")

    def _read(self) -> bool:
        """Read the configuration, if there is one. A brand that is not installed ends everything."""
        try:
            self.zone = zones.read_xml(self.host, self.name)
        except FileNotFoundError:
            if self.interactive:
                self.ctx.err(f"{self.name}: No such zone configured\n")
                self.ctx.out("Use 'create' to begin configuring a new zone.\n")
            return True
        except SyntaxError:
            self.ctx.err(f"{self.name}: Invalid document\n")
            return False
        brand = self.zone.get("brand", "")
        if not zones.brand_installed(self.host, brand):
            self.ctx.err(f'Zone {self.name} uses non-existent brand "{brand}".  Unable to continue\n')
            return False
        return True

    def _run(self, command: Command) -> None:
        verb = command.words[0] if command.words else ""
        if verb not in COMMANDS:
            raise words.SyntaxMistake(verb or command.pairs[0][0])
        if verb in GLOBAL_SCOPE_ONLY and self.scope:
            raise Wrong(f"The {verb} command only makes sense in the global scope.")
        COMMANDS[verb](self, command)

    def _finish(self) -> bool:
        """The implicit commit at the end of a run."""
        if self.scope and not self.done:
            self.ctx.err("Resource incomplete.\n")
            return False
        if not self.changed:
            return True
        try:
            self.save()
        except Wrong as wrong:
            self.ctx.err(f"{wrong}\nConfiguration not saved.\n")
            return False
        return True

    # -- the zone ----------------------------------------------------------------------------------------------------

    def known(self) -> Element:
        if self.zone is None:
            raise Wrong(f"{self.name}: No such zone configured")
        return self.zone

    def writable(self) -> Element:
        if self.name.startswith("SUNW"):
            raise Wrong(f"{self.name}: zones beginning with SUNW are read-only.")
        return self.known()

    @property
    def state(self) -> str:
        """The zone's state, `configured` for one that is not saved yet."""
        kernel = self.host.state.kernel_zones.get(self.name)
        if kernel:
            return kernel.state
        entries = zones.read_index(self.host)
        return next((entry.state for entry in entries if entry.name == self.name), zones.CONFIGURED)

    @property
    def is_installed(self) -> bool:
        return self.state not in (zones.CONFIGURED, zones.INCOMPLETE)

    def save(self) -> None:
        """Verify and write XML and index. Raises Wrong."""
        zone = self.known()
        verify_zone(self.host, zone, self.name)
        new = zone.get("name", "")
        entries = zones.read_index(self.host)
        entry = next((each for each in entries if each.name == self.name), None)
        if entry is None:
            entry = zones.IndexEntry(new, zones.CONFIGURED, "", "")
            entries.append(entry)
            zone.set("debugid", str(self._next_debugid(entries)))
        if new != self.name:
            self.host.remove(zones.xml_path(self.name))
        before = (entry.name, entry.zonepath)
        entry.name, entry.zonepath = new, zone.get("zonepath", "")
        zones.write_xml(self.host, new, zone)
        if before != (entry.name, entry.zonepath) or entry is entries[-1]:
            zones.write_index(self.host, entries)
        self.name = new
        self.changed = False

    def _next_debugid(self, entries: list[zones.IndexEntry]) -> int:
        used = [0]
        for entry in entries:
            try:
                used.append(int(zones.read_xml(self.host, entry.name).get("debugid") or 0))
            except (OSError, SyntaxError, ValueError):
                continue
        return max(used) + 1


# -- verify ----------------------------------------------------------------------------------------------------------


def verify_zone(host: Host, zone: Element, name: str) -> None:
    """What `verify` and `commit` check. Raises Wrong with the whole text."""
    if not zone.get("zonepath"):
        raise Wrong(f"zonepath cannot be empty.\n{name}: Required property missing")
    brand = zone.get("brand", "")
    if not zones.brand_installed(host, brand):
        raise Wrong(f"{name}: unknown brand.\n\n{name}: Invalid document")
    exclusive = words.global_value(zone, "ip-type") == "exclusive"
    for net in zone.findall("network"):
        if exclusive and net.get("address"):
            raise Wrong(_unfit(name, "net: address cannot be specified for an exclusive IP type"))
        if not exclusive and net.get("allowed-address"):
            raise Wrong(_unfit(name, "net: allowed-address cannot be specified for a shared IP type"))
        router = net.get("defrouter")
        if exclusive and router and not net.get("allowed-address"):
            text = f"net: defrouter for {net.get('physical')} cannot be specified without allowed-address"
            raise Wrong(_unfit(name, f"{text} for an exclusive IP type"))


def _unfit(name: str, text: str) -> str:
    return f"{text}\nZone {name} failed to verify\n{name}: Incompatible settings"


# -- commands of the global scope ------------------------------------------------------------------------------------


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
        found = [each for each in words.instances(zone, what) if _matches(what, each, command)]
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


def _matches(kind: str, element: Element, command: Command) -> bool:
    resource = RESOURCES[kind]
    for prop, value in command.pairs:
        if prop not in dict(resource.properties):
            raise Wrong(f"{prop}: No such property type\n{USAGE}")
        if words.get(resource, element, prop) != value:
            return False
    return True


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
    found = [each for each in words.instances(zone, what) if _matches(what, each, command)]
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
    found = [each for each in words.instances(zone, what) if _matches(what, each, command)]
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


COMMANDS: dict[str, Callable[[Session, Command], None]] = {
    "add": add,
    "cancel": cancel,
    "clear": clear,
    "commit": commit,
    "create": create,
    "delete": delete,
    "end": end,
    "exit": exit_,
    "export": export,
    "help": help_,
    "info": info,
    "remove": remove,
    "revert": revert,
    "select": select,
    "set": set_,
    "verify": verify,
}

GLOBAL_SCOPE_ONLY = ("commit", "create", "delete", "export", "revert", "select", "verify")
