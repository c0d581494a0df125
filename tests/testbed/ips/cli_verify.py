"""pkg verify: do the files of installed packages have the content that was delivered?"""

from __future__ import annotations

import hashlib
from pathlib import Path

from testbed.ips import action
from testbed.ips.action import Action
from testbed.ips.catalog import Entry
from testbed.ips.cli_query import matches
from testbed.ips.options import parse
from testbed.ips.session import Exit, Session

STRONG = "file:sha512t_256:"
"""The content hash that pkg prefers; manifests without one are held to the SHA-1 behind the action's name."""


def verify(session: Session, args: list[str]) -> int:
    """Exit codes: 0 all right, 1 something differs or is not installed."""
    given = parse("verify", args, "Hqvp:", "unpackaged unpackaged-only verbose")
    installed = list(session.image.installed().values())
    wanted = [entry for text in given.words for entry in matches(installed, text)] if given.words else installed
    if not wanted:
        listed = "".join(f"  {text}\n" for text in given.words)
        raise Exit(1, f"pkg verify: no packages matching the following patterns are installed:\n{listed}")
    session.progress("Planning: Verifying Packages ... Done\n")
    broken = {entry.fmri: errors for entry in wanted if (errors := _errors(session, entry))}
    if broken and not given.has("-H"):
        session.out(f"{'PACKAGE':<70}{'STATUS':>8}\n")
    for name, errors in broken.items():
        session.out(f"{f'pkg://{name.publisher}/{name.stem}':<70}{'ERROR':>8}\n{errors}")
    return 1 if broken else 0


def _errors(session: Session, entry: Entry) -> str:
    image = session.image
    text = ""
    for line in image.manifest(entry.fmri) or []:
        found = action.parse(line)
        if found.kind == "file" and action.counts(found, image.variants, image.facets):
            wrong = _wrong(session.host.path(session.root) / found.get("path"), found)
            text += f"\tfile: {found.get('path')}\n\t\tERROR: {wrong}\n" if wrong else ""
    return text


def _wrong(path: Path, wanted: Action) -> str:
    if path.is_symlink() or not path.is_file():
        return "missing: regular file does not exist"
    if wanted.get("preserve"):
        return ""
    strong = next((text for text in wanted.all("pkg.content-hash") if text.startswith(STRONG)), "")
    should = strong.removeprefix(STRONG) or wanted.hash
    content = path.read_bytes()
    found = hashlib.new("sha512_256" if strong else "sha1", content, usedforsecurity=False).hexdigest()
    return "" if found == should else f"Hash: {found} should be {should}"
