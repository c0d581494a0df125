# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""svcs(1) for a service in a zone."""

from __future__ import annotations

from .runner import Runner

MULTI_USER_SERVER = "svc:/milestone/multi-user-server:default"


def list_state(zone: str) -> list[str]:
    """The command that `multi_user_server` runs."""
    return ["svcs", "-z", zone, "-H", "-o", "state", MULTI_USER_SERVER]


def multi_user_server(runner: Runner, zone: str) -> str:
    """Return the state of multi-user-server in a zone; "" while it cannot be told (the zone is just booting)."""
    result = runner.probe(list_state(zone), ok=(0, 1))
    return result.stdout.strip() if result.rc == 0 else ""
