"""pkg update-format: an image in format 4 becomes one in format 5."""

from __future__ import annotations

from testbed.ips import messages
from testbed.ips.cli.change_options import chosen_children
from testbed.ips.cli.options import parse, usage
from testbed.ips.session import Session


def update_format(session: Session, args: list[str]) -> int:
    """0: an image was converted, 4: all were in the newest format. Zones only with -r."""
    given = parse("update-format", args, "Rrz:Z:")
    if given.words:
        raise usage("update-format", f"command does not take operands ('{' '.join(given.words)}')")
    chosen = chosen_children(session, "update-format", given, given.has("-r"))
    done = [_convert(session, "")]
    for entry in session.children if given.has("-r") else ():
        if chosen is None or entry.name in chosen:
            child = session.child(entry)
            done.append(_convert(child, f" for {entry.name}"))
            session.out(child.output)
    return 0 if any(done) else 4


def _convert(session: Session, whose: str) -> bool:
    """True if the image was converted."""
    session.lock()
    newest = 5 if session.dialect == messages.MASTER else 4
    if session.image.format == newest:
        session.out(f"Image format already current{whose}.\n")
        return False
    session.progress(" Startup: Caching catalogs ... Done\n")
    session.image.upgrade()
    session.host.changed = True
    session.out(f"Image format updated{whose}.\n")
    return True
