# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What distribution the global zone runs, and which brands it has."""

from __future__ import annotations

import os
import re

_PLATFORMS = (("OmniOS", "omnios"), ("OpenIndiana", "openindiana"))
_RELEASE = re.compile(r"\br(151\d{3})")


def identify(path: str = "/etc/release") -> tuple[str | None, int | None]:
    """Return (platform as in the table of brands, OmniOS release number); None where /etc/release does not say."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read(4096)
    except OSError:
        return None, None
    platform = next((name for word, name in _PLATFORMS if word in text), None)
    release = _RELEASE.search(text)
    return platform, int(release.group(1)) if release else None


def has_brand(brand: str) -> bool:
    """Tell whether the brand's definition is there; zoneadm reads the same file (brand_open in libbrand)."""
    return os.path.exists(f"/usr/lib/brand/{brand}/config.xml")
