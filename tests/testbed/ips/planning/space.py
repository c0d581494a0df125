"""The versions that a plan may choose from, and why some of them are out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property

from testbed.ips import fmri
from testbed.ips.action import Action, counts
from testbed.ips.fmri import Fmri, Version
from testbed.ips.images.catalog import Entry


class Kind(IntEnum):
    """Sorts of rejections, in the order in which pkg tells those of one version."""

    MISSING = 0
    OBSOLETE = 1
    DEPENDENCY = 2
    """What it needs is rejected: not a root cause."""
    FREEZE = 4
    EXCLUDED = 5
    HELD = 6
    NEWER_INSTALLED = 7
    ORIGIN = 8
    ROOT_ORIGIN = 9
    PARENT_MISSING = 10
    PARENT_NEWER = 11
    PARENT_OLDER = 12
    PARENT_PUBLISHER = 13
    INCORPORATED = 14
    OTHER_PUBLISHER = 15
    OTHER_VERSION = 16
    RANK = 17
    STICKY = 18
    USER = 19
    VARIANT = 21
    EXPLICIT = 22
    SYNCED = 23


@dataclass(frozen=True)
class Rejection:
    """Why a version cannot be chosen."""

    kind: Kind
    text: str
    causes: frozenset[Candidate] = frozenset()
    """The rejected versions that it would need."""
    dependency: tuple[str, str] | None = None
    """Type and target of the dependency that is not met."""


@dataclass(frozen=True)
class Dependency:
    kind: str
    targets: tuple[Fmri, ...]
    predicate: Fmri | None
    root_image: bool


@dataclass(eq=False)
class Candidate:
    """One known version of a package."""

    entry: Entry
    depends: Callable[[Entry], list[Dependency]] = field(repr=False)

    @cached_property
    def fmri(self) -> Fmri:
        return self.entry.fmri

    @cached_property
    def stem(self) -> str:
        return self.entry.stem

    @cached_property
    def publisher(self) -> str:
        return self.entry.publisher

    @cached_property
    def version(self) -> Version:
        return self.entry.fmri.known

    @cached_property
    def dependencies(self) -> list[Dependency]:
        return self.depends(self.entry)

    @property
    def order(self) -> tuple[object, ...]:
        """Sorts versions as pkg sorts FMRIs."""
        return (self.publisher, self.stem, self.version.key)

    def has(self, name: str) -> str | None:
        """The value of a `set` action, None if there is none."""
        return next((a.get("value") for a in self.entry.actions if a.kind == "set" and a.get("name") == name), None)


Split = tuple[list[Candidate], list[Candidate]]
"""Versions that fit, and the others."""


@dataclass
class Ranked:
    """A publisher as the choice of versions sees it."""

    rank: int
    sticky: bool
    enabled: bool


@dataclass
class Problem:
    """What is asked of one image. ``known``: all versions of each stem."""

    known: Mapping[str, list[Entry]]
    installed: Mapping[str, Entry]
    variants: Mapping[str, str]
    facets: Mapping[str, bool]
    publishers: Mapping[str, Ranked]
    parent: Mapping[str, Fmri] | None = None
    """Packages of the parent image by stem; None if the image is not a (synced) child."""
    frozen: Iterable[tuple[str, str | None]] = ()
    """FMRIs without publisher, with the reason given."""
    named: Mapping[str, list[Entry]] = field(default_factory=dict)
    """Stems the user named -> versions that fit, oldest first."""
    sync: bool = False
    """Nothing is asked but to fit the parent: installed incorporations hold nothing."""
    lenient: bool = False
    """Installed packages that do not fit the parent may stay."""
    rejected: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()
    root: Callable[[], Mapping[str, Entry]] = dict
    """Packages of the running system's image, for origin dependencies on it."""
    full: bool = False
    """Explain with all rejections instead of their root causes."""
    old: bool = False
    """In the words of r151054's pkg."""


class Space:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.rejections: dict[Candidate, set[Rejection]] = {}
        self.possible: dict[str, list[Candidate]] | None = None
        """What is left once rejecting has ended; None until then."""
        self.stamped = False
        """A dependency with a time stamp was seen: messages then show those of all versions."""
        self.incorporating: set[str] = set()
        """Stems with incorporate dependencies, as far as they were looked at."""
        self._candidates: dict[str, list[Candidate]] = {}
        self._fits: dict[tuple[str, str, str], list[Candidate]] = {}
        self._kept: dict[tuple[str, Fmri, bool, bool], Split] = {}
        self.installed = {stem: self.candidate(entry) for stem, entry in problem.installed.items()}
        self.installed_set = frozenset(self.installed.values())
        self.named = {stem: [self.candidate(entry) for entry in found] for stem, found in problem.named.items()}
        """What is left of the named versions, oldest first."""
        self.required: set[str] = set()
        """Stems that will be there in any case."""
        self.removed: set[Candidate] = set()
        """Installed packages that go."""

    # -- versions ------------------------------------------------------------------------------------------------

    def all(self, stem: str) -> list[Candidate]:
        """Every known version, oldest first."""
        found = self._candidates.get(stem)
        if found is None:
            entries = sorted(self.problem.known.get(stem, []), key=lambda entry: entry.fmri.known.key)
            found = self._candidates[stem] = [Candidate(entry, self._depends) for entry in entries]
        return found

    def candidate(self, entry: Entry) -> Candidate:
        return next(found for found in self.all(entry.stem) if found.entry is entry)

    def find(self, wanted: Fmri) -> Candidate | None:
        return next((found for found in self.all(wanted.stem) if found.fmri == wanted), None)

    def considered(self, stem: str) -> list[Candidate]:
        return self.all(stem) if self.possible is None else self.possible.get(stem, [])

    @property
    def kept(self) -> list[Candidate]:
        """Installed packages that stay, in whatever version."""
        return [found for found in self.installed.values() if found not in self.removed]

    def newer(self, target: Fmri, trimmed: bool = True, obsolete: bool = True) -> Split:
        """Versions of the target's stem that are not older than it, and the rest."""
        return self._split(target, "newer", trimmed, obsolete)

    def within(self, target: Fmri, trimmed: bool = True, obsolete: bool = True) -> Split:
        """Versions that an incorporation of the target allows, and the rest."""
        return self._split(target, "within", trimmed, obsolete)

    def older(self, target: Fmri, trimmed: bool = True, obsolete: bool = True) -> Split:
        """Versions that exclude dependencies on the target allow, and the rest."""
        rest, older = self.newer(target, False, obsolete)
        if not trimmed:
            return older, rest
        return [c for c in older if c not in self.rejections], rest + [c for c in older if c in self.rejections]

    def _split(self, target: Fmri, how: str, trimmed: bool, obsolete: bool) -> Split:
        """What was found when rejecting had ended is found again, also while everything else is rejected to explain."""
        key = (how, target, trimmed, obsolete)
        if key in self._kept and not (self.possible is None and trimmed):
            return self._kept[key]
        considered = self.considered(target.stem)
        chosen = [
            found
            for found in self._fitting(how, target)
            if (not trimmed or found not in self.rejections) and (obsolete or not found.entry.obsolete)
        ]
        if self.possible is not None:
            chosen = [found for found in chosen if found in considered]
        split = chosen, [found for found in considered if found not in chosen]
        if self.possible is not None:
            self._kept[key] = split
        return split

    def _fitting(self, how: str, target: Fmri) -> list[Candidate]:
        """All versions that fit, rejected or not."""
        wanted = target.version
        key = (how, target.stem, wanted.text if wanted else "")
        if key not in self._fits:
            self._fits[key] = [
                found
                for found in self.all(target.stem)
                if wanted is None
                or (found.version.key >= wanted.key if how == "newer" else found.version.matches(wanted))
            ]
        return self._fits[key]

    def _depends(self, entry: Entry) -> list[Dependency]:
        return [self._dependency(action) for action in entry.actions if action.kind == "depend" and self._here(action)]

    def _here(self, action: Action) -> bool:
        return counts(action, self.problem.variants, self.problem.facets)

    @staticmethod
    def _dependency(action: Action) -> Dependency:
        predicate = action.get("predicate")
        return Dependency(
            action.get("type"),
            tuple(fmri.parse(text) for text in action.all("fmri")),
            fmri.parse(predicate) if predicate else None,
            action.get("root-image").lower() == "true",
        )

    # -- rejections ----------------------------------------------------------------------------------------------

    def reject(self, candidates: Iterable[Candidate], rejection: Rejection) -> None:
        for found in candidates:
            self.rejections.setdefault(found, set()).add(rejection)

    def reasons(self, candidate: Candidate) -> list[Rejection]:
        return sorted(self.rejections.get(candidate, ()), key=lambda rejection: (rejection.kind, rejection.text))

    def left(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        return [found for found in candidates if found not in self.rejections]

    def filter_publishers(self) -> None:
        """Reject what the rules of publishers do not allow: sticky ones, and their order."""
        for stem in self.problem.known:
            if not (stem in self.named and stem in self.installed):
                self._filter_publisher(stem)

    def _filter_publisher(self, stem: str) -> None:
        publishers = self.problem.publishers
        present = self.installed.get(stem)
        if present and publishers[present.publisher].sticky:
            allowed = present.publisher
            text = f"Currently installed package '{stem}' is from sticky publisher '{allowed}'."
            rejection = Rejection(Kind.STICKY, text)
        elif stem in self.named:
            allowed = self.named[stem][0].publisher
            rejection = Rejection(Kind.OTHER_PUBLISHER, "Package is from publisher other than specified one.")
        else:
            names = {found.publisher for found in self.all(stem)}
            ranked = sorted((publishers[n].rank, n) for n in names if n in publishers and publishers[n].enabled)
            allowed = ranked[0][1] if ranked else ""
            text = f"Higher ranked publisher {allowed} was selected"
            rejection = Rejection(Kind.RANK, text if ranked else "Package publisher is ranked lower in search order")
        self.reject(
            [
                found
                for found in self.all(stem)
                if (found.publisher != allowed and found is not present)
                or (present and found.publisher != present.publisher and found.version.key == present.version.key)
            ],
            rejection,
        )


def shown(target: Fmri) -> str:
    """A dependency's target as messages name it: without publisher, scheme and build release."""
    return target.stem + (f"@{target.version.short}" if target.version else "")
