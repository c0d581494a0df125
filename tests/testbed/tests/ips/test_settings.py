"""Variants, facets and mediators: what counts, what a change of them changes, what children inherit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import command
from testbed.host import Host
from testbed.ips.action import parse
from testbed.ips.images import facets, image, settings
from testbed.ips.planning import mediation

from .linked_host import ROOT, STAMP, make


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make(tmp_path / "host")


def run(host: Host, *args: str, root: str = "/") -> Any:
    """The JSON that pkg prints."""
    result = command.run(host, ["pkg", "-R", root, *args])
    assert result.rc == 0, result.stderr
    return json.loads(result.stdout)


def link(host: Host, root: str = ROOT) -> str:
    return str(host.path(root).joinpath("opt/tool").readlink())


# -- facets ------------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["facet.a", "facet.a.b", "facet.a.*", "facet.*", "facet.a.b.c", "facet.*.c"])


@given(st.dictionaries(NAMES, st.booleans()), st.dictionaries(NAMES, st.booleans()))
def test_inherited_facets_are_tried_first_and_longer_names_before_shorter_ones(
    own: dict[str, bool], inherited: dict[str, bool]
) -> None:
    ordered = facets.effective(own, inherited)
    assert ordered == {**own, **inherited}
    ranks = [(name not in inherited, -len(name)) for name in ordered]
    assert ranks == sorted(ranks)
    assert facets.read(facets.section(ordered)) == ordered


@given(st.dictionaries(NAMES, st.booleans()))
def test_an_exact_name_wins_over_every_pattern(own: dict[str, bool]) -> None:
    ordered = facets.effective(own, {})
    for name in ("facet.a.b.c", "facet.a"):
        assert name not in own or facets.value(name, ordered) is own[name]


def test_what_nothing_sets_is_true_but_for_optional_and_debug() -> None:
    assert facets.value("facet.doc", {})
    assert not facets.value("facet.optional.x", {})
    assert not facets.value("facet.debug.x", {})


def test_a_facet_takes_files_away_and_gives_them_back(host: Host) -> None:
    plan = run(host, "change-facet", "--parsable=0", "doc.man=false")
    assert plan["change-facets"] == [["facet.doc.man", False, None, "local", False, False]]
    assert plan["affect-packages"] == [f"pkg://omnios/doc@1,{STAMP}"]
    assert not host.path("/opt/doc").exists()
    assert host.path("/opt/all").exists()
    run(host, "change-facet", "--parsable=0", "doc.man=none")
    assert host.path("/opt/doc").exists()
    assert run(host, "facet", "-F", "json") == []


def test_a_facet_that_is_as_asked_for_already_gives_4(host: Host) -> None:
    assert command.run(host, ["pkg", "change-facet", "doc.man=none"]).rc == 4


def test_children_inherit_what_unlocks_a_package_that_must_be_the_parents_own(host: Host) -> None:
    plan = run(host, "change-facet", "--parsable=0", "version-lock.base=false", "doc.man=false")
    (child,) = plan["child-images"]
    assert child["change-facets"] == [["facet.version-lock.base", False, None, "parent", False, False]]
    zone = image.open(host.path(ROOT))
    assert zone.linked()["linked_pfacets"] == {"facet.version-lock.base": False}
    assert settings.of(zone).inherited == {"facet.version-lock.base": False}
    listed = run(host, "facet", "-F", "json", root=ROOT)
    assert [(row["facet"], row["src"]) for row in listed] == [("facet.version-lock.base", "parent")]


def test_an_inherited_facet_masks_the_images_own(host: Host) -> None:
    run(host, "change-facet", "--parsable=0", "version-lock.base=true", root=ROOT)
    run(host, "change-facet", "--parsable=0", "version-lock.base=false")
    rows = run(host, "facet", "-m", "-F", "json", root=ROOT)
    assert [(row["value"], row["src"], row["masked"]) for row in rows] == [
        ("False", "parent", "False"),
        ("True", "local", "True"),
    ]


# -- variants ----------------------------------------------------------------------------------------------------------


def test_a_new_value_of_a_variant_changes_the_packages_that_depend_by_it(host: Host) -> None:
    plan = run(host, "change-variant", "-n", "--parsable=0", "opensolaris.zone=global", root=ROOT)
    assert plan["change-variants"] == [["variant.opensolaris.zone", "global"]]
    assert plan["affect-packages"] == [f"pkg://omnios/base@1,{STAMP}"]


def test_the_same_value_gives_4(host: Host) -> None:
    assert command.run(host, ["pkg", "change-variant", "opensolaris.zone=global"]).rc == 4


# -- mediators ---------------------------------------------------------------------------------------------------------


def test_the_newest_version_is_delivered_until_another_is_chosen(host: Host) -> None:
    assert link(host) == "two"
    plan = run(host, "set-mediator", "--parsable=0", "-V", "1", "tool", root=ROOT)
    assert plan["change-mediators"] == [["tool", [["2", "system"], ["1", "local"]], [[None, "system"]] * 2]]
    assert plan["affect-packages"] == [f"pkg://omnios/one@1,{STAMP}"]
    assert link(host) == "one"
    assert command.run(host, ["pkg", "-R", ROOT, "unset-mediator", "tool"]).rc == 0
    assert link(host) == "two"


def test_a_choice_that_nothing_fits_takes_the_link_away__and_stays(host: Host) -> None:
    plan = run(host, "set-mediator", "--parsable=0", "-V", "9", "tool", root=ROOT)
    assert plan["affect-packages"] == [f"pkg://omnios/two@1,{STAMP}"] * 2  # twice: recording 19
    assert not host.path(ROOT).joinpath("opt/tool").is_symlink()
    (row,) = run(host, "mediator", "-F", "json", root=ROOT)
    assert (row["version"], row["version-source"]) == ("9", "local")


def test_the_link_changes_hands_where_its_package_goes(host: Host) -> None:
    plan = run(host, "uninstall", "--parsable=0", "two", root=ROOT)
    assert plan["change-mediators"][0][1] == [["2", "system"], ["1", "system"]]
    assert plan["affect-packages"] == [f"pkg://omnios/one@1,{STAMP}"]
    assert link(host) == "one"


def test_where_the_administrators_choice_goes_the_link_would_dangle__warned_of_in_a_zone_an_error_here(
    host: Host,
) -> None:
    for root in ("/", ROOT):
        assert command.run(host, ["pkg", "-R", root, "set-mediator", "-V", "2", "tool"]).rc == 0
    plan = run(host, "uninstall", "-n", "--parsable=0", "two", root=ROOT)
    (told,) = plan["item-messages"]["warnings"]["messages"]
    assert told["msg_text"].endswith("  tool                     opt/two\n")
    assert "WARNING: The following mediated link" in command.run(host, ["pkg", "-R", ROOT, "uninstall", "two"]).stderr
    result = command.run(host, ["pkg", "uninstall", "two"])
    assert (result.rc, result.stderr.startswith("pkg: The following mediated")) == (3, True)


VERSIONS = st.sampled_from(["", "1", "1.2", "2", "10"])
IMPLEMENTATIONS = st.sampled_from(["", "gnu", "gnu@1", "gnu@2", "bsd"])
MEDIATIONS = st.builds(mediation.Mediation, st.sampled_from(["", "site", "vendor"]), VERSIONS, IMPLEMENTATIONS)
LOCAL = st.fixed_dictionaries({}, optional={"version": VERSIONS, "implementation": IMPLEMENTATIONS})


@given(st.lists(MEDIATIONS, min_size=1), LOCAL)
def test_what_is_chosen_is_offered_or_the_administrators_choice(
    offered: list[mediation.Mediation], local: dict[str, str | None]
) -> None:
    attributes = ("priority", "version", "implementation")
    links = [
        parse(
            "link path=p target=t mediator=m"
            + "".join(f" mediator-{name}={value}" for name in attributes if (value := getattr(each, name)))
        )
        for each in offered
    ]
    asked = {"m": mediation.asked({}, "m", local)}
    chosen = mediation.choose(links, {}, asked).get("m", {})
    fitting = [found for found in links if mediation.of(found) and mediation.delivered(found, {"m": chosen})]
    assert all(chosen.get(what) == value for what, value in local.items())
    if any(mediation.of(found) for found in links) and not local:
        assert fitting, "with no choice of the administrator's some link is delivered"


def test_before_r151022_pkg_knows_no_recursion(host: Host) -> None:
    host.state.settings["pkg_recursion"] = False
    host.save()
    result = command.run(host, ["pkg", "update", "-nr"])
    assert (result.rc, result.stdout) == (2, "")
    assert result.stderr.startswith("pkg update: illegal option -- r\nUsage:")
    assert command.run(host, ["pkg", "update", "-n"]).rc == 4
