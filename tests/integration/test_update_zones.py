"""linked_update with `scope: zones`: packages updated inside chosen zones alone, and the global zone left as it is."""

from __future__ import annotations

from typing import Any

import pytest

from integration.conftest import MakeMachine
from integration.machine import Machine
from integration.updating import DB01, LOOK, OWN01, WEB01, attempt, done, publish, statuses, versions
from walk import world

LATER = ":20250512T120000Z"
NEWEST = ":20250513T120000Z"
CURL = {"days": 8, "packages": ["web/curl"]}
URI = "https://pkg.example.org/ours/"
AGENT = {"name": "ours/agent", "version": "1.0", "files": {"opt/agent": "agent\n"}}
ZONES = ["zoneadm list -cp"]


def root(zone: str) -> str:
    return f"/zones/{zone}/root"


def dry(zone: str, words: str = "") -> str:
    return f"pkg -R {root(zone)} update -n --parsable=0{words}"


def real(zone: str, words: str = "") -> str:
    return f"pkg -R {root(zone)} update --no-refresh{words}"


def metadata(zone: str) -> str:
    return f"pkg sync-linked --linked-md-only -l zone:{zone}"


def make(machine: MakeMachine, *zones: dict[str, Any], **declared: Any) -> Machine:
    agent = {"uri": URI, "publisher": "ours", "packages": ["ours/agent"]}
    licence = {
        "uri": URI,
        "publisher": "ours",
        "packages": [{**AGENT, "licence": {"name": "lic", "text": "Pay.\n", "must_accept": True}}],
    }
    return machine(
        {
            "zones": list(zones or (WEB01, DB01, OWN01)),
            "updates": {"curl": [CURL], "agent": [agent], "licence": [licence]},
            "repositories": [{"uri": URI, "publisher": "ours", "release": "r151054", "packages": [AGENT]}],
            **declared,
        }
    )


def with_agent(host: Machine, zone: str) -> None:
    host.command(f"pkg -R {root(zone)} set-publisher -g {URI} ours")
    host.command(f"pkg -R {root(zone)} install ours/agent")


@pytest.mark.parametrize("image_format", [4, 5])
def test_six_steps(image_format: int, machine: MakeMachine) -> None:
    """Check, run, check again, run again, change, run. Only what has no parent dependency moves."""
    host = make(machine, image_format=image_format)
    host.command("pkg sync-linked -a --linked-md-only")
    publish(host, "libraries", "curl")
    skip = ("zones", "var/pkg", "var/lib")
    before, packages = host.picture(skip), host.packages("/")
    foreseen = done(attempt(host, check=True, scope="zones"))
    assert foreseen.typed == [*LOOK, dry("web01"), dry("db01")]
    assert foreseen.actions == [*LOOK, dry("web01"), dry("db01"), real("web01"), real("db01"), *ZONES]
    assert foreseen.result["changed"] is True
    ran = done(attempt(host, scope="zones"))
    assert ran.typed == foreseen.actions
    assert ran.result["plan"] == foreseen.result["plan"]
    assert statuses(ran) == statuses(foreseen) == {"web01": "updated", "db01": "updated"}
    assert all(host.packages(root(zone))["web/curl"].endswith(NEWEST) for zone in ("web01", "db01"))
    assert not any(version.endswith(LATER) for version in versions(host, "system/library", "web01", "db01", "own01"))
    assert (host.picture(skip), host.packages("/")) == (before, packages)
    for check in (True, False):
        again = done(attempt(host, check=check, scope="zones"))
        assert again.typed == again.actions == [*LOOK, dry("web01"), dry("db01")]
        assert (again.result["changed"], again.result["exit_code"]) == (False, 4)
        assert statuses(again) == {"web01": "unchanged", "db01": "unchanged"}
    with_agent(host, "web01")
    publish(host, "agent")
    assert statuses(done(attempt(host, scope="zones"))) == {"web01": "updated", "db01": "unchanged"}


def test_a_zone_that_was_never_synced_does_not_overtake_the_global_zone(machine: MakeMachine) -> None:
    """pkg enforces no parent dependency in it until its linked metadata are there (recording 09)."""
    host = make(machine, {**WEB01, "linked": False})
    publish(host, "libraries", "curl")
    foreseen = done(attempt(host, check=True, scope="zones"))
    assert foreseen.actions == [*LOOK, metadata("web01"), dry("web01"), real("web01"), *ZONES]
    ran = done(attempt(host, scope="zones"))
    assert ran.typed == foreseen.actions
    assert ran.result["plan"] == foreseen.result["plan"]
    assert [entry["name"] for entry in ran.result["plan"]["images"][0]["change"]] == ["release/name", "web/curl"]
    assert not host.packages(root("web01"))["system/library"].endswith(LATER)
    assert done(attempt(host, scope="zones")).result["changed"] is False


def test_a_new_version_with_another_parent_dependency_stays(machine: MakeMachine) -> None:
    """Check mode knows it from the catalogs; the run has it from pkg, once the zone is told."""
    newer = {**AGENT, "version": "2.0", "parent": ["ours/nowhere"]}
    update = {"uri": URI, "publisher": "ours", "packages": [newer]}
    host = make(machine, {**WEB01, "linked": False}, updates={"curl": [CURL], "tied": [update]})
    with_agent(host, "web01")
    publish(host, "tied", "curl")
    foreseen = done(attempt(host, check=True, scope="zones"))
    ran = done(attempt(host, scope="zones"))
    assert ran.result["plan"] == foreseen.result["plan"]
    assert host.packages(root("web01"))["ours/agent"].startswith("1.0")
    assert host.packages(root("web01"))["web/curl"].endswith(NEWEST)


def test_metadata_alone_are_a_change(machine: MakeMachine) -> None:
    host = make(machine, {**WEB01, "linked": False})
    for check in (True, False):
        ran = done(attempt(host, check=check, scope="zones"))
        assert ran.actions == [*LOOK, metadata("web01"), dry("web01")]
        assert (ran.result["changed"], statuses(ran)) == (True, {"web01": "unchanged"})
    assert done(attempt(host, scope="zones")).result["changed"] is False


def test_packages_by_name_where_they_are(machine: MakeMachine) -> None:
    """ipkg zones are updated if they are named; nobody has to tell them of the global zone."""
    host = make(machine)
    with_agent(host, "own01")
    with_agent(host, "web01")
    publish(host, "agent", "curl")
    options: dict[str, Any] = {"scope": "zones", "packages": ("ours/agent", "web/curl"), "zones": ("web01", "own01")}
    ran = done(attempt(host, **options))
    assert ran.changing == [
        dry("web01", " ours/agent web/curl"),
        dry("own01", " ours/agent web/curl"),
        real("web01", " ours/agent web/curl"),
        real("own01", " ours/agent web/curl"),
    ]
    assert statuses(ran) == {"web01": "updated", "own01": "updated"}
    only = done(attempt(host, scope="zones", packages=("web/curl",), exclude_zones=("web01",)))
    assert statuses(only) == {"db01": "updated"}


def test_a_zone_without_the_package_is_left_alone(machine: MakeMachine) -> None:
    host = make(machine)
    with_agent(host, "web01")
    publish(host, "agent", "curl")
    ran = done(attempt(host, scope="zones", packages=("ours/agent",)))
    assert ran.changing == [dry("web01", " ours/agent"), real("web01", " ours/agent")]
    assert statuses(ran) == {"web01": "updated", "db01": "unchanged"}


@pytest.mark.parametrize("package", ["system/library", "library", "pkg://omnios/system/library"])
def test_a_package_that_follows_the_global_zone_is_refused(package: str, machine: MakeMachine) -> None:
    """pkg would leave it alone without a word."""
    host = make(machine)
    publish(host, "libraries")
    refused = attempt(host, scope="zones", zones=("web01",), packages=(package,))
    assert (refused.cause, refused.typed, refused.result["changed"]) == ("parent-dependency", LOOK, False)
    assert "system/library has a parent dependency on itself" in refused.message
    assert "Global zone first" in refused.message


def test_a_zone_that_does_not_fit_its_global_zone_is_refused(machine: MakeMachine) -> None:
    """Any update in it would take along what follows the global zone."""
    host = make(machine, WEB01)
    publish(host, "libraries", "curl")
    host.command("pkg update -I")
    refused = attempt(host, scope="zones", packages=("web/curl",))
    assert (refused.cause, refused.typed) == ("out-of-sync", LOOK)
    assert "pkg sync-linked -l zone:web01" in refused.message
    assert statuses(refused) == {"web01": "failed"}


def test_a_zone_whose_parent_lost_a_package_cannot_be_synced(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    host.command("pkg uninstall -I system/network")
    refused = attempt(host, scope="zones", packages=("web/curl",))
    assert (refused.cause, refused.typed) == ("parent-missing", LOOK)
    assert "`pkg -R /zones/web01/root uninstall system/network`" in refused.message
    assert "sync-linked" not in refused.message


def test_one_failing_zone_does_not_stop_the_others(machine: MakeMachine) -> None:
    host = make(machine)
    publish(host, "curl")
    host.faults({"match": f"{real('db01')}", "rc": 1, "stderr": "pkg update: no space left on device\n"})
    ran = attempt(host, scope="zones")
    assert statuses(ran) == {"db01": "failed", "web01": "updated"}
    assert (ran.result["changed"], ran.result["exit_code"]) == (True, 1)
    assert "zone db01" in ran.message
    assert "zone web01 is updated" in ran.message.lower()
    reasons = {image["zone"]: image["reason"] for image in ran.result["images"]}
    assert reasons["web01"] is None
    assert "zone db01" in reasons["db01"]
    host.faults()
    assert statuses(done(attempt(host, scope="zones"))) == {"db01": "updated", "web01": "unchanged"}


@pytest.mark.parametrize(
    ("command", "words", "act"),
    [
        ("set-publisher --disable ours", "has disabled", "--enable ours"),
        ("unset-publisher ours", "does not have", "-g URI ours"),
        (f"set-publisher -G {URI} ours", "has without an origin", "-g URI ours"),
    ],
)
def test_a_publisher_that_the_zone_lacks(command: str, words: str, act: str, machine: MakeMachine) -> None:
    host = make(machine)
    with_agent(host, "web01")
    with_agent(host, "db01")
    publish(host, "agent")
    assert host.command(f"pkg -R {root('db01')} {command}").rc == 0
    ran = attempt(host, scope="zones", packages=("ours/agent",))
    assert (ran.cause, statuses(ran)) == ("publisher-missing", {"db01": "failed", "web01": "updated"})
    assert words in ran.message
    assert f"pkg -R {root('db01')} set-publisher {act}" in ran.message


def test_a_repository_that_is_away(machine: MakeMachine) -> None:
    host = make(machine, WEB01)
    with_agent(host, "web01")
    done(attempt(host, scope="zones"))
    publish(host, "agent", "curl")
    host.change(offline=[URI])
    refused = attempt(host, scope="zones")
    assert (refused.cause, statuses(refused)) == ("unreachable", {"web01": "failed"})
    assert "publisher ours" in refused.message
    ran = done(attempt(host, scope="zones", allow_stale_catalogs=True))
    assert ran.result["warnings"]
    assert statuses(ran) == {"web01": "updated"}


def test_licences_are_refused_before_any_zone_is_changed(machine: MakeMachine) -> None:
    host = make(machine)
    with_agent(host, "web01")
    publish(host, "licence", "curl")
    refused = attempt(host, scope="zones")
    assert refused.cause == "licence"
    assert "web01: pkg://ours/ours/agent" in refused.message
    assert not any("update --" in line for line in refused.changing)
    ran = done(attempt(host, scope="zones", accept_licenses=True))
    assert statuses(ran) == {"web01": "updated", "db01": "updated"}


@pytest.mark.parametrize(
    ("options", "cause", "words"),
    [
        ({"packages": ("nosuch",)}, "not-installed", "nosuch is not installed in web01, db01"),
        ({"zones": ("nosuch",)}, "no-such-zone", "nosuch"),
        ({"hold": {"nosuch": ("x",)}}, "no-such-zone", "`hold`"),
        ({"hold": {"db01": ("web/curl",)}, "zones": ("web01",)}, "hold-not-chosen", "web01 would be updated"),
        ({"be_name": "x"}, "bad-options", "`be_name`"),
        ({"new_be": "require"}, "bad-options", "`new_be`"),
        ({"recurse": False}, "bad-options", "`recurse`"),
        ({"zones": ("new01",)}, "image-missing", "new01"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], cause: str, words: str, machine: MakeMachine) -> None:
    host = make(machine, WEB01, DB01, {"name": "new01", "brand": "lipkg", "state": "configured"})
    refused = attempt(host, scope="zones", **options)
    assert (refused.cause, refused.changing) == (cause, [])
    assert words in refused.message


def test_a_hold_inside_a_zone(machine: MakeMachine) -> None:
    host = make(machine)
    with_agent(host, "web01")
    publish(host, "agent", "curl")
    hold = {"web01": ("curl",)}
    foreseen = done(attempt(host, check=True, scope="zones", hold=hold))
    ran = done(attempt(host, scope="zones", hold=hold))
    assert ran.actions == foreseen.actions
    assert [line for line in ran.changing if "freeze" in line][1] == f"pkg -R {root('web01')} unfreeze pkg:/web/curl"
    assert statuses(ran) == {"web01": "updated", "db01": "updated"}
    assert not host.packages(root("web01"))["web/curl"].endswith(NEWEST)
    assert host.packages(root("db01"))["web/curl"].endswith(NEWEST)
    assert host.command(f"pkg -R {root('web01')} freeze -H").stdout == ""
    again = done(attempt(host, scope="zones", hold=hold))
    assert (again.result["changed"], [line for line in again.changing if "freeze" in line]) == (False, [])
    assert [finding["code"] for finding in again.result["findings"]] == ["held"]


@pytest.mark.parametrize(
    "kill", [metadata("web01"), "pkg -R /zones/web01/root freeze", real("web01"), "pkg .* unfreeze"]
)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("target", ["caller", "power"])
def test_cut_off_anywhere(target: str, when: str, kill: str, machine: MakeMachine) -> None:
    """The next run lets go and goes on; one more has nothing to do."""
    host = make(machine, {**WEB01, "linked": False})
    publish(host, "curl", "libraries", "retired")
    hold = {"web01": ("web/curl",)}
    host.faults({"match": f"^{kill}", "kill": {"target": target, "when": when}})
    with pytest.raises(RuntimeError):
        attempt(host, scope="zones", hold=hold)
    host.faults()
    if target == "power":
        world.power_cycle(host.directory)
    done(attempt(host, scope="zones", hold=hold))
    assert host.command(f"pkg -R {root('web01')} freeze -H").stdout == ""
    again = done(attempt(host, scope="zones", hold=hold))
    assert (again.result["changed"], again.result["resumed"]) == (False, False)
    packages = host.packages(root("web01"))
    assert not packages["web/curl"].endswith(NEWEST)
    assert not packages["system/library"].endswith(LATER)
    assert packages["release/name"].endswith(LATER)
