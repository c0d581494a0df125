# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot environments as `beadm list -H` shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Sequence

from .finding import refuse

# What ZFS takes in one part of a dataset's name, without the blank; the 64 are libbe's own.
_NAME = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]{0,63}")


@dataclass(frozen=True)
class BootEnvironment:
    """One line of `beadm list -H`.

    `active` is the raw flag field (N now, R on reboot, T once), `mountpoint` is empty where it is not mounted, `space`
    is in bytes and counts the snapshots of its datasets but not its zone BEs, `created` is seconds since the epoch.
    """

    name: str
    uuid: str
    active: str
    mountpoint: str
    space: int
    policy: str
    created: int

    @property
    def active_now(self) -> bool:
        """True for the running boot environment."""
        return "N" in self.active

    @property
    def active_on_reboot(self) -> bool:
        """True for the boot environment that is booted next, and from then on."""
        return "R" in self.active

    @property
    def active_once(self) -> bool:
        """True for the boot environment that is booted next, and only then."""
        return "T" in self.active

    def as_result(self) -> dict[str, Any]:
        """Return what modules tell of every boot environment."""
        return {
            "name": self.name,
            "uuid": self.uuid or None,
            "active_now": self.active_now,
            "active_on_reboot": self.active_on_reboot,
            "active_once": self.active_once,
            "mountpoint": self.mountpoint or None,
        }


def running_be(bes: Sequence[BootEnvironment]) -> BootEnvironment:
    """Return the running boot environment. Raises Refusal if the list does not name exactly one with a uuid."""
    running = [be for be in bes if be.active_now and be.uuid]
    if len(running) != 1:
        raise refuse(
            "no-boot-environment",
            "`beadm list -H` does not show exactly one boot environment that is active now.",
            "Boot the host from a boot environment made by beadm.",
        )
    return running[0]


def next_boot(bes: Sequence[BootEnvironment]) -> BootEnvironment | None:
    """Return the boot environment that the next boot brings: the one activated once, else the active one."""
    once = [be for be in bes if be.active_once]
    return next(iter(once or [be for be in bes if be.active_on_reboot]), None)


def by_name(bes: Sequence[BootEnvironment], name: str) -> BootEnvironment | None:
    """Return the boot environment of that name."""
    return next((be for be in bes if be.name == name), None)


def by_uuid(bes: Sequence[BootEnvironment], uuid: str) -> BootEnvironment | None:
    """Return the boot environment of that uuid, which stays when it is renamed; none has the uuid ""."""
    return next((be for be in bes if uuid and be.uuid == uuid), None)


def is_legal_name(name: str) -> bool:
    """Tell whether beadm takes `name` for a new boot environment (be_valid_be_name in libbe; not with "-" in front)."""
    return bool(_NAME.fullmatch(name)) and name not in (".", "..")
