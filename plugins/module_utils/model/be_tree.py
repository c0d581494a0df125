# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A boot environment with all that goes when it is destroyed: its datasets, and the zone BEs that bear its uuid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .be import BootEnvironment
from .dataset import BeFileSystem, active_zone_bes, zone_bes_at
from .zone import Zone

# Their roots are not cloned with a boot environment, whatever datasets they are (beaware=0 in zadm).
_WITHOUT_ZONE_BES = ("lx", "bhyve", "kvm", "emu")


@dataclass(frozen=True)
class OwnZoneBe:
    """A zone BE of a boot environment; `zone` is None if no zone of the running one has its zonepath there."""

    zone: str | None
    file_system: BeFileSystem

    @property
    def active(self) -> bool:
        """True for the one that the zone boots with."""
        return self.file_system.active == "on"


@dataclass(frozen=True)
class BeTree:
    """A boot environment, its root dataset (None if ZFS shows none) and what hangs on it.

    `below` are the datasets below the root dataset and below the zone BEs (overlays of sparse zones).
    """

    be: BootEnvironment
    root: BeFileSystem | None
    zone_bes: tuple[OwnZoneBe, ...]
    below: tuple[BeFileSystem, ...]

    @property
    def datasets(self) -> tuple[BeFileSystem, ...]:
        """All that is destroyed with it."""
        root = () if self.root is None else (self.root,)
        return (*root, *(zone_be.file_system for zone_be in self.zone_bes), *self.below)

    @property
    def space(self) -> int:
        """Bytes that it uses with its zone BEs. What clones share with it is not freed when it is destroyed."""
        return self.be.space + sum(zone_be.file_system.used for zone_be in self.zone_bes)

    @property
    def zones(self) -> list[str]:
        """The names of the zones that have an active zone BE in it."""
        return sorted({zone_be.zone for zone_be in self.zone_bes if zone_be.zone and zone_be.active})


def trees(bes: Sequence[BootEnvironment], file_systems: Sequence[BeFileSystem], zones: Sequence[Zone]) -> list[BeTree]:
    """Return a tree for each boot environment, in their order."""
    zonepaths = {zone.zonepath.rstrip("/"): zone for zone in zones}
    zone_of: dict[str, str | None] = {}
    for f in file_systems:
        zone = zonepaths.get(f.mountpoint)
        if zone is None or zone.brand not in _WITHOUT_ZONE_BES:
            zone_of[f"{f.name}/ROOT"] = zone.name if zone else None
    return [_tree(be, file_systems, zone_of) for be in bes]


def _tree(be: BootEnvironment, file_systems: Sequence[BeFileSystem], zone_of: dict[str, str | None]) -> BeTree:
    # POOL/ROOT/NAME (be_make_root_ds in libbe); the uuid tells pools apart that both have one of that name
    roots = [
        f
        for f in file_systems
        if f.name.split("/")[1:] == ["ROOT", be.name] and (f.uuid == be.uuid if be.uuid else f.uuid == "-")
    ]
    zone_bes = [
        OwnZoneBe(zone_of[container], f)
        for f in file_systems
        for container in [f.name.rpartition("/")[0]]
        # the property is inherited by what lies below a zone BE
        if be.uuid and f.parentbe == be.uuid and container.endswith("/ROOT") and container in zone_of
    ]
    tops = tuple(f.name + "/" for f in [*roots, *(zone_be.file_system for zone_be in zone_bes)])
    return BeTree(
        be=be,
        root=roots[0] if roots else None,
        zone_bes=tuple(zone_bes),
        below=tuple(f for f in file_systems if f.name.startswith(tops)),
    )


def made_from(tree: BeTree, file_systems: Sequence[BeFileSystem]) -> list[str]:
    """Return the datasets outside of a boot environment that are clones of its snapshots."""
    own = {f.name for f in tree.datasets}
    return [f.name for f in file_systems if f.origin.partition("@")[0] in own and f.name not in own]


def zones_without_root(tree: BeTree, zones: Sequence[Zone], file_systems: Sequence[BeFileSystem]) -> dict[str, int]:
    """Return zone -> number of active zone BEs, where it is not one, of installed zones that have zone BEs at all.

    Such a zone cannot boot there: its brand finds no root for it, or two.
    """
    counts = {}
    for zone in zones:
        all_of_it = [z for z in zone_bes_at(zone.zonepath.rstrip("/"), file_systems) if z.parentbe != "-"]
        if zone.has_image and zone.brand not in _WITHOUT_ZONE_BES and all_of_it:
            counts[zone.name] = len(active_zone_bes(all_of_it, tree.be.uuid)) if tree.be.uuid else 0
    return {name: count for name, count in counts.items() if count != 1}
