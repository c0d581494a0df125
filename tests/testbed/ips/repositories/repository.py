"""The package repositories that a host can name, reachable or not, and declaring them.

A `file:` URI is a directory of the host; `/repo` is `/.testbed/repo`, the same in all boot environments. What any other
URI names lies in `/.testbed/repos/HOST/PATH`, in the same form (file_repository.py): no network is needed. A URI is
reachable if a repository lies there and it does not stand in ``state.offline``.

`/.testbed/repos/declared.json` keeps what was declared: ``origins`` (URIs), ``manifests`` (FMRI with build release ->
lines) and ``payloads`` (hash -> text). Images are built from it, also with packages that no repository offers any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from testbed.host import Host
from testbed.ips import fmri
from testbed.ips.fmri import Fmri
from testbed.ips.images import catalog
from testbed.ips.images.catalog import Catalog, Entry
from testbed.ips.images.files import stamp
from testbed.ips.repositories.file_repository import FileRepository, named_payloads


def store(
    host: Host,
    repositories: Mapping[str, Mapping[str, Any]],
    manifests: Mapping[str, list[str]],
    payloads: Mapping[str, str] | None = None,
) -> None:
    """Make the host's repositories offer this and nothing else: URI -> ``publisher`` (the default one) and ``fmris``.

    A repository that only gets more is published to; one that loses something is made anew. A payload whose text is
    not in ``payloads`` is empty.
    """
    import shutil  # costs 5 ms, and pkg itself declares nothing

    place = host.private / "repos"
    place.mkdir(parents=True, exist_ok=True)
    before = Repositories(host)
    origins = [uri(name) for name in repositories]
    for gone in set(before.declared["origins"]) - set(origins):
        shutil.rmtree(before.at(gone).path, ignore_errors=True)
    for name, offer in repositories.items():
        _offer(before.at(name), offer, manifests, payloads or {})
    declared = {"origins": origins, "manifests": dict(manifests), "payloads": dict(payloads or {})}
    (place / "declared.json").write_text(json.dumps(declared))


def _offer(
    repository: FileRepository,
    offer: Mapping[str, Any],
    manifests: Mapping[str, list[str]],
    payloads: Mapping[str, str],
) -> None:
    wanted = {fmri.parse(text): manifests[text] for text in offer["fmris"]}
    offered = set(_offered(repository))
    if not offered <= wanted.keys():
        import shutil

        shutil.rmtree(repository.path)
        offered = set()
    if not repository.exists:
        repository.create(offer["publisher"])
    publish(repository, {name: lines for name, lines in wanted.items() if name not in offered}, payloads)


def publish(repository: FileRepository, manifests: Mapping[Fmri, list[str]], payloads: Mapping[str, str]) -> None:
    """Add packages, of any publishers; a payload whose text is not known is empty."""
    texts = {
        payload: payloads.get(payload, "").encode() for lines in manifests.values() for payload in named_payloads(lines)
    }
    for publisher in sorted({name.publisher for name in manifests}):
        own = {name: lines for name, lines in manifests.items() if name.publisher == publisher}
        repository.publish(own, texts, stamp(True))


def _offered(repository: FileRepository) -> list[Fmri]:
    if not repository.exists:
        return []
    return [entry.fmri for publisher in repository.publishers for entry in repository.catalog(publisher).entries]


def uri(text: str) -> str:
    """A repository URI as pkg writes it: with a slash at the end."""
    return text if text.endswith("/") else f"{text}/"


class Repositories:
    """All repositories that the host can name."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.place: Path = host.private / "repos"
        self._open: dict[str, FileRepository] = {}

    @cached_property
    def declared(self) -> dict[str, Any]:
        path = self.place / "declared.json"
        content: dict[str, Any] = {"origins": [], "manifests": {}, "payloads": {}}
        return {**content, **json.loads(path.read_text())} if path.exists() else content

    def at(self, origin: str) -> FileRepository:
        """The repository that a URI names; it need not exist."""
        key = uri(origin)
        if key not in self._open:
            parts = urlsplit(key)
            path = parts.path.strip("/")
            if parts.scheme != "file":
                place = self.place / parts.netloc / path
            elif path == "repo" or path.startswith("repo/"):
                place = self._host.private / path
            else:
                place = self._host.path(path)
            self._open[key] = FileRepository(place)
        return self._open[key]

    def reachable(self, origin: str) -> bool:
        return uri(origin) not in map(uri, self._host.state.offline) and self.at(origin).exists

    def publisher(self, origin: str) -> str:
        """The default publisher of a reachable repository."""
        return self.at(origin).default_publisher

    def offered(self, origin: str) -> list[Fmri]:
        """What a repository has, reachable or not."""
        return _offered(self.at(origin))

    def offers(self, origins: Iterable[str], name: Fmri) -> bool:
        """Can the package be had from one of these origins now?"""
        return any(self.reachable(origin) and self.at(origin).has(name) for origin in origins)

    def _known(self) -> list[FileRepository]:
        return [self.at(origin) for origin in [*self.declared["origins"], *self._open]]

    def manifest(self, name: Fmri) -> list[str]:
        """The manifest of a package of any repository known by now, or declared; raises KeyError."""
        for repository in self._known():
            if repository.has(name):
                return repository.manifest(name)
        lines: list[str] = self.declared["manifests"][str(name)]
        return lines

    def payload(self, payload: str) -> bytes:
        """What the file with this hash holds; one that no repository has and that was not declared is empty."""
        for repository in self._known():
            found = repository.payload(payload)
            if found is not None:
                return found
        return str(self.declared["payloads"].get(payload, "")).encode()

    # -- for building images ------------------------------------------------------------------------------------------

    def catalog(self, origin: str, publisher: str) -> Catalog:
        return self.at(origin).catalog(publisher)

    def entries(self, names: list[Fmri]) -> list[Entry]:
        return catalog.from_manifests({name: self.manifest(name) for name in names})

    def all(self) -> list[Fmri]:
        """Every declared package."""
        return [fmri.parse(text) for text in self.declared["manifests"]]

    def complete(self, text: str) -> Fmri:
        """The declared FMRI that ``text`` (with or without build release) means; raises KeyError."""
        wanted = fmri.parse(text)
        if text in self.declared["manifests"]:
            return wanted
        for candidate in self.all():
            if candidate.short == wanted.short:
                return candidate
        raise KeyError(text)
