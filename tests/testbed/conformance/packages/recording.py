"""A recording of pkg and the repositories it was taken with; format in tests/fixtures/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Recording = dict[str, Any]
"""One recording as its JSON file has it."""

FIXTURES = Path(__file__).parents[3] / "fixtures" / "recordings"
MORE = FIXTURES.with_name("more-recordings")
"""Taken later and elsewhere, of the same start states and repositories."""

GLOBAL_OPTIONS_WITH_VALUE = ("-R",)

IN_SCOPE = frozenset(
    {"update", "install", "uninstall", "list", "info", "contents", "publisher", "set-publisher", "unset-publisher"}
    | {"copy-publishers-from", "refresh", "list-linked", "property-linked", "audit-linked", "sync-linked"}
    | {"pubcheck-linked", "variant", "freeze", "unfreeze", "property", "set-property"}
)
"""Subcommands whose steps count; the others are carried out because later steps depend on them."""


@dataclass(frozen=True)
class Library:
    """``stages``: name -> URI -> {publisher, packages}; ``manifests``: FMRI with build release -> lines.

    ``payloads``: hash -> text of files and licences.
    """

    stages: dict[str, Any]
    manifests: dict[str, list[str]]
    payloads: dict[str, str]


def is_one(entry: Any) -> bool:
    """Whether a JSON document is a recording of pkg."""
    return isinstance(entry, dict) and {"scenario", "steps", "start", "manifests", "repositories"} <= entry.keys()


def read_library(directory: Path, entry: Recording) -> Library:
    """The files that the recording names, from its directory or else from the fixtures. Raises FileNotFoundError."""
    return Library(
        _named(directory, entry["repositories"]),
        _named(directory, entry["manifests"]),
        _named(directory, "payloads.json"),
    )


def _named(directory: Path, name: str) -> dict[str, Any]:
    path = directory / name
    found: dict[str, Any] = json.loads((path if path.exists() else FIXTURES / name).read_text())
    return found


def subcommand(argv: list[str]) -> str:
    """`update` of `pkg -R / update -n`; empty if there is none."""
    words = iter(argv[1:])
    for word in words:
        if word in GLOBAL_OPTIONS_WITH_VALUE:
            next(words, "")
        elif not word.startswith("-"):
            return word
    return ""


def counts(step: dict[str, Any]) -> bool:
    """Whether a step is one of the M that `N of M steps match` speaks of."""
    return step["argv"][0].startswith("@") or subcommand(step["argv"]) in IN_SCOPE
