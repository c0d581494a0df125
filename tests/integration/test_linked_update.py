"""linked_update on a simulated host: what it plans, runs, and says of each image."""

from __future__ import annotations

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

STAMP = ":20250505T120000Z"
LATER = ":20250512T120000Z"
NEWEST_CURL = ":20250513T120000Z"
CURL = {"days": 8, "packages": ["web/curl"]}


def make(machine: MakeMachine, *zones: dict[str, Any], **declared: Any) -> Machine:
    return machine({"zones": list(zones or (WEB01, DB01, OWN01)), "updates": {"curl": [CURL]}, **declared})


@pytest.mark.parametrize("image_format", [4, 5])
def test_six_steps(image_format: int, machine: MakeMachine) -> None:
    """Check, run, check again, run again, change, run: in the running system."""
    host = make(machine, image_format=image_format)
    publish(host, "libraries")
    before = host.picture()
    foreseen = done(attempt(host, check=True))
    assert foreseen.result["changed"] is True
    assert foreseen.typed == [*LOOK, DRY]
    assert foreseen.actions == [*LOOK, DRY, REAL, *LOOK]
    ran = done(attempt(host))
    assert ran.typed == foreseen.actions
    assert [ran.result[key] for key in ("changed", "plan", "exit_code", "reboot_required")] == [
        True,
        foreseen.result["plan"],
        0,
        False,
    ]
    wanted = {"global": "updated", "web01": "updated", "db01": "updated", "own01": "not-linked"}
    assert statuses(ran) == statuses(foreseen) == wanted
    assert all(version.endswith(LATER) for version in versions(host, "system/library", "web01", "db01"))
    assert not versions(host, "system/library", "own01")[1].endswith(LATER)
    for check in (True, False):
        again = done(attempt(host, check=check))
        assert (again.typed, again.actions) == ([*LOOK, DRY], [*LOOK, DRY])
        assert (again.result["changed"], again.result["exit_code"]) == (False, 4)
        assert again.result["plan"] == {"images": []}
        assert statuses(again) == {**dict.fromkeys(wanted, "unchanged"), "own01": "not-linked"}
    publish(host, "driver")
    assert statuses(done(attempt(host))) == {
        **dict.fromkeys(wanted, "unchanged"),
        "global": "updated",
        "own01": "not-linked",
    }
    assert before["zones"] == host.picture()["zones"]


def test_check_mode_changes_nothing(machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "kernel", "libraries")
    host.command("pkg refresh")
    skip = ("var/pkg", "zones", "var/lib")
    before = host.picture(skip)
    done(attempt(host, check=True))
    assert host.picture(skip) == before


def test_diff_shows_versions_image_by_image(machine: MakeMachine) -> None:
    host = make(machine, WEB01, DB01)
    publish(host, "curl")
    shown = done(attempt(host, check=True)).result["diff"]
    assert [entry["before_header"] for entry in shown] == ["global", "db01", "web01"]
    assert shown[1]["before"].startswith("web/curl ")
    assert shown[1]["after"].rstrip().endswith(NEWEST_CURL)


def test_nothing_but_the_global_zones_own_metadata(machine: MakeMachine) -> None:
    """A host on which pkg never worked on linked images: it ends with 0 and an empty plan."""
    host = make(machine)
    ran = done(attempt(host))
    assert (ran.typed, ran.result["changed"], ran.result["exit_code"]) == ([*LOOK, DRY], False, 0)


def test_a_zone_that_was_never_synced_is_told_of_its_parent(machine: MakeMachine) -> None:
    host = make(machine, {**WEB01, "linked": False})
    ran = done(attempt(host))
    assert (REAL in ran.typed, ran.result["changed"]) == (True, True)
    assert statuses(ran)["web01"] == "unchanged"
    assert done(attempt(host)).result["changed"] is False


def test_only_named_packages(machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "libraries", "curl")
    ran = done(attempt(host, packages=("web/curl",)))
    assert ran.typed == [*LOOK, f"{DRY} web/curl", f"{REAL} web/curl", *LOOK]
    assert all(version.endswith(NEWEST_CURL) for version in versions(host, "web/curl", "web01"))
    assert not versions(host, "system/library")[0].endswith(LATER)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"recurse": False}, "-R"),
        ({"zones": ("web01",)}, "-r -z web01"),
        ({"exclude_zones": ("db01",)}, "-r -Z db01"),
    ],
)
def test_zones_that_are_not_chosen_still_follow(options: dict[str, Any], words: str, machine: MakeMachine) -> None:
    """web/curl has no parent dependency, system/library has."""
    host = make(machine, WEB01, DB01)
    publish(host, "libraries", "curl")
    ran = done(attempt(host, **options))
    assert ran.typed == [*LOOK, f"pkg update -n --parsable=0 {words}", f"pkg update --no-refresh {words}", *LOOK]
    web01 = "updated" if options != {"recurse": False} else "excluded-but-synced"
    assert statuses(ran) == {"global": "updated", "web01": web01, "db01": "excluded-but-synced"}
    assert [version.endswith(NEWEST_CURL) for version in versions(host, "web/curl", "web01", "db01")] == [
        True,
        web01 == "updated",
        False,
    ]
    assert all(version.endswith(LATER) for version in versions(host, "system/library", "web01", "db01"))


def test_recurse_false_where_the_image_says_recurse(machine: MakeMachine) -> None:
    """Recording 27: without -R pkg goes by the property."""
    host = make(machine, WEB01, DB01)
    host.command("pkg set-property default-recurse true")
    publish(host, "libraries", "curl")
    done(attempt(host, recurse=False))
    assert [version.endswith(NEWEST_CURL) for version in versions(host, "web/curl", "web01")] == [True, False]


def test_a_backup(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "libraries")
    ran = done(attempt(host, backup_be="never"))
    assert ("backup" in ran.result["be"], list(boot_environments(host))) == (False, ["omnios-r151054"])
    publish(host, "curl")
    ran = done(attempt(host, backup_be="always"))
    assert ran.result["be"]["backup"] == ["omnios-r151054-backup-1"]
    assert f"{REAL} --require-backup-be" in ran.typed


# -- a new boot environment ---------------------------------------------------------------------------------------


def test_a_new_boot_environment(machine: MakeMachine) -> None:
    """Made, read, reported by the next run until it is booted, and forgotten then."""
    host = make(machine)
    publish(host, "kernel", "libraries")
    foreseen = done(attempt(host, check=True, be_name="next"))
    back = ["beadm list -H", f"beadm mount next {MOUNTPOINT}", "beadm unmount next"]
    dry, real = f"{DRY} --require-new-be", "pkg update --be-name next --no-refresh -r --require-new-be"
    assert foreseen.actions == [*LOOK, dry, LAYOUT, real, *back]
    assert foreseen.result["be"] == {"created": True, "name": "next", "uuid": None, "activated": True}
    old = versions(host, "system/library", "web01", "db01")
    ran = done(attempt(host, be_name="next"))
    assert ran.typed == foreseen.actions
    be = ran.result["be"]
    assert (be["created"], be["name"], be["activated"], ran.result["reboot_required"]) == (True, "next", True, True)
    wanted = {"global": "staged", "web01": "staged", "db01": "staged", "own01": "not-linked"}
    assert statuses(ran) == statuses(foreseen) == wanted
    assert versions(host, "system/library", "web01", "db01") == old
    assert ran.result["lost_writes"] == ["web01", "own01"]
    assert "gone after it" in ran.result["warnings"][0]
    assert boot_environments(host) == {"omnios-r151054": "N", "next": "R"}
    for check in (True, False):
        again = done(attempt(host, check=check))
        assert again.typed == again.actions == [*LOOK, LAYOUT]
        assert (again.result["changed"], again.result["reboot_required"]) == (False, True)
        assert again.result["lost_writes"] == ["web01", "own01"]
        assert again.result["images"] == ran.result["images"]
        assert "next, which an update has made, waits to be booted" in again.result["warnings"][0]
        assert again.result["be"] == {"created": True, "name": "next", "uuid": be["uuid"], "activated": True}
    host.command("init 6")
    assert all(version.endswith(LATER) for version in versions(host, "system/library", "web01", "db01"))
    booted = done(attempt(host))
    assert (booted.typed, booted.result["changed"], booted.result["reboot_required"]) == ([*LOOK, DRY], False, False)
    assert (booted.result["warnings"], booted.result["resumed"]) == ([], False)


@pytest.mark.parametrize(("activate", "flags"), [("always", "R"), ("once", "T"), ("never", "")])
def test_activation(activate: str, flags: str, machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "kernel")
    ran = done(attempt(host, be_name="next", activate=activate))
    assert boot_environments(host)["next"] == flags
    assert (ran.result["be"]["activated"], ran.result["reboot_required"]) == (activate != "never", True)
    again = done(attempt(host))
    assert (again.typed, again.result["reboot_required"]) == ([*LOOK, LAYOUT], True)


def test_a_boot_environment_that_somebody_decided_against(machine: MakeMachine) -> None:
    """Activated back by hand, or booted and gone back from: it waits no more."""
    host = make(machine, WEB01)
    publish(host, "kernel")
    done(attempt(host, be_name="next"))
    host.command("beadm activate omnios-r151054")
    foreseen = done(attempt(host, check=True))
    assert foreseen.result["changed"] is True
    ran = done(attempt(host))
    assert ran.result["be"]["name"] == "omnios-r151054-1"


def test_one_that_was_destroyed_is_forgotten(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "kernel")
    done(attempt(host, be_name="next", activate="never"))
    host.command("beadm destroy -F next")
    assert done(attempt(host, be_name="next")).result["be"]["created"] is True


def test_pkg_itself_first(machine: MakeMachine) -> None:
    """pkg says that it is out of date, and what to do; the module does it, and plans anew."""
    host = make(machine, WEB01)
    publish(host, "pkg", "curl")
    install = "pkg install --deny-new-be pkg:/package/pkg"
    foreseen = done(attempt(host, check=True))
    again = "pkg update -n --parsable=0 -f -r"
    assert foreseen.typed == [*LOOK, DRY, again]
    assert statuses(foreseen) == {"global": "updated", "web01": "updated"}
    ran = done(attempt(host))
    assert ran.typed == [*LOOK, DRY, install, *LOOK, DRY, REAL, *LOOK]
    assert statuses(ran) == {"global": "updated", "web01": "updated"}
    assert ran.result["be"]["backup"] == ["omnios-r151054-backup-1", "omnios-r151054-backup-2"]
    assert not any(version.endswith(STAMP) for version in versions(host, "package/pkg", "web01"))
    assert done(attempt(host)).result["changed"] is False


def test_pkg_itself_is_all(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "pkg")
    ran = done(attempt(host))
    assert (ran.result["changed"], statuses(ran)["global"]) == (True, "updated")


def test_pkg_itself_skipped(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "pkg", "curl")
    ran = done(attempt(host, skip_pkg_check=True))
    assert ran.typed == [*LOOK, "pkg update -n --parsable=0 -f -r", "pkg update -f --no-refresh -r", *LOOK]
