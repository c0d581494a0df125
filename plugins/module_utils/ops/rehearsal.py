# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rehearsal: what attach -u will do, tried on a throw-away clone of the zone BE while the zone still runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

from ..host import pkg, pkg_publisher, safe, zfs
from ..host.image import Image, ImageError
from ..host.journal import Store
from ..host.pkg_plan import parse_plan
from ..host.runner import Result, Runner
from ..model.exitcodes import PKG_NOTHING_TO_DO, PKG_OK
from ..model.finding import Refusal, refuse
from ..model.fmri import Fmri
from ..model.parent import violations
from ..model.plan import Plan
from ..model.publisher import LostSetting, lost_settings, own_publishers
from ..model.uri import mask
from ..model.zone import Zone
from . import brand_switch
from .brand_switch import Options
from .diagnosis import diagnose
from .facts import Site, open_image

NAME = "illumos.linked_zones-rehearsal"
# How long a process of a killed run may still keep the clone busy.
_BUSY_SECONDS = 60.0


@dataclass(frozen=True)
class Look:
    """What was seen in the zone's image before the switch; `linked_metadata`: var/pkg/linked is there."""

    own_publishers: tuple[str, ...]
    linked_metadata: bool
    lost: tuple[LostSetting, ...]
    installed: dict[str, Fmri]


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal has shown; `order` is the publishers' search order after attach."""

    look: Look
    plan: Plan
    forced: bool
    order: tuple[str, ...]
    left_behind: list[dict[str, str]]

    def entry(self, zone: Zone) -> dict[str, Any]:
        """Return the plan entry, with the publisher settings that will be lost."""
        entry = self.plan.as_entry(zone.root, zone.name)
        entry["publishers"] = [
            {"publisher": x.publisher, "setting": x.what, "zone": mask(x.zone), "global_zone": mask(x.global_zone)}
            for x in self.look.lost
        ]
        return entry


def look_at(runner: Runner, zone: Zone, site: Site, root: str) -> Look:
    """Read the zone's image at `root`. Refuses one that the global zone's pkg cannot read."""
    image = open_image(root, zone.root)
    variant = dict(image.config.variants).get("variant.opensolaris.zone")
    if variant != "nonglobal":
        raise refuse(
            "wrong-variant",
            f"The image of zone {zone.name} is not that of a non-global zone, and attach refuses that: its "
            f"variant.opensolaris.zone is {variant}.",
            f"Look with `pkg -R {zone.root} list` what is in the zone's root; a zone of another kind must be installed "
            "anew.",
        )
    if image.config.format > site.global_image.config.format:
        result = runner.probe(pkg.variant(root), ok=range(256))
        if pkg.cannot_read_image(result):
            raise refuse(
                "image-format",
                f"The image of zone {zone.name} has format {image.config.format}, which the global zone's pkg cannot "
                "read.",
                "Update the global zone's pkg, or the global zone.",
                tuple(line for line in result.lines() if pkg.UNSUPPORTED.search(line)),
            )
    return Look(
        own_publishers=tuple(own_publishers(site.global_image.config.publishers, image.config.publishers)),
        linked_metadata=safe.exists(root, "var/pkg/linked"),
        lost=tuple(lost_settings(site.global_image.config.publishers, image.config.publishers)),
        installed=_installed(image),
    )


def rehearse(runner: Runner, store: Store, options: Options, zone: Zone, site: Site) -> Rehearsed:
    """Rehearse the attach. Raises Refusal if it cannot succeed; the clone is gone either way."""
    copy = store.begin_rehearsal()
    try:
        snapshot = f"{site.dataset}@{NAME}"
        clone = f"{site.zonepath_dataset}/{NAME}"
        _must(runner.change(zfs.snapshot(snapshot)))
        _must(runner.change(zfs.clone(snapshot, clone)))
        _must(runner.change(zfs.mount(clone, copy, "nosuid,nodevices")))
        seen = look_at(runner, zone, site, copy)
        # pkg runs as root, and follows what links the zone has put there.
        safe.check_tree(copy, "var/pkg")
        # As the detach hook does: pkg would judge by the parent's package list of the last sync.
        safe.remove_tree(copy, "var/pkg/linked")
        _must(runner.change(pkg_publisher.copy_publishers(copy)))
        _check_refresh(zone, runner.change(pkg.refresh(copy)))
        return _predict(runner, options, zone, site, copy, seen)
    except (safe.UnsafePath, ImageError) as exc:
        raise refuse(
            "image-unreadable",
            str(exc).replace(copy, zone.root),
            f"`pkg -R {zone.root} verify` may tell more; repair the image first.",
        ) from None
    finally:
        clean_up(runner, store, site.zonepath_dataset)


def left_in(site: Site) -> bool:
    """Tell whether a rehearsal's snapshot is there without its mark, as of one killed in another boot environment."""
    return f"{site.dataset}@{NAME}" in site.snapshots


def clean_up(runner: Runner, store: Store, zonepath_dataset: str) -> None:
    """Destroy what a rehearsal, perhaps of a killed run, has made. Raises Refusal if that does not work."""
    clone = f"{zonepath_dataset}/{NAME}"
    for mount in zfs.mounts(runner):
        if mount.special == clone:
            _insist(runner, zfs.umount(mount.mountpoint))
    if clone in (name for name, _mountpoint in zfs.filesystems(runner)):
        _insist(runner, zfs.destroy(clone))
    leftovers = _snapshots(runner, zonepath_dataset)
    for snapshot in leftovers:
        _insist(runner, zfs.destroy(snapshot))
    if leftovers and _snapshots(runner, zonepath_dataset):
        raise _left_over(f"{', '.join(leftovers)} is still there", ())
    store.end_rehearsal()


def _snapshots(runner: Runner, zonepath_dataset: str) -> list[str]:
    """The rehearsal snapshots of zone BEs; datasets further below may be delegated, theirs are not ours."""
    prefix = f"{zonepath_dataset}/ROOT/"
    return [
        name
        for name in zfs.snapshots(runner, f"{zonepath_dataset}/ROOT")
        if name.endswith("@" + NAME) and "/" not in name[len(prefix) :]
    ]


def _insist(runner: Runner, argv: Sequence[str]) -> None:
    """Run it until it succeeds; something may keep the clone busy for a while yet."""
    deadline = runner.clock() + _BUSY_SECONDS
    while True:
        result = runner.change(argv)
        if result.rc == 0:
            return
        said = result.lines()
        if "busy" not in "".join(said).lower() or runner.clock() >= deadline:
            raise _left_over(f"`{' '.join(argv)}` failed: {said[-1] if said else 'no message'}", tuple(said))
        runner.sleep(2)


def _left_over(why: str, evidence: tuple[str, ...]) -> Refusal:
    return refuse(
        "rehearsal-left-over",
        f"The throw-away clone of a rehearsal could not be removed: {why}.",
        f"See what keeps it (`fuser -c` on its mount point, `zfs holds`), then run again; the dataset and the snapshot "
        f"named {NAME} may be destroyed by hand, too.",
        evidence,
    )


def _must(result: Result) -> None:
    if result.rc != 0:
        told = diagnose([result.stdout, result.stderr], f"`{' '.join(result.argv)}`")
        raise Refusal(told)


def _check_refresh(zone: Zone, result: Result) -> None:
    if result.rc == PKG_OK:
        return
    names = pkg.unreachable_publishers(result)
    if not names:
        raise Refusal(diagnose([result.stdout, result.stderr], f"Refreshing the catalogs of zone {zone.name}"))
    raise refuse(
        "publisher-unreachable",
        f"A repository of publisher {', '.join(names)} could not be reached; attaching zone {zone.name} would fail for "
        "want of it.",
        "Check the origin's address and the network from the global zone (`pkg refresh`), or remove the publisher "
        "from the zone if it is not used any more.",
        tuple(result.lines()),
    )


def _predict(runner: Runner, options: Options, zone: Zone, site: Site, copy: str, seen: Look) -> Rehearsed:
    packages = brand_switch.attach_packages(site.entire, seen.installed)
    plan = _dry_run(runner, zone, copy, packages)
    # Before parent dependencies: those of a zone that is newer would hide the reason.
    brand_switch.check_downgrade(options, zone, plan)
    image = open_image(copy)
    forced: list[str] = []
    if site.links(options.brand):
        after = plan.apply(seen.installed)
        broken = violations(image.parent_dependencies(list(after.values())), site.global_installed)
        if broken:
            forced = brand_switch.forced_packages(zone, broken, site.global_installed)
            try:
                plan = _dry_run(runner, zone, copy, packages + forced)
            except Refusal as exc:
                raise brand_switch.unsatisfied(zone, broken[0], exc.diagnosis.evidence) from None
            after = plan.apply(seen.installed)
            still = violations(image.parent_dependencies(list(after.values())), site.global_installed)
            if still:
                raise brand_switch.unsatisfied(zone, still[0])
    return Rehearsed(
        look=seen,
        plan=plan,
        forced=bool(forced),
        order=tuple(p.name for p in image.config.publishers),
        left_behind=brand_switch.left_behind(
            plan.apply(seen.installed),
            image.known(),
            site.global_installed,
            brand_switch.update_remedy(zone, site.links(options.brand)),
        ),
    )


def _dry_run(runner: Runner, zone: Zone, copy: str, packages: Sequence[str]) -> Plan:
    result = runner.change(pkg.install_dry_run(copy, packages))
    if result.rc == PKG_NOTHING_TO_DO:
        return Plan()
    if result.rc == PKG_OK:
        try:
            plan = parse_plan(result.stdout)
        except ValueError as exc:
            remedy = "`rehearse: false` switches without a look at what would change."
            raise refuse("plan-unreadable", str(exc), remedy, tuple(result.lines()[-3:])) from None
        if plan is not None:
            return plan
    raise Refusal(diagnose([result.stdout, result.stderr], f"The rehearsal of attaching zone {zone.name}, on a clone,"))


def _installed(image: Image) -> dict[str, Fmri]:
    try:
        return image.installed()
    except ImageError as exc:
        raise refuse("image-unreadable", str(exc), "Repair the zone's image first.") from None
