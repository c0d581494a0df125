"""What decides which actions count in an image: variants, facets (own and inherited) and mediators."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from testbed.ips.images import facets
from testbed.ips.images.image import Image

LOCAL, PARENT, SYSTEM = "local", "parent", "system"
"""Where the value of a facet comes from."""

Mediators = Mapping[str, Mapping[str, str]]
"""Mediator -> version, version-source, implementation, implementation-source, implementation-version."""


@dataclass(frozen=True)
class Settings:
    variants: Mapping[str, str]
    facets: Mapping[str, bool]
    """The image's own."""
    inherited: Mapping[str, bool]
    """The parent's, as of the last time the image was changed."""
    mediators: Mediators

    def effective(self) -> dict[str, bool]:
        return facets.effective(self.facets, self.inherited)

    def values(self, name: str) -> list[tuple[bool, str, bool]]:
        """Values of a facet that is set by this name: value, source, and whether an inherited one masks it."""
        found = []
        if name in self.inherited:
            found.append((self.inherited[name], PARENT, False))
        if name in self.facets:
            found.append((self.facets[name], LOCAL, name in self.inherited))
        return found

    def source(self, name: str) -> str:
        """Where the value of a facet comes from that may be set by a pattern, or not at all."""
        pattern = facets.matching(name, self.effective())
        return SYSTEM if not pattern else PARENT if pattern in self.inherited else LOCAL


def of(image: Image) -> Settings:
    """An image's settings as its configuration has them."""
    mediators: dict[str, dict[str, str]] = {}
    for key, value in image.config.get("mediators", {}).items():
        name, _, what = key.rpartition(".")
        if value or what != "version":  # an explicit choice of no version comes back as none
            mediators.setdefault(name, {})[what] = value
    return Settings(
        variants=dict(image.variants),
        facets=facets.read(image.config.get("facet", {})),
        inherited=facets.read(image.config.get("inherited_facet", {})),
        mediators=mediators,
    )


def applied(image: Image, settings: Settings) -> Image:
    """The image as if it had these settings; nothing is written."""
    view = copy.copy(image)
    view.config = dict(image.config)
    store(view, settings)
    return view


def store(image: Image, settings: Settings) -> None:
    """Put settings into the image's configuration; the caller saves it."""
    mediators = {f"{name}.{key}": text for name, found in settings.mediators.items() for key, text in found.items()}
    sections = {
        "variant": dict(settings.variants),
        "facet": facets.section(settings.facets),
        "inherited_facet": facets.section(settings.inherited),
        "mediators": mediators,
    }
    tail = image.config.pop("CONFIGURATION")
    for name, content in sections.items():
        image.config.pop(name, None)
        if content or name == "variant":
            image.config[name] = content
    image.config["CONFIGURATION"] = tail


def changed_facets(old: Settings, new: Settings) -> list[list[Any]]:
    """Rows of `change-facets`: name, value after and before, source, masked before and after (client/plandesc.py)."""
    rows: list[list[Any]] = []
    for name in sorted({*old.facets, *old.inherited, *new.facets, *new.inherited}):
        before = {source: (value, masked) for value, source, masked in old.values(name)}
        after = {source: (value, masked) for value, source, masked in new.values(name)}
        for source in (PARENT, LOCAL):
            was, now = before.get(source, (None, False)), after.get(source, (None, False))
            if was != now:
                rows.append([name, now[0], was[0], source, was[1], now[1]])
    return sorted(rows, key=lambda row: [str(value) for value in row])


def changed_variants(old: Settings, new: Settings) -> list[list[str]]:
    return [[name, value] for name, value in sorted(new.variants.items()) if old.variants.get(name) != value]


def with_facets(settings: Settings, wanted: Mapping[str, bool | None]) -> Settings:
    """None takes a facet away."""
    merged = {**settings.facets, **wanted}
    return replace(settings, facets={name: value for name, value in merged.items() if value is not None})
