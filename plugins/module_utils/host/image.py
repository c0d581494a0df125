# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reader of pkg images on disk. Runs no pkg and changes nothing.

The image may be a zone's: nothing outside its root is reached, sizes are bounded, every string is hostile.
Layout: docs of the formats in the project's reference (FORMAT-v4, FORMAT-v5).
"""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass
from typing import Any, Iterator, Mapping, Sequence
from urllib.parse import unquote

from ..model.fmri import Fmri
from ..model.image import FROM_DISK, Frozen, ImageView
from ..model.literal import parse_list
from ..model.parent import counts, facet_order, parse_action
from ..model.publisher import Publisher, is_legal_name
from ..model.uri import mask
from . import catalog, record_lock, safe
from .catalog import ImageBusy, ImageError, ImageMissing, UnknownFormat

__all__ = ["Config", "Image", "ImageBusy", "ImageError", "ImageMissing", "UnknownFormat"]

_CONFIG = "var/pkg/pkg5.image"
# pkg locks it while it works (nrlock.py), and leaves it there.
_LOCK = "var/pkg/lock"
_CONFIG_LIMIT = safe.MEGABYTE // 4
# Written whenever an origin has answered (publisher.py).
_PUBLISHERS = "var/pkg/publisher"
_REFRESHED = "last_refreshed"
_FROZEN = "var/pkg/state/frozen_dict"
_LINKED = "var/pkg/linked"
_PARENT_PUBLISHERS = f"{_LINKED}/linked_ppubs"
_PARENT_PACKAGES = f"{_LINKED}/linked_ppkgs"
# Real images have some hundred; one that claims more than this wants to be a burden.
_MOST_DEPENDENCIES = 50_000
# pkg's own defaults where the configuration does not say (imageconfig.py); that of variant.arch is the machine's.
_VARIANTS = {"variant.opensolaris.zone": "global", "variant.opensolaris.imagetype": "full"}
# Settings of a publisher, besides the URIs and `property.*`, that are its owner's and not the repository's.
_SETTINGS = ("ssl_cert", "ssl_key", "approved_ca_certs", "revoked_ca_certs")


@dataclass(frozen=True)
class Config:
    """What pkg5.image says; publishers are in search order, facets as (pattern, setting).

    `inherited_facets` are those that the parent had at the last change of packages.
    """

    format: int
    variants: tuple[tuple[str, str], ...]
    facets: tuple[tuple[str, bool], ...]
    inherited_facets: tuple[tuple[str, bool], ...]
    publishers: tuple[Publisher, ...]
    use_system_repo: bool


class Image:
    """The image at `root` ("/" or a zone's root). Raises ImageError, UnknownFormat if only pkg can read it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.config = read_config(root)
        if self.config.format not in catalog.FORMATS:
            raise UnknownFormat(
                f"The image at {root} has format {self.config.format}; only formats 4 and 5 can be read."
            )

    def view(self) -> ImageView:
        """Return all that is known of the image, the packages read once. The dependencies are those of an audit."""
        installed: dict[str, Fmri] = {}
        dependencies: list[tuple[Fmri, str]] = []
        facets = facet_order(self.config.inherited_facets, self.config.facets)
        for fmri, actions in self._packages(installed_only=True):
            installed[fmri.stem] = fmri
            dependencies += [(fmri, dependency) for dependency in self._depended(actions, "parent", facets)]
            if len(dependencies) > _MOST_DEPENDENCIES:
                raise ImageError(
                    f"The image at {self.root} has more than {_MOST_DEPENDENCIES} parent dependencies, as no real one."
                )
        view = make_view(self.root, self.config, FROM_DISK, installed, dependencies)
        return view.with_incorporations(self.incorporations()) if view.frozen else view

    def installed(self) -> dict[str, Fmri]:
        """Return stem -> FMRI of what is installed."""
        return {fmri.stem: fmri for fmri, _actions in self._packages(installed_only=True)}

    def known(self) -> list[Fmri]:
        """Return every version the image's catalogs know."""
        return [fmri for fmri, _actions in self._packages(installed_only=False)]

    def versions(self, stem: str) -> list[Fmri]:
        """Return every version of one package that the image's catalogs know."""
        return [self._fmri(text) for text in catalog.known(self.root, self.config.format, stem)]

    def parent_dependencies(self, packages: Sequence[Fmri]) -> list[tuple[Fmri, str]]:
        """Return (package, dependency) for each parent dependency that counts in this image.

        `packages` need not be installed, but must be known. Raises ImageError if one is not.
        """
        return [(package, dependency) for package, _kind, dependency in self._of(packages, ("parent",))]

    def dependencies(self, packages: Sequence[Fmri], kinds: Sequence[str]) -> list[tuple[Fmri, str, Fmri]]:
        """Return (package, kind, what it names) for the dependencies of some kinds ("require") that count here.

        `packages` need not be installed, but must be known. Raises ImageError if one is not.
        """
        return [(package, kind, self._fmri(named)) for package, kind, named in self._of(packages, kinds)]

    def _of(self, packages: Sequence[Fmri], kinds: Sequence[str]) -> list[tuple[Fmri, str, str]]:
        wanted = {str(fmri): fmri for fmri in packages}
        found: list[tuple[Fmri, str, str]] = []
        facets = _next_facets(self.root, self.config)
        containing = kinds[0] if len(kinds) == 1 else "type="
        for fmri, actions in self._packages(installed_only=False, containing=containing):
            if wanted.pop(str(fmri), None) is not None:
                found += [(fmri, kind, named) for kind in kinds for named in self._depended(actions, kind, facets)]
        if wanted:
            raise ImageError(f"The catalogs of the image at {self.root} do not know {', '.join(sorted(wanted))}.")
        return found

    def incorporations(self) -> list[tuple[Fmri, Fmri]]:
        """Return (package, what it incorporates) for the installed packages."""
        facets = facet_order(self.config.inherited_facets, self.config.facets)
        return [
            (fmri, self._fmri(wanted))
            for fmri, actions in self._packages(installed_only=True, containing="incorporate")
            for wanted in self._depended(actions, "incorporate", facets)
        ]

    def _fmri(self, text: str) -> Fmri:
        try:
            return Fmri.parse(text)
        except ValueError as exc:
            raise ImageError(f"The catalog of the image at {self.root} has an entry that is {exc}.") from None

    def _packages(self, installed_only: bool, containing: str = "parent") -> Iterator[tuple[Fmri, list[str]]]:
        for fmri, actions in catalog.packages(self.root, self.config.format, installed_only, containing):
            yield self._fmri(fmri), actions

    def _depended(self, actions: Sequence[str], kind: str, facets: Sequence[tuple[str, bool]]) -> Iterator[str]:
        """Yield what the dependencies of one type among action lines name, if they count in this image."""
        variants = dict(self.config.variants)
        for line in actions:
            # Parsing a line takes long, and few are of the type that is asked for.
            if kind not in str(line):
                continue
            try:
                action = parse_action(str(line))
            except ValueError as exc:
                raise ImageError(f"The catalog of the image at {self.root} has {exc}.") from None
            if action and action.values("type") == (kind,) and counts(action, variants, facets):
                yield from action.values("fmri")


def make_view(
    root: str, config: Config, source: str, installed: Mapping[str, Fmri], dependencies: Sequence[tuple[Fmri, str]]
) -> ImageView:
    """Return the view of an image from its packages, and what stands beside them on disk. Raises ImageError."""
    return ImageView(
        source=source,
        format=config.format,
        installed=installed,
        parent_dependencies=tuple(dependencies),
        publishers=config.publishers,
        use_system_repo=config.use_system_repo,
        variants=dict(config.variants),
        frozen=frozen(root),
        linked_name=linked_name(root),
        parent_publishers=_parent_publishers(root),
        parent_packages=_parent_packages(root),
        facets=_next_facets(root, config),
    )


def in_use(root: str) -> bool:
    """Tell whether a pkg is at work on the image at `root`, which is no zone's: it holds an fcntl lock on this file.

    Raises OSError.
    """
    return record_lock.is_held(os.path.join(root, _LOCK))


def refreshed(root: str, publisher: str) -> float:
    """Return when pkg last got a publisher's catalog from one of its origins, as a Unix time; 0 if never.

    Raises ImageError.
    """
    try:
        with safe.directory(root, f"{_PUBLISHERS}/{publisher}") as folder:
            return os.stat(_REFRESHED, dir_fd=folder, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return 0.0
    except (safe.UnsafePath, OSError) as exc:
        raise ImageError(f"{_PUBLISHERS} of the image at {root} cannot be read: {safe.words(exc)}.") from None


def linked_name(root: str) -> str | None:
    """Return the name the image has as a child ("zone:web01"), None if it has no linked metadata."""
    document = _document(root, f"{_LINKED}/linked_prop")
    name = document.get("li-name") if isinstance(document, dict) else None
    return name if isinstance(name, str) else None


def frozen(root: str) -> tuple[Frozen, ...]:
    """Return the packages that are frozen in the image, by name."""
    document = _document(root, _FROZEN)
    if document is None:
        return ()
    try:
        _version, entries = document
        return tuple(_frozen(entries[stem]) for stem in sorted(entries))
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError):
        raise ImageError(f"{_FROZEN} of the image at {root} is not of the known form.") from None


def _frozen(entry: Any) -> Frozen:
    text, comment, since = entry
    fmri = Fmri.parse(text)
    if comment is not None and not isinstance(comment, str):
        raise TypeError
    return Frozen(fmri.stem, str(fmri.version or ""), comment, int(since))


def _handed_down(root: str) -> list[tuple[str, bool]]:
    """Return the facets that the parent handed down at the last sync."""
    document = _document(root, f"{_LINKED}/linked_pfacets")
    return [(str(k), bool(v)) for k, v in document.items()] if isinstance(document, dict) else []


def _next_facets(root: str, config: Config) -> tuple[tuple[str, bool], ...]:
    """Return the facets that the next change of packages goes by, in the order of `facet_order`."""
    return facet_order((*_handed_down(root), *config.inherited_facets), config.facets)


def _parent_publishers(root: str) -> tuple[tuple[str, bool], ...] | None:
    document = _document(root, _PARENT_PUBLISHERS)
    if document is None:
        return None
    try:
        pairs = tuple((name, sticky) for name, sticky in document)
        if all(is_legal_name(name) and isinstance(sticky, bool) for name, sticky in pairs):
            return pairs
    except (TypeError, ValueError):
        pass
    raise ImageError(f"{_PARENT_PUBLISHERS} of the image at {root} is not of the known form.")


def _parent_packages(root: str) -> tuple[Fmri, ...] | None:
    document = _document(root, _PARENT_PACKAGES)
    if document is None:
        return None
    try:
        if isinstance(document, list):
            return tuple(Fmri.parse(text) for text in document)
    except (TypeError, ValueError):
        pass
    raise ImageError(f"{_PARENT_PACKAGES} of the image at {root} is not of the known form.")


def _document(root: str, path: str) -> Any:
    """Return a small JSON file of the image, None if it is not there."""
    try:
        content = safe.read(root, path)
    except FileNotFoundError:
        return None
    except (safe.UnsafePath, OSError) as exc:
        raise ImageError(f"{path} of the image at {root} cannot be read: {safe.words(exc)}.") from None
    return catalog.parse_json(content, path, root)


def read_config(root: str) -> Config:
    """Read pkg5.image. Raises ImageError, ImageMissing if there is none."""
    try:
        text = safe.read(root, _CONFIG, _CONFIG_LIMIT).decode("utf-8", errors="replace")
    except FileNotFoundError:
        raise ImageMissing(f"There is no pkg image at {root} ({_CONFIG} is missing).") from None
    except (safe.UnsafePath, OSError) as exc:
        raise ImageError(f"{_CONFIG} of the image at {root} cannot be read: {safe.words(exc)}.") from None
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
        return _parsed(parser)
    except (configparser.Error, ValueError) as exc:
        reason = mask(str(exc).splitlines()[0])[:200].rstrip(".")
        raise ImageError(f"{_CONFIG} of the image at {root} cannot be understood: {reason}.") from None


def _parsed(parser: configparser.RawConfigParser) -> Config:
    publishers: dict[str, Publisher] = {}
    for section in parser.sections():
        if section.startswith("authority_"):
            publisher = _publisher(parser[section])
            publishers[publisher.name] = publisher
    order = [str(name) for name in parse_list(parser.get("property", "publisher-search-order", fallback=""))]
    # One that stands in no order comes last, by name (get_sorted_publishers in image.py).
    names = [name for name in order if name in publishers] + sorted(name for name in publishers if name not in order)
    return Config(
        format=_format(parser.get("image", "version", fallback="-1")),
        variants=tuple({**_VARIANTS, **_section(parser, "variant")}.items()),
        facets=_facets(parser, "facet"),
        inherited_facets=_facets(parser, "inherited_facet"),
        publishers=tuple(publishers[name] for name in names),
        use_system_repo=_is_true(parser.get("property", "use-system-repo", fallback="")),
    )


def _format(text: str) -> int:
    if len(text) > 5:
        raise ValueError(f"not a format: {text[:80]!r}")
    return int(text)


def _section(parser: configparser.RawConfigParser, name: str) -> dict[str, str]:
    """Return a section whose names are written with their special characters quoted ("facet.doc.%2A")."""
    return {unquote(key): value for key, value in parser[name].items()} if parser.has_section(name) else {}


def _facets(parser: configparser.RawConfigParser, name: str) -> tuple[tuple[str, bool], ...]:
    return tuple((key, _is_true(value)) for key, value in _section(parser, name).items())


def _is_true(value: str) -> bool:
    return value.strip().lower() == "true"


def _publisher(section: configparser.SectionProxy) -> Publisher:
    info = [entry for entry in parse_list(section.get("origin_info", "")) if isinstance(entry, dict)]
    name = section.get("prefix", section.name[len("authority_") :])
    if not is_legal_name(name):
        raise ValueError(f"not the name of a publisher: {name[:80]!r}")
    settings = {key: section.get(key, "") for key in _SETTINGS}
    settings.update((k, v) for k, v in section.items() if k.startswith("property.") and k != "property.nochild")
    settings["proxy"] = ", ".join(str(e["proxy"]) for e in info if e.get("proxy"))
    settings["disabled origins"] = ", ".join(str(e.get("uri")) for e in info if e.get("disabled") == "true")
    return Publisher(
        name=name,
        origins=tuple(str(uri) for uri in parse_list(section.get("origins", ""))),
        mirrors=tuple(str(uri) for uri in parse_list(section.get("mirrors", ""))),
        sticky=_is_true(section.get("sticky", "True")),
        enabled=not _is_true(section.get("disabled", "")),
        # To pkg this is a text, and any text counts (publisher.py, get_pubs in linkedimage/common.py).
        nochild=section.get("property.nochild", "") != "",
        settings=tuple(sorted((k, v) for k, v in settings.items() if v not in ("", "[]", "None"))),
    )
