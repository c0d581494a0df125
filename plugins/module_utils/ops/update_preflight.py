# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update is refused for before it begins: pure functions of what is asked for, found and planned."""

from __future__ import annotations

import fnmatch
import re
from typing import Mapping, Sequence

from ..model import linked
from ..model.be import BootEnvironment, by_name
from ..model.finding import Finding, Refusal, refuse
from ..model.fmri import Fmri, matching
from ..model.image import ImageView
from ..model.parent import MISSING, Violation, violations
from ..model.update import ImagePlan, Request, UpdatePlan
from .survey import ZoneSurvey, no_such_zone

FROZEN = "frozen"
HELD_BACK = "held-back"
INCORPORATION = "entire"
_FIRST_RELEASE_WITH_RECURSION = 151022
_DRIFT = 0.01
_BLOCKING = (linked.IMAGE_MISSING, linked.IMAGE_UNREADABLE)
# What libbe takes for a name, and no option of pkg.
_BE_NAME = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]{0,62}")
# An FMRI, whole or in part, or a pattern of it; no option.
_PATTERN = re.compile(r"[A-Za-z0-9*?/][A-Za-z0-9_/.+*?@,:-]*")


def check_request(request: Request) -> None:
    """Refuse options that make no sense, alone or together."""
    if request.zones is not None and request.exclude_zones:
        raise _clash("`zones` and `exclude_zones` cannot both be given.", "Name the zones to update, or those not to.")
    if not request.recurse and (request.zones is not None or request.exclude_zones):
        raise _clash(
            "`zones` and `exclude_zones` choose which zones are updated, and `recurse: false` updates none.",
            "Leave them out, or leave out `recurse`.",
        )
    if request.new_be == "deny" and request.be_name is not None:
        raise _clash("`be_name` names a new boot environment, and `new_be: deny` makes none.", "Leave one of them out.")
    if request.new_be == "deny" and request.activate != "always":
        raise _clash(
            "`activate` is about a new boot environment, and `new_be: deny` makes none.", "Leave one of them out."
        )
    if request.be_name is not None and not _BE_NAME.fullmatch(request.be_name):
        raise refuse(
            "bad-be-name",
            f"{request.be_name[:80]!r} cannot be the name of a boot environment.",
            "It takes letters, digits, '.', '_', ':' and '-', at most 63 of them.",
        )
    if request.concurrency is not None and request.concurrency < 1:
        raise _clash(f"`concurrency` is {request.concurrency}.", "It is a number of zones at a time, 1 or more.")
    for pattern in (*request.packages, *request.reject):
        if not _PATTERN.fullmatch(pattern):
            raise refuse("bad-package", f"{pattern[:80]!r} is no package or pattern.", "Correct it; nothing was run.")


def _clash(sentence: str, remedy: str) -> Refusal:
    return refuse("bad-options", sentence, remedy)


def check_release(release: int | None) -> None:
    """Refuse an OmniOS of which pkg has no -r."""
    if release is not None and release < _FIRST_RELEASE_WITH_RECURSION:
        raise refuse(
            "release-too-old",
            f"This host runs OmniOS r{release}. Before r{_FIRST_RELEASE_WITH_RECURSION} pkg has no `update -r`: "
            "linking is implicit there, and `pkg update` in the global zone takes the linked zones along as a whole.",
            f"Upgrade the global zone to r{_FIRST_RELEASE_WITH_RECURSION} or later as its release notes say; from then "
            "on this module works.",
        )


def check_zones(request: Request, zones: Sequence[ZoneSurvey], switching: Sequence[str]) -> None:
    """Refuse zones that are not there or not linked, and those that stop pkg, whether they were chosen or not.

    `switching` are zones of which a change of brand is not finished.
    """
    known = {zone.zone.name: zone for zone in zones}
    for option, names in (("zones", request.zones or ()), ("exclude_zones", request.exclude_zones)):
        for name in names:
            if name not in known:
                raise no_such_zone(name, option)
            if not known[name].standing.linked:
                raise refuse(
                    "not-linked",
                    f"Zone {name}, which `{option}` names, is not updated from the global zone: "
                    f"{known[name].standing.reason}",
                    f"Leave it out of `{option}`; it is updated by itself, or linked first (zone_brand).",
                )
    for name in switching:
        if name in known:
            raise switching_zone(name)
    for zone in zones:
        if zone.standing.linked and zone.standing.why in _BLOCKING:
            chosen = zone.zone.name not in request.exclude_zones and request.recurse
            also = "" if chosen else " It stops the update even though the zone is not chosen: pkg opens every child."
            raise refuse(
                zone.standing.why,
                f"Zone {zone.zone.name}: {zone.trouble}{also}",
                f"Mount the zone's root or mend its image (`pkg -R {zone.root} list` must work); if it is beyond that, "
                f"`zoneadm -z {zone.zone.name} detach` takes it out of the update.",
            )


def check_packages(request: Request, installed: Sequence[Mapping[str, Fmri]]) -> None:
    """Refuse what is installed nowhere: with -r pkg passes it over without a word, and ends well.

    `installed` is what the images have that are to be updated.
    """
    for pattern in request.packages:
        if not any(matching(pattern, stems) for stems in installed):
            raise refuse(
                "not-installed",
                f"{pattern} is installed neither in the global zone nor in a zone that is to be updated: an update "
                "installs nothing new.",
                f"Correct the name, or install it first (`pkg install {pattern}`, with `-R ROOT` in a zone).",
            )


def switching_zone(name: str) -> Refusal:
    """Return the refusal for a zone of which a change of brand is not finished."""
    return refuse(
        "switching",
        f"Zone {name} is in the middle of a change of its brand that was not finished.",
        f"Finish it first: run zone_brand for {name} again.",
    )


def check_plan(request: Request, plan: UpdatePlan, bes: Sequence[BootEnvironment]) -> None:
    """Refuse a plan that the options, or the host, do not allow."""
    _check_licences(request, plan)
    _check_removals(request, plan)
    _check_space(plan)
    taken = by_name(bes, request.be_name) if request.be_name is not None else None
    if taken is not None and plan.new_be:
        go = "" if taken.active_now else f", or `beadm destroy {taken.name}` if it may go"
        raise refuse(
            "be-name-taken", f"There is a boot environment {taken.name} already.", f"Choose another `be_name`{go}."
        )


def _check_licences(request: Request, plan: UpdatePlan) -> None:
    asked = [
        f"{_called(image)}: {licence.package}, licence {licence.name}"
        for image in plan.images
        for licence in image.plan.licences
        if licence.must_accept
    ]
    if asked and not request.accept_licenses:
        raise refuse(
            "licence",
            f"Licences must be accepted before packages can be installed: {'; '.join(asked)}. (Those of a zone's "
            "packages pkg would accept by itself, without a word.)",
            "Read them (`pkg info --license -r PACKAGE`, with `-R ROOT` for a package of a publisher that only the "
            "zone with that root has); then set `accept_licenses: true`.",
            tuple(asked),
        )


def _called(image: ImagePlan) -> str:
    return f"zone {image.zone}" if image.zone else "the global zone"


def _check_removals(request: Request, plan: UpdatePlan) -> None:
    gone = [
        f"{fmri.stem} in {_called(image)}"
        for image in plan.images
        for fmri in _removed(image.plan.remove, image.plan.change)
        if any(fnmatch.fnmatchcase(fmri.stem, pattern) for pattern in request.fail_on_remove)
    ]
    if gone:
        raise refuse(
            "would-remove",
            f"The update would remove what `fail_on_remove` names: {', '.join(gone)}.",
            "See in `plan` and in the release notes why they go; take them out of `fail_on_remove` if they may.",
            tuple(gone),
        )


def _removed(remove: Sequence[Fmri], change: Sequence[tuple[Fmri, Fmri]]) -> list[Fmri]:
    return [*remove, *(old for old, new in change if old.stem != new.stem)]


def _check_space(plan: UpdatePlan) -> None:
    """Refuse what an image has no room for, and all together on one pool; pkg counts each image by itself."""
    for image in plan.images:
        if image.space_available is None:
            continue
        pool = [one for one in plan.images if _same_pool(one.space_available, image.space_available)]
        needed = sum(one.space_required or 0 for one in pool)
        if needed > image.space_available:
            raise refuse(
                "no-space",
                f"The update needs about {_megabytes(needed)} for {', '.join(map(_called, pool))}, and "
                f"{_megabytes(image.space_available)} are free.",
                "Make room: `beadm list` and `zfs list -t all -o space` show what takes it; old boot environments go "
                "with `boot_environment`.",
            )


def _same_pool(one: int | None, other: int) -> bool:
    """Tell whether two images seem to have their room from one pool: what is free moves little between two looks."""
    return one is not None and abs(one - other) <= other * _DRIFT


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MB"


def lost_parents(parent: ImageView, zones: Sequence[ZoneSurvey]) -> list[tuple[str, Violation]]:
    """Return (zone, violation) for packages of linked zones of which the global zone lacks the parent."""
    return [
        (zone.zone.name, violation)
        for zone in zones
        if zone.standing.linked and zone.view is not None
        for violation in violations(zone.view.parent_dependencies, parent.installed)
        if violation.outcome == MISSING
    ]


def lost_parent(found: Sequence[tuple[str, Violation]], zones: Sequence[ZoneSurvey], said: Sequence[str]) -> Refusal:
    """Return the refusal for what pkg could not plan because the global zone lost packages; `said` are pkg's lines."""
    zone, violation = found[0]
    root = next(one.root for one in zones if one.zone.name == zone)
    others = f" ({len(found) - 1} more are in `evidence`.)" if len(found) > 1 else ""
    evidence = [f"{name}: {one.sentence}" for name, one in found]
    return refuse(
        "parent-missing",
        f"Zone {zone}: {violation.sentence} That blocks every pkg operation of the global zone.{others}",
        f"Install the package in the global zone, or take {violation.package.stem} out of the zone (`pkg -R {root} "
        f"uninstall {violation.package.stem}`).",
        (*evidence[:20], *said),
    )


def frozen_packages(parent: ImageView, zones: Sequence[ZoneSurvey]) -> list[Finding]:
    """Return what is to be said of frozen packages that hold the release back."""
    found = list(_frozen("global", "pkg", parent))
    for zone in zones:
        if zone.standing.linked and zone.view is not None:
            found += _frozen(zone.zone.name, f"pkg -R {zone.root}", zone.view)
    return found


def _frozen(name: str, pkg: str, view: ImageView) -> list[Finding]:
    incorporated = {wanted.stem for package, wanted in view.frozen_by if package.stem == INCORPORATION}
    where = "the global zone" if name == "global" else f"zone {name}"
    found = []
    for frozen in view.frozen:
        if frozen.name != INCORPORATION and frozen.name not in incorporated:
            continue
        why = "" if frozen.name == INCORPORATION else f", and {INCORPORATION} incorporates it"
        comment = f" ({frozen.comment})" if frozen.comment else ""
        found.append(
            Finding(
                FROZEN,
                "warning",
                name,
                f"{frozen.name} is frozen at {frozen.version} in {where}{comment}{why}: the update stays at that "
                "release, whatever newer there is.",
                f"`{pkg} unfreeze {frozen.name}` if the release is to move.",
                package=frozen.name,
            )
        )
    return found


def newer(installed: Fmri, known: Sequence[Fmri]) -> list[Fmri]:
    """Return the versions of a package that its publisher has and that are newer, the newest last."""
    mine = installed.version
    later = [
        (fmri.version.key, fmri)
        for fmri in known
        if mine and fmri.version and fmri.publisher == installed.publisher and mine < fmri.version
    ]
    return [fmri for _key, fmri in sorted(later, key=lambda pair: pair[0])]


def held_back(installed: Fmri, later: Sequence[Fmri], incorporated: Sequence[tuple[Fmri, Fmri]]) -> Finding:
    """Return what is to be said of a release that stays behind; `installed` is entire as it is after the update.

    `later` is what there is besides it, `incorporated` are (package, what it incorporates) of the global zone.
    """
    pins = [(package, wanted) for package, wanted in incorporated if wanted.stem == installed.stem]
    why = "".join(f" {package} pins it to {wanted.version}." for package, wanted in pins)
    stems = " ".join(package.stem for package, _wanted in pins)
    return Finding(
        HELD_BACK,
        "warning",
        "global",
        f"{installed.stem} stays at {installed.version}, although {later[-1]} is known.{why}",
        f"`pkg uninstall {stems}`, or have it published anew for that release."
        if pins
        else f"`pkg update -nv {later[-1]}` says what stands against it.",
        package=installed.stem,
    )
