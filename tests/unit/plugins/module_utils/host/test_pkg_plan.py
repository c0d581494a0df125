# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans as pkg prints them with --parsable=0: every recorded one, and garbled ones."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.pkg_plan import parse_plan
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.pkg_update import parse_update

OLD = "pkg://omnios/SUNWcs@0.5.11,5.11-151046.0:20230503T120000Z"
NEW = "pkg://omnios/SUNWcs@0.5.11,5.11-151046.0:20230510T090000Z"
IMAGE: dict[str, Any] = {
    "activate-be": True,
    "add-packages": [],
    "affect-packages": [],
    "affect-services": [],
    "backup-be-name": None,
    "be-name": None,
    "boot-archive-rebuild": False,
    "change-editables": [],
    "change-facets": [],
    "change-mediators": [],
    "change-packages": [[OLD, NEW]],
    "change-variants": [],
    "child-images": [],
    "create-backup-be": None,
    "create-new-be": False,
    "image-name": None,
    "item-messages": {},
    "licenses": [],
    "release-notes": [],
    "remove-packages": [],
    "space-available": 83997548544,
    "space-required": 168070.5,
    "version": 0,
}


def document(*zones: str, **changed: Any) -> dict[str, Any]:
    """A plan of the global zone and of some zones; fields by name, with _ for -."""
    children = [{**copy.deepcopy(IMAGE), "image-name": f"zone:{zone}"} for zone in zones]
    return {
        **copy.deepcopy(IMAGE),
        "child-images": children,
        **{key.replace("_", "-"): value for key, value in changed.items()},
    }


def test_every_recorded_plan_is_read(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    seen = 0
    for _name, step in every_pkg_step:
        if "--parsable=0" not in step["argv"] or not step["stdout"].startswith("{"):
            continue
        written = json.loads(step["stdout"].splitlines()[0])
        if "child-images" not in written:
            continue  # verify and fix print documents of another kind
        plan = parse_update(step["stdout"])
        assert plan is not None
        own, *children = plan.images
        assert own.plan == parse_plan(step["stdout"])
        assert own.zone is None
        names = [child.zone for child in children]
        assert names == sorted(one["image-name"].split(":")[1] for one in written["child-images"])
        for image in written["child-images"] + [written]:
            read = plan.of(image["image-name"] and image["image-name"].split(":")[1])
            assert len(read.change) == len(image["change-packages"])
            assert len(read.add) == len(image["add-packages"])
            assert len(read.remove) == len(image["remove-packages"])
            assert len(read.licences) == len(image["licenses"])
        assert plan.new_be is written["create-new-be"]
        assert plan.backup_be is bool(written["create-backup-be"])
        if step["rc"] == 4:
            assert plan.nothing_to_do
        seen += 1
    assert seen > 100


def test_a_change_of_a_facet_alone_is_something_to_do(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    plans = [
        parse_update(step["stdout"])
        for _name, step in every_pkg_step
        if "change-facet" in step["argv"] and "--parsable=0" in step["argv"] and step["rc"] == 0
    ]
    assert {plan.images[0].plan.settings for plan in plans if plan} == {("facet.doc.man",), ("facet.devel",)}
    assert not any(plan.nothing_to_do for plan in plans if plan)


def test_text_around_the_document() -> None:
    text = f"\n{json.dumps(document('db01'))}\nWARNING: Errors were encountered\n\n------\n"
    plan = parse_update(text)
    assert plan is not None
    assert [image.name for image in plan.images] == ["global", "db01"]
    assert [image.space_required for image in plan.images] == [168071, 168071]


def test_no_document_is_no_plan() -> None:
    assert parse_plan("No updates necessary for this image.\n") is None
    assert parse_update("") is None


def test_fields_that_are_not_known_are_no_matter() -> None:
    plan = parse_update(json.dumps(document("db01", something_new=[1, 2])))
    assert plan == parse_update(json.dumps(document("db01")))


@pytest.mark.parametrize("activate", [True, "bootnext"])
def test_a_boot_environment_for_the_next_boot_is_activated(activate: Any) -> None:
    plan = parse_update(json.dumps(document(activate_be=activate, create_new_be=True, be_name="new1")))
    assert plan is not None
    assert (plan.new_be, plan.be_name, plan.activate) == (True, "new1", True)


def test_a_licence_that_goes_away_needs_no_consent() -> None:
    old = [OLD, "EULA", "text", True, True]
    plan = parse_update(json.dumps(document(licenses=[[NEW, old, []], [NEW, [], [NEW, "EULA", "text", True, True]]])))
    assert plan is not None
    assert [(one.name, one.must_accept) for one in plan.images[0].plan.licences] == [("EULA", True)]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"version": 1}, "version is 1"),
        ({"version": False}, "version"),
        ({"add_packages": 1}, "add-packages"),
        ({"add_packages": [["a"]]}, "in place of a text"),
        ({"add_packages": ["pkg://omnios/SUNWcs"]}, "without a version"),
        ({"add_packages": ["a b"]}, "not a package FMRI"),
        ({"change_packages": [[OLD]]}, "change-packages"),
        ({"change_packages": [OLD]}, "change-packages"),
        ({"child_images": {}}, "child-images"),
        ({"child_images": [None]}, "no document"),
        ({"child_images": [IMAGE]}, "image-name"),
        ({"child_images": [{**IMAGE, "image-name": "zone:"}]}, "'zone:'"),
        ({"child_images": [{**IMAGE, "image-name": "zone:a"}] * 2}, "twice"),
        ({"child_images": [{**document("b"), "image-name": "zone:a"}]}, "below zone:a"),
        ({"create_new_be": "yes"}, "create-new-be"),
        ({"image_name": "zone:a"}, "image-name"),
        ({"licenses": [[NEW, [], [NEW, "EULA"]]]}, "licenses"),
        ({"licenses": [[NEW, [], [NEW, "EULA", "text", "true", True]]]}, "licenses"),
        ({"release_notes": "text"}, "release-notes"),
        ({"release_notes": [["text"]]}, "in place of a text"),
        ({"space_required": float("nan")}, "space-required"),
        ({"space_available": float("inf")}, "space-available"),
        ({"space_available": "1"}, "space-available"),
        ({"change_facets": ["facet.devel"]}, "change-facets"),
        ({"change_mediators": [[]]}, "change-mediators"),
    ],
)
def test_a_plan_of_another_form_is_an_error(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match="please report") as caught:
        parse_update(json.dumps(document(**changed)))
    assert named in str(caught.value)


def test_a_document_that_breaks_off_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON.*please report"):
        parse_update(json.dumps(document("db01"))[:-20])


@pytest.mark.parametrize(
    "key", sorted(set(IMAGE) - {"affect-services", "boot-archive-rebuild", "change-editables", "item-messages"})
)
def test_nothing_of_what_is_read_is_left_to_guesses(key: str) -> None:
    whole = document()
    del whole[key]
    with pytest.raises(ValueError, match=f"no '{key}'; please report"):
        parse_update(json.dumps(whole))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([OLD, "zone:a"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(sorted(IMAGE)), inner, max_size=5),
    max_leaves=20,
)


def refused(text: str) -> str:
    """The sentence that a document is refused with, "" if it is not."""
    try:
        parse_update(text)
    except ValueError as exc:
        return str(exc)
    return ""


@given(st.dictionaries(st.sampled_from(sorted(IMAGE)), ANY_JSON, max_size=4), st.booleans())
def test_garbled_fields_give_a_plan_or_a_sentence(garbled: dict[str, Any], in_child: bool) -> None:
    whole = document("db01")
    (whole["child-images"][0] if in_child else whole).update(garbled)
    sentence = refused(json.dumps(whole))
    assert not sentence or sentence.endswith("please report.")


@given(st.text(max_size=200))
def test_garbled_text_gives_a_sentence(text: str) -> None:
    assert refused("{" + text).endswith("please report.")


@pytest.mark.parametrize("text", ['{"a":' * 100_000, '{"version": 0, "add-packages": ' + "[" * 100_000, "{" + "1" * 99])
def test_monstrous_documents_give_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="please report"):
        parse_update(text)
