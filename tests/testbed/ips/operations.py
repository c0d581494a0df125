"""Changing packages: install, update, uninstall and sync-linked, in an image and in its children."""

from __future__ import annotations

from testbed.ips import execution, licences, linked, messages, planner, report
from testbed.ips.children import ChildRun, plan_children, publisher_check
from testbed.ips.linked import Child
from testbed.ips.planner import INSTALL, SYNC, UNINSTALL, UPDATE, Plan
from testbed.ips.contacts import Unreachable
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session, traceback
from testbed.ips.solver import NoSolution

FOOTER = (
    "\n-------------------------------------------------------------------------------\n"
    "Find release notes:                        https://omnios.org/releasenotes\n"
    "-------------------------------------------------------------------------------\n"
    "Get a support contract:                    https://omnios.org/support\n"
    "Sponsor OmniOS development:                https://omnios.org/patron\n"
    "Contribute to OmniOS:                      https://omnios.org/joinus\n"
    "-------------------------------------------------------------------------------\n\n"
)

OUT_OF_DATE = (
    "WARNING: pkg(7) appears to be out of date, and should be updated before\n"
    "running update.  Please update pkg(7) by executing 'pkg install\n"
    "pkg:/package/pkg' as a privileged user and then retry the update.\n"
)


def run(session: Session, request: Request) -> int:
    """Carry out a request on the session's image and, in the global zone, on its children."""
    silent = session.quiet
    session.quiet = silent or request.parsable
    session.lock()
    children = [entry for entry in session.children if not _ignored(entry, request)]
    publisher_check(session, request, children)
    missing = _refreshed(session, request)
    parent = linked.parent_packages(session.image)
    if request.operation == UPDATE and not request.force and not request.patterns:
        _check_pkg(session)
    made = execution.plan_image(session, request, parent)
    after = execution.after(session, made)
    try:
        runs = plan_children(session, request, children, after)
    except Exit:
        if not request.parsable and (made or request.operation == UPDATE):
            _show(session, request, made, [], changed=bool(made))
        raise
    # an image that never wrote its own linked metadata has these to write (linked-images.md, section 3)
    unwritten = session.is_global and bool(session.children) and "linked_prop" not in session.image.linked()
    changed = bool(made) or unwritten or any(run.changed for run in runs)
    if request.parsable:
        _check_traceback(session, request, missing)
        if changed or request.operation != SYNC:
            session.out(
                messages.as_json(report.document(session, made, [run.document() for run in runs if run.changed]))
            )
    else:
        _show(session, request, made, runs, changed=bool(made) or unwritten)
    if changed and not request.dry_run:
        licences.check(session, request, made)
        execution.execute(session, made, request)
        for run in runs:
            run.carry_out()
    if missing:
        session.out(messages.stale_catalogs(missing))
    if changed and not request.dry_run and request.operation == UPDATE and not silent:
        session.out(FOOTER)
    return 0 if changed else 4


def _check_traceback(session: Session, request: Request, missing: list[Unreachable]) -> None:
    """`update -r --parsable=0` of master's pkg fails where a repository does not answer (linked-images.md, 3)."""
    if missing and request.operation == UPDATE and request.recurse and session.dialect == messages.MASTER:
        raise Exit(99, traceback("AssertionError"))


def _ignored(entry: Child, request: Request) -> bool:
    return request.ignored is not None and (not request.ignored or entry.name in request.ignored)


def _refreshed(session: Session, request: Request) -> list[Unreachable]:
    if not request.refresh or request.operation == UNINSTALL:
        return []
    missing = session.fetch(session.image.enabled)
    if request.operation == UPDATE:
        session.progress(" Startup: Checking that pkg(7) is up to date ... Done\n")
    return missing


def _check_pkg(session: Session) -> None:
    """`update` wants the running pkg to be the newest that can be installed; the warning is on stdout."""
    running = session if session.root == "/" else Session(session.ctx, "/")
    if "package/pkg" not in running.image.installed():
        return
    try:
        newer = planner.plan(running.image, INSTALL, ["pkg:/package/pkg"], linked.parent_packages(running.image))
    except (planner.Refused, NoSolution):
        return
    if newer:
        session.out(OUT_OF_DATE)
        raise Exit(1)


def _show(session: Session, request: Request, made: Plan, runs: list[ChildRun], changed: bool) -> None:
    if changed:
        session.progress(report.shown_plan(session, request, made))
    elif not session.quiet:
        word = "available" if request.operation == UPDATE else "necessary"
        session.out(f"No updates {word} for this image.{session.suffix}\n")
    for number, run in enumerate(runs):
        session.progress(f"Planning: Linked images: {number}/{len(runs)} done; 1 working: {run.child.name}\n")
        session.progress(f"Planning: Linked image '{run.child.name}' output:\n{run.framed()}`\n")
    if runs:
        session.progress("Planning: Finished processing linked images.\n")
