# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of a switch: refusals and courses, without any host."""

from __future__ import annotations

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.dataset import Mount, ZoneBe, foreign_mounts
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.parent import violations
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.plan import Plan
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.publisher import LostSetting
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.zone import Zone, as_id
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import brand_switch as bs

BE = "7c1e0a9e"


def zone(state: str = "running", brand: str = "ipkg", name: str = "web01", path: str = "/zones/web01") -> Zone:
    return Zone(name=name, state=state, zonepath=path, brand=brand)


def packages(*texts: str) -> dict[str, Fmri]:
    return {fmri.stem: fmri for fmri in map(Fmri.parse, texts)}


def cause(refusal: pytest.ExceptionInfo[Refusal]) -> str:
    return refusal.value.diagnosis.cause


@pytest.mark.parametrize("name", ["", "-z", "a b", "global", "SUNWzone", "../x", ".x", "a" * 64, "zöne"])
def test_a_name_that_is_not_legal(name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        bs.find_zone([zone()], name)
    assert cause(refusal) == "bad-zone-name"


def test_a_name_of_digits_that_is_the_id_of_an_active_zone() -> None:
    active = Zone("web01", "running", "/zones/web01", "ipkg", zid=5)
    digits = Zone("5", "installed", "/zones/5", "ipkg")
    with pytest.raises(Refusal, match="id of the active zone web01"):
        bs.find_zone([active, digits], "5")
    assert bs.find_zone([digits], "5") is digits
    assert bs.find_zone([Zone("5", "running", "/zones/5", "ipkg", zid=5)], "5").name == "5"


@pytest.mark.parametrize(
    ("name", "number"),
    [("0", 0), ("17", 17), ("010", 8), ("0x1F", 31), ("08", None), ("0x", None), ("1a", None), ("0x1_f", None)],
)
def test_names_that_zoneadm_takes_for_a_number(name: str, number: int | None) -> None:
    assert as_id(name) == number


def test_odd_but_legal_names() -> None:
    for name in ("0", "a.b", "9-x_y.z", "json"):
        assert bs.find_zone([zone(name=name)], name).name == name


def test_an_unknown_zone() -> None:
    with pytest.raises(Refusal, match="no zone web02"):
        bs.find_zone([zone()], "web02")


@pytest.mark.parametrize(("state", "word"), [("incomplete", "incomplete"), ("mounted", "mounted")])
def test_states_out_of_which_nothing_begins(state: str, word: str) -> None:
    with pytest.raises(Refusal) as refusal:
        bs.check_state(zone(state))
    assert cause(refusal) == word


@pytest.mark.parametrize("brand", ["sparse", "lx", "bhyve", "pkgsrc", "unheard-of"])
def test_brands_outside_the_pair(brand: str) -> None:
    with pytest.raises(Refusal, match=f"has brand {brand} and cannot become lipkg") as refusal:
        bs.choose_pair("omnios", zone(brand=brand), "lipkg")
    assert cause(refusal) == "brand-not-convertible"


def test_the_pair_is_the_platform_s() -> None:
    assert bs.choose_pair("omnios", zone(), "lipkg").linked == "lipkg"
    assert bs.choose_pair("openindiana", zone(), "nlipkg").linked == "ipkg"
    with pytest.raises(Refusal, match="does not exist on openindiana"):
        bs.choose_pair("openindiana", zone(), "lipkg")


def test_the_brand_s_package() -> None:
    bs.check_brand_available("lipkg", True, {}, 151054)
    bs.check_brand_available("lipkg", False, packages("pkg://omnios/system/zones/brand/lipkg@1"), 151054)
    with pytest.raises(Refusal, match="pkg install system/zones/brand/lipkg"):
        bs.check_brand_available("lipkg", False, {}, 151054)
    with pytest.raises(Refusal, match="r151012 has no brand lipkg"):
        bs.check_brand_available("lipkg", False, {}, 151012)


def test_the_global_zone_s_image() -> None:
    entire = packages("pkg://omnios/entire@11-151054.0")
    zones = packages("pkg://omnios/system/zones@1")
    assert bs.check_global_image(True, {**entire, **zones}).stem == "entire"
    assert bs.check_global_image(False, entire).stem == "entire"
    with pytest.raises(Refusal, match="system/zones"):
        bs.check_global_image(True, entire)
    with pytest.raises(Refusal, match="package entire"):
        bs.check_global_image(True, zones)


@pytest.mark.parametrize("path", ["/my zones/a", "/zones/a;b", "/zones/$a", "/zones/a'b"])
def test_zonepaths_that_no_shell_survives(path: str) -> None:
    with pytest.raises(Refusal) as refusal:
        bs.check_zonepath(zone(path=path), ["rpool/a"], ["rpool"])
    assert cause(refusal) == "zonepath-characters"


def test_zonepaths() -> None:
    assert bs.check_zonepath(zone(path="/zones/a:b"), ["rpool/zones/a"], ["rpool/zones"]) == "rpool/zones/a"
    for datasets, parents, word in [
        ([], ["rpool/zones"], "zonepath-not-zfs"),
        (["rpool/zones/a"], [], "zonepath-not-zfs"),
        (["rpool/ROOT/be/zones/a"], ["rpool/ROOT/be/zones"], "zonepath-in-rpool-root"),
        (["rpool/delegated", "rpool/zones/a"], ["rpool/zones"], "zonepath-ambiguous"),
    ]:
        with pytest.raises(Refusal) as refusal:
            bs.check_zonepath(zone(), datasets, parents)
        assert cause(refusal) == word


def test_a_zone_that_runs_from_another_dataset_than_its_own() -> None:
    root = "rpool/zones/web01/ROOT"
    bes = [ZoneBe(f"{root}/zbe", "old", "on"), ZoneBe(f"{root}/zbe-1", BE, "on")]
    running = Zone("web01", "running", "/zones/web01", "ipkg", zid=3)
    assert bs.choose_dataset(running, root, bes, BE, f"{root}/zbe-1") == f"{root}/zbe-1"
    assert bs.choose_dataset(zone("installed"), root, bes, BE, f"{root}/zbe") == f"{root}/zbe-1"
    with pytest.raises(Refusal, match=f"runs from {root}/zbe, but"):
        bs.choose_dataset(running, root, bes, BE, f"{root}/zbe")


def test_what_is_mounted_in_the_root_of_a_zone_that_is_down() -> None:
    root, dataset = "/zones/web01/root", "rpool/zones/web01/ROOT/zbe"
    mounts = [
        Mount(dataset, root, "zfs"),
        Mount(dataset + "/data", root + "/data", "zfs"),
        Mount("/export", root + "/mnt", "lofs"),
        Mount("/export", "/zones/web01/rootless", "lofs"),
    ]
    assert foreign_mounts(root, dataset, mounts) == [root + "/mnt"]
    bs.check_mounts(zone("running"), [root + "/proc"])
    with pytest.raises(Refusal, match="/zones/web01/root/mnt") as refusal:
        bs.check_mounts(zone("installed"), [root + "/mnt"])
    assert cause(refusal) == "root-busy"


def test_the_dataset() -> None:
    one, two = ZoneBe("p/R/zbe", BE, "on"), ZoneBe("p/R/zbe-1", BE, "on")
    old = ZoneBe("p/R/old", "other", "on")
    assert bs.choose_dataset(zone(), "p/R", [old, one], BE, "p/R/zbe") == "p/R/zbe"
    assert bs.choose_dataset(zone("configured"), "p/R", [old, one], BE, "p/R/old") == "p/R/old"
    assert bs.choose_dataset(zone("configured"), "p/R", [old], BE, None) == "p/R/old"
    for state, zone_bes, mounted, word in [
        ("running", [one, two], None, "several-active-datasets"),
        ("running", [old], "p/R/old", "no-active-dataset"),
        ("configured", [], None, "no-active-dataset"),
        ("configured", [one], "other/pool", "foreign-dataset"),
    ]:
        with pytest.raises(Refusal) as refusal:
            bs.choose_dataset(zone(state), "p/R", zone_bes, BE, mounted)
        assert cause(refusal) == word


@pytest.mark.parametrize(
    ("state", "brand", "wanted", "old", "started", "expected"),
    [
        ("running", "lipkg", "lipkg", None, None, bs.NOTHING),
        ("installed", "lipkg", "lipkg", None, None, bs.NOTHING),
        ("running", "ipkg", "lipkg", None, None, bs.SWITCH),
        ("configured", "ipkg", "lipkg", None, None, bs.ATTACH),
        ("configured", "lipkg", "lipkg", None, None, bs.ATTACH),
        # after a kill
        ("installed", "ipkg", "lipkg", "ipkg", "running", bs.SWITCH),
        ("configured", "ipkg", "lipkg", "ipkg", "running", bs.ATTACH),
        ("installed", "lipkg", "lipkg", "ipkg", "running", bs.FINISH),
        ("running", "lipkg", "lipkg", "ipkg", "running", bs.FINISH),
        # after a kill, and now the old brand is wanted
        ("installed", "ipkg", "ipkg", "ipkg", "running", bs.RESTORE),
        ("configured", "lipkg", "ipkg", "ipkg", "running", bs.WAY_BACK),
        ("installed", "lipkg", "ipkg", "ipkg", "running", bs.SWITCH),
        # it was detached before the first run
        ("configured", "lipkg", "ipkg", "ipkg", "configured", bs.ATTACH),
        ("installed", "ipkg", "ipkg", "ipkg", "configured", bs.FINISH),
    ],
)
def test_course(state: str, brand: str, wanted: str, old: str | None, started: str | None, expected: str) -> None:
    assert bs.course(zone(state, brand), wanted, old, started) == expected


def test_renamed_packages_are_asked_for_as_the_hook_does() -> None:
    entire = Fmri.parse("pkg://omnios/entire@11-151054.0:20261121T055209Z")
    have = packages("pkg://omnios/system/library/gcc-5-runtime@5", "pkg://other/system/library/gcc-6-runtime@6")
    assert bs.attach_packages(entire, have) == [
        "entire@11-151054.0:20261121T055209Z",
        "pkg://omnios/system/library/gcc-5-runtime",
    ]


SELF = "feature/package/dependency/self"


def test_what_parent_dependencies_force() -> None:
    there = packages("pkg://omnios/a@2-1:20250101T000000Z")
    broken = violations([(Fmri.parse("pkg://omnios/a@1-1:20250101T000000Z"), SELF)], there)
    assert bs.forced_packages(zone(), broken, there) == ["pkg://omnios/a@2-1:20250101T000000Z"]
    gone = violations([(Fmri.parse("pkg://omnios/b@1"), SELF)], there)
    with pytest.raises(Refusal, match="b in the global zone, where it is not installed"):
        bs.forced_packages(zone(), gone, there)


def test_sync_linked_never_goes_back() -> None:
    """Recording 09-never-synced-zone: Global zone has an older version of package."""
    there = packages("pkg://omnios/a@1-1:20250101T000000Z")
    broken = violations([(Fmri.parse("pkg://omnios/a@2-1:20250101T000000Z"), SELF)], there)
    with pytest.raises(Refusal, match="has an older version"):
        bs.forced_packages(zone(), broken, there)


def test_without_a_rehearsal_entire_tells_the_newer_zone() -> None:
    old, new = Fmri.parse("pkg://omnios/entire@11-151046.0"), Fmri.parse("pkg://omnios/entire@11-151054.0")
    options = bs.Options("web01", "lipkg", rehearse=False)
    bs.check_not_newer(options, zone(), old, new)
    bs.check_not_newer(options, zone(), None, new)
    with pytest.raises(Refusal, match="entire 11-151054.0 -> 11-151046.0"):
        bs.check_not_newer(options, zone(), new, old)


def test_plans_that_the_options_do_not_allow() -> None:
    old, new = Fmri.parse("pkg://omnios/a@1"), Fmri.parse("pkg://omnios/a@2")
    up, down = Plan(change=((old, new),)), Plan(change=((new, old),))
    bs.check_plan(bs.Options("web01", "lipkg"), zone(), up)
    bs.check_plan(bs.Options("web01", "lipkg", allow_downgrade=True), zone(), down)
    bs.check_plan(bs.Options("web01", "lipkg", update=False), zone(), Plan())
    with pytest.raises(Refusal, match="a 2 -> 1"):
        bs.check_plan(bs.Options("web01", "lipkg"), zone(), down)
    with pytest.raises(Refusal, match="`update` is false"):
        bs.check_plan(bs.Options("web01", "lipkg", update=False), zone(), up)


def test_publisher_settings_are_not_lost_unasked() -> None:
    lost = [LostSetting("omnios", "mirrors", "https://u:secret@m/", "none")]
    bs.check_publishers(bs.Options("web01", "lipkg", replace_publishers=True), zone(), lost)
    with pytest.raises(Refusal, match="omnios mirrors") as refusal:
        bs.check_publishers(bs.Options("web01", "lipkg"), zone(), lost)
    assert "secret" not in str(refusal.value)
    assert "secret" not in str(refusal.value.diagnosis.as_result())


def test_left_behind() -> None:
    after = packages("pkg://omnios/a@1", "pkg://omnios/b@1", "pkg://omnios/c@2", "pkg://own/d@1")
    parent = packages("pkg://omnios/a@2", "pkg://omnios/c@2")
    known = [Fmri.parse(text) for text in ("pkg://omnios/b@1", "pkg://omnios/b@3", "pkg://own/d@1", "pkg://omnios/c@9")]
    found = [(entry["name"], entry["available"]) for entry in bs.left_behind(after, known, parent, "remedy")]
    assert found == [("a", "2"), ("b", "3")]
