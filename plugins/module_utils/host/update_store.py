# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update writes down: the journal of one that has begun, and the boot environment that one has made.

/var/lib is inside the boot environment: what stands there when pkg clones it stands in the clone, too.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Iterator, Mapping, Sequence

from ..model.finding import refuse
from ..model.fmri import Fmri
from ..model.plan import Plan
from ..model.update import ImagePlan, UpdatePlan
from . import durable

DIRECTORY = f"{durable.DIRECTORY}/update"
FORMAT = 1


@dataclass(frozen=True)
class UpdateJournal:
    """An update that was about to begin, or has.

    `be_uuid` and `be_name` are the boot environment that was running, `bes` what identified those there were.
    `images` is the plan: (zone, {add, change, remove} as FMRIs). `activate` and `keep_failed_be` are the options,
    `be_names` is a pattern for the names that pkg may give a new boot environment, `backup_be_name` None if it was to
    choose that itself. `holds` is what was about to be frozen for the update, zone -> stems.
    """

    be_uuid: str
    be_name: str
    bes: Sequence[str]
    images: Sequence[tuple[str | None, Mapping[str, Any]]]
    new_be: bool
    be_names: str
    backup_be: bool
    backup_be_name: str | None
    activate: str
    keep_failed_be: bool
    unselected: Sequence[str]
    holds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    version: int = FORMAT

    def plan(self) -> UpdatePlan:
        """Return the plan. Raises ValueError."""
        return UpdatePlan(
            images=tuple(ImagePlan(zone, _plan(entry)) for zone, entry in self.images),
            new_be=self.new_be,
            activate=self.activate != "never",
            backup_be=self.backup_be,
            backup_be_name=self.backup_be_name,
        )


@dataclass(frozen=True)
class Made:
    """A boot environment that an update has made; `images` is what the result said of each image."""

    uuid: str
    name: str
    activate: str
    images: Sequence[Mapping[str, Any]]
    version: int = FORMAT


def planned(plan: UpdatePlan) -> list[tuple[str | None, dict[str, Any]]]:
    """Return the form that a journal has of a plan."""
    return [(image.zone, _entry(image.plan)) for image in plan.images]


def _entry(plan: Plan) -> dict[str, Any]:
    return {
        "add": [str(fmri) for fmri in plan.add],
        "change": [[str(old), str(new)] for old, new in plan.change],
        "remove": [str(fmri) for fmri in plan.remove],
    }


def _plan(entry: Mapping[str, Any]) -> Plan:
    return Plan(
        add=tuple(Fmri.parse(text) for text in entry["add"]),
        change=tuple((Fmri.parse(old), Fmri.parse(new)) for old, new in entry["change"]),
        remove=tuple(Fmri.parse(text) for text in entry["remove"]),
    )


class UpdateStore:
    """The files of updates on this host."""

    def __init__(self, directory: str = DIRECTORY) -> None:
        self.journal_path = os.path.join(directory, "journal.json")
        self.made_path = os.path.join(directory, "made.json")
        self.lock_path = os.path.join(directory, "lock")
        self.mountpoint = os.path.join(directory, "be")

    @contextlib.contextmanager
    def lock(self, timeout: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> Iterator[None]:
        """Hold the lock on updates. Raises Refusal if another run holds it for longer than `timeout` seconds."""
        try:
            with durable.lock(self.lock_path, timeout, clock, sleep):
                yield
        except durable.Held:
            raise refuse(
                "locked",
                f"Another update is at work on this host (it holds {self.lock_path}) and has not ended within "
                f"{timeout:g} seconds.",
                "Wait for it to end, or give a longer lock_timeout.",
            ) from None

    def load(self) -> UpdateJournal | None:
        """Return the journal, None if there is none. Raises Refusal if it cannot be understood."""
        try:
            data = self._read(self.journal_path)
            if data is None:
                return None
            data["images"] = [(zone, dict(entry)) for zone, entry in data["images"]]
            journal = UpdateJournal(**data)
            journal.plan()
            return journal
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise refuse(
                "journal-unreadable",
                f"The journal of an unfinished update, {self.journal_path}, cannot be understood ({exc}).",
                "See by `beadm list` whether it has left a boot environment, destroy that, then remove the file.",
            ) from None

    def save(self, journal: UpdateJournal) -> None:
        """Write the journal; when this returns it survives a power loss."""
        self._write(self.journal_path, asdict(journal))

    def remove(self) -> None:
        """Remove the journal durably; it need not be there."""
        durable.remove(self.journal_path)

    def made(self) -> Made | None:
        """Return the boot environment that was made last, None if none is known. Raises Refusal."""
        try:
            data = self._read(self.made_path)
            return None if data is None else Made(**data)
        except (OSError, ValueError, TypeError) as exc:
            raise refuse(
                "journal-unreadable",
                f"{self.made_path} names the boot environment that an update made, and cannot be understood ({exc}).",
                "See by `beadm list` which one that is and whether it is to be booted, then remove the file.",
            ) from None

    def save_made(self, made: Made) -> None:
        """Remember the boot environment that was made."""
        self._write(self.made_path, asdict(made))

    def forget_made(self) -> None:
        """Forget it durably; it need not be known."""
        durable.remove(self.made_path)

    def clear_mountpoint(self) -> None:
        """Remove the directory that a boot environment was mounted on; it need not be there."""
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(self.mountpoint)

    @staticmethod
    def _write(path: str, data: Mapping[str, Any]) -> None:
        durable.write(path, json.dumps(data, indent=1, sort_keys=True) + "\n")

    @staticmethod
    def _read(path: str) -> dict[str, Any] | None:
        text = durable.read(path)
        if text is None:
            return None
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("version") != FORMAT:
            raise ValueError("it is not of this format")
        return data
