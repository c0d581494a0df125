"""Licences that arrive with packages: which ones, and whether they were accepted."""

from __future__ import annotations

from collections.abc import Iterable

from testbed.ips import action, messages
from testbed.ips.images.catalog import Entry
from testbed.ips.planning.planner import Plan
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session

Licence = tuple[str, str, str, bool, bool, str]
"""FMRI, name, text, must-accept, must-display, hash of the text."""


def _of(session: Session, entries: Iterable[Entry]) -> list[Licence]:
    """The licence actions of these packages."""
    found = []
    for entry in entries:
        for line in session.manifest(entry):
            if line.startswith("license "):
                parsed = action.parse(line)
                text = session.repositories.payload(parsed.hash).decode()
                accept, display = (parsed.get(f"must-{word}") == "true" for word in ("accept", "display"))
                found.append((str(entry.fmri), parsed.get("license"), text, accept, display, parsed.hash))
    return found


def changed(session: Session, made: Plan) -> list[tuple[Licence | None, Licence]]:
    """Licences that arrive and are not the same as in the version they replace, with that one."""
    found: list[tuple[Licence | None, Licence]] = []
    for new in made.arriving:
        old = next((before for before, after in made.change if after is new), None)
        had = {licence[1]: licence for licence in _of(session, [old] if old else [])}
        for licence in _of(session, [new]):
            before = had.get(licence[1])
            if before is None or before[2:] != licence[2:]:
                found.append((before, licence))
    return found


def check(session: Session, request: Request, made: Plan) -> None:
    """Raises Exit 6 if a licence that arrives must be accepted and was not."""
    wanted = [(package, name) for _, (package, name, _, accept, _, _) in changed(session, made) if accept]
    if wanted and not request.accept:
        raise Exit(6, messages.licences_refused(wanted))
