# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which action counts in an image (FORMAT-v4) and how a parent dependency is judged (linked-images, section 4)."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.parent import (
    SELF,
    audit,
    counts,
    facet_order,
    judge,
    parse_action,
)

ZONE = {"variant.opensolaris.zone": "nonglobal", "variant.arch": "i386"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("depend fmri=x type=parent variant.opensolaris.zone=nonglobal", True),
        ("depend fmri=x type=parent variant.opensolaris.zone=global", False),
        ("depend fmri=x type=parent variant.unknown=true", False),
        ("depend fmri=x type=parent variant.unknown=false", True),
        ("depend fmri=x type=parent facet.optional.x=true", False),
        ("depend fmri=x type=parent facet.devel=true", False),
        ("depend fmri=x type=parent facet.devel=true facet.doc=true", True),
        ("depend fmri=x type=parent facet.devel=all facet.doc=true", False),
        ("depend fmri=x type=parent variant.arch=i386 variant.arch=sparc", False),
    ],
)
def test_counts(line: str, expected: bool) -> None:
    action = parse_action(line)
    assert action is not None
    assert counts(action, ZONE, [("facet.devel", False)]) is expected


def test_quoted_values() -> None:
    action = parse_action(r'set name=pkg.summary value="with \"quotes\" and blanks"')
    assert action is not None
    assert action.values("value") == ('with "quotes" and blanks',)


def test_a_quote_in_the_middle_of_a_word() -> None:
    action = parse_action('set name=x value=a" b"c value=""')
    assert action is not None
    assert action.values("value") == ("a bc", "")


def test_an_open_quote_is_an_error() -> None:
    with pytest.raises(ValueError, match="quote not closed"):
        parse_action('depend fmri="x')


@pytest.mark.parametrize(
    ("dependency", "outcome"),
    [
        ("feature/package/dependency/self", "parent-newer"),
        ("pkg:/system/library@1.0", "satisfied"),
        ("pkg:/system/library@3.0", "parent-older"),
        ("pkg:/system/library", "satisfied"),
        ("pkg://other/system/library@1.0", "publisher-mismatch"),
        ("pkg:/gone@1.0", "missing"),
        ("pkg://omnios/system/library@1.0", "parent-newer"),
    ],
)
def test_judge(dependency: str, outcome: str) -> None:
    package = Fmri.parse("pkg://omnios/system/library@1.0")
    parent = {"system/library": Fmri.parse("pkg://omnios/system/library@2.0")}
    assert judge(package, dependency, parent)[0] == outcome


@pytest.mark.parametrize(
    ("inherited", "own", "expected"),
    [
        ([], [("facet.version-lock.*", False)], False),
        ([], [("facet.version-lock.*", False), ("facet.version-lock.x", True)], True),
        ([("facet.version-lock.*", True)], [("facet.version-lock.x*", False)], True),
        ([("facet.version-lock.x", False)], [("facet.version-lock.x", True)], False),
        ([], [("facet.*", True), ("facet.version-*", False)], False),
        ([], [("facet.*lock?x", False)], False),
        ([], [("facet.*lock?", False)], True),
    ],
)
def test_facets_in_the_order_of_pkg(
    inherited: list[tuple[str, bool]], own: list[tuple[str, bool]], expected: bool
) -> None:
    action = parse_action("depend fmri=x type=parent facet.version-lock.x=true")
    assert action is not None
    assert counts(action, ZONE, facet_order(inherited, own)) is expected


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_patterns_match_as_fnmatch_does(pattern: str, name: str) -> None:
    action = parse_action(f"depend type=parent facet.{name}=true")
    assert action is not None
    wanted = not fnmatch.fnmatchcase(f"facet.{name}", f"facet.{pattern}")
    assert counts(action, ZONE, [(f"facet.{pattern}", False)]) is wanted


@pytest.mark.parametrize(
    ("dependency", "outcome"),
    [
        (SELF, "parent-newer"),
        (f"pkg:/{SELF}", "self-unknown"),
        ("pkg://omnios/system/library@1.0,5.11-1:20250101T000000Z", "parent-newer"),
        ("pkg://other/system/library@1.0", None),
        ("pkg:/system/library", None),
        ("pkg:/system/library@3.0", "parent-older"),
        ("pkg:/nosuch", "missing"),
    ],
)
def test_the_audit_looks_at_versions_only(dependency: str, outcome: str | None) -> None:
    package = Fmri.parse("pkg://omnios/system/library@1.0-1:20250101T000000Z")
    parent = {"system/library": Fmri.parse("pkg://omnios/system/library@2.0-1:20250101T000000Z")}
    found = audit([(package, dependency)], parent)
    assert [violation.outcome for violation in found] == ([outcome] if outcome else [])
    assert all(violation.sentence.endswith(".") for violation in found)


def test_a_dependency_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a package"):
        audit([(Fmri.parse("pkg:/x@1"), "pkg:/x@latest")], {})
