"""Recorded steps of pkg beside those observed. README.md says what a match is."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from testbed.conformance.difference import Difference, Outcome
from testbed.conformance.packages import texts
from testbed.conformance.packages.recording import Recording, counts, subcommand
from testbed.conformance.packages.replay import Observed

TABLES = frozenset(
    {"list", "list-linked", "audit-linked", "property-linked", "property", "publisher", "contents", "variant"}
    | {"freeze", "info"}
)
"""Subcommands whose stdout is compared row by row."""
UNORDERED = frozenset({"list-linked", "audit-linked", "freeze"})
"""Children come in random order, and so does what was frozen."""


def compare(recording: Recording, observed: list[Observed]) -> Outcome:
    """All steps that count."""
    made = Outcome(recording["scenario"], 0, 0)
    for number, (recorded, seen) in enumerate(zip(recording["steps"], observed, strict=True)):
        if not counts(recorded):
            made.uncounted.append(subcommand(recorded["argv"]) or "none")
            continue
        found = [Difference(number, what, one, other) for what, one, other in step(recorded, seen)]
        made.steps += 1
        made.matching += not found
        made.differences += found
        if not found and _texts(recorded) != _texts(vars(seen)):
            made.other_texts.append(number)
    return made


def step(recorded: dict[str, Any], seen: Observed) -> list[tuple[str, str, str]]:
    """What differs in one step: name, recorded, observed. Empty: it matches."""
    if seen.failed:
        return [("carried out", "yes", seen.failed)]
    if recorded["argv"][0].startswith("@"):
        return []
    found = []
    if recorded["rc"] != seen.rc:
        found.append(("exit code", str(recorded["rc"]), str(seen.rc)))
    documents = [texts.documents(text) for text in (recorded["stdout"], seen.stdout)]
    if documents[0] != documents[1]:
        found.append(_json_difference(*documents))
    command = subcommand(recorded["argv"])
    if command in TABLES:
        found += _lists("row", *(_rows(command, text) for text in (recorded["stdout"], seen.stdout)))
    else:
        # where a child fails, those before it in a random order have said something and those after it have not
        all_said = not re.search(r"operation failed for child '", recorded["stderr"] + seen.stderr)
        found += _multisets("stdout", *(texts.facts(text, all_said) for text in (recorded["stdout"], seen.stdout)))
    return found + _multisets("stderr", texts.facts(recorded["stderr"]), texts.facts(seen.stderr))


def _texts(step: dict[str, Any]) -> list[Counter[str]]:
    return [texts.words(step[stream]) for stream in ("stdout", "stderr")]


def _rows(command: str, text: str) -> list[str]:
    found = texts.rows(text)
    return sorted(found) if command in UNORDERED else found


def _lists(what: str, one: list[str], other: list[str]) -> list[tuple[str, str, str]]:
    """The first row that differs."""
    for number in range(max(len(one), len(other))):
        pair = [rows[number] if number < len(rows) else "(none)" for rows in (one, other)]
        if pair[0] != pair[1]:
            return [(f"{what} {number + 1}", pair[0], pair[1])]
    return []


def _multisets(what: str, one: Counter[str], other: Counter[str]) -> list[tuple[str, str, str]]:
    missing, extra = sorted((one - other).elements()), sorted((other - one).elements())
    longest = max(len(missing), len(extra))
    pad = ["(none)"] * longest
    return [(what, *pair) for pair in zip((missing + pad)[:longest], (extra + pad)[:longest], strict=True)]


def _json_difference(one: list[Any], other: list[Any]) -> tuple[str, str, str]:
    """The first place where two lists of documents differ."""
    path, left, right = _first(one, other, "")
    return f"JSON {path}", json.dumps(left), json.dumps(right)


def _first(one: Any, other: Any, path: str) -> tuple[str, Any, Any]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                return _first(one.get(key), other.get(key), f"{path}/{key}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            if left != right:
                return _first(left, right, f"{path}/{number}")
    return path or "/", one, other
