"""Fetching catalogs, and what an image then knows."""

from __future__ import annotations

from collections.abc import Iterable

from testbed.ips import fmri
from testbed.ips.fmri import Fmri, Version
from testbed.ips.images import catalog, v4
from testbed.ips.images.catalog import Entry
from testbed.ips.images.config import Publisher
from testbed.ips.images.image import Image
from testbed.ips.repositories.contacts import Contacts, Unreachable
from testbed.ips.repositories.repository import Repositories


def fetch(
    image: Image, repositories: Repositories, publishers: Iterable[Publisher], contacts: Contacts | None = None
) -> tuple[list[Unreachable], bool]:
    """Fetch the catalogs of these publishers and work out anew what the image knows.

    Returns the origins that did not answer or know nothing of their publisher, and whether any catalog is new (the
    caller saves the image).
    """
    contacts = contacts or Contacts(image.enabled, repositories.reachable)
    missing, changed = [], False
    for publisher in publishers:
        image.catalogs(publisher.name).make_directories()
        failed, new = _fetch(image, repositories, publisher, contacts)
        missing += failed
        if any(entry.answered for entry in failed):
            continue  # pkg goes on to the next publisher, whatever it has got of this one
        changed |= image.catalogs(publisher.name).join(publisher.active_origins) or new
        if len(failed) < len(publisher.active_origins):
            image.catalogs(publisher.name).mark_refreshed()
    if changed:
        rebuild(image)
    return missing, changed


def _fetch(
    image: Image, repositories: Repositories, publisher: Publisher, contacts: Contacts
) -> tuple[list[Unreachable], bool]:
    """What failed, and whether something new came."""
    missing, changed = [], False
    for origin in publisher.active_origins:
        image.catalogs(publisher.name).origin(origin).mkdir(exist_ok=True)
        failed = contacts.attempt(publisher, origin)
        source = repositories.at(origin).catalog_directory(publisher.name)
        if failed:
            missing.append(failed)
        elif source.is_dir():
            changed |= image.catalogs(publisher.name).take(origin, source)
        else:
            wrong = Unreachable(publisher.name, origin, len(publisher.active_origins), answered=True)
            return [wrong], False
    return missing, changed


def rebuild(image: Image) -> None:
    """Make the known catalog of the cached ones of enabled publishers and of what is installed."""
    before = {entry.fmri: entry for entry in image.known.entries}
    known: dict[Fmri, Entry] = {}
    for publisher in image.enabled:
        for origin in publisher.active_origins:
            directory = image.catalogs(publisher.name).origin(origin)
            if (directory / "catalog.attrs").exists():
                for entry in v4.read(directory).entries:
                    if entry.publisher == publisher.name:
                        known.setdefault(entry.fmri, before.get(entry.fmri, entry))
    for entry in known.values():
        entry.set_state(catalog.KNOWN, True)
        entry.set_state(catalog.V1, True)
    for entry in image.known.installed():
        if entry.fmri not in known:
            entry.set_state(catalog.KNOWN, False)
            known[entry.fmri] = entry
    image.known.entries = sorted(known.values(), key=lambda e: (e.publisher, e.stem, e.fmri.known.key))
    image.changed()
    set_states(image)


def set_states(image: Image) -> None:
    """Set the states that follow from the catalog and the freezes: obsolete, renamed, upgradable, frozen.

    A version is upgradable if it is not the newest of its stem, whoever publishes that (client/image.py,
    __rebuild_image_catalogs): what `list -u` shows may be what no update brings.
    """
    frozen = {stem: fmri.parse(entry[0]).known for stem, entry in image.frozen().items()}
    newest: dict[str, Version] = {}
    for entry in image.known.entries:
        version = entry.fmri.known
        if entry.stem not in newest or version.key > newest[entry.stem].key:
            newest[entry.stem] = version
    for entry in image.known.entries:
        for state, on in (
            (catalog.OBSOLETE, entry.obsolete),
            (catalog.RENAMED, entry.renamed),
            (catalog.UPGRADABLE, newest[entry.stem].text != entry.version),
            (catalog.FROZEN, entry.stem in frozen and entry.fmri.known.matches(frozen[entry.stem])),
        ):
            entry.set_state(state, on)
