"""Planning in one image, and carrying the plan out there."""

from __future__ import annotations

from testbed.ips import deliver, linked, messages, planner
from testbed.ips.fmri import Fmri
from testbed.ips.planner import Plan
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session
from testbed.ips.solver import NoSolution


def plan_image(session: Session, request: Request, parent: dict[str, Fmri] | None) -> Plan:
    """Plan for this image alone. Raises Exit 1 with the solver's words."""
    try:
        made = planner.plan(
            session.image, request.operation, request.patterns, parent, request.reject, request.ignore_missing
        )
    except planner.Refused as refused:
        raise Exit(1, f"\npkg {request.operation}: {refused}") from None
    except NoSolution as failure:
        session.progress("Planning: Solver setup ... Done\nPlanning: Running solver ...")
        text = messages.explain(failure, session.dialect, request.verbose)
        raise Exit(1, f"\npkg {request.operation}: {text}") from None
    session.progress("Planning: Solver setup ... Done\nPlanning: Running solver ... Done\n")
    if made:
        session.progress("Planning: Finding local manifests ... Done\n")
        for entry in made.arriving:
            session.manifest(entry)
        session.progress("Planning: Package planning ... Done\nPlanning: Merging actions ... Done\n")
        session.progress("Planning: Checking for conflicting actions ... Done\n")
    session.progress("Planning: Consolidating action changes ... Done\nPlanning: Evaluating mediators ... Done\n")
    session.progress("Planning: Planning completed in 0.01 seconds\n")
    return made


def changes(session: Session, made: Plan) -> deliver.Changes:
    """What the plan means in actions."""
    return deliver.changes(session.image, made, session.manifest)


def execute(session: Session, made: Plan, request: Request) -> None:
    """Carry out a plan in this image. Raises Exit 1; what was done until then stays done."""
    if not made:
        return
    todo = changes(session, made)
    for entry in made.arriving if todo.payloads else ():
        session.reach(entry)
    total = len(todo.remove) + len(todo.install) + len(todo.update)
    if todo.payloads:
        session.progress(f"Download: 0/{len(todo.payloads)} items  0.0/0.0MB  0% complete \n")
        session.progress("Download: Completed 0.00 B in 0.00 seconds (0B/s)\n")
    session.progress(f" Actions: 1/{total} actions (Installing new actions)\n")
    session.host.changed = True
    try:
        deliver.carry_out(session.host.path(session.root), todo, session.repositories, session.strike)
    except deliver.Failed as failure:
        raise Exit(1, f"pkg {request.operation}: {failure}\n") from None
    session.progress(f" Actions: Completed {total} actions in 0.00 seconds.\n")
    if "PKG_AUTOINSTALL" in session.ctx.env:
        made.manual = []  # the attach hook sets it: what it installs nobody asked for (client/image.py)
    deliver.record(session.image, made)
    for word in ("Updating package state database", "Updating package cache", "Updating image state"):
        session.progress(f"Finalize: {word} ... Done\n")
    for word in ("Creating fast lookup database", "Reading search index", "Updating search index"):
        session.progress(f"Finalize: {word} ... Done\n")
    session.save()
    if session.is_global and session.children and "linked_prop" not in session.image.linked():
        session.image.write_linked({"linked_prop": {"li-path": "/"}})


def after(session: Session, made: Plan) -> dict[str, Fmri]:
    """What this image has once the plan is carried out."""
    packages = linked.packages(session.image)
    for entry in made.remove:
        packages.pop(entry.stem)
    for entry in made.arriving:
        packages[entry.stem] = entry.fmri
    return packages
