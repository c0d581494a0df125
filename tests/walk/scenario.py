"""What is walked, read from scenarios.yml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("scenarios.yml")


@dataclass(frozen=True)
class Scenario:
    """``options`` are the module's; ``brand`` is the zone's at the end, ``state`` too (None: the state it had);
    ``failed``: each run says that it failed;
    ``original``: the zone is then as it was in everything, its image files included."""

    name: str
    host: str
    options: dict[str, Any]
    brand: str
    state: str | None
    failed: bool
    original: bool

    @property
    def zone(self) -> str:
        return str(self.options["zone"])


def load() -> list[Scenario]:
    return [
        Scenario(
            name,
            yaml.safe_dump(entry["host"]),
            entry["options"],
            entry["expect"]["brand"],
            entry["expect"].get("state"),
            entry["expect"].get("failed", False),
            entry["expect"].get("original", False),
        )
        for name, entry in yaml.safe_load(FILE.read_text()).items()
    ]
