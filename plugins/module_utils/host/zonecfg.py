# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zonecfg(8)."""

from __future__ import annotations


def set_brand(zone: str, brand: str) -> list[str]:
    """Set the brand. Exits 0 also when refused ("already installed; set brand not allowed"): read it back."""
    return ["zonecfg", "-z", zone, "set", "brand=" + brand]
