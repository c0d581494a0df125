"""Mounts: a mounted filesystem's directory is its mount point, put there by a rename."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from testbed.host import Host
from testbed.state import Dataset, LofsMount
from testbed.zfs.properties import Error, children, filesystem, get, mountable

# -- what is mounted -------------------------------------------------------------------------------------------------


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
    found = [dataset for dataset in mounts(host) if is_below(path, dataset.mounted or "/")]
    return max(found, key=lambda dataset: (len(dataset.mounted or ""), dataset.mount_number), default=None)


def is_below(path: str, directory: str) -> bool:
    return path == directory or directory == "/" or path.startswith(directory.rstrip("/") + "/")


def content(host: Host, name: str) -> Path:
    """The directory that holds the filesystem's files now."""
    dataset = filesystem(host, name)
    covering = dataset_at(host, dataset.mounted) if dataset.mounted else None
    if dataset.mounted and covering is dataset:
        return host.path(dataset.mounted)
    if dataset.mounted and covering:
        return under(host, covering.content)
    return data(host, dataset.content)


def data(host: Host, key: str) -> Path:
    return host.private / "data" / key


def under(host: Host, key: str) -> Path:
    return host.private / "under" / key


def is_busy(host: Host, dataset: Dataset, force: bool = False) -> bool:
    """Whether something is mounted in the filesystem, or (unless forced) a process of the global zone is in it."""
    at = dataset.mounted or ""
    later = [other for other in mounts(host) if other is not dataset and other.mount_number > dataset.mount_number]
    if any(is_below(other.mounted or "", at) for other in later) or any(is_below(path, at) for path in host.state.lofs):
        return True
    return not force and any(dataset_of(host, path) is dataset for path in host.state.busy)


# -- mount -----------------------------------------------------------------------------------------------------------


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
    place(host, dataset.content, at)
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


def mount_if_it_does(host: Host, name: str) -> None:
    if mountable(host, name) and get(host, name, "canmount")[0] == "on":
        mount(host, name)


def mount_lofs(host: Host, special: str, at: str, options: Sequence[str], overlay: bool) -> None:
    """`mount -F lofs`: the directory is covered; what it would show is not (an empty directory stands there)."""
    if not host.path(special).exists():
        raise Error(f"mount: {special}: No such file or directory")
    check_mount_point(host, special, at, overlay)
    entry = LofsMount(special, list(options), host.state.tick())
    data(host, f"lofs-{entry.number}").mkdir()
    place(host, f"lofs-{entry.number}", at)
    host.state.lofs[at] = entry
    host.changed = True


def place(host: Host, key: str, at: str) -> None:
    host.path(at).rename(under(host, key))
    data(host, key).rename(host.path(at))


# -- unmount ---------------------------------------------------------------------------------------------------------


def unmount(host: Host, name: str, force: bool = False) -> None:
    """`zfs unmount`, with what inherits its mountpoint. Raises `Error`: not mounted, legacy, busy."""
    dataset = filesystem(host, name)
    if get(host, name, "mountpoint")[0] == "legacy":
        raise Error(f"cannot unmount '{name}': legacy mountpoint\nuse umount(8) to unmount this filesystem")
    if not dataset.mounted:
        raise Error(f"cannot unmount '{name}': not currently mounted")
    unmount_all(host, [other for other in changelist(host, name, everything_below=False) if other is not dataset])
    unmount_one(host, dataset, force)


def unmount_one(host: Host, dataset: Dataset, force: bool = False) -> None:
    """Unmount this one filesystem, whatever its mountpoint property (`umount`). Raises `Error` if it is busy."""
    at = dataset.mounted or ""
    if at == "/" or is_busy(host, dataset, force):
        raise Error(f"cannot unmount '{at}': Device busy")
    displace(host, dataset.content, at)
    dataset.mounted = None
    dataset.mount_options = []
    host.changed = True


def changelist(host: Host, name: str, everything_below: bool) -> list[Dataset]:
    """The filesystem and those below that take the change over; zoned ones are the zone's own affair."""
    names = [name]
    for child in children(host, name):
        parent = child.rsplit("/", 1)[0]
        if everything_below or (parent in names and "mountpoint" not in host.state.datasets[child].local):
            names.append(child)
    return [host.state.datasets[each] for each in names if get(host, each, "zoned")[0] == "off"]


def unmount_all(host: Host, affected: Sequence[Dataset]) -> dict[str, str]:
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


def unmount_lofs(host: Host, at: str) -> None:
    """End a loopback mount."""
    key = f"lofs-{host.state.lofs.pop(at).number}"
    displace(host, key, at)
    data(host, key).rmdir()
    host.changed = True


def unmount_everything(host: Host) -> None:
    """All mounts but `/` end, whoever is in them (the host goes down)."""
    entries = [(dataset.mount_number, dataset) for dataset in mounts(host) if dataset.mounted != "/"]
    loops = [(entry.number, path) for path, entry in host.state.lofs.items()]
    everything: list[tuple[int, Dataset | str]] = [*entries, *loops]
    for _, entry in sorted(everything, key=lambda each: each[0], reverse=True):
        if isinstance(entry, str):
            unmount_lofs(host, entry)
        else:
            displace(host, entry.content, entry.mounted or "")
            entry.mounted = None
            entry.mount_options = []
    host.changed = True


def displace(host: Host, key: str, at: str) -> None:
    host.path(at).rename(data(host, key))
    under(host, key).rename(host.path(at))


def remove_mount_point(host: Host, path: str) -> None:
    """remove_mountpoint (libzfs_mount.c): the directory goes if it is empty, without a word if not."""
    if path.startswith("/") and dataset_at(host, path) is None:
        with suppress(OSError):
            host.path(path).rmdir()
