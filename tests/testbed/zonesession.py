"""One run of zonecfg: the configuration being changed, the resource being edited, verify and commit (zone-tools 4)."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

from testbed import zoneconfig as words
from testbed import zones
from testbed.command import Context
from testbed.host import Host
from testbed.zoneconfig import RESOURCES, Command

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


COMMANDS = {
    "add": ("zonecfg_edit", "add"),
    "cancel": ("zonecfg_edit", "cancel"),
    "clear": ("zonecfg_edit", "clear"),
    "commit": ("zonecfg_whole", "commit"),
    "create": ("zonecfg_whole", "create"),
    "delete": ("zonecfg_whole", "delete"),
    "end": ("zonecfg_edit", "end"),
    "exit": ("zonecfg_whole", "exit_"),
    "export": ("zonecfg_whole", "export"),
    "help": ("zonecfg_whole", "help_"),
    "info": ("zonecfg_whole", "info"),
    "remove": ("zonecfg_edit", "remove"),
    "revert": ("zonecfg_whole", "revert"),
    "select": ("zonecfg_edit", "select"),
    "set": ("zonecfg_edit", "set_"),
    "verify": ("zonecfg_whole", "verify"),
}
"""Command -> module in testbed.commands, function there."""

GLOBAL_SCOPE_ONLY = ("commit", "create", "delete", "export", "revert", "select", "verify")


class Wrong(Exception):
    """A command failed; the argument is what zonecfg says. The rest of the commands is not run."""


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
        module, function = COMMANDS[verb]
        getattr(importlib.import_module(f"testbed.commands.{module}"), function)(self, command)

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


def matches(kind: str, element: Element, command: Command) -> bool:
    resource = RESOURCES[kind]
    for prop, value in command.pairs:
        if prop not in dict(resource.properties):
            raise Wrong(f"{prop}: No such property type\n{USAGE}")
        if words.get(resource, element, prop) != value:
            return False
    return True
