"""What the kernel, ZFS and SMF of a simulated host know: plain data, kept as one JSON file.

Everything that illumos keeps in files (zone index and XML, images, logs) is a real file below the host directory and
does not stand here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Dataset:
    """A ZFS filesystem. ``local`` holds the properties set on it, native and user ones, as text."""

    name: str
    guid: str
    created: int
    content: str
    """Name of its directory in the store while it is not mounted; never changes, not even by `zfs rename`."""
    local: dict[str, str] = field(default_factory=dict)
    origin: str | None = None
    """Full name of the snapshot it is a clone of."""
    mounted: str | None = None
    """Absolute path it is mounted on now."""
    mount_options: list[str] = field(default_factory=list)
    """Options given to the mount command; they win over the properties while it lasts."""
    mount_number: int = 0
    """Order of mounting, as `mount -p` shows it."""


@dataclass
class LofsMount:
    """A loopback mount. Only its place is known: the testbed shows an empty directory there."""

    special: str
    options: list[str]
    number: int


@dataclass
class Snapshot:
    """A ZFS snapshot, ``name`` is DATASET@SNAP."""

    name: str
    guid: str
    created: int
    content: str
    local: dict[str, str] = field(default_factory=dict)
    holds: list[str] = field(default_factory=list)


@dataclass
class KernelZone:
    """A zone the kernel knows: ready, running, shutting_down, down or mounted. Absent here means halted."""

    id: int
    state: str
    brand: str = ""
    ip_type: str = "excl"


@dataclass
class Instance:
    """An SMF instance. ``polls``: so many more readings show ``offline*`` before ``state`` is reached."""

    state: str
    polls: int = 0


@dataclass
class State:
    """See the module's docstring. Keys of ``services`` are zone names (``global`` included), then FMRIs."""

    datasets: dict[str, Dataset] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    lofs: dict[str, LofsMount] = field(default_factory=dict)
    """Mount point -> loopback mount."""
    sequence: int = 0
    """Creation order and guids come from this counter."""
    current_be: str = ""
    next_be: str = ""
    once_be: str = ""
    """`beadm activate -t`: comes up at the next boot only; empty if there is none."""
    boots: int = 0
    """How often the host came up."""
    powered: bool = True
    kernel_zones: dict[str, KernelZone] = field(default_factory=dict)
    next_zone_id: int = 1
    services: dict[str, dict[str, Instance]] = field(default_factory=dict)
    vnics: list[str] = field(default_factory=list)
    zonename: str = "global"
    uname: dict[str, str] = field(default_factory=dict)
    offline: list[str] = field(default_factory=list)
    """Repository URIs that cannot be reached."""
    locks: list[str] = field(default_factory=list)
    """Image roots (absolute paths) that another pkg process has locked."""
    busy: list[str] = field(default_factory=list)
    """Paths kept open by a process of the global zone, until the host is rebooted."""
    immutable: list[str] = field(default_factory=list)
    """Directories (absolute paths) in which pkg can change no entry; another boot environment does not inherit that."""
    faults: list[dict[str, Any]] = field(default_factory=list)
    """Declared faults with their counters, see faults.py."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Declared behaviour of this host (for example how long a zone takes to shut down), see declare.py."""

    def to_json(self) -> str:
        # On one line: json's fast encoder does not indent, and a switch saves the state 150 times.
        return json.dumps(vars(self), default=vars, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> State:
        raw = json.loads(text)
        raw["datasets"] = {name: Dataset(**entry) for name, entry in raw["datasets"].items()}
        raw["snapshots"] = {name: Snapshot(**entry) for name, entry in raw["snapshots"].items()}
        raw["lofs"] = {path: LofsMount(**entry) for path, entry in raw["lofs"].items()}
        raw["kernel_zones"] = {name: KernelZone(**entry) for name, entry in raw["kernel_zones"].items()}
        raw["services"] = {
            zone: {fmri: Instance(**entry) for fmri, entry in instances.items()}
            for zone, instances in raw["services"].items()
        }
        return cls(**raw)

    def tick(self) -> int:
        """The next number of the host's creation counter."""
        self.sequence += 1
        return self.sequence
