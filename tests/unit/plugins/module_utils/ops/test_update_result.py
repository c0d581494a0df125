# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How images come out, from plan, before and after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.plan import Plan
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import (
    EXCLUDED_BUT_SYNCED,
    FAILED,
    NOT_LINKED,
    PARTLY,
    STAGED,
    UNCHANGED,
    UPDATED,
    ImagePlan,
    Request,
    UpdatePlan,
)
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update_result import (
    ImageBefore,
    came_out,
    difference,
    foreseen,
    merged,
    missing,
    not_as_planned,
    selected,
    where_it_stands,
)

STEMS = ("entire", "web/curl", "ours/a", "ours/b")


def fmri(stem: str, version: int) -> Fmri:
    return Fmri.parse(f"pkg://omnios/{stem}@{version}-1.0:20250505T120000Z")


def installed(**versions: int) -> dict[str, Fmri]:
    return {stem.replace("_", "/"): fmri(stem.replace("_", "/"), version) for stem, version in versions.items()}


BEFORE = installed(entire=1, web_curl=1, ours_a=1)
PLAN = Plan(
    add=(fmri("ours/b", 1),),
    change=((fmri("entire", 1), fmri("entire", 2)), (fmri("web/curl", 1), fmri("web/curl", 2))),
    remove=(fmri("ours/a", 1),),
)
AFTER = installed(entire=2, web_curl=2, ours_b=1)


def image(zone: str | None = "web01", linked: bool = True, chosen: bool = True) -> ImageBefore:
    return ImageBefore(zone, f"/zones/{zone}/root", linked, chosen, BEFORE)


def status(before: ImageBefore, plan: Plan, after: dict[str, Fmri] | None, staged: bool = False) -> str:
    return came_out([before], UpdatePlan((ImagePlan("web01", plan),)), {"web01": after}, staged)[0].status


@pytest.mark.parametrize(
    ("before", "plan", "after", "staged", "wanted"),
    [
        (image(), PLAN, AFTER, False, UPDATED),
        (image(), PLAN, AFTER, True, STAGED),
        (image(chosen=False), PLAN, AFTER, False, EXCLUDED_BUT_SYNCED),
        (image(chosen=False), Plan(), BEFORE, False, UNCHANGED),
        (image(), Plan(), BEFORE, True, UNCHANGED),
        (image(), PLAN, BEFORE, False, FAILED),
        (image(), PLAN, None, False, FAILED),
        (image(), PLAN, {**BEFORE, "entire": fmri("entire", 2)}, False, PARTLY),
        (image(), PLAN, {**AFTER, "ours/a": fmri("ours/a", 1)}, False, PARTLY),
        (image(), Plan(), AFTER, False, UPDATED),
        (image(linked=False), Plan(), AFTER, False, NOT_LINKED),
    ],
)
def test_status(before: ImageBefore, plan: Plan, after: dict[str, Fmri] | None, staged: bool, wanted: str) -> None:
    assert status(before, plan, after, staged) == wanted


packages = st.dictionaries(st.sampled_from(STEMS), st.integers(1, 3)).map(
    lambda found: {stem: fmri(stem, version) for stem, version in found.items()}
)


def between(before: dict[str, Fmri], after: dict[str, Fmri]) -> Plan:
    """The plan from one to the other."""
    return Plan(
        add=tuple(after[stem] for stem in after if stem not in before),
        change=tuple((before[s], after[s]) for s in after if s in before and before[s] != after[s]),
        remove=tuple(before[stem] for stem in before if stem not in after),
    )


@given(before=packages, after=packages)
def test_a_plan_that_was_carried_out_lacks_nothing(before: dict[str, Fmri], after: dict[str, Fmri]) -> None:
    plan = between(before, after)
    assert missing(plan, after) == []
    assert bool(missing(plan, before)) is not plan.nothing_to_do


@given(before=packages, after=packages, then=packages)
def test_what_is_said_is_what_is_there(before: dict[str, Fmri], after: dict[str, Fmri], then: dict[str, Fmri]) -> None:
    """Updated means as planned, failed means nothing of it, partly some of it."""
    plan = between(before, after)
    told = status(ImageBefore("web01", "/", True, True, before), plan, then)
    lacking = set(missing(plan, then))
    everything = set(missing(plan, before))
    if plan.nothing_to_do:
        assert told == (UNCHANGED if then == before else UPDATED)
    else:
        assert told == (UPDATED if not lacking else FAILED if lacking == everything else PARTLY)


@given(before=packages, after=packages)
def test_foreseen_is_what_comes(before: dict[str, Fmri], after: dict[str, Fmri]) -> None:
    plan = UpdatePlan((ImagePlan("web01", between(before, after)),))
    seen = [ImageBefore("web01", "/", True, True, before)]
    assert foreseen(seen, plan) == came_out(seen, plan, {"web01": after}, staged=False)


def test_a_package_that_becomes_another() -> None:
    plan = Plan(change=((fmri("ours/a", 1), fmri("ours/b", 1)),))
    assert missing(plan, {**BEFORE, "ours/b": fmri("ours/b", 1)}) == ["ours/b"]
    assert missing(plan, installed(ours_b=1)) == []


def test_versions_of_the_release() -> None:
    (told,) = came_out([image()], UpdatePlan((ImagePlan("web01", PLAN),)), {"web01": AFTER}, staged=False)
    assert (told.release_from, told.release_to) == ("1-1.0:20250505T120000Z", "2-1.0:20250505T120000Z")


@pytest.mark.parametrize(
    ("request_", "chosen"),
    [
        (Request(), [True, True, True]),
        (Request(recurse=False), [True, False, False]),
        (Request(zones=("web01",)), [True, True, False]),
        (Request(zones=()), [True, False, False]),
        (Request(exclude_zones=("web01",)), [True, False, True]),
    ],
)
def test_selected(request_: Request, chosen: list[bool]) -> None:
    assert [selected(request_, zone) for zone in (None, "web01", "db01")] == chosen


def test_sentences() -> None:
    plan = UpdatePlan(tuple(ImagePlan(zone, PLAN) for zone in (None, "a", "b", "c")))
    partly = {**BEFORE, "entire": fmri("entire", 2)}
    after = {None: AFTER, "a": BEFORE, "b": BEFORE, "c": partly}
    results = came_out([image(zone) for zone in after], plan, after, staged=False)
    assert where_it_stands(results) == (
        "The global zone is updated; zone c is updated in part; zone a and zone b are not."
    )
    assert where_it_stands(came_out([image()], UpdatePlan((ImagePlan("web01", PLAN),)), {"web01": BEFORE}, False)) == ""
    told = not_as_planned(results)
    assert told is not None
    assert "zone a, zone b and zone c did not get" in told.sentence
    assert told.evidence[0] == "zone a: entire, ours/a, ours/b, web/curl"
    assert not_as_planned(results[:1]) is None


def test_what_a_lost_run_did_counts_where_this_one_did_nothing() -> None:
    plan = UpdatePlan((ImagePlan("a", PLAN), ImagePlan("b", PLAN)))
    lost = came_out([image("a"), image("b")], plan, {"a": AFTER, "b": BEFORE}, staged=False)
    own = came_out([image("a"), image("b")], UpdatePlan(()), {"a": BEFORE, "b": BEFORE}, staged=False)
    assert [one.status for one in merged(own, lost)] == [UPDATED, UNCHANGED]


def test_difference() -> None:
    (shown,) = difference(UpdatePlan((ImagePlan(None, Plan()), ImagePlan("a", PLAN))))
    assert shown["before_header"] == shown["after_header"] == "a"
    assert shown["before"].splitlines() == [
        "entire 1-1.0:20250505T120000Z",
        "ours/a 1-1.0:20250505T120000Z",
        "web/curl 1-1.0:20250505T120000Z",
    ]
    assert shown["after"].splitlines()[1] == "ours/b 1-1.0:20250505T120000Z"
