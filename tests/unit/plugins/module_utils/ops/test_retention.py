# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention: whatever clones of clones there are, nothing goes that something needs, and clones go first."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.be import BootEnvironment
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.be_tree import (
    BeTree,
    made_from,
    trees,
    zones_without_root,
)
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.dataset import BeFileSystem
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.zone import Zone
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.retention import Snapshots, candidates, retain

WEB01 = Zone("web01", "running", "/zones/web01", "lipkg")
CONTAINER = "rpool/zones/web01/ROOT"


@dataclass(frozen=True)
class World:
    bes: list[BootEnvironment]
    file_systems: list[BeFileSystem]
    snapshots: Snapshots

    @property
    def trees(self) -> list[BeTree]:
        return trees(self.bes, self.file_systems, [WEB01])


def root(i: int, origin: str = "") -> BeFileSystem:
    return BeFileSystem(f"rpool/ROOT/be{i}", "/", "-", "-", origin, 1, False, f"uuid{i}")


def zone_be(i: int, origin: str = "", mounted: bool = False) -> BeFileSystem:
    return BeFileSystem(f"{CONTAINER}/zbe-{i}", "legacy", f"uuid{i}", "on", origin, 10, mounted, "-")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Boot environments with one zone, whose root datasets and zone BEs are clones of each other in any order."""
    count = draw(st.integers(1, 7))
    running, coming = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
    bes, file_systems = [], [BeFileSystem("rpool/zones/web01", "/zones/web01", "-", "-", "", 0, True, "-")]
    names: list[str] = []
    orders = [draw(st.permutations(range(count))) for turn in range(2)]
    for i in range(count):
        active = ("N" if i == running else "") + ("R" if i == coming else "")
        mountpoint = "/" if i == running else draw(st.sampled_from(["", "", "", "/mnt"]))
        bes.append(BootEnvironment(f"be{i}", f"uuid{i}", active, mountpoint, 100, "static", draw(st.integers(0, 3))))
        for make, order in zip((root, zone_be), orders, strict=True):
            earlier = order[: order.index(i)]
            parent = draw(st.sampled_from([None, *earlier]))
            origin = f"{make(parent).name}@for-{i}" if parent is not None else ""
            file_systems.append(make(i, origin))
            names += [origin] if origin else []
        if draw(st.integers(0, 5)) == 0:
            names.append(f"{zone_be(i).name}@mine")
    held = tuple(name for name in names if draw(st.integers(0, 9)) == 0)
    return World(bes, file_systems, Snapshots(tuple(names), held))


@given(worlds(), st.integers(0, 4), st.sampled_from(["*", "be[0-3]", "be1"]), st.booleans(), st.booleans())
def test_nothing_goes_that_is_needed(
    world: World, keep: int, match: str, destroy_snapshots: bool, protected: bool
) -> None:
    protect = ["be2"] if protected else []
    going, kept = retain(world.trees, world.file_systems, world.snapshots, keep, match, protect, destroy_snapshots)
    matching = [be for be in world.bes if fnmatchcase(be.name, match)]
    gone = [tree.be.name for tree in going]
    assert sorted(gone + [entry.name for entry in kept]) == sorted(be.name for be in matching)
    assert all(entry.reasons for entry in kept)
    for tree in going:
        assert not tree.be.active
        assert not tree.be.mountpoint
        assert tree.be.name not in protect
        assert destroy_snapshots or f"{CONTAINER}/zbe-{tree.be.name[2:]}@mine" not in world.snapshots.names
        assert not world.snapshots.held_of(tree)
    if len(matching) >= keep:
        oldest_kept = sorted((be.created for be in matching), reverse=True)[:keep]
        assert all(tree.be.created <= min(oldest_kept) for tree in going if oldest_kept)
    # what was made from one that goes, goes as well, and its root dataset goes before
    dying = {f.name for tree in going for f in tree.datasets}
    assert all(set(made_from(tree, world.file_systems)) <= dying for tree in going)
    for later, tree in enumerate(going):
        clones = [f.name for f in world.file_systems if tree.root and f.origin.startswith(tree.root.name + "@")]
        assert set(clones) <= {earlier.root.name for earlier in going[:later] if earlier.root}
    # and nobody stays that could go
    assert {tree.be.name for tree in going} <= {t.be.name for t in candidates(world.trees, keep, match, protect)}
    # what is left is left again
    left = World([be for be in world.bes if be.name not in gone], world.file_systems, world.snapshots)
    rest = [f for f in world.file_systems if f.name not in dying]
    again, _kept = retain(left.trees, rest, world.snapshots, keep, match, protect, destroy_snapshots)
    assert again == []


def test_datasets_belong_to_their_boot_environment() -> None:
    below = [
        BeFileSystem("rpool/ROOT/be0/var", "/var", "-", "-", "", 1, False, "uuid0"),
        BeFileSystem(f"{CONTAINER}/zbe-0/svc", "legacy", "uuid0", "on", "", 1, False, "-"),
    ]
    other_pool = BeFileSystem("tank/ROOT/be0", "/", "-", "-", "", 1, False, "uuid9")
    zonepath = BeFileSystem("rpool/zones/web01", "/zones/web01", "-", "-", "", 0, True, "-")
    file_systems = [zonepath, other_pool, root(0), zone_be(0), zone_be(1), *below]
    (tree,) = trees([BootEnvironment("be0", "uuid0", "NR", "/", 100, "static", 0)], file_systems, [WEB01])
    assert tree.datasets == (root(0), zone_be(0), *below)
    assert (tree.zones, tree.space) == (["web01"], 110)


def test_zones_that_would_not_boot() -> None:
    zonepath = BeFileSystem("rpool/zones/web01", "/zones/web01", "-", "-", "", 0, True, "-")
    bes = [BootEnvironment(f"be{i}", f"uuid{i}", "", "", 0, "static", 0) for i in range(2)]
    file_systems = [zonepath, root(0), root(1), zone_be(0)]
    first, second = trees(bes, file_systems, [WEB01])
    assert zones_without_root(first, [WEB01], file_systems) == {}
    assert zones_without_root(second, [WEB01], file_systems) == {"web01": 0}
    twice = [*file_systems, BeFileSystem(f"{CONTAINER}/zbe-7", "legacy", "uuid0", "on", "", 0, False, "-")]
    assert zones_without_root(first, [WEB01], twice) == {"web01": 2}
    for zone in (Zone("web01", "configured", "/zones/web01", "lipkg"), Zone("web01", "running", "/zones/web01", "lx")):
        assert zones_without_root(second, [zone], file_systems) == {}
