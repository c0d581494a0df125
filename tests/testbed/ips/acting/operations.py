"""Changing packages: install, update, uninstall and sync-linked, in an image and in its children."""

from __future__ import annotations

from testbed.ips import linked, messages
from testbed.ips.acting import boot_environments, execution, report, room
from testbed.ips.acting.boot_environments import Decision, Workplace
from testbed.ips.acting.changed import dangling
from testbed.ips.acting.children import (
    ChildRun,
    failed_head,
    framed,
    open_children,
    plan_children,
    publisher_check,
    refuse_updates,
    working,
)
from testbed.ips.images import catalog
from testbed.ips.linked import Child
from testbed.ips.planning import planner
from testbed.ips.planning.explain import NoSolution
from testbed.ips.planning.planner import INSTALL, SYNC, UNINSTALL, UPDATE, Plan
from testbed.ips.planning.selection import Refused
from testbed.ips.planning.varcets import MEDIATION
from testbed.ips.repositories import alternates
from testbed.ips.request import Request
from testbed.ips.session import Exit, NotFetched, Session

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
    session.quiet = session.quiet or request.parsable
    session.lock(request.dry_run)
    boot_environments.check_names(session, request)
    children = sorted((entry for entry in session.children if not _ignored(entry, request)), key=lambda each: each.name)
    open_children(session, children, failed_head(request))
    alternates.refuse_with_children(session, request.origins, children)
    publisher_check(session, children, failed_head(request))
    if children:
        session.progress(" Startup: Linked image publisher check ... Done\n")
    try:
        made, boot, runs = _planned(session, request, children)
    except NotFetched:
        raise
    except Exit as failure:
        if failure.rc != 99:
            session.out(messages.stale_catalogs(session.contacts))
        raise
    changed = bool(made) or _unwritten(session) or any(run.changed for run in runs)
    if request.parsable:
        room.check(session, request, made)
        documents = [run.document() for run in runs if run.changed]
        session.out(messages.as_json(report.document(session, made, documents, boot)))
    if made.dangling and not request.dry_run and _in_zone(session):
        session.err(f"\nWARNING: {dangling(made)}\n")
    if changed and not request.dry_run:
        _carry_out(session, request, made, runs, boot)
        if request.operation == UPDATE and not request.patterns and _has_pkg(session):
            session.out(FOOTER)
    if request.operation != SYNC:
        session.out(messages.stale_catalogs(session.contacts))
    if changed and not request.dry_run and session.dialect == messages.MASTER and session.image.format == 4:
        session.progress(messages.OUTDATED_FORMAT)
    return 0 if changed else 4


def _carry_out(session: Session, request: Request, made: Plan, runs: list[ChildRun], boot: Decision) -> None:
    """Raises Exit. A child that fails ends the run: those before it are done, and a new boot environment is left."""
    execution.prepare(session, made, request)
    moving = [run for run in runs if run.changed]
    for number, run in enumerate(moving):
        session.progress(f"Download: {working(number, moving)}")
        try:
            run.prepare()
        except Exit as failure:
            raise Exit(1, f"\npkg: {framed(run.request.operation, run.child, failure)}") from None
    if moving:
        session.progress("Download: Finished processing linked images.\n")
    place = Workplace(session, boot)
    alternates.settle(session, made)
    try:
        execution.execute(session, made, None if request.ignored == [] else session.children)
    except Exit:
        place.failed()
        raise
    if made.dangling and not _in_zone(session):
        (place.failed if boot.new else place.done)()
        raise Exit(3, f"pkg: {dangling(made)}\n")
    for number, run in enumerate(moving):
        session.progress(f"Finalize: {working(number, moving)}")
        try:
            run.carry_out(place.root)
        except Exit as failure:
            text = framed(run.request.operation, run.child, failure)
            raise Exit(failure.rc, f"{failed_head(request)}\n{text}") from None
        if run.last_words:
            session.progress(f"Finalize: {run.last_words}")
    if moving:
        session.progress("Finalize: Finished processing linked images.\n")
    session.progress("Finalize: Updating package cache ... Done\n")
    place.done()


def _planned(session: Session, request: Request, children: list[Child]) -> tuple[Plan, Decision, list[ChildRun]]:
    """Plan for the image and its children, showing each plan as it stands."""
    _refreshed(session, request)
    if request.operation == UPDATE:
        session.progress(" Startup: Checking that pkg(7) is up to date ... Done\n")
    if request.operation == UPDATE and not request.force and not request.patterns:
        _check_pkg(session)
    alternates.use(session, request.origins)
    made = Plan()
    if not request.metadata_only:
        try:
            made = execution.plan_image(session, request, linked.parent_packages(session.image))
        except execution.Conflicting as conflicting:
            if request.verbose and not request.parsable:
                refused = conflicting.made
                boot = boot_environments.decide(session, request, refused, execution.changes(session, refused))
                _show(session, request, refused, boot)
            raise
        if not request.dry_run:
            room.check(session, request, made)
        refuse_updates(request, made)
    session.planned = made.after
    boot = boot_environments.decide(session, request, made, execution.changes(session, made))
    if not request.parsable:
        _show(session, request, made, boot)
    return made, boot, plan_children(session, request, children, execution.after(session, made))


def _has_pkg(session: Session) -> bool:
    """Is this an image of an operating system? Only then is there something to read about it."""
    return {"SUNWcs", "package/pkg"} <= session.image.installed().keys()


def _in_zone(session: Session) -> bool:
    return session.image.variants.get("variant.opensolaris.zone") == "nonglobal"


def _unwritten(session: Session) -> bool:
    """Exit 0 with an empty plan: the image's own linked metadata are all that changes (linked-images.md, section 3)."""
    return linked.own_metadata_stale(session.image, session.children)


def _ignored(entry: Child, request: Request) -> bool:
    return request.ignored is not None and (not request.ignored or entry.name in request.ignored)


def _refreshed(session: Session, request: Request) -> None:
    if not request.refresh or request.metadata_only or request.operation == UNINSTALL:
        return
    session.fetch_all()


def _check_pkg(session: Session) -> None:
    """`update` wants the running pkg to be the newest that can be installed; the warning is on stdout."""
    running = session if session.root == "/" else Session(session.ctx, "/")
    present = running.image.installed().get("package/pkg")
    if present is None or catalog.UPGRADABLE not in present.states:
        return
    try:
        newer = planner.plan(running.image, INSTALL, ["pkg:/package/pkg"], linked.parent_packages(running.image))
    except (Refused, NoSolution) as failure:
        raise Exit(1, f"\npkg update: {failure}") from None
    if newer:
        session.out(OUT_OF_DATE)
        raise Exit(1)


def _show(session: Session, request: Request, made: Plan, boot: Decision) -> None:
    if made or _unwritten(session):
        if not session.quiet:
            boot_environments.warn(session, boot)
        session.progress(report.shown_plan(session, request, made, boot))
    elif request.operation in MEDIATION:
        session.out("No changes required.\n")
    elif not session.quiet:
        word = "available" if request.operation == UPDATE else "necessary"
        session.out(f"No updates {word} for this image.{session.suffix}\n")
