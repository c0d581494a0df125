"""The catalogs of one publisher in an image: one as fetched from each origin, and what they come to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from testbed.ips.images import v4
from testbed.ips.images.catalog import Catalog
from testbed.ips.images.files import replace, stamp

FILES = ("catalog.attrs", *v4.PARTS.values())
"""All that pkg fetches: of other locales it takes nothing."""


@dataclass(frozen=True)
class PublisherCatalogs:
    """Below ``place``, var/pkg/publisher/NAME."""

    place: Path

    def make_directories(self) -> None:
        for name in ("certs/subject_hashes", "certs/crls", "catalog", "origins"):
            (self.place / name).mkdir(parents=True, exist_ok=True)

    def origin(self, uri: str) -> Path:
        """Directory of the catalog fetched from one origin."""
        return self.place / "origins" / hashlib.sha1(uri.encode()).hexdigest()

    def write_only(self, uri: str, content: Catalog) -> None:
        """Keep this as the catalog of the publisher's only origin."""
        v4.write(self.origin(uri), content, signed=True)
        self.join([uri])
        self.mark_refreshed()

    def take(self, uri: str, source: Path) -> bool:
        """Keep the catalog of an origin as the repository has it in ``source``. False: it is the one we have.

        Raises OSError if it cannot be read.
        """
        offered = (source / "catalog.attrs").read_text()
        kept = self.origin(uri) / "catalog.attrs"
        if kept.exists() and kept.read_text() == offered:
            return False
        for name in set(json.loads(offered)["parts"]).intersection(FILES):
            replace(kept.with_name(name), (source / name).read_text())
        replace(kept, offered)
        return True

    def join(self, uris: list[str]) -> bool:
        """Make the publisher's catalog of those of its origins: links to the only one, or a copy of all.

        What other origins left goes. True if the publisher has something else now (client/publisher.py,
        __rebuild_catalog).
        """
        own = [self.origin(uri) for uri in uris]
        kept = [path for path in own if (path / "catalog.attrs").exists()]
        gone = set((self.place / "origins").iterdir()) - set(own)
        for path in gone:
            _remove(path)
        joined = self.place / "catalog"
        joined.mkdir(exist_ok=True)
        base = joined / v4.PARTS["base"]
        before = base.read_text() if base.exists() else ""
        for path in joined.iterdir():
            path.unlink()
        if len(kept) == 1:
            for name in FILES:
                (joined / name).symlink_to(f"../origins/{kept[0].name}/{name}")
        else:
            found = {entry.fmri: entry for path in kept for entry in v4.read(path).entries}
            ordered = sorted(found.values(), key=lambda entry: (entry.stem, entry.fmri.known.key))
            v4.write(joined, Catalog(ordered, v4.new_attributes(stamp(True), signed=False)), signed=False)
        return bool(gone or (kept and base.read_text() != before))

    def forget(self) -> None:
        """Remove what was fetched; manifests stay, installed packages need them."""
        for name in ("origins", "catalog"):
            if (self.place / name).exists():
                _remove(self.place / name)

    def lack(self, uris: Iterable[str]) -> bool:
        """Was one of these origins never fetched?"""
        return any(not (self.origin(uri) / "catalog.attrs").exists() for uri in uris)

    # -- when it was last asked ----------------------------------------------------------------------------------------

    def mark_refreshed(self) -> None:
        replace(self.place / "last_refreshed", stamp(False) + "\n")

    def mark_stale(self) -> None:
        """Whatever may fetch this publisher's catalogs is to do so."""
        (self.place / "last_refreshed").unlink(missing_ok=True)

    @property
    def stale(self) -> bool:
        return not (self.place / "last_refreshed").exists()


def _remove(directory: Path) -> None:
    import shutil  # costs 5 ms, and most commands remove nothing

    shutil.rmtree(directory)
