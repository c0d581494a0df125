# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which zones run on a host and how its services are, noted at one time and compared at another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Iterable, Mapping, Sequence

from .zone import INSTALLED, RUNNING, Zone

FORMAT = 1
ONLINE = "online"
ALL_SERVICES = "svc:/milestone/multi-user-server:default"
# States of an instance that somebody has to see to; it would be online if nothing were wrong (smf.7).
UNHEALTHY = ("maintenance", "degraded", "offline", "uninitialized")

# zone (or "global") -> FMRI -> state
Services = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Note:
    """Zones (name -> state) and services as they were. `boot` marks the boot, `be_uuid` the boot environment.

    `halted` are the zones that were shut down since, the first one first; `next_be` is the uuid of the boot environment
    that was going to be booted.
    """

    taken: str
    boot: str
    be_uuid: str
    zones: Mapping[str, str]
    services: Services
    halted: tuple[str, ...] = ()
    next_be: str = ""
    version: int = FORMAT

    def to_json(self) -> str:
        """Return the file's content."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Note:
        """Parse the file's content. Raises ValueError if it is not a note of this format."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("version") != FORMAT:
            raise ValueError("not a note of this format")
        try:
            note = cls(**{**data, "halted": tuple(data.get("halted", ()))})
        except TypeError as exc:
            raise ValueError(f"not a whole note: {exc}") from None
        maps = [note.zones, note.services, *(note.services.values() if isinstance(note.services, dict) else ())]
        if not all(isinstance(one, dict) for one in maps):
            raise ValueError("not a whole note: zones and services must be mappings")
        return note

    @property
    def running(self) -> list[str]:
        """The zones that ran."""
        return [name for name, state in self.zones.items() if state == RUNNING]


@dataclass(frozen=True)
class Fault:
    """An instance of a service that is not as it should be; `was` is None if it was not there."""

    zone: str
    fmri: str
    state: str
    was: str | None

    def __str__(self) -> str:
        where = "" if self.zone == "global" else f" in zone {self.zone}"
        before = "" if self.was is None else f" (it was {self.was})"
        return f"{self.fmri}{where} is {self.state}{before}"


def still_good(note: Note, boot: str | None, be_uuid: str) -> bool:
    """Tell whether a note is of an act that is not ended: of this boot, or cut short by the loss of the power.

    It goes into a boot environment cloned after it was taken, and is still in the old one when somebody comes back to
    that: once a boot environment was going to be booted, it holds after a reboot in no other one.
    """
    return note.boot == boot or note.next_be in ("", be_uuid)


def unhealthy(services: Services) -> list[Fault]:
    """Return the instances that somebody has to see to."""
    return [
        Fault(zone, fmri, state, None)
        for zone, instances in services.items()
        for fmri, state in instances.items()
        if state in UNHEALTHY
    ]


def worse(before: Services, now: Services) -> list[Fault]:
    """Return the instances that are worse than they were.

    One that was online is worse if it is anything else, any other only if it needs somebody now and did not before. One
    that is gone went with its package. Zones that are not in both are left out: whether they run is another question.
    """
    return [
        Fault(zone, fmri, state, before[zone].get(fmri))
        for zone in sorted(set(before) & set(now))
        for fmri, state in sorted(now[zone].items())
        if state != ONLINE and _is_worse(before[zone].get(fmri), state)
    ]


def _is_worse(was: str | None, state: str) -> bool:
    return was not in UNHEALTHY and (was == ONLINE or state in UNHEALTHY)


def silent(note: Note, now: Services) -> list[Fault]:
    """Return the zones that ran and of whose services nothing can be told now."""
    return [Fault(zone, ALL_SERVICES, "without an answer", ONLINE) for zone in note.running if zone not in now]


def to_boot(note: Note, zones: Iterable[Zone]) -> list[str]:
    """Return the zones that ran and are down now: first those that were shut down, the last one first."""
    now = {zone.name: zone.state for zone in zones}
    down = [name for name in note.running if now.get(name) == INSTALLED]
    return sorted(down, key=lambda name: -note.halted.index(name) if name in note.halted else 1)


def to_halt(note: Note, zones: Iterable[Zone]) -> list[str]:
    """Return the zones that run now and did not run; a zone that the note does not know is nobody's business."""
    return [zone.name for zone in zones if zone.state == RUNNING and note.zones.get(zone.name, RUNNING) == INSTALLED]


def missing(note: Note, zones: Sequence[Zone]) -> list[str]:
    """Return the zones that ran and neither run nor can be booted now."""
    now = {zone.name: zone.state for zone in zones}
    return [name for name in note.running if now.get(name) not in (INSTALLED, RUNNING)]
