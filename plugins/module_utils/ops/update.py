# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of linked_update from beginning to end: look, plan once for all images, decide, update, read back.

pkg plans from the running image whatever it has made before, ends with 0 although a package stays behind and with 1
although half of the images are updated (linked-images.md, section 3): so what was planned is compared with what is
there afterwards, image by image, in the running system or in the new boot environment.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any, Callable, Mapping, Sequence

from ..host import beadm, journal, pkg_freeze, pkg_update, release, update_progress, zfs, zoneadm
from ..host.image import Image, ImageError
from ..host.progress import Progress
from ..host.runner import CommandError, Result, Runner, StillRunning
from ..host.safe import UnsafePath, words
from ..host.update_store import UpdateJournal, UpdateStore, planned
from ..model import exitcodes, linked
from ..model.be import BootEnvironment
from ..model.dataset import active_zone_bes, zone_bes_at
from ..model.finding import Diagnosis, Finding, Refusal, RunFailed, refuse
from ..model.image import FROM_DISK
from ..model.update import ZONES, Request, UpdatePlan
from ..model.zone import RUNNING
from . import publishers, update_be, update_delivery, update_hold, update_lost, update_preflight, update_zones
from .update_environments import Environments
from .update_hold import Hold
from .update_planning import EXPECTED_SECONDS, LIMIT_SECONDS, Planner
from .update_result import (
    ImageBefore,
    ImageResult,
    came_out,
    difference,
    foreseen,
    merged,
    not_as_planned,
    where_it_stands,
)
from .update_site import Site, images_at, look
from .update_zones import ZonesUpdate

_RUN_AGAIN = "Run again: it plans from what there is now, and goes on from there."
_UNTOUCHED = "The running system is as it was."
_PERHAPS_TOUCHED = "No image has what was planned; some files may be changed already (`pkg verify` tells)."
_MOUNTED_CLONE = re.compile(r"/tmp/tmp\w{8}(?=/)")
_UNNAMED = "(the new boot environment)"
_UNNAMED_BACKUP = "(the backup boot environment)"


def run(runner: Runner, request: Request, check: bool, run_id: str | None = None) -> dict[str, Any]:
    """Bring the update about, or say what it would do. Returns the module's result. Raises RunFailed.

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
        told = exc.diagnosis
    except (OSError, UnsafePath, ImageError) as exc:
        told = Diagnosis(
            "file-trouble", f"A file of this host is in the way: {words(exc)}.", "Mend that, then run again."
        )
    raise RunFailed(told.message, update.delivered(told))


class _Update:
    def __init__(self, runner: Runner, request: Request, check: bool, run_id: str | None) -> None:
        self.runner = runner
        self.request = request
        self.check = check
        self.run_id = run_id
        self.be_uuid: str | None = None
        self.progress: update_progress.Tell = update_progress.silently
        self.store = UpdateStore()
        self.environments = Environments(runner, self.store, check)
        # What the result tells.
        self.before: list[ImageBefore] = []
        self.plan: UpdatePlan | None = None
        self.images: list[ImageResult] = []
        self.staged: Sequence[Mapping[str, Any]] = ()
        self.lost: Sequence[ImageResult] = ()
        self.findings: list[Finding] = []
        self.lost_writes: list[str] = []
        self.resumed = False
        self.holds: list[Hold] = []
        self.holding: list[Hold] = []
        # What a run does besides changing packages of images, or a check foresees.
        self.acts = False
        self.exit_code: int | None = None

    def delivered(self, diagnosis: Diagnosis | None) -> dict[str, Any]:
        """Return what the module hands back, with the result of an earlier run that nobody got."""
        result = self.result(diagnosis)
        failure = diagnosis.message if diagnosis else ""
        return update_delivery.deliver(self.run_id, self.be_uuid, result, failure, self.check, self.runner.warn)

    def result(self, diagnosis: Diagnosis | None) -> dict[str, Any]:
        """Return what the module hands back."""
        plan = self.plan or UpdatePlan(())
        images = merged(self.images, self.lost) or self.lost
        changed = self.acts or self.environments.changed or any(one.changed for one in images)
        return {
            "changed": changed,
            "plan": plan.as_result(self._roots()),
            "images": [dict(one) for one in self.staged] or [one.as_result() for one in images],
            "be": self.environments.told,
            "reboot_required": self.environments.reboot_required,
            "exit_code": self.exit_code,
            "exit_reason": None if self.exit_code is None else exitcodes.exit_reason(self.exit_code),
            "release_notes": list(plan.release_notes),
            "findings": [finding.as_result() for finding in self.findings],
            "lost_writes": self.lost_writes if self.environments.reboot_required else [],
            "resumed": self.resumed,
            "actions": list(self.runner.actions),
            "diagnosis": diagnosis.as_result() if diagnosis else None,
            "diff": difference(plan),
        }

    def _roots(self) -> dict[str | None, str]:
        return {image.zone: image.root for image in self.before}

    def run(self) -> None:
        update_preflight.check_request(self.request)
        update_hold.check_request(self.request)
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
            update_lost.let_pkg_end(self.runner, self.request.lock_timeout, self.progress)
        site = look(self.runner)
        self.be_uuid = site.running.uuid
        if lost is not None:
            finished = update_lost.finish(self.runner, self.environments, self.request, lost, site)
            self.resumed, self.lost, site = finished.resumed, finished.images, finished.site
        site = self._let_go_of_left(site)
        self.before = site.before(self.request)
        staged = self.environments.waiting(site.bes)
        if staged is not None:
            self.staged = staged
            self.runner.warn(
                f"Boot environment {self.environments.told['name']}, which an update has made, waits to be booted. "
                "Until it is booted or destroyed nothing else is done."
            )
            self._warn_of_lost_writes(site)
            return
        waiting = update_be.other_pending(site.bes)
        if waiting is not None:
            raise waiting
        if self.request.scope == ZONES:
            self._update_zones(site)
            return
        update_preflight.check_zones(self.request, site.zones, journal.unfinished())
        chosen = [one.installed for one in self.before if one.linked and one.selected and one.installed is not None]
        update_preflight.check_packages(self.request, chosen)
        self._check_publishers(site)
        self._say(update_preflight.frozen_packages(site.parent, site.zones))
        self.holds = update_hold.resolve_all(self.request, site.zones)
        self.findings += [finding for held in self.holds for finding in update_hold.his_own(held)]
        try:
            self._update(site)
        except StillRunning:
            # What is held must stay so while pkg is at work; the next run lets it go.
            raise
        except (Refusal, CommandError, OSError):
            self._let_go_after_failure()
            raise

    def _check_publishers(self, site: Site) -> None:
        if not self.request.publisher_check:
            return
        broken = publishers.check(site.parent, site.zones)
        if broken:
            more = tuple(one.sentence for one in broken)
            raise refuse("publisher-order", broken[0].sentence, broken[0].remedy, more)

    def _update_zones(self, site: Site) -> None:
        zones = ZonesUpdate(self.runner, self.request, self.check, self.progress)
        try:
            zones.run(site.parent, site.zones, journal.unfinished())
        finally:
            self.before, self.plan, self.images = zones.before, zones.plan, zones.results
            self.findings, self.exit_code = zones.findings, zones.exit_code
            self.acts = zones.told

    # -- planning ---------------------------------------------------------------------------------------------------

    def _update(self, site: Site) -> None:
        planner = Planner(self.runner, self.request, self.check, self.progress, site)
        try:
            plan = self.plan = self._held_back(planner, planner.plan())
        except Refusal as exc:
            raise Refusal(self._with_pins(planner.site, exc.diagnosis)) from None
        finally:
            self.exit_code = planner.exit_code
            self.images = came_out(self.before, UpdatePlan(()), planner.site.installed(), staged=False)
            self.environments.note_kept(update_be.backups_of_pkg_itself(site.bes, planner.site.bes), {})
        site = planner.site
        self._look_for_pins(site, plan)
        if plan.nothing_to_do and not self._tells_zones(site):
            return
        update_preflight.check_plan(self.request, plan, site.bes)
        if plan.new_be:
            self._warn_of_lost_writes(site)
        if self.check:
            self._foresee(plan)
        else:
            self._carry_out(site, plan)

    def _look_for_pins(self, site: Site, plan: UpdatePlan) -> None:
        """Say so where the release stays behind what the global zone's catalogs know, and no freeze has told of it."""
        entire = plan.of(None).apply(site.parent.installed).get(update_preflight.INCORPORATION)
        told = any(finding.zone == "global" for finding in self.findings)
        if entire is None or told or self.request.packages or site.parent.source != FROM_DISK:
            return
        try:
            image = Image("/")
            newer = update_preflight.newer(entire, image.versions(entire.stem))
            if newer:
                self._say([update_preflight.held_back(entire, newer, image.incorporations())])
        except ImageError as exc:
            self.runner.warn(f"Whether the release is held back cannot be told: {exc}")

    def _say(self, found: Sequence[Finding]) -> None:
        """Tell of what holds the release back: pkg leaves it behind without a word."""
        self.findings += found
        for finding in found:
            self.runner.warn(f"{finding.message} {finding.remedy}")

    def _with_pins(self, site: Site, told: Diagnosis) -> Diagnosis:
        """Return what is said of an update for which there is no solution, with what pins the release."""
        if told.cause != "solver":
            return told
        known = len(self.findings)
        self._look_for_pins(site, UpdatePlan(()))
        pins = " ".join(finding.message for finding in self.findings[known:])
        return replace(told, sentence=f"{told.sentence} {pins}".strip())

    def _tells_zones(self, site: Site) -> bool:
        """Tell whether pkg would write the metadata of zones that have none yet.

        It also ends with 0 if it would write the global zone's own alone (linked-images.md, section 3).
        """
        never_synced = any(zone.standing.why == linked.NEVER_SYNCED for zone in site.zones)
        return never_synced and self.exit_code == exitcodes.PKG_OK

    def _warn_of_lost_writes(self, site: Site) -> None:
        """Name the running zones that write into a zone BE of which the clone is booted."""
        running = [zone.zone for zone in site.zones if zone.zone.state == RUNNING]
        layout = zfs.layout(self.runner) if running else []
        for zone in running:
            zone_bes = zone_bes_at(zone.zonepath.rstrip("/"), layout)
            if active_zone_bes(zone_bes, site.running.uuid):
                self.lost_writes.append(zone.name)
        # A check only plans: what is to be done about them comes before the update.
        if self.lost_writes and not self.check:
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
        for held in self.holding:
            self.runner.planned(pkg_freeze.unfreeze(held.root, held.stems))
        if plan.new_be:
            name = self.request.be_name or plan.be_name or _UNNAMED
            self.environments.foresee(name, plan.activate)
            self.runner.planned(beadm.LIST)
            self.environments.plan_to_read(name, self.holding)
        else:
            self.runner.planned(zoneadm.LIST)
            self.runner.planned(beadm.LIST)
            if plan.backup_be and self.holding:
                self.environments.plan_to_read(plan.backup_be_name or _UNNAMED_BACKUP, self.holding)

    # -- holding back -----------------------------------------------------------------------------------------------

    def _held_back(self, planner: Planner, plan: UpdatePlan) -> UpdatePlan:
        """Return the plan with what `hold` keeps as it is, which is frozen then; a new plan where that bites.

        A freeze changes a zone, so what a plan made without it shows to be wrong is refused before, and where nothing
        else would move nothing is frozen at all.
        """
        site = planner.site
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
            plan = self._planned_anew(planner)
            update_preflight.check_plan(self.request, plan, site.bes)
            return plan
        except StillRunning:
            raise
        except (Refusal, CommandError):
            self._let_go_after_failure()
            self.store.remove()
            raise

    def _planned_anew(self, planner: Planner) -> UpdatePlan:
        try:
            plan = planner.plan_anew()
        except Refusal as exc:
            raise Refusal(update_hold.blocks(exc.diagnosis, self.holding)) from None
        if plan.nothing_to_do:
            self._insist(self._let_go())
            self.store.remove()
        return plan

    def _let_go(self) -> Diagnosis | None:
        """Unfreeze what was frozen for this update in the running system. Returns what went wrong."""
        if self.check:
            return None
        return update_hold.let_go(self.runner, {held.zone: held.root for held in self.holding})

    def _let_go_after_failure(self) -> None:
        trouble = self._let_go()
        if trouble is not None:
            self.runner.warn(trouble.message)

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
        result = self.runner.change(self._command(), EXPECTED_SECONDS, LIMIT_SECONDS, self._watch())
        self.exit_code = result.rc
        # Where no package was to change, that zones were told of their parent is all that it did.
        self.acts = self.acts or (plan.nothing_to_do and result.rc == exitcodes.PKG_OK)
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
            be_names=update_be.names(site.running.name, self.request.be_name, plan.be_name),
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
            now = look(self.runner)
            self.images = came_out(self.before, plan, now.installed(), staged=False)
            self.environments.note_kept(self._appeared(begun, plan, now.bes).kept, begun.holds)
            return self._verdict(result)
        new = self._appeared(begun, plan, beadm.boot_environments(self.runner))
        self.environments.note_kept(new.kept, begun.holds)
        clone, left = new.clone, list(new.left_over)
        if clone is not None and (result.rc == exitcodes.PKG_OK or update_be.is_activated(clone)):
            told = self._staged(clone, plan, result)
        else:
            left += [clone] if clone is not None else []
            self.images = came_out(self.before, plan, images_at(self.runner, "/").installed(), staged=False)
            told = None
        self.environments.destroy(left, begun.keep_failed_be)
        return told if clone is not None and clone not in left else self._verdict(result)

    @staticmethod
    def _appeared(begun: UpdateJournal, plan: UpdatePlan, bes: Sequence[BootEnvironment]) -> update_be.Appeared:
        return update_be.appeared(begun.bes, bes, plan, begun.be_name, begun.be_names)

    def _staged(self, clone: BootEnvironment, plan: UpdatePlan, result: Result) -> Diagnosis | None:
        """Read a new boot environment back that pkg says is done, or has activated."""
        self.environments.report(clone)
        self.acts = True
        self.images = came_out(self.before, plan, self.environments.read(clone), staged=True)
        wrong = not_as_planned(self.images)
        if wrong is None and not update_be.activated_as_asked(clone, self.request.activate):
            wrong = update_be.not_activated(clone, self.request.activate)
        if wrong is None:
            self.environments.remember(clone, self.request.activate, self.images)
        if result.rc != exitcodes.PKG_OK:
            told = pkg_update.explain(result, "The update", self._roots())
            return replace(told, sentence=f"{told.sentence} Boot environment {clone.name} was activated all the same.")
        return wrong

    def _verdict(self, result: Result) -> Diagnosis | None:
        """Return what went wrong in a run after which the running system is what counts."""
        if result.rc == exitcodes.PKG_OK:
            return not_as_planned(self.images)
        told = pkg_update.explain(result, "The update", self._roots())
        if self.plan and self.plan.new_be:
            told = _in_the_running_system(told)
        stands = where_it_stands(self.images) or (_UNTOUCHED if self.plan and self.plan.new_be else _PERHAPS_TOUCHED)
        sentence = " ".join(text for text in (told.sentence, stands, self.environments.left_behind()) if text)
        return replace(told, sentence=sentence, remedy=_with_again(told.remedy))


def _in_the_running_system(told: Diagnosis) -> Diagnosis:
    """Return what is said of a clone with the paths of its origin: where it was mounted (bootenv.py) it is no more."""
    sentence, remedy = (_MOUNTED_CLONE.sub("", text) for text in (told.sentence, told.remedy))
    return replace(told, sentence=sentence, remedy=remedy)


def _with_again(remedy: str) -> str:
    return remedy if "run again" in remedy.lower() else f"{remedy} {_RUN_AGAIN}".strip()
