"""pkg refresh and copy-publishers-from."""

from __future__ import annotations

import shutil
import uuid

from testbed.ips import messages
from testbed.ips.cli.options import parse, usage
from testbed.ips.images.config import Publisher
from testbed.ips.repositories import refresh
from testbed.ips.repositories.contacts import Unreachable
from testbed.ips.session import Exit, Session, traceback

NOT_LOCKED = (
    "PermissionError: [Errno 13] Permission denied: '/var/pkg/lock'\n\n"
    "During handling of the above exception, another exception occurred:\n\n"
    "Traceback (most recent call last):\n"
    f"pkg.client.api_errors.UnprivilegedUserError: {messages.NOT_ROOT.rstrip()}"
)


def refresh_catalogs(session: Session, args: list[str]) -> int:
    given = parse("refresh", args, "q", "full")
    session.quiet = given.has("-q")
    session.lock()
    known = {entry.name: entry for entry in session.image.publishers}
    for name in given.words:
        if name not in known:
            raise Exit(1, f"pkg: Unknown publisher '{name}'.\n{messages.SHOWS}")
        if not known[name].enabled:
            raise Exit(1, messages.DISABLED.format(name))
    wanted = [known[name] for name in given.words] or session.image.enabled
    missing = session.fetch(wanted, prefix="", word="Retrieving" if given.has("--full") else "Refreshing")
    if not missing:
        return 0
    lost = {entry.publisher for entry in missing if entry.answered or _all_missing(entry.publisher, missing)}
    raise Exit(1 if len(lost) == len(wanted) else 3, messages.refresh_failed(missing, len(wanted)))


def _all_missing(publisher: str, missing: list[Unreachable]) -> bool:
    """Some of a publisher's origins are enough for `partial`."""
    own = [entry for entry in missing if entry.publisher == publisher]
    return len(own) == own[0].origins


def copy_publishers_from(session: Session, args: list[str]) -> int:
    """Every publisher of the other image is removed and added anew: its first as first, others as last.

    Disabled ones come disabled (recording 17, step 19). What was cached of them is gone, then all that are enabled are
    refreshed, and exit 0 does not mean that they were reached (brand-scripts, 4 and 15).
    """
    given = parse("copy-publishers-from", args, "")
    if len(given.words) != 1:
        raise usage("copy-publishers-from", "directory to copy from must be specified")
    source = Session(session.ctx, given.words[0])
    source.named = f"'{given.words[0]}'"
    source.image.format  # noqa: B018 - no image at all is said first
    if session.unprivileged:
        raise Exit(99, traceback(NOT_LOCKED))
    session.lock()
    target = session.image
    order = target.order
    for entry in source.image.publishers:
        shutil.rmtree(target.meta / "publisher" / entry.name / "origins", ignore_errors=True)
        if entry.name in order:
            order.remove(entry.name)
            session.progress(" Startup: Caching catalogs ... Done\n")
        target.add_publisher(Publisher(entry.name, {**entry.raw, "uuid": str(uuid.uuid1())}))
        order.append(entry.name)
    target.order = order
    refresh.rebuild(target)
    session.fetch(target.enabled)
    target.order = source.image.order[:1] + [name for name in order if name not in source.image.order[:1]]
    target.save_config()
    session.save()
    return 0
