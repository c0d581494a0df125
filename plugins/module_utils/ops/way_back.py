# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back as recorded from the real brand hooks (brand-scripts, "Ways back", W): zone and brand as they were.

It works from every point after detach, can be stopped and run again, and touches the zone BE alone: not the
zonepath, no delegated dataset, no other zone BE.
"""

from __future__ import annotations

from ..host import fuser, pkg, safe, zfs, zoneadm, zonecfg
from ..host.runner import CommandError
from ..model import zone as states
from ..model.dataset import ACTIVE, PARENTBE, Property, mounted_on
from ..model.finding import Diagnosis
from ..model.zone import Zone
from .hands import Hands, StepFailed


def as_attached(dataset: str, root: str) -> list[list[str]]:
    """The commands that give a zone BE the properties of an attached zone and mount it (W, steps 5 to 9)."""
    return [
        zfs.set_property(dataset, "canmount", "noauto"),
        zfs.set_property(dataset, "zoned", "off"),
        zfs.inherit(dataset, "mountpoint"),
        zfs.inherit(dataset, "zoned"),
        zfs.mount(dataset, root),
    ]


def as_noted(dataset: str, root: str, noted: dict[str, Property]) -> list[list[str]]:
    """The commands that restore the properties as noted before the switch, in the order that works (W, 4 to 9).

    `zoned` goes off first, and the mount point is restored while it is off: the other order is refused.
    """
    commands = [_restore(dataset, name, noted[name]) for name in (PARENTBE, ACTIVE, "canmount")]
    commands.append(zfs.set_property(dataset, "zoned", "off"))
    commands.append(_restore(dataset, "mountpoint", noted["mountpoint"]))
    if noted["zoned"] != Property("off", "local"):
        commands.append(_restore(dataset, "zoned", noted["zoned"]))
    if noted["mountpoint"].value == "legacy":
        commands.append(zfs.mount(dataset, root))
    return commands


def _restore(dataset: str, name: str, noted: Property) -> list[str]:
    if noted.source == "received":
        return zfs.revert(dataset, name)
    # canmount is not inherited (zfsprops.8): its default can only be set.
    if noted.source == "local" or name == "canmount":
        return zfs.set_property(dataset, name, noted.value)
    return zfs.inherit(dataset, name)


def _as_noted(name: str, now: Property, noted: Property) -> bool:
    return now == noted or (name == "canmount" and now.value == noted.value)


def run(hands: Hands, may_roll_back: bool) -> list[str]:
    """Bring the zone back to the journal's brand, properties and run state. Raises StepFailed.

    `may_roll_back`: the zone has not run since the snapshot. Returns the names of newer snapshots that were lost.
    """
    hands.wait_for_zoneadm()
    try:
        hands.enter("way-back", went_back=True)
    except OSError as exc:
        # The journal as it is leads a later run, too: a full disk must not keep the zone down.
        hands.runner.warn(f"The journal could not be written ({exc}); going back all the same.")
    _to_old_brand(hands)
    lost: list[str] = []
    if hands.state in (states.INSTALLED, states.CONFIGURED):
        lost = _restore_dataset(hands, may_roll_back)
    if hands.state == states.CONFIGURED and hands.journal.started_state != states.CONFIGURED:
        what = f"Attaching zone {hands.zone.name} as it was"
        hands.change(zoneadm.attach_without_hook(hands.zone.name), what)
        hands.expect(what, states.INSTALLED, hands.journal.old_brand)
    if not hands.dry and hands.journal.started_state != states.CONFIGURED:
        for name in ("SUNWdetached.xml", "SUNWattached.xml"):
            safe.unlink(hands.zone.zonepath, name)
    _restore_metadata(hands)
    if hands.journal.started_state == states.RUNNING and hands.state != states.RUNNING:
        hands.boot()
    hands.destroy_snapshots(keep=False)
    if not hands.dry:
        hands.store.remove()
    return lost


def _to_old_brand(hands: Hands) -> None:
    name, old = hands.zone.name, hands.journal.old_brand
    if hands.brand != old and hands.state in (states.READY, states.SHUTTING_DOWN, states.DOWN):
        # A boot under the new brand that failed on its way.
        hands.attempt(zoneadm.halt(name))
        hands.expect(f"Halting zone {name}", states.INSTALLED)
    if hands.state == states.INSTALLED and hands.brand != old:
        hands.change(zoneadm.detach(name), f"Detaching zone {name}")
        hands.expect(f"Detaching zone {name}", states.CONFIGURED)
    if hands.state == states.CONFIGURED and hands.brand != old:
        result = hands.attempt(zonecfg.set_brand(name, old))
        hands.expect(f"Setting brand {old}", states.CONFIGURED, old, result)


def _restore_dataset(hands: Hands, may_roll_back: bool) -> list[str]:
    dataset, root_dataset, root = hands.site.dataset, hands.site.root_dataset, hands.zone.root
    noted = hands.journal.properties
    now, mounted = _look(hands)
    roll_back = may_roll_back and bool(hands.snapshots) and (hands.journal.attach_begun or _metadata_lost(hands))
    if hands.state == states.INSTALLED and not roll_back and now == noted:
        if mounted is None:
            # A halt or boot that was killed; what follows looks at the zone's image.
            hands.change(zfs.mount(dataset, root), f"Mounting the dataset of zone {hands.zone.name}")
        return []
    if noted[root_dataset]["zoned"].value == "on" and now[root_dataset]["zoned"].value == "off":
        hands.change(zfs.set_property(root_dataset, "zoned", "on"), "Restoring the zone's datasets")
    lost = _roll_back(hands) if roll_back else []
    if mounted == dataset:
        _check_not_busy(hands)
    for argv in as_noted(dataset, root, noted[dataset]):
        hands.change(argv, "Restoring the zone's dataset")
    now, mounted = _look(hands)
    if hands.dry:
        return lost
    different = [
        f"{prop} of {dataset} is {now[dataset][prop].value}, not {value.value}"
        for prop, value in noted[dataset].items()
        if not _as_noted(prop, now[dataset][prop], value)
    ]
    if mounted != dataset:
        different.append(f"{dataset} is not mounted on {root}")
    if different:
        # Going on would boot now and fail after the next reboot of the host (recording A-busy).
        raise StepFailed(
            Diagnosis(
                "way-back-incomplete",
                f"The zone's dataset could not be brought back: {'; '.join(different)}.",
                "See that nothing keeps the zone's root busy, then run again: the journal is kept.",
            )
        )
    return lost


def _look(hands: Hands) -> tuple[dict[str, dict[str, Property]], str | None]:
    """Read properties and the mount on the zone's root; dry, as they were at the start of the run."""
    datasets = [hands.site.root_dataset, hands.site.dataset]
    if hands.dry:
        hands.runner.planned(zfs.get_properties(datasets))
        hands.runner.planned(zfs.LIST_MOUNTS)
        return hands.site.properties, hands.site.dataset if hands.site.mounted else None
    try:
        properties = zfs.properties(hands.runner, datasets)
        return properties, mounted_on(hands.zone.root, zfs.mounts(hands.runner))
    except CommandError as exc:
        raise StepFailed(Diagnosis("probe-failed", str(exc), "Look at the pool, then run again.")) from None


def _metadata_lost(hands: Hands) -> bool:
    """Tell whether the zone had linked metadata and has lost it (the detach hook removes var/pkg/linked)."""
    if not hands.journal.linked_metadata:
        return False
    return hands.dry or not safe.exists(hands.zone.root, "var/pkg/linked")


def _roll_back(hands: Hands) -> list[str]:
    """Roll the zone BE back. Newer snapshots go with it, but only if none has a clone or a hold."""
    snapshot = hands.snapshots[-1]
    there = hands.list_snapshots(expected=snapshot)
    newer = there[there.index(snapshot) + 1 :] if snapshot in there else []
    if newer:
        _check_may_go(hands, newer)
    hands.change(zfs.rollback(snapshot, newer_too=bool(newer)), f"Rolling {hands.site.dataset} back")
    return newer


def _check_may_go(hands: Hands, newer: list[str]) -> None:
    try:
        clones = {clone: origin for clone, origin in zfs.origins(hands.runner).items() if origin in newer}
        held = zfs.held(hands.runner, newer)
    except CommandError as exc:
        raise StepFailed(Diagnosis("probe-failed", str(exc), "Look at the pool, then run again.")) from None
    if clones or held:
        why = [f"{origin} has the clone {clone}" for clone, origin in clones.items()]
        why += [f"{name} has a hold" for name in held]
        raise StepFailed(
            Diagnosis(
                "newer-snapshots",
                f"{hands.site.dataset} has snapshots newer than that of the switch, and they must not go: "
                f"{'; '.join(why)}.",
                "Release the hold or destroy (or promote) the clone if it is not needed, then run again: the journal "
                "is kept. If the clone belongs to another boot environment, that one must be destroyed first.",
                tuple(newer),
            )
        )


def _check_not_busy(hands: Hands) -> None:
    if hands.dry:
        hands.runner.planned(fuser.list_users(hands.zone.root))
        return
    try:
        processes = fuser.processes_in(hands.runner, hands.zone.root)
    except CommandError as exc:
        raise StepFailed(Diagnosis("probe-failed", str(exc), "Look at the host, then run again.")) from None
    if processes:
        raise StepFailed(
            Diagnosis(
                "root-busy",
                f"Processes of the global zone keep {hands.zone.root} busy: {'; '.join(processes)}.",
                "End them, then run again: the journal is kept.",
                tuple(processes),
            )
        )


def _restore_metadata(hands: Hands) -> None:
    """Without a rollback the linked metadata are written anew (Ways back, D: lipkg without a snapshot)."""
    name = hands.zone.name
    if not (hands.site.links(hands.journal.old_brand) and hands.journal.linked_metadata):
        return
    if hands.journal.started_state == states.CONFIGURED or hands.dry or not _metadata_lost(hands):
        return
    hands.change(pkg.sync_metadata(name), f"Writing the linked metadata of zone {name}")


def state_of(zone: Zone) -> str:
    """Return the run state that a switch has to restore: a zone on its way down counts as down."""
    return zone.state if zone.state in (states.CONFIGURED, states.RUNNING) else states.INSTALLED
