# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of linked_publisher: what they mean, and what is refused with a sentence."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.publisher_plan import Wanted
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.wanted_publishers import Wishes, wishes

KEYS = ["name", "origins", "mirrors", "sticky", "enabled", "proxy", "properties", "other"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["ours", "/repo/", "http://h/"]),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), values, max_size=4)
    ),
    max_leaves=8,
)


def one(**entry: Any) -> Wanted:
    (wanted,) = wishes([{"name": "ours", **entry}], {}, False).publishers or ()
    return wanted


def test_nothing_is_asked() -> None:
    assert wishes(None, {}, False) == Wishes()
    assert one(**dict.fromkeys(KEYS[1:-1])) == Wanted("ours")


def test_uris_get_their_one_form_and_are_named_once() -> None:
    assert one(origins=["/repo/x", "file:///repo/x/"]).origins == ("file:///repo/x/",)
    assert one(origins=[]).origins == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, "true"), ("true", "true"), ("yes", "true"), (False, None), ("False", None), ("no", None), (None, None)],
)
def test_nochild_is_a_yes_or_a_no(value: Any, expected: str | None) -> None:
    """To pkg any text is a yes."""
    assert one(properties={"nochild": value}).properties == (("nochild", expected),)


def test_properties_are_texts() -> None:
    given = {"a": 1, "b": "", "c": None, "d": True}
    assert one(properties=given).properties == (("a", "1"), ("b", None), ("c", None), ("d", "True"))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"name": "-P"}, "legal `name`"),
        ({"origins": "/repo"}, "no list of URIs"),
        ({"origins": ["repo"]}, "'repo' is no URI"),
        ({"mirrors": [None]}, "no URI"),
        ({"sticky": "maybe"}, "neither true nor false"),
        ({"proxy": "p:3128"}, "no http URI"),
        ({"proxy": "http://u:hush@p:1 x"}, "no http URI"),
        ({"properties": ["a"]}, "no mapping"),
        ({"properties": {"a=b": 1}}, "no name of a property"),
        ({"properties": {"signature-ca-path": ["/x"]}}, "are not managed"),
        ({"origin": "/repo"}, "the key 'origin'"),
    ],
)
def test_refused(entry: dict[str, Any], words: str) -> None:
    for publishers, zones in (([{"name": "ours", **entry}], {}), (None, {"web01": [{"name": "ours", **entry}]})):
        with pytest.raises(Refusal) as refused:
            wishes(publishers, zones, False)
        assert words in refused.value.diagnosis.message
        assert "hush" not in refused.value.diagnosis.message


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.lists(st.dictionaries(st.sampled_from(KEYS), JSON)))
def test_any_option_is_understood_or_refused(zones: dict[str, Any], publishers: list[dict[str, Any]]) -> None:
    with contextlib.suppress(Refusal):
        assert isinstance(wishes(publishers, zones, False), Wishes)
