"""linked_update with `hold`: packages that stay as they are in a zone, and no freeze of ours left behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration.conftest import MakeMachine
from integration.machine import Machine
from integration.updating import (
    DB01,
    DRY,
    LAYOUT,
    LOOK,
    MOUNTPOINT,
    OWN01,
    REAL,
    WEB01,
    attempt,
    boot_environments,
    done,
    publish,
    statuses,
    versions,
)
from walk import world

NEWEST = ":20250513T120000Z"
CURL = {"days": 8, "packages": ["web/curl"]}
ROOT = "/zones/web01/root"
COMMENT = "illumos.linked_zones: held until the update from the global zone has ended"
HOLD = {"web01": ("web/curl",)}
FREEZE = f"pkg -R {ROOT} freeze -c {COMMENT} pkg:/web/curl"
UNFREEZE = f"pkg -R {ROOT} unfreeze pkg:/web/curl"
AGAIN = "pkg update -n --parsable=0 --no-refresh -r"
BACKUP = "omnios-r151054-backup-1"


def make(machine: MakeMachine, *zones: dict[str, Any], **declared: Any) -> Machine:
    return machine({"zones": list(zones or (WEB01, DB01, OWN01)), "updates": {"curl": [CURL]}, **declared})


def frozen(host: Machine, root: str = ROOT) -> list[str]:
    """What is frozen in a zone, with the comments."""
    path = host.path(f"{root}/var/pkg/state/frozen_dict")
    if not path.exists():
        return []
    return [f"{stem}: {entry[1]}" for stem, entry in json.loads(path.read_text())[1].items()]


def frozen_anywhere(host: Machine) -> list[str]:
    """Wherever an image of the host lies: mounted or not, in snapshots, too."""
    paths = [path for path in host.directory.rglob("frozen_dict") if "snapshots" not in str(path)]
    return [str(path) for path in paths if COMMENT in path.read_text()]


@pytest.mark.parametrize("image_format", [4, 5])
def test_six_steps(image_format: int, machine: MakeMachine) -> None:
    """Check, run, check again, run again, change, run: frozen right before the update, let go right after it."""
    host = make(machine, image_format=image_format)
    publish(host, "libraries", "curl")
    foreseen = done(attempt(host, check=True, hold=HOLD, backup_be="never"))
    dry, again, real = (f"{line} --no-backup-be" for line in (DRY, AGAIN, REAL))
    assert foreseen.typed == [*LOOK, dry]
    assert foreseen.actions == [*LOOK, dry, FREEZE, again, real, UNFREEZE, *LOOK]
    ran = done(attempt(host, hold=HOLD, backup_be="never"))
    assert ran.typed == foreseen.actions
    assert ran.result["plan"] == foreseen.result["plan"]
    assert statuses(ran) == {"global": "updated", "web01": "updated", "db01": "updated", "own01": "not-linked"}
    assert [v.endswith(NEWEST) for v in versions(host, "web/curl", "web01", "db01")] == [True, False, True]
    (finding,) = ran.result["findings"]
    assert (finding["code"], finding["zone"], finding["package"]) == ("held", "web01", "web/curl")
    assert frozen_anywhere(host) == []
    for check in (True, False):
        second = done(attempt(host, check=check, hold=HOLD, backup_be="never"))
        # The plan still has what is held; with nothing else in it nothing is frozen.
        assert (second.typed, second.result["changed"]) == ([*LOOK, dry], False)
        assert statuses(second)["web01"] == "unchanged"
    publish(host, "driver")
    ran = done(attempt(host, hold=HOLD, backup_be="never"))
    assert (statuses(ran)["global"], statuses(ran)["web01"]) == ("updated", "unchanged")
    ran = done(attempt(host))
    assert versions(host, "web/curl", "web01")[1].endswith(NEWEST)
    assert frozen_anywhere(host) == []


def test_what_the_update_does_not_move_is_not_frozen(machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "driver")
    ran = done(attempt(host, hold=HOLD))
    assert ran.typed == [*LOOK, DRY, REAL, *LOOK]
    assert ran.result["findings"] == []


def test_the_backup_is_a_clone_of_what_was_frozen(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "libraries", "curl")
    ran = done(attempt(host, hold=HOLD))
    in_backup = f"pkg -R {MOUNTPOINT}{ROOT} unfreeze pkg:/web/curl"
    tail = [f"beadm mount {BACKUP} {MOUNTPOINT}", in_backup, f"beadm unmount {BACKUP}"]
    assert ran.typed == [*LOOK, DRY, FREEZE, AGAIN, REAL, UNFREEZE, *LOOK, *tail]
    assert BACKUP in boot_environments(host)
    assert frozen_anywhere(host) == []


def test_a_new_boot_environment_is_a_clone_of_what_was_frozen(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "kernel", "curl")
    ran = done(attempt(host, hold=HOLD))
    name = ran.result["be"]["name"]
    in_clone = f"pkg -R {MOUNTPOINT}{ROOT} unfreeze pkg:/web/curl"
    tail = ["beadm list -H", f"beadm mount {name} {MOUNTPOINT}", in_clone, f"beadm unmount {name}"]
    assert ran.typed == [*LOOK, DRY, FREEZE, AGAIN, LAYOUT, REAL, UNFREEZE, *tail]
    assert statuses(ran) == {"global": "staged", "web01": "unchanged"}
    assert frozen_anywhere(host) == []
    host.command("init 6")
    assert not any("mount" in line for line in done(attempt(host, hold=HOLD)).typed)
    assert frozen(host) == []
    assert [v.endswith(NEWEST) for v in versions(host, "web/curl", "web01")] == [True, False]


def test_freezes_of_the_administrator_stay(machine: MakeMachine) -> None:
    """One on a package that is to be held, too: it holds already."""
    host = make(machine, WEB01)
    host.command(f"pkg -R {ROOT} freeze -c mine ooce/util/tmux")
    publish(host, "libraries", "curl")
    ran = done(attempt(host, hold={"web01": ("web/curl", "tmux")}))
    assert FREEZE in ran.typed
    assert frozen(host) == ["ooce/util/tmux: mine"]
    assert "tmux was frozen in zone web01 before" in ran.result["findings"][0]["message"]
    host.command(f"pkg -R {ROOT} freeze -c mine web/curl")
    publish(host, "driver")
    ran = done(attempt(host, hold={"web01": ("web/curl",)}))
    assert not any("freeze" in line for line in ran.typed)
    assert "web/curl: mine" in frozen(host)


@pytest.mark.parametrize("check", [True, False])
def test_what_follows_the_global_zone_is_refused(check: bool, machine: MakeMachine) -> None:
    """A freeze on it would block even the global zone's own update (recordings 18 and 69)."""
    host = make(machine)
    publish(host, "libraries")
    refused = attempt(host, check=check, hold={"web01": ("system/library",)})
    assert (refused.cause, refused.typed, refused.result["changed"]) == (
        "hold-parent-dependency",
        [*LOOK, DRY],
        False,
    )
    assert "system/library, which has a parent dependency on itself" in refused.message
    publish(host, "driver")
    assert done(attempt(host, zones=("db01",), packages=("web/curl",), hold={"web01": ("system/library",)}))


@pytest.mark.parametrize(
    ("hold", "cause", "words"),
    [
        ({"own01": ("web/curl",)}, "hold-not-linked", "own01"),
        ({"nosuch": ("web/curl",)}, "no-such-zone", "nosuch"),
        ({"web01": ("nosuch",)}, "hold-not-installed", "nosuch"),
        ({"web01": ("web/curl@8",)}, "hold-pattern", "without publisher or version"),
    ],
)
def test_what_holds_nothing_is_refused(hold: dict[str, Any], cause: str, words: str, machine: MakeMachine) -> None:
    refused = attempt(make(machine), hold=hold)
    assert (refused.cause, refused.typed) == (cause, LOOK)
    assert words in refused.message


@pytest.mark.parametrize("names", ["web/curl", [1], None])
def test_what_is_no_list_of_names_is_refused(names: Any, machine: MakeMachine) -> None:
    refused = attempt(make(machine), hold={"web01": names})
    assert (refused.cause, refused.typed) == ("bad-options", [])
    assert "web01: [web/curl]" in refused.message


def test_an_excluded_zone_may_be_held(machine: MakeMachine) -> None:
    """It is brought along where parent dependencies force it; what is held is not touched by that."""
    host = make(machine, WEB01, DB01)
    publish(host, "libraries", "curl")
    ran = done(attempt(host, exclude_zones=("web01",), hold=HOLD))
    assert not any("freeze" in line for line in ran.typed)
    assert statuses(ran)["web01"] == "excluded-but-synced"


def test_a_failed_update_leaves_no_freeze(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "libraries", "curl")
    host.change(immutable=[f"{ROOT}/etc"])
    failed = attempt(host, hold=HOLD)
    assert failed.result["failed"]
    assert UNFREEZE in failed.typed
    assert frozen_anywhere(host) == []
    host.change(immutable=[])
    done(attempt(host, hold=HOLD))
    assert frozen_anywhere(host) == []


def test_a_freeze_that_cannot_be_let_go_is_said(machine: MakeMachine) -> None:
    """After an update that went well it is what failed; after one that did not, a warning. The next run lets go."""
    for immutable in ([], [f"{ROOT}/etc"]):
        host = make(machine, WEB01)
        publish(host, "libraries", "curl")
        host.change(immutable=immutable)
        host.faults({"match": " unfreeze ", "nth": "every", "rc": 1, "stderr": "pkg unfreeze: no\n"})
        failed = attempt(host, hold=HOLD, backup_be="never")
        said = failed.message if not immutable else " ".join(failed.result["warnings"])
        assert "web/curl was held in zone web01" in said
        assert (failed.cause == "hold-left") is (immutable == [])
        host.faults()
        host.change(immutable=[])
        assert done(attempt(host, hold=HOLD, backup_be="never")).result["resumed"] is True
        assert frozen_anywhere(host) == []


def test_a_freeze_that_fails_is_said(machine: MakeMachine) -> None:
    host = make(machine, WEB01, DB01)
    publish(host, "libraries", "curl")
    host.faults({"match": "freeze -c .* pkg:/web/curl", "nth": 2, "rc": 1, "stderr": "pkg freeze: no\n"})
    failed = attempt(host, hold={**HOLD, "db01": ("web/curl",)})
    assert failed.cause == "hold-failed"
    assert "zone db01" in failed.message
    assert frozen_anywhere(host) == []
    assert REAL not in failed.typed
    assert done(attempt(host, check=True)).result["resumed"] is False


URI = "https://pkg.example.org/ours/"


def package(name: str, *requires: str, parent: bool = False) -> dict[str, Any]:
    """A package that is in version 1.0, and will be in version 2.0, of which it requires others then."""
    return {
        "name": f"ours/{name}",
        "requires": [f"ours/{one}" for one in requires],
        "parent": ["self"] if parent else [],
        "files": {f"opt/{name}": f"{name} {{release}}\n"},
    }


def with_packages(machine: MakeMachine, *packages: dict[str, Any], between: bool = False) -> Machine:
    """The global zone and web01 have them all in version 1.0; version 2.0 is there, and one `between` if wanted."""
    newer = [
        {**one, "version": version, "requires": [f"{name}@2.0" for name in one["requires"]]}
        for one in packages
        for version in (["1.5"] if between and one["requires"] else []) + ["2.0"]
    ]
    offered = [{**one, "version": "1.0"} for one in packages]
    host = machine(
        {
            "zones": [WEB01],
            "updates": {"ours": [{"uri": URI, "publisher": "ours", "packages": newer}]},
            "repositories": [{"uri": URI, "publisher": "ours", "release": "r151054", "packages": offered}],
        }
    )
    for root in (ROOT, "/"):
        host.command(f"pkg -R {root} set-publisher -g {URI} ours")
    for root in ("/", ROOT):
        assert host.command(f"pkg -R {root} install {' '.join(one['name'] for one in packages)}").rc == 0
    publish(host, "ours")
    return host


def test_what_does_not_go_with_a_held_package_stays_with_it(machine: MakeMachine) -> None:
    host = with_packages(machine, package("lib"), package("app", "lib"), package("tool"))
    hold = {"web01": ("ours/lib",)}
    foreseen = done(attempt(host, check=True, hold=hold))
    ran = done(attempt(host, hold=hold))
    assert ran.result["plan"] == foreseen.result["plan"]
    assert [versions(host, f"ours/{name}", "web01")[1][:3] for name in ("lib", "app", "tool")] == ["1.0", "1.0", "2.0"]
    assert [versions(host, f"ours/{name}")[0][:3] for name in ("lib", "app", "tool")] == ["2.0", "2.0", "2.0"]
    assert "pkg://ours/ours/app@2.0" in foreseen.result["findings"][1]["message"]
    again = done(attempt(host, hold=hold))
    assert again.result["changed"] is False
    assert frozen_anywhere(host) == []


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("held", ["ours/app", "ours/lib"])
def test_what_must_follow_and_needs_what_is_held(held: str, check: bool, machine: MakeMachine) -> None:
    """Itself, or by something else that stays then."""
    host = with_packages(machine, package("lib"), package("app", "lib"), package("driver", "app", parent=True))
    refused = attempt(host, check=check, hold={"web01": (held,)})
    assert (refused.cause, refused.typed) == ("hold-parent-dependency", [*LOOK, DRY])
    assert "ours/driver there has a parent dependency" in refused.message
    assert ("and with it ours/app stays" in refused.message) is (held == "ours/lib")


def test_what_cannot_be_planned_with_a_hold(machine: MakeMachine) -> None:
    """Where there are more versions, only pkg's solver knows, once the package is frozen."""
    packages = [package("lib"), package("app", "lib"), package("driver", "app", parent=True)]
    host = with_packages(machine, *packages, between=True)
    refused = attempt(host, hold={"web01": ("ours/lib",)})
    assert refused.cause == "hold-blocks"
    assert refused.typed[-2:] == [AGAIN, f"pkg -R {ROOT} unfreeze pkg:/ours/lib"]
    assert "ours/lib in zone web01" in refused.message
    assert frozen_anywhere(host) == []
    assert done(attempt(host)).result["resumed"] is False


@pytest.mark.parametrize("updates", [("libraries", "curl"), ("kernel", "curl")])
@pytest.mark.parametrize("kill", [FREEZE, AGAIN, REAL, UNFREEZE, "beadm list", "beadm mount"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("target", ["caller", "power"])
def test_cut_off_anywhere(target: str, when: str, kill: str, updates: tuple[str, ...], machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, *updates)
    host.faults(
        {"match": f"^{kill}", "nth": 2 if kill == "beadm list" else 1, "kill": {"target": target, "when": when}}
    )
    with pytest.raises(RuntimeError):
        attempt(host, hold=HOLD)
    host.faults()
    if target == "power":
        world.power_cycle(host.directory)
    comes_to_its_end(host)


@pytest.mark.parametrize("updates", [("libraries", "curl"), ("kernel", "curl")])
@pytest.mark.parametrize("at", ["Actions", "zone:web01"])
def test_cut_off_in_the_middle_of_pkg(at: str, updates: tuple[str, ...], machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, *updates)
    host.faults({"match": f"^{REAL}", "at": at, "kill": {"target": "power"}})
    with pytest.raises(RuntimeError):
        attempt(host, hold=HOLD)
    host.faults()
    world.power_cycle(host.directory)
    comes_to_its_end(host)


def comes_to_its_end(host: Machine) -> None:
    """The next run lets go what was left frozen, wherever that is, and a further one has nothing to do."""
    done(attempt(host, hold=HOLD))
    assert frozen_anywhere(host) == []
    again = done(attempt(host, hold=HOLD))
    assert (again.result["changed"], again.result["resumed"]) == (False, False)
    assert not any("freeze" in line for line in again.typed)
    if again.result["reboot_required"]:
        host.command("init 6")
        again = done(attempt(host, hold=HOLD))
        assert again.result["changed"] is False
    assert [v.endswith(NEWEST) for v in versions(host, "web/curl", "web01")] == [True, False]
    assert frozen_anywhere(host) == []
