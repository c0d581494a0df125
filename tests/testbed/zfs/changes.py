"""`zfs set` and `zfs inherit`, with what libzfs unmounts and mounts for them.

Rules of libzfs that the brand hooks hang on (brand-scripts/README.md, "What is real, what is a stand-in"): a zoned one
is left alone by the global zone; a change of `mountpoint` or `zoned` unmounts what it touches and mounts it again
afterwards if it was mounted, or was legacy and has canmount=on; canmount=on and noauto never mount or unmount anything.
"""

from __future__ import annotations

from testbed.host import Host
from testbed.zfs.mounting import changelist, mount, remove_mount_point, unmount_all
from testbed.zfs.properties import Error, check_value, get, is_user_property, mountable, require


def set(host: Host, name: str, prop: str, value: str) -> None:
    """Set a property, with what libzfs unmounts and mounts for it. Raises `Error`, then nothing has changed."""
    require(host, name)
    check_value(prop, value, f"cannot set property for '{name}'")
    if "@" in name:
        if not is_user_property(prop):
            raise Error(f"cannot set property for '{name}': this property can not be modified for snapshots")
        host.state.snapshots[name].local[prop] = value
        host.changed = True
        return
    if prop == "mountpoint" and get(host, name, "zoned")[0] == "on":
        raise Error(f"cannot set property for '{name}': 'mountpoint' cannot be set on dataset in a non-global zone")
    _change(host, name, prop, value)


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
        affected = changelist(host, name, everything_below=prop == "zoned")
    elif prop == "canmount" and value == "off":
        affected = [] if get(host, name, "zoned")[0] == "on" else [dataset]
    else:
        affected = []
    old, source = get(host, name, "mountpoint")
    was_legacy = prop == "mountpoint" and old in ("legacy", "none")
    was_mounted = unmount_all(host, affected)
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
        remove_mount_point(host, old)
