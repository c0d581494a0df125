"""The children's part in what the global zone does (linked-images.md, sections 3, 5, 6 and 10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from testbed.ips import linked, messages
from testbed.ips.acting import execution, report, room
from testbed.ips.fmri import Fmri
from testbed.ips.images import history
from testbed.ips.linked import Child
from testbed.ips.planning.planner import INSTALL, SYNC, UNINSTALL, UPDATE, Plan
from testbed.ips.request import Request, Wanted
from testbed.ips.session import Exit, Session, Unconfigured, traceback

PUBCHECK = "pubcheck-linked"
FAILED_FRAME = (
    "A '{operation}' operation failed for child '{child}' with an unexpected\n"
    "return value of {rc} and generated the following output:\n{text}\n\n\n"
)
FAILED_START = (
    "A '{operation}' operation failed for child '{child}' with an unexpected\n"
    "exception:\n\n\nThe child generated the following output:\n{text}\n\n\n"
)


class ChildRun:
    """One child's part in an operation of the parent: planned on creation, carried out later."""

    def __init__(self, parent: Session, child: Child, request: Request, packages: dict[str, Fmri]) -> None:
        """``packages``: what the parent will have. Raises Exit with the child's exit code and own text."""
        self.child = child
        self.request = request
        self.session = parent.child(child)
        self.session.command = request.operation
        self.session.quiet = True
        wanted = linked.metadata(parent.future, child, packages)
        self.new_metadata = leave_metadata(self.session, wanted)
        self.plan = Plan()
        if not request.metadata_only:
            self._plan(parent, packages, wanted["linked_pfacets"])
        self.changed = bool(self.plan) or bool(self.new_metadata)
        """Also true if only what the parent tells it changes."""

    def _plan(self, parent: Session, packages: dict[str, Fmri], facets: dict[str, bool]) -> None:
        session, request = self.session, self.request
        session.lock()
        mismatch = linked.publisher_mismatch(linked.told_publishers(parent.image, session.image), session.image)
        if mismatch:
            raise Exit(1, f"\n\npkg {request.operation}: {mismatch}")
        if request.refresh and request.operation != UNINSTALL:
            session.fetch_all()
        self.plan = execution.plan_image(session, request, packages, facets)
        room.check(session, request, self.plan)
        self.plan.manual = []  # the stage that carries it out does not know what was named (recording 05)
        refuse_updates(request, self.plan)

    @property
    def output(self) -> str:
        """What the child prints."""
        if self.request.metadata_only:
            return ""
        if self.changed:
            text = report.shown_plan(self.session, self.request, self.plan)
        else:
            word = "available" if self.request.operation == UPDATE else "necessary"
            text = f"No updates {word} for this image. ({self.child.name})\n"
        return text + self.warning

    @property
    def warning(self) -> str:
        """What it says of repositories that did not answer; sync-linked says nothing."""
        return "" if self.request.operation == SYNC else messages.stale_catalogs(self.session.contacts)

    def framed(self) -> str:
        """What the child printed, each line behind a bar; nothing if it printed nothing."""
        return self._barred(self.output)

    @property
    def last_words(self) -> str:
        """The same of what it prints after it has been changed."""
        old = self.plan and self.session.dialect == messages.MASTER and self.session.image.format == 4
        return self._barred(messages.OUTDATED_FORMAT) if old else ""

    def _barred(self, text: str) -> str:
        lines = text.splitlines()
        if not lines:
            return ""
        shown = lines if lines[-1].strip() else lines[:-1]
        return f"Linked image '{self.child.name}' output:\n" + "".join(f"| {line}\n" for line in shown) + "`\n"

    def document(self) -> dict[str, Any]:
        """Its part of the parent's JSON."""
        return report.document(self.session, self.plan, []) | {"image-name": self.child.name}

    def prepare(self) -> None:
        """Raises Exit before anything is changed."""
        execution.prepare(self.session, self.plan, self.request)
        for _ in ("planned", "prepared"):  # a child ends after each stage and is started anew for the next
            history.record(self.session, result=history.CANCELED)

    def carry_out(self, clone: str = "") -> None:
        """``clone``: where a new boot environment is mounted. Raises Exit; then its metadata stay as they were."""
        if clone:
            self.session.move(f"{clone}{self.session.root}")
        try:
            execution.execute(self.session, self.plan)
        except Exit as failure:
            raise Exit(failure.rc, self.session.errors + failure.text) from None
        if self.new_metadata:
            self.session.image.write_linked(self.new_metadata)
            self.session.image.forget_linked(f".{self.session.ctx.number}")
            self.session.host.changed = True
        history.record(self.session)


def leave_metadata(child: Session, metadata: dict[str, Any]) -> dict[str, Any]:
    """Write what the parent says into files of their own, as pkg does before it asks the child anything.

    A file that would say nothing new goes at once; the others stay if nothing is carried out. Returns what is new.
    """
    new = linked.changes(child.image, metadata)
    if new:
        child.image.write_linked(new, f".{child.ctx.number}")
        child.host.changed = True
    return new


def refuse_updates(request: Request, made: Plan) -> None:
    """Raises Exit 1 if packages would change and must not (--no-pkg-updates)."""
    if request.package_updates or not made:
        return
    changes = [(str(old.fmri), str(new.fmri)) for old, new in made.change]
    changes += [("None", str(entry.fmri)) for entry in made.add] + [(str(entry.fmri), "None") for entry in made.remove]
    pairs = "".join(f"\n{old} -> {new}\n" for old, new in changes)
    head = "\npkg sync-linked: Syncing this linked image would require the following package updates:\n"
    raise Exit(1, f"{head}{pairs}\n\n")


# -- before anything is planned ----------------------------------------------------------------------------------------


def open_children(session: Session, children: Iterable[Child], head: str) -> None:
    """Raises Exit 51 if a child's root holds no image; several are told of with exit code 1."""
    lost = [failure for failure in (unopened(session, entry) for entry in children) if failure]
    if lost:
        raise Exit(lost[0].rc if len(lost) == 1 else 1, head + "".join(failure.text for failure in lost))


def unopened(session: Session, entry: Child) -> Exit | None:
    """Why a child's image cannot be opened."""
    if session.unprivileged:
        path = f"{entry.root}/"
        text = f"Failed 'find' for child image ({entry.name}) at path: {path}: [Errno 13] Permission denied: '{path}'\n"
        return Exit(51, text)
    try:
        session.child(entry).image.format  # noqa: B018 - opens it
    except Unconfigured:
        return None  # there is one; the child itself is going to fail
    except Exit as failure:
        if failure.rc != 1:
            raise
        return Exit(51, f"Can't initialize child image ({entry.name}) at path: {entry.root}/\n")
    return None


def publisher_check(session: Session, children: Iterable[Child], head: str) -> None:
    """pubcheck-linked of the image itself and of its children. Raises Exit; all children that fail are named."""
    told = session.image.linked().get("linked_ppubs") if session.image.child_name else None
    mismatch = linked.publisher_mismatch(told, session.image) if told is not None else ""
    if mismatch:
        own = "\npkg: " if session.command == PUBCHECK else f"\n\npkg {session.command}: "
        raise Exit(1, f"{own}{mismatch}")
    packages = linked.packages(session.image)
    failed = []
    for entry in children:
        child = session.child(entry)
        try:
            leave_metadata(child, linked.metadata(session.image, entry, packages))
            child.lock()
        except Exit as failure:
            failed.append((entry, failure))
            continue
        mismatch = linked.publisher_mismatch(linked.told_publishers(session.image, child.image), child.image)
        if mismatch:
            failed.append((entry, Exit(1, f"\npkg: {mismatch}\n")))
    if failed:
        frames = "\n".join(framed(PUBCHECK, entry, failure) for entry, failure in failed)
        raise Exit(exit_code(failed[0][1]) if len(failed) == 1 else 1, f"{head}\n{frames}")


# -- planning ----------------------------------------------------------------------------------------------------------


def plan_children(session: Session, request: Request, children: list[Child], after: dict[str, Fmri]) -> list[ChildRun]:
    """Plan the children's part and show it, child by child.

    One that gets no full operation and whose metadata stay the same is passed over. Raises Exit for the first that
    fails.
    """
    full = [entry for name in _chosen(request, children) for entry in children if entry.name == name]
    if len(set(full)) < len(full):
        raise Exit(99, traceback("AssertionError"))  # `-z web01 -z web01` (recording 05)
    synced = [
        entry
        for entry in children
        if entry not in full
        and linked.changes(session.child(entry).image, linked.metadata(session.future, entry, after))
    ]
    done = len(children) - len(full) - len(synced)
    runs = []
    for entry in [*reversed(synced), *reversed(full)]:
        session.progress(f"Planning: Linked images: {done}/{len(children)} done; 1 working: {entry.name}\n")
        asked = _asked(request, entry in full)
        try:
            run = ChildRun(session, entry, asked, after)
        except Exit as failure:
            text = framed(asked.operation, entry, failure)
            raise Exit(failure.rc, f"{failed_head(request)}\n{text}") from None
        if request.parsable and run.changed and run.warning:
            raise Exit(99, traceback("AssertionError"))  # the warning behind the child's JSON (linked-images.md, 3)
        session.progress(run.framed() and f"Planning: {run.framed()}")
        runs.append(run)
        done += 1
    if children:
        session.progress("Planning: Finished processing linked images.\n")
    return runs


def working(done: int, runs: list[ChildRun]) -> str:
    """The line of progress that says which child is at work."""
    return f"Linked images: {done}/{len(runs)} done; 1 working: {runs[done].child.name}\n"


def _chosen(request: Request, children: list[Child]) -> list[str]:
    """Names of the children that get the full operation, as often as they were named."""
    if not request.recurse:
        return []
    return [entry.name for entry in children] if request.chosen is None else request.chosen


def _asked(request: Request, full: bool) -> Request:
    """What a child is asked to do. It accepts licences by itself, and skips what it does not have."""
    if not full:
        own = replace(request, operation=SYNC, recurse=False, accept=True, licenses=False, boot=Wanted())
        return replace(own, patterns=[], reject=[], facets={}, variants={}, mediators={})
    ignored = request.operation != INSTALL
    return replace(request, recurse=False, accept=True, licenses=False, ignore_missing=ignored, boot=Wanted())


def failed_head(request: Request) -> str:
    return f"pkg: {request.operation} failed (linked image exception(s)):\n"


def framed(operation: str, entry: Child, failure: Exit) -> str:
    """What a parent says of a child that failed."""
    frame = FAILED_START if isinstance(failure, Unconfigured) else FAILED_FRAME
    return frame.format(operation=operation, child=entry.name, rc=failure.rc, text=failure.text)


def exit_code(failure: Exit) -> int:
    """The child's own, if it got as far as to give one."""
    return 1 if isinstance(failure, Unconfigured) else failure.rc
