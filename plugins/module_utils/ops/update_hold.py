# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ceiling for tenants: packages that an update from the global zone leaves in a zone as they are.

They are frozen in the zone right before the update, with a comment that says whose freezes these are, and let go after
it, by the next run if this one did not come to it. A freeze lies in the image, so a boot environment that is cloned in
between has it, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterable, Mapping, Sequence

from ..host import image, pkg_freeze, safe
from ..host.image import Image, ImageError, UnknownFormat
from ..host.runner import CommandError, Result, Runner, StillRunning
from ..model.finding import Diagnosis, Finding, Refusal, refuse
from ..model.fmri import Fmri, is_wild, matching
from ..model.image import Frozen, ImageView
from ..model.parent import SATISFIED, SELF, judge
from ..model.plan import Plan
from ..model.update import Request, UpdatePlan
from .survey import ZoneSurvey, no_such_zone

HELD = "held"
_RUN_AGAIN = (
    "Run again: what this module has frozen is let go then; by hand, `pkg freeze` in the zone tells it by comment."
)
# Dependencies that can stand against a version of another package.
_TIES = ("require", "optional", "incorporate")


@dataclass(frozen=True)
class Hold:
    """What stays in one zone: `packages` as installed, but for `frozen`, which somebody else has frozen."""

    zone: str
    root: str
    packages: tuple[Fmri, ...]
    frozen: tuple[Fmri, ...] = ()

    @property
    def stems(self) -> list[str]:
        """What is to be frozen."""
        return [fmri.stem for fmri in self.packages]

    def moved(self, plan: Plan) -> list[Fmri]:
        """Return the packages that a plan of the zone would change or remove."""
        gone = {old.stem for old, _new in plan.change} | {old.stem for old in plan.remove}
        return [fmri for fmri in self.packages if fmri.stem in gone]


def resolve(names: Sequence[str], seen: ZoneSurvey, linked_only: bool = True) -> Hold:
    """Return what `hold` means in a zone that was looked at. Raises Refusal.

    `names` are as pkg takes them: stems, ends of stems at a slash, with * and ? if wanted.
    """
    zone = seen.zone.name
    if linked_only and not seen.standing.linked:
        raise refuse(
            "hold-not-linked",
            f"`hold` names zone {zone}, which is not linked: {seen.standing.reason}",
            "An update from the global zone does not reach it; leave it out of `hold`.",
        )
    if seen.view is None:
        raise refuse(
            "image-unreadable",
            f"`hold` names zone {zone}, whose image cannot be read: {seen.trouble}",
            f"`pkg -R {seen.root} list` must work.",
        )
    # A freeze of our own that an earlier run has left is no reason to leave the package alone.
    left = pkg_freeze.ours(seen.view.frozen)
    theirs = {one.name for one in seen.view.frozen if one.name not in left}
    stems = sorted({stem for name in names for stem in _named(name, seen.view.installed, zone)})
    fmris = [seen.view.installed[stem] for stem in stems]
    return Hold(
        zone=zone,
        root=seen.root,
        packages=tuple(fmri for fmri in fmris if fmri.stem not in theirs),
        frozen=tuple(fmri for fmri in fmris if fmri.stem in theirs),
    )


def _named(name: str, installed: Mapping[str, Fmri], zone: str) -> list[str]:
    if not name or "@" in name or name.startswith(("//", "pkg://")):
        raise refuse(
            "hold-pattern",
            f"`hold` of zone {zone} has {name[:80]!r}: it takes names of packages, without publisher or version.",
            "Each package stays at the version that it has.",
        )
    found = matching(name, installed)
    if not found:
        raise refuse(
            "hold-not-installed",
            f"`hold` of zone {zone} names {name[:80]}, which is not installed there: it has no version to stay at.",
            f"Correct the name, or leave it out; `pkg -R ROOT list` shows what zone {zone} has.",
        )
    if len(found) > 1 and not is_wild(name):
        raise refuse(
            "hold-pattern",
            f"`hold` of zone {zone} has {name[:80]!r}, which may be {' or '.join(found[:5])}.",
            "Name one in full.",
        )
    return found


def check_parents(held: Hold, view: ImageView, parent: Mapping[str, Fmri], plan: UpdatePlan) -> None:
    """See that no parent dependency moves what is to stay: a freeze would block even the global zone's update.

    `parent` is what is installed in the global zone now, `plan` was made without the freeze. Raises Refusal.
    """
    after = plan.of(None).apply(parent)
    packages = {*held.packages, *held.frozen}
    for package, dependency in view.parent_dependencies:
        if package not in packages:
            continue
        outcome, there = judge(package, dependency, after)
        if outcome != SATISFIED:
            wanted = Fmri.parse(dependency)
            on = "itself" if wanted.stem == SELF else f"{wanted.stem} ({dependency})"
            was = parent.get(package.stem if wanted.stem == SELF else wanted.stem)
            goes = f"which goes from {_version(was)} to {_version(there)}" if there else "which is not there then"
            raise refuse(
                "hold-parent-dependency",
                f"`hold` of zone {held.zone} names {package.stem}, which has a parent dependency on {on} in the global "
                f"zone, {goes}: held in the zone at {_version(package)} it would block the global zone's own update.",
                f"Leave {package.stem} out of `hold` of zone {held.zone}, or keep it from moving in the global zone "
                f"(`pkg freeze {there.stem if there else package.stem}` there).",
                (f"depend type=parent fmri={dependency}",),
            )


def followers(view: ImageView, parent: Mapping[str, Fmri], plan: UpdatePlan) -> set[str]:
    """Return the stems that must move in a zone because of what the global zone's plan moves."""
    after = plan.of(None).apply(parent)
    return {
        package.stem
        for package, dependency in view.parent_dependencies
        if judge(package, dependency, after)[0] != SATISFIED
    }


def standing_against(root: str, stays: Sequence[Fmri], plan: Plan) -> list[tuple[Fmri, Fmri]]:
    """Return (package, what stays) of what a zone's plan brings and does not go with what stays in the zone.

    A package of which no other newer version is known stays then, too, and others may not go with that. [] where only
    pkg can read the image. Raises ImageError.
    """
    targets = [*plan.add, *(new for _old, new in plan.change)]
    try:
        here = Image(root)
        tied = here.dependencies(targets, _TIES) if targets else []
    except UnknownFormat:
        return []
    known = here.known() if against(stays, tied) else []
    old = {new.stem: old for old, new in plan.change if old.stem == new.stem and _is_only_way(old, new, known)}
    found: list[tuple[Fmri, Fmri]] = []
    fixed = list(stays)
    while True:
        more = [pair for pair in against(fixed, tied) if pair not in found]
        if not more:
            return found
        found += more
        fixed += [old[package.stem] for package, _stays in more if package.stem in old]


def _is_only_way(old: Fmri, new: Fmri, known: Sequence[Fmri]) -> bool:
    versions = [fmri.version for fmri in known if fmri.stem == old.stem and fmri.version]
    if old.version is None or new.version is None:
        return False
    return not any(old.version < one < new.version for one in versions)


def against(held: Sequence[Fmri], tied: Iterable[tuple[Fmri, str, Fmri]]) -> list[tuple[Fmri, Fmri]]:
    """Return (package, held package) where what a plan brings does not go with a package as it is held."""
    by_stem = {fmri.stem: fmri for fmri in held}
    pairs = [(package, kind, wanted, by_stem.get(wanted.stem)) for package, kind, wanted in tied]
    return list(
        dict.fromkeys(
            (package, stays)
            for package, kind, wanted, stays in pairs
            if stays is not None and package.stem not in by_stem and not _goes_with(kind, wanted, stays)
        )
    )


def _goes_with(kind: str, wanted: Fmri, stays: Fmri) -> bool:
    if wanted.version is None or stays.version is None:
        return True
    if kind == "incorporate":
        return wanted.version.begins(stays.version)
    return not stays.version < wanted.version


def check_ties(held: Hold, pairs: Iterable[tuple[Fmri, Fmri]], following: Iterable[str]) -> None:
    """See that nothing that must follow the global zone needs another version of what is to stay. Raises Refusal."""
    must = set(following)
    for package, stays in pairs:
        if package.stem in must:
            names = ", ".join(held.stems)
            stays_too = "" if stays.stem in held.stems else f", and with it {stays.stem} stays"
            raise refuse(
                "hold-parent-dependency",
                f"`hold` of zone {held.zone} names {names}{stays_too}. But {package.stem} there has a parent "
                f"dependency and must follow the global zone to {_version(package)}, which does not go with "
                f"{stays.stem} {_version(stays)}: held, it would block the global zone's own update.",
                f"Leave {stays.stem if stays.stem in held.stems else names} out of `hold` of zone {held.zone}.",
            )


def forecast(plan: UpdatePlan, held: Hold, stays: Iterable[str]) -> UpdatePlan:
    """Return a plan without what stays in a held zone."""
    left = {*stays}

    def without(one: Plan) -> Plan:
        return replace(
            one,
            add=tuple(fmri for fmri in one.add if fmri.stem not in left),
            change=tuple(pair for pair in one.change if pair[0].stem not in left),
            remove=tuple(fmri for fmri in one.remove if fmri.stem not in left),
        )

    images = [replace(one, plan=without(one.plan)) if one.zone == held.zone else one for one in plan.images]
    return replace(plan, images=tuple(images))


@dataclass(frozen=True)
class Effect:
    """What a hold keeps from moving: `stays`; `against`: (package, held package) that do not go together."""

    held: Hold
    stays: tuple[Fmri, ...]
    against: tuple[tuple[Fmri, Fmri], ...]

    @property
    def stems(self) -> list[str]:
        """What is expected to stay: what is held, and what cannot move without it."""
        return [*self.held.stems, *(package.stem for package, _stays in self.against)]


def check_request(request: Request) -> None:
    """Refuse a `hold` that is not zone -> list of names."""
    for zone, names in (request.hold or {}).items():
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise refuse(
                "bad-options",
                f"`hold` has {str(names)[:80]!r} for zone {zone}, which is no list of names of packages.",
                f"Write `{zone}: [web/curl]`.",
            )


def resolve_all(request: Request, zones: Sequence[ZoneSurvey]) -> list[Hold]:
    """Return what `hold` means. Raises Refusal."""
    known = {zone.zone.name: zone for zone in zones}
    for name in request.hold or {}:
        if name not in known:
            raise no_such_zone(name, "hold")
    return [resolve(names, known[name]) for name, names in (request.hold or {}).items()]


def effects(
    holds: Sequence[Hold], zones: Sequence[ZoneSurvey], parent: Mapping[str, Fmri], plan: UpdatePlan
) -> list[Effect]:
    """Return what holds keep from moving of a plan made without them; [] if they keep nothing.

    `parent` is what is installed in the global zone. Raises Refusal where a freeze would block the global zone's own
    update.
    """
    views = {zone.zone.name: zone.view for zone in zones}
    found = []
    for held in holds:
        view = views[held.zone]
        if view is None:
            continue
        check_parents(held, view, parent, plan)
        effect = effect_of(held, plan)
        if effect is not None:
            check_ties(held, effect.against, followers(view, parent, plan))
            found.append(effect)
    return found


def effect_of(held: Hold, plan: UpdatePlan) -> Effect | None:
    """Return what a hold keeps from moving of a plan made without it, None if nothing."""
    mine = plan.of(held.zone)
    stays = held.moved(mine)
    if not stays:
        return None
    try:
        return Effect(held, tuple(stays), tuple(standing_against(held.root, stays, mine)))
    except ImageError as exc:
        raise _unreadable(held.zone, str(exc)) from None


def findings(effect: Effect) -> list[Finding]:
    """Return what is to be said of what stays, and of what may stay with it."""
    zone = effect.held.zone
    found = []
    for fmri in effect.stays:
        message = f"{fmri.stem} stays at {_version(fmri)} in zone {zone}, as `hold` says; the update would move it."
        remedy = f"Take it out of `hold` of zone {zone} when it may move."
        found.append(Finding(HELD, "info", zone, message, remedy, fmri.stem, str(fmri)))
    for package, fmri in effect.against:
        message = f"{package} does not go with {fmri.stem} {_version(fmri)}, which stays in zone {zone} by `hold`"
        remedy = f"Take {', '.join(effect.held.stems)} out of `hold` of zone {zone} when it may move."
        found.append(Finding(HELD, "info", zone, f"{message}, and may stay behind with it.", remedy, package.stem))
    return found


def his_own(held: Hold) -> list[Finding]:
    """Return what is to be said of packages that somebody else has frozen."""
    return [
        Finding(
            HELD,
            "info",
            held.zone,
            f"{fmri.stem} was frozen in zone {held.zone} before; that freeze stays as it is, after the update, too.",
            f"`pkg -R {held.root} unfreeze {fmri.stem}` is up to who has frozen it.",
            fmri.stem,
            str(fmri),
        )
        for fmri in held.frozen
    ]


def expected(plan: UpdatePlan, found: Iterable[Effect]) -> UpdatePlan:
    """Return what a plan made without holds is expected to be with them."""
    for effect in found:
        plan = forecast(plan, effect.held, effect.stems)
    return plan


def blocks(told: Diagnosis, holds: Sequence[Hold]) -> Diagnosis:
    """Return what is said where pkg cannot plan with what is held."""
    names = "; ".join(f"{', '.join(held.stems)} in zone {held.zone}" for held in holds)
    why = told.sentence.replace("Planning the update failed. ", "")
    return Diagnosis(
        "hold-blocks",
        f"With what `hold` keeps ({names}) the update cannot be planned. {why}",
        "Leave out of `hold` what stands against it. No package was changed.",
        told.evidence,
    )


def left(zones: Iterable[ZoneSurvey]) -> dict[str, tuple[str, list[str]]]:
    """Return zone -> (root, stems) of what is frozen with our comment."""
    found = {one.zone.name: (one.root, pkg_freeze.ours(one.view.frozen)) for one in zones if one.view}
    return {zone: (root, stems) for zone, (root, stems) in found.items() if stems}


def without_ours(seen: ZoneSurvey) -> ZoneSurvey:
    """Return what is known of a zone as if our own freezes had been let go."""
    if seen.view is None:
        return seen
    ours = pkg_freeze.ours(seen.view.frozen)
    frozen = tuple(one for one in seen.view.frozen if one.name not in ours)
    by = tuple(pair for pair in seen.view.frozen_by if pair[1].stem not in ours)
    return replace(seen, view=replace(seen.view, frozen=frozen, frozen_by=by))


def freeze(runner: Runner, held: Hold) -> None:
    """Freeze what is to stay in a zone, and read that back. Raises Refusal and CommandError."""
    stems = [stem for stem in held.stems if stem not in {one.name for one in _freezes(held.zone, held.root)}]
    if not stems:
        return
    _check_tree(held.zone, held.root)
    done = runner.change(pkg_freeze.freeze(held.root, stems))
    missing = sorted({*stems} - {*_held(held.zone, held.root)})
    if missing:
        raise refuse(
            "hold-failed",
            f"{', '.join(missing)} could not be held in zone {held.zone}: {_said(done)}",
            f"`pkg -R {held.root} freeze {missing[0]}` must work; run again, or leave it out of `hold`.",
            tuple(done.lines()),
        )


def let_go(runner: Runner, roots: Mapping[str, str]) -> Diagnosis | None:
    """Unfreeze what is frozen with our comment in images, zone -> root; return the first trouble, None if all is gone.

    Nobody else's freezes are touched. Raises StillRunning.
    """
    trouble: Diagnosis | None = None
    for zone, root in roots.items():
        try:
            _let_go(runner, zone, root)
        except StillRunning:
            raise
        except Refusal as exc:
            trouble = trouble or exc.diagnosis
        except CommandError as exc:
            trouble = trouble or Diagnosis("hold-left", str(exc), _RUN_AGAIN)
    return trouble


def _let_go(runner: Runner, zone: str, root: str) -> None:
    stems = _held(zone, root)
    if not stems:
        return
    _check_tree(zone, root)
    done = runner.change(pkg_freeze.unfreeze(root, stems))
    still = _held(zone, root)
    if still:
        raise refuse(
            "hold-left",
            f"{', '.join(still)} was held in zone {zone} for the update, and could not be let go: {_said(done)}",
            _RUN_AGAIN,
            tuple(done.lines()),
        )


def _held(zone: str, root: str) -> list[str]:
    return pkg_freeze.ours(_freezes(zone, root))


def _freezes(zone: str, root: str) -> Sequence[Frozen]:
    try:
        return image.frozen(root)
    except ImageError as exc:
        raise _unreadable(zone, str(exc)) from None


def _check_tree(zone: str, root: str) -> None:
    """See that pkg, which runs as root, follows no link that the zone has put there."""
    try:
        safe.check_tree(root, "var/pkg")
    except (safe.UnsafePath, OSError) as exc:
        raise _unreadable(zone, f"{safe.words(exc)}.") from None


def _unreadable(zone: str, why: str) -> Refusal:
    return refuse(
        "image-unreadable", f"What is held in zone {zone} cannot be told: {why}", "Mend that, then run again."
    )


def _said(done: Result) -> str:
    lines = done.lines()
    return f"exit code {done.rc}, {lines[-1].strip() if lines else 'no message'}"


def _version(fmri: Fmri | None) -> str:
    return str(fmri.version) if fmri and fmri.version else "no version"
