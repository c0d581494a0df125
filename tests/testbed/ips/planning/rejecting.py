"""Narrowing down what a plan may choose from: phase by phase versions are rejected, with the reasons pkg gives."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from testbed.ips.planning import incorporations, patterns, rules
from testbed.ips.planning.dependency import CONSTRAINING, PULLING, Resolver, Unsatisfied
from testbed.ips.planning.space import Candidate, Kind, Rejection, Space


class Rejecting:
    """``possible``: the versions still considered; ``downgrades``: those that may be older than what is installed."""

    def __init__(self, space: Space, resolver: Resolver) -> None:
        self.problem = space.problem
        self.space = space
        self.named = space.named
        self.resolver = resolver
        self.possible: set[Candidate] = set()
        self.downgrades: set[Candidate] = set()

    def begin(self) -> None:
        space, problem = self.space, self.problem
        space.filter_publishers()
        for present in space.installed.values():
            if present.stem in problem.rejected or rules.variant_reason(present.entry, problem.variants):
                space.removed.add(present)
                self.reject_by_rules([present], rules.variants)
        for stem in problem.rejected:
            space.reject(space.all(stem), Rejection(Kind.USER, "This version rejected by user request"))
        space.required = (space.installed.keys() | self.named.keys()) - problem.rejected
        space.required -= {found.stem for found in space.removed}

    def relaxed(self) -> set[str]:
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

    def goes_back(self, present: Candidate) -> bool:
        versions = self.named.get(present.stem)
        return bool(versions) and versions is not None and versions[-1].version.key < present.version.key

    def reject_older(self, candidates: Iterable[Candidate]) -> None:
        for present in candidates:
            rejection = Rejection(Kind.NEWER_INSTALLED, f"Newer version {present.fmri} is already installed")
            older = self.space.newer(present.fmri, trimmed=False)[1]
            self.space.reject([found for found in older if found not in self.downgrades], rejection)

    def reject_frozen(self) -> None:
        for text, reason in self.problem.frozen:
            frozen = patterns.parse(text)
            version = frozen.name.version.short if frozen.name.version else frozen.wild
            because = f"  The reason for the freeze is: {reason}" if reason else ""
            told = f"This version is excluded by a freeze on {frozen.name.stem} at version {version}.{because}"
            others = [found for found in self.space.all(frozen.name.stem) if not frozen.allows(found.version)]
            self.space.reject(others, Rejection(Kind.FREEZE, told))

    def follow_parent(self, relaxed: set[str] | None) -> None:
        """Reject what does not fit the parent, and what packages that follow it exclude.

        ``relaxed``: of which packages that counts; None (update): of those that are not out of line already.
        """
        parent = self.problem.parent
        if parent is None:
            return
        out_of_line = self._out_of_line() if relaxed is None else set()
        following: dict[str, list[Candidate]] = {}
        for found in sorted(self.possible, key=lambda found: found.order):
            if not self.reject_by_rules([found], rules.parents):
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

    def reject_by_rules(self, candidates: Iterable[Candidate], rule: rules.Rule) -> bool:
        """True if nothing was rejected."""
        fine = True
        for found in candidates:
            for rejection in rule(self.problem, found):
                self.space.reject([found], rejection)
                fine = False
        return fine

    def reject_by_all_rules(self, found: Candidate) -> None:
        """The first rule that rejects a version is the only one told."""
        for rule in (rules.parents, rules.variants, rules.origins):
            if not self.reject_by_rules([found], rule):
                return

    def require_named(self) -> None:
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

    def close(self, everything: bool = False) -> None:
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

    def end(self) -> None:
        self.space.possible = {}
        for found in sorted(self.possible, key=lambda found: found.order):
            self.space.possible.setdefault(found.stem, []).append(found)
