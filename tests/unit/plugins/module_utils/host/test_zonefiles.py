# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etc/zones: the index and the brand of a zone."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.zonefiles import parse_brand, parse_line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("global:installed:/", ("global", "installed", "/", "")),
        ("web01:configured:/zones/web01:", ("web01", "configured", "/zones/web01", "")),
        ('web01:installed:"/zones/a:b":0-1', ("web01", "installed", "/zones/a:b", "0-1")),
    ],
)
def test_lines_of_the_index(line: str, expected: tuple[str, str, str, str]) -> None:
    assert parse_line(line) == expected


@given(st.one_of(st.text(), st.from_regex(r"[a-z]{1,3}:[a-z]{1,3}:/[a-z.:/\"]*(:.*)?", fullmatch=True)))
def test_whatever_stands_in_the_index_is_a_zone_or_an_error(line: str) -> None:
    try:
        name, state, path, uuid = parse_line(line)
    except ValueError:
        return
    assert path.startswith("/")
    assert ".." not in path.split("/")
    assert name.isascii()
    assert state.isascii()


@given(st.binary())
def test_whatever_stands_in_the_xml_is_a_brand_or_an_error(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert parse_brand(content)


def test_the_brand_is_that_of_the_first_element() -> None:
    assert parse_brand(b"<?xml version='1.0'?>\n<zone name='a' brand='lipkg'><attr brand='x'/>") == "lipkg"
