# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases: of the kernel that runs, and of what is installed beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .fmri import Version

KERNEL_PACKAGE = "system/kernel"
_RELEASE = re.compile(r"\br(151\d{3})([a-z]*)\b")
# An OmniOS branch begins with the release number: 0.5.11-151054.0.
_OMNIOS = range(151000, 152000)


@dataclass(frozen=True)
class Kernel:
    """`release` is that of OmniOS ("r151054"), None on others; `source` says who named `version`."""

    release: str | None
    version: str
    source: str


@dataclass(frozen=True)
class Userland:
    """The first line of etc/release ("OmniOS v11 r151054a"), and the release in it, with its weekly letters."""

    release: str | None
    version: str


def release_in(text: str) -> str | None:
    """Return the OmniOS release that a text names ("omnios-r151054-0123abcd"), None if it names none."""
    found = _RELEASE.search(text)
    return f"r{found[1]}{found[2]}" if found else None


def packaged_kernel(version: Version) -> Kernel:
    """Return the kernel that a version of KERNEL_PACKAGE holds, for an image that is not running."""
    number = version.branch[0] if version.branch else 0
    return Kernel(f"r{number}" if number in _OMNIOS else None, str(version), KERNEL_PACKAGE)
