# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What distribution the global zone runs, and which brands it has."""

from __future__ import annotations

import os
import re

from ..model.release import Kernel, Userland, release_in
from . import safe

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


def platform(userland: Userland | None) -> str | None:
    """Return the platform as in the table of brands, None where etc/release does not say."""
    text = userland.version if userland else ""
    return next((name for word, name in _PLATFORMS if word in text), None)


def userland(root: str) -> Userland | None:
    """Return what etc/release below `root` says, None if there is no such file. Raises UnsafePath and OSError."""
    try:
        text = safe.read(root, "etc/release", 64 * 1024).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return Userland(release_in(line), line[:200])


def running_kernel() -> Kernel:
    """Return what `uname -v` would print; that of the global zone is also that of its zones."""
    version = os.uname().version
    return Kernel(release_in(version), version, "uname")


def has_brand(brand: str) -> bool:
    """Tell whether the brand's definition is there; zoneadm reads the same file (brand_open in libbrand)."""
    return os.path.exists(f"/usr/lib/brand/{brand}/config.xml")
