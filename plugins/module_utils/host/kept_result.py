# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of an update until somebody has it: the connection may break before it is handed over."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Mapping

from ..model.finding import refuse
from . import durable
from .update_store import DIRECTORY

FORMAT = 1


@dataclass(frozen=True)
class KeptResult:
    """The result of a run that nobody is known to have; `be_uuid` is the boot environment that ran."""

    run_id: str
    be_uuid: str
    result: Mapping[str, Any]


def _path(directory: str) -> str:
    return os.path.join(directory, "result.json")


def keep(run_id: str, be_uuid: str, result: Mapping[str, Any], directory: str = DIRECTORY) -> None:
    """Keep the result of a run, in the place of any other; when this returns it survives a power loss."""
    entry = {"version": FORMAT, "run": run_id, "be_uuid": be_uuid, "result": result}
    durable.write(_path(directory), json.dumps(entry, indent=1, sort_keys=True) + "\n")


def kept(directory: str = DIRECTORY) -> KeptResult | None:
    """Return the result that was not delivered, None if there is none. Raises Refusal if it cannot be understood."""
    path = _path(directory)
    try:
        text = durable.read(path)
        if text is None:
            return None
        entry = json.loads(text)
        if entry["version"] != FORMAT or not isinstance(entry["result"], dict):
            raise ValueError("it is not of this format")
        return KeptResult(str(entry["run"]), str(entry["be_uuid"]), entry["result"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise refuse(
            "journal-unreadable",
            f"{path} keeps the result of an earlier update, and cannot be understood ({exc!r}).",
            "Read it, then remove the file.",
        ) from None


def delivered(directory: str = DIRECTORY) -> None:
    """Forget the result that was kept: somebody has it now."""
    durable.remove(_path(directory))
