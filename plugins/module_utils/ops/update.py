# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of linked_update from beginning to end: look, plan once for all images, decide, update, read back.

pkg plans from the running image whatever it has made before, ends with 0 although a package stays behind and with 1
although half of the images are updated (linked-images.md, section 3): so what was planned is compared with what is
there afterwards, image by image, in the running system or in the new boot environment.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping, Sequence

from ..host import beadm, image, journal, pkg, pkg_freeze, pkg_update, release, update_progress, zfs, zoneadm
from ..host.image import ImageError
from ..host.progress import GLOBAL, Progress
from ..host.runner import CommandError, Result, Runner, StillRunning
from ..host.safe import UnsafePath, words
from ..host.update_store import Made, UpdateJournal, UpdateStore, planned
from ..model import exitcodes, linked
from ..model.be import BootEnvironment, by_uuid, running_be
from ..model.dataset import active_zone_bes, zone_bes_at
from ..model.finding import Diagnosis, Finding, Refusal, refuse
from ..model.image import ImageView
from ..model.update import ZONES, Request, UpdatePlan
from ..model.uri import mask
from ..model.zone import RUNNING
from . import publishers, update_be, update_delivery, update_hold, update_preflight, update_zones
from .survey import Survey, ZoneSurvey, survey
from .update_hold import Hold
from .update_result import (
    ImageBefore,
    ImageResult,
    Installed,
    came_out,
    difference,
    foreseen,
    merged,
    not_as_planned,
    selected,
    where_it_stands,
)
from .update_zones import ZonesUpdate

# An update of many zones may take hours; it is not killed even then.
_LIMIT_SECONDS = 12 * 3600.0
_EXPECTED_SECONDS = 3600.0
_POLL_SECONDS = 2.0
_PKG_ITSELF = "pkg:/package/pkg"
_RUN_AGAIN = "Run again: it plans from what there is now, and goes on from there."
# pkg has planned.
_PLANNED = (exitcodes.PKG_OK, exitcodes.PKG_NOTHING_TO_DO)
_UNTOUCHED = "The running system is as it was."
_PERHAPS_TOUCHED = "No image has what was planned; some files may be changed already (`pkg verify` tells)."
_UNNAMED = "(the new boot environment)"
_UNNAMED_BACKUP = "(the backup boot environment)"


class UpdateFailed(Exception):
    """The run failed or was refused; `result` is what the module hands back besides the message."""

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(mask(message))
        self.result = result


@dataclass(frozen=True)
class Site:
    """The host as it was found. `zones` are all zones, linked or not."""

    parent: ImageView
    zones: Sequence[ZoneSurvey]
    bes: Sequence[BootEnvironment]
    running: BootEnvironment

    def installed(self) -> dict[str | None, Installed | None]:
        """Return what is installed in each image, by zone."""
        return {None: self.parent.installed, **{zone.zone.name: _installed(zone) for zone in self.zones}}

    def images(self, request: Request) -> list[ImageBefore]:
        """Return the images, the global zone's first."""
        return [
            ImageBefore(None, "/", True, True, self.parent.installed),
            *(
                ImageBefore(
                    zone.zone.name,
                    zone.root,
                    zone.standing.linked,
                    selected(request, zone.zone.name),
                    _installed(zone),
                )
                for zone in self.zones
            ),
        ]


def run(runner: Runner, request: Request, check: bool, run_id: str | None = None) -> dict[str, Any]:
    """Bring the update about, or say what it would do. Returns the module's result. Raises UpdateFailed.

    The result is kept on the host under `run_id` until somebody acknowledges it.
    """
    update = _Update(runner, request, check, run_id)
    try:
        update.run()
        return update.delivered(None)
    except Refusal as exc:
        told = exc.diagnosis
    except StillRunning as exc:
        told = Diagnosis("still-running", str(exc), "Wait for it to end, then run again: it finds out how it ended.")
    except CommandError as exc:
        told = Diagnosis("probe-failed", str(exc), "Mend that, then run again.")
    except (OSError, UnsafePath, ImageError) as exc:
        told = Diagnosis(
            "file-trouble", f"A file of this host is in the way: {words(exc)}.", "Mend that, then run again."
        )
    raise UpdateFailed(told.message, update.delivered(told))


class _Update:
    def __init__(self, runner: Runner, request: Request, check: bool, run_id: str | None) -> None:
        self.runner = runner
        self.request = request
        self.check = check
        self.run_id = run_id
        self.progress: update_progress.Tell = update_progress.silently
        self.store = UpdateStore()
        # What the result tells.
        self.before: list[ImageBefore] = []
        self.plan: UpdatePlan | None = None
        self.images: list[ImageResult] = []
        self.staged: Sequence[Mapping[str, Any]] = ()
        self.lost: list[ImageResult] = []
        self.findings: list[Finding] = []
        self.lost_writes: list[str] = []
        self.be: dict[str, Any] = {"created": False, "name": None, "uuid": None, "activated": False}
        self.reboot_required = False
        self.resumed = False
        self.holds: list[Hold] = []
        self.holding: list[Hold] = []
        # What a run does besides changing packages of images, or a check foresees.
        self.acts = False
        self.exit_code: int | None = None

    def delivered(self, diagnosis: Diagnosis | None) -> dict[str, Any]:
        """Return what the module hands back, with the result of an earlier run that nobody got."""
        result = self.result(diagnosis)
        if self.check:
            return result
        return update_delivery.deliver(self.run_id, result, diagnosis.message if diagnosis else "", self.runner.warn)

    def result(self, diagnosis: Diagnosis | None) -> dict[str, Any]:
        """Return what the module hands back."""
        plan = self.plan or UpdatePlan(())
        images = merged(self.images, self.lost) or self.lost
        changed = self.acts or any(one.changed for one in images)
        return {
            "changed": changed,
            "plan": plan.as_result({image.zone: image.root for image in self.before}),
            "images": [dict(one) for one in self.staged] or [one.as_result() for one in images],
            "be": self.be,
            "reboot_required": self.reboot_required,
            "exit_code": self.exit_code,
            "exit_reason": None if self.exit_code is None else exitcodes.exit_reason(self.exit_code),
            "release_notes": list(plan.release_notes),
            "findings": [finding.as_result() for finding in self.findings],
            "lost_writes": self.lost_writes,
            "resumed": self.resumed,
            "actions": list(self.runner.actions),
            "diagnosis": diagnosis.as_result() if diagnosis else None,
            "diff": difference(plan),
        }

    def run(self) -> None:
        update_preflight.check_request(self.request)
        if self.request.scope == ZONES:
            update_zones.check_request(self.request)
        update_preflight.check_release(release.identify()[1])
        with self.store.lock(self.request.lock_timeout, self.runner.clock, self.runner.sleep):
            if self.check:
                self._locked()
                return
            with update_progress.writing(self.run_id or uuid.uuid4().hex, self.runner.warn) as self.progress:
                self._locked()

    def _locked(self) -> None:
        lost = self.store.load()
        if lost is not None:
            self._let_pkg_end()
        site = self._look()
        if lost is not None:
            site = self._finish(lost, site)
        site = self._let_go_of_left(site)
        self.before = site.images(self.request)
        if self._waits_to_be_booted(site):
            return
        waiting = update_be.other_pending(site.bes)
        if waiting is not None:
            raise waiting
        if self.request.scope == ZONES:
            self._update_zones(site)
            return
        update_preflight.check_zones(self.request, site.zones, journal.unfinished())
        self._check_publishers(site)
        self.findings = update_preflight.frozen_packages(site.parent, site.zones)
        self.holds = update_hold.resolve_all(self.request, site.zones)
        self.findings += [finding for held in self.holds for finding in update_hold.his_own(held)]
        try:
            self._update(site)
        except StillRunning:
            # What is held must stay so while pkg is at work; the next run lets it go.
            raise
        except (Refusal, CommandError, OSError):
            self._let_go()
            raise

    # -- looking ----------------------------------------------------------------------------------------------------

    def _look(self) -> Site:
        seen = survey(self.runner, "/", None)
        zones = list(seen.zones)
        bes = beadm.boot_environments(self.runner)
        running = running_be(bes)
        if running is None:
            raise refuse(
                "no-boot-environment",
                "`beadm list -H` does not show exactly one boot environment that is active now.",
                "Boot the host from a boot environment made by beadm.",
            )
        return Site(seen.parent, zones, bes, running)

    def _check_publishers(self, site: Site) -> None:
        if not self.request.publisher_check:
            return
        broken = publishers.check(site.parent, site.zones)
        if broken:
            more = tuple(one.sentence for one in broken)
            raise refuse("publisher-order", broken[0].sentence, broken[0].remedy, more)

    def _waits_to_be_booted(self, site: Site) -> bool:
        """Tell whether an earlier run has made a boot environment that nobody has booted yet, and report that one."""
        made = self.store.made()
        if made is None:
            return False
        be = by_uuid(site.bes, made.uuid)
        if be is None or not update_be.still_pending(be, made.activate):
            if not self.check:
                self.store.forget_made()
            return False
        self._report_be(be)
        self.staged = made.images
        return True

    def _report_be(self, be: BootEnvironment) -> None:
        self.be.update(created=True, name=be.name, uuid=be.uuid, activated=be.active_on_reboot or be.active_once)
        self.reboot_required = True

    def _update_zones(self, site: Site) -> None:
        zones = ZonesUpdate(self.runner, self.request, self.check)
        try:
            zones.run(site.parent, site.zones)
        finally:
            self.before, self.plan, self.images = zones.before, zones.plan, zones.results
            self.findings, self.exit_code = zones.findings, zones.exit_code
            self.acts = zones.told

    # -- planning ---------------------------------------------------------------------------------------------------

    def _update(self, site: Site) -> None:
        site, result = self._planned(site)
        self.exit_code = result.rc
        if result.rc == exitcodes.PKG_NOTHING_TO_DO:
            self.plan = UpdatePlan(())
            self.images = came_out(self.before, self.plan, site.installed(), staged=False)
            return
        plan = self.plan = self._held_back(site, self._parsed(result))
        if plan.nothing_to_do and not any(zone.standing.why == linked.NEVER_SYNCED for zone in site.zones):
            # With 0 pkg means that it would write the global zone's own linked metadata (linked-images.md, section 3).
            self.images = came_out(self.before, plan, site.installed(), staged=False)
            return
        update_preflight.check_plan(self.request, plan, site.bes)
        if plan.new_be:
            self._warn_of_lost_writes(site)
        if self.check:
            self._foresee(plan)
        else:
            self._carry_out(site, plan)

    def _planned(self, site: Site) -> tuple[Site, Result]:
        """Return pkg's plan (exit code 0 or 4), and the host as it is now: pkg itself may have been updated."""
        fetched = _fetched(site, self.request)
        result = self._ask(self.request.refresh)
        # Of those that did not answer it says nothing as soon as it gets something new of another (image.py of pkg).
        quietly = self.request.refresh and result.rc in _PLANNED and _same(fetched, _fetched(site, self.request))
        if quietly or pkg_update.stale_catalogs(result):
            self._check_stale(site, result)
            result = self._ask(refresh=False)
        if pkg_update.pkg_out_of_date(result):
            site, result = self._update_pkg_itself(site)
        if result.rc not in _PLANNED:
            self.exit_code = result.rc
            raise self._unplanned(site, result)
        return site, result

    def _ask(self, refresh: bool, skip_check: bool = False) -> Result:
        argv = pkg_update.dry_run(self.request, refresh, skip_check or self.request.skip_pkg_check)
        self.progress(GLOBAL, "Planning", sentence="pkg plans for all images")
        # Not a probe: it writes the catalogs that it fetches, and waits for another pkg.
        return self.runner.change(argv, _EXPECTED_SECONDS, _LIMIT_SECONDS)

    def _parsed(self, result: Result) -> UpdatePlan:
        try:
            plan = pkg_update.parse_update(result.stdout)
        except ValueError as exc:
            raise refuse("plan-unreadable", str(exc), "Nothing was changed.", tuple(result.lines())) from None
        if plan is None:
            raise refuse(
                "plan-unreadable",
                f"`{' '.join(result.argv)}` ended with 0 and printed no plan; please report.",
                "Nothing was changed.",
                tuple(result.lines()),
            )
        return plan

    def _unplanned(self, site: Site, result: Result) -> Refusal:
        """Return the refusal for what pkg could not plan."""
        lost = update_preflight.lost_parents(site.parent, site.zones)
        if lost and result.rc == exitcodes.PKG_ERROR:
            return update_preflight.lost_parent(lost, site.zones, result.lines())
        return Refusal(pkg_update.explain(result, "Planning the update"))

    def _check_stale(self, site: Site, result: Result) -> None:
        """Refuse to go on with catalogs that could not be refreshed, unless that is allowed."""
        if self.request.allow_stale_catalogs:
            self.runner.warn("Not every repository could be reached; the update is planned from what was known before.")
            return
        away = self._unreachable(site)
        if not away:
            return
        self.exit_code = result.rc
        raise refuse(
            "unreachable",
            f"Repositories cannot be reached, and pkg would go on with what it knew of them: {'; '.join(away)}.",
            "Mend the network or the publisher's origin, then run again; or set `allow_stale_catalogs: true` to do "
            "without.",
            tuple(result.lines()),
        )

    def _unreachable(self, site: Site) -> list[str]:
        for name, root in [("the global zone", "/"), *((f"zone {z.zone.name}", z.root) for z in site.zones)]:
            result = self.runner.change(pkg.refresh(root))
            found = pkg.unreachable_publishers(result)
            if found:
                return [f"publisher {publisher} of {name}" for publisher in found]
        return []

    def _update_pkg_itself(self, site: Site) -> tuple[Site, Result]:
        """Do as pkg says: update pkg first, then plan anew. In check mode plan as if that had been done."""
        argv = pkg.install("/", [_PKG_ITSELF], self.request.accept_licenses)
        if self.check:
            self.runner.planned(argv)
            return site, self._ask(refresh=False, skip_check=True)
        done = self.runner.change(argv, _EXPECTED_SECONDS, _LIMIT_SECONDS)
        if done.rc not in _PLANNED:
            self.exit_code = done.rc
            raise Refusal(pkg_update.explain(done, "Updating pkg itself"))
        site = self._look()
        self.images = came_out(self.before, UpdatePlan(()), site.installed(), staged=False)
        return site, self._ask(refresh=False)

    def _warn_of_lost_writes(self, site: Site) -> None:
        """Name the running zones that write into a zone BE of which the clone is booted."""
        running = [zone.zone for zone in site.zones if zone.zone.state == RUNNING]
        layout = zfs.layout(self.runner) if running else []
        for zone in running:
            zone_bes = zone_bes_at(zone.zonepath.rstrip("/"), layout)
            if active_zone_bes(zone_bes, site.running.uuid):
                self.lost_writes.append(zone.name)
        if self.lost_writes:
            self.runner.warn(
                "What these running zones write to their roots between the update and the reboot is gone after it, for "
                f"the new boot environment has clones of them: {', '.join(self.lost_writes)}. Halt them before the "
                "update, or reboot at once."
            )

    def _foresee(self, plan: UpdatePlan) -> None:
        """Note what a real run would execute, and how the images would come out."""
        self.acts = True
        self.images = foreseen(self.before, plan)
        self.runner.planned(self._command())
        self._plan_to_let_go()
        if plan.new_be:
            name = self.request.be_name or plan.be_name or _UNNAMED
            self.be.update(created=True, name=name, activated=plan.activate)
            self.reboot_required = True
            self.runner.planned(beadm.LIST)
            self._plan_to_read(name)
        else:
            self.runner.planned(zoneadm.LIST)
            self.runner.planned(beadm.LIST)
            if plan.backup_be and self.holding:
                self._plan_to_read(plan.backup_be_name or _UNNAMED_BACKUP)

    def _plan_to_read(self, name: str) -> None:
        self.runner.planned(beadm.mount(name, self.store.mountpoint))
        self._plan_to_let_go(self.store.mountpoint)
        self.runner.planned(beadm.unmount(name))

    def _plan_to_let_go(self, root: str = "") -> None:
        for held in self.holding:
            self.runner.planned(pkg_freeze.unfreeze(root + held.root, held.stems))

    # -- holding back -----------------------------------------------------------------------------------------------

    def _held_back(self, site: Site, plan: UpdatePlan) -> UpdatePlan:
        """Return the plan with what `hold` keeps as it is, which is frozen then; a new plan where that bites.

        A freeze changes a zone, so what a plan made without it shows to be wrong is refused before, and where nothing
        else would move nothing is frozen at all.
        """
        found = update_hold.effects(self.holds, site.zones, site.parent.installed, plan)
        if not found:
            return plan
        self.findings += [finding for effect in found for finding in update_hold.findings(effect)]
        expected = update_hold.expected(plan, found)
        if expected.nothing_to_do and not any(effect.against for effect in found):
            return expected
        update_preflight.check_plan(self.request, expected, site.bes)
        self.holding = [effect.held for effect in found]
        if self.check:
            for held in self.holding:
                self.runner.planned(pkg_freeze.freeze(held.root, held.stems))
            self.runner.planned(pkg_update.dry_run(self.request, False, self.request.skip_pkg_check))
            return expected
        self.store.save(self._journal(site, expected))
        try:
            for held in self.holding:
                update_hold.freeze(self.runner, held)
            return self._planned_anew()
        except StillRunning:
            raise
        except (Refusal, CommandError):
            self._let_go()
            self.store.remove()
            raise

    def _planned_anew(self) -> UpdatePlan:
        result = self._ask(refresh=False)
        self.exit_code = result.rc
        if result.rc == exitcodes.PKG_OK:
            plan = self._parsed(result)
        elif result.rc == exitcodes.PKG_NOTHING_TO_DO:
            plan = UpdatePlan(())
        else:
            told = pkg_update.explain(result, "Planning the update")
            raise Refusal(update_hold.blocks(told, self.holding))
        if plan.nothing_to_do:
            self._insist(self._let_go())
            self.store.remove()
        return plan

    def _let_go(self) -> Diagnosis | None:
        """Unfreeze what was frozen for this update in the running system. Returns what went wrong."""
        if self.check:
            return None
        return update_hold.let_go(self.runner, {held.zone: held.root for held in self.holding})

    def _let_go_of_left(self, site: Site) -> Site:
        """Unfreeze what a run that was cut off has left frozen, and return the host as it is then."""
        left = update_hold.left(site.zones)
        if not left:
            return site
        self.resumed = self.acts = True
        if self.check:
            for root, stems in left.values():
                self.runner.planned(pkg_freeze.unfreeze(root, stems))
        else:
            self._insist(update_hold.let_go(self.runner, {zone: root for zone, (root, _stems) in left.items()}))
        return replace(site, zones=[update_hold.without_ours(zone) for zone in site.zones])

    @staticmethod
    def _insist(trouble: Diagnosis | None) -> None:
        if trouble is not None:
            raise Refusal(trouble)

    # -- carrying out -----------------------------------------------------------------------------------------------

    def _command(self) -> list[str]:
        return pkg_update.update(self.request, self.request.recurse, self.request.skip_pkg_check)

    def _carry_out(self, site: Site, plan: UpdatePlan) -> None:
        begun = self._journal(site, plan)
        self.store.save(begun)
        result = self.runner.change(self._command(), _EXPECTED_SECONDS, _LIMIT_SECONDS, self._watch())
        self.exit_code = result.rc
        self.acts = self.acts or result.rc == exitcodes.PKG_OK
        trouble = self._let_go()
        told = self._came_out(begun, plan, result) or trouble
        if trouble is None:
            self.store.remove()
        if told is not None:
            raise Refusal(told)

    def _watch(self) -> Callable[[str], None]:
        pkg_says = Progress()

        def watch(text: str) -> None:
            for event in pkg_says.feed(text):
                self.progress(*event)

        return watch

    def _journal(self, site: Site, plan: UpdatePlan) -> UpdateJournal:
        return UpdateJournal(
            be_uuid=site.running.uuid,
            be_name=site.running.name,
            bes=[update_be.identity(be) for be in site.bes],
            images=planned(plan),
            new_be=plan.new_be,
            be_name_asked=self.request.be_name or plan.be_name,
            backup_be=plan.backup_be,
            backup_be_name=plan.backup_be_name,
            activate=self.request.activate,
            keep_failed_be=self.request.keep_failed_be,
            unselected=[image.zone for image in self.before if image.zone and not image.selected],
            holds={held.zone: held.stems for held in self.holding},
        )

    def _came_out(self, begun: UpdateJournal, plan: UpdatePlan, result: Result) -> Diagnosis | None:
        """Read back what the update has done, and tidy up. Returns what went wrong, None if nothing did."""
        if not plan.new_be:
            now = self._look()
            self.images = came_out(self.before, plan, now.installed(), staged=False)
            self._note_kept(update_be.appeared(begun.bes, now.bes, plan, begun.be_name), begun)
            return self._verdict(result)
        bes = beadm.boot_environments(self.runner)
        new = update_be.appeared(begun.bes, bes, plan, begun.be_name)
        self._note_kept(new, begun)
        if new.clone is not None and (result.rc == exitcodes.PKG_OK or _is_activated(new.clone)):
            told = self._staged(new.clone, plan, result)
            self._destroy(new.left_over, begun.keep_failed_be)
            return told
        self.images = came_out(self.before, plan, survey_installed(survey(self.runner, "/", None)), staged=False)
        left = [be for be in (*new.left_over, new.clone) if be is not None]
        self._destroy(left, begun.keep_failed_be)
        return self._verdict(result, left)

    def _staged(self, clone: BootEnvironment, plan: UpdatePlan, result: Result) -> Diagnosis | None:
        """Read a new boot environment back that pkg says is done, or has activated."""
        self._report_be(clone)
        self.acts = True
        self.images = came_out(self.before, plan, self._read(clone), staged=True)
        wrong = not_as_planned(self.images)
        if wrong is None and not update_be.activated_as_asked(clone, self.request.activate):
            wrong = update_be.not_activated(clone, self.request.activate)
        if wrong is None:
            self._remember(clone, self.request.activate, self.images)
        if result.rc != exitcodes.PKG_OK:
            told = pkg_update.explain(result, "The update")
            return replace(told, sentence=f"{told.sentence} Boot environment {clone.name} was activated all the same.")
        return wrong

    def _remember(self, clone: BootEnvironment, activate: str, images: Sequence[ImageResult]) -> None:
        self.store.save_made(Made(clone.uuid, clone.name, activate, [one.as_result() for one in images]))

    def _verdict(self, result: Result, left: Sequence[BootEnvironment] = ()) -> Diagnosis | None:
        """Return what went wrong in a run after which the running system is what counts."""
        if result.rc == exitcodes.PKG_OK:
            return not_as_planned(self.images)
        told = pkg_update.explain(result, "The update")
        stands = where_it_stands(self.images) or (_UNTOUCHED if self.plan and self.plan.new_be else _PERHAPS_TOUCHED)
        rest = self._left_behind(left) or self._way_back()
        return replace(
            told,
            sentence=" ".join(text for text in (told.sentence, stands, rest) if text),
            remedy=_with_again(told.remedy),
        )

    def _left_behind(self, left: Sequence[BootEnvironment]) -> str:
        if not left:
            return ""
        names = ", ".join(be.name for be in left)
        if self.be.get("destroyed"):
            return f"The boot environment that it left half done, {names}, was destroyed."
        return f"It left a boot environment half done, {names}; it is kept (`keep_failed_be`), and is not to be booted."

    def _way_back(self) -> str:
        kept: list[str] = self.be.get("backup", [])
        return f"{' and '.join(kept)} {'hold' if len(kept) > 1 else 'holds'} the state from before." if kept else ""

    def _note_kept(self, new: update_be.Appeared, begun: UpdateJournal) -> None:
        if new.kept:
            self.be["backup"] = [be.name for be in new.kept]
            self._let_go_in(new.kept, begun)
            self.acts = True

    # -- boot environments ------------------------------------------------------------------------------------------

    def _read(self, be: BootEnvironment) -> dict[str | None, Installed | None]:
        """Mount a boot environment where nobody else looks, read its images, and unmount it.

        It is a clone of the running system, with all that was frozen there for the update: that is let go.
        """
        if be.mountpoint and be.mountpoint != self.store.mountpoint:
            return self._read_at(be.mountpoint)
        if not be.mountpoint:
            self._succeed(beadm.mount(be.name, self.store.mountpoint), f"Boot environment {be.name} cannot be mounted")
        try:
            return self._read_at(self.store.mountpoint)
        finally:
            self._succeed(beadm.unmount(be.name), f"Boot environment {be.name} cannot be unmounted")

    def _read_at(self, root: str) -> dict[str | None, Installed | None]:
        seen = survey(self.runner, root, None)
        zones = list(seen.zones)
        self._insist(update_hold.let_go(self.runner, {zone: at for zone, (at, _) in update_hold.left(zones).items()}))
        return {None: seen.parent.installed, **{zone.zone.name: _installed(zone) for zone in zones}}

    def _let_go_in(self, bes: Sequence[BootEnvironment], begun: UpdateJournal) -> None:
        """Let go in boot environments in which something was left frozen: clones of the running one, or its origin."""
        for be in bes if begun.holds else ():
            if self.check:
                self.runner.planned(beadm.mount(be.name, self.store.mountpoint))
                self.runner.planned(beadm.unmount(be.name))
            else:
                self._read(be)

    def _succeed(self, argv: Sequence[str], what: str) -> None:
        result = self.runner.change(argv)
        if result.rc != 0:
            raise refuse(
                "read-back-failed",
                f"{what}: {' / '.join(result.lines()[-3:]) or 'no message'}. So it is not known what is in it.",
                f"`{' '.join(argv)}` must work; then run again.",
                tuple(result.lines()),
            )

    def _destroy(self, bes: Sequence[BootEnvironment], keep: bool) -> None:
        """Destroy boot environments that a failed update has left; with `keep` only name them. Raises Refusal."""
        if not bes:
            return
        self.be["half_done"] = [be.name for be in bes]
        self.be["destroyed"] = not keep
        self.acts = self.acts or keep
        if keep:
            return
        for be in bes:
            argv = beadm.destroy(be.name, snapshots=True, force=True)
            if self.check:
                self.runner.planned(argv)
                continue
            result = self.runner.change(argv)
            if by_uuid(beadm.boot_environments(self.runner), be.uuid) is not None:
                self.be["destroyed"] = False
                raise refuse(
                    "half-done-be-left",
                    f"The update failed and left boot environment {be.name} half done, and it could not be destroyed: "
                    f"{' / '.join(result.lines()[-3:]) or 'no message'}.",
                    f"Let nothing use what is mounted of it, then run again, or `{' '.join(argv)}`.",
                    tuple(result.lines()),
                )

    # -- a run that was lost ----------------------------------------------------------------------------------------

    def _let_pkg_end(self) -> None:
        """Wait for the pkg of a lost run, which goes on by itself.

        It lets go of its lock for a moment while it activates a boot environment (bootenv.py): so the lock must be
        free twice.
        """
        self.progress(GLOBAL, "Waiting", sentence="the pkg of an earlier run goes on by itself")
        deadline = self.runner.clock() + self.request.lock_timeout
        free = 0
        while free < 2:
            free = 0 if image.in_use("/") else free + 1
            if free < 2:
                if self.runner.clock() >= deadline and not free:
                    raise refuse(
                        "still-running",
                        "The pkg of an earlier run, which was cut off, is still at work and has not ended within "
                        f"{self.request.lock_timeout:g} seconds.",
                        "Wait for it to end, then run again; or give a longer lock_timeout.",
                    )
                self.runner.sleep(_POLL_SECONDS)

    def _finish(self, lost: UpdateJournal, site: Site) -> Site:
        """Find out what a lost run has done, tidy up behind it, and return the host as it is then."""
        plan = lost.plan()
        if lost.be_uuid != site.running.uuid:
            self._is_a_copy(lost, plan, site)
            return site
        self.resumed = True
        new = update_be.appeared(lost.bes, site.bes, plan, lost.be_name)
        if plan.new_be:
            clone = new.clone
            if clone is not None and self._is_complete(clone, lost, plan, site):
                left: Sequence[BootEnvironment] = new.left_over
            else:
                left = [be for be in (*new.left_over, clone) if be is not None and not _is_activated(be)]
            self._destroy(left, lost.keep_failed_be)
        else:
            self.lost = self._of_lost(lost, plan, site, site.installed(), staged=False)
        self._let_go_in(new.kept, lost)
        if not self.check:
            self.store.remove()
        return replace(site, bes=beadm.boot_environments(self.runner)) if plan.new_be else site

    def _is_a_copy(self, lost: UpdateJournal, plan: UpdatePlan, site: Site) -> None:
        """Deal with a journal that was begun in another boot environment."""
        if update_be.identity(site.running) in lost.bes:
            self.runner.warn(
                f"{self.store.journal_path} is the journal of an update begun in boot environment {lost.be_name}, "
                "which does not run; it is not followed."
            )
            return
        wrong = not_as_planned(self._of_lost(lost, plan, site, site.installed(), staged=False))
        if wrong is not None:
            self.runner.warn(
                f"The running boot environment {site.running.name} comes from an update of {lost.be_name} that did not "
                f"end: {'; '.join(wrong.evidence)}."
            )
        self._let_go_in([be for be in site.bes if be.uuid == lost.be_uuid], lost)
        if not self.check:
            self.store.remove()

    def _is_complete(self, clone: BootEnvironment, lost: UpdateJournal, plan: UpdatePlan, site: Site) -> bool:
        """Tell whether the boot environment of a lost run is all that it should be, and take it for made then.

        pkg activates it when all else is done, and unmounts it last.
        """
        if not update_be.activated_as_asked(clone, lost.activate):
            return False
        if lost.activate == update_be.NEVER and clone.mountpoint not in ("", self.store.mountpoint):
            return False
        if self.check:
            self.runner.planned(beadm.mount(clone.name, self.store.mountpoint))
            self.runner.planned(beadm.unmount(clone.name))
            return True
        images = self._of_lost(lost, plan, site, self._read(clone), staged=True)
        if not_as_planned(images) is not None:
            return False
        self.lost = images
        self.acts = True
        self._remember(clone, lost.activate, images)
        return True

    def _of_lost(
        self,
        lost: UpdateJournal,
        plan: UpdatePlan,
        site: Site,
        after: Mapping[str | None, Installed | None],
        staged: bool,
    ) -> list[ImageResult]:
        before = [
            replace(
                one, selected=one.zone not in lost.unselected, installed=_undone(plan, one.zone, after.get(one.zone))
            )
            for one in site.images(self.request)
        ]
        return came_out(before, plan, after, staged)


def _fetched(site: Site, request: Request) -> dict[tuple[str, str], float]:
    """Return when pkg last got the catalogs that it will ask for, by root and publisher."""
    here = {(one.name, one.origins) for one in site.parent.publishers}
    asked = [("/", one) for one in site.parent.publishers]
    for zone in site.zones:
        if zone.standing.linked and zone.view is not None and selected(request, zone.zone.name):
            asked += [(zone.root, one) for one in zone.view.publishers if (one.name, one.origins) not in here]
    return {
        (root, one.name): image.refreshed(root, one.name)
        for root, one in asked
        if one.enabled and one.origins and not one.syspub
    }


def _same(before: Mapping[Any, float], after: Mapping[Any, float]) -> bool:
    """Tell whether something stands as it stood."""
    return any(after[key] == value for key, value in before.items())


def survey_installed(seen: Survey) -> dict[str | None, Installed | None]:
    """Return what is installed in each image of a survey, by zone."""
    return {None: seen.parent.installed, **{zone.zone.name: _installed(zone) for zone in seen.zones}}


def _installed(zone: ZoneSurvey) -> Installed | None:
    return None if zone.view is None else zone.view.installed


def _undone(plan: UpdatePlan, zone: str | None, after: Installed | None) -> Installed | None:
    """Return what was installed before the plan was carried out."""
    if after is None:
        return None
    mine = plan.of(zone)
    before = dict(after)
    for new in mine.add:
        before.pop(new.stem, None)
    for old, new in mine.change:
        before.pop(new.stem, None)
        before[old.stem] = old
    before.update((gone.stem, gone) for gone in mine.remove)
    return before


def _is_activated(be: BootEnvironment) -> bool:
    return be.active_on_reboot or be.active_once


def _with_again(remedy: str) -> str:
    return remedy if "run again" in remedy.lower() else f"{remedy} {_RUN_AGAIN}".strip()
