"""Which versions may be installed together, and what is said when no choice will do.

As in the real pkg, versions are rejected first, each with its reasons (rules.py, incorporations.py, dependency.py): the
messages are made of these (explain.py). Of what is left (choice.py) the newest choice is taken: for
`update` of everything, for `install` of what was named and of what must move with it, while the rest stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from testbed.ips.images.catalog import Entry
from testbed.ips.planning import incorporations, rules
from testbed.ips.planning.choice import Choice
from testbed.ips.planning.dependency import Resolver
from testbed.ips.planning.explain import Explanation
from testbed.ips.planning.incorporations import Downgrades
from testbed.ips.planning.rejecting import Rejecting
from testbed.ips.planning.space import Candidate, Kind, Problem, Rejection, Space


@dataclass
class Solution:
    packages: dict[str, Entry]
    """What is installed afterwards, by stem."""
    avoided: set[str]
    """Stems that group dependencies must not bring back."""
    left_out: dict[str, str]
    """Other stems that they name and that are not there -> why: implicit-avoid, obsolete."""


class Needed(Exception):
    """A package to be removed is required by others that stay."""

    def __init__(self, package: Entry, dependents: list[Entry]) -> None:
        super().__init__(package.stem)
        self.package = package
        self.dependents = dependents


class Solver:
    """For one use of `install`, `update` or `uninstall`. All raise explain.NoSolution."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.space = Space(problem)
        self.named = self.space.named
        """What is left of the named versions."""
        self.resolver = Resolver(self.space)
        self.explanation = Explanation(self.space, self.resolver)
        self.versions = Rejecting(self.space, self.resolver)

    def install(self) -> Solution:
        """Bring in what is named, take out what is rejected, and otherwise change as little as possible."""
        self.versions.begin()
        relaxed = self.versions.relaxed()
        self.resolver.held = incorporations.held(self.space, relaxed)
        older = Downgrades(self.resolver, self.problem.sync)
        for present in self.space.kept:
            self.versions.possible |= {*self.space.newer(present.fmri)[0], present}
        for versions in self.named.values():
            self.versions.possible |= set(versions)
            for version in versions:
                self.versions.downgrades |= older.of(version)
        if self.problem.sync and not self.named:
            for version in list(self.versions.possible):
                self.versions.downgrades |= older.of(version)
        self.versions.possible |= self.versions.downgrades
        self.versions.reject_older(present for present in self.space.kept if not self.versions.goes_back(present))
        for stem, versions in self.named.items():
            others = [found for found in self.space.all(stem) if found not in versions]
            text = "This version excluded by specified installation version"
            self.space.reject(others, Rejection(Kind.OTHER_VERSION, text))
            incorporations.carry_along(self.resolver, versions, Kind.INCORPORATED)
        self.versions.follow_parent(relaxed)
        for incorporation in self.resolver.held:
            incorporations.reject_outside(self.space, incorporation)
        self.versions.reject_frozen()
        for versions in self.named.values():
            self.versions.reject_by_rules(versions, rules.variants)
        self._check_named()
        self.versions.require_named()
        self.versions.close()
        for found in list(self.versions.possible):
            self.versions.reject_by_all_rules(found)
        self.versions.possible -= self.space.rejections.keys()
        self._check_named(self.versions.possible)
        return self._choose_for_install()

    def update(self) -> Solution:
        """Bring everything installed to its newest version."""
        self.versions.begin()
        for present in self.space.kept:
            self.versions.possible |= set(self.space.newer(present.fmri)[0]) or {present}
        older = Downgrades(self.resolver, everything=True)
        for version in list(self.versions.possible):
            self.versions.downgrades |= older.of(version)
        self.versions.possible |= self.versions.downgrades
        self.versions.reject_older(self.space.installed.values())
        self.versions.reject_frozen()
        self.versions.follow_parent(None)
        self.versions.close()
        for found in list(self.versions.possible):
            self.versions.reject_by_all_rules(found)
        self.versions.possible -= self.space.rejections.keys()
        self.versions.end()
        chosen = None if self._lost() else self._choice().newest()
        if chosen is None:
            self._reject_everything()
            raise self.explanation.unsolved()
        stays = self._without_obsolete(chosen) == self.space.installed_set
        newer = self._newer_incorporations() if stays else []
        if newer and self.problem.parent is None:
            self._reject_everything()
            raise self.explanation.nothing_newer(newer)
        return self._solution(chosen)

    def uninstall(self, stems: Iterable[str]) -> Solution:
        """Take packages out. Raises Needed."""
        gone = set(stems) | (self.space.installed.keys() - self._without_renamed(self.space.installed_set).keys())
        for stem in sorted(gone):
            needing = [
                found.entry
                for found in self.space.installed.values()
                if found.stem not in gone
                and any(d.kind == "require" and d.targets[0].stem == stem for d in found.dependencies)
            ]
            if needing:
                raise Needed(self.problem.installed[stem], needing)
        self.problem.rejected = frozenset(gone)
        return self.install()

    # -- explaining ------------------------------------------------------------------------------------------------

    def _reject_everything(self) -> None:
        """Reject all that can be rejected, to find what may be told. Raises NoSolution if that is enough."""
        self.space.possible = None
        self.versions.require_named()
        self.versions.close(everything=True)
        self.versions.require_named()
        self._check_named(told=True)
        self.versions.end()
        lost = self._lost()
        if lost:
            raise self.explanation.lost(lost)

    # -- what must be there ------------------------------------------------------------------------------------------

    def _check_named(self, possible: set[Candidate] | None = None, told: bool = False) -> None:
        """Raises NoSolution if no version of a named package is left. ``told``: no need to reject more before."""
        failed = []
        for stem, versions in self.named.items():
            left = self.space.left(versions)
            if left:
                self.named[stem] = left
            else:
                failed.append(stem)
        if not failed:
            return
        if not told:
            self.versions.possible = possible or set()
            self._reject_everything()
        raise self.explanation.named({stem: self.named[stem] for stem in failed})

    def _must_stay(self) -> list[str]:
        gone = self.named.keys() | self.problem.rejected | self.problem.avoided
        return [found.stem for found in self.space.kept if found.stem not in gone]

    def _lost(self) -> list[Candidate]:
        """Installed packages that must stay and of which no version is left."""
        possible = self.space.possible or {}
        return [self.space.installed[stem] for stem in sorted(self._must_stay()) if stem not in possible]

    # -- choosing ----------------------------------------------------------------------------------------------------

    def _choose_for_install(self) -> Solution:
        self.versions.end()
        choice = self._choice()
        first = None if self._lost() else choice.newest()
        if first is None:
            self._reject_everything()
            raise self.explanation.unsolved(self.named)
        for found in first:
            if found.stem in self.named:
                choice.fix(found)
        for found in choice.oldest() or first:
            if found in self.space.installed_set:
                choice.fix(found)
        return self._solution(choice.newest() or first)

    def _choice(self) -> Choice:
        return Choice(self.space, self.resolver, self.named, self._must_stay(), self.versions.downgrades)

    def _newer_incorporations(self) -> list[Candidate]:
        """The newest versions of installed incorporations with a hold, if newer than the installed ones."""
        found = []
        for present in self.space.kept:
            if present.has(incorporations.HOLD) is not None:
                newest = max(self.space.newer(present.fmri, trimmed=False)[0], key=lambda version: version.order)
                found += [newest] if newest is not present else []
        return sorted(found, key=lambda version: version.stem)

    # -- the outcome -------------------------------------------------------------------------------------------------

    @staticmethod
    def _without_obsolete(chosen: set[Candidate]) -> set[Candidate]:
        return {found for found in chosen if not found.entry.obsolete}

    def _solution(self, chosen: set[Candidate]) -> Solution:
        tracked = {
            target.stem
            for found in chosen
            for dependency in found.dependencies
            if dependency.kind in ("group", "group-any")
            for target in dependency.targets
        }
        missing = tracked - {found.stem for found in chosen}
        avoided = set(self.problem.avoided) | (missing & self.problem.rejected)
        obsolete = {found.stem for found in chosen if found.entry.obsolete} & tracked
        packages = self._without_renamed(self._without_obsolete(chosen))
        return Solution(
            {stem: found.entry for stem, found in packages.items()},
            avoided,
            dict.fromkeys(sorted(missing - avoided), "implicit-avoid") | dict.fromkeys(sorted(obsolete), "obsolete"),
        )

    @staticmethod
    def _without_renamed(chosen: Iterable[Candidate]) -> dict[str, Candidate]:
        """Leave out renamed packages that nothing else needs."""
        by_stem = {found.stem: found for found in chosen}
        kept = {stem: found for stem, found in by_stem.items() if not found.entry.renamed}
        waiting = list(kept.values())
        while waiting:
            for dependency in waiting.pop().dependencies:
                if dependency.kind in ("incorporate", "optional", "origin"):
                    continue
                for target in dependency.targets:
                    needed = by_stem.get(target.stem)
                    if needed and target.stem not in kept:
                        kept[target.stem] = needed
                        waiting.append(needed)
        return kept
