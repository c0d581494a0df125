# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parent dependencies of a child's packages, judged as pkg's solver does (linked-images.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Iterable, Mapping, Sequence

from .fmri import Fmri

SELF = "feature/package/dependency/self"

SATISFIED = "satisfied"
MISSING = "missing"
PUBLISHER_MISMATCH = "publisher-mismatch"
PARENT_NEWER = "parent-newer"
PARENT_OLDER = "parent-older"
# Longer lines are rare, and not worth the memory: see parse_action.
_SHORT = 1000
# Said by the audit only: another way to write SELF than its literal text.
SELF_UNKNOWN = "self-unknown"


@dataclass(frozen=True)
class Action:
    """A dependency action of a manifest: its attributes; a key may repeat, so each has a list of values."""

    attributes: tuple[tuple[str, tuple[str, ...]], ...]

    def values(self, key: str) -> tuple[str, ...]:
        """Return the values of an attribute, () if it is not there."""
        return dict(self.attributes).get(key, ())


@dataclass(frozen=True)
class Violation:
    """A parent dependency of a child's package that the parent does not satisfy."""

    package: Fmri
    dependency: str
    outcome: str
    parent: Fmri | None

    @property
    def sentence(self) -> str:
        """One sentence for people."""
        wanted = Fmri.parse(self.dependency).stem
        stem = self.package.stem if wanted == SELF else wanted
        if self.outcome == SELF_UNKNOWN:
            return (
                f"{self.package} writes its dependency on itself as {self.dependency!r}, which the audit takes for "
                "another package; no sync can mend that."
            )
        if self.outcome == MISSING:
            return f"{self.package} needs {stem} in the global zone, where it is not installed."
        what = {
            PUBLISHER_MISMATCH: "has it from another publisher",
            PARENT_NEWER: "has a newer version",
            PARENT_OLDER: "has an older version",
        }[self.outcome]
        return f"{self.package} depends on {stem} of the global zone, which {what}: {self.parent}."


def parse_action(line: str) -> Action | None:
    """Parse a `depend` or `set` line of a catalog; None if it is neither. Raises ValueError for a broken one."""
    return _parse_short(line) if len(line) <= _SHORT else _parse(line)


@lru_cache(maxsize=4096)
def _parse_short(line: str) -> Action | None:
    # The zones of a host have mostly the same lines.
    return _parse(line)


def _parse(line: str) -> Action | None:
    words = _words(line)
    if not words or words[0] not in ("depend", "set"):
        return None
    attributes: dict[str, list[str]] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"not an action line: {line[:200]!r}")
        attributes.setdefault(key, []).append(value)
    return Action(tuple((key, tuple(values)) for key, values in attributes.items()))


def _words(line: str) -> list[str]:
    """Split at blanks; a double-quoted part belongs to its word, with backslash escapes inside."""
    words: list[str] = []
    word: list[str] | None = None
    quoted = escaped = False
    for char in line:
        if char in " \t" and not quoted:
            if word is not None:
                words.append("".join(word))
            word = None
            continue
        word = [] if word is None else word
        if escaped:
            word.append(char)
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        else:
            word.append(char)
    if quoted:
        raise ValueError(f"quote not closed in action line: {line[:200]!r}")
    if word is not None:
        words.append("".join(word))
    return words


def counts(action: Action, variants: Mapping[str, str], facets: Sequence[tuple[str, bool]]) -> bool:
    """Tell whether an action counts in an image (FORMAT-v4.md: "Does an action line count in this image?").

    `facets` are (pattern, setting) of the image in the order of `facet_order`.
    """
    any_of: list[bool] = []
    for key, values in action.attributes:
        if key.startswith("variant."):
            if len(values) != 1:
                return False
            have = variants.get(key)
            if have is None:
                if not values[0].startswith("false"):
                    return False
            elif have != values[0]:
                return False
        elif key.startswith("facet."):
            if len(values) != 1:
                return False
            setting = _facet(key, facets)
            if values[0] == "all":
                if not setting:
                    return False
            else:
                any_of.append(setting)
    return not any_of or any(any_of)


def facet_order(inherited: Iterable[tuple[str, bool]], own: Iterable[tuple[str, bool]]) -> tuple[tuple[str, bool], ...]:
    """Return an image's facets as pkg looks them up: the parent's before its own, longer patterns before shorter."""

    def by_length(facets: Iterable[tuple[str, bool]]) -> list[tuple[str, bool]]:
        return sorted(facets, key=lambda facet: (-len(facet[0]), facet[0]))

    return (*by_length(inherited), *by_length(own))


def _facet(name: str, facets: Sequence[tuple[str, bool]]) -> bool:
    for pattern, setting in facets:
        if pattern == name:
            return setting
    for pattern, setting in facets:
        if _matches(name, pattern):
            return setting
    return not name.startswith(("facet.optional.", "facet.debug."))


def _matches(name: str, pattern: str) -> bool:
    """Match `*` and `?`, in steps that no pattern of a zone can make endless; sets in brackets occur in no facet."""
    at = start = 0
    star = -1
    place = 0
    while at < len(name):
        if place < len(pattern) and pattern[place] == "*":
            star, start = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", name[at]):
            at += 1
            place += 1
        elif star >= 0:
            start += 1
            at, place = start, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


def judge(package: Fmri, dependency: str, parent: Mapping[str, Fmri]) -> tuple[str, Fmri | None]:
    """Return the outcome of one parent dependency and the parent's package it was judged by.

    `package` is the child's package with publisher and version, `parent` maps stem to FMRI in the global zone.
    """
    wanted = Fmri.parse(dependency)
    if wanted.stem == SELF:
        wanted = package
    there = parent.get(wanted.stem)
    if there is not None and wanted.publisher and wanted.publisher != there.publisher:
        return PUBLISHER_MISMATCH, there
    # As pkg's solver asks it: the package itself, named in full, is a dependency on itself, too.
    return _by_version(wanted, wanted == package, there), there


def _by_version(wanted: Fmri, exactly: bool, there: Fmri | None) -> str:
    if there is None:
        return MISSING
    if wanted.version is None or there.version is None or wanted.version.key == there.version.key:
        return SATISFIED
    if wanted.version < there.version:
        return PARENT_NEWER if exactly else SATISFIED
    return PARENT_OLDER


def violations(dependencies: Iterable[tuple[Fmri, str]], parent: Mapping[str, Fmri]) -> list[Violation]:
    """Judge (package, dependency) pairs and return those not satisfied."""
    found: list[Violation] = []
    for package, dependency in dependencies:
        outcome, there = judge(package, dependency, parent)
        if outcome != SATISFIED:
            found.append(Violation(package, dependency, outcome, there))
    return found


def audit(dependencies: Iterable[tuple[Fmri, str]], parent: Mapping[str, Fmri]) -> list[Violation]:
    """Judge (package, dependency) pairs as `pkg audit-linked` does and return what makes a child `diverged`.

    Unlike `judge` it looks at no publisher, and knows the self form by its literal text only (FORMAT-v4.md, "How
    the real pkg judges"). Raises ValueError for a dependency that is no FMRI.
    """
    found: list[Violation] = []
    for package, dependency in dependencies:
        wanted = package if dependency == SELF else Fmri.parse(dependency)
        there = parent.get(wanted.stem)
        outcome = _by_version(wanted, wanted == package, there)
        if outcome == MISSING and wanted.stem == SELF:
            outcome = SELF_UNKNOWN
        if outcome != SATISFIED:
            found.append(Violation(package, dependency, outcome, there))
    return found
