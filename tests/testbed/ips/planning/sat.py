"""Truth values for a set of clauses: a small solver with learned clauses and a fixed order of wishes.

A literal is a variable's number (from 1), negative for "not". The wishes are tried in their order, each true first, so
the answer is the best one lexicographically: a wish is denied only if those before it make it impossible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Formula:
    """Clauses over the variables 1 to ``size``: of each clause at least one literal holds."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._value = [0] * (size + 1)
        """1 true, -1 false, 0 open."""
        self._reason: list[list[int] | None] = [None] * (size + 1)
        self._level = [0] * (size + 1)
        self._trail: list[int] = []
        self._marks: list[tuple[int, int]] = []
        """Per decision: length of the trail and number of the wish."""
        self._watched: dict[int, list[list[int]]] = {}
        self._units: list[int] = []
        self._contradiction = False

    def add(self, literals: Iterable[int]) -> None:
        clause = list(dict.fromkeys(literals))
        if not clause:
            self._contradiction = True
        elif len(clause) == 1:
            self._units.append(clause[0])
        else:
            self._watch(clause)

    def solve(self, wishes: Sequence[int]) -> set[int] | None:
        """The variables that are true in the best answer; None if there is none. What no wish names becomes false."""
        self._undo(0)
        self._marks.clear()
        wanted = [*wishes, *range(-self._size, 0)]
        if self._contradiction or not all(self._set(unit, None) for unit in self._units):
            return None
        queue, wish = 0, 0
        while True:
            conflict = self._propagate(queue)
            queue = len(self._trail)
            if conflict is not None:
                if not self._marks:
                    return None
                wish = self._learn(conflict)
                queue = len(self._trail) - 1
                continue
            while wish < len(wanted) and self._value[abs(wanted[wish])]:
                wish += 1
            if wish == len(wanted):
                return {abs(literal) for literal in self._trail if literal > 0}
            self._marks.append((len(self._trail), wish))
            self._set(wanted[wish], None)

    def _watch(self, clause: list[int]) -> None:
        for literal in clause[:2]:
            self._watched.setdefault(literal, []).append(clause)

    def _holds(self, literal: int) -> int:
        value = self._value[abs(literal)]
        return value if literal > 0 else -value

    def _set(self, literal: int, reason: list[int] | None) -> bool:
        if self._holds(literal):
            return self._holds(literal) > 0
        variable = abs(literal)
        self._value[variable] = 1 if literal > 0 else -1
        self._reason[variable] = reason
        self._level[variable] = len(self._marks)
        self._trail.append(literal)
        return True

    def _propagate(self, queue: int) -> list[int] | None:
        """Follow the consequences of the trail from ``queue`` on; a clause that became false, or None."""
        while queue < len(self._trail):
            gone = -self._trail[queue]
            queue += 1
            watching = self._watched.get(gone, [])
            kept: list[list[int]] = []
            for number, clause in enumerate(watching):
                if clause[0] == gone:
                    clause[0], clause[1] = clause[1], gone
                if self._holds(clause[0]) > 0:
                    kept.append(clause)
                    continue
                for place in range(2, len(clause)):
                    if self._holds(clause[place]) >= 0:
                        clause[1], clause[place] = clause[place], gone
                        self._watched.setdefault(clause[1], []).append(clause)
                        break
                else:
                    kept.append(clause)
                    if not self._set(clause[0], clause):
                        self._watched[gone] = kept + watching[number + 1 :]
                        return clause
            self._watched[gone] = kept
        return None

    def _learn(self, conflict: list[int]) -> int:
        """Add the clause that follows from a conflict, go back to where it decides; the wish to go on with."""
        level, seen, open_here, learned = len(self._marks), set[int](), 0, [0]
        clause, place = conflict, len(self._trail)
        while True:
            for literal in clause:
                variable = abs(literal)
                if variable in seen or not self._level[variable]:
                    continue
                seen.add(variable)
                if self._level[variable] == level:
                    open_here += 1
                else:
                    learned.append(literal)
            place -= 1
            while abs(self._trail[place]) not in seen:
                place -= 1
            pivot = self._trail[place]
            open_here -= 1
            if not open_here:
                break
            clause = [other for other in self._reason[abs(pivot)] or [] if other != pivot]
        learned[0] = -pivot
        learned[1:] = sorted(learned[1:], key=lambda literal: -self._level[abs(literal)])
        target = self._level[abs(learned[1])] if len(learned) > 1 else 0
        wish = self._back(target)
        if len(learned) == 1:
            self._units.append(learned[0])
        else:
            self._watch(learned)
        self._set(learned[0], learned)
        return wish

    def _back(self, level: int) -> int:
        """Undo all decisions above ``level``; the wish of the first one undone."""
        length, wish = self._marks[level]
        self._undo(length)
        del self._marks[level:]
        return wish

    def _undo(self, length: int) -> None:
        for literal in self._trail[length:]:
            self._value[abs(literal)] = 0
        del self._trail[length:]
