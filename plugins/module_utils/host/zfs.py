# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zfs(8), and mounting of ZFS file systems: mount(8), umount(8)."""

from __future__ import annotations

import re
from typing import Callable, Sequence

from ..model.dataset import (
    ACTIVE,
    HOOK_PROPERTIES,
    PARENTBE,
    UUID,
    BeFileSystem,
    FileSystem,
    Mount,
    Properties,
    Property,
    ZoneBe,
)
from .runner import CommandError, Runner

LIST_FILESYSTEMS: Sequence[str] = ("zfs", "list", "-H", "-t", "filesystem", "-o", "name,mountpoint")
LIST_LAYOUT: Sequence[str] = (
    *("zfs", "list", "-H", "-t", "filesystem", "-o"),
    f"name,mountpoint,{PARENTBE},{ACTIVE}",
)
LIST_ORIGINS: Sequence[str] = ("zfs", "list", "-H", "-t", "filesystem", "-o", "name,origin")
LIST_BE_LAYOUT: Sequence[str] = (
    *("zfs", "list", "-H", "-p", "-t", "filesystem", "-o"),
    f"name,mountpoint,{PARENTBE},{ACTIVE},origin,used,mounted,{UUID}",
)
LIST_MOUNTS: Sequence[str] = ("mount", "-p")
# special - mountpoint fstype pass at-boot options; a mount point may hold blanks.
_MOUNT_LINE = re.compile(r"(?P<special>\S+) \S+ (?P<mountpoint>/.*) (?P<fstype>\S+) \S+ \S+ \S+")


def _rows(text: str, columns: int, command: str) -> list[list[str]]:
    rows = [line.split("\t") for line in text.splitlines()]
    for row in rows:
        if len(row) != columns:
            raise CommandError(f"`{command}` printed a line that is not known: {row!r:.200}; please report.")
    return rows


def filesystems(runner: Runner) -> list[tuple[str, str]]:
    """Return (name, mountpoint) of all file systems."""
    rows = _rows(runner.probe(LIST_FILESYSTEMS).stdout, 2, " ".join(LIST_FILESYSTEMS))
    return [(row[0], row[1]) for row in rows]


def origins(runner: Runner) -> dict[str, str]:
    """Return the origin snapshot of each file system that is a clone."""
    rows = _rows(runner.probe(LIST_ORIGINS).stdout, 2, " ".join(LIST_ORIGINS))
    return {row[0]: row[1] for row in rows if row[1] != "-"}


def layout(runner: Runner) -> list[FileSystem]:
    """Return all file systems with what makes zone BEs of them, in one command for any number of zones."""
    return [FileSystem(*row) for row in _rows(runner.probe(LIST_LAYOUT).stdout, 4, " ".join(LIST_LAYOUT))]


def be_layout(runner: Runner) -> list[BeFileSystem]:
    """Return all file systems with what boot environments and zone BEs are made of."""
    found: list[BeFileSystem] = []
    for row in _rows(runner.probe(LIST_BE_LAYOUT).stdout, 8, " ".join(LIST_BE_LAYOUT)):
        name, mountpoint, parentbe, active, origin, used, mounted, uuid = row
        size = _bytes(used, f"what {name} uses")
        origin = "" if origin == "-" else origin
        found.append(BeFileSystem(name, mountpoint, parentbe, active, origin, size, mounted == "yes", uuid))
    return found


def available(runner: Runner, dataset: str) -> int:
    """Return the bytes that can still be written to a dataset: what its pool has free, or less where there is a quota.

    Raises CommandError, also if there is no such dataset.
    """
    text = runner.probe(["zfs", "list", "-H", "-p", "-o", "available", dataset]).stdout.strip()
    return _bytes(text, f"what {dataset} has free")


def _bytes(text: str, what: str) -> int:
    if not text.isdigit():
        raise CommandError(f"zfs printed as {what} a number that is not known: {text[:80]!r}; please report.")
    return int(text)


def list_zone_bes(root_dataset: str) -> list[str]:
    """The command that `zone_bes` runs."""
    columns = f"name,{PARENTBE},{ACTIVE}"
    return ["zfs", "list", "-H", "-r", "-t", "filesystem", "-o", columns, root_dataset]


def zone_bes(runner: Runner, root_dataset: str) -> list[ZoneBe]:
    """Return the datasets right below `root_dataset` (DS/ROOT) with their libbe properties."""
    argv = list_zone_bes(root_dataset)
    rows = _rows(runner.probe(argv).stdout, 3, " ".join(argv))
    prefix = root_dataset + "/"
    return [ZoneBe(*row) for row in rows if row[0].startswith(prefix) and "/" not in row[0][len(prefix) :]]


def get_properties(datasets: Sequence[str]) -> list[str]:
    """The command that `properties` runs."""
    return ["zfs", "get", "-H", "-o", "name,property,value,source", ",".join(HOOK_PROPERTIES), *datasets]


def properties(runner: Runner, datasets: Sequence[str]) -> Properties:
    """Return the properties that brand hooks set, with their sources, of each dataset."""
    argv = get_properties(datasets)
    found: Properties = {}
    for name, prop, value, source in _rows(runner.probe(argv).stdout, 4, " ".join(argv)):
        found.setdefault(name, {})[prop] = Property(value, source)
    for dataset in datasets:
        if set(HOOK_PROPERTIES) - set(found.get(dataset, {})):
            raise CommandError(f"`{' '.join(argv)}` did not show all properties of {dataset}.")
    return found


def guid(runner: Runner, dataset: str) -> str:
    """Return the guid of a dataset."""
    return runner.probe(["zfs", "get", "-H", "-o", "value", "guid", dataset]).stdout.strip()


def list_snapshots(*datasets: str) -> list[str]:
    """The command that `snapshots` runs."""
    return ["zfs", "list", "-H", "-t", "snapshot", "-o", "name", "-r", *datasets]


def snapshots(runner: Runner, *datasets: str) -> list[str]:
    """Return the snapshots of the datasets and all below them; those of one are in order of creation (zfs_iter)."""
    return [line for line in runner.probe(list_snapshots(*datasets)).stdout.splitlines() if "@" in line]


def parse_holds(text: str) -> list[str]:
    """Return the names of the held snapshots from `zfs holds`: a header, then name, tag, time."""
    return [line.split()[0] for line in text.splitlines() if "@" in line]


def held(runner: Runner, names: Sequence[str]) -> list[str]:
    """Return those of the snapshots that have a hold."""
    found = parse_holds(runner.probe(["zfs", "holds", *names]).stdout)
    return [name for name in names if name in found]


def parse_mounts(text: str, warn: Callable[[str], None]) -> list[Mount]:
    """Parse `mount -p`; a line of another form is warned of."""
    mounts: list[Mount] = []
    for line in text.splitlines():
        match = _MOUNT_LINE.fullmatch(line.strip())
        if match:
            mounts.append(Mount(match["special"], match["mountpoint"], match["fstype"]))
        elif line.strip():
            warn(f"`mount -p` printed a line that is not known: {line[:200]!r}; please report.")
    return mounts


def mounts(runner: Runner) -> list[Mount]:
    """Return what is mounted, in order of mounting."""
    return parse_mounts(runner.probe(LIST_MOUNTS).stdout, runner.warn)


def snapshot(name: str) -> list[str]:
    """Snapshot of one dataset."""
    return ["zfs", "snapshot", name]


def destroy(name: str) -> list[str]:
    """Destroy one dataset or snapshot. Never with -r or -R: what hangs on it must make this fail."""
    return ["zfs", "destroy", name]


def rollback(name: str, newer_too: bool = False) -> list[str]:
    """Roll one dataset back; `newer_too` destroys newer snapshots, never clones."""
    return ["zfs", "rollback", "-r", name] if newer_too else ["zfs", "rollback", name]


def clone(snapshot_name: str, target: str) -> list[str]:
    """Clone a snapshot so that nothing mounts it by itself."""
    return ["zfs", "clone", "-o", "canmount=noauto", "-o", "mountpoint=legacy", snapshot_name, target]


def set_property(dataset: str, name: str, value: str) -> list[str]:
    """Set a property."""
    return ["zfs", "set", f"{name}={value}", dataset]


def inherit(dataset: str, name: str) -> list[str]:
    """Let a property be inherited."""
    return ["zfs", "inherit", name, dataset]


def revert(dataset: str, name: str) -> list[str]:
    """Give a property the value again that came with `zfs receive`."""
    return ["zfs", "inherit", "-S", name, dataset]


def mount(dataset: str, path: str, options: str = "") -> list[str]:
    """Mount a dataset with mountpoint=legacy on `path`."""
    return ["mount", "-F", "zfs"] + (["-o", options] if options else []) + [dataset, path]


def umount(path: str) -> list[str]:
    """Unmount what is on `path`."""
    return ["umount", path]
