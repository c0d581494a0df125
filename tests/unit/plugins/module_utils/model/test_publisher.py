# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The positional rule, and the moves that restore it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.publisher import (
    Publisher,
    after_copy,
    lost_settings,
    position_fault,
    repairs,
    told,
)

GLOBAL = [Publisher("omnios", ("https://pkg.omnios.org/r151054/core/",)), Publisher("extra.omnios")]


def applied(order: list[str], moves: list[tuple[str, str]]) -> list[str]:
    """What `pkg set-publisher --search-after PREVIOUS NAME` does."""
    result = list(order)
    for previous, name in moves:
        result.remove(name)
        result.insert(result.index(previous) + 1, name)
    return result


@given(st.permutations(["omnios", "extra.omnios", "a", "b", "c"]), st.permutations(["a", "b", "c"]))
def test_moves_put_own_publishers_behind_in_their_order(current: list[str], own: list[str]) -> None:
    after = applied(current, repairs(GLOBAL, current, own))
    assert after == ["omnios", "extra.omnios", *own]


def test_nothing_moves_where_the_order_is_right() -> None:
    assert repairs(GLOBAL, ["omnios", "extra.omnios", "a"], ["a"]) == []


def test_copy_publishers_from_leaves_an_own_publisher_between() -> None:
    """Recording 17-copy-publishers-from: omnios, extra, local becomes omnios, local, extra."""
    order = after_copy(GLOBAL, ["omnios", "extra.omnios", "local"])
    assert order == ["omnios", "local", "extra.omnios"]
    assert repairs(GLOBAL, order, ["local"]) == [("extra.omnios", "local")]


def test_position_fault_names_the_place() -> None:
    fault = position_fault(GLOBAL, [GLOBAL[0], Publisher("own"), GLOBAL[1]])
    assert fault is not None
    assert (fault.position, fault.expected, fault.found) == (1, "extra.omnios", "own")


def test_stickiness_counts_and_nochild_does_not() -> None:
    child = [GLOBAL[0], Publisher("extra.omnios", sticky=False)]
    fault = position_fault(GLOBAL, child)
    assert fault is not None
    assert fault.reason == "stickiness"
    assert position_fault([*GLOBAL, Publisher("x", nochild=True)], GLOBAL) is None


@pytest.mark.parametrize(
    ("child", "fault"),
    [
        ([GLOBAL[0]], (1, None, "missing")),
        ([GLOBAL[1]], (0, "extra.omnios", "missing")),
        ([GLOBAL[1], GLOBAL[0]], (0, "extra.omnios", "order")),
        ([GLOBAL[0], Publisher("extra.omnios", enabled=False), Publisher("x")], (1, "x", "disabled")),
        ([GLOBAL[0], Publisher("extra.omnios", nochild=True)], (1, None, "nochild")),
    ],
)
def test_position_fault_says_why(child: list[Publisher], fault: tuple[int, str | None, str]) -> None:
    found = position_fault(GLOBAL, child)
    assert found is not None
    assert (found.position, found.found, found.reason) == fault


def test_a_child_is_judged_by_the_order_it_was_told() -> None:
    """Recording 60: only another order in the parent is not handed down, and what else changes is."""
    turned = [GLOBAL[1], GLOBAL[0]]
    stored = [(publisher.name, publisher.sticky) for publisher in GLOBAL]
    assert told(turned, stored) == list(GLOBAL)
    assert told(turned, None) == turned
    assert told(turned, stored[:1]) == turned
    assert told([Publisher(p.name, sticky=False) for p in turned], stored)[0].name == "extra.omnios"


def test_the_release_in_an_origin_is_no_setting_of_its_own() -> None:
    zone = [Publisher("omnios", ("https://pkg.omnios.org/r151046/core",))]
    assert lost_settings(GLOBAL, zone) == []


def test_mirrors_and_other_origins_are_lost() -> None:
    zone = [Publisher("omnios", ("https://mirror.example/omnios/",), ("https://fast.example/",)), Publisher("own")]
    assert [(lost.publisher, lost.what) for lost in lost_settings(GLOBAL, zone)] == [
        ("omnios", "origins"),
        ("omnios", "mirrors"),
    ]
