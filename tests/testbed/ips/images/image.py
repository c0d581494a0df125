"""An image: everything pkg keeps below ROOT/var/pkg, read and written in the formats of the real pkg."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from testbed.ips import fmri
from testbed.ips.fmri import Fmri
from testbed.ips.images import catalog, config, facets, v4, v5
from testbed.ips.images.catalog import Catalog, Entry
from testbed.ips.images.config import Publisher
from testbed.ips.images.files import replace, stamp
from testbed.ips.images.publisher_catalogs import PublisherCatalogs

LINKED = ("linked_prop", "linked_ppkgs", "linked_ppubs", "linked_pfacets")
AFTER_PUBLISHERS = ("variant", "facet", "inherited_facet", "mediators", "CONFIGURATION")
"""Sections of pkg5.image behind the publishers'."""

FORMATS = (4, 5)
DIRECTORIES = [
    "cache/index",
    "cache/publisher",
    "cache/tmp",
    "gui_cache",
    "history",
    "license",
    "lost+found",
    "publisher",
    "ssl",
    "state",
]
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
        self.__dict__.pop("_linked", None)

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
        self.catalogs(name).forget()

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
        return {stem for stem, why in self._left_out().items() if why == "avoid"}

    def write_avoided(self, stems: Iterable[str], others: Mapping[str, str] | None = None) -> None:
        """``others``: stems that group dependencies named last in vain -> implicit-avoid, obsolete; None: as before."""
        kept = others if others is not None else {s: why for s, why in self._left_out().items() if why != "avoid"}
        replace(self.meta / "state/avoid_set", json.dumps([1, {**dict.fromkeys(sorted(stems), "avoid"), **kept}]))

    def _left_out(self) -> dict[str, str]:
        path = self.meta / "state/avoid_set"
        found: dict[str, str] = json.loads(path.read_text())[1] if path.exists() else {}
        return found

    def write_frozen(self, frozen: Mapping[str, tuple[str, str | None, int]]) -> None:
        replace(self.meta / "state/frozen_dict", json.dumps([1, frozen]))

    # -- linked metadata ----------------------------------------------------------------------------------------------

    @cached_property
    def _linked(self) -> dict[str, Any]:
        paths = [self.meta / "linked" / name for name in LINKED]
        return {path.name: json.loads(path.read_text()) for path in paths if path.exists()}

    def linked(self) -> dict[str, Any]:
        """The linked_* files by exact name; those with a process id behind the name are left-overs (FORMAT-v4.md)."""
        return dict(self._linked)

    @property
    def child_name(self) -> str:
        """`zone:NAME` if the image has linked metadata of a child, else empty."""
        return str(self._linked.get("linked_prop", {}).get("li-name", ""))

    def write_linked(self, content: Mapping[str, Any], suffix: str = "") -> None:
        """Write linked_* files; with a ``suffix`` (`.PID`) as pkg does before it knows whether it will need them."""
        directory = self.meta / "linked"
        directory.mkdir(exist_ok=True)
        for name, value in content.items():
            replace(directory / f"{name}{suffix}", json.dumps(value, separators=(",", ":")))
        self.__dict__.pop("_linked", None)

    def forget_linked(self, suffix: str) -> None:
        """Remove what `write_linked` wrote with this suffix."""
        for name in LINKED:
            (self.meta / "linked" / f"{name}{suffix}").unlink(missing_ok=True)

    def remove_linked(self) -> None:
        """Be no child any more."""
        for name in LINKED:
            (self.meta / "linked" / name).unlink(missing_ok=True)
        self.__dict__.pop("_linked", None)

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

    def catalogs(self, publisher: str) -> PublisherCatalogs:
        """Those that were fetched for a publisher."""
        return PublisherCatalogs(self.meta / "publisher" / publisher)

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

    def upgrade(self) -> None:
        """Make it an image of format 5, as `pkg update-format` does (client/image.py, __upgrade_state_db)."""
        self.known.attributes = {"complete": "1", "last-modified": self.known.attributes["last-modified"]}
        self.config["image"]["version"] = "5"
        self.write()
        self.save_config()
        import shutil  # costs 5 ms, and most commands remove nothing

        for name in V4_DIRECTORIES:
            shutil.rmtree(self.meta / name)

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
    for name in [*DIRECTORIES, *(V4_DIRECTORIES if format == 4 else ())]:
        (meta / name).mkdir(parents=True, exist_ok=True)
    for entry in publishers:
        PublisherCatalogs(meta / "publisher" / entry.name).make_directories()
    attributes = {"complete": "1"} if format == 5 else v4.new_attributes(stamp(True), signed=False)
    image = Image(root, config.new(format, variants, publishers), Catalog(known or [], attributes))
    image.save_config()
    (meta / "state/avoid_set").write_text("[1,{}]")
    image.save()
    return image
