"""Boot environments with their zone BEs, and what happens when the host comes up (zone-tools.md, 6.3 and 3.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from testbed import zfs
from testbed.host import Host
from testbed.zfs import SPACE

if TYPE_CHECKING:
    from testbed.command import Context

UUID = "org.opensolaris.libbe:uuid"
PARENT = "org.opensolaris.libbe:parentbe"
ACTIVE = "org.opensolaris.libbe:active"
POLICY = "org.opensolaris.libbe:policy"
ZONE_BRANDS = ("ipkg", "labeled", "lipkg", "nlipkg", "sparse", "pkgsrc")
"""Brands whose zone BEs libbe clones; upstream has the first two, OmniOS's list is taken from its docs (6.3)."""

# be_valid_be_name in libbe: a part of a dataset's name without a blank, not longer than 64
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Error(Exception):
    """``rc``: beadm's exit code, a libbe error number cut to 8 bits (6.2)."""

    def __init__(self, text: str, rc: int = 1) -> None:
        super().__init__(text)
        self.rc = rc


@dataclass(frozen=True)
class BootEnvironment:
    """As `beadm list -H` shows it; ``active`` holds N, R and T where they apply."""

    name: str
    dataset: str
    uuid: str
    active: str
    mounted: str | None
    space: int
    policy: str
    created: int


def container(host: Host) -> str:
    """The dataset that holds the boot environments (rpool/ROOT)."""
    return next((name for name in sorted(host.state.datasets) if name.endswith("/ROOT") and name.count("/") == 1), "")


def listed(host: Host) -> list[BootEnvironment]:
    """All boot environments, oldest first."""
    root = container(host)
    names = [name for name in zfs.children(host, root) if name.count("/") == root.count("/") + 1] if root else []
    found = [_read(host, name) for name in names]
    return sorted(found, key=lambda be: host.state.datasets[be.dataset].created)


def _read(host: Host, dataset: str) -> BootEnvironment:
    name = dataset.rsplit("/", 1)[1]
    state = host.state
    active = "".join(
        letter
        for letter, holds in (
            ("N", name == state.current_be),
            ("R", name == state.next_be),
            ("T", name == state.once_be),
        )
        if holds
    )
    policy, uuid = zfs.get(host, dataset, POLICY)[0], zfs.get(host, dataset, UUID)[0]
    return BootEnvironment(
        name,
        dataset,
        "" if uuid == "-" else uuid,
        active,
        state.datasets[dataset].mounted,
        SPACE["used"],
        "static" if policy == "-" else policy,
        int(zfs.get(host, dataset, "creation")[0]),
    )


def find(host: Host, name: str) -> BootEnvironment | None:
    """The boot environment of that name."""
    return next((be for be in listed(host) if be.name == name), None)


def require(host: Host, name: str) -> BootEnvironment:
    """The boot environment of that name. Raises `Error` in beadm's words."""
    found = find(host, name)
    if found is None:
        raise Error(
            f"{name} does not exist or appear to be a valid BE.\n"
            "Please check that the name of the BE provided is correct.",
            163,
        )
    return found


# -- create and destroy ----------------------------------------------------------------------------------------------


def create_be(
    host: Host,
    name: str,
    source: str | None = None,
    description: str | None = None,
    props: dict[str, str] | None = None,
) -> BootEnvironment:
    """Clone a BE (``source``: a name or NAME@SNAPSHOT, default the running one) with its zone BEs. Raises `Error`."""
    if not _NAME.fullmatch(name):
        raise Error(f"Unable to create {name}.\nInvalid argument.", 176)
    if find(host, name):
        raise Error(f"BE {name} already exists\n.Please choose a different BE name.", 173)
    given, _, label = (source or host.state.current_be).partition("@")
    origin = require(host, given)
    if not label:
        label = _free_label(host, origin.dataset)
        zfs.snapshot(host, f"{origin.dataset}@{label}")
    elif f"{origin.dataset}@{label}" not in host.state.snapshots:
        raise Error(f"Unable to create {name}.\nNo such snapshot.", 199)
    new_uuid = _new_uuid()
    zone_bes = _zone_bes_to_clone(host, origin)
    dataset = f"{container(host)}/{name}"
    settings = {"canmount": "noauto", "mountpoint": "/", UUID: new_uuid, POLICY: "static", **(props or {})}
    if description:
        settings["org.opensolaris.libbe:description"] = description
    zfs.clone(host, f"{origin.dataset}@{label}", dataset, settings)
    for zone_be in zone_bes:
        _clone_zone_be(host, zone_be, new_uuid)
    return require(host, name)


def free_name(host: Host, wanted: str) -> str:
    """``wanted`` or, if it is taken, the next number behind it; gaps are not filled (be_get_auto_name in libbe)."""
    stem, dash, number = wanted.rpartition("-")
    base, highest = (stem, int(number)) if dash and number.isdigit() else (wanted, 0)
    names = [be.name for be in listed(host)]
    numbers = [name.removeprefix(f"{base}-") for name in names if name.startswith(f"{base}-")]
    highest = max([highest, *(int(found) for found in numbers if found.isdigit())])
    candidates = (f"{base}-{count}" if count else base for count in range(highest, highest + 2))
    return next(name for name in candidates if name not in names)


def _new_uuid() -> str:
    import uuid  # costs 10 ms, and only a new BE needs one

    return str(uuid.uuid4())


def _free_label(host: Host, dataset: str) -> str:
    import time

    stamp = zfs.EPOCH + host.state.sequence
    while True:
        label = time.strftime("%Y-%m-%d-%H:%M:%S", time.gmtime(stamp))
        if f"{dataset}@{label}" not in host.state.snapshots:
            return label
        stamp += 1


def _zones_of(host: Host, be: BootEnvironment) -> list[tuple[str, str, str]]:
    """(name, zonepath, brand) of the zones installed in the BE and known to libbe."""
    from testbed import zones

    root = "" if be.mounted == "/" else "/" + str(zfs.content(host, be.dataset).relative_to(host.directory))
    if not host.path(f"{root}/etc/zones/index").is_file():
        return []
    found = []
    for entry in zones.read_index(host, root):
        if entry.name != "global" and entry.state == zones.INSTALLED:
            brand = zones.read_xml(host, entry.name, root).get("brand", "")
            if brand in ZONE_BRANDS:
                found.append((entry.name, entry.zonepath, brand))
    return found


def zone_root_container(host: Host, zonepath: str) -> str | None:
    """`DATASET OF THE ZONEPATH/ROOT`, if the zonepath is a filesystem of its own and has one."""
    for dataset in host.state.datasets.values():
        if zfs.get(host, dataset.name, "mountpoint")[0] == zonepath and f"{dataset.name}/ROOT" in host.state.datasets:
            return f"{dataset.name}/ROOT"
    return None


def _zone_bes_to_clone(host: Host, be: BootEnvironment) -> list[str]:
    found = []
    for name, zonepath, _ in _zones_of(host, be):
        root = zone_root_container(host, zonepath)
        if root is None:
            continue
        active = zone_bes(host, root, be.uuid, only_active=True)
        if len(active) != 1:
            reason = "has no active root" if not active else "has more than one active root"
            raise Error(f"Unable to create BE.\nZone {name} {reason} dataset for the boot environment.", 1)
        found += active
    return found


def zone_bes(host: Host, root: str, uuid: str, only_active: bool = False) -> list[str]:
    """Zone BEs directly below ``root`` that belong to the BE of that uuid."""
    return [
        name
        for name in zfs.children(host, root)
        if name.count("/") == root.count("/") + 1
        and zfs.get(host, name, PARENT)[0] == uuid
        and (not only_active or zfs.get(host, name, ACTIVE)[0] == "on")
    ]


def _clone_zone_be(host: Host, old: str, uuid: str) -> None:
    root, _, base = old.rpartition("/")
    stem = base.split("-")[0]
    number = 1
    while f"{root}/{stem}-{number}" in host.state.datasets:
        number += 1
    new = f"{stem}-{number}"
    zfs.snapshot(host, f"{old}@{new}", recursive=True)
    zfs.clone(host, f"{old}@{new}", f"{root}/{new}", {"canmount": "noauto", PARENT: uuid, ACTIVE: "on"})
    for child in zfs.children(host, old):
        below = child[len(old) :]
        zfs.clone(host, f"{child}@{new}", f"{root}/{new}{below}", {"canmount": "noauto"})


def destroy_be(host: Host, name: str, force: bool = False, destroy_snapshots: bool = False) -> None:
    """Destroy a BE with its zone BEs. Raises `Error`."""
    be = find(host, name)
    if be is None:
        raise Error(f"Unable to destroy {name}.\nNo such BE.", 163)
    if "N" in be.active:
        raise Error(
            f"{name} is the currently active BE and cannot be destroyed.\n"
            f"You must boot from another BE in order to destroy {name}.",
            161,
        )
    # also for those that others were made from: be_destroy looks before it hands them over
    if zfs.snapshots(host, be.dataset) and not destroy_snapshots:
        raise Error(
            f"Unable to destroy {name}: BE has snapshots.\n"
            f"Use 'beadm destroy -s {name}' or 'zfs -r destroy <dataset>'.",
            198,
        )
    if be.mounted and not force:
        raise Error(
            f"Unable to destroy {name}.\n"
            "It is currently mounted and must be unmounted before it can be destroyed.\n"
            f"Use 'beadm unmount {name}' to unmount the BE before destroying\n"
            f"it or 'beadm destroy -f {name}'.",
            180,
        )
    if be.mounted:
        unmount_be(host, name, force=True)
    for dataset in [*_zone_bes_of(host, be), be.dataset]:
        _hand_over_clones(host, dataset)
        _destroy_with_origin(host, dataset, destroy_snapshots)
    if host.state.next_be == name:
        host.state.next_be = host.state.current_be
    if host.state.once_be == name:
        host.state.once_be = ""


def _zone_bes_of(host: Host, be: BootEnvironment) -> list[str]:
    """Those of zones that are installed in the BE itself: libbe mounts it and reads its index (be_destroy_zones)."""
    roots = [zone_root_container(host, zonepath) for _, zonepath, _ in _zones_of(host, be)]
    return [name for root in roots if root and be.uuid for name in zone_bes(host, root, be.uuid)]


def _hand_over_clones(host: Host, dataset: str) -> None:
    """Promote the clone of its newest cloned snapshot until nothing depends on the dataset (libbe: be_demote)."""
    for each in [dataset, *zfs.children(host, dataset)]:
        while cloned := [snap for snap in zfs.snapshots(host, each) if zfs.clones(host, snap.name)]:
            zfs.promote(host, zfs.clones(host, cloned[-1].name)[-1])


def _destroy_with_origin(host: Host, dataset: str, destroy_snapshots: bool) -> None:
    origins = {host.state.datasets[each].origin for each in [dataset, *zfs.children(host, dataset)]}
    try:
        for each in reversed([dataset, *zfs.children(host, dataset)]):
            for snap in zfs.snapshots(host, each) if destroy_snapshots else []:
                zfs.destroy(host, snap.name)
            zfs.destroy(host, each)
        for origin in sorted(each for each in origins if each in host.state.snapshots):
            if not zfs.clones(host, origin) and not host.state.snapshots[origin].holds:
                zfs.destroy(host, origin)
    except zfs.Error as error:
        raise Error(f"Unable to destroy {dataset.rsplit('/', 1)[1]}.\n{error}", 170) from error


def rename_be(host: Host, name: str, new: str) -> None:
    """Rename a BE that is neither running nor the next. Raises `Error`."""
    be = require(host, name)
    if find(host, new):
        raise Error(f"BE {new} already exists\n.Please choose a different BE name.", 173)
    if be.active:
        raise Error(f"Rename of BE {name} failed.\nCannot rename the active BE.", 161)
    zfs.rename(host, be.dataset, f"{container(host)}/{new}")


def activate(host: Host, name: str, once: bool = False) -> None:
    """Make a BE come up at the next boot (``once``: at that one only), a clone of nothing any more. Raises `Error`."""
    be = require(host, name)
    if once:
        host.state.once_be = name
    else:
        host.state.next_be, host.state.once_be = name, ""
    host.changed = True
    roots = (zone_root_container(host, zonepath) for _, zonepath, _ in _zones_of(host, be))
    zone_bes_of_it = [zone_bes(host, root, be.uuid, only_active=True) for root in roots if root]
    for dataset in [be.dataset, *(found[0] for found in zone_bes_of_it if len(found) == 1)]:
        for each in [dataset, *zfs.children(host, dataset)]:
            while host.state.datasets[each].origin:
                _promote(host, name, each)


def _promote(host: Host, name: str, dataset: str) -> None:
    try:
        zfs.promote(host, dataset)
    except zfs.Error as error:
        raise Error(f"Unable to activate {name}.\nBE promotion failed.", 194) from error


# -- mount -----------------------------------------------------------------------------------------------------------


def mount_be(host: Host, name: str, at: str | None = None) -> str:
    """Mount a BE with its zone BEs; returns where. Raises `Error`."""
    be = require(host, name)
    if be.mounted:
        raise Error(f"{name} is already mounted.\nPlease unmount the BE before mounting it again.", 180)
    if at is None:
        at = f"/tmp/.be.{host.state.tick()}"
        host.mkdir(at)
    if not host.path(at).is_dir():
        host.mkdir(at)
    _mount_at(host, be.dataset, at)
    for _, zonepath, _ in _zones_of(host, be):
        root = zone_root_container(host, zonepath)
        for zone_be in zone_bes(host, root, be.uuid, only_active=True) if root else []:
            if host.state.datasets[zone_be].mounted is None:
                host.mkdir(f"{at}{zonepath}/root")
                _mount_at(host, zone_be, f"{at}{zonepath}/root")
    return at


def _mount_at(host: Host, name: str, at: str) -> None:
    """libbe mounts with an option that overrides the mountpoint property (zfs_mount_at)."""
    dataset = host.state.datasets[name]
    own = dataset.local.get("mountpoint")
    dataset.local["mountpoint"] = "legacy"
    try:
        zfs.mount(host, name, at)
    except zfs.Error as error:
        raise Error(f"Unable to mount {name.rsplit('/', 1)[1]}.\n{error}") from error
    finally:
        if own is None:
            del dataset.local["mountpoint"]
        else:
            dataset.local["mountpoint"] = own


def unmount_be(host: Host, name: str, force: bool = False) -> None:
    """Unmount a BE with what is mounted in it. Raises `Error`."""
    be = require(host, name)
    if be.mounted == "/":
        raise Error(
            f"{name} is the currently active BE.\nIt cannot be unmounted unless another BE is the currently active BE.",
            161,
        )
    if be.mounted is None:
        raise Error(f"Unable to unmount {name}.\nIt is not mounted.")
    for dataset in reversed(zfs.mounts(host)):
        at = dataset.mounted or ""
        if at == be.mounted or at.startswith(be.mounted + "/"):
            try:
                zfs.unmount_one(host, dataset, force)
            except zfs.Error as error:
                raise Error(f"Unable to unmount {name}.\n{error}", 164) from error
            if at != be.mounted:
                _remove_empty(host, at, be.mounted)


def _remove_empty(host: Host, path: str, top: str) -> None:
    """Take away the directories that mount_be made: a zonepath that is not empty hinders `zfs mount` at the boot."""
    while path.count("/") > top.count("/") + 1:
        try:
            host.path(path).rmdir()
        except OSError:
            return
        path = path.rpartition("/")[0]


# -- the host comes up -----------------------------------------------------------------------------------------------


def power_on(ctx: Context) -> None:
    """The host comes up after a power cut: as `reboot`, with nothing shut down before."""
    ctx.host.state.powered = True
    reboot(ctx)


def reboot(ctx: Context) -> None:
    """Everything that runs ends, the next BE takes `/`, its datasets are mounted, and svc:/system/zones starts.

    That service boots zones with autoboot and runs sysboot for the other installed ones (svc-zones).
    """
    host = ctx.host
    state = host.state
    state.kernel_zones.clear()
    for zone in [zone for zone in state.services if zone != "global"]:
        del state.services[zone]
    state.busy.clear()
    state.locks.clear()
    state.next_zone_id = 1
    state.boots += 1
    zfs.unmount_everything(host)
    _switch_be(host, state.once_be or state.next_be)
    state.once_be = ""
    for scratch in ("/tmp", "/var/run", "/system/volatile"):
        _empty(host, scratch)
    _read_release(host)
    for error in zfs.mount_all(host):
        ctx.err(f"{error}\n")
    host.changed = True
    _start_zones(ctx)


def _switch_be(host: Host, name: str) -> None:
    state = host.state
    root = container(host)
    old, new = f"{root}/{state.current_be}", f"{root}/{name}"
    if not name or new == old or new not in state.datasets:
        return
    coming = zfs.content(host, new)
    state.datasets[old].mounted = None
    leaving = zfs.content(host, old)
    leaving.mkdir(exist_ok=True)
    _move_entries(host.directory, leaving)
    _move_entries(coming, host.directory)
    state.datasets[new].mounted = "/"
    state.datasets[new].mount_number = state.tick()
    state.current_be = name
    state.immutable.clear()


def _move_entries(source: Path, target: Path) -> None:
    for entry in sorted(source.iterdir()):
        if entry.name not in zfs.NOT_OF_A_BE:
            entry.rename(target / entry.name)


def _empty(host: Host, directory: str) -> None:
    path = host.path(directory)
    for entry in sorted(path.iterdir()) if path.is_dir() and not path.is_symlink() else []:
        host.remove(f"{directory}/{entry.name}")


def _read_release(host: Host) -> None:
    """The kernel is that of the BE: its name follows the release in /etc/release (zone-tools.md, 9)."""
    import re

    release = host.path("/etc/release")
    found = re.search(r"OmniOS v11 (r\d+)", release.read_text()) if release.is_file() else None
    if found:
        build = str(host.state.uname.get("version", "")).rpartition("-")[2] or "b5c2b7b7f8"
        host.state.uname["version"] = f"omnios-{found[1]}-{build}"


def _start_zones(ctx: Context) -> None:
    from testbed import zones

    if not ctx.host.path("/etc/zones/index").is_file():
        return
    installed = [zone for zone in zones.listed(ctx.host) if zone.state == zones.INSTALLED]
    for zone in installed:
        if zone.autoboot:
            ctx.err(ctx.run(["zoneadm", "-z", zone.name, "boot"]).stderr)
    for zone in installed:
        if not zone.autoboot:
            ctx.err(ctx.run(["zoneadm", "-z", zone.name, "sysboot"]).stderr)
