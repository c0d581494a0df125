"""What is said of a plan: tables for people, JSON for programs."""

from __future__ import annotations

from typing import Any

from testbed.ips import messages
from testbed.ips.acting import changed, execution, licences, notes, preserve, room
from testbed.ips.acting.boot_environments import NONE, Decision
from testbed.ips.acting.tree import Tree
from testbed.ips.planning.planner import INSTALL, UPDATE, Plan
from testbed.ips.request import Request
from testbed.ips.session import Session


def shown_plan(session: Session, request: Request, made: Plan, boot: Decision = NONE) -> str:
    """The plan as it is shown without --parsable."""
    text = ""
    for _, (package, name, content, _, display, _) in licences.changed(session, made):
        if display or request.licenses:
            text += messages.licence_shown(messages.fmri_short(package), name, content)
    rows = messages.packages_table(made) + changed.rows(made)
    if request.verbose:
        rows += [("Estimated space available", room.shown(room.available(session.host)))]
        rows += [("Estimated space to be consumed", room.shown(room.REQUIRED))]
    if session.live:
        rows += boot.rows()
    if request.verbose:
        rows.append(("Rebuild boot archive", "No"))
    text += messages.counted(rows)
    if request.verbose:
        text += changed.verbose(made) + messages.changed_packages(made)
        text += messages.changed_files(_editables(session, made))
    elif made.remove and request.operation in (INSTALL, UPDATE):
        gone = [entry.stem for entry in sorted(made.remove, key=lambda entry: (entry.publisher, entry.stem))]
        lines = gone if len(gone) <= 7 else [*gone[:5], "..."]
        text += "\nRemoved Packages:\n\n" + "".join(f"  {line}\n" for line in lines)
        if len(gone) > 7:
            text += f"  {len(gone) - 5} additional removed package(s). Use 'pkg history' to view the full list.\n"
    if request.dry_run and made.dangling:
        text += f"\n{changed.dangling(made)}"
    return (
        text
        + notes.shown(session, request, execution.changes(session, made), boot.new)
        + "\n"
        + room.lack(session, made)
    )


def _editables(session: Session, made: Plan) -> list[list[Any]]:
    """Files with `preserve` that change: [kind, paths]."""
    place = Tree(session.host, session.root, session.repositories)
    return preserve.changes(execution.changes(session, made), place.content, session.repositories.payload)


def document(session: Session, made: Plan, children: list[dict[str, Any]], boot: Decision = NONE) -> dict[str, Any]:
    """The plan for --parsable=0, with the documents of the children."""
    arriving: list[list[Any]] = [
        [licence[0], list(before[:5]) if before else [], list(licence[:5])]
        for before, licence in licences.changed(session, made)
    ]
    return messages.parsable(
        made,
        **changed.document(made),
        **boot.document(),
        **{
            "change-editables": _editables(session, made),
            "child-images": children,
            "licenses": arriving,
            "release-notes": notes.lines(session, execution.changes(session, made)),
            "space-available": room.available(session.host) if made else None,
            "space-required": room.REQUIRED if made else None,
        },
    )
