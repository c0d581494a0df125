# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boot environments may go, in which order, and why each of the others stays. Pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Sequence

from ..model.be_tree import BeTree, made_from
from ..model.dataset import BeFileSystem

NEWEST = "newest"
ACTIVE_NOW = "active-now"
ACTIVE_ON_REBOOT = "active-on-reboot"
ACTIVE_ONCE = "active-once"
PROTECTED = "protected"
MOUNTED = "mounted"
SNAPSHOTS = "snapshots"
HELD = "held"
ORIGIN = "origin"


@dataclass(frozen=True)
class Reason:
    """Why one stays: a fixed word, the rest of a sentence that begins with its name, and what to do about it."""

    word: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Kept:
    """A boot environment that retention looked at and leaves."""

    name: str
    reasons: tuple[Reason, ...]

    def as_result(self) -> dict[str, Any]:
        """Return the form that the module hands back."""
        told = "; ".join(reason.text for reason in self.reasons)
        return {
            "name": self.name,
            "reasons": [reason.word for reason in self.reasons],
            "message": f"{self.name} stays: {told}.",
        }


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of boot environments that may go, and those of them that are held."""

    names: tuple[str, ...]
    held: tuple[str, ...] = ()

    def without_clones(self, tree: BeTree, file_systems: Sequence[BeFileSystem]) -> list[str]:
        """Return the snapshots of a boot environment that nothing was made from: beadm destroys the others by itself.

        It hands those that something is made from over to that, and destroys its own origin (_be_destroy in libbe).
        """
        origins = {f.origin for f in file_systems}
        return [name for name in self._of(tree) if name not in origins]

    def held_of(self, tree: BeTree) -> list[str]:
        """Return the snapshots of a boot environment that `zfs hold` keeps."""
        return [name for name in self._of(tree) if name in self.held]

    def _of(self, tree: BeTree) -> list[str]:
        own = {f.name for f in tree.datasets}
        return [name for name in self.names if name.partition("@")[0] in own]


def in_use(tree: BeTree, protect: Sequence[str]) -> list[Reason]:
    """Return why a boot environment must stay whatever anybody asks for."""
    be = tree.be
    reasons: list[Reason] = []
    if be.active_now:
        reasons.append(Reason(ACTIVE_NOW, "it is the running one", "Boot another one, then run again."))
    if be.active_on_reboot:
        remedy = "Activate another one (`beadm activate NAME`), then run again."
        reasons.append(Reason(ACTIVE_ON_REBOOT, "the next boot brings it", remedy))
    if be.active_once:
        remedy = f"`beadm activate -T {be.name}`, then run again."
        reasons.append(Reason(ACTIVE_ONCE, "the next boot brings it, once", remedy))
    by = [pattern for pattern in protect if fnmatchcase(be.name, pattern)]
    if by:
        reasons.append(Reason(PROTECTED, f"`protect` names it ({by[0]})", "Take it out of `protect`."))
    if be.mountpoint and not be.active_now:
        remedy = f"`beadm unmount {be.name}`, then run again."
        reasons.append(Reason(MOUNTED, f"it is mounted on {be.mountpoint}", remedy))
    elif not be.active_now:
        mounted = [z.file_system.name for z in tree.zone_bes if z.file_system.mounted]
        if mounted:
            remedy = "Unmount it (`mount -p` says where it is), then run again."
            reasons.append(Reason(MOUNTED, f"its zone BE {mounted[0]} is mounted", remedy))
    return reasons


def candidates(trees: Sequence[BeTree], keep: int | None, match: str | None, protect: Sequence[str]) -> list[BeTree]:
    """Return those that match, but for the `keep` newest and those in use; none without `keep`."""
    if keep is None or match is None:
        return []
    newest = _newest(trees, keep, match)
    return [t for t in _matching(trees, match) if t.be.name not in newest and not in_use(t, protect)]


def retain(
    trees: Sequence[BeTree],
    file_systems: Sequence[BeFileSystem],
    snapshots: Snapshots,
    keep: int,
    match: str,
    protect: Sequence[str],
    destroy_snapshots: bool,
) -> tuple[list[BeTree], list[Kept]]:
    """Return those that go, in the order in which they can, and those that match and stay."""
    newest = _newest(trees, keep, match)
    reasons: dict[str, list[Reason]] = {}
    for tree in _matching(trees, match):
        found = [Reason(NEWEST, f"it is one of the {keep} newest")] if tree.be.name in newest else []
        found += in_use(tree, protect)
        if not found:
            found = _snapshot_reasons(tree, file_systems, snapshots, destroy_snapshots)
        if found:
            reasons[tree.be.name] = found
    going = [tree for tree in _matching(trees, match) if tree.be.name not in reasons]
    while True:
        # what is the origin of one that stays must stay as well, and so on
        leaving = {f.name for tree in going for f in tree.datasets}
        made = {t.be.name: [name for name in made_from(t, file_systems) if name not in leaving] for t in going}
        origins = {name: others for name, others in made.items() if others}
        if not origins:
            break
        for name, others in origins.items():
            reasons[name] = [Reason(ORIGIN, f"{', '.join(others)} was made from it")]
        going = [tree for tree in going if tree.be.name not in origins]
    kept = [Kept(t.be.name, tuple(reasons[t.be.name])) for t in _matching(trees, match) if t.be.name in reasons]
    return _clones_first(going, file_systems), kept


def _matching(trees: Sequence[BeTree], match: str) -> list[BeTree]:
    return [tree for tree in trees if fnmatchcase(tree.be.name, match)]


def _newest(trees: Sequence[BeTree], keep: int, match: str) -> set[str]:
    by_age = sorted(_matching(trees, match), key=lambda tree: tree.be.created, reverse=True)
    return {tree.be.name for tree in by_age[:keep]}


def _snapshot_reasons(
    tree: BeTree, file_systems: Sequence[BeFileSystem], snapshots: Snapshots, destroy_snapshots: bool
) -> list[Reason]:
    unsaved = snapshots.without_clones(tree, file_systems)
    held = snapshots.held_of(tree)
    if unsaved and not destroy_snapshots:
        return [Reason(SNAPSHOTS, f"it has snapshots ({unsaved[0]}) and `destroy_snapshots` is not set")]
    return [Reason(HELD, f"its snapshot {held[0]} is held")] if held else []


def _clones_first(going: Sequence[BeTree], file_systems: Sequence[BeFileSystem]) -> list[BeTree]:
    """Order them so that what was made from another goes before it: beadm refuses one whose root has snapshots."""
    waiting = list(going)
    ordered: list[BeTree] = []
    while waiting:
        roots = {tree.root.name for tree in waiting if tree.root}
        # root datasets are a forest, so there is always one that nothing was made from
        free = next(tree for tree in waiting if tree.root is None or not roots & set(_clones(tree.root, file_systems)))
        ordered.append(free)
        waiting.remove(free)
    return ordered


def _clones(root: BeFileSystem, file_systems: Sequence[BeFileSystem]) -> list[str]:
    return [f.name for f in file_systems if f.origin.partition("@")[0] == root.name]
