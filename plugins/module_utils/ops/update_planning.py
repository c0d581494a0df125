# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one plan of an update for all images: asking pkg for it, and what may stand in the way of that."""

from __future__ import annotations

from typing import Any, Mapping

from ..host import image, pkg, pkg_update, update_progress
from ..host.progress import GLOBAL
from ..host.runner import Result, Runner
from ..model.exitcodes import PKG_ERROR, PKG_NOTHING_TO_DO, PKG_OK
from ..model.finding import Refusal, refuse
from ..model.update import Request, UpdatePlan
from . import update_preflight
from .survey import ZoneSurvey
from .update_result import selected
from .update_site import Site, look

# An update of many zones may take hours; it is not killed even then.
LIMIT_SECONDS = 12 * 3600.0
EXPECTED_SECONDS = 3600.0
_PKG_ITSELF = "pkg:/package/pkg"
# pkg has planned.
_PLANNED = (PKG_OK, PKG_NOTHING_TO_DO)


class Planner:
    """Asks pkg. `exit_code` is that of the last pkg which planned, None if none did.

    `site` is the host as it is now: pkg itself may have been updated.
    """

    def __init__(
        self, runner: Runner, request: Request, check: bool, progress: update_progress.Tell, site: Site
    ) -> None:
        self.runner = runner
        self.request = request
        self.site = site
        self.check = check
        self.progress = progress
        self.exit_code: int | None = None

    def plan(self) -> UpdatePlan:
        """Return the plan. Raises Refusal and CommandError."""
        fetched = _fetched(self.site, self.request)
        result = self._ask(self.request.refresh)
        # Of those that did not answer it says nothing as soon as it gets something new of another (image.py of pkg).
        quietly = (
            self.request.refresh and result.rc in _PLANNED and _some_stand(fetched, _fetched(self.site, self.request))
        )
        stale = quietly or pkg_update.stale_catalogs(result)
        if stale:
            self._check_stale(came_to_zones=result.rc in _PLANNED)
            result = self._ask_in_spite()
        if pkg_update.pkg_out_of_date(result):
            # It has not come to the zones, and has not fetched their catalogs.
            result = self._update_pkg_itself(refresh=self.request.refresh and not stale)
        if result.rc not in _PLANNED:
            raise self._unplanned(result)
        return _parsed(result)

    def plan_anew(self) -> UpdatePlan:
        """Return the plan for what has changed since, from the same catalogs. Raises Refusal."""
        result = self._ask(refresh=False)
        if result.rc not in _PLANNED:
            raise Refusal(pkg_update.explain(result, "Planning the update", self.site.roots()))
        return _parsed(result)

    def _ask(self, refresh: bool, skip_check: bool = False) -> Result:
        argv = pkg_update.dry_run(self.request, refresh, skip_check or self.request.skip_pkg_check)
        self.progress(GLOBAL, "Planning", sentence="pkg plans for all images")
        # Not a probe: it writes the catalogs that it fetches, and waits for another pkg.
        result = self.runner.change(argv, EXPECTED_SECONDS, LIMIT_SECONDS)
        self.exit_code = result.rc
        return result

    def _ask_in_spite(self) -> Result:
        """Ask while a repository is away.

        A zone that needs a manifest from any repository makes pkg stumble again; it has the manifest then.
        """
        result = self._ask(refresh=False)
        for _zone in self._linked():
            if not pkg_update.stumbled(result):
                break
            result = self._ask(refresh=False)
        return result

    def _unplanned(self, result: Result) -> Refusal:
        """Return the refusal for what pkg could not plan."""
        lost = update_preflight.lost_parents(self.site.parent, self.site.zones)
        if lost and result.rc == PKG_ERROR:
            return update_preflight.lost_parent(lost, self.site.zones, result.lines())
        return Refusal(pkg_update.explain(result, "Planning the update", self.site.roots()))

    def _check_stale(self, came_to_zones: bool) -> None:
        """Refuse to go on with catalogs that could not be refreshed, unless that is allowed."""
        if self.request.allow_stale_catalogs:
            self.runner.warn("Not every repository could be reached; the update is planned from what was known before.")
            if not came_to_zones:
                self._fetch_for_zones()
            return
        linked = [(f"zone {zone.zone.name}", zone.root) for zone in self._linked()]
        for name, root in [("the global zone", "/"), *linked]:
            result = self.runner.change(pkg.refresh(root))
            away = [f"publisher {publisher} of {name}" for publisher in pkg.unreachable_publishers(result)]
            if away:
                raise refuse(
                    "unreachable",
                    f"Repositories cannot be reached, and pkg would go on with what it had: {'; '.join(away)}.",
                    "Mend the network or the publisher's origin, then run again; or set `allow_stale_catalogs: true` "
                    "to do without.",
                    tuple(result.lines()),
                )

    def _fetch_for_zones(self) -> None:
        """Bring the zones' catalogs to where the global zone's are, which may know by now what zones must follow to."""
        for zone in self._linked():
            self.runner.change(pkg.refresh(zone.root))

    def _linked(self) -> list[ZoneSurvey]:
        return [zone for zone in self.site.zones if zone.standing.linked]

    def _update_pkg_itself(self, refresh: bool) -> Result:
        """Do as pkg says: update pkg first, then plan anew. In check mode plan as if that had been done."""
        argv = pkg.install("/", [_PKG_ITSELF], self.request.accept_licenses)
        if self.check:
            self.runner.planned(argv)
            return self._ask(refresh, skip_check=True)
        done = self.runner.change(argv, EXPECTED_SECONDS, LIMIT_SECONDS)
        if done.rc not in _PLANNED:
            self.exit_code = done.rc
            raise Refusal(pkg_update.explain(done, "Updating pkg itself"))
        self.site = look(self.runner)
        return self._ask(refresh)


def _parsed(result: Result) -> UpdatePlan:
    if result.rc == PKG_NOTHING_TO_DO:
        return UpdatePlan(())
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


def _some_stand(before: Mapping[Any, float], after: Mapping[Any, float]) -> bool:
    """Tell whether the time stamp of one of them stands as it stood."""
    return any(after[key] == value for key, value in before.items())
