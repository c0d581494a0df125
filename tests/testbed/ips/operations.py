"""Changing packages: install, update, uninstall and sync-linked, in an image and in the children of the global zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from testbed.ips import action, deliver, linked, messages, planner
from testbed.ips.catalog import Entry
from testbed.ips.fmri import Fmri
from testbed.ips.linked import Child
from testbed.ips.planner import INSTALL, SYNC, UNINSTALL, UPDATE, Plan
from testbed.ips.refresh import Unreachable
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

FAILED_FRAME = (
    "A '{operation}' operation failed for child '{child}' with an unexpected\n"
    "return value of {rc} and generated the following output:\n{text}\n\n\n"
)


@dataclass
class Request:
    """What was asked for on the command line."""

    operation: str
    patterns: list[str] = field(default_factory=list)
    dry_run: bool = False
    verbose: bool = False
    parsable: bool = False
    refresh: bool = True
    force: bool = False
    """Update although pkg itself is out of date."""
    ignore_missing: bool = False
    accept: bool = False
    licenses: bool = False
    recurse: bool = False
    chosen: list[str] | None = None
    """Children that get the full operation with ``recurse``; None: all."""
    ignored: list[str] | None = None
    """Children left alone; None: none, empty: all."""
    reject: list[str] = field(default_factory=list)
    metadata_only: bool = False
    package_updates: bool = True


@dataclass
class Result:
    """Outcome for one image: its plan, and whether anything (also only linked metadata) changes."""

    plan: Plan
    changed: bool
    document: dict[str, Any]
    carried_out: bool = False


def run(session: Session, request: Request) -> int:
    """Carry out a request on the session's image and, in the global zone, on its children."""
    silent = session.quiet
    session.quiet = silent or request.parsable
    session.lock()
    children = [entry for entry in session.children if not _ignored(entry, request)]
    _publisher_check(session, request, children)
    missing = _refreshed(session, request)
    parent = linked.parent_packages(session.image)
    if request.operation == UPDATE and not request.force and not request.patterns:
        _check_pkg(session)
    made = plan_image(session, request, parent)
    after = _after(session, made)
    runs = _plan_children(session, request, children, after, made)
    # an image that never wrote its own linked metadata has these to write (linked-images.md, section 3)
    unwritten = session.is_global and bool(session.children) and "linked_prop" not in session.image.linked()
    changed = bool(made) or unwritten or any(run.result.changed for run in runs)
    if request.parsable:
        _check_traceback(session, request, missing)
        if changed or request.operation != SYNC:
            session.out(messages.as_json(_document(session, request, made, runs)))
    else:
        _show(session, request, made, runs, changed=bool(made) or unwritten)
    if changed and not request.dry_run:
        _check_licences(session, request, made)
        execute(session, made, request)
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


# -- one image ---------------------------------------------------------------------------------------------------------


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


def _changes(session: Session, made: Plan) -> deliver.Changes:
    return deliver.changes(session.image, made, session.manifest)


def execute(session: Session, made: Plan, request: Request) -> None:
    """Carry out a plan in this image. Raises Exit 1; what was done until then stays done."""
    if made:
        changes = _changes(session, made)
        for entry in made.arriving:
            if any(payload.hash for payload in changes.payloads):
                session.reach(entry)
        total = len(changes.remove) + len(changes.install) + len(changes.update)
        if changes.payloads:
            session.progress(f"Download: 0/{len(changes.payloads)} items  0.0/0.0MB  0% complete \n")
            session.progress("Download: Completed 0.00 B in 0.00 seconds (0B/s)\n")
        session.progress(f" Actions: 1/{total} actions (Installing new actions)\n")
        session.host.changed = True
        try:
            deliver.carry_out(session.host.path(session.root), changes, session.repositories, session.strike)
        except deliver.Failed as failure:
            raise Exit(1, f"pkg {request.operation}: {failure}\n") from None
        session.progress(f" Actions: Completed {total} actions in 0.00 seconds.\n")
        deliver.record(session.image, made)
        for word in ("Updating package state database", "Updating package cache", "Updating image state"):
            session.progress(f"Finalize: {word} ... Done\n")
        for word in ("Creating fast lookup database", "Reading search index", "Updating search index"):
            session.progress(f"Finalize: {word} ... Done\n")
        session.save()
        if session.is_global and session.children and "linked_prop" not in session.image.linked():
            session.image.write_linked({"linked_prop": {"li-path": "/"}})
    elif made.manual:
        deliver.record(session.image, made)
        session.save()


Licence = tuple[str, str, str, bool, bool, str]
"""FMRI, name, text, must-accept, must-display, hash of the text."""


def _licences(session: Session, entries: Iterable[Entry]) -> list[Licence]:
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


def _changed_licences(session: Session, made: Plan) -> list[tuple[Licence | None, Licence]]:
    """Licences that arrive and are not the same as in the version they replace, with that one."""
    changed: list[tuple[Licence | None, Licence]] = []
    for new in made.arriving:
        old = next((before for before, after in made.change if after is new), None)
        had = {licence[1]: licence for licence in _licences(session, [old] if old else [])}
        for licence in _licences(session, [new]):
            before = had.get(licence[1])
            if before is None or before[2:] != licence[2:]:
                changed.append((before, licence))
    return changed


def _check_licences(session: Session, request: Request, made: Plan) -> None:
    wanted = [(package, name) for _, (package, name, _, accept, _, _) in _changed_licences(session, made) if accept]
    if wanted and not request.accept:
        raise Exit(6, messages.licences_refused(wanted))


def _after(session: Session, made: Plan) -> dict[str, Fmri]:
    """What this image has once the plan is carried out."""
    packages = linked.packages(session.image)
    for entry in made.remove:
        packages.pop(entry.stem)
    for entry in made.arriving:
        packages[entry.stem] = entry.fmri
    return packages


# -- what is shown -----------------------------------------------------------------------------------------------------


def _show(session: Session, request: Request, made: Plan, runs: list[ChildRun], changed: bool) -> None:
    if changed:
        session.progress(_shown_plan(session, request, made))
    elif not session.quiet:
        word = "available" if request.operation == UPDATE else "necessary"
        session.out(f"No updates {word} for this image.{session.suffix}\n")
    for number, run in enumerate(runs):
        session.progress(f"Planning: Linked images: {number}/{len(runs)} done; 1 working: {run.child.name}\n")
        session.progress(f"Planning: Linked image '{run.child.name}' output:\n{run.framed()}`\n")
    if runs:
        session.progress("Planning: Finished processing linked images.\n")


def _shown_plan(session: Session, request: Request, made: Plan) -> str:
    text = ""
    for _, (package, name, content, _, display, _) in _changed_licences(session, made):
        if display or request.licenses:
            text += messages.licence_shown(messages.fmri_short(package), name, content)
    rows = messages.packages_table(made)
    if request.verbose:
        rows += [("Estimated space available", "75.68 GB"), ("Estimated space to be consumed", "92.62 kB")]
    if session.is_global:
        new, backup = _boot_environments(session, made)
        rows.append(("Create boot environment", "Yes" if new else "No"))
        rows += [("Activate boot environment", "Yes")] if new else []
        rows.append(("Create backup boot environment", "Yes" if backup else "No"))
    if request.verbose:
        rows.append(("Rebuild boot archive", "No"))
    text += messages.counted(rows)
    if request.verbose:
        text += messages.changed_packages(made) + messages.changed_files(_editables(session, made))
    return text + "\n"


def _boot_environments(session: Session, made: Plan) -> tuple[bool, bool]:
    """Does the plan make a new boot environment, or a backup of this one? Only in the global zone."""
    if not session.is_global or not made:
        return False, False
    changes = _changes(session, made)
    touched = changes.remove + changes.install + [new for _, new in changes.update] + [old for old, _ in changes.update]
    new = any(found.get("reboot-needed") == "true" for found in touched)
    return new, not new and bool(made.change)


def _editables(session: Session, made: Plan) -> list[list[Any]]:
    """Files with `preserve` that change: [kind, paths] in the order of pkg's plan."""
    if not made:
        return []
    changes = _changes(session, made)
    groups = {
        "installed": [found.get("path") for found in changes.install],
        "removed": [found.get("path") for found in changes.remove],
        "updated": [new.get("path") for old, new in changes.update if old.hash != new.hash],
    }
    editable = {found.get("path") for found in changes.install + changes.remove if found.get("preserve")}
    editable |= {new.get("path") for _, new in changes.update if new.get("preserve")}
    kept = {kind: sorted(path for path in paths if path in editable) for kind, paths in groups.items()}
    return [[kind, paths] for kind, paths in kept.items() if paths]


def _document(session: Session, request: Request, made: Plan, runs: list[ChildRun]) -> dict[str, Any]:
    new, backup = _boot_environments(session, made)
    licences: list[list[Any]] = [
        [licence[0], list(before[:5]) if before else [], list(licence[:5])]
        for before, licence in _changed_licences(session, made)
        if licence[3] or licence[4]
    ]
    return messages.parsable(
        made,
        **{
            "change-editables": _editables(session, made),
            "child-images": [run.result.document for run in runs if run.result.changed],
            "create-backup-be": backup,
            "create-new-be": new,
            "licenses": licences,
            "space-available": 82462941184 if made else None,
            "space-required": 157830.0 if made else None,
        },
    )


# -- children ----------------------------------------------------------------------------------------------------------


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
        self.missing: list[Unreachable] = []
        made = Plan()
        if not request.metadata_only:
            if request.refresh and request.operation != UNINSTALL:
                missing = self.session.fetch(image.enabled)
                self.missing = missing if request.operation == UPDATE else []
            made = plan_image(self.session, request, packages)
            if not request.package_updates and made:
                raise Exit(1, _updates_refused(made))
        self.plan = made
        document: dict[str, Any] = {}
        if made or self.differs:
            document = _document(self.session, request, made, []) | {"image-name": child.name}
        self.result = Result(made, bool(made) or self.differs, document)

    def framed(self) -> str:
        """What the child printed, each line behind a bar."""
        if self.plan:
            text = _shown_plan(self.session, self.request, self.plan).rstrip("\n") + "\n"
        elif self.differs or self.request.metadata_only:
            text = ""
            if self.differs and self.request.verbose:
                text = _shown_plan(self.session, self.request, self.plan).rstrip("\n") + "\n"
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
        _check_licences(self.session, self.request, self.plan)
        execute(self.session, self.plan, self.request)


def _updates_refused(made: Plan) -> str:
    pairs = "".join(f"\n{old.fmri} -> {new.fmri}\n" for old, new in made.change)
    return f"pkg sync-linked: Syncing this linked image would require the following package updates:\n{pairs}\n\n"


def _publisher_check(session: Session, request: Request, children: list[Child]) -> None:
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


def _plan_children(
    session: Session, request: Request, children: list[Child], after: dict[str, Fmri], made: Plan
) -> list[ChildRun]:
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
            if not request.parsable and (made or request.operation == UPDATE):
                _show(session, request, made, [], changed=bool(made))
            raise _framed(asked.operation, request, entry, failure) from None
    return runs


def _framed(operation: str, request: Request, entry: Child, failure: Exit) -> Exit:
    text = FAILED_FRAME.format(operation=operation, child=entry.name, rc=failure.rc, text=failure.text)
    return Exit(failure.rc, f"pkg: {request.operation} failed (linked image exception(s)):\n\n{text}")
