# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a text of pkg's to a cause, a sentence and a remedy: the form of a rule."""

from __future__ import annotations

import re
from typing import NamedTuple


class Rule(NamedTuple):
    """`sentence` and `remedy` may use the named groups of `pattern`, and the words that fill() is given."""

    cause: str
    pattern: re.Pattern[str]
    sentence: str
    remedy: str


class Found(NamedTuple):
    """What is behind the text of one image."""

    cause: str
    sentence: str
    remedy: str


def rule(cause: str, pattern: str, sentence: str, remedy: str) -> Rule:
    """Return a rule; ^ and $ of the pattern are the ends of lines."""
    return Rule(cause, re.compile(pattern, re.MULTILINE), sentence, remedy)


def fill(one: Rule, text: str, **words: str) -> Found:
    """Return what a rule that matches `text` says of it; names that pkg prints in lines of their own stand in one."""
    match = one.pattern.search(text)
    groups = {key: " ".join((value or "").split()) for key, value in match.groupdict().items()} if match else {}
    words = {**groups, **words}
    return Found(one.cause, one.sentence.format(**words), one.remedy.format(**words))
