"""Fetching catalogs, and what an image then knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from testbed.ips import catalog, fmri, v4
from testbed.ips.catalog import Entry
from testbed.ips.config import Publisher
from testbed.ips.fmri import Fmri
from testbed.ips.image import Image, make_publisher_directories
from testbed.ips.repository import Repositories


@dataclass(frozen=True)
class Unreachable:
    """An origin whose catalog could not be fetched."""

    publisher: str
    uri: str
    origins: int
    """How many origins the publisher has."""

    @property
    def error(self) -> str:
        """The transport's own line."""
        parts = urlsplit(self.uri)
        if parts.scheme == "file":
            path = parts.path.rstrip("/")
            reason = f"The path '{path}' does not contain a valid package repository."
            return f"file protocol error: code: E_HTTP_NOT_FOUND (22) reason: {reason}"
        reason = f"Could not resolve host: {parts.hostname}"
        return f"Framework error: code: E_COULDNT_RESOLVE_HOST (6) reason: {reason}"

    @property
    def details(self) -> str:
        return (
            f"Unable to contact valid package repository: {self.uri}\n"
            "Encountered the following error(s):\n"
            f"  {self.error}\n"
            f"Repository URL: '{self.uri.rstrip('/')}'.\n"
        )


def fetch(image: Image, repositories: Repositories, publishers: Iterable[Publisher]) -> tuple[list[Unreachable], bool]:
    """Fetch the catalogs of these publishers and work out anew what the image knows.

    Returns the origins that did not answer, and whether the image knows something else now (the caller saves it).
    """
    missing = []
    for publisher in publishers:
        make_publisher_directories(image.meta / "publisher" / publisher.name)
        for origin in publisher.origins:
            if repositories.reachable(origin):
                image.write_origin_catalog(publisher.name, origin, repositories.catalog(origin))
            else:
                missing.append(Unreachable(publisher.name, origin, len(publisher.origins)))
    return missing, rebuild(image)


def rebuild(image: Image) -> bool:
    """Make the known catalog of the cached ones of enabled publishers and of what is installed. True: it changed."""
    before = {entry.fmri: entry for entry in image.known.entries}
    known: dict[Fmri, Entry] = {}
    for publisher in image.enabled:
        for origin in publisher.origins:
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
