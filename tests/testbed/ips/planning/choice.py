"""Choosing among the versions that are left: clauses from dependencies, and better answers until there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from testbed.ips.planning.dependency import CONSTRAINING, PULLING, Resolver
from testbed.ips.planning.sat import Formula
from testbed.ips.planning.space import Candidate, Space

ROUNDS = 2000
"""A few are enough but where packages become older: then there is one for each choice of versions (as in pkg)."""


class Choice:
    """``named``: stems and versions asked for; ``must``: other stems that stay; ``downgrades``: may become older."""

    def __init__(
        self,
        space: Space,
        resolver: Resolver,
        named: Mapping[str, list[Candidate]],
        must: Iterable[str],
        downgrades: set[Candidate],
    ) -> None:
        self._space = space
        self._resolver = resolver
        self._named = named
        self._possible = space.possible or {}
        self._must = [stem for stem in must if stem in self._possible]
        self._downgrades = downgrades
        self._order = [found for stem in sorted(self._possible) for found in reversed(self._possible[stem])]
        self._numbers = {found: number for number, found in enumerate(self._order, 1)}
        self._clauses: list[list[int]] = []
        self._describe()

    def fix(self, found: Candidate) -> None:
        """This version is settled."""
        self._clauses.append([self._numbers[found]])

    def newest(self) -> set[Candidate] | None:
        """The newest versions that go together; None: nothing does."""
        return self._best(oldest=False)

    def oldest(self) -> set[Candidate] | None:
        return self._best(oldest=True)

    def _describe(self) -> None:
        for versions in self._possible.values():
            numbers = [self._numbers[found] for found in versions]
            for place, number in enumerate(numbers):
                self._clauses += [[-number, -other] for other in numbers[:place]]
            for found in versions:
                self._describe_dependencies(found)
        for versions in self._named.values():
            self._clauses.append([self._numbers[found] for found in versions if found in self._numbers])
        for stem in self._must:
            self._clauses.append([self._numbers[found] for found in self._possible[stem]])

    def _describe_dependencies(self, source: Candidate) -> None:
        own, numbers = -self._numbers[source], self._numbers
        for dependency in source.dependencies:
            choices = self._resolver.choices(source, dependency)
            fits = [numbers[found] for found in choices.fits]
            if dependency.kind in CONSTRAINING:
                self._clauses += [[own, -numbers[found]] for found in choices.rest]
            elif dependency.kind == "conditional":
                self._clauses += [[own, -numbers[found], *fits] for found in choices.predicates]
            elif dependency.kind in PULLING and (fits or not dependency.kind.startswith("group")):
                self._clauses.append([own, *fits])

    def _best(self, oldest: bool) -> set[Candidate] | None:
        """Round by round an answer in which nothing moves the wrong way and not all is as it was or more than that."""
        formula = Formula(len(self._order))
        for clause in self._clauses:
            formula.add(clause)
        wishes = self._wishes(oldest)
        chosen: set[Candidate] | None = None
        for _ in range(ROUNDS):
            answer = formula.solve(wishes)
            if not answer:
                return chosen if answer is None else set()
            chosen = {self._order[number - 1] for number in answer}
            for found in chosen:
                newer, older = self._space.newer(found.fmri)
                wrong = set(newer) - {found} if oldest else set(older) - self._downgrades
                for other in wrong:
                    formula.add([-self._numbers[other]])
            formula.add([-number for number in answer])
        return chosen

    def _wishes(self, oldest: bool) -> list[int]:
        """In which order to decide; where versions exclude each other, the outcome hangs on it.

        pkg numbers versions by name, newest first, and supposes of each that it is not there: of the first one, then
        of the others from the last one on (the heap of its MiniSat). So old versions are given up before new ones;
        where old ones are wanted it is quicker the other way round.
        """
        size = len(self._order)
        if oldest or not size:
            return list(range(-1, -size - 1, -1))
        return [-1, *range(-size, -1)]
