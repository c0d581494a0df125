# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operation does to the packages of one image: the plan entry of the collection's interfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from .fmri import Fmri


@dataclass(frozen=True)
class Licence:
    """A licence that comes with a plan."""

    package: str
    name: str
    must_accept: bool


@dataclass(frozen=True)
class Plan:
    """Packages added, changed (from, to) and removed in one image; FMRIs have publisher and version.

    `affect`: packages that stay at their version, and of which files change. `settings`: facets, variants and
    mediators that change, by name.
    """

    add: tuple[Fmri, ...] = ()
    change: tuple[tuple[Fmri, Fmri], ...] = ()
    remove: tuple[Fmri, ...] = ()
    licences: tuple[Licence, ...] = ()
    affect: tuple[Fmri, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def nothing_to_do(self) -> bool:
        """True if no package and no setting of the image changes."""
        return not (self.add or self.change or self.remove or self.affect or self.settings)

    def downgrades(self) -> list[tuple[Fmri, Fmri]]:
        """Return the changes that go to an older version."""
        return [(a, b) for a, b in self.change if a.version and b.version and b.version < a.version]

    def apply(self, installed: Mapping[str, Fmri]) -> dict[str, Fmri]:
        """Return stem -> FMRI as it is after the plan; `installed` is the same before it."""
        result = dict(installed)
        for gone in self.remove:
            result.pop(gone.stem, None)
        for old, new in self.change:
            result.pop(old.stem, None)
            result[new.stem] = new
        for new in self.add:
            result[new.stem] = new
        return result

    def as_entry(self, image: str, zone: str | None) -> dict[str, Any]:
        """Return the plan entry `{image, zone, add, change, remove, licenses}`."""

        def one(fmri: Fmri) -> dict[str, str]:
            return {"name": fmri.stem, "publisher": fmri.publisher, "version": str(fmri.version or "")}

        return {
            "image": image,
            "zone": zone,
            "add": [one(f) for f in self.add],
            "change": [
                {"name": new.stem, "publisher": new.publisher, "from": str(old.version), "to": str(new.version)}
                for old, new in self.change
            ],
            "remove": [one(f) for f in self.remove],
            "licenses": [
                {"package": lic.package, "license": lic.name, "must_accept": lic.must_accept} for lic in self.licences
            ],
        }
