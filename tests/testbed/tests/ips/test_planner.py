"""What gets installed when: dependencies of every kind, on catalogues written down in the test."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.ips import fmri
from testbed.ips.images import catalog, config, image
from testbed.ips.images.image import Image
from testbed.ips.planning import planner
from testbed.ips.planning.explain import NoSolution
from testbed.ips.planning.planner import INSTALL, SYNC, UNINSTALL, UPDATE, Plan
from testbed.ips.planning.selection import Refused

STAMP = "20261121T055207Z"
ZONE = {"variant.opensolaris.zone": "nonglobal"}


def make(root: Path, packages: dict[str, list[str]], installed: list[str], sticky: bool = True) -> Image:
    """An image whose catalogue has ``packages`` ("curl@1": depend lines; "other:curl@1" is another publisher's)."""
    manifests = {
        name(text): [f"depend {line}" if "type=" in line else line for line in lines]
        for text, lines in packages.items()
    }
    publishers = [config.publisher("p", [], sticky=sticky), config.publisher("other", [])]
    made = image.create(root, publishers=publishers, variants=ZONE, known=catalog.from_manifests(manifests))
    for entry in made.known.entries:
        if entry.fmri in [name(text) for text in installed]:
            entry.set_state(catalog.INSTALLED, True)
    made.changed()
    return made


def name(text: str) -> fmri.Fmri:
    publisher, _, rest = text.rpartition(":")
    stem, _, version = rest.partition("@")
    return fmri.parse(f"pkg://{publisher or 'p'}/{stem}@{version},5.11-0:{STAMP}")


def outcome(plan: Plan) -> dict[str, list[str]]:
    """Stems with their new release, by what happens to them."""

    def shown(entry: catalog.Entry) -> str:
        return f"{entry.stem}@{entry.fmri.known.plain.partition('-')[0]}"

    parts = {"add": plan.add, "change": [new for _, new in plan.change], "remove": plan.remove}
    return {word: [shown(entry) for entry in entries] for word, entries in parts.items() if entries}


def test_install_takes_the_newest_and_what_it_requires(tmp_path: Path) -> None:
    made = make(tmp_path, {"a@1": [], "a@2": ["type=require fmri=b@1"], "b@1": [], "b@2": [], "c@1": []}, [])
    assert outcome(planner.plan(made, INSTALL, ["a"], None)) == {"add": ["a@2", "b@2"]}


def test_install_leaves_the_rest_alone(tmp_path: Path) -> None:
    made = make(
        tmp_path, {"a@1": ["type=require fmri=b@1"], "b@1": [], "b@2": [], "c@1": [], "c@2": []}, ["b@1", "c@1"]
    )
    assert outcome(planner.plan(made, INSTALL, ["a"], None)) == {"add": ["a@1"]}


def test_an_incorporation_moves_what_is_installed_and_adds_nothing(tmp_path: Path) -> None:
    packages = {
        "entire@1": ["type=incorporate fmri=b@1"],
        "entire@2": ["type=incorporate fmri=b@2", "type=incorporate fmri=c@2"],
    }
    made = make(tmp_path, {**packages, "b@1": [], "b@2": [], "b@3": [], "c@2": []}, ["entire@1", "b@1"])
    assert outcome(planner.plan(made, INSTALL, ["entire@2"], None)) == {"change": ["b@2", "entire@2"]}
    assert outcome(planner.plan(made, UPDATE, [], None)) == {"change": ["b@2", "entire@2"]}


def test_an_older_entire_named_explicitly_downgrades_what_it_incorporates(tmp_path: Path) -> None:
    packages = {f"entire@{n}": [f"type=incorporate fmri=b@{n}", "type=require fmri=b"] for n in (1, 2)}
    made = make(tmp_path, {**packages, "b@1": [], "b@2": [], "c@1": [], "c@2": []}, ["entire@2", "b@2", "c@2"])
    assert outcome(planner.plan(made, INSTALL, ["entire@1"], None)) == {"change": ["b@1", "entire@1"]}
    assert not planner.plan(made, INSTALL, ["entire"], None)


def test_an_install_hold_keeps_an_incorporation_where_it_is(tmp_path: Path) -> None:
    packages = {
        f"entire@{n}": [f"type=incorporate fmri=b@{n}", "set name=pkg.depend.install-hold value=core"] for n in (1, 2)
    }
    made = make(tmp_path, {**packages, "b@1": [], "b@2": []}, ["entire@1", "b@1"])
    with pytest.raises(NoSolution) as failure:
        planner.plan(made, INSTALL, ["b@2"], None)
    assert "This version is excluded by installed incorporation entire@1-0" in str(failure.value)


def test_optional_and_exclude_and_conditional(tmp_path: Path) -> None:
    packages = {
        "a@1": ["type=optional fmri=b@2", "type=conditional predicate=c fmri=d", "type=exclude fmri=e"],
        **{f"{stem}@{n}": [] for stem in "bcde" for n in (1, 2)},
    }
    made = make(tmp_path / "1", packages, ["b@1", "c@1"])
    assert outcome(planner.plan(made, INSTALL, ["a"], None)) == {"add": ["a@1", "d@2"], "change": ["b@2"]}
    made = make(tmp_path / "2", packages, [])
    assert outcome(planner.plan(made, INSTALL, ["a"], None)) == {"add": ["a@1"]}
    made = make(tmp_path / "3", packages, ["e@1"])
    with pytest.raises(NoSolution):
        planner.plan(made, INSTALL, ["a"], None)


def test_require_any_and_group(tmp_path: Path) -> None:
    packages = {"a@1": ["type=require-any fmri=b@2 fmri=c@1", "type=group fmri=d", "type=group fmri=gone"]}
    made = make(tmp_path, {**packages, "b@1": [], "c@1": [], "d@1": []}, [])
    assert outcome(planner.plan(made, INSTALL, ["a"], None)) == {"add": ["a@1", "c@1", "d@1"]}


def test_a_choice_that_leads_nowhere_is_taken_back(tmp_path: Path) -> None:
    packages = {
        "a@1": ["type=require fmri=b"],
        "b@1": [],
        "b@2": ["type=incorporate fmri=c@2"],
        "c@1": ["type=require fmri=x"],
        "x@1": [],
    }
    made = make(
        tmp_path, {**packages, "lock@1": ["type=incorporate fmri=c@1", "type=require fmri=c"]}, ["lock@1", "c@1", "x@1"]
    )
    assert outcome(planner.plan(made, INSTALL, ["a"], None)) == {"add": ["a@1", "b@1"]}


def test_obsolete_is_removed_and_renamed_is_replaced(tmp_path: Path) -> None:
    packages = {
        "old@1": [],
        "old@2": ["set name=pkg.obsolete value=true"],
        "was@1": [],
        "was@2": ["set name=pkg.renamed value=true", "type=require fmri=now@1"],
        "now@1": [],
    }
    made = make(tmp_path, packages, ["old@1", "was@1"])
    assert outcome(planner.plan(made, UPDATE, [], None)) == {"add": ["now@1"], "remove": ["old@1", "was@1"]}


def test_a_sticky_publisher_keeps_its_packages(tmp_path: Path) -> None:
    packages: dict[str, list[str]] = {"a@1": [], "other:a@2": []}
    made = make(tmp_path, packages, ["a@1"])
    assert not planner.plan(made, UPDATE, [], None)
    with pytest.raises(Refused, match="publishers other than that which supplied"):
        planner.plan(made, INSTALL, ["a@2"], None)


def test_a_package_for_the_global_zone_only_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path, {"a@1": ["set name=variant.opensolaris.zone value=global"]}, [])
    with pytest.raises(Refused, match="only matched packages that are not available"):
        planner.plan(made, INSTALL, ["a"], None)


@pytest.mark.parametrize(("parent", "expected"), [("1", {}), ("2", {"change": ["a@2"]})])
def test_sync_brings_self_to_the_parents_version(tmp_path: Path, parent: str, expected: dict[str, list[str]]) -> None:
    made = make(
        tmp_path,
        {f"a@{n}": ["type=parent fmri=feature/package/dependency/self"] for n in (1, 2, 3)} | {"b@1": [], "b@2": []},
        ["a@1", "b@1"],
    )
    assert outcome(planner.plan(made, SYNC, [], {"a": name(f"a@{parent}")})) == expected


def test_uninstall_is_refused_while_something_requires_it(tmp_path: Path) -> None:
    made = make(tmp_path, {"a@1": ["type=require fmri=b"], "b@1": []}, ["a@1", "b@1"])
    with pytest.raises(Refused, match="Unable to remove 'b@1-0'"):
        planner.plan(made, UNINSTALL, ["b"], None)
    assert outcome(planner.plan(made, UNINSTALL, ["a", "b"], None)) == {"remove": ["a@1", "b@1"]}


STEMS = ["a", "b", "c", "d"]
DEPENDS = st.builds(
    "type={0} fmri={1}@{2}".format,
    st.sampled_from(["require", "incorporate", "optional", "exclude"]),
    st.sampled_from(STEMS),
    st.integers(1, 3),
)
CATALOGUES = st.dictionaries(
    st.builds("{0}@{1}".format, st.sampled_from(STEMS), st.integers(1, 3)), st.lists(DEPENDS, max_size=3), min_size=1
)


@settings(deadline=None, max_examples=60)
@given(CATALOGUES)
def test_what_is_planned_satisfies_every_dependency(packages: dict[str, list[str]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        made = make(Path(directory), packages, [])
        try:
            plan = planner.plan(made, INSTALL, [sorted(packages)[0].partition("@")[0]], None)
        except NoSolution:
            return
    solution = {entry.stem: entry.fmri.known for entry in plan.add}
    assert solution
    for entry in plan.add:
        for action in entry.actions:
            target = fmri.parse(action.get("fmri"))
            have, kind = solution.get(target.stem), action.get("type")
            enough = have is not None and (have.matches(target.known) or have.key >= target.known.key)
            assert enough or kind != "require"
            if have is not None:
                assert kind != "incorporate" or have.matches(target.known)
                assert kind != "optional" or enough
                assert kind != "exclude" or not enough


def test_a_group_member_that_was_removed_is_not_brought_back(tmp_path: Path) -> None:
    packages = {"a@1": ["type=group fmri=b", "type=group fmri=c", "type=group fmri=gone"], "b@1": [], "c@1": []}
    made = make(tmp_path, packages, ["a@1", "b@1"])
    plan = planner.plan(made, UNINSTALL, ["b"], None)
    assert outcome(plan) == {"add": ["c@1"], "remove": ["b@1"]}
    assert (plan.avoided, plan.left_out) == ({"b"}, {"gone": "implicit-avoid"})
    made.write_avoided(plan.avoided or (), plan.left_out)
    assert made.avoided() == {"b"}
    made.installed()["b"].set_state(catalog.INSTALLED, False)
    made.changed()
    assert outcome(planner.plan(made, UPDATE, [], None)) == {"add": ["c@1"]}
    assert planner.plan(made, INSTALL, ["b"], None).avoided == set()
    made.write_avoided(["c"])
    assert made.avoided() == {"c"}
    assert '"gone": "implicit-avoid"' in (made.meta / "state/avoid_set").read_text()
