"""pkg_parent_check on simulated hosts: what it starts, that both sources agree, and that it changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import parent_check
from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from integration.test_ansible import play
from testbed import log
from testbed.host import Host
from walk.in_process import HostRunner

REPOSITORY = "svc:/application/pkg/system-repository:default"
PROXYD = "svc:/application/pkg/zones-proxyd:default"
CLIENT = "svc:/application/pkg/zones-proxy-client:default"
SERVICES = f"svcs -Z -H -o zone,state,fmri {REPOSITORY} {PROXYD} {CLIENT}"
PROBES = ["zoneadm list -cp", SERVICES]
LINKED = {"name": "web01", "brand": "lipkg", "state": "running"}
ZONES = [
    LINKED,
    {"name": "behind", "brand": "lipkg", "release": "r151046", "linked": True},
    {"name": "fresh", "brand": "lipkg", "linked": False},
    {"name": "own", "brand": "ipkg", "release": "r151046"},
    {"name": "linux", "brand": "lx"},
]


def check(machine: Machine, root: str | None = "/", **options: Any) -> Outcome:
    """Run it once. It may change nothing, and start no changing command."""

    def work() -> dict[str, Any]:
        try:
            return parent_check.run(HostRunner(Host("/"), 0), parent_check.Options(root=root, **options))
        except RunFailed as failure:
            return {**failure.result, "failed": True, "msg": str(failure)}

    before = machine.picture()
    outcome = machine.enter(work)
    assert outcome.changing == []
    assert machine.picture() == before
    return outcome


def said(outcome: Outcome) -> dict[str, Any]:
    """What the check says, without how it came to know."""
    assert not outcome.result.get("failed"), outcome.message
    return {key: value for key, value in outcome.result.items() if key not in ("actions", "source")}


def findings(outcome: Outcome) -> set[tuple[str, str, str]]:
    return {(one["zone"], one["code"], one["severity"]) for one in said(outcome)["findings"]}


@pytest.mark.parametrize("number", [1, 50])
def test_two_commands_for_any_number_of_zones(number: int, machine: MakeMachine) -> None:
    host = machine({"zones": [{"name": f"z{i:02}", "brand": "lipkg" if i % 2 else "ipkg"} for i in range(number)]})
    outcome = check(host)
    assert outcome.typed == PROBES
    assert said(outcome)["in_sync"]
    assert check(host, services="ignore").typed == PROBES[:1]


def test_pkg_of_a_zone_whose_system_repository_is_not_there(machine: MakeMachine) -> None:
    """pkg ends with a traceback; what is told is why. The images alone say all that is to be said."""
    host = machine({"zones": [LINKED]})
    host.command("pkg -R /zones/web01/root set-property use-system-repo True")
    (zone,) = said(check(host, source="pkg"))["zones"]
    (finding,) = zone["findings"]
    assert (zone["status"], finding["code"]) == ("unreadable", "image-unreadable")
    assert "from the system repository (use-system-repo), and this host has none" in finding["message"]
    assert said(check(host))["in_sync"]


@pytest.mark.parametrize("image_format", [4, 5])
def test_both_sources_give_the_same_answer(image_format: int, machine: MakeMachine) -> None:
    host = machine({"image_format": image_format, "zones": ZONES})
    host.command("pkg -R /zones/web01/root freeze system/library")
    host.command("pkg -R /zones/behind/root set-publisher --search-first extra.omnios")
    explain = ["entire", "curl", "system/library", "nosuch"]
    from_disk, from_pkg = check(host, explain=explain, source="image"), check(host, explain=explain, source="pkg")
    assert said(from_disk) == said(from_pkg)
    assert (from_disk.result["source"], from_pkg.result["source"]) == ("image", "pkg")
    assert from_disk.typed == PROBES
    assert not any("audit-linked" in line for line in from_pkg.typed)
    statuses = {zone["zone"]: zone["status"] for zone in from_disk.result["zones"]}
    assert statuses == {
        "web01": "in-sync",
        "behind": "out-of-sync",
        "fresh": "in-sync",
        "own": "not-linked",
        "linux": "not-linked",
    }
    assert {
        ("web01", "frozen", "warning"),
        ("behind", "parent-newer", "error"),
        ("behind", "publisher-order", "error"),
        ("behind", "entire-skew", "warning"),
        ("fresh", "never-synced", "warning"),
        ("own", "parent-newer", "info"),
    } <= findings(from_disk)


def test_few_starts_of_pkg(machine: MakeMachine) -> None:
    host = machine({"zones": [LINKED, {"name": "own", "brand": "ipkg"}]})
    typed = check(host, source="pkg", services="ignore").typed
    assert [line.split(" -a")[0] for line in typed] == [
        "zoneadm list -cp",
        "pkg -R / list -Hv --no-refresh",
        "pkg -R /zones/web01/root list -Hv --no-refresh",
        "pkg -R /zones/web01/root contents -H -t depend",
        "pkg -R /zones/own/root list -Hv --no-refresh",
        "pkg -R /zones/own/root contents -H -t depend",
    ]


def test_a_root_that_is_not_running(machine: MakeMachine) -> None:
    host = machine({"zones": ZONES})
    running = check(host).result
    copy = host.path("/mnt/be")
    copy.mkdir(parents=True)
    for name in ("etc", "var/pkg", "zones"):
        shutil.copytree(host.path("/" + name), copy / name, symlinks=True)
    outcome = check(host, root="/mnt/be")
    assert outcome.typed == []
    assert not outcome.result["services"]["asked"]
    for there, here in zip(outcome.result["zones"], running["zones"], strict=True):
        assert [there[key] for key in ("zone", "status", "linked")] == [
            here[key] for key in ("zone", "status", "linked")
        ]
        # Of what is running here the kernel is Linux.
        codes = [one["code"] for one in there["findings"] if one["code"] != "release-skew"]
        assert codes == [one["code"] for one in here["findings"]]
    assert [one["zone"] for one in outcome.result["findings"] if one["code"] == "release-skew"] == ["behind", "own"]


def test_services_that_are_not_there(machine: MakeMachine) -> None:
    host = machine({"zones": [LINKED, {"name": "own", "brand": "ipkg", "state": "running"}]})
    outcome = check(host)
    assert findings(outcome) == set()
    assert outcome.result["services"]["instances"] == []
    assert "on OmniOS that is as it should be" in outcome.result["services"]["sentence"]
    assert findings(check(host, services="require")) == {
        ("global", "service-offline", "error"),
        ("web01", "service-offline", "error"),
        ("own", "service-offline", "info"),
    }


def test_services_that_are_not_online(machine: MakeMachine) -> None:
    services = {"global": {REPOSITORY: "maintenance", PROXYD: "online"}, "web01": {CLIENT: "disabled"}}
    host = machine({"zones": [LINKED], "settings": {"zone_services": services}})
    outcome = check(host)
    assert outcome.typed == PROBES
    remedies = {one["zone"]: one["remedy"] for one in outcome.result["findings"]}
    assert remedies == {
        "global": f"`svcs -xv {REPOSITORY}` says why; mend that, then `svcadm clear {REPOSITORY}`.",
        "web01": f"`svcs -z web01 -xv {CLIENT}` says why; `svcadm -z web01 enable {CLIENT}`.",
    }


@pytest.mark.parametrize("probe", ["zoneadm list", "svcs -Z"])
def test_a_probe_that_fails_is_a_failure(probe: str, machine: MakeMachine) -> None:
    host = machine({"zones": [LINKED], "faults": [{"match": probe, "nth": "every", "rc": 1, "stderr": "broken\n"}]})
    outcome = check(host)
    assert outcome.cause == "probe-failed"
    assert "broken" in outcome.message


def test_as_a_task_with_and_without_check_mode(machine: MakeMachine, tmp_path: Path) -> None:
    host = machine({"zones": ZONES})
    module = "illumos.linked_zones.pkg_parent_check"
    tasks: list[dict[str, Any]] = [
        {module: {}, "register": "run"},
        {module: {}, "check_mode": True, "register": "checked"},
        {"ansible.builtin.copy": {"content": "{{ [run, checked] | to_json }}", "dest": "/root/results.json"}},
    ]
    done = play(host, tmp_path, tasks)
    assert done.returncode == 0, done.stdout + done.stderr
    run, checked = json.loads(host.path("/root/results.json").read_text())
    assert (run["changed"], checked["changed"]) == (False, False)
    assert run["findings"] == checked["findings"] != []
    records = log.read(host.host.private)
    assert log.changing(records) == []
    assert [" ".join(argv) for argv in log.typed(records) if argv[0] in ("zoneadm", "svcs", "pkg")] == PROBES * 2
    failed = play(host, tmp_path, [{module: {"fail_on": ["error"]}}])
    assert failed.returncode == 2
    assert "behind: parent-newer" in failed.stdout
