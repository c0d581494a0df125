"""The command log: one JSON object a line in `/.testbed/log.jsonl`, written when the command ends.

Keys: ``n`` (order of start), ``parent`` (``n`` of the command that ran it, null if it was typed or run by a module),
``argv``, ``rc`` (null: killed), ``seconds``, ``changed`` (it changed a file or the state), ``env`` (PKG_* of the
command), ``zone`` (where it ran).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def append(private: Path, record: dict[str, Any]) -> None:
    with (private / "log.jsonl").open("a") as stream:
        stream.write(json.dumps(record) + "\n")


def read(private: Path) -> list[dict[str, Any]]:
    """All records in the order in which the commands started."""
    lines = (private / "log.jsonl").read_text().splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda record: int(record["n"]))


def typed(records: list[dict[str, Any]]) -> list[list[str]]:
    """The argv of every command that was not run by another command of the host."""
    return [record["argv"] for record in records if record["parent"] is None]


def changing(records: list[dict[str, Any]]) -> list[list[str]]:
    """The argv of every typed command that changed something."""
    return [record["argv"] for record in records if record["parent"] is None and record["changed"]]
