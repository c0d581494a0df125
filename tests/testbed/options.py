"""getopt as the illumos commands use it: single letters, options end at the first argument that is none."""

from __future__ import annotations

import getopt
from collections.abc import Sequence


class Usage(Exception):
    """What is wrong with the arguments, in getopt's words or the command's own."""


class Options:
    """Letters given, with their values; ``rest`` is what follows them."""

    def __init__(self, given: Sequence[tuple[str, str]], rest: Sequence[str]) -> None:
        self._given = given
        self.rest = list(rest)

    def __contains__(self, letter: str) -> bool:
        return any(each == letter for each, _ in self._given)

    def value(self, letter: str, default: str = "") -> str:
        """The last value given to the letter."""
        return next((value for each, value in reversed(self._given) if each == letter), default)

    def ordered(self, letters: str) -> list[tuple[str, str]]:
        """(letter, value) of every use of one of the letters, as typed."""
        return [pair for pair in self._given if pair[0] in letters]


def parse(args: Sequence[str], flags: str, valued: str) -> Options:
    """``flags``: letters without a value; ``valued``: letters with one, each followed by a colon. Raises `Usage`."""
    try:
        given, rest = getopt.getopt(list(args), flags + valued)
    except getopt.GetoptError as error:
        if "requires argument" in error.msg:
            raise Usage(f"missing argument for '{error.opt}' option") from None
        raise Usage(f"invalid option '{error.opt}'") from None
    return Options([(letter[1:], value) for letter, value in given], rest)
