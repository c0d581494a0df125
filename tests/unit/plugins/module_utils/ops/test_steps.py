# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a switch and of the way back, against a scripted host: what is run, and what is done when it goes wrong.

Whole switches run on the testbed; here are the answers that a host seldom gives.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import zoneadm
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.journal import Journal, Store
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Result, Runner, StillRunning
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.brand import pair_of
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.dataset import (
    ACTIVE,
    PARENTBE,
    Properties,
    Property,
)
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.publisher import Publisher
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.zone import Zone
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import brand_switch, forward, way_back
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.brand_switch import Options
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.facts import Site
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.hands import Hands, StepFailed

ROOT, ZBE = "rpool/zones/web01/ROOT", "rpool/zones/web01/ROOT/zbe"
SNAPSHOT = f"{ZBE}@illumos.linked_zones-before-lipkg"
ATTACHED: Properties = {
    ROOT: {
        "zoned": Property("on", "local"),
        "canmount": Property("on", "default"),
        "mountpoint": Property("legacy", "local"),
        PARENTBE: Property("-", "-"),
        ACTIVE: Property("-", "-"),
    },
    ZBE: {
        "zoned": Property("on", f"inherited from {ROOT}"),
        "canmount": Property("noauto", "local"),
        "mountpoint": Property("legacy", f"inherited from {ROOT}"),
        PARENTBE: Property("7c1e", "local"),
        ACTIVE: Property("on", "local"),
    },
}
Answer = Callable[["Host", Sequence[str]], "tuple[int, str] | None"]


class Host(Runner):
    """A host whose zone changes state and brand as zoneadm and zonecfg would; `answers` come before that."""

    def __init__(self, state: str, brand: str, answers: Sequence[Answer] = ()) -> None:
        self.now = 0.0
        self.warnings: list[str] = []
        super().__init__(self.warnings.append, 30, clock=lambda: self.now, sleep=self._pass)
        self.state, self.brand = state, brand
        self.snapshots = [SNAPSHOT]
        self.answers = answers

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def _run(self, argv: Sequence[str], wait: object) -> Result:
        action = self._note(argv)
        given = next((said for answer in self.answers if (said := answer(self, argv)) is not None), None)
        rc, text = given or (0, self._usual(argv))
        action.update(rc=rc, seconds=0.0)
        return Result(tuple(argv), rc, text if rc == 0 else "", "" if rc == 0 else text, 0.0)

    def _usual(self, argv: Sequence[str]) -> str:
        line = " ".join(argv)
        effects = {"shutdown": "installed", "halt": "installed", "detach": "configured", "boot": "running"}
        if line == "zoneadm list -cp":
            zid = "5" if self.state == "running" else "-"
            return f"0:global:running:/::ipkg:shared:0\n{zid}:web01:{self.state}:/zones/web01:u:{self.brand}:excl:2\n"
        if argv[0] == "zoneadm":
            self.state = effects.get(argv[3], "installed")
        if argv[0] == "zonecfg":
            self.brand = argv[4].split("=")[1]
        if argv[:2] == ["zfs", "snapshot"]:
            self.snapshots.append(argv[2])
        if argv[:2] == ["zfs", "destroy"]:
            self.snapshots.remove(argv[2])
        if argv[:5] == ["zfs", "list", "-H", "-t", "snapshot"]:
            return "".join(f"{name}\n" for name in self.snapshots)
        if argv[:2] == ["zfs", "get"]:
            return "".join(
                f"{dataset}\t{name}\t{value.value}\t{value.source}\n"
                for dataset, properties in ATTACHED.items()
                for name, value in properties.items()
            )
        if line == "mount -p":
            return f"{ZBE} - /zones/web01/root zfs - no rw\n"
        return ""

    def ran(self) -> list[str]:
        """The changing commands."""
        probes = ("zoneadm list", "zfs list", "zfs get", "zfs holds", "mount -p", "fuser", "ps ", "svcs", "pkg list")
        lines = [" ".join(action["argv"]) for action in self.actions]
        return [line for line in lines if not line.startswith(probes)]


def says(start: str, rc: int, text: str = "") -> Answer:
    """Every command whose line begins so prints `text` and exits with `rc`, without effect."""
    return lambda host, argv: (rc, text) if " ".join(argv).startswith(start) else None


@pytest.fixture
def hands(tmp_path: Path) -> Callable[..., Hands]:
    def make(host: Host, options: Options | None = None, **journal: Any) -> Hands:
        zone = Zone("web01", host.state, "/zones/web01", host.brand)
        config = SimpleNamespace(publishers=(Publisher("omnios"),), format=4)
        site = Site(
            pair=pair_of("omnios"),
            be_uuid="7c1e",
            entire=Fmri.parse("pkg://omnios/entire@11"),
            global_image=SimpleNamespace(config=config),  # type: ignore[arg-type]
            global_installed={},
            zonepath_dataset="rpool/zones/web01",
            dataset=ZBE,
            guid="1",
            mounted=True,
            properties=ATTACHED,
            snapshots=tuple(host.snapshots),
            service_online=True,
        )
        noted = {
            "zone": "web01",
            "old_brand": "ipkg",
            "wanted_brand": "lipkg",
            "started_state": "running",
            "dataset": ZBE,
            "guid": "1",
            "be_uuid": "7c1e",
            "properties": ATTACHED,
            "own_publishers": [],
            "linked_metadata": False,
            "service_online": True,
            "snapshots": [SNAPSHOT],
            "attach_begun": True,
            **journal,
        }
        store = Store("web01", str(tmp_path / "lib"))
        return Hands(host, store, options or Options("web01", "lipkg"), zone, site, Journal(**noted), False)

    return make


def failed(work: Callable[[], Any]) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        work()
    return caught.value


def test_the_way_back_is_the_recorded_one(hands: Callable[..., Hands]) -> None:
    host = Host("configured", "lipkg")
    assert way_back.run(hands(host), may_roll_back=True) == []
    assert host.ran() == [
        "zonecfg -z web01 set brand=ipkg",
        f"zfs rollback {SNAPSHOT}",
        f"zfs set {PARENTBE}=7c1e {ZBE}",
        f"zfs set {ACTIVE}=on {ZBE}",
        f"zfs set canmount=noauto {ZBE}",
        f"zfs set zoned=off {ZBE}",
        f"zfs inherit mountpoint {ZBE}",
        f"zfs inherit zoned {ZBE}",
        f"mount -F zfs {ZBE} /zones/web01/root",
        "zoneadm -z web01 attach -F",
        "zoneadm -z web01 boot",
        f"zfs destroy {SNAPSHOT}",
    ]


def test_the_zone_is_looked_at_again_after_another_zoneadm(
    hands: Callable[..., Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host("configured", "lipkg")
    busy = iter([True, False])

    def attach_ends(zone: str) -> bool:
        host.state = "installed"
        return next(busy)

    monkeypatch.setattr(zoneadm, "is_busy", attach_ends)
    way_back.run(hands(host), may_roll_back=True)
    assert host.ran()[0] == "zoneadm -z web01 detach"


def test_a_newer_bookmark_is_named(hands: Callable[..., Hands]) -> None:
    said = f"cannot rollback to '{SNAPSHOT}': more recent snapshots or bookmarks exist"
    host = Host("configured", "ipkg", [says("zfs rollback", 1, said)])
    failure = failed(lambda: way_back.run(hands(host), may_roll_back=True))
    assert failure.diagnosis.cause == "newer-snapshots"


def test_a_full_disk_does_not_keep_it_from_going_back(
    hands: Callable[..., Hands], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(journal: Journal) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    host = Host("configured", "lipkg")
    zone = hands(host)
    monkeypatch.setattr(zone.store, "save", full)
    way_back.run(zone, may_roll_back=True)
    assert (host.state, host.brand) == ("running", "ipkg")
    assert any("No space left" in warning for warning in host.warnings)


def test_properties_that_came_with_a_stream_are_received_again() -> None:
    noted = {name: Property(value.value, "received") for name, value in ATTACHED[ZBE].items()}
    assert [" ".join(argv) for argv in way_back.as_noted(ZBE, "/zones/web01/root", noted)] == [
        f"zfs inherit -S {PARENTBE} {ZBE}",
        f"zfs inherit -S {ACTIVE} {ZBE}",
        f"zfs inherit -S canmount {ZBE}",
        f"zfs set zoned=off {ZBE}",
        f"zfs inherit -S mountpoint {ZBE}",
        f"zfs inherit -S zoned {ZBE}",
        f"mount -F zfs {ZBE} /zones/web01/root",
    ]


def test_the_default_of_canmount_is_set_for_it_cannot_be_inherited(hands: Callable[..., Hands]) -> None:
    noted = {**ATTACHED, ZBE: {**ATTACHED[ZBE], "canmount": Property("noauto", "default")}}
    host = Host("configured", "ipkg")
    way_back.run(hands(host, properties=noted), may_roll_back=True)
    assert f"zfs set canmount=noauto {ZBE}" in host.ran()


def test_after_a_successful_attach_the_zone_is_detached_first(hands: Callable[..., Hands]) -> None:
    host = Host("installed", "lipkg")
    way_back.run(hands(host), may_roll_back=True)
    assert host.ran()[:2] == ["zoneadm -z web01 detach", "zonecfg -z web01 set brand=ipkg"]


def test_nothing_is_rolled_back_that_may_have_run(hands: Callable[..., Hands]) -> None:
    host = Host("installed", "ipkg")
    way_back.run(hands(host), may_roll_back=False)
    assert host.ran() == ["zoneadm -z web01 boot", f"zfs destroy {SNAPSHOT}"]


def test_newer_snapshots_go_and_are_named(hands: Callable[..., Hands]) -> None:
    host = Host("configured", "ipkg")
    host.snapshots.append(f"{ZBE}@hourly-1")
    assert way_back.run(hands(host), may_roll_back=True) == [f"{ZBE}@hourly-1"]
    assert f"zfs rollback -r {SNAPSHOT}" in host.ran()


@pytest.mark.parametrize(
    "answer",
    [
        says("zfs holds", 0, f"NAME TAG TIMESTAMP\n{ZBE}@hourly-1  keep  Sat Nov 21 13:00 2026\n"),
        says("zfs list -H -t filesystem -o name,origin", 0, f"{ROOT}/zbe-1\t{ZBE}@hourly-1\n"),
        says("zfs holds", 1, "permission denied"),
    ],
)
def test_newer_snapshots_with_a_hold_or_a_clone_stop_it(hands: Callable[..., Hands], answer: Answer) -> None:
    host = Host("configured", "ipkg", [answer])
    host.snapshots.append(f"{ZBE}@hourly-1")
    failure = failed(lambda: way_back.run(hands(host), may_roll_back=True))
    assert failure.diagnosis.cause in ("newer-snapshots", "probe-failed")
    assert host.ran() == []


def test_a_busy_root_stops_it_before_the_dataset_is_touched(hands: Callable[..., Hands]) -> None:
    answers = [says("fuser", 0, " 77c\n"), says("ps", 0, "77 global sleep 999\n")]
    host = Host("configured", "ipkg", answers)
    failure = failed(lambda: way_back.run(hands(host), may_roll_back=True))
    assert failure.diagnosis.cause == "root-busy"
    assert host.ran() == [f"zfs rollback {SNAPSHOT}"]


def test_it_does_not_go_on_with_a_dataset_that_is_not_mounted(hands: Callable[..., Hands]) -> None:
    host = Host("configured", "ipkg", [says("mount -p", 0)])
    assert failed(lambda: way_back.run(hands(host), may_roll_back=True)).diagnosis.cause == "way-back-incomplete"
    assert "zoneadm -z web01 attach -F" not in host.ran()


def test_a_zone_on_its_way_down_is_left_alone(hands: Callable[..., Hands]) -> None:
    host = Host("shutting_down", "ipkg")
    way_back.run(hands(host, started_state="installed"), may_roll_back=True)
    assert not any(line.startswith(("zfs set", "zfs inherit", "zfs rollback", "mount")) for line in host.ran())


def test_a_brand_that_was_not_set_is_seen_though_zonecfg_exits_0(hands: Callable[..., Hands]) -> None:
    host = Host("running", "ipkg", [says("zonecfg", 0, "Zone web01 already installed; set brand not allowed.")])
    failure = failed(lambda: forward.run(hands(host), brand_switch.SWITCH, None, False))
    assert failure.diagnosis.cause == "no-effect"
    assert host.ran()[-1] == "zonecfg -z web01 set brand=lipkg"


def test_an_error_of_zoneadm_list_is_an_error_though_it_exits_0(hands: Callable[..., Hands]) -> None:
    class Complaining(Host):
        def _run(self, argv: Sequence[str], wait: object) -> Result:
            given = super()._run(argv, wait)
            return Result(given.argv, 0, given.stdout, "zoneadm: web02: could not get brand", 0.0)

    failure = failed(lambda: forward.run(hands(Complaining("running", "ipkg")), brand_switch.SWITCH, None, False))
    assert failure.diagnosis.cause == "probe-failed"


def test_a_snapshot_of_an_earlier_run_is_taken_anew(hands: Callable[..., Hands]) -> None:
    host = Host("running", "ipkg", [says("zoneadm -z web01 detach", 1, "ERROR: no active dataset.")])
    failure = failed(lambda: forward.run(hands(host), brand_switch.SWITCH, None, False))
    assert failure.diagnosis.cause == "no-active-dataset"
    assert host.ran() == [
        "zoneadm -z web01 shutdown",
        f"zfs destroy {SNAPSHOT}",
        f"zfs snapshot {SNAPSHOT}",
        "zoneadm -z web01 detach",
    ]


def hanging(host: Host, argv: Sequence[str]) -> None:
    """A shutdown that does not end, with the zone still running."""
    if argv[-1] == "shutdown":
        host.now += 300
        raise StillRunning("does not end")


def late(host: Host, argv: Sequence[str]) -> None:
    """A shutdown that does not end in time, but has brought the zone down."""
    if argv[-1] == "shutdown":
        host.now += 300
        host.state = "installed"
        raise StillRunning("does not end")


def test_a_zone_that_does_not_go_down_is_left_running(hands: Callable[..., Hands]) -> None:
    host = Host("running", "ipkg", [hanging])
    failure = failed(lambda: forward.run(hands(host), brand_switch.SWITCH, None, False))
    assert "nothing was touched" in failure.diagnosis.sentence
    assert host.ran() == ["zoneadm -z web01 shutdown"]


def test_a_zone_that_went_down_too_late_is_booted_again(hands: Callable[..., Hands]) -> None:
    host = Host("running", "ipkg", [late])
    failure = failed(lambda: forward.run(hands(host), brand_switch.SWITCH, None, False))
    assert "booted again" in failure.diagnosis.sentence
    assert host.ran() == ["zoneadm -z web01 shutdown", "zoneadm -z web01 boot"]


def test_force_halt(hands: Callable[..., Hands]) -> None:
    host = Host("running", "ipkg", [hanging, says("zoneadm -z web01 detach", 1, "x")])
    options = Options("web01", "lipkg", force_halt=True)
    failed(lambda: forward.run(hands(host, options), brand_switch.SWITCH, None, False))
    assert host.ran()[:2] == ["zoneadm -z web01 shutdown", "zoneadm -z web01 halt"]
    assert host.warnings


def test_a_zone_that_stays_down_after_a_halt(hands: Callable[..., Hands]) -> None:
    host = Host("down", "ipkg", [says("zoneadm -z web01 halt", 0)])
    failure = failed(lambda: forward.run(hands(host), brand_switch.SWITCH, None, False))
    assert "reboot of the host" in failure.diagnosis.remedy
    assert host.ran() == ["zoneadm -z web01 halt"]


@pytest.mark.parametrize(
    ("force", "stays", "halted"),
    [(False, "shutting_down", False), (True, "shutting_down", True), (False, "down", True), (True, "running", False)],
)
def test_a_zone_on_its_way_down_that_does_not_arrive(
    hands: Callable[..., Hands], force: bool, stays: str, halted: bool
) -> None:
    def gets_stuck(host: Host, argv: Sequence[str]) -> None:
        if host.now > 100:
            host.state = stays

    host = Host("shutting_down", "ipkg", [gets_stuck, says("zoneadm -z web01 halt", 0)])
    options = Options("web01", "lipkg", force_halt=force)
    failed(lambda: forward.run(hands(host, options), brand_switch.SWITCH, None, False))
    assert host.ran() == (["zoneadm -z web01 halt"] if halted else [])


def test_what_a_refused_shutdown_says_is_evidence(hands: Callable[..., Hands]) -> None:
    host = Host("running", "ipkg", [says("zoneadm -z web01 shutdown", 1, "zone 'web01': unable to shutdown zone")])
    failure = failed(lambda: forward.run(hands(host), brand_switch.SWITCH, None, False))
    assert failure.diagnosis.cause == "shutdown-timeout"
    assert failure.diagnosis.evidence == ("zone 'web01': unable to shutdown zone",)


def test_a_service_that_was_not_online_before_is_no_failure(hands: Callable[..., Hands]) -> None:
    host = Host("running", "lipkg", [says("svcs", 0, "offline\n")])
    hands(host, service_online=False).wait_for_service()
    assert host.warnings
    assert failed(hands(host).wait_for_service).diagnosis.cause == "service-not-online"
    assert host.now >= 300
