# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a package image, wherever it was read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping, Sequence

from .fmri import Fmri
from .publisher import Publisher

FROM_DISK = "image"
FROM_PKG = "pkg"


@dataclass(frozen=True)
class Frozen:
    """A frozen package; `since` is a Unix time, `comment` what was said when it was frozen."""

    name: str
    version: str
    comment: str | None
    since: int


@dataclass(frozen=True)
class ImageView:
    """An image's packages, publishers (in search order) and links.

    `source` says who read the packages: FROM_DISK or FROM_PKG. `installed` maps stem to FMRI.
    `parent_dependencies` are (package, dependency) pairs that count in the image. `linked_name` is the name it has
    as a child ("zone:web01"), None if its linked metadata were never written; `parent_publishers` are the names and
    stickiness of the parent's publishers that were written with them, `parent_packages` what was installed in it.
    `frozen_by` are (package, what it incorporates) of frozen packages. `facets` are those by which it is settled what
    counts of a package that is installed next, in the order of `facet_order`.
    """

    source: str
    format: int
    installed: Mapping[str, Fmri]
    parent_dependencies: tuple[tuple[Fmri, str], ...]
    publishers: tuple[Publisher, ...]
    use_system_repo: bool
    variants: Mapping[str, str]
    frozen: tuple[Frozen, ...]
    linked_name: str | None
    parent_publishers: tuple[tuple[str, bool], ...] | None
    parent_packages: tuple[Fmri, ...] | None
    frozen_by: tuple[tuple[Fmri, Fmri], ...] = ()
    facets: tuple[tuple[str, bool], ...] = ()

    def with_incorporations(self, pairs: Sequence[tuple[Fmri, Fmri]]) -> ImageView:
        """Return the view with what is frozen of (package, what it incorporates)."""
        frozen = {one.name for one in self.frozen}
        return replace(self, frozen_by=tuple(pair for pair in pairs if pair[1].stem in frozen))

    def version(self, stem: str) -> str | None:
        """Return the version of an installed package, None if it is not installed."""
        fmri = self.installed.get(stem)
        return str(fmri.version) if fmri and fmri.version else None
