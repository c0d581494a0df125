# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Note which zones run and how services are, halt zones, and bring all back exactly as it was.

The note outlives the run that took it, a reboot, and the change to a boot environment that was cloned after it.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import Any

from ..host import beadm, host_state, release, smf, zoneadm
from ..host.runner import CommandError, Runner, StillRunning
from ..model import zone as states
from ..model.be import running_be
from ..model.brand import linked_brands
from ..model.finding import Diagnosis, Refusal, RunFailed, refuse
from ..model.host_state import Fault, Note, Services, missing, silent, still_good, to_boot, to_halt, unhealthy, worse
from ..model.zone import Zone
from .hands import LIMIT_SECONDS, StepFailed, let_zoneadm_end
from .survey import no_such_zone

NOTED = "noted"
HALTED = "halted"
RESTORED = "restored"
FORGOTTEN = "forgotten"
STATES = (NOTED, HALTED, RESTORED, FORGOTTEN)
_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Options:
    """The module's options. `zones` in the order in which they are halted, None: all linked ones; seconds.

    `next_be` is the uuid of the boot environment that is going to be booted.
    """

    state: str
    zones: tuple[str, ...] | None = None
    shutdown_timeout: float = 300
    force_halt: bool = False
    boot_timeout: float = 300
    next_be: str | None = None
    lock_timeout: float = 600


def run(runner: Runner, options: Options, check: bool) -> dict[str, Any]:
    """Bring the host to the state. Returns the module's result. Raises RunFailed."""
    one = _Run(runner, options, check)
    try:
        {NOTED: one.note, HALTED: one.halt, RESTORED: one.restore, FORGOTTEN: one.forget}[options.state]()
        return one.result()
    except (Refusal, StepFailed) as exc:
        raise RunFailed(str(exc), one.result(exc.diagnosis)) from None
    except (CommandError, OSError) as exc:
        told = Diagnosis("probe-failed", str(exc), "Mend that, then run again.")
        raise RunFailed(told.message, one.result(told)) from None


class _Run:
    def __init__(self, runner: Runner, options: Options, check: bool) -> None:
        self.runner = runner
        self.options = options
        self.check = check
        self.changed = False
        self.noted: Note | None = None
        self.kept = False
        self.zones: list[Zone] = []
        self.unhealthy: list[Fault] = []
        self.worse: list[Fault] = []
        self.halted: list[str] = []
        self.booted: list[str] = []

    def result(self, diagnosis: Diagnosis | None = None) -> dict[str, Any]:
        """Return what the module hands back."""
        return {
            "changed": self.changed,
            "noted": None if self.noted is None else {"taken": self.noted.taken, "zones": dict(self.noted.zones)},
            "kept": self.kept,
            "zones": {zone.name: zone.state for zone in self.zones},
            "halted": self.halted,
            "booted": self.booted,
            "unhealthy": [_shown(fault) for fault in self.unhealthy],
            "worse": [_shown(fault) for fault in self.worse],
            "actions": self.runner.actions,
            "diagnosis": None if diagnosis is None else diagnosis.as_result(),
        }

    def note(self) -> None:
        """Note zones and services, unless a note that is still good is there."""
        self._look()
        services = self._services()
        self.unhealthy = unhealthy(services)
        be = running_be(beadm.boot_environments(self.runner))
        self.noted = host_state.load()
        if self.noted is not None and still_good(self.noted, host_state.boot_mark(), be.uuid):
            self.kept = True
            self._note_next(self.noted)
            return
        if self.noted is not None:
            self._warn_of_old(self.noted)
        self.changed = True
        zones = {zone.name: zone.state for zone in self.zones}
        mark = "" if self.check else host_state.make_boot_mark()
        taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.noted = Note(taken, mark, be.uuid, zones, services, next_be=self.options.next_be or "")
        if not self.check:
            host_state.save(self.noted)

    def _note_next(self, note: Note) -> None:
        if self.options.next_be in (None, note.next_be):
            return
        self.changed = True
        if not self.check:
            host_state.save(replace(note, next_be=self.options.next_be or ""))

    def _warn_of_old(self, note: Note) -> None:
        down = to_boot(note, self.zones) + missing(note, self.zones)
        if down:
            self.runner.warn(
                f"The host came back to a boot environment that it was to leave at {note.taken}. Zones that ran then "
                f"and do not run now are left as they are: {', '.join(down)}."
            )

    def halt(self) -> None:
        """Shut zones down, one after the other, in the order given."""
        self._look()
        self.noted = self._noted()
        known = {zone.name: zone for zone in self.zones}
        for name in self.options.zones or ():
            if name not in known:
                raise no_such_zone(name)
        names = self.options.zones
        if names is None:
            linked = linked_brands(release.identify()[0])
            names = tuple(zone.name for zone in self.zones if zone.brand in linked)
        for name in names:
            if known[name].state not in (states.RUNNING, states.INSTALLED, states.CONFIGURED, states.INCOMPLETE):
                raise refuse(
                    "zone-busy",
                    f"Zone {name} is {known[name].state}.",
                    f"Wait, or `zoneadm -z {name} halt`, then run again.",
                )
        down = tuple(name for name in names if known[name].state == states.RUNNING)
        if down and not self.check:
            self.noted = replace(self.noted, halted=self.noted.halted + down)
            host_state.save(self.noted)
        for name in down:
            self._halt(name)

    def restore(self) -> None:
        """Bring the zones back as they were, wait for their services, and compare; drop the note if all is well."""
        self._look()
        self.noted = note = self._noted()
        lost = missing(note, self.zones)
        for name in to_halt(note, self.zones):
            self._halt(name)
        for name in to_boot(note, self.zones):
            self._boot(name)
        if self.check:
            self.changed = True
            return
        self._look()
        self._wait_for_services(note)
        if lost:
            raise refuse(
                "zone-lost",
                f"Zones that ran at {note.taken} cannot be booted now: "
                + ", ".join(f"{name} is {self._state(name)}" for name in lost)
                + ".",
                "`zoneadm list -cv` and the newest /var/tmp/NAME.attach_log.* say more; then run again.",
            )
        if self.worse:
            raise refuse(
                "services-worse",
                f"After it {len(self.worse)} services are worse than before: "
                + "; ".join(str(fault) for fault in self.worse[:5])
                + ".",
                "`svcs -Zxv` says why. Then run again, or note the host as it is now with `state: forgotten`.",
            )
        host_state.remove()
        self.changed = True

    def forget(self) -> None:
        """Drop the note."""
        self._look()
        try:
            self.noted = host_state.load()
            self.changed = self.noted is not None
        except Refusal:
            self.changed = True
        if self.changed and not self.check:
            host_state.remove()

    def _look(self) -> None:
        zones = zoneadm.zones(self.runner)
        if all(zone.name != "global" for zone in zones):
            raise refuse(
                "not-global-zone", "This host is a non-global zone.", "Run this on the host of the global zone."
            )
        self.zones = [zone for zone in zones if zone.name != "global"]

    def _noted(self) -> Note:
        note = host_state.load()
        if note is None:
            if self.check:
                return Note("", "", "", {zone.name: zone.state for zone in self.zones}, {})
            raise refuse("no-note", "Nobody has noted which zones run on this host.", "Run with `state: noted` first.")
        return note

    def _services(self) -> Services:
        found: dict[str, dict[str, str]] = {}
        for zone, state, fmri in smf.everything(self.runner):
            found.setdefault(zone, {})[fmri] = state
        return found

    def _state(self, name: str) -> str:
        return next((zone.state for zone in self.zones if zone.name == name), "not there")

    def _halt(self, name: str) -> None:
        self.changed = True
        self.halted.append(name)
        if self.check:
            self.runner.planned(zoneadm.shutdown(name))
            return
        let_zoneadm_end(self.runner, name, self.options.lock_timeout)
        deadline = self.runner.clock() + self.options.shutdown_timeout
        patience = self.options.shutdown_timeout
        # The zone's state decides, not how its shutdown ended.
        with contextlib.suppress(StillRunning):
            self.runner.change(zoneadm.shutdown(name), expected=patience, limit=patience)
        if self._wait_until_down(name, deadline):
            return
        if self.options.force_halt:
            self.runner.warn(f"Zone {name} did not shut down within {patience:g} seconds; halting it.")
            self.runner.change(zoneadm.halt(name), limit=LIMIT_SECONDS)
            if self._wait_until_down(name, self.runner.clock()):
                return
        raise refuse(
            "shutdown-timeout",
            f"Zone {name} did not shut down within {patience:g} seconds; it is {self._state(name)}.",
            f"`svcs -z {name} -xv` says what holds it up. Give a longer shutdown_timeout, or `force_halt: true`.",
        )

    def _wait_until_down(self, name: str, deadline: float) -> bool:
        while True:
            self._look()
            if self._state(name) == states.INSTALLED:
                return True
            if self.runner.clock() >= deadline:
                return False
            self.runner.sleep(_POLL_SECONDS)

    def _boot(self, name: str) -> None:
        self.changed = True
        self.booted.append(name)
        if self.check:
            self.runner.planned(zoneadm.boot(name))
            return
        let_zoneadm_end(self.runner, name, self.options.lock_timeout)
        result = self.runner.change(zoneadm.boot(name), limit=LIMIT_SECONDS)
        self._look()
        if self._state(name) != states.RUNNING:
            raise StepFailed(
                Diagnosis(
                    "boot-failed",
                    f"Zone {name} ran before and could not be booted; it is {self._state(name)}.",
                    f"ZONEPATH/log/zone.log of the zone says more; then run again, or `zoneadm -z {name} boot`.",
                    tuple(result.lines()),
                )
            )

    def _wait_for_services(self, note: Note) -> None:
        """Wait until no service is worse than it was, `boot_timeout` seconds at most; `worse` is what is left."""
        deadline = self.runner.clock() + self.options.boot_timeout
        while True:
            services = self._services()
            self.unhealthy = unhealthy(services)
            self.worse = silent(note, services) + worse(note.services, services)
            if not self.worse or self.runner.clock() >= deadline:
                return
            self.runner.sleep(_POLL_SECONDS)


def _shown(fault: Fault) -> dict[str, Any]:
    return {"zone": fault.zone, "service": fault.fmri, "state": fault.state, "was": fault.was}
