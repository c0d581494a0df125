"""Filesystems, snapshots and clones: made, renamed, rolled back, promoted, destroyed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from testbed.host import Host
from testbed.state import Dataset, Snapshot
from testbed.zfs.files import copy, copy_content, remove, restore_content
from testbed.zfs.mounting import data, mount, mount_if_it_does, remove_mount_point, unmount_all, unmount_one
from testbed.zfs.properties import (
    NAME,
    Error,
    ancestors,
    check_value,
    children,
    clones,
    exists,
    filesystem,
    get,
    mountable,
    require,
    snapshots,
)

# -- filesystems -----------------------------------------------------------------------------------------------------


def create(
    host: Host, name: str, props: Mapping[str, str] | None = None, parents: bool = False, guid: str | None = None
) -> None:
    """`zfs create`: made and mounted if it mounts by itself. Raises `Error`."""
    _check_new(host, name, parents)
    for prop, value in (props or {}).items():
        check_value(prop, value, f"cannot create '{name}'")
    for ancestor in reversed(list(ancestors(name))):
        if ancestor not in host.state.datasets:
            _add(host, ancestor, {}, None, None)
            data(host, host.state.datasets[ancestor].content).mkdir()
            mount_if_it_does(host, ancestor)
    _add(host, name, props or {}, None, guid)
    data(host, host.state.datasets[name].content).mkdir()
    mount_if_it_does(host, name)


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
    remove_mount_point(host, mountpoint)
    for snap in snapshots(host, dataset.name):
        _drop_snapshot(host, snap)
    remove(data(host, dataset.content))
    del host.state.datasets[dataset.name]
    host.changed = True
    if dataset.origin in host.state.snapshots:
        _drop_if_deferred(host, host.state.snapshots[dataset.origin])


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
    was_mounted = unmount_all(host, affected)
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


# -- snapshots -------------------------------------------------------------------------------------------------------


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
        copy_content(host, each, _stored(host, key))
    host.changed = True


def _stored(host: Host, key: str) -> Path:
    return host.private / "snapshots" / key


def _snapshot(host: Host, name: str) -> Snapshot:
    found = host.state.snapshots.get(name)
    if found is None:
        raise Error(f"cannot open '{name}': dataset does not exist")
    return found


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
    remove(_stored(host, snap.content))
    del host.state.snapshots[snap.name]
    host.changed = True


def _rename_snapshot(host: Host, snap: Snapshot, new: str) -> None:
    for dataset in host.state.datasets.values():
        if dataset.origin == snap.name:
            dataset.origin = new
    del host.state.snapshots[snap.name]
    snap.name = new
    host.state.snapshots[new] = snap


# -- clones and rollback ---------------------------------------------------------------------------------------------


def clone(host: Host, origin: str, new: str, props: Mapping[str, str] | None = None, parents: bool = False) -> None:
    """`zfs clone`: made and mounted if it mounts by itself. Raises `Error`."""
    snap = _snapshot(host, origin)
    _check_new(host, new, parents)
    for prop, value in (props or {}).items():
        check_value(prop, value, f"cannot create '{new}'")
    for ancestor in reversed(list(ancestors(new))):
        if ancestor not in host.state.datasets:
            create(host, ancestor)
    _add(host, new, props or {}, origin, None)
    copy(_stored(host, snap.content), data(host, host.state.datasets[new].content))
    mount_if_it_does(host, new)


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
    restore_content(host, holder, _stored(host, snap.content))
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
