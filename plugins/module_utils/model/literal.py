# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists and dictionaries of strings as pkg writes them into pkg5.image: Python literals.

A parser of its own: Python's parser, fed with what a zone has written, can be made to end the process (ast docs).
"""

from __future__ import annotations

import re
from typing import Any, Iterator, List

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<mark>[\[\]{},:])
      | (?P<word>None|True|False)
      | '(?P<single>[^'\\\n]*(?:\\.[^'\\\n]*)*)'
      | "(?P<double>[^"\\\n]*(?:\\.[^"\\\n]*)*)"
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_WORDS = {"None": None, "True": True, "False": False}
_DEEPEST = 4


def parse_list(text: str) -> list[Any]:
    """Return the list that `text` says, [] for blank text. Raises ValueError for all that is no list of this kind."""
    if not text.strip():
        return []
    tokens = _tokens(text)
    tokens.reverse()
    value = _value(tokens, 0)
    if tokens or not isinstance(value, list):
        raise ValueError(f"not a list: {text[:80]!r}")
    return value


# A token is a mark as (mark, None), or a value as ("", value).
_Tokens = List[Any]


def _tokens(text: str) -> _Tokens:
    tokens: _Tokens = []
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"not a list: {text[place : place + 80]!r}")
        place = match.end()
        if match["mark"]:
            tokens.append((match["mark"], None))
        elif match["word"]:
            tokens.append(("", _WORDS[match["word"]]))
        else:
            tokens.append(("", _ESCAPE.sub(_unescaped, match["single"] or match["double"] or "")))
    return tokens


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code:
        if int(code, 16) > 0x10FFFF:
            raise ValueError(f"not a character: {match[0]}")
        return chr(int(code, 16))
    if match[4] not in _LETTERS:
        raise ValueError(f"not an escape in a list: {match[0]!r}")
    return _LETTERS[match[4]]


def _value(tokens: _Tokens, depth: int) -> Any:
    if not tokens or depth > _DEEPEST:
        raise ValueError("not a list: it ends too early, or is nested too deep")
    mark, value = tokens.pop()
    if mark == "":
        return value
    if mark == "[":
        return [_value(rest, depth + 1) for rest in _until(tokens, "]")]
    if mark == "{":
        return dict(_pair(rest, depth + 1) for rest in _until(tokens, "}"))
    raise ValueError(f"not a list: {mark!r} is not expected there")


def _pair(tokens: _Tokens, depth: int) -> tuple[Any, Any]:
    mark, key = tokens.pop()
    if mark or not tokens or tokens.pop()[0] != ":":
        raise ValueError("not a dictionary of values")
    return key, _value(tokens, depth)


def _until(tokens: _Tokens, end: str) -> Iterator[_Tokens]:
    """Yield the tokens once for each element before `end`; commas between them and `end` itself are taken off."""
    while tokens:
        if tokens[-1][0] == end:
            tokens.pop()
            return
        yield tokens
        if not tokens or tokens[-1][0] not in (",", end):
            raise ValueError("not a list: a comma is missing")
        if tokens[-1][0] == ",":
            tokens.pop()
    raise ValueError("not a list: it is not closed")
