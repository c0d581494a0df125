"""pkg sync-linked and pubcheck-linked."""

from __future__ import annotations

from testbed.ips import linked, messages
from testbed.ips.acting import operations
from testbed.ips.acting.children import ChildRun, exit_code, framed, open_children, publisher_check
from testbed.ips.cli.change_options import check_patterns, check_targets, named_child, read
from testbed.ips.cli.options import Options, clash, parse, usage
from testbed.ips.linked import Child
from testbed.ips.planning.planner import SYNC, Plan
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session

EXCEPTION = "pkg: Linked image exception(s):\n"


def sync_linked(session: Session, args: list[str]) -> int:
    request, given = read(session, SYNC, args)
    request.metadata_only = given.has("--linked-md-only")
    request.package_updates = not given.has("--no-pkg-updates")
    if given.words:
        raise usage(SYNC, f"illegal argument -- {given.words[0]}")
    _check_metadata_only(given)
    check_targets(SYNC, given)
    wanted = [named_child(session, name) for name in given.all("-l")]
    if given.has("-a"):
        wanted = session.children
    check_patterns(SYNC, request.reject)
    if not given.has("-a", "-l"):
        return _sync_self(session, request)
    session.quiet = session.quiet or request.parsable
    open_children(session, wanted, EXCEPTION)
    return _sync_children(session, request, wanted)


def _check_metadata_only(given: Options) -> None:
    """Where no package may change some options make no sense."""
    for other in ("--be-name", "--deny-new-be", "--require-new-be", "--no-parent-sync", "--reject"):
        if given.has("--linked-md-only") and given.has(other):
            raise clash(SYNC, "--linked-md-only", other)


def _sync_self(session: Session, request: Request) -> int:
    """A child brings itself in line with what its parent said last."""
    if not session.image.child_name:
        head = "pkg: sync-linked failed (linked image exception(s)):\n"
        raise Exit(53, f"{head}Current image is not a linked child: {session.root}\n")
    return operations.run(session, request)


def _sync_children(session: Session, request: Request, wanted: list[Child]) -> int:
    """Child after child, the last one first; what fails in one does not keep the others from it."""
    packages = linked.packages(session.image)
    codes, documents, frames = [], [], []
    for number, entry in enumerate(reversed(wanted)):
        if not request.metadata_only:
            session.progress(f"Linked images: {number}/{len(wanted)} done; 1 working: {entry.name}\n")
        try:
            run = ChildRun(session, entry, request, packages)
            shown, document = run.framed(), run.document()  # of what is going to be done
            if not request.dry_run:
                _carry_out(session, request, run)
        except Exit as failure:
            codes.append(exit_code(failure))
            frames.append(framed(SYNC, entry, failure))
            continue
        session.progress(shown)
        codes.append(0 if run.changed else 4)
        documents += [document] if run.changed and not request.metadata_only else []
    if wanted:
        session.progress("Finished processing linked images.\n")
    if frames:
        session.err("\npkg sync-linked: " + "\n".join(frames))
    rc = _combined(codes)
    if request.parsable and rc == 0:
        session.out(messages.as_json(messages.parsable(Plan(), **{"child-images": documents})))
    return rc


def _carry_out(session: Session, request: Request, run: ChildRun) -> None:
    """One call of the child's pkg plans and does it here: if it fails, the plan it showed stands before its error."""
    try:
        run.prepare()
        run.carry_out()
    except Exit as failure:
        said = "" if session.quiet else run.output
        if request.parsable:
            said = messages.as_json(run.document() | {"image-name": None})
        raise Exit(failure.rc, said + failure.text) from None


def _combined(codes: list[int]) -> int:
    """One exit code for all: 0 if something changed in one and none failed, 3 if they disagree otherwise."""
    found = set(codes)
    if found <= {0, 4}:
        return 4 if found == {4} else 0
    return found.pop() if len(found) == 1 else 3


def pubcheck_linked(session: Session, args: list[str]) -> int:
    given = parse("pubcheck-linked", args, "")
    if given.words:
        raise usage("pubcheck-linked", f"illegal argument -- {given.words[0]}")
    session.lock(dry_run=True)
    open_children(session, session.children, EXCEPTION)
    publisher_check(session, session.children, EXCEPTION)
    return 0
