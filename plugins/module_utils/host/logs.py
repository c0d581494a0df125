# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logs the brand's scripts write in the global zone."""

from __future__ import annotations

from dataclasses import dataclass

from . import safe

_ATTACH_LOGS = "/var/tmp"
# detach and the like write here (sparse and boot hooks: below the zonepath).
_ZONE_LOGS = ("/tmp/zone.log", "{zonepath}/log/zone.log")


@dataclass(frozen=True)
class Mark:
    """Which logs there were, and how long, before a command."""

    zone: str
    attach_logs: tuple[str, ...]
    zone_logs: tuple[tuple[str, int], ...]

    def attach_log(self) -> str | None:
        """Return the path of the attach log written since (zoneadm prints nothing of it)."""
        return safe.newest(_ATTACH_LOGS, f"{self.zone}.attach_log.", list(self.attach_logs))[1]

    def texts(self) -> list[str]:
        """Return what the logs have got since."""
        path = self.attach_log()
        found = [safe.tail(path)] if path else []
        return found + [safe.tail(name, offset) for name, offset in self.zone_logs]


def mark(zone: str, zonepath: str) -> Mark:
    """Note the logs before a command."""
    there, _newest = safe.newest(_ATTACH_LOGS, f"{zone}.attach_log.")
    logs = [name.format(zonepath=zonepath.rstrip("/")) for name in _ZONE_LOGS]
    return Mark(zone, tuple(there), tuple((name, safe.size(name)) for name in logs))
