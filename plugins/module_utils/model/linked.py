# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why pkg takes a zone for a child of the global zone's image, or does not (linked-images.md, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from .brand import linked_brands
from .fmri import Fmri
from .image import ImageView
from .zone import Zone

LINKED = "linked"
BRAND = "brand"
STATE = "state"
NO_ZONES_PACKAGE = "no-zones-package"
NOT_GLOBAL = "not-global"
IMAGE_MISSING = "image-missing"
IMAGE_UNREADABLE = "image-unreadable"
NEVER_SYNCED = "never-synced"

_ZONES_PACKAGES = (("system/zones",), ("SUNWzoner", "SUNWzoneu"))


@dataclass(frozen=True)
class Standing:
    """Whether pkg takes the zone for a child; `why` is a fixed word, `reason` a sentence.

    A linked zone may have a `why` that keeps pkg from working on it.
    """

    linked: bool
    why: str
    reason: str


def has_zones(installed: Mapping[str, Fmri]) -> bool:
    """Tell whether pkg looks for zones in an image with these packages."""
    return any(all(stem in installed for stem in stems) for stems in _ZONES_PACKAGES)


def by_configuration(zone: Zone, platform: str | None, parent: ImageView, configured: bool) -> Standing:
    """Return the standing that brand, state and the global zone give. `configured`: etc/zones is there."""
    if zone.brand not in linked_brands(platform):
        return Standing(False, BRAND, f"pkg does not link zones of brand {zone.brand}.")
    if not zone.has_image:
        return Standing(False, STATE, f"pkg links no zone in state {zone.state}, only installed ones.")
    if parent.variants.get("variant.opensolaris.zone") != "global":
        return Standing(False, NOT_GLOBAL, "The parent image is not that of a global zone (variant.opensolaris.zone).")
    if not configured or not has_zones(parent.installed):
        return Standing(
            False,
            NO_ZONES_PACKAGE,
            "pkg looks for zones only where system/zones is installed, and /etc/zones is there.",
        )
    return Standing(True, LINKED, f"Brand {zone.brand} and state {zone.state} make it a child of the global zone.")


def by_image(standing: Standing, zone: Zone, view: ImageView | None, missing: bool, trouble: str) -> Standing:
    """Return the standing with what was found in the zone; `view` is None where `trouble` says why."""
    if not standing.linked:
        return standing
    if view is None:
        return Standing(True, IMAGE_MISSING if missing else IMAGE_UNREADABLE, trouble)
    if view.linked_name is None:
        return Standing(
            True,
            NEVER_SYNCED,
            f"{standing.reason} The global zone has never written its linked metadata: parent dependencies are not "
            "enforced in it.",
        )
    return standing
