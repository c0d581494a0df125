"""-g of the subcommands that change packages: repositories that an image knows for one run (client/api.py)."""

from __future__ import annotations

from collections.abc import Iterable

from testbed.ips import messages
from testbed.ips.images import catalog, config
from testbed.ips.linked import Child
from testbed.ips.planning.planner import Plan
from testbed.ips.repositories import uris
from testbed.ips.repositories.contacts import Unreachable
from testbed.ips.session import Borrowed, Exit, NotFetched, Session

WITH_CHILDREN = """\
The proposed operation on this parent image can not be performed because
temporary origins were specified and this image has children.  Please either
retry the operation again without specifying any temporary origins, or if
packages from additional origins are required, please configure those origins
persistently.
"""


def refuse_with_children(session: Session, origins: list[str], children: list[Child]) -> None:
    """Raises Exit 1: children would not have the same origins."""
    if origins and children:
        raise Exit(1, f"\n\npkg {session.command}: {WITH_CHILDREN}")


def use(session: Session, origins: Iterable[str]) -> None:
    """Let the image know what these repositories have, until `settle`; nothing is written. Raises Exit 1."""
    try:
        wanted = [uris.parse(text) for text in origins]
    except uris.Invalid as invalid:
        raise Exit(1, f"pkg: {invalid}\n") from None
    for uri in wanted:
        if not session.repositories.reachable(uri):
            raise NotFetched(1, messages.fetch_failed([Unreachable("", uri, 1)]))
    if not wanted:
        return
    image = session.image
    offered = [(place, name) for place in map(session.repositories.at, wanted) for name in place.publishers]
    found = {entry.fmri: entry for place, name in offered for entry in place.catalog(name).entries}
    for entry in image.known.entries:
        found.pop(entry.fmri, None)
    session.borrowed = Borrowed(wanted, list(found.values()), dict(image.config), image.order)
    image.known.entries = image.known.entries + session.borrowed.packages
    image.changed()
    configured = {entry.name: entry for entry in image.publishers}
    for name in sorted({name for _, name in offered}):
        if name not in configured:
            image.add_publisher(config.publisher(name, []))
        elif not configured[name].enabled:
            image.config[f"authority_{name}"] = {**configured[name].raw, "disabled": "False", "origins": "[]"}


def settle(session: Session, made: Plan) -> None:
    """Before the plan is carried out: keep of what `use` brought only what is going to be installed.

    A publisher of such a package is added without origins.
    """
    borrowed, image = session.borrowed, session.image
    if not borrowed.origins:
        return
    image.config, image.order = borrowed.config, borrowed.order
    for name in sorted({entry.publisher for entry in made.arriving} - set(image.order)):
        image.add_publisher(config.publisher(name, []))
    kept = [entry for entry in borrowed.packages if any(entry is arriving for arriving in made.arriving)]
    for entry in kept:
        entry.set_state(catalog.KNOWN, False)  # no repository of the image has it
    own = {id(entry) for entry in borrowed.packages}
    image.known.entries = [entry for entry in image.known.entries if id(entry) not in own] + kept
    image.changed()
    image.save_config()
