# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zlogin(1)."""

from __future__ import annotations


def command(zone: str, line: str) -> list[str]:
    """Run a line of shell in a zone as root. One argument: zlogin hands it on as it is, several it would join."""
    return ["zlogin", zone, line]
