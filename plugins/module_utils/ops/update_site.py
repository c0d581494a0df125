# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of an update as it is found: images, zones, boot environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from ..host import beadm
from ..host.runner import Runner
from ..model.be import BootEnvironment, running_be
from ..model.image import ImageView
from ..model.update import Request
from .survey import ZoneSurvey, survey
from .update_result import ImageBefore, Installed, selected


@dataclass(frozen=True)
class Images:
    """A global zone's image and all its zones, linked or not."""

    parent: ImageView
    zones: Sequence[ZoneSurvey]

    def roots(self) -> dict[str | None, str]:
        """Return where each zone's image is."""
        return {zone.zone.name: zone.root for zone in self.zones}

    def installed(self) -> dict[str | None, Installed | None]:
        """Return what is installed in each image, by zone."""
        return {None: self.parent.installed, **{zone.zone.name: _installed(zone) for zone in self.zones}}

    def before(self, request: Request) -> list[ImageBefore]:
        """Return the images, the global zone's first."""
        zones = [
            ImageBefore(
                zone.zone.name, zone.root, zone.standing.linked, selected(request, zone.zone.name), _installed(zone)
            )
            for zone in self.zones
        ]
        return [ImageBefore(None, "/", True, True, self.parent.installed), *zones]


@dataclass(frozen=True)
class Site(Images):
    """The running system."""

    bes: Sequence[BootEnvironment]
    running: BootEnvironment


def images_at(runner: Runner, root: str) -> Images:
    """Look at the images of the global zone at `root`. Raises Refusal and CommandError."""
    seen = survey(runner, root, None)
    return Images(seen.parent, list(seen.zones))


def look(runner: Runner) -> Site:
    """Look at the running system. Raises Refusal and CommandError."""
    images = images_at(runner, "/")
    bes = beadm.boot_environments(runner)
    return Site(images.parent, images.zones, bes, running_be(bes))


def _installed(zone: ZoneSurvey) -> Installed | None:
    return None if zone.view is None else zone.view.installed
