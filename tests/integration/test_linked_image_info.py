"""linked_image_info on simulated hosts: what it starts, what it says, and that it changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import catalog
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import linked_image_info
from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from integration.test_ansible import play
from testbed import log
from testbed.host import Host
from walk.in_process import HostRunner

BE_PROPERTIES = "org.opensolaris.libbe:parentbe,org.opensolaris.libbe:active"
PROBES = [
    "zoneadm list -cp",
    "beadm list -H",
    f"zfs list -H -t filesystem -o name,mountpoint,{BE_PROPERTIES}",
]
LINKED = {"name": "web01", "brand": "lipkg", "state": "running"}


def look(machine: Machine, root: str = "/", zones: list[str] | None = None) -> Outcome:
    """Run it once. It may change nothing, and start no changing command."""

    def work() -> dict[str, Any]:
        try:
            return linked_image_info.run(HostRunner(Host("/"), 0), root, zones)
        except RunFailed as failure:
            return {**failure.result, "failed": True, "msg": str(failure)}

    before = machine.picture()
    outcome = machine.enter(work)
    assert outcome.changing == []
    assert machine.picture() == before
    return outcome


def by_name(outcome: Outcome) -> dict[str, dict[str, Any]]:
    assert not outcome.result.get("failed"), outcome.message
    return {zone["name"]: zone for zone in outcome.result["zones"]}


@pytest.mark.parametrize("number", [1, 50])
def test_three_commands_for_any_number_of_zones(number: int, machine: MakeMachine) -> None:
    zones = [{"name": f"z{i:02}", "brand": "lipkg" if i % 2 else "ipkg"} for i in range(number)]
    host = machine({"zones": zones})
    outcome = look(host)
    assert outcome.typed == PROBES
    assert [action["rc"] for action in outcome.result["actions"]] == [0, 0, 0]
    assert outcome.result["source"] == "image"
    audits = [zone["audit"] for zone in outcome.result["zones"]]
    assert audits == ["synced" if i % 2 else "not-linked" for i in range(number)]


@pytest.mark.parametrize("image_format", [4, 5])
def test_agrees_with_pkg(image_format: int, machine: MakeMachine) -> None:
    zones = [
        LINKED,
        {"name": "behind", "brand": "lipkg", "release": "r151046", "linked": True},
        {"name": "fresh", "brand": "lipkg", "linked": False},
        {"name": "own", "brand": "ipkg", "release": "r151046"},
        {"name": "detached", "brand": "lipkg", "state": "configured"},
        {"name": "linux", "brand": "lx"},
    ]
    host = machine({"image_format": image_format, "zones": zones})
    host.command("pkg freeze -c because web/curl")
    seen = by_name(look(host))
    audit = host.command("pkg audit-linked -H -a").stdout
    assert {f"zone:{name}": zone["audit"] for name, zone in seen.items() if zone["linked"]} == {
        row.split("\t")[0].strip(): row.split("\t")[1].strip() for row in audit.splitlines()
    }
    assert {name: zone["why"] for name, zone in seen.items()} == {
        "web01": "linked",
        "behind": "linked",
        "fresh": "never-synced",
        "own": "brand",
        "detached": "state",
        "linux": "brand",
    }
    for name in ("web01", "behind", "own"):
        packages = host.packages(f"/zones/{name}/root")
        assert seen[name]["entire"] == packages["entire"]
        assert seen[name]["packages"] == len(packages)
        assert [p["name"] for p in seen[name]["publishers"]] == host.publishers(f"/zones/{name}/root")
        assert seen[name]["image_format"] in (4, 5)
    assert seen["behind"]["release"]["userland"]["release"] == "r151046"
    (frozen,) = look(host).result["global_zone"]["frozen"]
    assert (frozen["name"], frozen["comment"]) == ("web/curl", "because")


def test_publishers_that_do_not_fit(machine: MakeMachine) -> None:
    host = machine({"zones": [LINKED]})
    root = "/zones/web01/root"
    check = by_name(look(host))["web01"]["publisher_check"]
    assert (check["verdict"], check["enforced"], check["position"]) == ("ok", True, None)
    host.command(f"pkg -R {root} set-publisher --search-first extra.omnios")
    check = by_name(look(host))["web01"]["publisher_check"]
    assert check["verdict"] == "violated"
    assert [check[key] for key in ("position", "expected", "found", "reason")] == [0, "omnios", "extra.omnios", "order"]
    host.command(f"pkg -R {root} set-publisher --search-first omnios")
    host.command(f"pkg -R {root} set-publisher --non-sticky extra.omnios")
    check = by_name(look(host))["web01"]["publisher_check"]
    assert (check["position"], check["reason"]) == (1, "stickiness")
    host.command("pkg set-publisher --set-property nochild=true extra.omnios")
    assert by_name(look(host))["web01"]["publisher_check"]["verdict"] == "ok"


def test_without_system_zones_nothing_is_linked(machine: MakeMachine) -> None:
    host = machine({"zones": [LINKED], "packages": {"remove": ["system/zones"]}})
    web01 = by_name(look(host))["web01"]
    assert (web01["linked"], web01["why"], web01["audit"]) == (False, "no-zones-package", "not-linked")
    assert host.command("pkg list-linked -H").stdout == ""


def test_boot_environments_and_their_zone_bes(machine: MakeMachine) -> None:
    host = machine({"zones": [LINKED, {"name": "own", "brand": "ipkg"}]})
    assert host.command("beadm create -a next").rc == 0
    result = look(host).result
    bes = {be["name"]: be for be in result["boot_environments"]}
    now = next(be for be in bes.values() if be["active_now"])
    assert (now["active_on_reboot"], now["mountpoint"]) == (False, "/")
    assert (bes["next"]["active_now"], bes["next"]["active_on_reboot"]) == (False, True)
    assert [(be["zone"], be["dataset"], be["active"]) for be in bes["next"]["zone_bes"]] == [
        ("web01", "rpool/zones/web01/ROOT/zbe-1", True),
        ("own", "rpool/zones/own/ROOT/zbe-1", True),
    ]
    assert [be["dataset"] for be in now["zone_bes"]] == ["rpool/zones/web01/ROOT/zbe", "rpool/zones/own/ROOT/zbe"]
    assert result["orphaned_zone_bes"] == []
    host.command("zfs set org.opensolaris.libbe:parentbe=nobody rpool/zones/own/ROOT/zbe-1")
    assert look(host, zones=["own"]).result["orphaned_zone_bes"] == [
        {"zone": "own", "dataset": "rpool/zones/own/ROOT/zbe-1", "parentbe": "nobody"}
    ]


def test_traps_in_a_zone_that_runs(machine: MakeMachine) -> None:
    host = machine({"zones": [LINKED, {"name": "db01", "brand": "sparse"}, {"name": "gone", "brand": "lipkg"}]})
    config = host.path("/zones/web01/root/var/pkg/pkg5.image")
    config.unlink()
    config.symlink_to("/var/pkg/pkg5.image")
    shutil.rmtree(host.path("/zones/gone/root/var/pkg"))
    outcome = look(host)
    seen = by_name(outcome)
    assert outcome.typed == PROBES
    assert {name: zone["why"] for name, zone in seen.items()} == {
        "web01": "image-unreadable",
        "db01": "linked",
        "gone": "image-missing",
    }
    assert [seen[name]["audit"] for name in ("web01", "db01", "gone")] == ["unreadable", "synced", "unreadable"]
    (finding,) = seen["web01"]["findings"]
    assert finding["message"] == (
        "var/pkg/pkg5.image of the image at /zones/web01/root cannot be read: "
        "var/pkg/pkg5.image below /zones/web01/root cannot be opened safely: it is a symlink."
    )


def test_a_format_that_only_pkg_knows(machine: MakeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    zones = [LINKED, {"name": "behind", "brand": "lipkg", "release": "r151046"}, {"name": "own", "brand": "ipkg"}]
    host = machine({"image_format": 5, "zones": zones})
    from_disk = look(host).result
    monkeypatch.setattr(catalog, "FORMATS", (4,))
    outcome = look(host)
    assert by_name(outcome)["behind"]["audit"] == "diverged"
    asked = [
        "pkg -R / list -Hv --no-refresh",
        *PROBES[1:],
        "pkg -R /zones/web01/root list -Hv --no-refresh",
        "pkg -R /zones/web01/root contents -H -t depend -a type=parent -o pkg.fmri,fmri",
        "pkg -R /zones/behind/root list -Hv --no-refresh",
        "pkg -R /zones/behind/root contents -H -t depend -a type=parent -o pkg.fmri,fmri",
        "pkg -R /zones/own/root list -Hv --no-refresh",
    ]
    assert outcome.typed == [PROBES[0], *asked]
    said = json.loads(json.dumps(outcome.result).replace('"source": "pkg"', '"source": "image"'))
    del said["actions"], from_disk["actions"]
    assert said == from_disk
    assert outcome.result["source"] == "pkg"


def test_a_root_that_is_not_running(machine: MakeMachine) -> None:
    host = machine({"zones": [LINKED, {"name": "own", "brand": "ipkg", "release": "r151046"}]})
    running = by_name(look(host))
    copy = host.path("/mnt/be")
    copy.mkdir(parents=True)
    for name in ("etc", "var/pkg", "zones"):
        shutil.copytree(host.path("/" + name), copy / name, symlinks=True)
    outcome = look(host, root="/mnt/be")
    assert outcome.typed == []
    assert outcome.result["boot_environments"] is None
    assert outcome.result["global_zone"]["release"]["kernel"]["source"] == "system/kernel"
    there = by_name(outcome)
    assert there["web01"]["state"] == "installed"
    assert there["web01"]["image"] == "/mnt/be/zones/web01/root"
    for key in ("brand", "linked", "audit", "entire", "publishers", "packages"):
        assert {name: zone[key] for name, zone in there.items()} == {name: zone[key] for name, zone in running.items()}


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_that_fails_is_a_failure(probe: str, machine: MakeMachine) -> None:
    host = machine(
        {"zones": [LINKED], "faults": [{"match": probe[:10], "nth": "every", "rc": 1, "stderr": "broken\n"}]}
    )
    outcome = look(host)
    assert outcome.result["failed"]
    assert outcome.cause == "probe-failed"
    assert "broken" in outcome.message


def test_a_non_global_zone(machine: MakeMachine) -> None:
    host = machine({"zonename": "web01"})
    assert look(host).cause == "not-global-zone"


def test_as_a_task_with_and_without_check_mode(machine: MakeMachine, tmp_path: Path) -> None:
    host = machine({"zones": [LINKED, {"name": "own", "brand": "ipkg", "release": "r151046"}]})
    module = "illumos.linked_zones.linked_image_info"
    tasks: list[dict[str, Any]] = [
        {module: {}, "register": "run"},
        {module: {"zones": ["own"]}, "check_mode": True, "register": "checked"},
        {"ansible.builtin.copy": {"content": "{{ [run, checked] | to_json }}", "dest": "/root/results.json"}},
    ]
    before = host.picture(skip=("root", "usr/lib"))
    done = play(host, tmp_path, tasks)
    assert done.returncode == 0, done.stdout + done.stderr
    after = host.picture(skip=("root", "usr/lib"))
    assert sorted(set(after["files"].items()) ^ set(before["files"].items())) == []
    run, checked = json.loads(host.path("/root/results.json").read_text())
    assert (run["changed"], checked["changed"]) == (False, False)
    assert checked["zones"] == [zone for zone in run["zones"] if zone["name"] == "own"]
    assert run["global_zone"]["release"]["kernel"] == {
        "release": "r151054",
        "version": host.command("uname -v").stdout.strip(),
        "source": "uname",
    }
    assert checked["zones"][0]["release"]["userland"]["release"].startswith("r151046")
    records = log.read(host.host.private)
    assert log.changing(records) == []
    ours = [" ".join(argv) for argv in log.typed(records) if argv[0] in ("zoneadm", "beadm", "zfs", "pkg", "zonename")]
    assert ours == PROBES * 2
    failed = play(host, tmp_path, [{module: {"zones": ["nosuch"]}}])
    assert failed.returncode == 2
    assert "There is no zone nosuch." in failed.stdout + failed.stderr
