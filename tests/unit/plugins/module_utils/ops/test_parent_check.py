# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg_parent_check on image trees of the real pkg, held to the reasons of its solver, one by one."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import parent_check
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.parent_check import Options
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.parent_findings import CODES, PARENT_CODES

Unpack = Callable[[str], Path]
IMAGES = Path(__file__).resolve().parents[4] / "fixtures" / "images"
NAMES = [path.name.split(".")[0] for path in sorted(IMAGES.glob("*.expected.json"))]
SMALL = [name for name in NAMES if not name.startswith("bench")]


def check(root: Path, **options: Any) -> dict[str, Any]:
    """Run it on a root that is not running: no command may be started."""
    result = parent_check.run(Runner(pytest.fail), Options(root=str(root), **options))
    assert result["actions"] == []
    loaded: dict[str, Any] = json.loads(json.dumps(result))
    return loaded


def expected(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((IMAGES / f"{name}.expected.json").read_text())
    return loaded


def judged(zone: dict[str, Any]) -> Counter[tuple[str, str, str]]:
    found = [finding for finding in zone["findings"] if finding["code"] in PARENT_CODES.values()]
    return Counter((finding["child_fmri"], finding["required_by"], finding["code"]) for finding in found)


def codes(zone: dict[str, Any]) -> Counter[str]:
    return Counter(finding["code"] for finding in zone["findings"])


def by_name(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {zone["zone"]: zone for zone in result["zones"]}


@pytest.mark.parametrize("name", SMALL)
def test_every_outcome_is_a_finding(name: str, unpacked: Unpack) -> None:
    zones = by_name(check(unpacked(name)))
    for zone, wanted in expected(name)["zones"].items():
        outcomes = [one for one in wanted.get("outcomes") or [] if one["outcome"] != "satisfied"]
        if zones[zone]["linked"]:
            assert judged(zones[zone]) == Counter(
                (one["package"], one["dependency"], PARENT_CODES[one["outcome"]]) for one in outcomes
            )
            assert zones[zone]["status"] == ("out-of-sync" if outcomes else "in-sync")
            for finding in zones[zone]["findings"]:
                if finding["parent_fmri"] and finding["required_by"]:
                    reasons = [one["reason"] for one in outcomes if one["package"] == finding["child_fmri"]]
                    assert finding["parent_fmri"] in [
                        reason.split(": ")[1].replace(",5.11-", "-") for reason in reasons
                    ]
            never = "synced_metadata" in wanted and not wanted["synced_metadata"]
            assert codes(zones[zone])["never-synced"] == int(never)
        else:
            assert {finding["severity"] for finding in zones[zone]["findings"]} <= {"info"}


def test_a_host_with_twenty_zones(unpacked: Unpack) -> None:
    result = check(unpacked("bench-v5"))
    assert result["source"] == "image"
    assert not result["in_sync"]
    wanted = expected("bench-v5")["zones"]
    assert [zone["zone"] for zone in result["zones"] if zone["status"] == "out-of-sync"] == ["z03", "z11", "z17"]
    for name, zone in by_name(result).items():
        outcomes = wanted.get(name, {}).get("outcomes", {})
        assert Counter(code for _child, _by, code in judged(zone).elements()) == Counter(
            {PARENT_CODES[outcome]: count for outcome, count in outcomes.items() if outcome != "satisfied"}
        )
    assert codes(by_name(result)["z05"]) == {"publisher-order": 1}
    assert codes(by_name(result)["z09"]) == {"publisher-missing": 1}
    assert codes(by_name(result)["z01"]) == {}


def test_publishers(unpacked: Unpack) -> None:
    zones = by_name(check(unpacked("v5-publishers")))
    assert {name: set(codes(zones[name])) & {code for code in CODES if code.startswith("publisher")} for name in zones
            if zones[name]["linked"]} == {
        "web01": {"publisher-order"},
        "db01": {"publisher-missing"},
        "build01": {"publisher-sticky"},
    }  # fmt: skip
    (finding,) = [one for one in zones["db01"]["findings"] if one["code"] == "publisher-missing"]
    assert "copy-publishers-from" in finding["remedy"]
    assert check(unpacked("v5-publishers"))["in_sync"]


def test_remedies_name_the_right_direction(unpacked: Unpack) -> None:
    root = unpacked("v5-parent-missing")
    findings = {(one["zone"], one["code"]): one for one in check(root)["findings"]}
    missing = findings["web01", "parent-missing"]
    assert missing["package"] == "ooce/system/kmonitor"
    assert missing["remedy"] == (
        f"Global zone first: `pkg -R {root} install driver/network/e1000g` there, then the zone is all right; or take "
        f"it out of the zone: `pkg -R {root}/zones/web01/root uninstall ooce/system/kmonitor`."
    )
    other = findings["web01", "parent-publisher"]
    assert "install pkg://extra.omnios/ooce/system/zoneagent` in the global zone" in other["remedy"]
    root = unpacked("v4-diverged")
    findings = {(one["zone"], one["package"], one["code"]): one for one in check(root)["findings"]}
    newer = findings["db01", "entire", "parent-newer"]
    assert f"`pkg -R {root} sync-linked -l zone:db01` in the global zone" in newer["remedy"]
    older = findings["dev01", "entire", "parent-older"]
    assert older["remedy"].startswith(f"Global zone first: `pkg -R {root} update -r`")
    assert findings["db01", "entire", "entire-skew"]["severity"] == "warning"
    assert ("global", "developer/dtrace", "frozen") in findings


def test_stale_metadata(unpacked: Unpack, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), root, symlinks=True)
    assert "metadata-stale" not in [finding["code"] for finding in check(root)["findings"]]
    file = root / "zones/web01/root/var/pkg/linked/linked_ppkgs"
    packages = json.loads(file.read_text())
    file.write_text(json.dumps(sorted(packages)[1:]))
    (finding,) = [one for one in check(root)["findings"] if one["code"] == "metadata-stale"]
    assert (finding["zone"], finding["severity"]) == ("web01", "warning")
    assert "stale: 1 of its packages have changed since (" in finding["message"]
    (root / "zones/web01/root/var/pkg/linked/linked_ppubs").write_text('[["omnios", true]]')
    (finding,) = [one for one in check(root)["findings"] if one["code"] == "metadata-stale"]
    assert " and its publishers have changed since." in finding["message"]
    for broken in ("{", '{"a": 1}', "[1]", '["no fmri at all"]'):
        file.write_text(broken)
        assert by_name(check(root))["web01"]["status"] == "unreadable"


@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_stale_where_pkg_has_nothing_to_sync(name: str, unpacked: Unpack) -> None:
    zones = by_name(check(unpacked(name)))
    for zone, wanted in expected(name)["zones"].items():
        if (wanted.get("verify_sync_n") or {}).get("rc") == 4:
            assert not {"metadata-stale", "never-synced"} & set(codes(zones[zone]))


def test_an_explanation_of_what_cannot_be_judged(unpacked: Unpack, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), root, symlinks=True)
    edited(root, "web01", "entire", "depend fmri=SUNWcs@" + "9" * 2000 + " type=parent")
    (entry,) = check(root, zones=["web01"], explain=["entire"])["explanations"]
    assert entry["sentence"].startswith("It cannot be told: not a package FMRI")


def test_a_frozen_package_that_holds_back_all(unpacked: Unpack, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(unpacked("v5-diverged"), root, symlinks=True)
    names = ("SUNWcs", "system/network", "entire")
    frozen = {name: [f"pkg:/{name}@0.5.11,5.11-151046.0:20230503T120000Z", None, 1] for name in names}
    (root / "zones/web01/root/var/pkg/state/frozen_dict").write_text(json.dumps([1, frozen]))
    zone = by_name(check(root))["web01"]
    severities = {one["package"]: one["severity"] for one in zone["findings"] if one["code"] == "frozen"}
    assert severities["SUNWcs"] == "error"
    assert severities["system/network"] == "warning"
    (newer,) = [one for one in zone["findings"] if (one["package"], one["code"]) == ("SUNWcs", "parent-newer")]
    assert newer["remedy"].startswith("Unfreeze it first")


@pytest.mark.parametrize(
    "lines",
    [
        "depend type=parent fmri=not an fmri",
        "depend type=parent fmri=" + "x" * 5000,
        "\n".join(f"depend type=parent fmri=pkg:/nosuch/p{i}" for i in range(6000)),
    ],
)
def test_a_zone_that_wants_to_be_a_burden(lines: str, unpacked: Unpack, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), root, symlinks=True)
    with contextlib.closing(sqlite3.connect(root / "zones/web01/root/var/pkg/state/catalog.db")) as connection:
        connection.execute(
            "UPDATE actions SET acts = ? WHERE part = 0 AND pkg = (SELECT id FROM packages WHERE installed LIMIT 1)",
            [lines],
        )
        connection.commit()
    zones = by_name(check(root))
    assert (zones["web01"]["status"], codes(zones["web01"])) == ("unreadable", {"image-unreadable": 1})
    assert zones["db01"]["status"] == "in-sync"
    assert all(len(finding["message"]) <= 500 for finding in zones["web01"]["findings"])


def test_a_zone_without_an_image(unpacked: Unpack, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), root, symlinks=True)
    shutil.rmtree(root / "zones/web01/root/var")
    (root / "zones/db01/root/var/pkg/pkg5.image").write_text("nothing that pkg wrote")
    result = check(root)
    zones = by_name(result)
    assert not result["in_sync"]
    assert (zones["web01"]["status"], codes(zones["web01"])) == ("unreadable", {"image-missing": 1})
    assert (zones["db01"]["status"], codes(zones["db01"])) == ("unreadable", {"image-unreadable": 1})
    assert zones["build01"]["status"] == "in-sync"
    assert codes(zones["lx01"]) == {}


def test_ignored_codes_do_not_count(unpacked: Unpack) -> None:
    root = unpacked("bench-v5")
    result = check(root, ignore=["parent-newer", "metadata-stale"])
    assert result["in_sync"]
    assert {finding["code"] for finding in result["findings"]} == {"publisher-order", "publisher-missing"}


def test_fails_on_codes_and_severities_with_all_that_was_found(unpacked: Unpack) -> None:
    root = unpacked("bench-v5")
    with pytest.raises(RunFailed) as caught:
        check(root, fail_on=["parent-newer"], zones=["z03", "z05"])
    assert str(caught.value) == "z03: parent-newer."
    assert {finding["zone"] for finding in caught.value.result["findings"]} == {"z03", "z05"}
    with pytest.raises(RunFailed, match=r"^z05: publisher-order; z09: publisher-missing\.$"):
        check(root, fail_on=["error"], zones=["z05", "z09"])
    assert check(root, fail_on=["error"], zones=["z01"])["in_sync"]


def test_what_would_be_if_a_zone_were_linked_fails_by_its_severity_alone(unpacked: Unpack) -> None:
    root = unpacked("v4-diverged")
    found = {finding["code"] for finding in by_name(check(root))["old01"]["findings"]}
    assert "parent-older" in found
    assert check(root, zones=["old01"], fail_on=["error", *found])["in_sync"]
    with pytest.raises(RunFailed, match="old01: .*parent-older"):
        check(root, zones=["old01"], fail_on=["info"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore": ["parent-nwer"]}, "`ignore` names 'parent-nwer'"),
        ({"fail_on": ["errors"]}, "`fail_on` names 'errors'"),
        ({"explain": ["no name"]}, "`explain` has what is not a package FMRI"),
        ({"zones": ["nosuch"]}, "There is no zone nosuch"),
    ],
)
def test_options_that_mean_nothing(options: dict[str, Any], message: str, unpacked: Unpack) -> None:
    with pytest.raises(RunFailed, match=message):
        check(unpacked("v5-synced"), **options)


def test_manifests_alone_read_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.p5m").write_text("set name=pkg.fmri value=pkg:/a@1\n")
    result = parent_check.run(Runner(pytest.fail), Options(root=None, manifests=[str(tmp_path)]))
    assert (result["in_sync"], result["zones"], result["source"]) == (None, [], None)
    assert [entry["path"] for entry in result["manifests"]] == [str(tmp_path / "a.p5m")]
    with pytest.raises(RunFailed):
        parent_check.run(Runner(pytest.fail), Options(root=None, manifests=[str(tmp_path / "nosuch")]))


def test_explanations(unpacked: Unpack) -> None:
    def said(name: str, package: str) -> dict[str, str]:
        entries = check(unpacked(name), explain=[package])["explanations"]
        return {entry["zone"]: entry["sentence"] for entry in entries}

    diverged = said("v4-diverged", "entire")
    assert "the global zone has gone on to pkg://omnios/entire@" in diverged["db01"]
    assert "the global zone goes first" in diverged["dev01"]
    assert "know no newer one" in diverged["web01"]
    assert "which is not linked" in diverged["old01"]
    assert "do not know 10.0.1-151054.0" in said("v4-diverged", "openssh")["db01"]
    assert "ties it to the version of the global zone" in said("v5-synced", "system/network")["web01"]
    assert "it has no parent dependency" in said("v5-synced", "zlib")["web01"]
    assert "from local.example, a publisher that the zone does not have" in said("v5-diverged", "agent-gz")["build01"]
    publishers = said("v5-publishers", "zlib")
    broken = {zone for zone, sentence in publishers.items() if "every update of the global zone fails" in sentence}
    assert broken == {"web01", "db01", "build01"}
    assert "is not installed in the zone" in said("v5-synced", "no/such")["web01"]


def edited(top: Path, zone: str, stem: str, lines: str) -> None:
    """Give an installed package of a zone these actions."""
    with contextlib.closing(sqlite3.connect(top / "zones" / zone / "root/var/pkg/state/catalog.db")) as connection:
        chosen = "SELECT id FROM packages WHERE installed AND stem = ?"
        connection.execute(f"DELETE FROM actions WHERE part = 0 AND pkg = ({chosen})", [stem])
        connection.execute(f"INSERT INTO actions SELECT ({chosen}), 0, 'C', ?", [stem, lines])
        connection.commit()


@pytest.mark.parametrize(
    ("wanted", "ties"),
    [
        ("1.2.13-151046.0:20230503T120000Z", True),
        ("1.2.13-151046.0", False),
        ("1.2", False),
        ("1.2.1", True),
        ("1.2-151048", True),
    ],
)
def test_an_incorporation_that_holds_a_package(wanted: str, ties: bool, unpacked: Unpack, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), root, symlinks=True)
    edited(root, "web01", "entire", f"depend fmri=library/zlib@{wanted} type=incorporate")
    (said,) = check(root, explain=["zlib"], zones=["web01"])["explanations"]
    assert ("entire 11-151046.0:20230503T120000Z incorporates it" in said["sentence"]) is ties
    assert ("it has no parent dependency" in said["sentence"]) is not ties


def test_a_frozen_package_and_one_of_another_publisher_are_explained(unpacked: Unpack, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), root, symlinks=True)
    with contextlib.closing(sqlite3.connect(root / "zones/web01/root/var/pkg/state/catalog.db")) as connection:
        connection.execute("UPDATE packages SET pub = 'extra.omnios' WHERE stem = 'library/zlib' AND NOT installed")
        connection.commit()
    frozen = {"web/curl": ["pkg:/web/curl@8.1.2,5.11-151046.0:20230518T090000Z", None, 1]}
    (root / "zones/web01/root/var/pkg/state/frozen_dict").write_text(json.dumps([1, frozen]))
    curl, zlib = check(root, explain=["curl", "zlib"], zones=["web01"])["explanations"]
    assert f"it is frozen there; `pkg -R {root}/zones/web01/root unfreeze web/curl`" in curl["sentence"]
    assert "from omnios, which is sticky; the newer 1.2.13-151046.0" in zlib["sentence"]


@pytest.mark.parametrize("follows", [True, False])
def test_a_frozen_package_that_entire_pulls(follows: bool, unpacked: Unpack, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), root, symlinks=True)
    lines = "depend fmri=web/curl@8.1.2 type=incorporate"
    itself = "\ndepend fmri=feature/package/dependency/self type=parent"
    edited(root, "web01", "entire", lines + (itself if follows else ""))
    frozen = {"web/curl": ["pkg:/web/curl@8.1.2,5.11-151046.0:20230518T090000Z", None, 1]}
    (root / "zones/web01/root/var/pkg/state/frozen_dict").write_text(json.dumps([1, frozen]))
    (finding,) = [one for one in check(root)["findings"] if one["code"] == "frozen"]
    assert (finding["package"], finding["severity"]) == ("web/curl", "warning" if follows else "info")
