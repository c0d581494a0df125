"""Datasets by name, and their properties with the sources that zfs gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from testbed.host import Host
from testbed.state import Dataset, Snapshot


class Error(Exception):
    """What `zfs` prints on stderr, without the last newline."""


@dataclass(frozen=True)
class Property:
    """``values``: all that may be set, empty for free text. Read-only ones are computed by `get`."""

    default: str = "-"
    inherits: bool = True
    readonly: bool = False
    values: tuple[str, ...] = ()


_ON_OFF = ("on", "off")
_COMPUTED = Property(inherits=False, readonly=True)

PROPERTIES: dict[str, Property] = {
    "type": _COMPUTED,
    "creation": _COMPUTED,
    "used": _COMPUTED,
    "available": _COMPUTED,
    "referenced": _COMPUTED,
    "compressratio": _COMPUTED,
    "mounted": _COMPUTED,
    "origin": _COMPUTED,
    "quota": Property("none", inherits=False),
    "reservation": Property("none", inherits=False),
    "recordsize": Property("128K"),
    "mountpoint": Property(),
    "sharenfs": Property("off"),
    "checksum": Property("on"),
    "compression": Property("off"),
    "atime": Property("on", values=_ON_OFF),
    "devices": Property("on", values=_ON_OFF),
    "exec": Property("on", values=_ON_OFF),
    "setuid": Property("on", values=_ON_OFF),
    "readonly": Property("off", values=_ON_OFF),
    "zoned": Property("off", values=_ON_OFF),
    "snapdir": Property("hidden", values=("hidden", "visible")),
    "aclmode": Property("discard"),
    "aclinherit": Property("restricted"),
    "createtxg": _COMPUTED,
    "canmount": Property("on", inherits=False, values=("on", "off", "noauto")),
    "xattr": Property("on", values=_ON_OFF),
    "copies": Property("1", values=("1", "2", "3")),
    "guid": _COMPUTED,
    "primarycache": Property("all", values=("all", "none", "metadata")),
    "secondarycache": Property("all", values=("all", "none", "metadata")),
    "usedbysnapshots": _COMPUTED,
    "sync": Property("standard", values=("standard", "always", "disabled")),
    "refquota": Property("none", inherits=False),
    "refreservation": Property("none", inherits=False),
    "userrefs": _COMPUTED,
    "defer_destroy": _COMPUTED,
    "written": _COMPUTED,
    "clones": _COMPUTED,
}
"""In the order of `zfs get all`."""

ALIASES = {"avail": "available", "refer": "referenced", "recsize": "recordsize", "rdonly": "readonly"}
OF_SNAPSHOT = (
    *(
        "type",
        "creation",
        "used",
        "referenced",
        "compressratio",
        "devices",
        "exec",
        "setuid",
        "createtxg",
        "xattr",
        "guid",
    ),
    *("primarycache", "secondarycache", "defer_destroy", "userrefs", "written", "clones"),
)
NOT_OF_FILESYSTEM = ("userrefs", "defer_destroy", "clones")

NAME = re.compile(r"[A-Za-z0-9][-_.: A-Za-z0-9]*(/[-_.: A-Za-z0-9]+)*")
EPOCH = 1746189120
"""Datasets were created so many seconds after the epoch, plus their number."""
SPACE = {"used": 432013312, "available": 55941948210, "referenced": 429916160, "written": 0, "usedbysnapshots": 0}
"""A testbed has no blocks to count: the same for every dataset, as in the recordings."""


# -- names -----------------------------------------------------------------------------------------------------------


def exists(host: Host, name: str) -> bool:
    """Whether the filesystem or snapshot ``name`` is there."""
    return name in host.state.datasets or name in host.state.snapshots


def require(host: Host, name: str) -> None:
    """Raise `Error` as `zfs` does when it cannot open ``name``."""
    if not exists(host, name):
        raise Error(f"cannot open '{name}': dataset does not exist")


def filesystem(host: Host, name: str) -> Dataset:
    """The filesystem of that name. Raises `Error` if there is none."""
    found = host.state.datasets.get(name)
    if found is None:
        raise Error(f"cannot open '{name}': dataset does not exist")
    return found


def children(host: Host, name: str) -> list[str]:
    """Names of all filesystems below ``name``, parents before children."""
    return sorted(other for other in host.state.datasets if other.startswith(name + "/"))


def snapshots(host: Host, name: str) -> list[Snapshot]:
    """Snapshots of that one filesystem, oldest first."""
    found = (snap for snap in host.state.snapshots.values() if snap.name.split("@")[0] == name)
    return sorted(found, key=lambda snap: snap.created)


def clones(host: Host, snapshot_name: str) -> list[str]:
    """Names of the filesystems cloned from that snapshot."""
    return sorted(dataset.name for dataset in host.state.datasets.values() if dataset.origin == snapshot_name)


def ancestors(name: str) -> Iterable[str]:
    while "/" in name:
        name = name.rsplit("/", 1)[0]
        yield name


# -- properties ------------------------------------------------------------------------------------------------------


def is_user_property(prop: str) -> bool:
    return ":" in prop


def get(host: Host, name: str, prop: str) -> tuple[str, str]:
    """Value and source (`local`, `default`, `inherited from X`, `-`) of a property.

    Sizes and times come as plain numbers. Raises `Error` if there is no such dataset.
    """
    require(host, name)
    prop = ALIASES.get(prop, prop)
    if "@" in name:
        return _get_of_snapshot(host, host.state.snapshots[name], prop)
    dataset = host.state.datasets[name]
    known = PROPERTIES.get(prop)
    if known and known.readonly:
        return _computed(host, dataset, prop), "-"
    if prop in dataset.local:
        return dataset.local[prop], "local"
    if prop == "mountpoint":
        return _inherited_mountpoint(host, name)
    if known is None or known.inherits:
        for ancestor in ancestors(name):
            holder = host.state.datasets.get(ancestor)
            if holder and prop in holder.local:
                return holder.local[prop], f"inherited from {ancestor}"
    return (known.default, "default") if known else ("-", "-")


def _inherited_mountpoint(host: Host, name: str) -> tuple[str, str]:
    for ancestor in ancestors(name):
        holder = host.state.datasets.get(ancestor)
        value = holder.local.get("mountpoint") if holder else None
        if value is not None:
            if value.startswith("/"):
                value = value.rstrip("/") + name[len(ancestor) :]
            return value, f"inherited from {ancestor}"
    return f"/{name}", "default"


def _computed(host: Host, dataset: Dataset, prop: str) -> str:
    if prop == "available" and prop in host.state.settings:
        return str(host.state.settings[prop])
    if prop in SPACE:
        return str(SPACE[prop])
    return {
        "type": "filesystem",
        "creation": str(EPOCH + dataset.created),
        "compressratio": "1.00x",
        "mounted": "yes" if dataset.mounted else "no",
        "origin": dataset.origin or "-",
        "createtxg": str(dataset.created),
        "guid": dataset.guid,
    }.get(prop, "-")


def _get_of_snapshot(host: Host, snap: Snapshot, prop: str) -> tuple[str, str]:
    if is_user_property(prop):
        if prop in snap.local:
            return snap.local[prop], "local"
        of_filesystem, source = get(host, snap.name.split("@")[0], prop)
        holder = snap.name.split("@")[0] if source == "local" else source.removeprefix("inherited from ")
        return of_filesystem, "-" if source == "-" else f"inherited from {holder}"
    if prop not in OF_SNAPSHOT:
        return "-", "-"
    if not PROPERTIES[prop].readonly:
        return get(host, snap.name.split("@")[0], prop)
    if prop in SPACE:
        return str(SPACE[prop] if prop == "referenced" else 0), "-"
    value = {
        "type": "snapshot",
        "creation": str(EPOCH + snap.created),
        "compressratio": "1.00x",
        "createtxg": str(snap.created),
        "guid": snap.guid,
        "userrefs": str(len(snap.holds)),
        "defer_destroy": "on" if "defer_destroy" in snap.local else "off",
        "clones": ",".join(clones(host, snap.name)),
    }[prop]
    return value, "-"


def properties_of(host: Host, name: str) -> list[str]:
    """What `zfs get all` shows for it: native properties, then user ones by name."""
    if "@" in name:
        native = [prop for prop in PROPERTIES if prop in OF_SNAPSHOT]
    else:
        native = [
            prop for prop in PROPERTIES if prop not in NOT_OF_FILESYSTEM and (prop != "origin" or _origin(host, name))
        ]
    holders = [name.split("@")[0], *ancestors(name.split("@")[0])]
    user = {prop for holder in holders for prop in host.state.datasets[holder].local if is_user_property(prop)}
    if "@" in name:
        user |= {prop for prop in host.state.snapshots[name].local if is_user_property(prop)}
    return native + sorted(user)


def _origin(host: Host, name: str) -> str | None:
    return host.state.datasets[name].origin


def check_value(prop: str, value: str, doing: str) -> None:
    if is_user_property(prop):
        return
    known = PROPERTIES.get(prop)
    if known is None:
        raise Error(f"{doing}: invalid property '{prop}'")
    if known.readonly:
        raise Error(f"{doing}: '{prop}' is readonly")
    if known.values and value not in known.values:
        raise Error(f"{doing}: '{prop}' must be one of '{' | '.join(known.values)}'")
    if prop == "mountpoint" and value not in ("legacy", "none") and not value.startswith("/"):
        raise Error(f"{doing}: 'mountpoint' must be an absolute path, 'none', or 'legacy'")


def mountable(host: Host, name: str) -> bool:
    """zfs_is_mountable: a path as mountpoint, canmount not off, not handed to a zone."""
    return (
        get(host, name, "mountpoint")[0].startswith("/")
        and get(host, name, "canmount")[0] != "off"
        and get(host, name, "zoned")[0] == "off"
    )
