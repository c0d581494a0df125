# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`scope: zones`: packages updated inside chosen zones alone, as the packaging guide advises for those without parent
dependency ("install and update the package from within the zone").

A linked zone is told first what the global zone has: where its linked metadata were never written, pkg enforces no
parent dependency, and an update would overtake the global zone. What is wrong with one zone does not stop the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Sequence

from ..host import image, pkg, pkg_freeze, pkg_update, safe, update_progress, zoneadm
from ..host.image import Image, ImageError, UnknownFormat
from ..host.progress import Progress
from ..host.runner import CommandError, Result, Runner, StillRunning
from ..model.exitcodes import PKG_NOTHING_TO_DO, PKG_OK
from ..model.finding import Diagnosis, Finding, Refusal, refuse
from ..model.fmri import Fmri, is_wild, matching
from ..model.image import ImageView
from ..model.parent import MISSING, SELF, violations
from ..model.plan import Plan
from ..model.update import FAILED, ImagePlan, Request, UpdatePlan
from ..model.zone import Zone
from . import update_hold, update_preflight
from .survey import ZoneSurvey, no_such_zone, survey
from .update_hold import Hold
from .update_planning import EXPECTED_SECONDS, LIMIT_SECONDS
from .update_result import ImageBefore, ImageResult, Installed, came_out, foreseen, not_as_planned, where_it_stands

_PLANNED = (PKG_OK, PKG_NOTHING_TO_DO)


@dataclass
class ZoneUpdate:
    """The update of one zone, as far as it has come; `trouble` says why it goes no further.

    `packages` are those patterns asked for that mean something in it.
    """

    seen: ZoneSurvey
    view: ImageView
    packages: tuple[str, ...]
    held: Hold | None = None
    plan: ImagePlan | None = None
    trouble: Diagnosis | None = None

    @property
    def zone(self) -> Zone:
        """The zone."""
        return self.seen.zone

    @property
    def before(self) -> ImageBefore:
        """Its image as it was; every chosen zone is updated, linked or not."""
        return ImageBefore(self.zone.name, self.seen.root, True, True, self.view.installed)


def check_request(request: Request) -> None:
    """Refuse options that are about the global zone or its boot environments."""
    default = Request()
    for option in ("recurse", "concurrency", "be_name", "new_be", "activate", "backup_be", "keep_failed_be"):
        if getattr(request, option) != getattr(default, option):
            raise refuse(
                "bad-options",
                f"`{option}` says how the global zone is updated, and `scope: zones` does not touch it.",
                f"Leave `{option}` out, or leave out `scope`.",
            )


def choose(request: Request, zones: Sequence[ZoneSurvey], switching: Sequence[str]) -> list[ZoneSurvey]:
    """Return the zones to update: those named, linked or not, else all linked ones but the excluded. Raises Refusal."""
    known = {zone.zone.name: zone for zone in zones}
    for option, names in (
        ("zones", request.zones or ()),
        ("exclude_zones", request.exclude_zones),
        ("hold", tuple(request.hold or {})),
    ):
        for name in names:
            if name not in known:
                raise no_such_zone(name, option)
    if request.zones is None:
        chosen = [one for one in zones if one.standing.linked and one.zone.name not in request.exclude_zones]
    else:
        chosen = [one for one in zones if one.zone.name in request.zones]
    going = [one.zone.name for one in chosen]
    for name in request.hold or {}:
        if name not in going:
            raise refuse(
                "hold-not-chosen",
                f"`hold` names zone {name}, in which nothing is updated.",
                f"Leave it out of `hold`, or name it in `zones`: {', '.join(going) or 'none'} would be updated.",
            )
    for name in going:
        if name in switching:
            raise update_preflight.switching_zone(name)
    return chosen


def begin(request: Request, chosen: Sequence[ZoneSurvey], parent: ImageView) -> list[ZoneUpdate]:
    """Return the update of each zone, with what is wrong there already. Raises Refusal for what is wrong in all."""
    begun = [_begin(request, seen) for seen in chosen]
    for pattern in request.packages:
        if not any(matching(pattern, one.view.installed) for one in begun):
            raise refuse(
                "not-installed",
                f"{pattern} is not installed in {_listed([one.zone.name for one in begun]) or 'any zone'}: an update "
                "installs nothing new.",
                f"Correct the name, or install it there: `pkg -R ROOT install {pattern}`.",
            )
    for one in begun:
        _check_self(one)
    for one in begun:
        if one.trouble is None:
            one.trouble = _standing_against(one, parent)
    return begun


def _begin(request: Request, seen: ZoneSurvey) -> ZoneUpdate:
    view = _readable(seen)
    packages = tuple(pattern for pattern in request.packages if matching(pattern, view.installed))
    names = (request.hold or {}).get(seen.zone.name)
    held = update_hold.resolve(names, seen, linked_only=False) if names else None
    return ZoneUpdate(seen, view, packages, held)


def _readable(seen: ZoneSurvey) -> ImageView:
    if seen.view is None or not seen.zone.has_image:
        raise refuse(
            seen.standing.why if seen.standing.linked else "image-missing",
            f"Zone {seen.zone.name} is {seen.zone.state} and has no image that can be updated. {seen.trouble}".strip(),
            f"`pkg -R {seen.root} list` must work; or leave the zone out.",
        )
    return seen.view


def on_itself(view: ImageView) -> set[str]:
    """Return the stems that must have the version of the global zone."""
    return {
        package.stem
        for package, dependency in view.parent_dependencies
        if Fmri.parse(dependency).stem in (SELF, package.stem)
    }


def _check_self(one: ZoneUpdate) -> None:
    """Refuse a package that follows the global zone: pkg would leave it alone, and say nothing."""
    if not one.seen.standing.linked:
        return
    tied = on_itself(one.view)
    for pattern in one.packages:
        stems = [stem for stem in matching(pattern, one.view.installed) if stem in tied]
        if stems and not is_wild(pattern):
            raise refuse(
                "parent-dependency",
                f"{stems[0]} has a parent dependency on itself: zone {one.zone.name} must have the version that the "
                "global zone has, so it cannot be updated inside the zone.",
                f"Global zone first: update {stems[0]} there (`scope: all`, or `pkg update {stems[0]}`), and the zone "
                "follows in the same run.",
            )


def _standing_against(one: ZoneUpdate, parent: ImageView) -> Diagnosis | None:
    """Return what is wrong in a zone before pkg is asked; None if nothing is."""
    return _out_of_sync(one, parent) or _no_publisher(one)


def _out_of_sync(one: ZoneUpdate, parent: ImageView) -> Diagnosis | None:
    if not one.seen.standing.linked:
        return None
    broken = violations(one.view.parent_dependencies, parent.installed)
    if not broken:
        return None
    lost = [(one.zone.name, violation) for violation in broken if violation.outcome == MISSING]
    if lost:
        return update_preflight.lost_parent(lost, [one.seen], ()).diagnosis
    return Diagnosis(
        "out-of-sync",
        f"Zone {one.zone.name} does not fit the global zone, and any update inside it would first have to move what "
        f"follows the global zone: {broken[0].sentence}",
        f"Bring it in line first: `pkg sync-linked -l zone:{one.zone.name}` in the global zone, or an update with "
        "`scope: all`; pkg_parent_check names all that does not fit.",
        tuple(violation.sentence for violation in broken[:20]),
    )


def _no_publisher(one: ZoneUpdate) -> Diagnosis | None:
    """See that the packages' publishers can be asked in the zone: else pkg finds nothing newer, and says nothing."""
    if one.view.use_system_repo:
        return None
    known = {publisher.name: publisher for publisher in one.view.publishers}
    inside = f"pkg -R {one.seen.root}"
    for pattern in one.packages:
        for stem in matching(pattern, one.view.installed):
            name = _publisher_of(pattern) or one.view.installed[stem].publisher
            there = known.get(name)
            if there is None or not there.origins:
                lack, act = "does not have" if there is None else "has without an origin", f"-g URI {name}"
            elif not there.enabled:
                lack, act = "has disabled", f"--enable {name}"
            else:
                continue
            return Diagnosis(
                "publisher-missing",
                f"{stem} comes from publisher {name}, which zone {one.zone.name} {lack}: no newer version can be found "
                "there.",
                f"Make the publisher available to the zone: `{inside} set-publisher {act}`, or the module "
                "linked_publisher with `zone_publishers`.",
            )
    return None


def _publisher_of(pattern: str) -> str:
    """Return the publisher that a pattern names, "" if it names none."""
    rest = pattern[len("pkg:") :] if pattern.startswith("pkg:") else pattern
    return rest[2:].partition("/")[0] if rest.startswith("//") else ""


def stale(one: ZoneUpdate, parent: ImageView) -> bool:
    """Tell whether a linked zone was told otherwise of the global zone's packages than they are, or never."""
    if not one.seen.standing.linked:
        return False
    told = {*(one.view.parent_packages or ())}
    return one.view.linked_name is None or told != {*parent.installed.values()}


def refuse_moving(one: ZoneUpdate, plan: Plan) -> Diagnosis | None:
    """Return what is said of a plan that moves what follows the global zone; None if it does not."""
    if not one.seen.standing.linked:
        return None
    moved = {old.stem for old, _new in plan.change}
    tied = sorted(moved & on_itself(one.view))
    if not tied:
        return None
    return Diagnosis(
        "parent-dependency",
        f"The update of zone {one.zone.name} would move {', '.join(tied[:5])}, which must have the version of the "
        "global zone (parent dependency on itself).",
        "Global zone first: update there (`scope: all`), and the zone follows in the same run.",
    )


def once_told(one: ZoneUpdate, plan: Plan, parent: ImageView) -> Plan:
    """Return a plan made before the zone was told what the global zone has, without what will not move then.

    Raises ImageError.
    """
    targets = [*plan.add, *(new for _old, new in plan.change)]
    try:
        depend = Image(one.seen.root).parent_dependencies(targets)
    except UnknownFormat:
        depend = [(new, SELF) for new in targets if new.stem in on_itself(one.view)]
    stay = {violation.package.stem for violation in violations(depend, parent.installed)}
    return replace(
        plan,
        add=tuple(fmri for fmri in plan.add if fmri.stem not in stay),
        change=tuple((old, new) for old, new in plan.change if new.stem not in stay),
    )


class ZonesUpdate:
    """Runs it. What it has come to is kept also when it fails: for the module's result.

    `told`: the linked metadata of a zone were written, or would be.
    """

    def __init__(self, runner: Runner, request: Request, dry: bool, progress: update_progress.Tell) -> None:
        self.runner = runner
        self.request = request
        self.dry = dry
        self.progress = progress
        self.updates: list[ZoneUpdate] = []
        self.holding: list[Hold] = []
        self.results: list[ImageResult] = []
        self.findings: list[Finding] = []
        self.exit_code: int | None = None
        self.told = False

    @property
    def before(self) -> list[ImageBefore]:
        """The zones' images as they were."""
        return [one.before for one in self.updates]

    @property
    def plan(self) -> UpdatePlan:
        """The plans of the zones that have something to do, as far as they could be planned."""
        images = [one.plan for one in self.updates if one.plan is not None and not one.plan.plan.nothing_to_do]
        return UpdatePlan(tuple(images))

    def run(self, parent: ImageView, zones: Sequence[ZoneSurvey], switching: Sequence[str]) -> None:
        """Update the chosen zones. Raises Refusal before a package moves, or if a zone failed; CommandError.

        `switching` are zones of which a change of brand is not finished.
        """
        self.updates = begin(self.request, choose(self.request, zones, switching), parent)
        try:
            for one in self.updates:
                self._attempt(one, lambda one: self._prepare(one, parent))
            update_preflight.check_plan(self.request, self.plan, ())
            for one in self.updates:
                self._attempt(one, self._execute)
        except StillRunning:
            # What is held must stay so while pkg is at work; the next run lets it go.
            self.holding = []
            raise
        finally:
            self._let_go()
        self._conclude()

    def _attempt(self, one: ZoneUpdate, work: Callable[[ZoneUpdate], None]) -> None:
        """Go on with a zone if nothing stands against it so far; what goes wrong concerns that zone only."""
        if one.trouble is not None:
            return
        try:
            work(one)
        except StillRunning:
            raise
        except (Refusal, CommandError) as exc:
            one.trouble = exc.diagnosis
        except (safe.UnsafePath, OSError, ImageError) as exc:
            why = str(exc) if isinstance(exc, ImageError) else f"{safe.words(exc)}."
            sentence = f"The image of zone {one.zone.name} cannot be read: {why}"
            one.trouble = Diagnosis("image-unreadable", sentence, "Mend that, then run again.")

    # -- planning ---------------------------------------------------------------------------------------------------

    def _prepare(self, one: ZoneUpdate, parent: ImageView) -> None:
        if self.request.packages and not one.packages:
            return
        # pkg runs as root, and follows what links the zone has put there.
        safe.check_tree(one.seen.root, "var/pkg")
        untold = stale(one, parent)
        if untold:
            self._tell(one)
        plan = self._planned(one, self._ask(one, self.request.refresh))
        if untold and self.dry:
            plan = replace(plan, plan=once_told(one, plan.plan, parent))
        if one.held is not None:
            self.findings += update_hold.his_own(one.held)
            plan = self._hold_back(one, one.held, plan)
        moving = refuse_moving(one, plan.plan)
        if moving is not None:
            raise Refusal(moving)
        one.plan = plan

    def _tell(self, one: ZoneUpdate) -> None:
        """Write into a zone what the global zone has, and change no package."""
        argv = pkg.sync_metadata(one.zone.name)
        self.told = True
        if self.dry:
            self.runner.planned(argv)
            return
        done = self.runner.change(argv)
        if done.rc not in _PLANNED or image.linked_name(one.seen.root) is None:
            raise Refusal(pkg_update.explain(done, f"Writing the linked metadata of zone {one.zone.name}"))

    def _ask(self, one: ZoneUpdate, refresh: bool) -> Result:
        """Plan; where a repository cannot be reached, only if that is allowed."""
        argv = pkg_update.zone_dry_run(one.seen.root, self.request, one.packages, refresh)
        self.progress(f"zone:{one.zone.name}", "Planning", sentence="pkg plans for the zone")
        fetched = _fetched(one)
        result = self.runner.change(argv, EXPECTED_SECONDS, LIMIT_SECONDS)
        self._note(result)
        now = _fetched(one)
        # Of one that did not answer pkg says nothing as soon as it gets something new of another (image.py of pkg).
        quietly = refresh and result.rc in _PLANNED and any(now[name] == fetched[name] for name in now)
        if quietly or pkg_update.stale_catalogs(result):
            self._check_stale(one)
        return result

    def _check_stale(self, one: ZoneUpdate) -> None:
        if self.request.allow_stale_catalogs:
            self.runner.warn(
                f"Not every repository of zone {one.zone.name} could be reached; its update is planned from what was "
                "known before."
            )
            return
        refreshed = self.runner.change(pkg.refresh(one.seen.root))
        away = pkg.unreachable_publishers(refreshed)
        if away:
            raise refuse(
                "unreachable",
                f"Repositories of zone {one.zone.name} cannot be reached, and pkg would go on with what it knew of "
                f"them: publisher {', '.join(away)}.",
                "Mend the network or the publisher's origin, then run again; or set `allow_stale_catalogs: true` to do "
                "without.",
                tuple(refreshed.lines()),
            )

    def _planned(self, one: ZoneUpdate, result: Result) -> ImagePlan:
        name = one.zone.name
        if result.rc == PKG_NOTHING_TO_DO:
            return ImagePlan(name, Plan())
        if result.rc != PKG_OK:
            raise Refusal(pkg_update.explain(result, f"Planning the update of zone {name}"))
        try:
            plan = pkg_update.parse_update(result.stdout)
        except ValueError as exc:
            raise refuse("plan-unreadable", f"Zone {name}: {exc}", "Nothing was changed in it.") from None
        if plan is None:
            raise refuse(
                "plan-unreadable",
                f"`{' '.join(result.argv)}` ended with 0 and printed no plan; please report.",
                "Nothing was changed.",
                tuple(result.lines()),
            )
        return replace(plan.images[0], zone=name)

    def _hold_back(self, one: ZoneUpdate, held: Hold, plan: ImagePlan) -> ImagePlan:
        """Freeze what is to stay, and plan anew; in check mode say what would come of it."""
        effect = update_hold.effect_of(held, UpdatePlan((plan,)))
        if effect is None:
            return plan
        self.findings += update_hold.findings(effect)
        expected = update_hold.expected(UpdatePlan((plan,)), [effect]).images[0]
        if not effect.against and expected.plan.nothing_to_do:
            return expected
        self.holding.append(held)
        if self.dry:
            self.runner.planned(pkg_freeze.freeze(held.root, held.stems))
            self.runner.planned(pkg_update.zone_dry_run(held.root, self.request, one.packages, refresh=False))
            return expected
        update_hold.freeze(self.runner, held)
        return self._planned(one, self._ask(one, refresh=False))

    # -- carrying out -----------------------------------------------------------------------------------------------

    def _execute(self, one: ZoneUpdate) -> None:
        if one.plan is None or one.plan.plan.nothing_to_do:
            return
        argv = pkg_update.zone_update(one.seen.root, self.request, one.packages)
        if self.dry:
            self.runner.planned(argv)
            return
        result = self.runner.change(argv, EXPECTED_SECONDS, LIMIT_SECONDS, self._watch(one))
        self._note(result)
        if result.rc != PKG_OK:
            raise Refusal(pkg_update.explain(result, f"The update of zone {one.zone.name}"))

    def _note(self, result: Result) -> None:
        """Keep the first exit code that tells of a failure, else 0 if there is something to do in one zone."""
        if self.exit_code in (None, PKG_NOTHING_TO_DO) or (self.exit_code == PKG_OK and result.rc not in _PLANNED):
            self.exit_code = result.rc

    def _watch(self, one: ZoneUpdate) -> Callable[[str], None]:
        pkg_says = Progress(f"zone:{one.zone.name}")

        def watch(text: str) -> None:
            for event in pkg_says.feed(text):
                self.progress(*event)

        return watch

    def _let_go(self) -> None:
        """Unfreeze what was frozen for this."""
        by_zone = {one.zone.name: one for one in self.updates}
        for held in self.holding:
            if self.dry:
                self.runner.planned(pkg_freeze.unfreeze(held.root, held.stems))
            else:
                trouble = update_hold.let_go(self.runner, {held.zone: held.root})
                by_zone[held.zone].trouble = by_zone[held.zone].trouble or trouble

    def _conclude(self) -> None:
        """Say how each zone came out. Raises Refusal if one did not as it should."""
        if self.dry or self.plan.nothing_to_do:
            results = foreseen(self.before, self.plan)
            if not self.plan.nothing_to_do:
                self.runner.planned(zoneadm.LIST)
        else:
            names = [one.zone.name for one in self.updates]
            again = survey(self.runner, "/", names)
            after: dict[str | None, Installed | None] = {
                one.zone.name: one.view.installed if one.view else None for one in again.zones
            }
            results = came_out(self.before, self.plan, after, staged=False)
        self.results = [_with_trouble(result, one.trouble) for result, one in zip(results, self.updates)]
        wrong = [one.trouble for one in self.updates if one.trouble is not None]
        told = wrong[0] if wrong else not_as_planned(self.results)
        if told is not None:
            others = tuple(one.sentence for one in wrong[1:])
            stands = where_it_stands(self.results)
            sentence = f"{told.sentence} {stands}".strip()
            raise Refusal(replace(told, sentence=sentence, evidence=(*others, *told.evidence)))


def _fetched(one: ZoneUpdate) -> dict[str, float]:
    """Return when pkg last got the catalogs of the zone's publishers."""
    asked = [
        publisher.name
        for publisher in one.view.publishers
        if publisher.enabled and publisher.origins and not publisher.syspub
    ]
    return {name: image.refreshed(one.seen.root, name) for name in asked}


def _with_trouble(result: ImageResult, trouble: Diagnosis | None) -> ImageResult:
    if trouble is None:
        return result
    status = result.status if result.changed else FAILED
    return replace(result, status=status, reason=trouble.message)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
