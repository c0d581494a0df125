"""Release notes: files of packages that pkg shows when they come with a version they speak of (client/imageplan.py)."""

from __future__ import annotations

import hashlib

from testbed.ips import fmri
from testbed.ips.acting.deliver import Changes
from testbed.ips.action import Action
from testbed.ips.fmri import Fmri
from testbed.ips.request import Request
from testbed.ips.session import Session

ITS_OWN = "feature/pkg/self"
"""As a note's FMRI: the package that has it."""


def lines(session: Session, todo: Changes) -> list[str]:
    """The text of the notes that count."""
    found = []
    for note in _notes(session, todo):
        text = session.repositories.payload(note.hash).decode(errors="replace")
        found += text.splitlines()
    return found


def _notes(session: Session, todo: Changes) -> list[Action]:
    arriving = [new for pair in todo.update for new in pair[1:]] + todo.install
    return [
        note
        for note in arriving
        if note.kind == "file" and _counts(session, note, fmri.parse(todo.packages[note.get("path")]))
    ]


def _counts(session: Session, note: Action, package: Fmri) -> bool:
    """Does it speak of a version as new as the installed one, or newer? `@0` speaks of a first installation."""
    installed = session.image.installed()
    for text in note.all("release-note"):
        about = fmri.parse(text)
        stem = package.stem if about.stem == ITS_OWN else about.stem
        if stem not in installed:
            if about.stem == ITS_OWN and about.version and about.version.release == (0,):
                return True
        elif about.version and about.version.key >= installed[stem].fmri.known.key:
            return True
    return False


def shown(session: Session, request: Request, todo: Changes, new_be: bool) -> str:
    """The end of a plan for people: the notes themselves, or where they are."""
    text = lines(session, todo)
    if not text:
        return ""
    must = any(note.get("must-display") == "true" for note in _notes(session, todo))
    if must or request.verbose or request.dry_run:
        return "\nRelease Notes:\n" + "".join(f"  {line}\n" for line in text)
    if session.live and not new_be:
        return "\nRelease notes can be viewed with 'pkg history -n 1 -N'\n"
    path = f"/tmp/release-notes{_unique(session)}.txt"
    session.host.write(path, "".join(f"{line}\n" for line in text))
    return (
        f"\nRelease notes can be found in {path} before rebooting.\n"
        "After rebooting, use 'pkg history -n 1 -N' to view release notes.\n"
    )


def keep(session: Session, text: list[str]) -> None:
    """The image keeps what was shown."""
    if text:
        path = f"{session.root.rstrip('/')}/var/pkg/notes/release-notes-{_unique(session)}.txt"
        session.host.write(path, "".join(f"{line}\n" for line in text))


def _unique(session: Session) -> str:
    return hashlib.sha1(f"{session.ctx.number} {session.root}".encode()).hexdigest()[:8]
