# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishers of an image and pkg's positional rule for children."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence

# The release in an origin's path: https://pkg.omnios.org/r151054/core, .../bloody/core.
_RELEASE_IN_PATH = re.compile(r"/(?:r151\d{3}[a-z]*|bloody)(?=/)")
# pkg allows nothing else, and a name that begins with "-" would become an option.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Publisher:
    """A publisher as an image's pkg5.image has it; `settings` holds what a switch would lose besides the URIs."""

    name: str
    origins: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    sticky: bool = True
    enabled: bool = True
    nochild: bool = False
    syspub: bool = False
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PositionFault:
    """Where the positional rule is broken; `found` is None if the child has no publisher there.

    `position` counts from 0 among those that count. `reason`: "missing" (the child does not have `expected`),
    "disabled" or "nochild" (it is so in the child), "order", or "stickiness".
    """

    position: int
    expected: str
    found: str | None
    reason: str

    @property
    def sentence(self) -> str:
        """Say where the two differ, and how."""
        found = f"the zone has {self.found}" if self.found else "the zone has none"
        what = {
            "missing": f"{found}, and no publisher {self.expected} at all",
            "disabled": f"{found}: {self.expected} is disabled in it",
            "nochild": f"{found}: {self.expected} has the property nochild in it",
            "order": found,
            "stickiness": f"{self.expected} is sticky in one of them only",
        }[self.reason]
        return f"At position {self.position} the global zone has {self.expected}; {what}."


@dataclass(frozen=True)
class LostSetting:
    """A setting of a publisher in the zone that attach replaces by the global zone's."""

    publisher: str
    what: str
    zone: str
    global_zone: str


def is_legal_name(name: str) -> bool:
    """Tell whether `name` can be that of a publisher."""
    return bool(_NAME.fullmatch(name))


def counting(publishers: Sequence[Publisher]) -> list[Publisher]:
    """Return those that pkg's publisher check looks at (linked-images.md, section 6)."""
    return [p for p in publishers if p.enabled and not p.nochild and not p.syspub]


def position_fault(parent: Sequence[Publisher], child: Sequence[Publisher]) -> PositionFault | None:
    """Return the first violation of "the child's publishers start with the parent's", None if there is none."""
    theirs = counting(child)
    for i, want in enumerate(counting(parent)):
        if i >= len(theirs) or theirs[i].name != want.name:
            return PositionFault(i, want.name, theirs[i].name if i < len(theirs) else None, _reason(want.name, child))
        if theirs[i].sticky != want.sticky:
            return PositionFault(i, want.name, theirs[i].name, "stickiness")
    return None


def told(parent: Sequence[Publisher], stored: Sequence[tuple[str, bool]] | None) -> list[Publisher]:
    """Return the parent's publishers in the order by which pkg judges a child.

    `stored` are the names and stickiness of the parent's that the child was given at its last sync. pkg hands the
    parent's down anew only if they differ otherwise than in their order (`__push_data` in linkedimage/common.py).
    """
    now = {(p.name, p.sticky): p for p in counting(parent)}
    if stored is None or sorted(stored) != sorted(now):
        return list(now.values())
    return [now[pair] for pair in stored]


def _reason(name: str, child: Sequence[Publisher]) -> str:
    there = next((p for p in child if p.name == name), None)
    if there is None:
        return "missing"
    if not there.enabled:
        return "disabled"
    return "nochild" if there.nochild else "order"


def own_publishers(parent: Sequence[Publisher], child: Sequence[Publisher]) -> list[str]:
    """Return the names of publishers that only the child has, in the child's order."""
    known = {p.name for p in parent}
    return [p.name for p in child if p.name not in known]


def repairs(parent: Sequence[Publisher], current: Sequence[str], own: Sequence[str]) -> list[tuple[str, str]]:
    """Return (predecessor, publisher) moves that put the zone's own publishers behind the parent's, in order.

    `current` is the child's search order now. Empty if nothing has to move. The moves are for
    `pkg set-publisher --search-after PREDECESSOR PUBLISHER`, to be run in this order.
    """
    order = list(current)
    moves: list[tuple[str, str]] = []

    def move(previous: str, name: str) -> None:
        order.remove(name)
        order.insert(order.index(previous) + 1, name)
        moves.append((previous, name))

    parents = [p.name for p in parent if p.name in order]
    for previous, name in zip(parents, parents[1:]):
        if order.index(name) < order.index(previous):
            move(previous, name)
    behind = parents[-1:]
    for name in [name for name in own if name in order]:
        if behind and order.index(name) != order.index(behind[-1]) + 1:
            move(behind[-1], name)
        behind = [name]
    return moves


def after_copy(parent: Sequence[Publisher], child: Sequence[str]) -> list[str]:
    """Return the child's search order after `pkg copy-publishers-from` (recording 17-copy-publishers-from).

    Each publisher that the parent has is removed and added at the end, but for the first in the search order,
    which pkg does not remove.
    """
    order = list(child)
    for name in (p.name for p in parent):
        if name in order:
            if order[0] == name:
                continue
            order.remove(name)
        order.append(name)
    return order


def _same_place(uris: Sequence[str]) -> list[str]:
    """Return URIs with the release left out: the repository of another release is no setting of the zone's own."""
    return sorted(_RELEASE_IN_PATH.sub("/RELEASE", uri.rstrip("/") + "/") for uri in uris)


def lost_settings(parent: Sequence[Publisher], child: Sequence[Publisher]) -> list[LostSetting]:
    """Return what the zone loses when attach gives the parent's publishers their settings in the parent."""
    theirs: dict[str, Publisher] = {p.name: p for p in parent}
    lost: list[LostSetting] = []
    for mine in child:
        other = theirs.get(mine.name)
        if other is None:
            continue
        for what, a, b in (("origins", mine.origins, other.origins), ("mirrors", mine.mirrors, other.mirrors)):
            if _same_place(a) != _same_place(b):
                lost.append(LostSetting(mine.name, what, ", ".join(a) or "none", ", ".join(b) or "none"))
        global_settings = dict(other.settings)
        zone_settings = dict(mine.settings)
        for key in sorted(set(zone_settings) | set(global_settings)):
            if zone_settings.get(key, "") != global_settings.get(key, ""):
                lost.append(
                    LostSetting(mine.name, key, zone_settings.get(key) or "none", global_settings.get(key) or "none")
                )
        if mine.enabled != other.enabled:
            lost.append(LostSetting(mine.name, "enabled", str(mine.enabled), str(other.enabled)))
        if mine.sticky != other.sticky:
            lost.append(LostSetting(mine.name, "sticky", str(mine.sticky), str(other.sticky)))
    return lost
