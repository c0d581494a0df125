# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An update of a global zone with its zones: what is asked for, what pkg plans, and how each image came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from .plan import Plan

# How an image came out.
UPDATED = "updated"
UNCHANGED = "unchanged"
PARTLY = "partly"
FAILED = "failed"
STAGED = "staged"
EXCLUDED_BUT_SYNCED = "excluded-but-synced"
NOT_LINKED = "not-linked"

# Where the update takes place.
ALL = "all"
ZONES = "zones"


@dataclass(frozen=True)
class Request:
    """What is asked for; the fields are the options of the module of the same names. `zones` None: all."""

    packages: tuple[str, ...] = ()
    recurse: bool = True
    zones: tuple[str, ...] | None = None
    exclude_zones: tuple[str, ...] = ()
    scope: str = ALL
    concurrency: int | None = None
    be_name: str | None = None
    new_be: str = "auto"
    activate: str = "always"
    backup_be: str = "auto"
    keep_failed_be: bool = False
    accept_licenses: bool = False
    refresh: bool = True
    allow_stale_catalogs: bool = False
    skip_pkg_check: bool = False
    reject: tuple[str, ...] = ()
    hold: Mapping[str, tuple[str, ...]] | None = None
    fail_on_remove: tuple[str, ...] = ()
    publisher_check: bool = True
    lock_timeout: float = 600


@dataclass(frozen=True)
class ImagePlan:
    """What pkg plans for one image; `zone` is None for the global zone's.

    A linked image that is not a zone's keeps the name that pkg gives it (system:NAME); no zone's name has a colon.
    Space in bytes that the image needs and has, None if pkg does not say.
    """

    zone: str | None
    plan: Plan
    space_required: int | None = None
    space_available: int | None = None

    @property
    def name(self) -> str:
        """The zone's name, or "global"."""
        return self.zone or "global"


@dataclass(frozen=True)
class UpdatePlan:
    """pkg's plan for all images, the global zone's first, then by zone name.

    `new_be`: a boot environment will be made, and named `be_name` if pkg was told a name; `activate`: it is booted
    next; `backup_be`: the running one is cloned first. Space in bytes, of the global zone's image alone, None if pkg
    does not say.
    """

    images: tuple[ImagePlan, ...]
    new_be: bool = False
    be_name: str | None = None
    activate: bool = True
    backup_be: bool = False
    backup_be_name: str | None = None
    space_required: int | None = None
    space_available: int | None = None
    release_notes: tuple[str, ...] = ()

    @property
    def nothing_to_do(self) -> bool:
        """True if nothing changes in any image."""
        return all(image.plan.nothing_to_do for image in self.images)

    def of(self, zone: str | None) -> Plan:
        """Return the plan of one image; one that pkg leaves out has nothing to do."""
        return next((image.plan for image in self.images if image.zone == zone), Plan())

    def as_result(self, roots: Mapping[str | None, str]) -> dict[str, Any]:
        """Return `{images: [plan entries]}`; `roots` maps zone (None: global) to the path of its image."""
        return {"images": [one.plan.as_entry(roots.get(one.zone, ""), one.zone) for one in self.images]}
