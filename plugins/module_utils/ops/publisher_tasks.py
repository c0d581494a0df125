# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to become of the publishers of each image, and in which order; what would break pkg's rule is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from ..model.finding import refuse
from ..model.image import ImageView
from ..model.publisher import PositionFault, Publisher, counting, position_fault, told
from ..model.publisher_plan import Edit, Wanted, brought, declared, edit
from .survey import Survey, ZoneSurvey, not_listed
from .wanted_publishers import Wishes

GLOBAL = "global"
_CERTIFICATES = ("ssl_key", "ssl_cert")


@dataclass(frozen=True)
class Task:
    """One image: `now` and `target` are its publishers in search order.

    `bound`: pkg's rule is enforced in it; `stored` are the global zone's publishers that it was told at its last sync.
    """

    zone: str
    root: str
    linked: bool
    bound: bool
    now: tuple[Publisher, ...]
    target: tuple[Publisher, ...]
    stored: Sequence[tuple[str, bool]] | None
    fault: PositionFault | None

    @property
    def edit(self) -> Edit:
        """What is left to be done, false if nothing."""
        return edit(self.now, self.target)

    @property
    def name(self) -> str:
        """The image as people call it."""
        return "the global zone" if self.zone == GLOBAL else f"zone {self.zone}"

    def breaks(self, parent: Sequence[Publisher], publishers: Sequence[Publisher]) -> PositionFault | None:
        """Return where the image would break the rule with `publishers` below a global zone with `parent`."""
        return position_fault(told(parent, self.stored), publishers) if self.bound else None


def plan(seen: Survey, asked: Wishes, names: Sequence[str] | None) -> list[Task]:
    """Return what is to become of each image, the global zone's first. Raises Refusal where the rule would break."""
    _check_names(seen, asked, names)
    now = seen.parent.publishers
    target = now if asked.publishers is None else declared(now, asked.publishers, asked.remove_unlisted)
    _check_origins("the global zone", now, asked.publishers or ())
    parent = Task(GLOBAL, "/", False, False, now, tuple(target), None, None)
    tasks: list[Task] = [parent]
    for zone in seen.zones:
        name = zone.zone.name
        chosen = names is None or name in names
        if not zone.standing.linked:
            if name in asked.zones:
                tasks.append(_unlinked(zone, _readable(zone), asked))
            elif names is not None and chosen:
                raise refuse(
                    "not-linked",
                    f"Zone {name} has no part in the global zone's publishers: {zone.standing.reason}",
                    "Leave it out of `zones`, or say in `zone_publishers` what it is to have.",
                )
        elif chosen:
            view = _readable(zone)
            tasks.append(linked(now, target, zone, view, asked))
            _check_certificates(parent, tasks[-1])
        elif zone.view is not None:
            _check_left_out(parent, linked(now, target, zone, zone.view, asked))
    return tasks


def zones_first(parent: Task, zones: Sequence[Task]) -> bool:
    """Tell whether the zones are to come before the global zone.

    False only where they would break the rule meanwhile, and would not if the global zone came first: it loses its
    last publishers.
    """
    broken_meanwhile = any(task.breaks(parent.now, task.target) for task in zones if not task.fault)
    broken_otherwise = any(task.breaks(parent.target, task.now) for task in zones if not task.fault)
    return broken_otherwise or not broken_meanwhile


def linked(
    parent_now: Sequence[Publisher], parent: Sequence[Publisher], zone: ZoneSurvey, view: ImageView, asked: Wishes
) -> Task:
    """Return what is to become of a linked zone where the global zone comes to have `parent`."""
    if view.use_system_repo:
        return _unlinked(zone, view, asked)
    name = zone.zone.name
    own = asked.zones.get(name, ())
    stored = view.parent_publishers
    gone: set[str] = set()
    if asked.remove_unlisted:
        # what the global zone gave it, and has no more
        gone = {publisher.name for publisher in parent_now}.union(pair[0] for pair in stored or ())
        if name in asked.zones:
            gone |= {publisher.name for publisher in view.publishers}
        gone -= {publisher.name for publisher in parent} | {wish.name for wish in own}
    target = brought(parent, view.publishers, stored, own, gone)
    _check_origins(f"zone {name}", (*view.publishers, *counting(parent)), own)
    fault = position_fault(told(parent, stored), target)
    if fault:
        raise refuse(
            "breaks-rule",
            f"`zone_publishers` for zone {name} would break pkg's rule that a zone's publishers begin with the global "
            f"zone's: {fault.sentence}",
            f"Leave `sticky`, `enabled` and the property nochild of publisher {fault.expected} to the global zone.",
        )
    now_fault = position_fault(told(parent_now, stored), view.publishers)
    return Task(name, zone.root, True, True, view.publishers, tuple(target), stored, now_fault)


def _unlinked(zone: ZoneSurvey, view: ImageView, asked: Wishes) -> Task:
    """Return what is to become of a zone in which pkg does not enforce the rule (or that has a system repository)."""
    own = asked.zones.get(zone.zone.name)
    target = view.publishers if own is None else declared(view.publishers, own, asked.remove_unlisted)
    _check_origins(f"zone {zone.zone.name}", view.publishers, own or ())
    return Task(zone.zone.name, zone.root, zone.standing.linked, False, view.publishers, tuple(target), None, None)


def _readable(zone: ZoneSurvey) -> ImageView:
    if zone.view is None:
        raise refuse(
            "image-missing" if zone.missing else "image-unreadable",
            f"The image of zone {zone.zone.name} cannot be read: {zone.trouble}",
            f"`pkg -R {zone.root} list` must work; or leave the zone out by `zones`.",
        )
    for publisher in zone.view.publishers:
        texts = (*publisher.origins, *publisher.mirrors, *(value for _key, value in publisher.settings))
        if any("\0" in text for text in texts):
            raise refuse(
                "image-unreadable",
                f"Publisher {publisher.name} of zone {zone.zone.name} has a URI that no command can name.",
                f"Mend var/pkg/pkg5.image in {zone.root}; or leave the zone out by `zones`.",
            )
    return zone.view


def _check_names(seen: Survey, asked: Wishes, names: Sequence[str] | None) -> None:
    listed = [zone.name for zone in seen.listed]
    for name in (*(names or ()), *asked.zones):
        if name not in listed:
            raise not_listed(name)
    for name in asked.zones:
        if names is not None and name not in names:
            raise refuse(
                "bad-zone", f"Zone {name} is in `zone_publishers`, but not in `zones`.", "Name it in both or in none."
            )


def _check_origins(where: str, there: Sequence[Publisher], wanted: Sequence[Wanted]) -> None:
    known = [publisher.name for publisher in there]
    for one in wanted:
        if one.name not in known and one.origins is None:
            raise refuse(
                "no-origin",
                f"Publisher {one.name} is not there in {where}, and no origin is declared for it.",
                "Say in `origins` where its repository is.",
            )


def _check_certificates(parent: Task, task: Task) -> None:
    """See that no zone is to be given an origin that needs a client certificate, which pkg keeps in each image."""
    secured = {one.name for one in parent.target if any(dict(one.settings).get(key) for key in _CERTIFICATES)}
    own = {one.name for one in task.now if any(dict(one.settings).get(key) for key in _CERTIFICATES)}
    for change in task.edit.changes:
        if change.add_origins and change.name in secured - own:
            raise refuse(
                "client-certificate",
                f"Publisher {change.name} is reached with a client certificate in the global zone, and zone "
                f"{task.zone} has none for it.",
                f"Give it to the zone once: `pkg -R {task.root} set-publisher -k KEY -c CERTIFICATE "
                f"{' '.join(f'-g {uri}' for uri in change.add_origins)} {change.name}`, then run again.",
            )


def _check_left_out(parent: Task, task: Task) -> None:
    fault = task.breaks(parent.target, task.now)
    if fault and not task.fault:
        raise refuse(
            "zone-left-out",
            f"Zone {task.zone} is linked, but not in `zones`, and with what the global zone is to have every pkg "
            f"operation there would fail on it. {fault.sentence}",
            "Leave `zones` away, or name it, too.",
        )
