"""Hosts for the tests of zone_brand."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / ".venv" / "collections"))

from integration.machine import Machine  # noqa: E402
from walk import world  # noqa: E402

MakeMachine = Callable[..., Machine]


@pytest.fixture(scope="session", autouse=True)
def _loaded() -> None:
    world.preload()


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[MakeMachine]:
    """Make hosts: one with the zone `web01` (keywords change its declaration), or of a whole declaration (`host`)."""
    top = Path(tempfile.mkdtemp(prefix="integration-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    made: list[Machine] = []

    def make(host: dict[str, Any] | None = None, **zone: Any) -> Machine:
        declared = dict(host or {})
        declared.setdefault("zones", [{"name": "web01", "state": "running", "release": "r151046", **zone}])
        made.append(Machine(top / str(len(made)), json.dumps(declared)))
        return made[-1]

    yield make
    shutil.rmtree(top)
