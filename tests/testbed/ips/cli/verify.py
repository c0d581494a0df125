"""pkg verify and fix: are the files of installed packages as they were delivered?"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from testbed.ips import action, messages
from testbed.ips.acting import boot_environments, report
from testbed.ips.acting.boot_environments import Decision, Workplace
from testbed.ips.acting.deliver import Changes
from testbed.ips.acting.tree import Tree
from testbed.ips.action import Action
from testbed.ips.cli.options import Options, clash, parse
from testbed.ips.images.catalog import Entry
from testbed.ips.images.files import stamp
from testbed.ips.planning.patterns import Pattern
from testbed.ips.planning.patterns import parse as parse_pattern
from testbed.ips.planning.planner import Plan
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session

STRONG = "file:sha512t_256:"
"""The content hash that pkg prefers; manifests without one are held to the SHA-1 behind the action's name."""
NOUNS = {"file": "regular file", "dir": "directory", "link": "symbolic link"}

Faults = dict[str, str]
"""Path -> what is wrong there."""


def verify(session: Session, args: list[str]) -> int:
    """Exit codes: 0 all right, 1 something differs or is not installed."""
    given = parse("verify", args, "Hqvp:", "parsable= unpackaged unpackaged-only")
    return _run(session, given, fix=False)


def fix(session: Session, args: list[str]) -> int:
    """Exit codes: 0 mended, 4 all was right, 1 with -n if something is wrong."""
    long = "no-be-activate temp-be-activate no-backup-be require-backup-be backup-be-name= deny-new-be require-new-be"
    given = parse("fix", args, "Hnvqt", f"{long} be-name= accept licenses parsable= unpackaged")
    session.lock(dry_run=given.has("-n"))
    return _run(session, given, fix=True)


def _run(session: Session, given: Options, fix: bool) -> int:
    for one, other in (("--parsable", "-v"), ("--parsable", "-H")):
        if given.has(one) and given.has(other):
            raise clash(session.command, other, one)
    session.quiet = given.has("-q", "--parsable")
    entries = _wanted(session, given.words)
    found = {entry.stem: _faults(session, entry) for entry in entries}
    broken = [entry for entry in entries if found[entry.stem]]
    session.progress("Planning: Verifying Packages ... Done\n")
    request = Request(session.command, verbose=given.has("-v"), dry_run=not fix or given.has("-n"))
    request.boot = boot_environments.wanted(session.command, given, once=False)
    todo = _changes(session, found, broken)
    plan = Plan(affected=broken)
    boot = boot_environments.decide(session, request, plan, todo)
    if given.has("--parsable"):
        told = {"item-messages": {str(entry.fmri): _messages(entry, found[entry.stem]) for entry in entries}}
        session.out(messages.as_json(report.document(session, plan, [], boot) | told))
    if fix and broken:
        session.progress(_plan(session, request, broken, boot))
    elif fix:
        session.progress(f"No updates necessary for this image.{session.suffix}\n")
    session.progress(
        _table(entries if given.has("-v") and not fix else broken, found, given, repaired=not request.dry_run)
    )
    if not fix or given.has("-n"):
        return 1 if broken else 4 if fix else 0
    if broken:
        place = Workplace(session, boot)
        Tree(session.host, session.root, session.repositories).carry_out(todo)
        session.host.changed = True
        place.done()
    return 0 if broken else 4


def _wanted(session: Session, words: list[str]) -> list[Entry]:
    """The packages to look at, by FMRI; raises Exit 1 if a pattern means none."""
    installed = list(session.image.installed().values())
    patterns: list[Pattern] = [parse_pattern(text) for text in words]
    missing = [pattern.text for pattern in patterns if not any(_means(pattern, entry) for entry in installed)]
    if missing:
        text = "".join(f"'{name}' matches no installed packages\n" for name in missing)
        raise Exit(1, f"\npkg {session.command}: {text}")
    chosen = [entry for entry in installed if not words or any(_means(pattern, entry) for pattern in patterns)]
    return sorted(chosen, key=lambda entry: str(entry.fmri))


def _means(pattern: Pattern, entry: Entry) -> bool:
    return pattern.names(entry) and pattern.allows(entry.fmri.known)


def _delivered(session: Session, entry: Entry) -> list[Action]:
    image = session.image
    parsed = [action.parse(line) for line in image.manifest(entry.fmri) or []]
    return [found for found in parsed if found.kind in NOUNS and action.counts(found, image.variants, image.facets)]


def _faults(session: Session, entry: Entry) -> Faults:
    found = {}
    for delivered in _delivered(session, entry):
        wrong = _wrong(session.host.path(session.root) / delivered.get("path"), delivered)
        if wrong:
            found[f"{delivered.kind}: {delivered.get('path')}"] = f"ERROR: {wrong}"
    return found


def _wrong(path: Path, wanted: Action) -> str:
    there = {"file": path.is_file, "dir": path.is_dir, "link": path.is_symlink}[wanted.kind]()
    if not there or (wanted.kind != "link" and path.is_symlink()):
        return f"missing: {NOUNS[wanted.kind]} does not exist"
    if wanted.kind != "file" or wanted.get("preserve"):
        return ""
    strong = next((text for text in wanted.all("pkg.content-hash") if text.startswith(STRONG)), "")
    should = strong.removeprefix(STRONG) or wanted.hash
    content = path.read_bytes()
    found = hashlib.new("sha512_256" if strong else "sha1", content, usedforsecurity=False).hexdigest()
    return "" if found == should else f"Hash: {found} should be {should}"


def _changes(session: Session, found: dict[str, Faults], broken: list[Entry]) -> Changes:
    """What fix does: deliver again what is wrong."""
    todo = Changes([], [], [], {}, set(), set(), set())
    for entry in broken:
        for delivered in _delivered(session, entry):
            if f"{delivered.kind}: {delivered.get('path')}" in found[entry.stem]:
                todo.install.append(delivered)
                todo.packages[delivered.get("path")] = str(entry.fmri)
    return todo


def _plan(session: Session, request: Request, broken: list[Entry], boot: Decision) -> str:
    rows = [("Packages to fix", str(len(broken)))]
    if request.verbose:
        rows += [("Estimated space available", "75.68 GB"), ("Estimated space to be consumed", "92.62 kB")]
    if session.live:
        rows += boot.rows()
    if not request.verbose:
        return messages.counted(rows) + "\n"
    text = messages.counted([*rows, ("Rebuild boot archive", "No")]) + "\nChanged packages:\n"
    for publisher in sorted({entry.publisher for entry in broken}):
        text += f"{publisher}\n"
        text += "".join(f"  {e.stem}\n    {e.fmri.known.plain}\n" for e in broken if e.publisher == publisher)
    return text + "\n"


def _table(entries: list[Entry], found: dict[str, Faults], given: Options, repaired: bool) -> str:
    text = ""
    for number, entry in enumerate(entries):
        text += f"Repairing: {entry.fmri}\n" if repaired else ""
        text += f"{'PACKAGE':<70}{'STATUS':>8}\n" if not number and not given.has("-H") else ""
        text += f"{_verdict(entry, found[entry.stem])}\n"
        text += "".join(f"\t{what}\n\t\t{wrong}\n" for what, wrong in found[entry.stem].items())
    return text


def _verdict(entry: Entry, faults: Faults) -> str:
    return f"{f'pkg://{entry.publisher}/{entry.stem}':<70}{'ERROR' if faults else 'OK':>8}"


def _messages(entry: Entry, faults: Faults) -> dict[str, Any]:
    level = "error" if faults else "info"
    texts = {"messages": _verdict(entry, faults), **faults}
    common = {"msg_time": stamp(False), "msg_level": level, "msg_type": "general", "msg_stage": 0}
    return {what: [common | {"msg_text": text}] for what, text in texts.items()}
