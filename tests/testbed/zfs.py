"""ZFS as the zone tools see it: properties and their sources, mounts, snapshots, clones.

Rules of libzfs that the brand hooks hang on (brand-scripts/README.md, "What is real, what is a stand-in"): a zoned one
is left alone by the global zone; a change of `mountpoint` or `zoned` unmounts what it touches and mounts it again
afterwards if it was mounted, or was legacy and has canmount=on; canmount=on and noauto never mount or unmount anything.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from testbed.host import PRIVATE, Host
from testbed.state import Dataset, LofsMount, Snapshot


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

NOT_OF_A_BE = frozenset({PRIVATE, "dev", "proc", "tmp"})
"""Entries of `/` that do not lie in the dataset mounted there."""


# -- names and properties --------------------------------------------------------------------------------------------


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
        for ancestor in _ancestors(name):
            holder = host.state.datasets.get(ancestor)
            if holder and prop in holder.local:
                return holder.local[prop], f"inherited from {ancestor}"
    return (known.default, "default") if known else ("-", "-")


def _ancestors(name: str) -> Iterable[str]:
    while "/" in name:
        name = name.rsplit("/", 1)[0]
        yield name


def _inherited_mountpoint(host: Host, name: str) -> tuple[str, str]:
    for ancestor in _ancestors(name):
        holder = host.state.datasets.get(ancestor)
        value = holder.local.get("mountpoint") if holder else None
        if value is not None:
            if value.startswith("/"):
                value = value.rstrip("/") + name[len(ancestor) :]
            return value, f"inherited from {ancestor}"
    return f"/{name}", "default"


def _computed(host: Host, dataset: Dataset, prop: str) -> str:
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
    holders = [name.split("@")[0], *_ancestors(name.split("@")[0])]
    user = {prop for holder in holders for prop in host.state.datasets[holder].local if is_user_property(prop)}
    if "@" in name:
        user |= {prop for prop in host.state.snapshots[name].local if is_user_property(prop)}
    return native + sorted(user)


def _origin(host: Host, name: str) -> str | None:
    return host.state.datasets[name].origin


def set(host: Host, name: str, prop: str, value: str) -> None:
    """Set a property, with what libzfs unmounts and mounts for it. Raises `Error`, then nothing has changed."""
    require(host, name)
    _check_value(prop, value, f"cannot set property for '{name}'")
    if "@" in name:
        if not is_user_property(prop):
            raise Error(f"cannot set property for '{name}': this property can not be modified for snapshots")
        host.state.snapshots[name].local[prop] = value
        host.changed = True
        return
    if prop == "mountpoint" and get(host, name, "zoned")[0] == "on":
        raise Error(f"cannot set property for '{name}': 'mountpoint' cannot be set on dataset in a non-global zone")
    _change(host, name, prop, value)


def _check_value(prop: str, value: str, doing: str) -> None:
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


def inherit(host: Host, name: str, prop: str) -> None:
    """Clear a property set here, with what libzfs unmounts and mounts for it. Raises `Error`."""
    require(host, name)
    if "@" in name:
        host.state.snapshots[name].local.pop(prop, None)
        host.changed = True
        return
    if prop == "mountpoint" and get(host, name, "zoned")[0] == "on":
        raise Error(f"cannot inherit mountpoint for '{name}': dataset is used in a non-global zone")
    _change(host, name, prop, None)


def _change(host: Host, name: str, prop: str, value: str | None) -> None:
    """libzfs: changelist_gather, changelist_prefix, the ioctl, changelist_postfix (libzfs_changelist.c)."""
    dataset = host.state.datasets[name]
    if prop in ("mountpoint", "zoned"):
        affected = _changelist(host, name, everything_below=prop == "zoned")
    elif prop == "canmount" and value == "off":
        affected = [] if get(host, name, "zoned")[0] == "on" else [dataset]
    else:
        affected = []
    old, source = get(host, name, "mountpoint")
    was_legacy = prop == "mountpoint" and old in ("legacy", "none")
    was_mounted = _unmount_all(host, affected)
    if value is None:
        dataset.local.pop(prop, None)
    else:
        dataset.local[prop] = value
    host.changed = True
    for each in affected:
        wanted = each.name in was_mounted or (was_legacy and get(host, each.name, "canmount")[0] == "on")
        if wanted and mountable(host, each.name):
            mount(host, each.name)
    if prop == "mountpoint" and source != "local":
        _remove_mount_point(host, old)


def _remove_mount_point(host: Host, path: str) -> None:
    """remove_mountpoint (libzfs_mount.c): the directory goes if it is empty, without a word if not."""
    if path.startswith("/") and dataset_at(host, path) is None:
        with suppress(OSError):
            host.path(path).rmdir()


def _changelist(host: Host, name: str, everything_below: bool) -> list[Dataset]:
    """The filesystem and those below that take the change over; zoned ones are the zone's own affair."""
    names = [name]
    for child in children(host, name):
        parent = child.rsplit("/", 1)[0]
        if everything_below or (parent in names and "mountpoint" not in host.state.datasets[child].local):
            names.append(child)
    return [host.state.datasets[each] for each in names if get(host, each, "zoned")[0] == "off"]


def _unmount_all(host: Host, affected: Sequence[Dataset]) -> dict[str, str]:
    """Unmount them, children first; if one is busy those already unmounted are mounted again, and `Error` is raised."""
    done: dict[str, str] = {}
    for dataset in reversed(affected):
        at = dataset.mounted
        if at is None:
            continue
        try:
            unmount_one(host, dataset)
        except Error:
            for name in reversed(done):
                if mountable(host, name):
                    mount(host, name)
            raise
        done[dataset.name] = at
    return done


# -- mounts ----------------------------------------------------------------------------------------------------------


def mounts(host: Host) -> list[Dataset]:
    """Mounted filesystems in the order of mounting."""
    mounted = (dataset for dataset in host.state.datasets.values() if dataset.mounted)
    return sorted(mounted, key=lambda dataset: dataset.mount_number)


def dataset_at(host: Host, path: str) -> Dataset | None:
    """The filesystem mounted exactly on ``path`` (the topmost, where several are)."""
    found = [dataset for dataset in mounts(host) if dataset.mounted == path]
    return found[-1] if found else None


def dataset_of(host: Host, path: str) -> Dataset | None:
    """The filesystem that holds ``path``."""
    found = [dataset for dataset in mounts(host) if _is_below(path, dataset.mounted or "/")]
    return max(found, key=lambda dataset: (len(dataset.mounted or ""), dataset.mount_number), default=None)


def _is_below(path: str, directory: str) -> bool:
    return path == directory or directory == "/" or path.startswith(directory.rstrip("/") + "/")


def content(host: Host, name: str) -> Path:
    """The directory that holds the filesystem's files now."""
    dataset = filesystem(host, name)
    covering = dataset_at(host, dataset.mounted) if dataset.mounted else None
    if dataset.mounted and covering is dataset:
        return host.path(dataset.mounted)
    if dataset.mounted and covering:
        return _under(host, covering.content)
    return _data(host, dataset.content)


def _data(host: Host, key: str) -> Path:
    return host.private / "data" / key


def _under(host: Host, key: str) -> Path:
    return host.private / "under" / key


def mountable(host: Host, name: str) -> bool:
    """zfs_is_mountable: a path as mountpoint, canmount not off, not handed to a zone."""
    return (
        get(host, name, "mountpoint")[0].startswith("/")
        and get(host, name, "canmount")[0] != "off"
        and get(host, name, "zoned")[0] == "off"
    )


def mount(host: Host, name: str, at: str | None = None, options: Sequence[str] = (), overlay: bool = False) -> None:
    """Mount a filesystem: as `zfs mount`, or on ``at`` as `mount -F zfs` does (legacy ones only). Raises `Error`."""
    dataset = filesystem(host, name)
    mountpoint = get(host, name, "mountpoint")[0]
    if at is None:
        _check_zfs_mount(host, dataset, mountpoint, overlay)
        at = mountpoint
        host.mkdir(at)
    else:
        if overlay and dataset.mounted == at:
            return  # nothing to do, and no error (sparse-halt in the recordings)
        _check_legacy_mount(host, dataset, mountpoint, at, overlay)
    _place(host, dataset.content, at)
    dataset.mounted = at
    dataset.mount_options = list(options)
    dataset.mount_number = host.state.tick()
    host.changed = True


def _check_zfs_mount(host: Host, dataset: Dataset, mountpoint: str, overlay: bool) -> None:
    name = dataset.name
    if get(host, name, "canmount")[0] == "off":
        raise Error(f"cannot mount '{name}': 'canmount' property is set to 'off'")
    if mountpoint == "legacy":
        raise Error(f"cannot mount '{name}': legacy mountpoint\nuse mount(8) to mount this filesystem")
    if mountpoint == "none":
        raise Error(f"cannot mount '{name}': no mountpoint set")
    if get(host, name, "zoned")[0] == "on":
        raise Error(f"cannot mount '{name}': dataset is exported to a local zone")
    if dataset.mounted:
        raise Error(f"cannot mount '{name}': filesystem already mounted")
    target = host.path(mountpoint)
    if target.is_dir() and not overlay and os.listdir(target):
        raise Error(f"cannot mount '{mountpoint}': directory is not empty")


def _check_legacy_mount(host: Host, dataset: Dataset, mountpoint: str, at: str, overlay: bool) -> None:
    if mountpoint != "legacy":
        raise Error(
            f"filesystem '{dataset.name}' cannot be mounted using 'mount -F zfs'\n"
            f"Use 'zfs set mountpoint={at}' instead.\n"
            "If you must use 'mount -F zfs' or /etc/vfstab, use 'zfs set mountpoint=legacy'.\n"
            "See zfs(8) for more information."
        )
    check_mount_point(host, dataset.name, at, overlay)
    if dataset.mounted:
        raise Error(f"mount: {dataset.name} is already mounted or {at} is busy")


def check_mount_point(host: Host, special: str, at: str, overlay: bool) -> None:
    """What mount(8) refuses: no directory there, something mounted on it already, or in use (but for -O)."""
    if not host.path(at).is_dir():
        raise Error(f"mount: mount point {at} does not exist.")
    taken = dataset_at(host, at) or at in host.state.lofs or at in host.state.busy
    if taken and not overlay:
        raise Error(f"mount: {special} is already mounted or {at} is busy")


def mount_lofs(host: Host, special: str, at: str, options: Sequence[str], overlay: bool) -> None:
    """`mount -F lofs`: the directory is covered; what it would show is not (an empty directory stands there)."""
    if not host.path(special).exists():
        raise Error(f"mount: {special}: No such file or directory")
    check_mount_point(host, special, at, overlay)
    entry = LofsMount(special, list(options), host.state.tick())
    _data(host, f"lofs-{entry.number}").mkdir()
    _place(host, f"lofs-{entry.number}", at)
    host.state.lofs[at] = entry
    host.changed = True


def unmount_lofs(host: Host, at: str) -> None:
    """End a loopback mount."""
    key = f"lofs-{host.state.lofs.pop(at).number}"
    _displace(host, key, at)
    _data(host, key).rmdir()
    host.changed = True


def unmount(host: Host, name: str, force: bool = False) -> None:
    """`zfs unmount`, with what inherits its mountpoint. Raises `Error`: not mounted, legacy, busy."""
    dataset = filesystem(host, name)
    if get(host, name, "mountpoint")[0] == "legacy":
        raise Error(f"cannot unmount '{name}': legacy mountpoint\nuse umount(8) to unmount this filesystem")
    if not dataset.mounted:
        raise Error(f"cannot unmount '{name}': not currently mounted")
    _unmount_all(host, [other for other in _changelist(host, name, everything_below=False) if other is not dataset])
    unmount_one(host, dataset, force)


def unmount_one(host: Host, dataset: Dataset, force: bool = False) -> None:
    """Unmount this one filesystem, whatever its mountpoint property (`umount`). Raises `Error` if it is busy."""
    at = dataset.mounted or ""
    if at == "/" or is_busy(host, dataset, force):
        raise Error(f"cannot unmount '{at}': Device busy")
    _displace(host, dataset.content, at)
    dataset.mounted = None
    dataset.mount_options = []
    host.changed = True


def is_busy(host: Host, dataset: Dataset, force: bool = False) -> bool:
    """Whether something is mounted in the filesystem, or (unless forced) a process of the global zone is in it."""
    at = dataset.mounted or ""
    later = [other for other in mounts(host) if other is not dataset and other.mount_number > dataset.mount_number]
    if any(_is_below(other.mounted or "", at) for other in later) or any(
        _is_below(path, at) for path in host.state.lofs
    ):
        return True
    return not force and any(dataset_of(host, path) is dataset for path in host.state.busy)


def _place(host: Host, key: str, at: str) -> None:
    host.path(at).rename(_under(host, key))
    _data(host, key).rename(host.path(at))


def _displace(host: Host, key: str, at: str) -> None:
    host.path(at).rename(_data(host, key))
    _under(host, key).rename(host.path(at))


def mount_all(host: Host) -> list[str]:
    """`zfs mount -a`: every filesystem that mounts by itself, shortest path first; returns the errors."""
    errors = []
    ready = [name for name in host.state.datasets if mountable(host, name) and get(host, name, "canmount")[0] == "on"]
    for name in sorted(ready, key=lambda each: (get(host, each, "mountpoint")[0], host.state.datasets[each].created)):
        if not host.state.datasets[name].mounted:
            try:
                mount(host, name)
            except Error as error:
                errors.append(str(error))
    return errors


def unmount_everything(host: Host) -> None:
    """All mounts but `/` end, whoever is in them (the host goes down)."""
    entries = [(dataset.mount_number, dataset) for dataset in mounts(host) if dataset.mounted != "/"]
    loops = [(entry.number, path) for path, entry in host.state.lofs.items()]
    everything: list[tuple[int, Dataset | str]] = [*entries, *loops]
    for _, entry in sorted(everything, key=lambda each: each[0], reverse=True):
        if isinstance(entry, str):
            unmount_lofs(host, entry)
        else:
            _displace(host, entry.content, entry.mounted or "")
            entry.mounted = None
            entry.mount_options = []
    host.changed = True


# -- filesystems -----------------------------------------------------------------------------------------------------


def create(
    host: Host, name: str, props: Mapping[str, str] | None = None, parents: bool = False, guid: str | None = None
) -> None:
    """`zfs create`: made and mounted if it mounts by itself. Raises `Error`."""
    _check_new(host, name, parents)
    for prop, value in (props or {}).items():
        _check_value(prop, value, f"cannot create '{name}'")
    for ancestor in reversed(list(_ancestors(name))):
        if ancestor not in host.state.datasets:
            _add(host, ancestor, {}, None, None)
            _data(host, host.state.datasets[ancestor].content).mkdir()
            _mount_if_it_does(host, ancestor)
    _add(host, name, props or {}, None, guid)
    _data(host, host.state.datasets[name].content).mkdir()
    _mount_if_it_does(host, name)


def _check_new(host: Host, name: str, parents: bool) -> None:
    if not NAME.fullmatch(name):
        raise Error(f"cannot create '{name}': invalid dataset name")
    if exists(host, name):
        raise Error(f"cannot create '{name}': dataset already exists")
    parent = name.rpartition("/")[0]
    if parent and not parents and parent not in host.state.datasets:
        raise Error(f"cannot create '{name}': parent does not exist")


def _add(host: Host, name: str, props: Mapping[str, str], origin: str | None, guid: str | None) -> None:
    number = host.state.tick()
    key = f"{number}"
    host.state.datasets[name] = Dataset(name, guid or _guid(number), number, key, dict(props), origin)
    host.changed = True


def _guid(number: int) -> str:
    return str(9_000_000_000_000_000_000 + number * 7_919_191_919)


def _mount_if_it_does(host: Host, name: str) -> None:
    if mountable(host, name) and get(host, name, "canmount")[0] == "on":
        mount(host, name)


def snapshot(host: Host, name: str, recursive: bool = False, props: Mapping[str, str] | None = None) -> None:
    """`zfs snapshot DS@SNAP`, with everything below it if recursive: all or none. Raises `Error`."""
    holder, _, label = name.partition("@")
    filesystem(host, holder)
    if not label or not NAME.fullmatch(label):
        raise Error(f"cannot create snapshot '{name}': invalid snapshot name")
    names = [holder, *children(host, holder)] if recursive else [holder]
    for each in names:
        if f"{each}@{label}" in host.state.snapshots:
            raise Error(f"cannot create snapshot '{each}@{label}': dataset already exists")
    number = host.state.tick()
    for each in names:
        key = f"{host.state.datasets[each].content}-{host.state.tick()}"
        guid = _guid(host.state.sequence)
        host.state.snapshots[f"{each}@{label}"] = Snapshot(f"{each}@{label}", guid, number, key, dict(props or {}))
        _copy_content(host, each, _stored(host, key))
    host.changed = True


def _stored(host: Host, key: str) -> Path:
    return host.private / "snapshots" / key


def clone(host: Host, origin: str, new: str, props: Mapping[str, str] | None = None, parents: bool = False) -> None:
    """`zfs clone`: made and mounted if it mounts by itself. Raises `Error`."""
    snap = _snapshot(host, origin)
    _check_new(host, new, parents)
    for prop, value in (props or {}).items():
        _check_value(prop, value, f"cannot create '{new}'")
    for ancestor in reversed(list(_ancestors(new))):
        if ancestor not in host.state.datasets:
            create(host, ancestor)
    _add(host, new, props or {}, origin, None)
    _copy(_stored(host, snap.content), _data(host, host.state.datasets[new].content))
    _mount_if_it_does(host, new)


def _snapshot(host: Host, name: str) -> Snapshot:
    found = host.state.snapshots.get(name)
    if found is None:
        raise Error(f"cannot open '{name}': dataset does not exist")
    return found


def rollback(host: Host, name: str, destroy_newer: bool = False, destroy_clones: bool = False) -> None:
    """`zfs rollback`: contents as in the snapshot, properties left alone, mounted or not. Raises `Error`."""
    snap = _snapshot(host, name)
    holder = name.split("@")[0]
    newer = [each for each in snapshots(host, holder) if each.created > snap.created]
    if newer and not destroy_newer and not destroy_clones:
        listed = "\n".join(each.name for each in newer)
        raise Error(
            f"cannot rollback to '{name}': more recent snapshots or bookmarks exist\n"
            f"use '-r' to force deletion of the following snapshots and bookmarks:\n{listed}"
        )
    dependents = [dependent for each in newer for dependent in _dependents(host, each.name)]
    if dependents and not destroy_clones:
        listed = "\n".join(dependents)
        raise Error(
            f"cannot rollback to '{name}': clones of previous snapshots exist\n"
            f"use '-R' to force deletion of the following clones and dependents:\n{listed}"
        )
    for each in reversed(newer):
        destroy(host, each.name, clones_too=destroy_clones)
    _restore_content(host, holder, _stored(host, snap.content))
    host.changed = True


def _dependents(host: Host, snapshot_name: str) -> list[str]:
    """Clones of a snapshot with everything that hangs on them."""
    found = []
    for each in clones(host, snapshot_name):
        found.append(each)
        for snap in snapshots(host, each):
            found += [snap.name, *_dependents(host, snap.name)]
        found += children(host, each)
    return found


def destroy(
    host: Host, name: str, recursive: bool = False, clones_too: bool = False, defer: bool = False, force: bool = False
) -> None:
    """`zfs destroy` of a filesystem (-r: with all below it) or a snapshot (-r: of that name below it, too).

    Raises `Error`; what was destroyed before the one that refused stays destroyed, as with libzfs.
    """
    if "@" in name:
        _destroy_snapshots(host, name, recursive, clones_too, defer)
        return
    filesystem(host, name)
    below = [
        *children(host, name),
        *(snap.name for each in [name, *children(host, name)] for snap in snapshots(host, each)),
    ]
    if below and not recursive and not clones_too:
        listed = "\n".join(sorted(below))
        raise Error(
            f"cannot destroy '{name}': filesystem has children\nuse '-r' to destroy the following datasets:\n{listed}"
        )
    outside = sorted(
        dependent
        for each in below
        if "@" in each
        for dependent in clones(host, each)
        if dependent != name and dependent not in below
    )
    if outside and not clones_too:
        listed = "\n".join(outside)
        raise Error(
            f"cannot destroy '{name}': filesystem has dependent clones\n"
            f"use '-R' to destroy the following datasets:\n{listed}"
        )
    for each in outside:
        if exists(host, each):
            destroy(host, each, clones_too=True, force=force)
    held = [each for each in below if "@" in each and host.state.snapshots[each].holds]
    if held:
        raise Error(f"cannot destroy snapshot {held[0]}: dataset is busy")
    for each in reversed([name, *children(host, name)]):
        _destroy_one(host, host.state.datasets[each], force)


def _destroy_one(host: Host, dataset: Dataset, force: bool) -> None:
    mountpoint = get(host, dataset.name, "mountpoint")[0]
    if dataset.mounted:
        unmount_one(host, dataset, force)
    _remove_mount_point(host, mountpoint)
    for snap in snapshots(host, dataset.name):
        _drop_snapshot(host, snap)
    _remove(_data(host, dataset.content))
    del host.state.datasets[dataset.name]
    host.changed = True
    if dataset.origin in host.state.snapshots:
        _drop_if_deferred(host, host.state.snapshots[dataset.origin])


def _destroy_snapshots(host: Host, name: str, recursive: bool, clones_too: bool, defer: bool) -> None:
    holder, _, label = name.partition("@")
    filesystem(host, holder)
    holders = [holder, *children(host, holder)] if recursive else [holder]
    found = [f"{each}@{one}" for each in holders for one in label.split(",") if f"{each}@{one}" in host.state.snapshots]
    if not found:
        raise Error("could not find any snapshots to destroy; check snapshot names.")
    for each in found:
        snap = host.state.snapshots[each]
        dependents = clones(host, each)
        if dependents and not clones_too and not defer:
            listed = "\n".join(dependents)
            raise Error(
                f"cannot destroy '{each}': snapshot has dependent clones\n"
                f"use '-R' to destroy the following datasets:\n{listed}"
            )
        if snap.holds and not defer:
            raise Error(f"cannot destroy snapshot {each}: dataset is busy")
    for each in found:
        snap, dependents = host.state.snapshots[each], clones(host, each)
        if defer and (snap.holds or dependents):
            snap.local["defer_destroy"] = "on"
            host.changed = True
            continue
        for dependent in dependents:
            destroy(host, dependent, clones_too=True)
        _drop_snapshot(host, snap)


def release(host: Host, name: str, tag: str) -> None:
    """End a hold; a snapshot whose destruction waited for it (`zfs destroy -d`) goes."""
    snap = host.state.snapshots[name]
    snap.holds.remove(tag)
    host.changed = True
    _drop_if_deferred(host, snap)


def _drop_if_deferred(host: Host, snap: Snapshot) -> None:
    if "defer_destroy" in snap.local and not clones(host, snap.name) and not snap.holds:
        _drop_snapshot(host, snap)


def _drop_snapshot(host: Host, snap: Snapshot) -> None:
    _remove(_stored(host, snap.content))
    del host.state.snapshots[snap.name]
    host.changed = True


def promote(host: Host, name: str) -> None:
    """`zfs promote`: the clone takes over its origin snapshot and those before it. Raises `Error`."""
    dataset = filesystem(host, name)
    if dataset.origin is None:
        raise Error(f"cannot promote '{name}': not a cloned filesystem")
    origin = host.state.snapshots[dataset.origin]
    old = origin.name.split("@")[0]
    moving = [snap for snap in snapshots(host, old) if snap.created <= origin.created]
    for snap in moving:
        new_name = f"{name}@{snap.name.split('@')[1]}"
        if new_name in host.state.snapshots:
            raise Error(
                f"cannot promote '{name}': snapshot name '{new_name}' from origin \nconflicts with '{snap.name}'"
            )
    moved_origin = f"{name}@{origin.name.split('@')[1]}"
    dataset.origin, host.state.datasets[old].origin = host.state.datasets[old].origin, moved_origin
    for snap in moving:
        _rename_snapshot(host, snap, f"{name}@{snap.name.split('@')[1]}")
    host.changed = True


def _rename_snapshot(host: Host, snap: Snapshot, new: str) -> None:
    for dataset in host.state.datasets.values():
        if dataset.origin == snap.name:
            dataset.origin = new
    del host.state.snapshots[snap.name]
    snap.name = new
    host.state.snapshots[new] = snap


def rename(host: Host, name: str, new: str, parents: bool = False, recursive: bool = False) -> None:
    """`zfs rename` of a filesystem with all below it, or of a snapshot. Raises `Error`."""
    require(host, name)
    if exists(host, new):
        raise Error(f"cannot rename '{name}': dataset already exists")
    if "@" in name:
        label = name.split("@")[1]
        new_label = new.split("@")[-1]
        holder = name.split("@")[0]
        for each in [holder, *children(host, holder)] if recursive else [holder]:
            if f"{each}@{label}" in host.state.snapshots:
                _rename_snapshot(host, host.state.snapshots[f"{each}@{label}"], f"{each}@{new_label}")
        host.changed = True
        return
    parent = new.rpartition("/")[0]
    if parent not in host.state.datasets:
        if not parents:
            raise Error(f"cannot rename '{name}': parent does not exist")
        create(host, parent, parents=True)
    moving = [name, *children(host, name)]
    affected = [host.state.datasets[each] for each in moving if get(host, each, "zoned")[0] == "off"]
    was_mounted = _unmount_all(host, affected)
    snaps = [snap for each in moving for snap in snapshots(host, each)]
    for each in moving:
        dataset = host.state.datasets.pop(each)
        dataset.name = new + each[len(name) :]
        host.state.datasets[dataset.name] = dataset
    for snap in snaps:
        _rename_snapshot(host, snap, new + snap.name[len(name) :])
    for dataset in affected:
        if new in dataset.name and name + dataset.name[len(new) :] in was_mounted and mountable(host, dataset.name):
            mount(host, dataset.name)
    host.changed = True


# -- the files of a filesystem ---------------------------------------------------------------------------------------


def _nested(host: Host, name: str) -> list[tuple[str, str]]:
    """(mount point, key of what it covers) of everything mounted in the filesystem or deeper, outermost first."""
    at = host.state.datasets[name].mounted
    if at is None:
        return []
    number = host.state.datasets[name].mount_number
    found = [
        (each.mounted or "", each.content, each.mount_number)
        for each in mounts(host)
        if each.name != name and each.mount_number > number and _is_below(each.mounted or "", at)
    ]
    found += [
        (path, f"lofs-{entry.number}", entry.number) for path, entry in host.state.lofs.items() if _is_below(path, at)
    ]
    return [(path, key) for path, key, _ in sorted(found, key=lambda each: each[2])]


def _copy_content(host: Host, name: str, target: Path) -> None:
    source = content(host, name)
    covered = {os.fspath(host.path(path)): _under(host, key) for path, key in reversed(_nested(host, name))}
    skip = NOT_OF_A_BE if host.state.datasets[name].mounted == "/" else frozenset()
    _copy(source, target, covered, skip)


def _restore_content(host: Host, name: str, stored: Path) -> None:
    nested = _nested(host, name)
    for path, key in reversed(nested):
        _displace(host, key, path)
    target = content(host, name)
    skip = NOT_OF_A_BE if host.state.datasets[name].mounted == "/" else frozenset()
    for entry in os.listdir(target):
        if entry not in skip:
            _remove(target / entry)
    for entry in os.listdir(stored):
        _copy(stored / entry, target / entry)
    _copy_attributes(os.stat(stored), target)
    for path, key in nested:
        host.path(path).mkdir(parents=True, exist_ok=True)
        _place(host, key, path)


def _copy(
    source: Path, target: Path, covered: Mapping[str, Path] | None = None, skip: frozenset[str] = frozenset()
) -> None:
    """Copy a file, link or tree with modes, owners and times. ``covered``: mount points and what they hide."""
    status = os.lstat(source)
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISREG(status.st_mode):
        _copy_file(source, target, status)
    elif stat.S_ISDIR(status.st_mode):
        os.mkdir(target)
        for entry in os.listdir(source):
            if entry in skip:
                continue
            path = source / entry
            hidden = covered.get(os.fspath(path)) if covered else None
            _copy(hidden or path, target / entry, covered)
        _copy_attributes(status, target)


def _copy_file(source: Path, target: Path, status: os.stat_result) -> None:
    with open(source, "rb") as reader, open(target, "wb") as writer:
        left = status.st_size
        while left > 0:
            done = os.sendfile(writer.fileno(), reader.fileno(), None, left)
            if not done:
                break
            left -= done
    _copy_attributes(status, target)


def _copy_attributes(status: os.stat_result, target: Path) -> None:
    if os.geteuid() == 0:
        os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
