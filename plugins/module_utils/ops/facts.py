# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be known about zone and host before a switch: probes in, one `Site` out, refusals on the way."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..host import beadm, fuser, release, smf, zfs
from ..host.image import Image, ImageBusy, ImageError
from ..host.runner import Runner
from ..model import zone as states
from ..model.be import running_be
from ..model.brand import BrandPair
from ..model.dataset import Properties, datasets_at, foreign_mounts, mounted_on
from ..model.finding import refuse
from ..model.fmri import Fmri
from ..model.zone import Zone
from .brand_switch import (
    Options,
    check_brand_available,
    check_global_image,
    check_mounts,
    check_open_files,
    check_state,
    check_zonepath,
    choose_dataset,
    choose_pair,
)

_BUSY_SECONDS = 2.0


@dataclass(frozen=True)
class Site:
    """Zone and host as they are at the start of a run."""

    pair: BrandPair
    be_uuid: str
    entire: Fmri
    global_image: Image
    global_installed: dict[str, Fmri]
    zonepath_dataset: str
    dataset: str
    guid: str
    mounted: bool
    properties: Properties
    snapshots: tuple[str, ...]
    service_online: bool

    @property
    def root_dataset(self) -> str:
        """The dataset all zone BEs of the zone lie in."""
        return self.zonepath_dataset + "/ROOT"

    def links(self, brand: str) -> bool:
        """Tell whether pkg takes zones of this brand for children of the global zone."""
        return brand == self.pair.linked


def open_image(root: str, shown: str | None = None) -> Image:
    """Open an image. Raises Refusal with the reason if it cannot be read; `shown` is the root that people know."""
    shown = shown or root
    try:
        return Image(root)
    except ImageError as exc:
        raise refuse(
            "image-unreadable",
            str(exc).replace(root, shown) if root != "/" else str(exc),
            f"`pkg -R {shown} list` must work before a zone can be switched.",
        ) from None


def installed_in(runner: Runner, options: Options, image: Image) -> dict[str, Fmri]:
    """Return stem -> FMRI of what is installed in the global zone. Waits for another pkg until `lock_timeout`."""
    deadline = runner.clock() + options.lock_timeout
    while True:
        try:
            return image.installed()
        except ImageError as exc:
            if not isinstance(exc, ImageBusy) or runner.clock() >= deadline:
                raise refuse("image-unreadable", str(exc), "`pkg list` in the global zone must work.") from None
        runner.sleep(_BUSY_SECONDS)


def look(runner: Runner, options: Options, zone: Zone, known_dataset: str | None) -> Site:
    """Gather the facts. `known_dataset` is the journal's. Raises Refusal and CommandError."""
    platform, release_number = release.identify()
    pair = choose_pair(platform, zone, options.brand)
    check_state(zone)
    global_image = open_image("/")
    installed = installed_in(runner, options, global_image)
    check_brand_available(options.brand, release.has_brand(options.brand), installed, release_number)
    entire = check_global_image(options.brand == pair.linked, installed)

    be = running_be(beadm.boot_environments(runner))
    filesystems = zfs.filesystems(runner)
    zonepath = zone.zonepath.rstrip("/")
    zonepath_dataset = check_zonepath(
        zone, datasets_at(zonepath, filesystems), datasets_at(os.path.dirname(zonepath), filesystems)
    )
    root_dataset = zonepath_dataset + "/ROOT"
    if root_dataset not in (name for name, _mountpoint in filesystems):
        raise refuse(
            "no-active-dataset",
            f"Zone {zone.name} has no dataset {root_dataset}.",
            "A zone of this brand keeps its roots there; restore it, or install the zone anew.",
        )
    zone_bes = zfs.zone_bes(runner, root_dataset)
    mounts = zfs.mounts(runner)
    mounted = mounted_on(zone.root, mounts)
    if known_dataset is not None and known_dataset in (z.name for z in zone_bes):
        dataset = known_dataset
    else:
        dataset = choose_dataset(zone, root_dataset, zone_bes, be.uuid, mounted)
    properties = zfs.properties(runner, [root_dataset, dataset])
    guid = zfs.guid(runner, dataset)
    snapshots = zfs.snapshots(runner, root_dataset)
    check_open_files(zone, fuser.processes_in(runner, zone.root) if mounted else [])
    check_mounts(zone, foreign_mounts(zone.root, dataset, mounts))
    online = zone.state == states.RUNNING and smf.multi_user_server(runner, zone.name) == "online"
    return Site(
        pair=pair,
        be_uuid=be.uuid,
        entire=entire,
        global_image=global_image,
        global_installed=installed,
        zonepath_dataset=zonepath_dataset,
        dataset=dataset,
        guid=guid,
        mounted=mounted == dataset,
        properties=properties,
        snapshots=tuple(snapshots),
        service_online=online,
    )
