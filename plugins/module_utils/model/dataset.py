# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ZFS datasets, their properties and mounts, as far as a zone's root needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Sequence

PARENTBE = "org.opensolaris.libbe:parentbe"
ACTIVE = "org.opensolaris.libbe:active"
UUID = "org.opensolaris.libbe:uuid"
# What the brand hooks set on ROOT and the zone BE ("Ways back" in brand-scripts).
HOOK_PROPERTIES = ("zoned", "canmount", "mountpoint", PARENTBE, ACTIVE)


@dataclass(frozen=True)
class Property:
    """A property value with its source as `zfs get` prints it ("local", "inherited from X", "default", "-")."""

    value: str
    source: str


# dataset name -> property name -> value and source
Properties = Dict[str, Dict[str, Property]]


@dataclass(frozen=True)
class Mount:
    """One line of `mount -p`."""

    special: str
    mountpoint: str
    fstype: str


@dataclass(frozen=True)
class ZoneBe:
    """A dataset right below DS/ROOT with its libbe properties ("-" or "" if unset)."""

    name: str
    parentbe: str
    active: str


@dataclass(frozen=True)
class FileSystem:
    """A ZFS file system with its mountpoint and libbe properties, its own or inherited ("-" if unset)."""

    name: str
    mountpoint: str
    parentbe: str
    active: str


@dataclass(frozen=True)
class BeFileSystem(FileSystem):
    """A file system with what a boot environment's fate hangs on.

    `origin` is the snapshot it is a clone of, "" if of none; `used` is in bytes, with all below it and its snapshots;
    `uuid` is that of the boot environment, its own or inherited ("-" if unset).
    """

    origin: str
    used: int
    mounted: bool
    uuid: str


def zone_bes_at(zonepath: str, filesystems: Sequence[FileSystem]) -> list[ZoneBe]:
    """Return the zone BEs of the zone whose zonepath is mounted there: the datasets right below DS/ROOT."""
    roots = {f"{f.name}/ROOT" for f in filesystems if f.mountpoint == zonepath}
    return [ZoneBe(f.name, f.parentbe, f.active) for f in filesystems if f.name.rpartition("/")[0] in roots]


def datasets_at(path: str, filesystems: Sequence[tuple[str, str]]) -> list[str]:
    """Return the datasets whose mountpoint property is `path`; filesystems are (name, mountpoint)."""
    return [name for name, mountpoint in filesystems if mountpoint == path]


def active_zone_bes(zone_bes: Sequence[ZoneBe], be_uuid: str) -> list[ZoneBe]:
    """Return the zone BEs that belong to the boot environment and are marked active, as the brand hooks choose."""
    return [z for z in zone_bes if z.parentbe == be_uuid and z.active == "on"]


def mounted_on(path: str, mounts: Sequence[Mount]) -> str | None:
    """Return the ZFS dataset mounted last on `path`, None if there is none."""
    found = [m.special for m in mounts if m.mountpoint == path and m.fstype == "zfs"]
    return found[-1] if found else None


def foreign_mounts(path: str, dataset: str, mounts: Sequence[Mount]) -> list[str]:
    """Return the mount points strictly below `path` of what is not a dataset below `dataset`.

    Datasets below the zone BE are unmounted and mounted together with it (changelist in libzfs).
    """
    return [
        m.mountpoint for m in mounts if m.mountpoint.startswith(path + "/") and not m.special.startswith(dataset + "/")
    ]
