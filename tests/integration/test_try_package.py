"""try_package on simulated hosts: the guide's order, exact commands, what it refuses, what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import try_package
from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from testbed import updates
from testbed.host import Host
from walk.in_process import HostRunner

URI = "https://pkg.example.org/ours/"
ROOT = "/zones/web01/root"
WEB01 = {"name": "web01", "brand": "lipkg", "state": "running"}
OWN01 = {"name": "own01", "brand": "ipkg", "state": "running"}
BOTH = {"name": "ours/both", "version": "1.0", "parent": ["self"], "files": {"opt/both": "both\n"}}
PLAIN = {"name": "ours/plain", "version": "1.0", "files": {"opt/plain": "plain\n"}}
ZONE_SIDE = {"name": "ours/zone-side", "version": "1.0", "parent": ["ours/global-side@2"], "files": {"opt/z": "z\n"}}
GLOBAL_SIDE = {"name": "ours/global-side", "version": "2.0", "zone": "global", "files": {"opt/g": "g\n"}}
FACETED = {
    "name": "ours/faceted",
    "version": "1.0",
    "lines": ["depend facet.ours=true fmri=feature/package/dependency/self type=parent"],
}
PACKAGES = [BOTH, FACETED, PLAIN, ZONE_SIDE, GLOBAL_SIDE]
STAMP = "-151054.0:20250505T120000Z"


def make(machine: MakeMachine, zones: list[dict[str, Any]], **declared: Any) -> Machine:
    repository = {"uri": URI, "publisher": "ours", "release": "r151054", "packages": PACKAGES}
    update = {"uri": URI, "publisher": "ours", "packages": ["ours/both", "ours/plain"]}
    return machine({"zones": zones, "repositories": [repository], "updates": {"later": [update]}, **declared})


def attempt(host: Machine, package: str, check: bool = False, zone: str = "web01", **options: Any) -> Outcome:
    """Run it once."""
    given = {"origins": [URI], "publisher": "ours", **options}

    def work() -> dict[str, Any]:
        try:
            asked = try_package.Options(zone=zone, package=package, **given)
            return try_package.run(HostRunner(Host("/"), 0), asked, check)
        except RunFailed as failure:
            return {**failure.result, "failed": True, "msg": str(failure)}

    return host.enter(work)


def done(outcome: Outcome) -> Outcome:
    assert not outcome.result.get("failed"), (outcome.message, outcome.result.get("diagnosis"))
    return outcome


def run_all(host: Machine, package: str, expected: list[str], **options: Any) -> Outcome:
    """Check mode, run, second run: the same commands are foreseen and run, then none."""
    before = host.picture()
    foreseen = done(attempt(host, package, check=True, **options))
    assert foreseen.changing == []
    assert host.picture() == before
    ran = done(attempt(host, package, **options))
    assert ran.changing == expected
    assert [" ".join(step["argv"]) for step in foreseen.result["steps"]] == expected
    assert foreseen.result["steps"] == ran.result["steps"]
    assert foreseen.result["changed"] is ran.result["changed"] is bool(expected)
    again = done(attempt(host, package, **options))
    assert (again.changing, again.result["changed"], again.result["steps"]) == ([], False, [])
    return ran


@pytest.mark.parametrize("image_format", [4, 5])
def test_depends_on_itself(image_format: int, machine: MakeMachine) -> None:
    """Publisher and package in the global zone first; the other linked zone gets the publisher, too."""
    host = make(machine, [WEB01, {**WEB01, "name": "web02"}, OWN01], image_format=image_format)
    fmri = f"pkg://ours/ours/both@1.0{STAMP}"
    ran = run_all(
        host,
        "ours/both",
        [
            f"pkg set-publisher -r -g {URI} ours",
            f"pkg install --deny-new-be {fmri}",
            f"pkg -R {ROOT} install {fmri}",
        ],
    )
    assert ran.result["dependency"] == "self"
    assert ran.result["versions"] == {
        "before": {"global": None, "zone": None},
        "after": {"global": f"1.0{STAMP}", "zone": f"1.0{STAMP}"},
    }
    assert host.publishers("/zones/web02/root") == host.publishers("/") == ["omnios", "extra.omnios", "ours"]
    assert host.publishers("/zones/own01/root") == ["omnios", "extra.omnios"]
    assert "ours/both" not in host.packages("/zones/web02/root")


def test_facets_of_the_zone_decide_what_counts(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    fmri = f"pkg://ours/ours/faceted@1.0{STAMP}"
    assert done(attempt(host, "ours/faceted", check=True)).result["dependency"] == "self"
    host.command(f"pkg -R {ROOT} change-facet facet.ours=false")
    steps = [f"pkg -R {ROOT} set-publisher -g {URI} ours", f"pkg -R {ROOT} install {fmri}"]
    assert run_all(host, "ours/faceted", steps).result["dependency"] == "none"


def test_an_update_from_the_global_zone_takes_the_zone_along(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    done(attempt(host, "ours/both"))
    updates.publish(host.host, "later")
    ran = done(attempt(host, "ours/both"))
    (step,) = ran.changing
    assert step.startswith("pkg install --deny-new-be pkg://ours/ours/both@1.0-151054.0:20250512")
    after = ran.result["versions"]["after"]
    assert after["global"] == after["zone"] != f"1.0{STAMP}"


@pytest.mark.parametrize("zone", [WEB01, OWN01])
def test_no_parent_dependency(zone: dict[str, Any], machine: MakeMachine) -> None:
    """The global zone is left alone, whatever the brand."""
    host = make(machine, [zone])
    root = f"/zones/{zone['name']}/root"
    fmri = f"pkg://ours/ours/plain@1.0{STAMP}"
    steps = [f"pkg -R {root} set-publisher -g {URI} ours", f"pkg -R {root} install {fmri}"]
    ran = run_all(host, "ours/plain", steps, zone=zone["name"])
    assert ran.result["dependency"] == "none"
    assert host.publishers("/") == ["omnios", "extra.omnios"]
    assert "ours/plain" not in host.packages("/")


def test_an_unlinked_zone_needs_nothing_of_the_global_zone(machine: MakeMachine) -> None:
    host = make(machine, [OWN01])
    root = "/zones/own01/root"
    steps = [f"pkg -R {root} set-publisher -g {URI} ours", f"pkg -R {root} install pkg://ours/ours/both@1.0{STAMP}"]
    assert "not linked" in run_all(host, "ours/both", steps, zone="own01").result["order"]


def test_depends_on_another(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    steps = [
        f"pkg set-publisher -r -g {URI} ours",
        "pkg install --deny-new-be pkg:/ours/global-side",
        f"pkg -R {ROOT} install pkg://ours/ours/zone-side@1.0{STAMP}",
    ]
    assert run_all(host, "ours/zone-side", steps).result["dependency"] == "other"


def test_origins_need_not_be_said_of_a_publisher_there_is(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    steps = [f"pkg -R {ROOT} install pkg://omnios/database/postgresql@17.4{STAMP}"]
    run_all(host, "database/postgresql", steps, publisher="omnios", origins=[])


def test_a_publisher_that_only_the_zone_has(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    host.command(f"pkg -R {ROOT} set-publisher -g {URI} ours")
    fmri = f"pkg://ours/ours/both@1.0{STAMP}"
    steps = [
        f"pkg set-publisher -r -g {URI} ours",
        f"pkg install --deny-new-be {fmri}",
        f"pkg -R {ROOT} install {fmri}",
    ]
    run_all(host, "ours/both", steps, origins=[])
    assert host.publishers() == host.publishers("/") == ["omnios", "extra.omnios", "ours"]


def test_origins_of_the_zone_are_not_given_to_a_publisher_of_the_global_zone(machine: MakeMachine) -> None:
    host = make(machine, [{**WEB01, "release": "r151046", "linked": True}])
    outcome = attempt(host, "system/network", publisher="omnios", origins=[], check=True)
    assert not any("set-publisher" in action for action in done(outcome).actions)


def test_a_zone_of_the_system_repository_needs_its_services(machine: MakeMachine) -> None:
    service = "svc:/application/pkg/system-repository:default"
    host = make(machine, [WEB01], settings={"zone_services": {"global": {service: "maintenance"}}})
    assert [finding["code"] for finding in done(attempt(host, "ours/plain")).result["findings"]] == ["service-offline"]
    host.command(f"pkg -R {ROOT} set-property use-system-repo True")
    refused = attempt(host, "ours/plain")
    assert (refused.cause, refused.changing) == ("service-offline", [])


@pytest.mark.parametrize("services", ["auto", "ignore"])
def test_a_zone_of_the_system_repository_on_a_host_that_has_none(services: str, machine: MakeMachine) -> None:
    """pkg ends with a traceback there; what is told is not that, but what to start."""
    host = make(machine, [WEB01])
    host.command(f"pkg -R {ROOT} set-property use-system-repo True")
    refused = attempt(host, "ours/plain", services=services)
    assert (refused.cause, refused.changing) == ("no-system-repository", [])
    assert "svcadm enable svc:/application/pkg/system-repository:default" in refused.message
    assert "Traceback" not in refused.message


def test_the_reason_of_a_child_is_told(machine: MakeMachine) -> None:
    """Another zone stands against every operation of the global zone."""
    host = make(machine, [WEB01, {**WEB01, "name": "web02"}])
    host.command("pkg set-publisher -r -g https://pkg.example.org/ours/ ours")
    host.command("pkg -R /zones/web02/root set-publisher --search-first extra.omnios")
    outcome = attempt(host, "ours/both")
    assert outcome.cause == "pkg-failed"
    assert "Invalid child image publisher configuration" in outcome.message
    assert "ours/both" not in host.packages("/")


def test_the_command_of_the_packager(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    ran = done(attempt(host, "ours/plain", command="pkg list -H ours/plain"))
    assert ran.typed[-1] == "zlogin web01 pkg list -H ours/plain"
    assert ran.result["test"]["rc"] == 0
    assert "ours/plain" in ran.result["test"]["stdout_lines"][0]
    failed = attempt(host, "ours/plain", command="pkg list -H ours/nosuch")
    assert failed.cause == "test-failed"
    assert failed.result["changed"] is False
    assert "exit code 1" in failed.message
    foreseen = attempt(host, "ours/plain", check=True, command="pkg list -H ours/plain")
    assert "zlogin web01 pkg list -H ours/plain" in foreseen.actions
    assert not any(line.startswith("zlogin") for line in foreseen.typed)


@pytest.mark.parametrize(
    ("cause", "words", "zone", "options"),
    [
        ("no-such-zone", "no zone nosuch", {}, {"zone": "nosuch"}),
        ("not-running", "is installed", {"state": "installed"}, {"command": "true"}),
        ("no-such-package", "ours/nosuch was not found", {}, {"package": "ours/nosuch"}),
        ("no-origin", "Neither the zone nor the global zone", {}, {"origins": []}),
        ("bad-package", "from publisher omnios", {}, {"package": "pkg://omnios/web/curl"}),
        ("bad-publisher", "no name of a publisher", {}, {"publisher": "-x"}),
        ("global-only", "cannot be installed in a zone", {}, {"package": "ours/global-side"}),
        ("service-offline", "do not reach zone web01", {}, {"services": "require"}),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_refused(
    cause: str, words: str, zone: dict[str, Any], options: dict[str, Any], check: bool, machine: MakeMachine
) -> None:
    host = make(machine, [{**WEB01, **zone}])
    before = host.picture()
    outcome = attempt(host, check=check, **{"package": "ours/both", **options})
    assert (outcome.cause, outcome.changing) == (cause, [])
    assert words in outcome.message
    assert host.picture() == before


def test_a_failing_install_is_told_and_finished_by_the_next_run(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    text = "pkg install: no space\n"
    host.faults({"match": f"pkg -R {ROOT} install", "rc": 1, "stderr": text})
    failed = attempt(host, "ours/both")
    assert failed.cause == "pkg-failed"
    assert "no space" in failed.message
    assert failed.result["changed"] is True
    host.faults()
    ran = done(attempt(host, "ours/both"))
    assert ran.changing == [f"pkg -R {ROOT} install pkg://ours/ours/both@1.0{STAMP}"]


def test_a_child_that_did_not_get_the_publisher_is_seen(machine: MakeMachine) -> None:
    """`set-publisher -r` ends with 0 all the same."""
    host = make(machine, [WEB01, {**WEB01, "name": "web02"}], locks=["/zones/web02/root"])
    outcome = attempt(host, "ours/both")
    assert outcome.cause == "publisher-missing"
    assert "Zone web02 has not got publisher ours" in outcome.message
    assert outcome.changing == [f"pkg set-publisher -r -g {URI} ours"]


def test_a_zone_whose_order_would_break_is_seen_before(machine: MakeMachine) -> None:
    host = make(machine, [WEB01, {**WEB01, "name": "web02"}])
    host.command("pkg -R /zones/web02/root set-publisher --no-refresh -g https://pkg.example.org/mine/ mine")
    outcome = attempt(host, "ours/both")
    assert (outcome.cause, outcome.changing) == ("publisher-order", [])
    assert "zone web02 would break" in outcome.message
