# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of brands: which pair can be switched where, what pkg links, what carries a brand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BrandPair:
    """Two brands with the same hooks and layout; they differ only in being linked by pkg."""

    platform: str
    unlinked: str
    linked: str

    def __contains__(self, brand: object) -> bool:
        return brand in (self.unlinked, self.linked)


PAIRS = (
    BrandPair(platform="omnios", unlinked="ipkg", linked="lipkg"),
    # The other way round: there ipkg is linked, and nlipkg (not linked) is what OmniOS calls ipkg.
    BrandPair(platform="openindiana", unlinked="nlipkg", linked="ipkg"),
)

# The brands of which pkg links every zone (zone.py of pkg's linked images; on OpenIndiana its own list).
_ALWAYS_LINKED = ("solaris", "sn1", "labeled")
_LINKED = {"omnios": ("lipkg", "sparse", "pkgsrc"), "openindiana": ("ipkg",)}
# Zones of these run a kernel of their own.
VIRTUAL_MACHINES = ("bhyve", "kvm", "emu")

# Why a brand outside the pair cannot be switched, in an administrator's words.
_NOT_CONVERTIBLE = {
    "sparse": "a sparse zone takes /usr, /lib and /sbin from the global zone and has overlay datasets",
    "pkgsrc": "a pkgsrc zone is a sparse zone with overlay datasets",
    "lx": "an lx zone runs Linux",
    "illumos": "an illumos zone holds a foreign distribution",
    "bhyve": "a bhyve zone is a virtual machine",
    "kvm": "a kvm zone is a virtual machine",
    "emu": "an emu zone is a virtual machine",
}


def pair_for(platform: str | None, wanted: str) -> BrandPair | None:
    """Return the pair to which `wanted` belongs on `platform` (None: platform not known), None if there is none."""
    for pair in PAIRS:
        if wanted in pair and platform in (None, pair.platform):
            return pair
    return None


def pair_of(platform: str | None) -> BrandPair:
    """Return the platform's pair; that of OmniOS if the platform is not known."""
    return next((pair for pair in PAIRS if pair.platform == platform), PAIRS[0])


def linked_brands(platform: str | None) -> tuple[str, ...]:
    """Return the brands whose zones pkg takes for children; those of OmniOS if the platform is not known."""
    return _LINKED.get(platform or "omnios", ()) + _ALWAYS_LINKED


def package_of(brand: str) -> str:
    """Return the stem of the package that carries the brand."""
    return "system/zones/brand/" + brand


def all_pair_brands() -> tuple[str, ...]:
    """Return every brand that occurs in a pair, each once."""
    return tuple(sorted({b for p in PAIRS for b in (p.unlinked, p.linked)}))


def why_not_convertible(brand: str) -> str:
    """Return the reason why a zone of `brand` cannot take part in a switch."""
    return _NOT_CONVERTIBLE.get(brand, f"brand {brand} has another layout than ipkg")
