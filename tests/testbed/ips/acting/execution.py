"""Planning in one image, and carrying the plan out there."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.ips import linked, messages
from testbed.ips.acting import deliver, licences, notes, tree
from testbed.ips.fmri import Fmri
from testbed.ips.images import settings
from testbed.ips.images.settings import Settings
from testbed.ips.linked import Child
from testbed.ips.planning import conflicts, planner, settle, varcets
from testbed.ips.planning.explain import NoSolution
from testbed.ips.planning.planner import INSTALL, SYNC, Plan
from testbed.ips.planning.selection import Refused
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session, traceback


class Conflicting(Exit):
    """Packages of the plan cannot be installed together."""

    def __init__(self, made: Plan, text: str) -> None:
        super().__init__(1, text)
        self.made = made


def plan_image(
    session: Session,
    request: Request,
    parent: dict[str, Fmri] | None,
    inherited: Mapping[str, bool] | None = None,
) -> Plan:
    """Plan for this image alone. Raises Exit 1 with the solver's words, Conflicting.

    ``inherited``: the facets that the parent tells it; None: those that it told last.
    """
    if inherited is None:
        inherited = session.image.linked().get("linked_pfacets", {})
    current = settings.of(session.image)
    wanted = varcets.wanted(current, request, inherited)
    try:
        made = _packages(session, request, parent, current, wanted)
    except Refused as refused:
        raise Exit(1, f"\npkg {request.operation}: {refused}") from None
    except NoSolution as failure:
        session.progress("Planning: Solver setup ... Done\nPlanning: Running solver ...")
        raise Exit(1, f"\npkg {request.operation}: {failure}") from None
    session.progress("Planning: Solver setup ... Done\nPlanning: Running solver ... Done\n")
    _fetch_manifests(session, made)
    settle.settle(session.image, made, session.manifest, wanted, request.mediators)
    conflict = conflicts.find(session.image, settings.applied(session.image, wanted), made)
    if conflict:
        raise Conflicting(made, f"\npkg {request.operation}: {conflict}\n")
    if made:
        session.progress("Planning: Package planning ... Done\nPlanning: Merging actions ... Done\n")
        session.progress("Planning: Checking for conflicting actions ... Done\n")
    session.progress("Planning: Consolidating action changes ... Done\nPlanning: Evaluating mediators ... Done\n")
    session.progress("Planning: Planning completed in 0.01 seconds\n")
    return made


def _fetch_manifests(session: Session, made: Plan) -> None:
    if made:
        session.progress("Planning: Finding local manifests ... Done\n")
    missing = [entry for entry in made.arriving if session.image.manifest(entry.fmri) is None]
    if missing:
        session.progress(f"Planning: Fetching manifests: 0/{len(missing)}  0% complete\n")
        for entry in missing:
            session.manifest(entry)
        session.progress(f"Planning: Fetching manifests: {len(missing)}/{len(missing)}  100% complete\n")


def _packages(
    session: Session, request: Request, parent: dict[str, Fmri] | None, current: Settings, wanted: Settings
) -> Plan:
    image = session.image if wanted == current else settings.applied(session.image, wanted)
    asked, reject = request.operation, request.reject
    if asked in varcets.OPERATIONS:
        if wanted == current and not reject or asked in varcets.MEDIATION:
            return Plan()
        if not reject and not varcets.solver_needed(session.image, current, wanted, parent):
            return Plan()
        asked, reject = INSTALL, [*reject, *varcets.unsupported(session.image, wanted)]
    return planner.plan(
        image,
        asked,
        request.patterns,
        parent,
        reject,
        request.ignore_missing,
        root=session.running_packages,
        full=request.verbose or session.dialect == messages.R151054,
        old=session.dialect == messages.R151054,
    )


def changes(session: Session, made: Plan) -> deliver.Changes:
    """What the plan means in actions; asked for several times between planning and carrying out."""
    if session.worked_out is None or session.worked_out[0] is not made:
        session.worked_out = (made, deliver.changes(session.image, made, session.manifest))
    return session.worked_out[1]


def prepare(session: Session, made: Plan, request: Request) -> None:
    """What must be had before anything is changed: licences accepted, payloads fetched. Raises Exit 6 or 1."""
    licences.check(session, request, made)
    payloads = changes(session, made).payloads
    if not payloads:
        return
    session.progress(f"Download: {0:{len(str(len(payloads)))}}/{len(payloads)} items  0.0/0.0MB  0% complete \n")
    for entry in made.arriving:
        session.reach(entry)
    session.progress("Download: Completed 0.00 B in 0.00 seconds (0B/s)\n")


def execute(session: Session, made: Plan, listed: list[Child] | None = None) -> None:
    """Carry out a plan in this image. Raises Exit 1; what was done until then stays done.

    ``listed``: the children as pkg saw them before, which count to the end, also if system/zones comes or goes. None:
    it did not look for any and does so afterwards.
    """
    if not made:
        linked.write_own_metadata(session.image, session.children)
        return
    todo = changes(session, made)
    total = len(todo.remove) + len(todo.install) + len(todo.update)
    session.host.changed = True
    noted = notes.lines(session, todo)
    try:
        tree.Tree(session.host, session.root, session.repositories).carry_out(
            todo,
            session.strike,
            lambda number, what: session.progress(f" Actions: {number:{len(str(total))}}/{total} actions ({what})\n"),
        )
    except tree.Failed as failure:
        session.err(failure.logged)
        raise Exit(1, f"\npkg: {failure}\n") from None
    except tree.Unforeseen as failure:
        text = f"pkg: An unexpected error happened during {session.command}: {failure}\n"
        if session.command == SYNC:  # its own code lets the error through (client.py)
            raise Exit(99, text + traceback(f"FileNotFoundError: {failure}")) from None
        raise Exit(1, text) from None
    session.progress(f" Actions: Completed {total} actions in 0.00 seconds.\n")
    if "PKG_AUTOINSTALL" in session.ctx.env:
        made.manual = []  # the attach hook sets it: what it installs nobody asked for (client/image.py)
    deliver.record(session.image, made)
    notes.keep(session, noted)
    if made.avoided is not None:
        session.image.write_avoided(made.avoided, made.left_out)
    session.save()
    for word in ("Updating package state database", "Updating package cache", "Updating image state"):
        session.progress(f"Finalize: {word} ... Done\n")
    linked.write_own_metadata(session.image, session.find_children() if listed is None else listed)
    for word in ("Creating fast lookup database", "Reading search index", "Updating search index"):
        session.progress(f"Finalize: {word} ... Done\n")


def after(session: Session, made: Plan) -> dict[str, Fmri]:
    """What this image has once the plan is carried out."""
    packages = linked.packages(session.image)
    for entry in made.remove:
        packages.pop(entry.stem)
    for entry in made.arriving:
        packages[entry.stem] = entry.fmri
    return packages
