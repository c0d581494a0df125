# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of an unfinished switch and the lock that goes with it, below /var/lib/illumos.linked_zones."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Callable, Iterator

from ..model.dataset import Properties, Property
from ..model.finding import refuse
from . import durable
from .durable import DIRECTORY

FORMAT = 1


@dataclass(frozen=True)
class Journal:
    """What a later run must know and the host cannot tell. `phase` is the step about to be taken.

    `started_state` is the zone's state before the first run, `snapshots` are those this switch has made,
    `own_publishers` the names of publishers that only the zone has, in its order, before the first run.
    """

    zone: str
    old_brand: str
    wanted_brand: str
    started_state: str
    dataset: str
    guid: str
    be_uuid: str
    properties: Properties
    own_publishers: list[str]
    linked_metadata: bool
    service_online: bool
    phase: str = ""
    snapshots: list[str] = field(default_factory=list)
    plan: dict[str, Any] | None = None
    left_behind: list[dict[str, Any]] = field(default_factory=list)
    forced: bool = False
    attach_begun: bool = False
    has_run: bool = False
    went_back: bool = False
    version: int = FORMAT

    def at(self, phase: str, **changes: Any) -> Journal:
        """Return the journal with the step about to be taken and other changes."""
        return replace(self, phase=phase, **changes)

    def to_json(self) -> str:
        """Return the file's content."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Journal:
        """Parse the file's content. Raises ValueError if it is not a journal of this format."""
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("version") != FORMAT:
            raise ValueError("not a journal of this format")
        try:
            data["properties"] = {
                name: {key: Property(**value) for key, value in props.items()}
                for name, props in data["properties"].items()
            }
            return cls(**data)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ValueError(f"not a whole journal: {exc}") from None


class Store:
    """The journal file of one zone, written atomically and durably, mode 0600 in a directory of mode 0700."""

    def __init__(self, zone: str, directory: str = DIRECTORY) -> None:
        self.zone = zone
        self.directory = directory
        self.path = os.path.join(directory, zone + ".json")
        self.lock_path = os.path.join(directory, zone + ".lock")
        self.rehearsal_path = os.path.join(directory, zone + ".rehearsal")

    def load(self) -> Journal | None:
        """Return the journal, None if there is none. Raises Refusal if it cannot be understood."""
        try:
            text = durable.read(self.path)
            return None if text is None else Journal.from_json(text)
        except (OSError, ValueError) as exc:
            raise refuse(
                "journal-unreadable",
                f"The journal of an unfinished switch of zone {self.zone}, {self.path}, cannot be understood ({exc}).",
                "Look at the zone's state and brand (`zoneadm list -cv`), bring it to rights by hand, then remove the "
                "file.",
            ) from None

    def save(self, journal: Journal) -> None:
        """Write the journal; when this returns it survives a power loss."""
        durable.write(self.path, journal.to_json())

    def remove(self) -> None:
        """Remove the journal durably; it need not be there."""
        durable.remove(self.path)

    def rehearsal_pending(self) -> bool:
        """Tell whether a rehearsal was begun and not cleaned up."""
        return os.path.isdir(self.rehearsal_path)

    def begin_rehearsal(self) -> str:
        """Make the directory that marks a rehearsal, and return the mount point in it."""
        durable.make_directory(self.directory)
        mountpoint = os.path.join(self.rehearsal_path, "root")
        for path in (self.rehearsal_path, mountpoint):
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
        durable.sync(self.directory)
        return mountpoint

    def end_rehearsal(self) -> None:
        """Remove the mark. Raises OSError if something is still mounted there."""
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(os.path.join(self.rehearsal_path, "root"))
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(self.rehearsal_path)
            durable.sync(self.directory)

    @contextlib.contextmanager
    def lock(
        self,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[None]:
        """Hold the zone's lock. Raises Refusal if another run holds it for longer than `timeout` seconds."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(durable.lock(self.lock_path, timeout, clock, sleep))
            except durable.Held:
                raise refuse(
                    "locked",
                    f"Another run is at work on zone {self.zone} (it holds {self.lock_path}) and has not ended "
                    f"within {timeout:g} seconds.",
                    "Wait for it to end, or give a longer lock_timeout.",
                ) from None
            yield


def unfinished(directory: str = DIRECTORY) -> list[str]:
    """Return the names of zones with a journal."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(name[: -len(".json")] for name in names if name.endswith(".json"))
