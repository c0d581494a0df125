"""Running the steps of a recording of pkg on a host."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed import command
from testbed.conformance.packages import situations
from testbed.conformance.packages.recording import Library, Recording
from testbed.host import Host

UNPRIVILEGED = re.compile(r"unprivileged user \(uid (\d+)\)")
"""A note says so; nothing else of a recording does."""


@dataclass(frozen=True)
class Observed:
    """What one step gave. ``failed``: why it could not be carried out at all, else empty."""

    rc: int | None = None
    stdout: str = ""
    stderr: str = ""
    failed: str = ""


def run(host: Host, recording: Recording, library: Library) -> list[Observed]:
    """One entry for each step. One that cannot be carried out does not end the run: the others show what it meant."""
    return [_step(host, step, library) for step in recording["steps"]]


def _step(host: Host, step: dict[str, Any], library: Library) -> Observed:
    try:
        if step["argv"][0].startswith("@"):
            with host.locked():
                situations.carry_out(host, library, step["argv"])
            return Observed()
        user = UNPRIVILEGED.search(step.get("note") or "")
        result = command.run(host, step["argv"], step.get("env"), user=int(user[1]) if user else 0)
        return Observed(result.rc, result.stdout, result.stderr)
    except situations.Unknown as unknown:
        return Observed(failed=str(unknown))
    except Exception as error:  # one broken step must not hide the others
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Observed(failed=f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})")
