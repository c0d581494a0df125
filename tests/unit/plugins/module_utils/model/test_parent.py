# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which action counts in an image (FORMAT-v4) and how a parent dependency is judged (linked-images, section 4)."""

from __future__ import annotations

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.parent import counts, judge, parse_action

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
    ],
)
def test_judge(dependency: str, outcome: str) -> None:
    package = Fmri.parse("pkg://omnios/system/library@1.0")
    parent = {"system/library": Fmri.parse("pkg://omnios/system/library@2.0")}
    assert judge(package, dependency, parent)[0] == outcome
