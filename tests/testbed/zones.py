"""Zone configuration files: /etc/zones/index and /etc/zones/NAME.xml, read and written as libzonecfg does."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from testbed.host import Host

CONFIGURED, INCOMPLETE, INSTALLED = "configured", "incomplete", "installed"


@dataclass
class IndexEntry:
    """One line of the index: ``state`` is configured, incomplete or installed; ``uuid`` may be empty."""

    name: str
    state: str
    zonepath: str
    uuid: str


@dataclass(frozen=True)
class Zone:
    """A zone as `zoneadm list -cp` shows it. ``state`` is the kernel's where the zone is active; ``id`` is then set."""

    name: str
    id: int | None
    state: str
    zonepath: str
    uuid: str
    brand: str
    ip_type: str
    debugid: str
    autoboot: bool


def xml_path(name: str) -> str:
    return f"/etc/zones/{name}.xml"


def read_xml(host: Host, name: str) -> ElementTree.Element:
    """The zone's configuration. Raises FileNotFoundError, ElementTree.ParseError."""
    return ElementTree.parse(host.path(xml_path(name))).getroot()


def read_index(host: Host) -> list[IndexEntry]:
    """The index in file order, `global` included. A zonepath that holds `:` stands in double quotes (getzoneent.c)."""
    entries = []
    for line in host.path("/etc/zones/index").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, state, rest = line.split(":", 2)
        if rest.startswith('"'):
            zonepath, _, rest = rest[1:].partition('"')
            uuid = rest.lstrip(":")
        else:
            zonepath, _, uuid = rest.partition(":")
        entries.append(IndexEntry(name, state, zonepath, uuid))
    return entries


def write_index(host: Host, entries: list[IndexEntry]) -> None:
    lines = []
    for entry in entries:
        zonepath = f'"{entry.zonepath}"' if ":" in entry.zonepath else entry.zonepath
        lines.append(
            f"{entry.name}:{entry.state}:{zonepath}"
            if entry.name == "global"
            else f"{entry.name}:{entry.state}:{zonepath}:{entry.uuid}"
        )
    host.write("/etc/zones/index", "".join(line + "\n" for line in lines))


def listed(host: Host) -> list[Zone]:
    """All zones but `global`: active ones in the order of their ids, then the others in index order.

    A zone whose XML cannot be read is left out (zoneadm says so on stderr; zone_print_list in zoneadm.c).
    """
    found = []
    for entry in read_index(host):
        if entry.name == "global":
            continue
        try:
            root = read_xml(host, entry.name)
        except (OSError, ElementTree.ParseError):
            continue
        kernel = host.state.kernel_zones.get(entry.name)
        found.append(
            Zone(
                name=entry.name,
                id=kernel.id if kernel else None,
                state=kernel.state if kernel else entry.state,
                zonepath=entry.zonepath,
                uuid=entry.uuid,
                brand=root.get("brand", ""),
                ip_type="shared" if root.get("ip-type") == "shared" else "excl",
                debugid=root.get("debugid", ""),
                autoboot=root.get("autoboot") == "true",
            )
        )
    active = sorted((zone for zone in found if zone.id is not None), key=lambda zone: zone.id or 0)
    return active + [zone for zone in found if zone.id is None]
