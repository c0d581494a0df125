"""Package repositories of a simulated host: what their URIs offer, kept below `/.testbed/repos`.

`repositories.json`: URI -> {publisher, fmris}; `manifests.json`: FMRI (with build release) -> manifest lines;
`payloads/HASH`: what a file or license action delivers (absent: an empty file). A URI is reachable if it is declared
and does not stand in ``state.offline``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from testbed.host import Host
from testbed.ips import catalog, fmri, v4
from testbed.ips.catalog import Catalog, Entry
from testbed.ips.fmri import Fmri


def store(
    host: Host,
    repositories: Mapping[str, Mapping[str, Any]],
    manifests: Mapping[str, list[str]],
    payloads: Mapping[str, str] | None = None,
) -> None:
    """Declare what the host's repositories offer; replaces what was declared before."""
    place = host.private / "repos"
    (place / "payloads").mkdir(parents=True, exist_ok=True)
    content = {uri(name): dict(entry) for name, entry in repositories.items()}
    (place / "repositories.json").write_text(json.dumps(content))
    (place / "manifests.json").write_text(json.dumps(dict(manifests)))
    for payload, text in (payloads or {}).items():
        (place / "payloads" / payload).write_text(text)


def uri(text: str) -> str:
    """A repository URI as pkg writes it: with a slash at the end."""
    return text if text.endswith("/") else f"{text}/"


class Repositories:
    """All repositories that the host can name."""

    def __init__(self, host: Host) -> None:
        self.place: Path = host.private / "repos"
        self.offline = {uri(name) for name in host.state.offline}

    @cached_property
    def _offers(self) -> dict[str, Any]:
        path = self.place / "repositories.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content

    @cached_property
    def _manifests(self) -> dict[str, list[str]]:
        path = self.place / "manifests.json"
        content: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
        return content

    def reachable(self, origin: str) -> bool:
        return uri(origin) in self._offers and uri(origin) not in self.offline

    def publisher(self, origin: str) -> str:
        """The publisher whose packages a reachable repository has."""
        return str(self._offers[uri(origin)]["publisher"])

    def catalog(self, origin: str) -> Catalog:
        """The catalog of a reachable repository, dated by its newest package."""
        names = [fmri.parse(text) for text in self._offers[uri(origin)]["fmris"]]
        entries = self.entries(names)
        newest = max((name.known.stamp for name in names), default="19700101T000000Z")
        return Catalog(entries, v4.new_attributes(newest, signed=True), feature=False)

    def entries(self, names: list[Fmri]) -> list[Entry]:
        return catalog.from_manifests({name: self._manifests[str(name)] for name in names})

    def offered(self, origin: str) -> list[Fmri]:
        """What a declared repository offers, reachable or not; nothing where none is declared."""
        return [fmri.parse(text) for text in self._offers.get(uri(origin), {"fmris": []})["fmris"]]

    def all(self) -> list[Fmri]:
        """Every declared package."""
        return [fmri.parse(text) for text in self._manifests]

    def offers(self, origins: list[str], name: Fmri) -> bool:
        """Can the package be had from one of these origins now?"""
        return any(self.reachable(origin) and str(name) in self._offers[uri(origin)]["fmris"] for origin in origins)

    def manifest(self, name: Fmri) -> list[str]:
        """The manifest of any declared package; raises KeyError."""
        return self._manifests[str(name)]

    def complete(self, text: str) -> Fmri:
        """The declared FMRI that ``text`` (with or without build release) means; raises KeyError."""
        wanted = fmri.parse(text)
        if text in self._manifests:
            return wanted
        for candidate in self._manifests:
            if fmri.parse(candidate).short == wanted.short:
                return fmri.parse(candidate)
        raise KeyError(text)

    def payload(self, payload: str) -> bytes:
        path = self.place / "payloads" / payload
        return path.read_bytes() if path.exists() else b""
