"""pkg list-linked, property-linked, audit-linked, sync-linked."""

from __future__ import annotations

from testbed.ips import linked, messages, operations
from testbed.ips.children import ChildRun, framed, leave_metadata, open_children, unopened
from testbed.ips.linked import Child
from testbed.ips.options import Options, parse, usage
from testbed.ips.planner import SYNC, Plan
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session

EXCEPTION = "pkg: Linked image exception(s):\n"


def list_linked(session: Session, args: list[str]) -> int:
    given = parse("list-linked", args, "H", "omit-headers")
    if session.image.child_name:
        rows = [[session.image.child_name, "self", f"{session.root}/"]]
    elif session.children:
        rows = [["-", "self", "/"]]
        rows += sorted([entry.name, "child", f"{entry.root}/"] for entry in session.children)
    else:
        return 0
    _print(session, given, ["NAME", "RELATIONSHIP", "PATH"], rows)
    return 0


def property_linked(session: Session, args: list[str]) -> int:
    given = parse("property-linked", args, "Hl:")
    name = given.one("-l")
    if name:
        entry = _named(session, name)
        rows = {"li-current-path": f"{entry.root}/", "li-model": "push", "li-name": entry.name}
        rows |= {"li-path": f"{entry.root}/", "li-path-transform": "('/', '/')"}
    elif session.image.child_name:
        rows = {"li-current-path": f"{session.root}/", "li-model": "push", "li-name": session.image.child_name}
        rows |= {"li-path": "/", "li-path-transform": f"('/', '{session.root}/')"}
    elif session.children:
        rows = {"li-current-path": "/", "li-path": "/", "li-path-transform": "('/', '/')"}
    else:
        return 0
    _print(session, given, ["PROPERTY", "VALUE"], [list(row) for row in rows.items()])
    return 0


def audit_linked(session: Session, args: list[str]) -> int:
    given = parse("audit-linked", args, "Hal:", "no-parent-sync omit-headers")
    if not given.has("-a", "-l"):
        parent = linked.parent_packages(session.image)
        if parent is None:
            raise _not_a_child(session, EXCEPTION)
        return _print_verdicts(session, given, {session.image.child_name: linked.in_sync(session.image, parent)})
    wanted = session.children if given.has("-a") else [_named(session, name) for name in given.all("-l")]
    verdicts, lost = {}, []
    packages = linked.packages(session.image)
    for entry in wanted:
        child = session.child(entry)
        failure = unopened(session, entry)
        if failure:
            lost.append(failure)
            continue
        verdicts[entry.name] = linked.in_sync(child.image, packages)
        leave_metadata(child, linked.metadata(session.image, entry, packages))  # pkg forgets them (FORMAT-v4.md)
    rc = _print_verdicts(session, given, verdicts)
    if lost:
        session.err("pkg audit-linked: " + "".join(failure.text for failure in lost))
        return 3 if verdicts else lost[0].rc
    return rc


def _print_verdicts(session: Session, given: Options, verdicts: dict[str, bool]) -> int:
    if verdicts or given.has("-l"):
        rows = [[name, "synced" if good else "diverged"] for name, good in verdicts.items()]
        _print(session, given, ["NAME", "STATUS"], rows)
    return 0 if all(verdicts.values()) else 52


def sync_linked(session: Session, args: list[str]) -> int:
    long = "linked-md-only no-pkg-updates no-parent-sync no-refresh accept licenses parsable= no-index be-name= reject="
    given = parse(SYNC, args, "al:nvqC:", long)
    if given.has("-a") and (given.has("-l") or given.has("--be-name")):
        other = "-l" if given.has("-l") else "--be-name"
        raise usage(SYNC, f"The '-a' and '{other}' options may not be combined.")
    session.quiet = given.has("-q") or given.has("--parsable")
    request = Request(
        SYNC,
        dry_run=given.has("-n"),
        verbose=given.has("-v"),
        parsable=given.has("--parsable"),
        refresh=not given.has("--no-refresh"),
        accept=given.has("--accept"),
        licenses=given.has("--licenses"),
        reject=given.all("--reject"),
        metadata_only=given.has("--linked-md-only"),
        package_updates=not given.has("--no-pkg-updates"),
    )
    if not given.has("-a", "-l"):
        return _sync_self(session, request)
    wanted = session.children if given.has("-a") else [_named(session, name) for name in given.all("-l")]
    open_children(session, wanted, EXCEPTION)
    return _sync_children(session, request, wanted)


def _sync_self(session: Session, request: Request) -> int:
    """A child brings itself in line with what its parent said last."""
    parent = linked.parent_packages(session.image)
    if parent is None:
        raise _not_a_child(session, "pkg: sync-linked failed (linked image exception(s)):\n")
    if request.metadata_only:
        return 4
    return operations.run(session, request)


def _sync_children(session: Session, request: Request, wanted: list[Child]) -> int:
    packages = linked.packages(session.image)
    codes, documents, frames = [], [], []
    for number, entry in enumerate(wanted):
        if not request.metadata_only:
            session.progress(f"Linked images: {number}/{len(wanted)} done; 1 working: {entry.name}\n")
        try:
            run = ChildRun(session, entry, request, packages)
            if not request.metadata_only:
                session.progress(f"Linked image '{entry.name}' output:\n{run.framed()}`\n")
            if not request.dry_run:
                run.prepare()
                run.carry_out()
        except Exit as failure:
            codes.append(failure.rc)
            frames.append(FAILED_FRAME.format(operation=SYNC, child=entry.name, rc=failure.rc, text=failure.text))
            continue
        codes.append(0 if run.changed else 4)
        documents += [run.document()] if run.changed else []
    if wanted:
        session.progress("Finished processing linked images.\n")
    if request.parsable and documents:
        session.out(messages.as_json(messages.parsable(Plan(), **{"child-images": documents})))
    if frames:
        session.err("\npkg sync-linked: " + "\n".join(frames))
    return _combined(codes)


def _combined(codes: list[int]) -> int:
    failed = [code for code in codes if code not in (0, 4)]
    if failed:
        return failed[0] if len(failed) == len(codes) else 3
    return 4 if codes and all(code == 4 for code in codes) else 0


def _named(session: Session, name: str) -> Child:
    if ":" not in name:
        form = "'<linked_image plugin>:<linked_image name>'"
        raise Exit(
            1,
            f"{EXCEPTION}Invalid linked image name '{name}'. Linked image names have the following format {form}\n",
        )
    for entry in session.children:
        if entry.name == name:
            return entry
    raise Exit(1, f"{EXCEPTION}Unknown child linked image: {name}\n")


def _not_a_child(session: Session, head: str) -> Exit:
    path = session.root if session.root == "/" else f"{session.root}/"
    return Exit(53, f"{head}Current image is not a linked child: {path}\n")


def _print(session: Session, given: Options, head: list[str], rows: list[list[str]]) -> None:
    session.out(messages.table(rows if given.has("-H", "--omit-headers") else [head, *rows]))
