"""An image: everything pkg keeps below ROOT/var/pkg, read and written in the formats of the real pkg."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from testbed.ips import catalog, config, facets, fmri, v4, v5
from testbed.ips.catalog import Catalog, Entry
from testbed.ips.config import Publisher
from testbed.ips.fmri import Fmri

LINKED = ("linked_prop", "linked_ppkgs", "linked_ppubs", "linked_pfacets")
AFTER_PUBLISHERS = ("variant", "facet", "inherited_facet", "mediators", "CONFIGURATION")
"""Sections of pkg5.image behind the publishers'."""

FORMATS = (4, 5)
DIRECTORIES = ("cache/index", "cache/publisher", "cache/tmp", "gui_cache", "history", "license", "lost+found")
DIRECTORIES += ("publisher", "ssl", "state")
"""Made with every image (client/image.py, mkdirs)."""
V4_DIRECTORIES = ("state/installed", "state/known")


class NoImage(Exception):
    """There is no image at this root."""


class UnsupportedFormat(Exception):
    """The image's format is not one that the pkg at work can read."""


class Image:
    """An image in memory; changes reach the disk with `save`, `write_manifest`, `write_linked` and the like."""

    def __init__(self, root: Path, sections: config.Sections, known: Catalog | None) -> None:
        self.move(root)
        self.config = sections
        self._known = known

    def move(self, root: Path) -> None:
        """Read and write below another root, where a copy of the image is."""
        self.root = root
        self.meta = root / "var/pkg"

    # -- configuration -------------------------------------------------------------------------------------------

    @property
    def format(self) -> int:
        return int(self.config["image"]["version"])

    @property
    def variants(self) -> dict[str, str]:
        return self.config["variant"]

    @property
    def facets(self) -> dict[str, bool]:
        """The facets that count, in the order in which they are tried; inherited ones come first (FORMAT-v4.md)."""
        inherited = self.config.get("inherited_facet")
        parent = self.linked().get("linked_pfacets") or {} if inherited is None else facets.read(inherited)
        return facets.effective(facets.read(self.config.get("facet", {})), parent)

    @property
    def order(self) -> list[str]:
        return config.literal(self.config["property"]["publisher-search-order"])

    @order.setter
    def order(self, names: list[str]) -> None:
        self.config["property"]["publisher-search-order"] = str(names)

    @property
    def publishers(self) -> list[Publisher]:
        """In search order, disabled ones included."""
        return [Publisher(name, self.config[f"authority_{name}"]) for name in self.order]

    @property
    def enabled(self) -> list[Publisher]:
        return [entry for entry in self.publishers if entry.enabled]

    def add_publisher(self, entry: Publisher) -> None:
        """Configure or reconfigure a publisher; a new one comes last."""
        key = f"authority_{entry.name}"
        if key not in self.config:
            tail = {name: self.config.pop(name) for name in list(self.config) if name in AFTER_PUBLISHERS}
            self.config |= {key: entry.raw} | tail
            self.order = [*self.order, entry.name]
        self.config[key] = entry.raw

    def remove_publisher(self, name: str) -> None:
        """Forget a publisher and its cached catalogs; its manifests stay, installed packages need them."""
        del self.config[f"authority_{name}"]
        self.order = [other for other in self.order if other != name]
        for part in ("origins", "catalog"):
            shutil.rmtree(self.meta / "publisher" / name / part, ignore_errors=True)

    # -- what is known and installed ---------------------------------------------------------------------------------

    @property
    def known(self) -> Catalog:
        """Every known version with its state. Read when first asked for."""
        if self._known is None:
            state = self.meta / "state"
            self._known = v5.read(state / "catalog.db") if self.format == 5 else v4.read(state / "known")
        return self._known

    @cached_property
    def installed_attributes(self) -> dict[str, Any]:
        """What the catalog of installed packages of a v4 image says of itself."""
        path = self.meta / "state/installed/catalog.attrs"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else v4.new_attributes(stamp(True), False)
        return found

    @cached_property
    def _by_stem(self) -> dict[str, Entry]:
        return {entry.stem: entry for entry in self.known.installed()}

    def installed(self) -> dict[str, Entry]:
        """Installed packages by stem."""
        return self._by_stem

    def changed(self) -> None:
        """The catalog was changed: forget what was derived from it."""
        self.__dict__.pop("_by_stem", None)

    def frozen(self) -> dict[str, tuple[str, str | None, int]]:
        """Frozen stems: FMRI without publisher, comment, time."""
        path = self.meta / "state/frozen_dict"
        if not path.exists():
            return {}
        content: dict[str, tuple[str, str | None, int]] = json.loads(path.read_text())[1]
        return content

    def avoided(self) -> set[str]:
        """Stems that group dependencies do not bring back: they were uninstalled, rejected or avoided."""
        path = self.meta / "state/avoid_set"
        found = json.loads(path.read_text())[1] if path.exists() else {}
        return {stem for stem, why in found.items() if why == "avoid"}

    def write_avoided(self, stems: Iterable[str]) -> None:
        replace(self.meta / "state/avoid_set", json.dumps([1, dict.fromkeys(sorted(stems), "avoid")]))

    def write_frozen(self, frozen: Mapping[str, tuple[str, str | None, int]]) -> None:
        replace(self.meta / "state/frozen_dict", json.dumps([1, frozen]))

    # -- linked metadata ----------------------------------------------------------------------------------------------

    def linked(self) -> dict[str, Any]:
        """The linked_* files by exact name; those with a process id behind the name are left-overs (FORMAT-v4.md)."""
        found = {}
        for name in LINKED:
            path = self.meta / "linked" / name
            if path.exists():
                found[name] = json.loads(path.read_text())
        return found

    @property
    def child_name(self) -> str:
        """`zone:NAME` if the image has linked metadata of a child, else empty."""
        path = self.meta / "linked/linked_prop"
        return str(json.loads(path.read_text()).get("li-name", "")) if path.exists() else ""

    def write_linked(self, content: Mapping[str, Any], suffix: str = "") -> None:
        """Write linked_* files; with a ``suffix`` (`.PID`) as pkg does before it knows whether it will need them."""
        directory = self.meta / "linked"
        directory.mkdir(exist_ok=True)
        for name, value in content.items():
            replace(directory / f"{name}{suffix}", json.dumps(value, separators=(",", ":")))

    def forget_linked(self, suffix: str) -> None:
        """Remove what `write_linked` wrote with this suffix."""
        for name in LINKED:
            (self.meta / "linked" / f"{name}{suffix}").unlink(missing_ok=True)

    def remove_linked(self) -> None:
        """Be no child any more."""
        for name in LINKED:
            (self.meta / "linked" / name).unlink(missing_ok=True)

    # -- manifests and catalogs of publishers --------------------------------------------------------------------------

    def manifest_path(self, name: Fmri) -> Path:
        place = self.meta / "publisher" / name.publisher / "pkg" / fmri.quoted(name.stem)
        return place / fmri.quoted(name.known.text)

    def manifest(self, name: Fmri) -> list[str] | None:
        """The lines of a manifest that the image has, else None."""
        path = self.manifest_path(name)
        return path.read_text().splitlines() if path.exists() else None

    def write_manifest(self, name: Fmri, lines: list[str]) -> None:
        path = self.manifest_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(catalog.manifest_text(lines))

    def origin_catalog(self, publisher: str, uri: str) -> Path:
        """Directory of the catalog fetched from one origin."""
        return self.meta / "publisher" / publisher / "origins" / hashlib.sha1(uri.encode()).hexdigest()

    def write_origin_catalog(self, publisher: str, uri: str, content: Catalog) -> None:
        """Keep this as the catalog of a publisher's only origin."""
        v4.write(self.origin_catalog(publisher, uri), content, signed=True)
        self.join_catalogs(publisher, [uri])
        self.mark_refreshed(publisher)

    def take_catalog(self, publisher: str, uri: str, source: Path) -> bool:
        """Keep the catalog of an origin as the repository has it in ``source``. False: it is the one we have.

        Raises OSError, ValueError if it cannot be read.
        """
        offered = (source / "catalog.attrs").read_text()
        directory = self.origin_catalog(publisher, uri)
        kept = directory / "catalog.attrs"
        if kept.exists() and kept.read_text() == offered:
            return False
        for name in json.loads(offered)["parts"]:
            replace(directory / name, (source / name).read_text())
        replace(kept, offered)
        return True

    def join_catalogs(self, publisher: str, uris: list[str]) -> bool:
        """Make a publisher's catalog of those of its origins: links to the only one, or a copy of all.

        What other origins left goes. True if the publisher has something else now (client/publisher.py,
        __rebuild_catalog).
        """
        place = self.meta / "publisher" / publisher
        own = [self.origin_catalog(publisher, uri) for uri in uris]
        kept = [path for path in own if (path / "catalog.attrs").exists()]
        gone = set((place / "origins").iterdir()) - set(own)
        for path in gone:
            shutil.rmtree(path)
        joined = place / "catalog"
        joined.mkdir(exist_ok=True)
        base = joined / v4.PARTS["base"]
        before = base.read_text() if base.exists() else ""
        for path in joined.iterdir():
            path.unlink()
        if len(kept) == 1:
            for name in ("catalog.attrs", *v4.PARTS.values()):
                (joined / name).symlink_to(f"../origins/{kept[0].name}/{name}")
        else:
            found = {entry.fmri: entry for path in kept for entry in v4.read(path).entries}
            ordered = sorted(found.values(), key=lambda entry: (entry.stem, entry.fmri.known.key))
            v4.write(joined, Catalog(ordered, v4.new_attributes(stamp(True), signed=False)), signed=False)
        return bool(gone or (kept and base.read_text() != before))

    def mark_refreshed(self, publisher: str) -> None:
        replace(self.meta / "publisher" / publisher / "last_refreshed", stamp(False) + "\n")

    def mark_stale(self, publisher: str) -> None:
        """Whatever may fetch this publisher's catalogs is to do so."""
        (self.meta / "publisher" / publisher / "last_refreshed").unlink(missing_ok=True)

    def is_stale(self, publisher: str) -> bool:
        return not (self.meta / "publisher" / publisher / "last_refreshed").exists()

    def lacks_catalog(self, publisher: Publisher) -> bool:
        """Was one of its origins never fetched?"""
        directories = (self.origin_catalog(publisher.name, uri) for uri in publisher.active_origins)
        return any(not (directory / "catalog.attrs").exists() for directory in directories)

    # -- writing ----------------------------------------------------------------------------------------------------

    def save_config(self) -> None:
        replace(self.meta / "pkg5.image", config.text(self.config))

    def save(self, both: bool = False) -> None:
        """Write the catalog as changed now. ``both``: see `write`."""
        now = stamp(True)
        if self.format == 5:
            self.known.attributes = {"complete": "1", "last-modified": now}
        else:
            v4.touch(self.known.attributes, now)
            v4.touch(self.installed_attributes, now)
        self.write(both)

    def write(self, both: bool = False) -> None:
        """Write the catalog as it is. ``both``: beside the JSON of a v4 image the database that master's pkg keeps."""
        state = self.meta / "state"
        if self.format == 5:
            v5.write(state / "catalog.db", self.known)
            return
        v4.write(state / "known", self.known, signed=False)
        v4.write(state / "installed", Catalog(self.known.installed(), self.installed_attributes), signed=False)
        if both:
            attributes = {"complete": "1", "last-modified": self.known.attributes["last-modified"]}
            v5.write(state / "catalog.db", Catalog(self.known.entries, attributes))


def open(root: Path, formats: tuple[int, ...] = FORMATS) -> Image:
    """The image at ``root``. Raises NoImage, UnsupportedFormat."""
    path = root / "var/pkg/pkg5.image"
    try:
        sections = config.read(path)
    except OSError as error:
        raise NoImage(str(root)) from error
    if int(sections["image"]["version"]) not in formats:
        raise UnsupportedFormat(str(root))
    return Image(root, sections, None)


def create(
    root: Path,
    *,
    format: int = 5,
    publishers: list[Publisher],
    variants: dict[str, str],
    known: list[Entry] | None = None,
) -> Image:
    """A new image below ``root`` that knows ``known``; nothing is fetched (repository.refresh does that)."""
    meta = root / "var/pkg"
    for name in (*DIRECTORIES, *(V4_DIRECTORIES if format == 4 else ())):
        (meta / name).mkdir(parents=True, exist_ok=True)
    for entry in publishers:
        make_publisher_directories(meta / "publisher" / entry.name)
    attributes = {"complete": "1"} if format == 5 else v4.new_attributes(stamp(True), signed=False)
    image = Image(root, config.new(format, variants, publishers), Catalog(known or [], attributes))
    image.save_config()
    (meta / "state/avoid_set").write_text("[1,{}]")
    image.save()
    return image


def make_publisher_directories(directory: Path) -> None:
    for name in ("certs/subject_hashes", "certs/crls", "catalog", "origins"):
        (directory / name).mkdir(parents=True, exist_ok=True)


def replace(path: Path, text: str) -> None:
    """Write a file as a whole."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text)
    scratch.rename(path)


def stamp(fraction: bool) -> str:
    """Now, as pkg writes times: 20261121T060453.952496Z."""
    now = time.time()
    text = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    return f"{text}.{int(now % 1 * 1e6):06d}Z" if fraction else f"{text}Z"
