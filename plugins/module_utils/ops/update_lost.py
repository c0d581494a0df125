# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of linked_update that was lost (killed, its connection or the power gone): what it did, and tidying up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping, Sequence

from ..host import beadm, image, update_progress
from ..host.progress import GLOBAL
from ..host.runner import Runner
from ..host.update_store import UpdateJournal
from ..model.be import BootEnvironment
from ..model.finding import refuse
from ..model.update import Request, UpdatePlan
from . import update_be, update_hold
from .update_environments import Environments
from .update_result import ImageResult, Installed, came_out, foreseen, not_as_planned
from .update_site import Site

_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Finished:
    """`resumed`: there was something to finish. `images` is what the lost run did to them; `site` the host now."""

    resumed: bool
    images: Sequence[ImageResult]
    site: Site


def let_pkg_end(runner: Runner, timeout: float, progress: update_progress.Tell) -> None:
    """Wait for the pkg of a lost run, which goes on by itself. Raises Refusal after `timeout` seconds.

    It lets go of its lock for a moment while it activates a boot environment (bootenv.py): so the lock must be free
    twice.
    """
    progress(GLOBAL, "Waiting", sentence="the pkg of an earlier run goes on by itself")
    deadline = runner.clock() + timeout
    free = 0
    while free < 2:
        free = 0 if image.in_use("/") else free + 1
        if not free and runner.clock() >= deadline:
            raise refuse(
                "still-running",
                "The pkg of an earlier run, which was cut off, is still at work and has not ended within "
                f"{timeout:g} seconds.",
                "Wait for it to end, then run again; or give a longer lock_timeout.",
            )
        if free < 2:
            runner.sleep(_POLL_SECONDS)


def finish(runner: Runner, environments: Environments, request: Request, lost: UpdateJournal, site: Site) -> Finished:
    """Find out what a lost run has done, and tidy up behind it. Raises Refusal and CommandError."""
    return _Finish(runner, environments, request, lost, site).run()


class _Finish:
    def __init__(
        self, runner: Runner, environments: Environments, request: Request, lost: UpdateJournal, site: Site
    ) -> None:
        self.runner = runner
        self.environments = environments
        self.check = environments.check
        self.store = environments.store
        self.request = request
        self.lost = lost
        self.plan = lost.plan()
        self.site = site
        self.images: Sequence[ImageResult] = ()

    def run(self) -> Finished:
        if self.lost.be_uuid != self.site.running.uuid:
            self._elsewhere()
            return Finished(False, (), self.site)
        lost = self.lost
        new = update_be.appeared(lost.bes, self.site.bes, self.plan, lost.be_name, lost.be_names)
        if self.plan.new_be:
            self._in_clone(new)
        else:
            self.images = self._came_out(self.site.installed(), staged=False)
        self.environments.note_kept(new.kept, lost.holds)
        if not self.check:
            self.store.remove()
        bes = beadm.boot_environments(self.runner) if self.plan.new_be else self.site.bes
        return Finished(True, self.images, replace(self.site, bes=bes))

    def _in_clone(self, new: update_be.Appeared) -> None:
        left: Sequence[BootEnvironment] = new.left_over
        if new.clone is not None and not self._is_complete(new.clone):
            left = [be for be in (*new.left_over, new.clone) if not update_be.is_activated(be)]
        self.environments.destroy(left, self.lost.keep_failed_be)

    def _is_complete(self, clone: BootEnvironment) -> bool:
        """Tell whether the boot environment is all that it should be, and take it for made then.

        pkg activates it when all else is done, and unmounts it last.
        """
        if not update_be.activated_as_asked(clone, self.lost.activate):
            return False
        if self.lost.activate == update_be.NEVER and clone.mountpoint not in ("", self.store.mountpoint):
            return False
        images = self._read(clone)
        if not_as_planned(images) is not None:
            return False
        self.images = images
        self.environments.remember(clone, self.lost.activate, images)
        return True

    def _read(self, clone: BootEnvironment) -> list[ImageResult]:
        if not self.check:
            return self._came_out(self.environments.read(clone), staged=True)
        self.environments.plan_to_read(clone.name)
        return foreseen(self.site.before(self.request), self.plan)

    def _elsewhere(self) -> None:
        """Deal with a journal that was begun in another boot environment: the running one may be a clone of that."""
        lost, site = self.lost, self.site
        if update_be.identity(site.running) in lost.bes:
            self.runner.warn(
                f"{self.store.journal_path} is the journal of an update begun in boot environment {lost.be_name}, "
                "which does not run; it is not followed."
            )
            return
        wrong = not_as_planned(self._came_out(site.installed(), staged=False))
        if wrong is not None:
            self.runner.warn(
                f"The running boot environment {site.running.name} comes from an update of {lost.be_name} that did not "
                f"end: {'; '.join(wrong.evidence)}."
            )
        if update_hold.left(site.zones):
            # A run lets go in the running system first: where something is left in the clone, it is there, too.
            self.environments.let_go_in([be for be in site.bes if be.uuid == lost.be_uuid], lost.holds)
        if not self.check:
            self.store.remove()

    def _came_out(self, after: Mapping[str | None, Installed | None], staged: bool) -> list[ImageResult]:
        before = [
            replace(
                one,
                selected=one.zone not in self.lost.unselected,
                installed=_undone(self.plan, one.zone, after.get(one.zone)),
            )
            for one in self.site.before(self.request)
        ]
        return came_out(before, self.plan, after, staged)


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
