# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forward and way back have in common: running a step, reading it back, keeping the journal."""

from __future__ import annotations

from typing import Any, Sequence

from ..host import logs, smf, zfs, zoneadm
from ..host.journal import Journal, Store
from ..host.runner import CommandError, Result, Runner, StillRunning
from ..model import zone as states
from ..model.finding import Diagnosis
from ..model.zone import Zone
from .brand_switch import Options
from .diagnosis import diagnose
from .facts import Site

# A changing command may take this long before it is given up (it is not killed even then).
LIMIT_SECONDS = 4 * 3600.0
_POLL_SECONDS = 2.0


class StepFailed(Exception):
    """A step did not do what it had to; carries the diagnosis."""

    def __init__(self, diagnosis: Diagnosis, still_running: bool = False) -> None:
        super().__init__(diagnosis.message)
        self.diagnosis = diagnosis
        self.still_running = still_running


def let_zoneadm_end(runner: Runner, zone: str, timeout: float) -> bool:
    """Wait until no other zoneadm, perhaps one of a killed run, is at work on the zone; tell whether one was.

    Raises StepFailed after `timeout` seconds.
    """
    deadline = runner.clock() + timeout
    waited = False
    while zoneadm.is_busy(zone):
        if runner.clock() >= deadline:
            raise StepFailed(
                Diagnosis(
                    "zoneadm-busy",
                    f"Another zoneadm is at work on zone {zone} and has not ended within {timeout:g} seconds.",
                    "Wait for it to end, then run again.",
                ),
                still_running=True,
            )
        waited = True
        runner.sleep(_POLL_SECONDS)
    return waited


class Hands:
    """The one that acts. With `dry` nothing is run: the commands of a real run are noted instead.

    `state` and `brand` are those last read back (or, dry, those the steps would have brought about).
    """

    def __init__(
        self, runner: Runner, store: Store, options: Options, zone: Zone, site: Site, journal: Journal, dry: bool
    ) -> None:
        self.runner = runner
        self.store = store
        self.options = options
        self.zone = zone
        self.site = site
        self.journal = journal
        self.dry = dry
        self.state = zone.state
        self.brand = zone.brand
        self.acted = False
        self.attach_log: str | None = None
        self.audit: str | None = None
        self.left_behind: list[dict[str, Any]] = journal.left_behind
        self.kept_snapshot: str | None = None
        # Those of the journal that are there.
        self.snapshots = [name for name in journal.snapshots if name in site.snapshots]

    def enter(self, phase: str, **changes: Any) -> None:
        """Write down the step about to be taken."""
        self.journal = self.journal.at(phase, **changes)
        if not self.dry:
            self.store.save(self.journal)

    def change(self, argv: Sequence[str], what: str) -> Result | None:
        """Run a changing command that must succeed; None if dry. Raises StepFailed."""
        result = self.attempt(argv)
        if result is not None and result.rc != 0:
            raise StepFailed(diagnose([result.stdout, result.stderr], what))
        return result

    def attempt(self, argv: Sequence[str]) -> Result | None:
        """Run a changing command, whatever its exit code; None if dry. Raises StepFailed if it does not end."""
        self.acted = True
        if self.dry:
            self.runner.planned(argv)
            return None
        try:
            return self.runner.change(argv, limit=LIMIT_SECONDS)
        except StillRunning as exc:
            raise StepFailed(exc.diagnosis, still_running=True) from None

    def read_zone(self) -> Zone:
        """Read state and brand back. Raises StepFailed if that does not work. Not to be called dry."""
        try:
            found = [zone for zone in zoneadm.zones(self.runner) if zone.name == self.zone.name]
        except CommandError as exc:
            raise StepFailed(Diagnosis("probe-failed", str(exc), "Look at the host, then run again.")) from None
        if not found:
            raise StepFailed(
                Diagnosis("absent", f"Zone {self.zone.name} is gone.", "Somebody else is changing it; run again later.")
            )
        self.state, self.brand = found[0].state, found[0].brand
        return found[0]

    def expect(self, what: str, state: str, brand: str | None = None, result: Result | None = None) -> None:
        """Prove by `zoneadm list -cp` that a step had its effect."""
        if self.dry:
            self.runner.planned(zoneadm.LIST)
            self.state, self.brand = state, brand or self.brand
            return
        zone = self.read_zone()
        if zone.state != state or (brand is not None and zone.brand != brand):
            texts = [result.stdout, result.stderr] if result else []
            told = diagnose(texts, what)
            raise StepFailed(
                Diagnosis(
                    told.cause if told.cause != "unknown" else "no-effect",
                    f"{what} had no effect: zone {zone.name} is {zone.state} with brand {zone.brand}."
                    + (f" It said: {told.evidence[-1]}" if told.evidence else ""),
                    told.remedy,
                    told.evidence,
                )
            )

    def wait_for_zoneadm(self) -> None:
        """Wait until no other zoneadm, perhaps one of a killed run, is at work on the zone."""
        if not self.dry and let_zoneadm_end(self.runner, self.zone.name, self.options.lock_timeout):
            self.read_zone()

    def boot(self) -> None:
        """Boot the zone and prove it."""
        what = f"Booting zone {self.zone.name}"
        mark = logs.mark(self.zone.name, self.zone.zonepath)
        result = self.attempt(zoneadm.boot(self.zone.name))
        if result is not None and result.rc != 0:
            raise StepFailed(diagnose([*mark.texts(), result.stdout, result.stderr], what))
        self.expect(what, states.RUNNING)

    def wait_for_service(self) -> None:
        """Wait for multi-user-server in the zone; one that was not online before is only warned of."""
        expected = self.journal.service_online or self.journal.started_state != states.RUNNING
        deadline = self.runner.clock() + (self.options.boot_timeout if expected else 0)
        if self.dry:
            self.runner.planned(smf.list_state(self.zone.name))
            return
        while True:
            state = self._service_state()
            if state == "online":
                return
            if self.runner.clock() >= deadline:
                break
            self.runner.sleep(_POLL_SECONDS)
        if not expected:
            self.runner.warn(f"{smf.MULTI_USER_SERVER} in zone {self.zone.name} is not online; it was not before.")
            return
        raise StepFailed(
            Diagnosis(
                "service-not-online",
                f"Zone {self.zone.name} runs, but {smf.MULTI_USER_SERVER} is {state or 'not there'} after "
                f"{self.options.boot_timeout:g} seconds.",
                f"`svcs -z {self.zone.name} -xv` says what holds it up.",
            )
        )

    def _service_state(self) -> str:
        try:
            return smf.multi_user_server(self.runner, self.zone.name)
        except CommandError as exc:
            raise StepFailed(Diagnosis("probe-failed", str(exc), "Look at the zone, then run again.")) from None

    def take_snapshot(self, name: str) -> None:
        """Snapshot the zone BE and prove it."""
        self.change(zfs.snapshot(name), f"Taking the snapshot {name}")
        self.snapshots.append(name)
        if name not in self.list_snapshots(expected=name):
            self.snapshots.remove(name)
            raise StepFailed(
                Diagnosis("no-effect", f"Snapshot {name} is not there after it was taken.", "Look at the pool.")
            )

    def list_snapshots(self, expected: str | None = None) -> list[str]:
        """Return the snapshots of the zone BE itself, oldest first; dry: `expected`."""
        if self.dry:
            self.runner.planned(zfs.list_snapshots(self.site.dataset))
            return [expected] if expected else []
        try:
            found = zfs.snapshots(self.runner, self.site.dataset)
        except CommandError as exc:
            raise StepFailed(Diagnosis("probe-failed", str(exc), "Look at the pool, then run again.")) from None
        return [name for name in found if name.startswith(self.site.dataset + "@")]

    def left_snapshot(self) -> str | None:
        """Return the snapshot that is left as things stand."""
        return self.snapshots[-1] if self.snapshots else self.kept_snapshot

    def destroy_snapshots(self, keep: bool) -> None:
        """Destroy the snapshots of this switch; one that cannot be destroyed is warned of and left."""
        if keep:
            self.kept_snapshot = self.snapshots[-1] if self.snapshots else None
            return
        if not self.snapshots:
            return
        results = {name: self.attempt(zfs.destroy(name)) for name in self.snapshots}
        left = self.list_snapshots()
        for name, result in results.items():
            if name in left:
                self.kept_snapshot = name
                said = " / ".join(result.lines()[-3:]) if result else ""
                self.runner.warn(f"Snapshot {name} could not be destroyed ({said}). Destroy it when that is mended.")
        self.snapshots = []
