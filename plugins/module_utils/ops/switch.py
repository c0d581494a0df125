# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of zone_brand from beginning to end: look, rehearse, go, and go back if that fails."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ..host import release, zoneadm
from ..host.journal import Journal, Store
from ..host.runner import CommandError, Runner
from ..host.safe import UnsafePath
from ..model import zone as states
from ..model.brand import pair_of
from ..model.finding import Diagnosis, Refusal, RunFailed, refuse
from ..model.uri import mask
from ..model.zone import Zone
from . import brand_switch, forward, rehearsal, way_back
from .brand_switch import Options
from .facts import Site, installed_in, look, open_image
from .hands import Hands, StepFailed, let_zoneadm_end

# Phases before anything of the zone's is touched: the rehearsal of an earlier run may be out of date.
_EARLY_PHASES = ("", "shutdown", "snapshot")


@dataclass(frozen=True)
class _Prepared:
    """The journal to go on with, and what a rehearsal of this run has shown (None without one)."""

    journal: Journal
    rehearsed: rehearsal.Rehearsed | None


def run(runner: Runner, options: Options, check: bool) -> dict[str, Any]:
    """Bring the zone to the brand. Returns the module's result. Raises RunFailed."""
    switch = _Switch(runner, options, check)
    try:
        return switch.run()
    except Refusal as exc:
        raise RunFailed(str(exc), switch.result(diagnosis=exc.diagnosis)) from None
    except CommandError as exc:
        told = Diagnosis("probe-failed", str(exc), "Mend that, then run again.")
        raise RunFailed(told.message, switch.result(diagnosis=told)) from None
    except StepFailed as exc:
        raise RunFailed(str(exc), switch.result(diagnosis=exc.diagnosis)) from None
    except (OSError, UnsafePath) as exc:
        told = _file_trouble(exc)
        raise RunFailed(told.message, switch.result(diagnosis=told)) from None


class _Switch:
    def __init__(self, runner: Runner, options: Options, check: bool) -> None:
        self.runner = runner
        self.options = options
        self.check = check
        self.zone: Zone | None = None
        self.linked = False
        self.resumed = False
        self.plan: dict[str, Any] | None = None
        self.hands: Hands | None = None

    def run(self) -> dict[str, Any]:
        _check_global_zone(self.runner)
        if not states.is_legal_name(self.options.zone):
            brand_switch.find_zone((), self.options.zone)
        store = Store(self.options.zone)
        with store.lock(self.options.lock_timeout, self.runner.clock, self.runner.sleep):
            return self._locked(store)

    def _locked(self, store: Store) -> dict[str, Any]:
        journal = store.load()
        try:
            self.zone = zone = brand_switch.find_zone(zoneadm.zones(self.runner), self.options.zone)
        except Refusal as exc:
            raise (_refuse_gone(exc, store) if journal else exc) from None
        self.resumed = journal is not None
        if self.resumed and self._another_zoneadm_has_ended():
            self.zone = zone = brand_switch.find_zone(zoneadm.zones(self.runner), self.options.zone)
        old_brand, started_state = (journal.old_brand, journal.started_state) if journal else (None, None)
        course = brand_switch.course(zone, self.options.brand, old_brand, started_state)
        pending = store.rehearsal_pending()
        if course == brand_switch.NOTHING and not pending:
            pair = pair_of(release.identify()[0])
            self.linked = zone.brand == pair.linked and "system/zones" in installed_in(
                self.runner, self.options, open_image("/")
            )
            return self.result()
        site = look(self.runner, self.options, zone, journal.dataset if journal else None)
        self.linked = site.links(zone.brand) and zone.has_image and "system/zones" in site.global_installed
        if journal is not None:
            _check_fits(journal, site, store)
        pending = pending or rehearsal.left_in(site)
        if pending and (self.options.rehearse or not self.check):
            rehearsal.clean_up(self.runner, store, site.zonepath_dataset)
        if course == brand_switch.NOTHING:
            return self.result()
        if course == brand_switch.WAY_BACK and journal and journal.attach_begun and not _kept(journal, site):
            # What attach has changed cannot be taken back without the snapshot: go forward to the old brand.
            course = brand_switch.ATTACH
        prepared = self._prepare(store, zone, site, journal, course)
        self.plan = prepared.journal.plan
        hands = self.hands = Hands(self.runner, store, self.options, zone, site, prepared.journal, self.check)
        return self._go(hands, course, prepared)

    def _another_zoneadm_has_ended(self) -> bool:
        """A killed run's zoneadm goes on by itself: while its hook works, neither properties nor mounts hold still."""
        try:
            return let_zoneadm_end(self.runner, self.options.zone, self.options.lock_timeout)
        except StepFailed as exc:
            raise Refusal(exc.diagnosis) from None

    def _prepare(self, store: Store, zone: Zone, site: Site, journal: Journal | None, course: str) -> _Prepared:
        fresh = journal is None or zone.state == states.RUNNING or journal.phase in _EARLY_PHASES
        if journal is not None and not (fresh and course in (brand_switch.SWITCH, brand_switch.ATTACH)):
            return _Prepared(journal, None)
        try:
            seen, rehearsed = self._look_inside(store, zone, site)
        except Refusal:
            if journal is not None and not self.check and zone.state == states.INSTALLED:
                # An earlier run has taken the zone down: leave it as it was found then.
                way_back.run(Hands(self.runner, store, self.options, zone, site, journal, False), False)
            raise
        if not self.options.snapshot:
            self.runner.warn(
                f"Without a snapshot a failed switch cannot restore what attach changes in zone {zone.name}: the "
                "settings of publishers that the global zone has, too, and packages of which some were updated."
            )
        same = journal is not None and journal.old_brand == zone.brand
        return _Prepared(
            Journal(
                zone=zone.name,
                old_brand=zone.brand,
                wanted_brand=self.options.brand,
                started_state=journal.started_state if journal else way_back.state_of(zone),
                dataset=site.dataset,
                guid=site.guid,
                be_uuid=site.be_uuid,
                properties=journal.properties if journal and same else site.properties,
                own_publishers=list(seen.own_publishers),
                linked_metadata=seen.linked_metadata or bool(journal and same and journal.linked_metadata),
                service_online=journal.service_online if journal else site.service_online,
                snapshots=journal.snapshots if journal else [],
                plan=self.plan,
                left_behind=rehearsed.left_behind if rehearsed else [],
                forced=rehearsed.forced if rehearsed else False,
                went_back=bool(journal and journal.went_back),
            ),
            rehearsed,
        )

    def _look_inside(self, store: Store, zone: Zone, site: Site) -> tuple[rehearsal.Look, rehearsal.Rehearsed | None]:
        if self.options.rehearse:
            rehearsed = rehearsal.rehearse(self.runner, store, self.options, zone, site)
            self.plan = rehearsed.entry(zone)
            brand_switch.check_publishers(self.options, zone, rehearsed.look.lost)
            brand_switch.check_plan(self.options, zone, rehearsed.plan)
            return rehearsed.look, rehearsed
        if not site.mounted:
            raise refuse(
                "no-dataset-mounted",
                f"{site.dataset} is not mounted on {zone.root}, so the zone's image cannot be looked at.",
                "Leave `rehearse` on (it looks at a clone), or mount the dataset.",
            )
        seen = rehearsal.look_at(self.runner, zone, site, zone.root)
        brand_switch.check_publishers(self.options, zone, seen.lost)
        brand_switch.check_not_newer(self.options, zone, seen.installed.get("entire"), site.entire)
        return seen, None

    def _go(self, hands: Hands, course: str, prepared: _Prepared) -> dict[str, Any]:
        rehearsed = prepared.rehearsed
        try:
            if course in (brand_switch.RESTORE, brand_switch.WAY_BACK):
                # Installed again, it may have run since the snapshot; a detached zone cannot run.
                lost = way_back.run(hands, may_roll_back=course == brand_switch.WAY_BACK)
                return self.result(lost=lost)
            forward.run(
                hands,
                course,
                rehearsed.order if rehearsed else None,
                rehearsed.forced if rehearsed else prepared.journal.forced,
            )
        except StepFailed as exc:
            raise self._failed(hands, course, exc) from None
        except (OSError, UnsafePath) as exc:
            raise self._failed(hands, course, StepFailed(_file_trouble(exc))) from None
        return self.result()

    def _failed(self, hands: Hands, course: str, failure: StepFailed) -> RunFailed:
        """Decide what becomes of the zone after a failure, and do it."""
        told = failure.diagnosis
        name = hands.zone.name
        if course in (brand_switch.RESTORE, brand_switch.WAY_BACK) or failure.still_running:
            return self._give_up(told, "The journal is kept; run again when that is mended.")
        try:
            hands.read_zone()
        except StepFailed as exc:
            return self._give_up(told, f"Then: {exc} The journal is kept.")
        if hands.journal.phase == "shutdown" and hands.state != states.INSTALLED:
            # Nothing of the zone's is touched. One that is on its way down is booted again by a later run.
            if not self.resumed and (hands.state == hands.zone.state or not hands.acted):
                hands.store.remove()
            return self._give_up(told, "")
        running_new = hands.state == states.RUNNING and hands.brand == self.options.brand
        if hands.journal.has_run or running_new or course == brand_switch.FINISH:
            held = hands.snapshots[-1] if hands.snapshots else None
            return self._give_up(
                told,
                f"Zone {name} may have run as {hands.brand} since, so it was not rolled back: what its tenant has "
                "written since the switch would be lost."
                + (f" Its state before the switch is in snapshot {held}, which the next run removes." if held else "")
                + f" Run again to finish, or with brand {hands.journal.old_brand} to go back with the new packages.",
            )
        if self.options.on_failure == "leave":
            return self._give_up(told, f"Zone {name} was left as it is ({hands.state}, brand {hands.brand}).")
        had_snapshot = bool(hands.snapshots)
        try:
            lost = way_back.run(hands, may_roll_back=True)
        except StepFailed as exc:
            return self._give_up(
                told,
                f"The way back stopped: {exc} Zone {name} is {hands.state} with brand {hands.brand}; the journal "
                f"is kept. A run with brand {hands.journal.old_brand} finishes the way back, one with "
                f"{self.options.brand} tries the switch again.",
            )
        hint = ""
        if hands.journal.attach_begun and not had_snapshot:
            hint = " There was no snapshot: publishers and packages in it are as attach left them."
        return RunFailed(
            f"{told.message} The zone was brought back: it is {hands.state} with brand {hands.brand}.{hint}",
            self.result(diagnosis=told, rolled_back=True, lost=lost),
        )

    def _give_up(self, told: Diagnosis, more: str) -> RunFailed:
        return RunFailed(f"{told.message} {more}".strip(), self.result(diagnosis=told))

    def result(
        self,
        diagnosis: Diagnosis | None = None,
        rolled_back: bool = False,
        lost: list[str] | None = None,
    ) -> dict[str, Any]:
        """Return the module's result as things stand."""
        hands, zone = self.hands, self.zone
        state = hands.state if hands else (zone.state if zone else None)
        brand = hands.brand if hands else (zone.brand if zone else None)
        linked = self.linked
        if hands and brand and state:
            linked = hands.site.links(brand) and state in states.INSTALLED_AND_ABOVE
        return {
            "changed": bool(hands and hands.acted),
            "zone": {
                "name": self.options.zone,
                "brand": brand,
                "state": state,
                "linked": linked,
                "zonepath": zone.zonepath if zone else None,
            },
            "plan": self.plan,
            "left_behind": hands.left_behind if hands else [],
            "actions": self.runner.actions,
            "resumed": self.resumed,
            "rolled_back": rolled_back,
            "snapshot": hands.left_snapshot() if hands else None,
            "destroyed_snapshots": lost or [],
            "attach_log": hands.attach_log if hands else None,
            "audit": hands.audit if hands else None,
            "diagnosis": diagnosis.as_result() if diagnosis else None,
            "diff": _diff(zone, state, brand, self.plan),
        }


def _file_trouble(error: Exception) -> Diagnosis:
    """Put an error of the host's files in words."""
    return Diagnosis("file-trouble", f"A file of the host could not be used: {error}.", "Mend that, then run again.")


def _check_global_zone(runner: Runner) -> None:
    if os.geteuid() != 0:
        raise refuse("not-root", "zone_brand must run as root.", "Set `become: true`.")
    name = runner.probe(["zonename"]).stdout.strip()
    if name != "global":
        raise refuse(
            "not-global-zone",
            f"This host is the non-global zone {name}; brands can be switched from the global zone only.",
            "Run this on the host of the global zone.",
        )


def _kept(journal: Journal, site: Site) -> bool:
    """Tell whether a snapshot of the journal's is still there."""
    return bool(set(journal.snapshots) & set(site.snapshots))


def _refuse_gone(refusal: Refusal, store: Store) -> Refusal:
    """Add to the refusal of a zone that is not there that a switch of it was begun."""
    told = refusal.diagnosis
    return refuse(
        told.cause,
        f"{told.sentence} {store.path} is the journal of an unfinished switch of a zone of that name.",
        f"{told.remedy} If the zone is gone for good, remove the file.",
        told.evidence,
    )


def _check_fits(journal: Journal, site: Site, store: Store) -> None:
    if journal.be_uuid == site.be_uuid and journal.dataset == site.dataset and journal.guid == site.guid:
        return
    raise refuse(
        "journal-does-not-fit",
        f"{store.path} is the journal of an unfinished switch of dataset {journal.dataset} (guid {journal.guid}) in "
        f"the boot environment {journal.be_uuid}; here are dataset {site.dataset} (guid {site.guid}) and boot "
        f"environment {site.be_uuid}. It is not followed.",
        "Finish that switch in its own boot environment; if it is done or given up, remove the file, then run again.",
    )


def _diff(zone: Zone | None, state: str | None, brand: str | None, plan: dict[str, Any] | None) -> Any:
    if zone is None:
        return {"before": "", "after": ""}
    before = [f"brand: {zone.brand}", f"state: {zone.state}"]
    after = [f"brand: {brand}", f"state: {state}"]
    for entry in (plan or {}).get("change", []):
        before.append(f"{entry['name']} {entry['from']}")
        after.append(f"{entry['name']} {entry['to']}")
    after += [f"{entry['name']} {entry['version']}" for entry in (plan or {}).get("add", [])]
    before += [f"{entry['name']} {entry['version']}" for entry in (plan or {}).get("remove", [])]
    for entry in (plan or {}).get("publishers", []):
        before.append(mask(f"publisher {entry['publisher']} {entry['setting']}: {entry['zone']}"))
        after.append(mask(f"publisher {entry['publisher']} {entry['setting']}: {entry['global_zone']}"))
    return {"before": "\n".join(before) + "\n", "after": "\n".join(after) + "\n"}
