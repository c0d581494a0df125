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
        found = safe.files_of_mine(_ATTACH_LOGS, _prefix(self.zone))
        fresh = [path for path in found if path not in self.attach_logs]
        return max(fresh, key=lambda path: found[path], default=None)

    def texts(self) -> list[str]:
        """Return what the logs have got since."""
        path = self.attach_log()
        found = [safe.tail(path)] if path else []
        return found + [safe.tail(name, offset) for name, offset in self.zone_logs]


def _prefix(zone: str) -> str:
    return f"{zone}.attach_log."


def mark(zone: str, zonepath: str) -> Mark:
    """Note the logs before a command."""
    there = safe.files_of_mine(_ATTACH_LOGS, _prefix(zone))
    logs = [name.format(zonepath=zonepath.rstrip("/")) for name in _ZONE_LOGS]
    return Mark(zone, tuple(there), tuple((name, safe.size(name)) for name in logs))
