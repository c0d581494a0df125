"""The children's part in what the global zone does (linked-images.md, sections 3, 5, 6 and 10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from testbed.ips import execution, licences, linked, messages, report
from testbed.ips.fmri import Fmri
from testbed.ips.linked import Child
from testbed.ips.planner import SYNC, UNINSTALL, UPDATE, Plan
from testbed.ips.contacts import Unreachable
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session

FAILED_FRAME = (
    "A '{operation}' operation failed for child '{child}' with an unexpected\n"
    "return value of {rc} and generated the following output:\n{text}\n\n\n"
)


class ChildRun:
    """One child's part in an operation of the parent: planned on creation, carried out later."""

    def __init__(self, parent: Session, child: Child, request: Request, packages: dict[str, Fmri]) -> None:
        """``packages``: what the parent will have. Raises Exit with the child's exit code and own text."""
        self.child = child
        self.request = request
        self.session = parent.child(child)
        self.session.command = request.operation
        self.session.lock()
        self.session.quiet = True
        image = self.session.image
        mismatch = linked.publisher_mismatch(parent.image, image)
        if mismatch:
            raise Exit(1, f"\npkg {request.operation}: {mismatch}")
        self.metadata = linked.metadata(parent.image, child, packages)
        self.differs = linked.differs(image, self.metadata)
        if self.differs and request.dry_run:
            image.write_linked(self.metadata, f".{self.session.ctx.number}")  # as audit-linked does
            self.session.host.changed = True
        self.missing: list[Unreachable] = []
        made = Plan()
        if not request.metadata_only:
            if request.refresh and request.operation != UNINSTALL:
                missing = self.session.fetch(image.enabled)
                self.missing = missing if request.operation == UPDATE else []
            made = execution.plan_image(self.session, request, packages)
            if not request.package_updates and made:
                raise Exit(1, _updates_refused(made))
        self.plan = made
        self.changed = bool(made) or self.differs
        """Also true if only what the parent tells it changes."""

    def document(self) -> dict[str, Any]:
        """Its part of the parent's JSON."""
        return report.document(self.session, self.plan, []) | {"image-name": self.child.name}

    def framed(self) -> str:
        """What the child printed, each line behind a bar."""
        if self.plan:
            text = report.shown_plan(self.session, self.request, self.plan).rstrip("\n") + "\n"
        elif self.differs or self.request.metadata_only:
            text = ""
            if self.differs and self.request.verbose:
                text = report.shown_plan(self.session, self.request, self.plan).rstrip("\n") + "\n"
        else:
            word = "available" if self.request.operation == UPDATE else "necessary"
            text = f"No updates {word} for this image. ({self.child.name})\n"
        if self.missing:
            text += "\n" + messages.stale_catalogs(self.missing)
        return "".join(f"| {line}\n" for line in text.split("\n")[:-1])

    def carry_out(self) -> None:
        if self.differs:
            self.session.image.write_linked(self.metadata)
            self.session.host.changed = True
        licences.check(self.session, self.request, self.plan)
        execution.execute(self.session, self.plan, self.request)


def _updates_refused(made: Plan) -> str:
    pairs = "".join(f"\n{old.fmri} -> {new.fmri}\n" for old, new in made.change)
    return f"pkg sync-linked: Syncing this linked image would require the following package updates:\n{pairs}\n\n"


def publisher_check(session: Session, request: Request, children: list[Child]) -> None:
    """pubcheck-linked, before anything is planned. Raises Exit."""
    if not children:
        return
    session.progress(" Startup: Linked image publisher check ... Done\n")
    for entry in children:
        child = session.child(entry)
        open_child(session, child, entry, f"pkg: {request.operation} failed (linked image exception(s)):\n")
        try:
            child.lock()
            mismatch = linked.publisher_mismatch(session.image, child.image)
            if mismatch:
                raise Exit(1, f"\npkg: {mismatch}\n")
        except Exit as failure:
            raise _framed("pubcheck-linked", request, entry, failure) from None


def open_child(session: Session, child: Session, entry: Child, head: str) -> None:
    """Raises Exit 51 if there is no image in the child's root."""
    try:
        child.image.format  # noqa: B018 - opens it
    except Exit as failure:
        if failure.rc != 1:
            raise
        text = f"{head}Can't initialize child image ({entry.name}) at path: {entry.root}/\n"
        raise Exit(51, text) from None


def plan_children(session: Session, request: Request, children: list[Child], after: dict[str, Fmri]) -> list[ChildRun]:
    """Plan the children's part. One that gets no full operation and whose metadata stay the same is passed over."""
    runs = []
    for entry in children:
        full = request.recurse and (request.chosen is None or entry.name in request.chosen)
        child = session.child(entry)
        if not full and not linked.differs(child.image, linked.metadata(session.image, entry, after)):
            continue
        asked = replace(request, operation=request.operation if full else SYNC, recurse=False)
        asked.ignore_missing = request.ignore_missing or request.operation == UNINSTALL
        asked.patterns = request.patterns if full else []
        try:
            runs.append(ChildRun(session, entry, asked, after))
        except Exit as failure:
            raise _framed(asked.operation, request, entry, failure) from None
    return runs


def _framed(operation: str, request: Request, entry: Child, failure: Exit) -> Exit:
    text = FAILED_FRAME.format(operation=operation, child=entry.name, rc=failure.rc, text=failure.text)
    return Exit(failure.rc, f"pkg: {request.operation} failed (linked image exception(s)):\n\n{text}")
