# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the collection importable by its full name, as `make setup` links it."""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FIXTURES = REPOSITORY / "tests" / "fixtures"
sys.path.insert(0, str(REPOSITORY / ".venv" / "collections"))


@pytest.fixture(scope="session")
def brand_recordings() -> list[dict[str, Any]]:
    """All recordings of the real brand hooks."""
    loaded = [json.loads(path.read_text()) for path in sorted((FIXTURES / "brand-scripts").glob("*.json"))]
    return [recording for recording in loaded if "case" in recording]


@pytest.fixture(scope="session")
def pkg_steps() -> list[dict[str, Any]]:
    """All steps of the recordings of the real pkg."""
    found: list[dict[str, Any]] = []
    for path in sorted((FIXTURES / "recordings").glob("*.json")):
        found += json.loads(path.read_text()).get("steps", [])
    return found


@pytest.fixture(scope="session")
def every_pkg_step() -> list[tuple[str, dict[str, Any]]]:
    """Return (name of the recording, step) for all commands of the real pkg in all recordings."""
    files = [*(FIXTURES / "recordings").glob("*.json"), *(FIXTURES / "more-recordings").glob("*.json")]
    return [
        (path.stem, step)
        for path in sorted(files)
        for step in json.loads(path.read_text()).get("steps", [])
        if step["argv"][0] == "pkg"
    ]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Unpack a recorded image tree once and return where its `/` is."""
    there: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        if name not in there:
            there[name] = tmp_path_factory.mktemp(name)
            with tarfile.open(FIXTURES / "images" / f"{name}.tar.xz") as archive:
                # an attribute, for the argument is unknown to the Python 3.11.2 of Debian 12
                archive.extraction_filter = getattr(tarfile, "tar_filter", None)
                archive.extractall(there[name])
        return there[name]

    return unpack
