# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parent dependencies of a child's packages, judged as pkg's solver does (linked-images.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping, Sequence

from .fmri import Fmri

SELF = "feature/package/dependency/self"

SATISFIED = "satisfied"
MISSING = "missing"
PUBLISHER_MISMATCH = "publisher-mismatch"
PARENT_NEWER = "parent-newer"
PARENT_OLDER = "parent-older"


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

    `facets` are (pattern, setting) of the image, those inherited from the parent first.
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


def _facet(name: str, facets: Sequence[tuple[str, bool]]) -> bool:
    for pattern, setting in facets:
        if pattern == name:
            return setting
    matching = [(p, s) for p, s in facets if p.endswith("*") and name.startswith(p[:-1])]
    if matching:
        return max(matching, key=lambda item: len(item[0]))[1]
    return not name.startswith(("facet.optional.", "facet.debug."))


def judge(package: Fmri, dependency: str, parent: Mapping[str, Fmri]) -> tuple[str, Fmri | None]:
    """Return the outcome of one parent dependency and the parent's package it was judged by.

    `package` is the child's package with publisher and version, `parent` maps stem to FMRI in the global zone.
    """
    wanted = Fmri.parse(dependency)
    is_self = wanted.stem == SELF
    if is_self:
        wanted = package
    there = parent.get(wanted.stem)
    if there is None:
        return MISSING, None
    if wanted.publisher and wanted.publisher != there.publisher:
        return PUBLISHER_MISMATCH, there
    if wanted.version is None or there.version is None or wanted.version.key == there.version.key:
        return SATISFIED, there
    if wanted.version < there.version:
        return (PARENT_NEWER if is_self else SATISFIED), there
    return PARENT_OLDER, there


def violations(dependencies: Iterable[tuple[Fmri, str]], parent: Mapping[str, Fmri]) -> list[Violation]:
    """Judge (package, dependency) pairs and return those not satisfied."""
    found: list[Violation] = []
    for package, dependency in dependencies:
        outcome, there = judge(package, dependency, parent)
        if outcome != SATISFIED:
            found.append(Violation(package, dependency, outcome, there))
    return found
