# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions and FMRIs: parsing and pkg's order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri, Version, is_wild, matching

DOTS = st.lists(st.integers(0, 999999), min_size=1, max_size=4).map(tuple)
STAMPS = st.one_of(st.just(""), st.integers(20000101, 20991231).map(lambda day: f"{day}T120000Z"))
VERSIONS = st.builds(Version, DOTS, st.one_of(st.just(()), DOTS), STAMPS)


@given(VERSIONS)
def test_what_is_printed_is_read_back(version: Version) -> None:
    assert Version.parse(str(version)) == version


@given(VERSIONS, VERSIONS)
def test_exactly_one_of_less_equal_greater(a: Version, b: Version) -> None:
    assert [a < b, a.key == b.key, b < a].count(True) == 1


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("8.9", "8.13"),
        ("0.5.11-151046.0", "0.5.11-151054.0"),
        ("0.5.11-151054.0:20250505T080000Z", "0.5.11-151054.0:20250519T091500Z"),
        ("0.5.11-151054.0", "0.5.11-151054.0:20250505T080000Z"),
        ("11-151054.0:20260101T000000Z", "11-151054.1:20250101T000000Z"),
    ],
)
def test_order(older: str, newer: str) -> None:
    assert Version.parse(older) < Version.parse(newer)


def test_the_build_release_does_not_count() -> None:
    assert Version.parse("11,5.11-151054.0") == Version.parse("11-151054.0")


@pytest.mark.parametrize(
    ("text", "stem", "publisher"),
    [
        ("pkg://omnios/system/library/g++-5-runtime@5-151014.0", "system/library/g++-5-runtime", "omnios"),
        ("pkg:/entire@11-151054.0:20250505T080000Z", "entire", ""),
        ("feature/package/dependency/self", "feature/package/dependency/self", ""),
        ("pkg://extra.omnios/ooce/util/tmux", "ooce/util/tmux", "extra.omnios"),
    ],
)
def test_written_forms(text: str, stem: str, publisher: str) -> None:
    fmri = Fmri.parse(text)
    assert (fmri.stem, fmri.publisher) == (stem, publisher)


@given(st.text(max_size=60))
def test_anything_else_is_refused_with_a_value_error(text: str) -> None:
    try:
        again = Fmri.parse(str(Fmri.parse(text)))
    except ValueError:
        return
    assert again == Fmri.parse(text)


STEMS = ["name", "release/name", "ooce/server/nginx-126", "web/curl"]


@pytest.mark.parametrize(
    ("pattern", "stems"),
    [
        ("name", ["name"]),
        ("curl", ["web/curl"]),
        ("url", []),
        ("pkg:/curl", []),
        ("/web/curl", ["web/curl"]),
        ("pkg:web/curl", ["web/curl"]),
        ("pkg://omnios/web/curl@8", ["web/curl"]),
        ("web/curl@latest", ["web/curl"]),
        ("server/nginx-*", ["ooce/server/nginx-126"]),
        ("*name", ["name", "release/name"]),
        ("pkg:/name", ["name"]),
        ("", []),
        ("@8", []),
    ],
)
def test_patterns_mean_what_they_mean_to_pkg(pattern: str, stems: list[str]) -> None:
    """See recordings 18-freeze and 69; an anchored one is no end of a stem (tried with the real pkg)."""
    assert matching(pattern, STEMS) == stems
    assert is_wild(pattern) is ("*" in pattern)


@given(VERSIONS, DOTS, STAMPS)
def test_an_incorporation_allows_what_it_begins(version: Version, more: tuple[int, ...], stamp: str) -> None:
    assert version.begins(version)
    longer = Version(version.release, version.branch + more, version.stamp or stamp)
    assert version.begins(longer)
    assert longer.begins(version) is (longer == version)
