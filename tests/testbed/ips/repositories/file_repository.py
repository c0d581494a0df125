"""A package repository on disk, version 4: what pkgrepo(1) makes and a `file:` URI names.

::

    pkg5.repository                 INI: version, default publisher
    publisher/PUB/catalog/          catalog.attrs, its parts, and update.YYYYMMDDTHHZ.C, a log of what came in that hour
    publisher/PUB/pkg/STEM/VERSION  manifests, names percent-quoted
    publisher/PUB/file/HA/HASH      payloads, gzip; HASH is the SHA-1 of what is in them
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from testbed.ips import action, fmri
from testbed.ips.fmri import Fmri
from testbed.ips.images import catalog, config, v4
from testbed.ips.images.catalog import Catalog

SUBDIRECTORIES = ("catalog", "file", "pkg", "tmp", "trans")


@dataclass(frozen=True)
class FileRepository:
    """The repository in ``path``; it need not be there."""

    path: Path

    @property
    def exists(self) -> bool:
        return (self.path / "pkg5.repository").is_file()

    @property
    def default_publisher(self) -> str:
        """Empty if none was set. Raises OSError."""
        return config.read(self.path / "pkg5.repository").get("publisher", {}).get("prefix", "")

    @property
    def publishers(self) -> list[str]:
        """The default one first."""
        names = sorted(path.name for path in (self.path / "publisher").iterdir())
        return sorted(names, key=lambda name: name != self.default_publisher)

    def catalog_directory(self, publisher: str) -> Path:
        return self.path / "publisher" / publisher / "catalog"

    def catalog(self, publisher: str) -> Catalog:
        """Raises FileNotFoundError if the repository has nothing of this publisher."""
        return v4.read(self.catalog_directory(publisher))

    def _manifest_path(self, name: Fmri) -> Path:
        place = self.path / "publisher" / name.publisher / "pkg" / fmri.quoted(name.stem)
        return place / fmri.quoted(name.known.text)

    def has(self, name: Fmri) -> bool:
        return self._manifest_path(name).is_file()

    def manifest(self, name: Fmri) -> list[str]:
        """Raises FileNotFoundError."""
        return self._manifest_path(name).read_text().splitlines()

    def payload(self, payload: str) -> bytes | None:
        """What the file with this hash holds; None if the repository does not have it."""
        for place in (self.path / "publisher").glob(f"*/file/{payload[:2]}/{payload}"):
            return gzip.decompress(place.read_bytes())
        return None

    # -- writing ------------------------------------------------------------------------------------------------------

    def create(self, default_publisher: str) -> None:
        """An empty repository. Raises FileExistsError if there is something at its path."""
        self.path.mkdir(parents=True)
        (self.path / "pkg5.repository").write_text(
            config.text(
                {
                    "publisher": {"prefix": default_publisher},
                    "repository": {
                        "version": "4",
                        "trust-anchor-directory": "/etc/ssl/pkg/",
                        "signature-required-names": "[]",
                        "check-certificate-revocation": "False",
                    },
                    "CONFIGURATION": {"version": "4"},
                }
            )
        )

    def publish(self, manifests: Mapping[Fmri, list[str]], payloads: Mapping[str, bytes], now: str) -> None:
        """Add packages of one publisher, each with the payloads it names; ``now`` like 20261121T060453.952496Z.

        Raises KeyError for a payload that is not there.
        """
        publisher = next(iter(manifests)).publisher
        place = self.path / "publisher" / publisher
        for directory in SUBDIRECTORIES:
            (place / directory).mkdir(parents=True, exist_ok=True)
        for name, lines in manifests.items():
            path = self._manifest_path(name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(catalog.manifest_text(lines))
            for payload in named_payloads(lines):
                file = place / "file" / payload[:2] / payload
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(packed(payloads[payload]))
        self._add_to_catalog(publisher, manifests, now)

    def _add_to_catalog(self, publisher: str, manifests: Mapping[Fmri, list[str]], now: str) -> None:
        directory = self.catalog_directory(publisher)
        if (directory / "catalog.attrs").exists():
            content = v4.read(directory)
        else:
            content = Catalog([], v4.new_attributes(now, signed=True), feature=False)
        added = catalog.from_manifests(manifests)
        content.entries = sorted([*content.entries, *added], key=lambda entry: (entry.stem, entry.fmri.known.key))
        content.attributes["last-modified"] = now
        for part in content.attributes["parts"].values():
            part["last-modified"] = now
        log = f"update.{now[:11]}Z.C"
        signature = v4.log_update(directory / log, added, now)
        content.attributes["updates"][log] = {"last-modified": now, "signature-sha-1": signature}
        v4.write(directory, content, signed=True)


def named_payloads(lines: list[str]) -> Iterator[str]:
    """Hashes of the files and licences that a manifest names."""
    for line in lines:
        if line.startswith(("file ", "license ")):
            yield action.parse(line).hash


@cache
def packed(text: bytes) -> bytes:
    """gzip as pkg does it: level 9, no name, no time, system unknown. The `chash` of an action is this one's SHA-1."""
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + zlib.compress(text, 9, 31)[10:]


@cache
def described(text: bytes) -> Mapping[str, Any]:
    """The hashes and sizes that a file or license action gives of its payload; `hash` stands before the attributes."""
    small = packed(text)
    return {
        "hash": hashlib.sha1(text, usedforsecurity=False).hexdigest(),
        "chash": hashlib.sha1(small, usedforsecurity=False).hexdigest(),
        "pkg.content-hash": f"gzip:sha512t_256:{hashlib.new('sha512_256', small).hexdigest()}",
        "pkg.csize": str(len(small)),
        "pkg.size": str(len(text)),
    }
