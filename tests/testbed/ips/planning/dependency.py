"""Which versions meet a dependency, and what is said when none does (`depend` in pkg(7))."""

from __future__ import annotations

from dataclasses import dataclass, replace

from testbed.ips.fmri import Fmri
from testbed.ips.planning.space import Candidate, Dependency, Kind, Rejection, Space, Split, shown

PULLING = ("require", "group", "conditional", "require-any", "group-any")
"""Dependencies that bring packages in."""
CONSTRAINING = ("incorporate", "optional", "exclude")
"""Dependencies that only say which versions may be there."""


class Unsatisfied(Exception):
    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.text)
        self.rejection = rejection


@dataclass
class Choices:
    fits: list[Candidate]
    rest: list[Candidate]
    required: bool
    """One of them must be there if the package with the dependency is."""
    predicates: list[Candidate]
    """Of a conditional dependency: the versions that make it count."""


class Resolver:
    """``held``: installed incorporations that stay as they are."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.held: list[Candidate] = []

    def choices(self, source: Candidate, dependency: Dependency, trimmed: bool = True, asked: bool = False) -> Choices:
        space, kind, target = self.space, dependency.kind, dependency.targets[0]
        space.stamped |= any(t.version is not None and bool(t.version.stamp) for t in dependency.targets)
        needed = target.stem in space.required
        if kind == "require":
            return Choices(*space.newer(target, trimmed, obsolete=False), True, [])
        if kind == "optional":
            return Choices(*space.newer(target, trimmed), needed, [])
        if kind == "exclude":
            return Choices(*space.older(target, trimmed), needed, [])
        if kind == "incorporate":
            space.incorporating.add(source.stem)
            return Choices(*space.within(target, trimmed), needed, [])
        if kind == "conditional" and dependency.predicate:
            return self._conditional(dependency.predicate, target, trimmed, asked)
        if kind == "require-any":
            fits, rest = self._any(dependency.targets, trimmed, obsolete=False)
            return Choices(fits, rest, True, [])
        if kind in ("group", "group-any"):
            return self._group(dependency.targets, trimmed)
        if kind == "origin":
            return Choices(*space.newer(target, trimmed=False, obsolete=False), False, [])
        return Choices([], [], False, [])  # parent: judged by rules.py, as is origin

    def _conditional(self, predicate: Fmri, target: Fmri, trimmed: bool, asked: bool) -> Choices:
        space = self.space
        predicates, _ = space.newer(predicate, trimmed, obsolete=False)
        named = space.named.get(predicate.stem, []) if asked else []
        present = any(found in named or (found in space.installed_set - space.removed) for found in predicates)
        required = present and predicate.stem in space.required
        return Choices(*space.newer(target, trimmed, obsolete=False), required, predicates)

    def _any(self, targets: tuple[Fmri, ...], trimmed: bool, obsolete: bool) -> Split:
        pairs = [self.space.newer(target, trimmed, obsolete) for target in targets]
        return [c for fits, _ in pairs for c in fits], [c for _, rest in pairs for c in rest]

    def _group(self, targets: tuple[Fmri, ...], trimmed: bool) -> Choices:
        left_out = self.space.problem.avoided | self.space.problem.rejected
        wanted = tuple(replace(target, version=None) for target in targets if target.stem not in left_out)
        fits, rest = self._any(wanted, trimmed, obsolete=True)
        if len({found.stem for found in fits}) > 1:
            gone = {found.stem for found in fits if found.entry.obsolete}
            if any(found.stem not in gone for found in fits):
                rest += [found for found in fits if found.entry.obsolete]
                fits = [found for found in fits if not found.entry.obsolete]
        return Choices(fits, rest, bool(fits or rest), [])

    # -- when nothing meets it -------------------------------------------------------------------------------------

    def check(
        self, source: Candidate, dependency: Dependency, trimmed: bool = True, asked: bool = True
    ) -> list[Candidate]:
        """The versions that meet the dependency. Raises Unsatisfied if it must be met and none does.

        ``asked``: what was asked for counts.
        """
        found = self.choices(source, dependency, trimmed, asked)
        if found.fits or not found.required:
            return found.fits
        if trimmed and dependency.kind == "incorporate" and source in self.held:
            # it stays: what is asked for now cannot reject it
            return self.check(source, dependency, trimmed=False, asked=asked)
        raise Unsatisfied(self._why(source, dependency, found.rest, trimmed, asked))

    def _why(
        self, source: Candidate, dependency: Dependency, rest: list[Candidate], trimmed: bool, asked: bool
    ) -> Rejection:
        space, kind, target = self.space, dependency.kind, dependency.targets[0]
        name = shown(target)
        if kind == "exclude":
            return self._why_excluded(target)
        if kind == "incorporate":
            fits, rest = space.within(target, trimmed=False)
        elif kind in ("require", "conditional", "require-any"):
            if self._any(dependency.targets, trimmed, obsolete=True)[0]:
                many = len(dependency.targets) > 1
                text = f"dependencies on frozenset({{{name!r}}})" if many else f"dependency on {name}"
                return Rejection(Kind.OBSOLETE, f"All acceptable versions of '{kind}' {text} are obsolete")
            fits, rest = space.newer(target, trimmed=False, obsolete=False)
        else:
            fits, rest = space.newer(target, trimmed=False)
        if not fits:
            return Rejection(Kind.MISSING, f"No version for '{kind}' dependency on {name} can be found")
        if trimmed and rest and asked and space.named.get(source.stem) == [source]:
            text = f"Rejected by '{kind}' dependency in proposed package '{source.stem}'"
            pulled = Rejection(Kind.DEPENDENCY, text, frozenset([source]), (kind, source.stem))
            space.reject(self.choices(source, dependency, trimmed=False).rest, pulled)
        text = f"No version matching '{kind}' dependency {name} can be installed"
        return Rejection(Kind.DEPENDENCY, text, frozenset(fits), (kind, name))

    def _why_excluded(self, target: Fmri) -> Rejection:
        space = self.space
        fits, rest = space.older(target, trimmed=False, obsolete=False)
        if fits:
            text = f"No version allowed by 'exclude' dependency {shown(target)} could be installed"
            return Rejection(Kind.DEPENDENCY, text, frozenset(fits))
        word = "installed" if any(found in space.installed_set for found in rest) else "proposed"
        return Rejection(Kind.EXCLUDED, f"Package contains 'exclude' dependency {shown(target)} on {word} package")
