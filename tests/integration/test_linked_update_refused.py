"""What linked_update refuses before anything is changed, and with which words."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from integration.conftest import MakeMachine
from integration.machine import Machine
from integration.updating import (
    DB01,
    DRY,
    LAYOUT,
    LOOK,
    OWN01,
    WEB01,
    attempt,
    boot_environments,
    done,
    publish,
    statuses,
)

CORE = "https://pkg.example.org/r151054/core/"
LICENSED = {"packages": {"add": ["system/licensed"]}}


def make(machine: MakeMachine, *zones: dict[str, Any], **declared: Any) -> Machine:
    return machine({"zones": list(zones or (WEB01, DB01, OWN01)), **declared})


def refused(host: Machine, cause: str, *words: str, typed: list[str] | None = None, **options: Any) -> str:
    """Run it in check mode and for real: both are refused with the same words, and neither changes a package."""
    roots = ["/", *(f"/zones/{path.name}/root" for path in host.path("/zones").iterdir())]
    readable = [root for root in roots if host.path(f"{root}/var/pkg").exists()]
    before = ({root: host.packages(root) for root in readable}, boot_environments(host))
    outcomes = [attempt(host, check=check, **options) for check in (True, False)]
    for outcome in outcomes:
        assert outcome.result.get("failed"), outcome.result
        assert (outcome.cause, outcome.result["changed"]) == (cause, False), outcome.message
        for word in words:
            assert word in outcome.message
        assert outcome.result["diagnosis"]["remedy"]
        assert "Traceback" not in outcome.message
        assert outcome.typed == outcome.actions
        if typed is not None:
            assert outcome.typed == typed
    assert outcomes[0].message == outcomes[1].message
    assert ({root: host.packages(root) for root in readable}, boot_environments(host)) == before
    assert not host.path("/var/lib/illumos.linked_zones/update/journal.json").exists()
    return outcomes[1].message


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"zones": ("web01",), "exclude_zones": ("db01",)}, "bad-options"),
        ({"zones": ("web01",), "recurse": False}, "bad-options"),
        ({"exclude_zones": ("web01",), "recurse": False}, "bad-options"),
        ({"new_be": "deny", "be_name": "next"}, "bad-options"),
        ({"new_be": "deny", "activate": "once"}, "bad-options"),
        ({"concurrency": 0}, "bad-options"),
        ({"be_name": "bad name"}, "bad-be-name"),
        ({"be_name": "-x"}, "bad-be-name"),
        ({"packages": ("-n",)}, "bad-package"),
        ({"reject": ("a b",)}, "bad-package"),
    ],
)
def test_options(options: dict[str, Any], cause: str, machine: MakeMachine) -> None:
    refused(make(machine, WEB01), cause, typed=[], **options)


@pytest.mark.parametrize("option", ["zones", "exclude_zones"])
def test_zones_that_cannot_be_named(option: str, machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "libraries")
    refused(host, "no-such-zone", "no zone nosuch", f"`{option}`", typed=LOOK, **{option: ("nosuch",)})
    refused(host, "not-linked", "own01", "brand ipkg", typed=LOOK, **{option: ("own01",)})


@pytest.mark.parametrize("options", [{}, {"exclude_zones": ("db01",)}, {"recurse": False}])
def test_a_zone_without_an_image_stops_it_chosen_or_not(options: dict[str, Any], machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "libraries")
    shutil.rmtree(host.path("/zones/db01/root/var/pkg"))
    message = refused(host, "image-missing", "Zone db01", "There is no pkg image", typed=LOOK, **options)
    assert ("even though the zone is not chosen" in message) is bool(options)


def test_a_zone_whose_change_of_brand_is_not_finished(machine: MakeMachine) -> None:
    host = make(machine)
    path = host.path("/var/lib/illumos.linked_zones/web01.json")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    refused(host, "switching", "zone_brand for web01", typed=LOOK)


def test_publishers_in_another_order(machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "libraries")
    host.command("pkg -R /zones/web01/root set-publisher --search-first extra.omnios")
    refused(host, "publisher-order", "Zone web01", "Run linked_publisher for zone web01", typed=LOOK)
    unchecked = attempt(host, publisher_check=False)
    assert (unchecked.typed, unchecked.result["exit_code"]) == ([*LOOK, DRY], 1)
    assert "web01" in unchecked.message


def test_a_boot_environment_of_somebody_else_waits(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "libraries")
    host.command("beadm create mine")
    host.command("beadm activate mine")
    refused(host, "pending-boot-environment", "mine is active on reboot", "beadm activate omnios-r151054", typed=LOOK)
    host.command("beadm activate omnios-r151054")
    host.command("beadm activate -t mine")
    refused(host, "pending-boot-environment", "(once)", "beadm activate -T mine", typed=LOOK)
    host.command("beadm activate -T mine")
    assert done(attempt(host)).result["changed"] is True


def test_a_release_without_recursion(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    host.path("/etc/release").write_text("  OmniOS r151014\n")
    refused(host, "release-too-old", "r151014", "before r151022".capitalize(), typed=[])


@pytest.mark.parametrize("where", ["global", "zone"])
def test_licences(where: str, machine: MakeMachine) -> None:
    """pkg asks for those of the global zone's packages only (recording 10)."""
    declared = LICENSED if where == "global" else {}
    host = make(machine, {**WEB01, **({} if declared else LICENSED)}, **declared)
    publish(host, "licence")
    name = "the global zone" if where == "global" else "zone web01"
    refused(host, "licence", f"{name}: pkg://omnios/system/licensed@", "accept_licenses", typed=[*LOOK, DRY])
    ran = done(attempt(host, accept_licenses=True))
    assert "pkg update --accept --no-refresh -r" in ran.typed
    assert ran.result["changed"] is True


@pytest.mark.parametrize(("pattern", "stops"), [("ooce/util/*", True), ("ooce/util/screen", False), ("tmux", False)])
def test_packages_that_must_stay(pattern: str, stops: bool, machine: MakeMachine) -> None:
    """`ooce/util/tmux` becomes another package."""
    host = make(machine, WEB01)
    publish(host, "retired")
    if stops:
        refused(
            host,
            "would-remove",
            "ooce/util/tmux in the global zone, ooce/util/tmux in zone web01",
            fail_on_remove=(pattern,),
        )
    else:
        assert done(attempt(host, fail_on_remove=(pattern,))).result["changed"] is True


@pytest.mark.parametrize("options", [{}, {"zones": ("db01",)}, {"recurse": False}])
def test_a_package_that_is_installed_nowhere(options: dict[str, Any], machine: MakeMachine) -> None:
    """With -r pkg passes it over, and ends as if there were nothing to do."""
    host = make(machine, {**WEB01, "packages": {"add": ["database/postgresql"]}}, DB01)
    name = "postgresql" if options else "nosuch"
    refused(host, "not-installed", f"{name} is installed neither", typed=LOOK, packages=(name,), **options)


def test_a_name_that_is_taken(machine: MakeMachine) -> None:
    """It matters only if there is something to do."""
    host = make(machine, WEB01)
    assert done(attempt(host, be_name="omnios-r151054")).result["changed"] is False
    publish(host, "kernel")
    said = refused(host, "be-name-taken", "omnios-r151054 already", be_name="omnios-r151054")
    assert "beadm destroy" not in said


def test_a_new_boot_environment_denied(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "kernel")
    refused(host, "new-be-needed", "new boot environment", "`new_be: auto`", new_be="deny")
    assert attempt(host, new_be="deny").result["exit_code"] == 5


def test_a_repository_that_is_away(machine: MakeMachine) -> None:
    """pkg goes on with what it knew; with -r and --parsable it stumbles over it."""
    host = make(machine, WEB01)
    publish(host, "libraries")
    done(attempt(host, check=True))
    host.change(offline=[CORE])
    refused(host, "unreachable", "publisher omnios of the global zone", "allow_stale_catalogs")
    ran = done(attempt(host, allow_stale_catalogs=True, check=True))
    fetched = "pkg -R /zones/web01/root refresh"
    assert ran.typed == [*LOOK, DRY, fetched, "pkg update -n --parsable=0 --no-refresh -r"]
    assert "Not every repository could be reached" in ran.result["warnings"][0]


def test_a_repository_that_is_away_without_a_word(machine: MakeMachine) -> None:
    """As another publisher has something new, pkg forgets the one that did not answer, and ends with 0."""
    host = make(machine, WEB01)
    publish(host, "libraries")
    host.change(offline=[CORE])
    refused(host, "unreachable", "publisher omnios of the global zone", typed=[*LOOK, DRY, "pkg -R / refresh"])


def test_one_repository_of_two_is_away_and_that_is_allowed(machine: MakeMachine) -> None:
    """pkg has fetched the catalogs of the global zone and of one zone, and ended: the other could not follow."""
    host = make(machine, WEB01, DB01)
    done(attempt(host))
    publish(host, "libraries")
    host.change(offline=[CORE.replace("core", "extra")])
    ran = done(attempt(host, allow_stale_catalogs=True))
    assert statuses(ran) == {"global": "updated", "web01": "updated", "db01": "updated"}


def test_a_repository_that_lacks_what_must_be_fetched(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    publish(host, "libraries")
    host.command("pkg refresh")
    host.change(offline=[CORE])
    refused(
        host, "unreachable", "could not be reached", CORE.rstrip("/"), typed=[*LOOK, DRY], allow_stale_catalogs=True
    )


def test_a_repository_that_only_a_zone_has(machine: MakeMachine) -> None:
    uri = "https://pkg.example.org/mine/"
    host = make(
        machine,
        WEB01,
        repositories=[{"uri": uri, "publisher": "mine", "packages": [{"name": "mine/tool", "version": "1.0"}]}],
    )
    host.command(f"pkg -R /zones/web01/root set-publisher -g {uri} mine")
    publish(host, "libraries")
    host.change(offline=[uri])
    refused(host, "unreachable", "publisher mine of zone web01")


def test_a_zone_whose_parent_lost_a_package(machine: MakeMachine) -> None:
    """Every operation of the global zone fails until it is back there, or gone from the zone."""
    host = make(machine, WEB01, packages={"remove": ["system/network"]})
    publish(host, "libraries")
    refused(host, "parent-missing", "Zone web01", "system/network", "uninstall system/network")


def test_a_locked_zone(machine: MakeMachine) -> None:
    host = make(machine, WEB01, DB01, locks=["/zones/db01/root"])
    publish(host, "libraries")
    refused(host, "locked", "lock_timeout", lock_timeout=20)
    assert attempt(host, lock_timeout=20).result["exit_code"] == 7


def test_a_frozen_release_is_said(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    host.command("pkg -R /zones/web01/root freeze -c tenant entire")
    host.command("pkg freeze system/library")
    found = attempt(host, check=True).result["findings"]
    assert [(one["code"], one["zone"], one["package"]) for one in found] == [
        ("frozen", "global", "system/library"),
        ("frozen", "web01", "entire"),
    ]
    assert "(tenant)" in found[1]["message"]
    assert "pkg -R /zones/web01/root unfreeze entire" in found[1]["remedy"]


def test_lost_writes_are_looked_for_only_if_a_boot_environment_is_made(machine: MakeMachine) -> None:
    host = make(machine, DB01)
    publish(host, "kernel")
    ran = done(attempt(host, check=True))
    assert (LAYOUT in ran.typed, ran.result["lost_writes"]) == (False, [])


@pytest.mark.parametrize(
    ("free", "who"), [(40_000, "Root filesystem"), (300_000, "the global zone, zone db01, zone web01")]
)
def test_no_space(free: int, who: str, machine: MakeMachine) -> None:
    """With --parsable=0 pkg cannot say that an image has no room; and it counts each image by itself."""
    host = make(machine, WEB01, DB01, settings={"available": free})
    publish(host, "libraries")
    refused(host, "no-space", who, typed=[*LOOK, DRY])


RELEASE = {"release": [{"days": 9, "packages": ["entire"]}]}


@pytest.mark.parametrize("image_format", [4, 5])
def test_a_release_that_is_pinned(image_format: int, machine: MakeMachine) -> None:
    """pkg finds no solution, and does not say what stands against it."""
    line = "depend fmri=entire@11,5.11-151054.0:20250505T120000Z type=incorporate"
    pin = {"name": "ours/pin", "version": "1.0", "lines": [line]}
    uri = "https://pkg.example.org/ours/"
    host = make(
        machine,
        WEB01,
        image_format=image_format,
        repositories=[{"uri": uri, "publisher": "ours", "packages": [pin]}],
        updates=RELEASE,
    )
    host.command(f"pkg set-publisher -r -g {uri} ours")
    assert host.command("pkg install ours/pin").rc == 0
    assert done(attempt(host, check=True)).result["findings"] == []
    publish(host, "release")
    refused(
        host,
        "solver",
        "entire@11-151054.0:20250514T120000Z is known",
        "ours/pin@1.0",
        "pins it to 11-151054.0:20250505",
    )
    (found,) = attempt(host).result["findings"]
    assert (found["code"], found["package"], found["zone"]) == ("held-back", "entire", "global")
    assert "`pkg uninstall ours/pin`" in found["remedy"]


@pytest.mark.parametrize("where", ["/", "/zones/web01/root"])
def test_a_release_that_is_frozen(where: str, machine: MakeMachine) -> None:
    host = make(machine, WEB01, updates=RELEASE)
    host.command(f"pkg -R {where} freeze entire")
    publish(host, "release", "libraries")
    ran = done(attempt(host))
    assert {image["image"]: image["to"][-16:] for image in ran.result["images"]} == {
        root: "20250505T120000Z" if root == where else "20250514T120000Z" for root in ("/", "/zones/web01/root")
    }
    assert [one["code"] for one in ran.result["findings"]] == ["frozen"]
    assert "entire is frozen at 11-151054.0:20250505T120000Z" in ran.result["warnings"][0]
