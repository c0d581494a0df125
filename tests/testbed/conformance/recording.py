"""A directory of recordings, read: format in tests/fixtures/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Recording = dict[str, Any]
"""One recording as its JSON file has it."""

FIXTURES = Path(__file__).parents[2] / "fixtures" / "brand-scripts"


@dataclass(frozen=True)
class Library:
    """Recordings by case name, and the repositories they share.

    ``repositories``: name -> URI -> {publisher, fmris}; ``manifests``: FMRI -> lines; ``payloads``: hash -> text.
    """

    recordings: dict[str, Recording]
    repositories: dict[str, Any]
    manifests: dict[str, list[str]]
    payloads: dict[str, str]


def read(directories: list[Path]) -> Library:
    """All recordings of these directories. What one of them lacks of the shared files is taken from the fixtures.

    Raises FileNotFoundError for a directory that is not there, ValueError for one without a recording.
    """
    recordings: dict[str, Recording] = {}
    shared: dict[str, dict[str, Any]] = {"repositories": {}, "manifests": {}, "payloads": {}}
    for directory in [FIXTURES, *directories]:
        if not directory.is_dir():
            raise FileNotFoundError(f"{directory}: no such directory")
        for key, entries in shared.items():
            path = directory / f"{key}.json"
            if path.exists():
                entries.update(json.loads(path.read_text()))
    for directory in directories:
        found = [json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))]
        cases = {entry["case"]: entry for entry in found if "situation" in entry}
        if not cases:
            raise ValueError(f"{directory}: no recording of the brand hooks in it")
        recordings.update(cases)
    return Library(recordings, shared["repositories"], shared["manifests"], shared["payloads"])
