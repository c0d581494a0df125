"""Running the steps of a recording of pkg on a host."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed import command
from testbed.conformance.packages import lent, situations
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


def run_lent(host: Host, recording: Recording, library: Library, scratch: Path) -> tuple[list[Observed], str]:
    """The same with the lent pkg: entries for the steps that it can run, and why the others cannot (empty: all can)."""
    observed: list[Observed] = []
    try:
        with lent.Lent(host, library, recording["start"]["repositories"], scratch) as around:
            for step in recording["steps"]:
                observed.append(_lent_step(around, step))
    except (lent.Ends, situations.Unknown) as ends:
        return observed, str(ends)
    return observed, ""


def _lent_step(around: lent.Lent, step: dict[str, Any]) -> Observed:
    if step["argv"][0].startswith("@"):
        around.carry_out(step["argv"])
        return Observed()
    if UNPRIVILEGED.search(step.get("note") or ""):
        raise lent.Ends("run by an unprivileged user, who cannot run the host's other commands")
    done = around.type(step["argv"], step.get("env") or {})
    return Observed(done.returncode, done.stdout, done.stderr)
