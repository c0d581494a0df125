# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of a brand switch: pure functions from facts to a refusal or to the course to take."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Mapping, Sequence

from ..model import zone as states
from ..model.brand import BrandPair, package_of, pair_for, pair_of, why_not_convertible
from ..model.dataset import ZoneBe, active_zone_bes
from ..model.finding import refuse
from ..model.fmri import Fmri
from ..model.parent import MISSING, Violation
from ..model.plan import Plan
from ..model.publisher import LostSetting
from ..model.zone import Zone

# The courses a run can take.
NOTHING = "nothing"  # brand and state are right
SWITCH = "switch"  # from installed or above: down, detach, set brand, attach
ATTACH = "attach"  # from configured: set brand, attach
FINISH = "finish"  # attached under the wanted brand by an earlier run: what comes after attach
RESTORE = "restore"  # still (or again) installed under the old brand, and that is the wanted one now
WAY_BACK = "way-back"  # detached by an earlier run, and the old brand is the wanted one now

# Packages that were renamed and are not in entire's manifest: the attach hook adds them to what it installs.
_RENAMED = (
    "runtime/python-26",
    "system/library/gcc-5-runtime",
    "system/library/g++-5-runtime",
    "system/library/gcc-6-runtime",
    "system/library/g++-6-runtime",
)
_FIRST_RELEASE_WITH_LIPKG = 151014


@dataclass(frozen=True)
class Options:
    """The module's options; times in seconds."""

    zone: str
    brand: str
    update: bool = True
    boot: str = "restore"
    shutdown_timeout: float = 300
    force_halt: bool = False
    boot_timeout: float = 300
    snapshot: bool = True
    keep_snapshot: bool = False
    on_failure: str = "rollback"
    rehearse: bool = True
    allow_downgrade: bool = False
    replace_publishers: bool = False
    lock_timeout: float = 600


def find_zone(zones: Sequence[Zone], name: str) -> Zone:
    """Return the zone of this name. Refuses a bad name, an unknown zone, a name that zoneadm takes for an id."""
    if not states.is_legal_name(name):
        raise refuse(
            "bad-zone-name",
            f"{name!r} is not a legal name of a non-global zone.",
            "A name has at most 63 letters, digits, '.', '_' and '-', begins with a letter or digit, and is neither "
            "'global' nor begins with SUNW.",
        )
    number = states.as_id(name)
    if number is not None:
        for zone in zones:
            if zone.zid == number and zone.name != name:
                raise refuse(
                    "name-is-zone-id",
                    f"zoneadm would take {name} for the id of the active zone {zone.name}, not for the zone of that "
                    "name.",
                    f"Switch zone {name} when {zone.name} has another id (it gets a new one at each boot), or rename "
                    "the zone.",
                )
    for zone in zones:
        if zone.name == name:
            return zone
    raise refuse(
        "absent", f"There is no zone {name} on this host.", "`zoneadm list -cv` shows the zones that are configured."
    )


def choose_pair(platform: str | None, zone: Zone, wanted: str) -> BrandPair:
    """Return the pair in which the switch takes place. Refuses a brand that has none here."""
    pair = pair_for(platform, wanted)
    if pair is None:
        here = pair_of(platform)
        raise refuse(
            "wrong-platform",
            f"Brand {wanted} does not exist on {platform}.",
            f"The brands that can be switched here are {here.unlinked} and {here.linked} (linked).",
        )
    if zone.brand not in pair:
        raise refuse(
            "brand-not-convertible",
            f"Zone {zone.name} has brand {zone.brand} and cannot become {wanted}: {why_not_convertible(zone.brand)}.",
            f"Only {pair.unlinked} and {pair.linked} have the same layout. Install a new zone of brand {wanted} and "
            "move the data.",
        )
    return pair


def check_state(zone: Zone) -> None:
    """Refuse the states out of which no switch can begin."""
    if zone.state == states.INCOMPLETE:
        raise refuse(
            "incomplete",
            f"Zone {zone.name} is incomplete: an install, clone or uninstall of it did not end.",
            f"Uninstall it (`zoneadm -z {zone.name} uninstall -F`) and install it anew; if its data are known to be "
            f"whole, `zoneadm -z {zone.name} mark -F installed`.",
        )
    if zone.state == states.MOUNTED:
        raise refuse(
            "mounted",
            f"Zone {zone.name} is mounted for maintenance.",
            f"End that work, then `zoneadm -z {zone.name} unmount`.",
        )


def check_brand_available(brand: str, defined: bool, installed: Mapping[str, Fmri], release: int | None) -> None:
    """Refuse a brand that this host does not have."""
    if defined or package_of(brand) in installed:
        return
    if brand == "lipkg" and release is not None and release < _FIRST_RELEASE_WITH_LIPKG:
        raise refuse(
            "release-without-lipkg",
            f"OmniOS r{release} has no brand lipkg; it came with r{_FIRST_RELEASE_WITH_LIPKG}.",
            "Upgrade the global zone first.",
        )
    raise refuse(
        "brand-missing",
        f"Brand {brand} is not on this host: package {package_of(brand)} is not installed in the global zone.",
        f"`pkg install {package_of(brand)}`, then run again.",
    )


def check_global_image(linked: bool, installed: Mapping[str, Fmri]) -> Fmri:
    """Return the global zone's `entire`. Refuses a global zone without it, or without system/zones if linked."""
    if linked and "system/zones" not in installed:
        raise refuse(
            "no-system-zones",
            "The global zone does not have package system/zones installed; pkg never links a zone there.",
            "`pkg install system/zones`, then run again.",
        )
    entire = installed.get("entire")
    if entire is None:
        raise refuse(
            "no-entire",
            "The global zone does not have package entire installed; attach would uninstall it in the zone, too, and "
            "may fail half-way.",
            "`pkg install entire` in the global zone, then run again.",
        )
    return entire


def check_zonepath(zone: Zone, datasets: Sequence[str], parent_datasets: Sequence[str]) -> str:
    """Return the dataset of the zonepath. Refuses a zonepath that the brand hooks cannot handle.

    `datasets` and `parent_datasets` are those with the mount point of the zonepath and of its parent directory.
    """
    if not states.is_safe_zonepath(zone.zonepath):
        raise refuse(
            "zonepath-characters",
            f"The zonepath of {zone.name}, {zone.zonepath!r}, has a blank or another character that does not survive "
            "the shell by which zoneadm runs the brand's scripts.",
            f"Move the zone first (`zoneadm -z {zone.name} move NEWPATH`).",
        )
    parent = os.path.dirname(zone.zonepath.rstrip("/"))
    if not datasets or not parent_datasets:
        missing = parent if datasets else zone.zonepath
        raise refuse(
            "zonepath-not-zfs",
            f"{missing} is not the mount point of a ZFS dataset; the brand's scripts want both the zonepath "
            f"{zone.zonepath} and its parent directory to be one.",
            "Make it a dataset (`zfs create`, then move the content), then run again.",
        )
    if len(datasets) > 1:
        # The hooks look it up by this property alone (get_zonepath_ds), and a zone's root may set it on a delegated
        # dataset.
        raise refuse(
            "zonepath-ambiguous",
            f"Several datasets have the mount point {zone.zonepath}: {', '.join(datasets)}; the brand's scripts could "
            "take the wrong one.",
            "Give all but the zone's own another mount point (`zfs set mountpoint=...`).",
        )
    inside = [name for name in parent_datasets if name == "rpool/ROOT" or name.startswith("rpool/ROOT/")]
    if inside:
        raise refuse(
            "zonepath-in-rpool-root",
            f"The zonepath {zone.zonepath} lies in {inside[0]}, inside a boot environment; attach refuses that.",
            f"Move the zone to a dataset outside rpool/ROOT (`zoneadm -z {zone.name} move NEWPATH`).",
        )
    return datasets[0]


def choose_dataset(zone: Zone, root_dataset: str, zone_bes: Sequence[ZoneBe], be_uuid: str, mounted: str | None) -> str:
    """Return the zone BE to work on. Refuses if there is none or more than one.

    A detached zone has the one that is mounted on its root (attach takes that, whatever its properties); else
    it is the active one of the running boot environment, as the brand hooks choose.
    """
    if zone.state == states.CONFIGURED and mounted is not None:
        if mounted.startswith(root_dataset + "/"):
            return mounted
        raise refuse(
            "foreign-dataset",
            f"{mounted} is mounted on {zone.root}, not a zone boot environment below {root_dataset}.",
            "Unmount it and mount the zone's own dataset there.",
        )
    active = active_zone_bes(zone_bes, be_uuid)
    if len(active) == 1 and zone.zid is not None and mounted not in (None, active[0].name):
        # Booted while something kept another one busy: prestate only warns (brand-scripts, finding 10).
        raise refuse(
            "foreign-dataset",
            f"Zone {zone.name} runs from {mounted}, but its dataset in this boot environment is {active[0].name}: what "
            "has been written since its boot would be lost in a switch.",
            f"Halt it, save what was written, boot it, and see by `mount -p` that {active[0].name} is mounted on "
            f"{zone.root}.",
        )
    if len(active) == 1:
        return active[0].name
    if active:
        raise refuse(
            "several-active-datasets",
            f"Zone {zone.name} has several active datasets for the running boot environment: "
            f"{', '.join(z.name for z in active)}.",
            "Set org.opensolaris.libbe:active=off on all but the one that holds the zone's root.",
        )
    if zone.state == states.CONFIGURED and len(zone_bes) == 1:
        return zone_bes[0].name
    raise refuse(
        "no-active-dataset",
        f"Zone {zone.name} has no active dataset for the running boot environment below {root_dataset}.",
        "`zfs get -r org.opensolaris.libbe:parentbe,org.opensolaris.libbe:active` shows which boot environment each "
        "belongs to; boot that one, or set the properties of the right dataset.",
    )


def check_open_files(zone: Zone, processes: Sequence[str]) -> None:
    """Refuse if a process of the global zone has something open in the zone's root."""
    if processes:
        raise refuse(
            "root-busy",
            f"Processes of the global zone keep {zone.root} busy, so it could not be unmounted: "
            f"{'; '.join(processes)}.",
            "End them or let them leave that directory, then run again.",
            tuple(processes),
        )


def check_mounts(zone: Zone, mountpoints: Sequence[str]) -> None:
    """Refuse if something of the global zone is mounted in the root of a zone that is down.

    Of a zone that is up, zoneadmd unmounts at the halt whatever lies below its root.
    """
    if zone.state == states.INSTALLED and mountpoints:
        raise refuse(
            "root-busy",
            f"File systems are mounted below {zone.root}, so it could not be unmounted: {', '.join(mountpoints)}.",
            "Unmount them, then run again.",
        )


def course(zone: Zone, wanted: str, old_brand: str | None, started_state: str | None) -> str:
    """Return the course; `old_brand` and `started_state` are the journal's, None without one."""
    if zone.state == states.CONFIGURED:
        return WAY_BACK if wanted == old_brand and started_state != states.CONFIGURED else ATTACH
    if zone.brand != wanted:
        return SWITCH
    if old_brand is None:
        return NOTHING
    return RESTORE if wanted == old_brand and started_state != states.CONFIGURED else FINISH


def attach_packages(entire: Fmri, zone_installed: Mapping[str, Fmri]) -> list[str]:
    """Return what the attach hook will ask pkg to install: entire as it names it, and renamed packages."""
    packages = [f"entire@{entire.version}"]
    for stem in _RENAMED:
        there = zone_installed.get(stem)
        if there is not None and there.publisher == "omnios":
            packages.append(f"pkg://omnios/{stem}")
    return packages


def forced_packages(zone: Zone, violations: Sequence[Violation], parent: Mapping[str, Fmri]) -> list[str]:
    """Return the FMRIs that parent dependencies force, at the global zone's exact version.

    Refuses if the global zone lacks what a package needs, or has the package in an older version: sync-linked
    never takes a package back (recording 09-never-synced-zone: "Global zone has an older version of package").
    """
    forced: dict[str, str] = {}
    for violation in violations:
        there = parent.get(violation.package.stem)
        mine = violation.package.version
        if violation.outcome == MISSING or there is None or (there.version and mine and there.version < mine):
            raise unsatisfied(zone, violation)
        forced[violation.package.stem] = str(there)
    return sorted(forced.values())


def unsatisfied(zone: Zone, violation: Violation, evidence: tuple[str, ...] = ()) -> Exception:
    """Return the refusal for a parent dependency that cannot be satisfied."""
    return refuse(
        "parent-dependency",
        f"As a linked zone, {zone.name} could not be synchronised: {violation.sentence}",
        f"Install or update the package in the global zone, or remove {violation.package.stem} in the zone.",
        evidence,
    )


def check_plan(options: Options, zone: Zone, plan: Plan) -> None:
    """Refuse a plan that the options do not allow."""
    if not options.update and not plan.nothing_to_do:
        moved = len(plan.add) + len(plan.change) + len(plan.remove)
        raise refuse(
            "out-of-sync",
            f"The packages of zone {zone.name} are not those of the global zone: {moved} would have to change, and "
            "`update` is false.",
            "Set `update: true` to let attach bring them to the global zone's version; `plan` says what would change.",
        )
    check_downgrade(options, zone, plan)


def check_downgrade(options: Options, zone: Zone, plan: Plan) -> None:
    """Refuse a plan that takes packages back, unless that is allowed."""
    down = plan.downgrades()
    if down and not options.allow_downgrade:
        raise downgrade(zone, [f"{old.stem} {old.version} -> {new.version}" for old, new in down])


def check_not_newer(options: Options, zone: Zone, mine: Fmri | None, entire: Fmri) -> None:
    """Refuse a zone whose entire is newer than the global zone's, where no rehearsal tells what would happen."""
    newer = mine and mine.version and entire.version and entire.version < mine.version
    if mine and newer and not options.allow_downgrade:
        raise downgrade(zone, [f"entire {mine.version} -> {entire.version}"])


def downgrade(zone: Zone, changes: Sequence[str]) -> Exception:
    """Return the refusal of a downgrade."""
    return refuse(
        "downgrade",
        f"Zone {zone.name} is newer than the global zone; attach -u would downgrade packages in it: "
        f"{'; '.join(changes[:5])}{' …' if len(changes) > 5 else ''}.",
        "Update the global zone first, or set `allow_downgrade: true`.",
        tuple(changes[:20]),
    )


def check_publishers(options: Options, zone: Zone, lost: Sequence[LostSetting]) -> None:
    """Refuse to lose a zone's own settings of publishers that the global zone has, too."""
    if lost and not options.replace_publishers:
        raise refuse(
            "publisher-settings",
            f"Zone {zone.name} has settings of its own for publishers of the global zone, and attach replaces them: "
            + "; ".join(f"{x.publisher} {x.what}: {x.zone} would become {x.global_zone}" for x in lost)
            + ".",
            "Set `replace_publishers: true` if they may go, or set them alike in the global zone.",
            tuple(f"{x.publisher} {x.what}: {x.zone} -> {x.global_zone}" for x in lost),
        )


def left_behind(
    after: Mapping[str, Fmri], known: Sequence[Fmri], parent: Mapping[str, Fmri], remedy: str
) -> list[dict[str, str]]:
    """Return the packages that stay old after the switch: older than the global zone's, or than the catalogs'.

    attach -u brings only what entire incorporates (illumos-omnios issue 1416).
    """
    newest: dict[tuple[str, str], Fmri] = {}
    for fmri in known:
        key = (fmri.publisher, fmri.stem)
        if fmri.version and (key not in newest or newest[key].version < fmri.version):  # type: ignore[operator]
            newest[key] = fmri
    found: list[dict[str, str]] = []
    for stem in sorted(after):
        mine = after[stem]
        there = parent.get(stem) or newest.get((mine.publisher, stem))
        if (
            there
            and there.publisher == mine.publisher
            and mine.version
            and there.version
            and mine.version < there.version
        ):
            found.append(
                {
                    "name": stem,
                    "publisher": mine.publisher,
                    "version": str(mine.version),
                    "available": str(there.version),
                    "remedy": remedy,
                }
            )
    return found


def update_remedy(zone: Zone, linked: bool) -> str:
    """Return the command that brings what stays behind."""
    return f"pkg update -r -z {zone.name}" if linked else f"pkg -R {zone.root} update"
