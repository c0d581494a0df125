# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lists of pkg5.image, against Python's own idea of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.literal import parse_list

SIMPLE = st.one_of(st.text(), st.booleans(), st.none())
WRITTEN = st.lists(st.one_of(SIMPLE, st.dictionaries(st.text(), SIMPLE), st.lists(SIMPLE)))


@given(WRITTEN)
def test_what_python_writes_is_read(value: list[Any]) -> None:
    assert parse_list(str(value)) == value


@given(st.text(alphabet="[]{},:'\"\\ xnuTrue0a"))
def test_whatever_comes_is_a_list_or_an_error(text: str) -> None:
    try:
        value = parse_list(text)
    except ValueError:
        return
    assert isinstance(value, list)
    assert value == [] or eval(text, {}) == value


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "['a'" * 50_000,
        "[" + "-" * 100_000 + "1]",
        "[" + "9" * 1_000_000 + "]",
        "['a' 'b']",
        "['a'",
        "{}",
        "['a'] x",
        "[__import__('os')]",
        "[{'a'}]",
        "[{['a']: 'b'}]",
        "[,]",
        "['\\q']",
        "['\\U00110000']",
    ],
)
def test_what_is_no_such_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_list(text)


def test_nothing_is_an_empty_list() -> None:
    assert parse_list("  ") == []
