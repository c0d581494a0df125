"""The solver of clauses against trying all assignments."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from testbed.ips.planning.sat import Formula

SIZE = 6
LITERAL = st.integers(1, SIZE).flatmap(lambda number: st.sampled_from([number, -number]))
CLAUSES = st.lists(st.lists(LITERAL, min_size=1, max_size=3), max_size=20)
WISHES = st.permutations(range(1, SIZE + 1)).flatmap(
    lambda numbers: st.tuples(*(st.sampled_from([number, -number]) for number in numbers))
)


def first(clauses: list[list[int]], wishes: tuple[int, ...]) -> set[int] | None:
    """The answer that grants the earliest wishes."""
    for denied in product((False, True), repeat=len(wishes)):
        literals = {-wish if no else wish for wish, no in zip(wishes, denied, strict=True)}
        if all(literals & set(clause) for clause in clauses):
            return {literal for literal in literals if literal > 0}
    return None


@given(CLAUSES, CLAUSES, WISHES, WISHES)
def test_answers_are_the_best_ones(
    clauses: list[list[int]], more: list[list[int]], wishes: tuple[int, ...], others: tuple[int, ...]
) -> None:
    formula = Formula(SIZE)
    for clause in clauses:
        formula.add(clause)
    assert formula.solve(wishes) == first(clauses, wishes)
    for clause in more:
        formula.add(clause)
    assert formula.solve(others) == first(clauses + more, others)


def test_what_nobody_wishes_is_false() -> None:
    formula = Formula(3)
    formula.add([1, 2])
    assert formula.solve([]) == {1}
    assert formula.solve([3, -1]) == {2, 3}
