"""Which versions may be installed together, and what is said when no choice will do.

As in the real pkg, versions are rejected first, each with its reasons (rules.py, incorporations.py, dependency.py): the
messages are made of these (explain.py). Of what is left (choice.py) the newest choice is taken: for
`update` of everything, for `install` of what was named and of what must move with it, while the rest stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from testbed.ips import incorporations, rules
from testbed.ips.catalog import Entry
from testbed.ips.choice import Choice
from testbed.ips.dependency import CONSTRAINING, PULLING, Resolver, Unsatisfied
from testbed.ips.explain import Explanation
from testbed.ips.fmri import parse
from testbed.ips.incorporations import Downgrades
from testbed.ips.space import Candidate, Kind, Problem, Rejection, Space


@dataclass
class Solution:
    packages: dict[str, Entry]
    """What is installed afterwards, by stem."""
    avoided: set[str]
    """Stems that group dependencies must not bring back."""


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
        self.possible: set[Candidate] = set()
        self.downgrades: set[Candidate] = set()

    def install(self) -> Solution:
        """Bring in what is named, take out what is rejected, and otherwise change as little as possible."""
        self._begin()
        relaxed = self._relaxed()
        self.resolver.held = incorporations.held(self.space, relaxed)
        older = Downgrades(self.resolver, self.problem.sync)
        for present in self.space.kept:
            self.possible |= {*self.space.newer(present.fmri)[0], present}
        for versions in self.named.values():
            self.possible |= set(versions)
            for version in versions:
                self.downgrades |= older.of(version)
        if self.problem.sync and not self.named:
            for version in list(self.possible):
                self.downgrades |= older.of(version)
        self.possible |= self.downgrades
        self._reject_older(present for present in self.space.kept if not self._goes_back(present))
        for stem, versions in self.named.items():
            others = [found for found in self.space.all(stem) if found not in versions]
            text = "This version excluded by specified installation version"
            self.space.reject(others, Rejection(Kind.OTHER_VERSION, text))
            incorporations.carry_along(self.resolver, versions, Kind.INCORPORATED)
        self._follow_parent(relaxed)
        for incorporation in self.resolver.held:
            incorporations.reject_outside(self.space, incorporation)
        self._reject_frozen()
        for versions in self.named.values():
            self._reject_by_rules(versions, rules.variants)
        self._check_named()
        self._require_named()
        self._close()
        for found in list(self.possible):
            self._reject_by_all_rules(found)
        self.possible -= self.space.rejections.keys()
        self._check_named(self.possible)
        return self._choose_for_install()

    def update(self) -> Solution:
        """Bring everything installed to its newest version."""
        self._begin()
        for present in self.space.kept:
            self.possible |= set(self.space.newer(present.fmri)[0]) or {present}
        older = Downgrades(self.resolver, everything=True)
        for version in list(self.possible):
            self.downgrades |= older.of(version)
        self.possible |= self.downgrades
        self._reject_older(self.space.installed.values())
        self._reject_frozen()
        self._follow_parent(None)
        self._close()
        for found in list(self.possible):
            self._reject_by_all_rules(found)
        self.possible -= self.space.rejections.keys()
        self._end_rejecting()
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

    # -- rejecting -------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        space, problem = self.space, self.problem
        space.filter_publishers()
        for present in space.installed.values():
            if present.stem in problem.rejected or rules.variant_reason(present.entry, problem.variants):
                space.removed.add(present)
                self._reject_by_rules([present], rules.variants)
        for stem in problem.rejected:
            space.reject(space.all(stem), Rejection(Kind.USER, "This version rejected by user request"))
        space.required = (space.installed.keys() | self.named.keys()) - problem.rejected
        space.required -= {found.stem for found in space.removed}

    def _relaxed(self) -> set[str]:
        """Stems whose holds do not count: named to move, or to be brought in line with the parent."""
        if self.problem.sync:
            return set(self.space.installed)
        relaxed = {
            stem
            for stem, versions in self.named.items()
            if not (len(versions) == 1 and versions[0] in self.space.installed_set - self.space.removed)
        }
        return relaxed if self.problem.lenient else relaxed | self._out_of_line()

    def _out_of_line(self) -> set[str]:
        """Installed packages that have to be the parent's and are not."""
        parent = self.problem.parent
        if parent is None:
            return set()
        return {
            stem
            for stem, found in self.space.installed.items()
            if rules.follows_parent(found) and parent.get(stem) != found.fmri
        }

    def _goes_back(self, present: Candidate) -> bool:
        versions = self.named.get(present.stem)
        return bool(versions) and versions is not None and versions[-1].version.key < present.version.key

    def _reject_older(self, candidates: Iterable[Candidate]) -> None:
        for present in candidates:
            rejection = Rejection(Kind.NEWER_INSTALLED, f"Newer version {present.fmri} is already installed")
            older = self.space.newer(present.fmri, trimmed=False)[1]
            self.space.reject([found for found in older if found not in self.downgrades], rejection)

    def _reject_frozen(self) -> None:
        for text, reason in self.problem.frozen:
            target = parse(text)
            where = f"{target.stem} at version {target.known.short}"
            because = f"  The reason for the freeze is: {reason}" if reason else ""
            rejection = Rejection(Kind.FREEZE, f"This version is excluded by a freeze on {where}.{because}")
            self.space.reject(self.space.within(target, trimmed=False)[1], rejection)

    def _follow_parent(self, relaxed: set[str] | None) -> None:
        """Reject what does not fit the parent, and what packages that follow it exclude.

        ``relaxed``: of which packages that counts; None (update): of those that are not out of line already.
        """
        parent = self.problem.parent
        if parent is None:
            return
        out_of_line = self._out_of_line() if relaxed is None else set()
        following: dict[str, list[Candidate]] = {}
        for found in sorted(self.possible, key=lambda found: found.order):
            if not self._reject_by_rules([found], rules.parents):
                self.possible.discard(found)
            elif self._judged_by_parent(found) and (
                found.stem not in out_of_line if relaxed is None else found.stem in relaxed
            ):
                following.setdefault(found.stem, []).append(found)
        for stem, versions in following.items():
            if relaxed is not None and stem in self.named:
                versions = [v for v in versions if v not in self.named[stem] or v.fmri == parent.get(stem)]
            if versions:
                incorporations.carry_along(self.resolver, versions, Kind.SYNCED)

    def _judged_by_parent(self, found: Candidate) -> bool:
        left_alone = self.problem.lenient and found in self.space.installed_set
        return not left_alone and any(dependency.kind == "parent" for dependency in found.dependencies)

    def _reject_by_rules(self, candidates: Iterable[Candidate], rule: rules.Rule) -> bool:
        """True if nothing was rejected."""
        fine = True
        for found in candidates:
            for rejection in rule(self.problem, found):
                self.space.reject([found], rejection)
                fine = False
        return fine

    def _reject_by_all_rules(self, found: Candidate) -> None:
        """The first rule that rejects a version is the only one told."""
        for rule in (rules.parents, rules.variants, rules.origins):
            if not self._reject_by_rules([found], rule):
                return

    def _require_named(self) -> None:
        """What all versions of a named package need will be there: better messages."""
        needed: set[str] = set()
        left_out = self.problem.avoided | self.problem.rejected
        for versions in self.named.values():
            each = [
                {
                    dependency.targets[0].stem
                    for dependency in version.dependencies
                    if dependency.kind in ("conditional", "require")
                    or (dependency.kind == "group" and dependency.targets[0].stem not in left_out)
                }
                for version in self.space.left(versions)
            ]
            needed |= set.intersection(*each) if each else set()
        self.space.required |= needed

    def _close(self, everything: bool = False) -> None:
        """Add what the possible versions may need to them, and reject those whose needs cannot be met.

        ``everything``: look at constraints too, and again until nothing more is rejected.
        """
        kinds = PULLING + CONSTRAINING if everything else PULLING
        first = True
        while True:
            before = len(self.space.rejections)
            waiting, done = deque(sorted(self.possible, key=lambda found: found.order)), set[Candidate]()
            while waiting:
                found = waiting.popleft()
                if found in done:
                    continue
                done.add(found)
                if not everything and self._only_on_request(found):
                    text = f"Uninstalled fmri {found.fmri} can only be installed if explicitly requested"
                    self.space.reject([found], Rejection(Kind.EXPLICIT, text))
                    continue
                waiting += [needed for needed in self._needs(found, kinds) if needed not in done]
            if first:
                self.possible |= done
            first = False
            if not everything or len(self.space.rejections) == before:
                break
        self.possible -= self.space.rejections.keys()

    def _needs(self, source: Candidate, kinds: tuple[str, ...]) -> list[Candidate]:
        needs: list[Candidate] = []
        try:
            for dependency in source.dependencies:
                if dependency.kind in kinds:
                    needs += self.resolver.check(source, dependency)
        except Unsatisfied as failure:
            self.space.reject([source], failure.rejection)
            return []
        return needs

    def _only_on_request(self, found: Candidate) -> bool:
        if (found.has("pkg.depend.explicit-install") or "").lower() != "true":
            return False
        if found in self.named.get(found.stem, []) or found.stem in self.space.installed:
            return False
        return not (self.problem.parent and found.stem in self.problem.parent and rules.follows_parent(found))

    def _end_rejecting(self) -> None:
        self.space.possible = {}
        for found in sorted(self.possible, key=lambda found: found.order):
            self.space.possible.setdefault(found.stem, []).append(found)

    def _reject_everything(self) -> None:
        """Reject all that can be rejected, to find what may be told. Raises NoSolution if that is enough."""
        self.space.possible = None
        self._require_named()
        self._close(everything=True)
        self._require_named()
        self._check_named(told=True)
        self._end_rejecting()
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
            self.possible = possible or set()
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
        self._end_rejecting()
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
        return Choice(self.space, self.resolver, self.named, self._must_stay(), self.downgrades)

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
        left_out = tracked - {found.stem for found in chosen}
        packages = self._without_renamed(self._without_obsolete(chosen))
        return Solution(
            {stem: found.entry for stem, found in packages.items()},
            set(self.problem.avoided) | (left_out & self.problem.rejected),
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
