"""A recording of the brand hooks and what it was taken with; format in tests/fixtures/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Recording = dict[str, Any]
"""One recording as its JSON file has it."""

FIXTURES = Path(__file__).parents[3] / "fixtures" / "brand-scripts"


@dataclass(frozen=True)
class Library:
    """The repositories that the recordings of a directory share.

    ``repositories``: name -> URI -> {publisher, fmris}; ``manifests``: FMRI -> lines; ``payloads``: hash -> text.
    """

    repositories: dict[str, Any]
    manifests: dict[str, list[str]]
    payloads: dict[str, str]


def is_one(entry: Any) -> bool:
    """Whether a JSON document is a recording of the brand hooks."""
    return isinstance(entry, dict) and "situation" in entry


def read_library(directory: Path) -> Library:
    """The shared files beside the recordings; what ``directory`` lacks of them is taken from the fixtures."""
    shared: dict[str, dict[str, Any]] = {"repositories": {}, "manifests": {}, "payloads": {}}
    for place in (FIXTURES, directory):
        for key, entries in shared.items():
            path = place / f"{key}.json"
            if path.exists():
                entries.update(json.loads(path.read_text()))
    return Library(**shared)
