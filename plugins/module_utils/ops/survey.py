# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen of a global zone and its linked images without changing anything: probes in, one `Survey` out.

Of the running host at most `zoneadm list`, `beadm list` and one `zfs list` are asked, whatever the number of zones;
images are read from disk, one after the other. Of a root that is not running (another boot environment, a copy) nothing
but files is read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Iterator, Mapping, Sequence

from ..host import beadm, image, pkg, release, safe, zfs, zoneadm, zonefiles
from ..host.image import ImageBusy, ImageError, ImageMissing, UnknownFormat
from ..host.runner import CommandError, Runner
from ..model.be import BootEnvironment
from ..model.dataset import ZoneBe, zone_bes_at
from ..model.finding import Refusal, refuse
from ..model.image import FROM_DISK, FROM_PKG, ImageView
from ..model.linked import Standing, by_configuration, by_image
from ..model.release import KERNEL_PACKAGE, Kernel, Userland, packaged_kernel
from ..model.zone import Zone

# How long, for all images together, another pkg may go on writing before its image counts as unreadable.
_BUSY_SECONDS = 30.0
_BUSY_PAUSE = 2.0
# Who is to read the packages: this code where it knows the format, else pkg; or one of the two only.
AUTO = "auto"
SOURCES = (AUTO, FROM_DISK, FROM_PKG)


@dataclass(frozen=True)
class ZoneSurvey:
    """One zone. `root` is where its files were looked for; `trouble` says why `view` is None, else ""."""

    zone: Zone
    root: str
    standing: Standing
    view: ImageView | None
    trouble: str
    missing: bool
    userland: Userland | None
    userland_trouble: str


@dataclass(frozen=True)
class Survey:
    """A global zone's image with its zones.

    `listed` are the zones that were asked for; `zones` looks at them, at each when it is asked for: what is known of
    one need not be kept while the next is looked at.
    """

    root: str
    platform: str | None
    parent: ImageView
    kernel: Kernel | None
    userland: Userland | None
    listed: tuple[Zone, ...]
    zones: Iterator[ZoneSurvey]

    @property
    def running(self) -> bool:
        """True if it is that of the running host."""
        return self.root == "/"


@dataclass(frozen=True)
class Environments:
    """Boot environments, None for a root that is not running, and zone -> the zone BEs of those that were listed."""

    boot_environments: tuple[BootEnvironment, ...] | None
    zone_bes: Mapping[str, Sequence[ZoneBe]]


def survey(
    runner: Runner, root: str, names: Sequence[str] | None, source: str = AUTO, unlinked_too: bool = False
) -> Survey:
    """Look at the global zone at `root` and the named zones (None: all). Raises Refusal and CommandError.

    `source` is one of SOURCES. Where pkg is asked, it is for the parent dependencies of linked zones, with
    `unlinked_too` for those of all.
    """
    return _Surveyor(runner, root, source, unlinked_too).survey(names)


def environments(runner: Runner, seen: Survey) -> Environments:
    """Look at the boot environments of the running host. Raises CommandError."""
    if not seen.running:
        return Environments(None, {})
    bes = tuple(beadm.boot_environments(runner))
    layout = zfs.layout(runner) if seen.listed else []
    return Environments(bes, {zone.name: zone_bes_at(zone.zonepath.rstrip("/"), layout) for zone in seen.listed})


def zones_here(runner: Runner) -> list[Zone]:
    """Return the zones of the running host without the global one. Raises Refusal and CommandError."""
    if os.geteuid() != 0:
        raise refuse("not-root", "Zones and boot environments can be looked into by root only.", "Set `become: true`.")
    zones = zoneadm.zones(runner)
    if all(zone.name != "global" for zone in zones):
        raise refuse(
            "not-global-zone",
            "This host is a non-global zone; linked images and boot environments are seen from the global zone only.",
            "Run this on the host of the global zone.",
        )
    return [zone for zone in zones if zone.name != "global"]


class _Surveyor:
    def __init__(self, runner: Runner, root: str, source: str, unlinked_too: bool) -> None:
        if not root.startswith("/") or not os.path.isdir(root):
            raise refuse("no-root", f"There is no directory {root}.", "`root` is where the global zone's files are.")
        self.runner = runner
        self.root = os.path.realpath(root)
        self.running = self.root == "/"
        self.source = source
        self.unlinked_too = unlinked_too
        self.deadline = runner.clock() + _BUSY_SECONDS

    def survey(self, names: Sequence[str] | None) -> Survey:
        try:
            configured = zonefiles.configured(self.root)
            zones = _chosen(self._zones(), names)
        except zonefiles.ZoneFilesError as exc:
            raise refuse("zones-unreadable", str(exc), "Mend that, then run again.") from None
        parent = self._parent()
        try:
            userland = release.userland(self.root)
        except (safe.UnsafePath, OSError) as exc:
            raise refuse(
                "file-trouble", f"The release cannot be told: {safe.words(exc)}.", "Mend that, then run again."
            ) from None
        platform = release.platform(userland)
        return Survey(
            root=self.root,
            platform=platform,
            parent=parent,
            kernel=self._kernel(parent),
            userland=userland,
            listed=tuple(zones),
            zones=(self._zone(zone, by_configuration(zone, platform, parent, configured)) for zone in zones),
        )

    def _zones(self) -> list[Zone]:
        if not self.running:
            return zonefiles.zones(self.root)
        return zones_here(self.runner)

    def _parent(self) -> ImageView:
        try:
            return self._view(self.root, dependencies=False)
        except ImageError as exc:
            raise refuse("image-unreadable", str(exc), "`pkg list` in the global zone must work.") from None

    def _kernel(self, parent: ImageView) -> Kernel | None:
        if self.running:
            return release.running_kernel()
        package = parent.installed.get(KERNEL_PACKAGE)
        return packaged_kernel(package.version) if package and package.version else None

    def _zone(self, zone: Zone, configured: Standing) -> ZoneSurvey:
        root = zone.root if self.running else self.root + zone.root
        view = userland = None
        trouble = userland_trouble = ""
        missing = False
        try:
            self._check_root(zone)
            view = self._view(root, dependencies=configured.linked or self.unlinked_too)
        except ImageError as exc:
            missing = isinstance(exc, ImageMissing)
            trouble = str(exc)
        else:
            userland, userland_trouble = _userland(root)
        return ZoneSurvey(
            zone=zone,
            root=root,
            standing=by_image(configured, zone, view, missing, trouble),
            view=view,
            trouble=trouble,
            missing=missing,
            userland=userland,
            userland_trouble=userland_trouble,
        )

    def _check_root(self, zone: Zone) -> None:
        """See that no symlink on the way to a zone leads out of a root that is not running."""
        if self.running:
            return
        try:
            with safe.directory(self.root, zone.root):
                pass
        except FileNotFoundError:
            raise ImageMissing(f"There is no {zone.root} below {self.root}.") from None
        except (safe.UnsafePath, OSError) as exc:
            raise ImageError(f"{zone.root} below {self.root} cannot be read: {safe.words(exc)}.") from None

    def _view(self, root: str, dependencies: bool) -> ImageView:
        if self.source == FROM_PKG:
            return self._ask_pkg(root, dependencies)
        while True:
            try:
                return image.Image(root).view()
            except UnknownFormat:
                if self.source == FROM_DISK or not self.running:
                    raise
                return self._ask_pkg(root, dependencies)
            except ImageBusy:
                if self.runner.clock() + _BUSY_PAUSE > self.deadline:
                    raise
            self.runner.sleep(_BUSY_PAUSE)

    def _ask_pkg(self, root: str, dependencies: bool) -> ImageView:
        """Let pkg read an image: one whose format is newer than this code, or any where that is wanted."""
        config = image.read_config(root)
        try:
            if root != self.root:
                # pkg runs as root, and follows what links the zone has put there.
                safe.check_tree(root, "var/pkg")
            packages = pkg.installed(self.runner, root)
            depend = pkg.parent_dependencies(self.runner, root) if dependencies else []
            view = image.make_view(root, config, FROM_PKG, packages, depend)
            if view.frozen and dependencies:
                view = view.with_incorporations(pkg.incorporations(self.runner, root))
        except (CommandError, safe.UnsafePath, OSError) as exc:
            why = safe.words(exc)
            if isinstance(exc, CommandError) and pkg.lacks_system_repository(exc):
                why = "it takes its packages from the system repository (use-system-repo), and this host has none"
            raise ImageError(f"pkg cannot tell what is in the image at {root}: {why}.") from None
        return view


def _userland(root: str) -> tuple[Userland | None, str]:
    try:
        return release.userland(root), ""
    except (safe.UnsafePath, OSError) as exc:
        return None, f"The release cannot be told: {safe.words(exc)}."


def _chosen(zones: Sequence[Zone], names: Sequence[str] | None) -> list[Zone]:
    if names is None:
        return list(zones)
    known = {zone.name: zone for zone in zones}
    for name in names:
        if name not in known:
            raise not_listed(name)
    return [zone for zone in zones if zone.name in names]


def not_listed(name: str) -> Refusal:
    """Return what is to be raised for a name in `zones` that is none of theirs."""
    if name == "global":
        return refuse("no-such-zone", "The global zone is always looked at.", "Leave it out of `zones`.")
    return no_such_zone(name)


def no_such_zone(name: str, option: str | None = None) -> Refusal:
    """Return what is to be raised for a name that no zone has; `option` is where it was given."""
    where = f", which `{option}` names" if option else ""
    remedy = "`zoneadm list -cv` shows those that there are."
    return refuse("no-such-zone", f"There is no zone {name[:80]}{where}.", remedy)
