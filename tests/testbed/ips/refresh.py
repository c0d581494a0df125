"""Fetching catalogs, and what an image then knows."""

from __future__ import annotations

from collections.abc import Iterable

from testbed.ips import catalog, fmri, v4
from testbed.ips.catalog import Entry
from testbed.ips.config import Publisher
from testbed.ips.contacts import Contacts, Unreachable
from testbed.ips.fmri import Fmri
from testbed.ips.image import Image, make_publisher_directories
from testbed.ips.repository import Repositories


def fetch(
    image: Image, repositories: Repositories, publishers: Iterable[Publisher], contacts: Contacts | None = None
) -> tuple[list[Unreachable], bool]:
    """Fetch the catalogs of these publishers and work out anew what the image knows.

    Returns the origins that did not answer or know nothing of their publisher, and whether the image knows something
    else now (the caller saves it).
    """
    contacts = contacts or Contacts(image.enabled, repositories.reachable)
    missing = []
    for publisher in publishers:
        make_publisher_directories(image.meta / "publisher" / publisher.name)
        failed = _fetch(image, repositories, publisher, contacts)
        missing += failed
        image.join_catalogs(publisher.name, publisher.active_origins)
        if len(failed) < len(publisher.active_origins):
            image.mark_refreshed(publisher.name)
    return missing, rebuild(image)


def _fetch(image: Image, repositories: Repositories, publisher: Publisher, contacts: Contacts) -> list[Unreachable]:
    missing = []
    for origin in publisher.active_origins:
        failed = contacts.attempt(publisher, origin)
        source = repositories.at(origin).catalog_directory(publisher.name)
        if failed:
            missing.append(failed)
        elif source.is_dir():
            image.take_catalog(publisher.name, origin, source)
        else:
            return [Unreachable(publisher.name, origin, len(publisher.active_origins), answered=True)]
    return missing


def rebuild(image: Image) -> bool:
    """Make the known catalog of the cached ones of enabled publishers and of what is installed. True: it changed."""
    before = {entry.fmri: entry for entry in image.known.entries}
    known: dict[Fmri, Entry] = {}
    for publisher in image.enabled:
        for origin in publisher.active_origins:
            directory = image.origin_catalog(publisher.name, origin)
            if (directory / "catalog.attrs").exists():
                for entry in v4.read(directory).entries:
                    if entry.publisher == publisher.name:
                        known.setdefault(entry.fmri, before.get(entry.fmri, entry))
    for entry in image.known.installed():
        known.setdefault(entry.fmri, entry)
    old = {name: list(entry.states) for name, entry in before.items()}
    image.known.entries = sorted(known.values(), key=lambda e: (e.publisher, e.stem, e.fmri.known.key))
    image.changed()
    set_states(image)
    return old != {entry.fmri: entry.states for entry in image.known.entries}


def set_states(image: Image) -> None:
    """Set the states that follow from the catalog and the freezes: known, obsolete, renamed, upgradable, frozen."""
    frozen = {stem: fmri.parse(entry[0]).known for stem, entry in image.frozen().items()}
    newest: dict[tuple[str, str], Entry] = {}
    for entry in image.known.entries:
        newest[(entry.publisher, entry.stem)] = entry
    for entry in image.known.entries:
        for state, on in (
            (catalog.KNOWN, True),
            (catalog.V1, True),
            (catalog.OBSOLETE, entry.obsolete),
            (catalog.RENAMED, entry.renamed),
            (catalog.UPGRADABLE, newest[(entry.publisher, entry.stem)] is not entry),
            (catalog.FROZEN, entry.stem in frozen and entry.fmri.known.matches(frozen[entry.stem])),
        ):
            entry.set_state(state, on)
