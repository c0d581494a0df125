"""Packages declared in a few words, and the manifests they stand for.

A declared package::

    name: web/curl
    publisher: omnios                  default omnios
    version: "8.13.0"                  or versions: {RELEASE: VERSION}; the branch and time stamp are the release's
    summary: text
    zone: global | nonglobal           may only be installed there (variant.opensolaris.zone); default: both
    requires: [STEM, ...]              any version
    incorporates: [STEM, ...]          at the release's branch
    parent: [self | FMRI, ...]         parent dependencies, counted in zones
    files: {PATH: TEXT}                `{release}` in TEXT is replaced: r151054, in a later update r151054a
    zone_files: {PATH: TEXT}           delivered in zones only
    directories, zone_directories: [PATH, ...]
    reboot: [PATH, ...]                files that need a reboot when they change
    licence: {name, text, must_accept}
    release_note: TEXT                 shown when the package is updated
    brand: NAME                        delivers the brand's config.xml
    hold: NAME                         pkg.depend.install-hold
    obsolete: true, renamed: FMRI
    lines: [ACTION, ...]               further manifest lines as they are
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from testbed.ips.repositories.file_repository import described

BUILT_IN = Path(__file__).with_name("releases.yml")
ZONES_ONLY = {"variant.opensolaris.zone": "nonglobal"}
SELF = "feature/package/dependency/self"
DIRECTORY = {"group": "sys", "mode": "0755", "owner": "root"}
FILE = {"group": "bin", "mode": "0755", "owner": "root"}
BRAND_FILE = '<?xml version="1.0"?>\n<brand name="{0}"/>\n'


@dataclass(frozen=True)
class Release:
    """A release, or what was published for it later: then with a ``stamp`` and a ``label`` of its own."""

    name: str
    branch: str
    stamp: str
    label: str
    """What packages call it: r151054, r151054a."""
    image_format: int = 4
    """What its pkg makes."""


@dataclass
class Offer:
    """What repositories offer: ``manifests`` by FMRI, ``payloads`` by hash, ``fmris`` by publisher and release."""

    manifests: dict[str, list[str]] = field(default_factory=dict)
    payloads: dict[str, str] = field(default_factory=dict)

    def add(self, package: dict[str, Any], release: Release) -> str:
        """Add one version of a declared package; returns its FMRI."""
        name = fmri(package, release)
        self.manifests[name] = list(self._manifest(package, release, name))
        return name

    def _manifest(self, package: dict[str, Any], release: Release, name: str) -> Iterator[str]:
        yield f"set name=pkg.fmri value={name}"
        yield f'set name=pkg.summary value="{package.get("summary", package["name"])}"'
        if package.get("obsolete"):
            yield "set name=pkg.obsolete value=true"
            return
        if "renamed" in package:
            yield "set name=pkg.renamed value=true"
            yield f"depend fmri={package['renamed']} type=require"
            return
        if "zone" in package:
            yield f"set name=variant.opensolaris.zone value={package['zone']}"
        else:
            yield "set name=variant.opensolaris.zone value=global value=nonglobal"
        if "hold" in package:
            yield f"set name=pkg.depend.install-hold value={package['hold']}"
        for stem in package.get("incorporates", []):
            yield f"depend fmri={stem}@0.5.11,5.11-{release.branch} type=incorporate"
        for stem in package.get("requires", []):
            yield f"depend fmri={stem} type=require"
        for parent in package.get("parent", []):
            yield f"depend fmri={SELF if parent == 'self' else parent} type=parent variant.opensolaris.zone=nonglobal"
        yield from self._contents(package, release)
        yield from package.get("lines", [])

    def _contents(self, package: dict[str, Any], release: Release) -> Iterator[str]:
        for path in package.get("directories", []):
            mode = "1777" if path == "var/tmp" else DIRECTORY["mode"]
            yield _action("dir", "", {**DIRECTORY, "mode": mode, "path": path})
        for path in package.get("zone_directories", []):
            yield _action("dir", "", {**DIRECTORY, "path": path, **ZONES_ONLY})
        files = dict(package.get("files", {}))
        if "brand" in package:
            files[f"usr/lib/brand/{package['brand']}/config.xml"] = BRAND_FILE.format(package["brand"])
        for path, text in files.items():
            tags = {"reboot-needed": "true"} if path in package.get("reboot", []) else {}
            yield self._delivered("file", text, release, {**FILE, "path": path, **tags})
        for path, text in package.get("zone_files", {}).items():
            yield self._delivered("file", text, release, {**FILE, "path": path, **ZONES_ONLY})
        if "release_note" in package:
            path = f"usr/share/doc/release-notes/{package['name'].replace('/', '-')}"
            tags = {"must-display": "true", "release-note": "feature/pkg/self"}
            yield self._delivered("file", package["release_note"], release, {**FILE, "path": path, **tags})
        if "licence" in package:
            licence = package["licence"]
            tags = {"must-accept": "true"} if licence.get("must_accept") else {}
            yield self._delivered("license", licence["text"], release, {"license": licence["name"], **tags})

    def _delivered(self, kind: str, text: str, release: Release, attributes: dict[str, str]) -> str:
        text = text.replace("{release}", release.label)
        payload = dict(described(text.encode()))
        name = payload.pop("hash")
        self.payloads[name] = text
        return _action(kind, name, {**attributes, **payload})


def _action(kind: str, payload: str, attributes: dict[str, str]) -> str:
    """An action as pkg writes it: attributes by name, values with blanks quoted."""
    words = [kind, *([payload] if payload else [])]
    words += [f'{name}="{value}"' if " " in value else f"{name}={value}" for name, value in sorted(attributes.items())]
    return " ".join(words)


def fmri(package: dict[str, Any], release: Release) -> str:
    """The FMRI of a declared package in a release, build release included."""
    version = package["version"] if "version" in package else package["versions"][release.name]
    publisher = package.get("publisher", "omnios")
    return f"pkg://{publisher}/{package['name']}@{version},5.11-{release.branch}:{release.stamp}"


@dataclass(frozen=True)
class BuiltIn:
    """releases.yml, read."""

    raw: dict[str, Any]

    @property
    def releases(self) -> dict[str, Release]:
        return {
            name: Release(name, str(entry["branch"]), entry["stamp"], name, entry.get("image_format", 4))
            for name, entry in self.raw["releases"].items()
        }

    def origin(self, publisher: str, release: str) -> str:
        text: str = self.raw["origins"][publisher]
        return text.replace("{release}", release)

    def package(self, stem: str) -> dict[str, Any] | None:
        found: list[dict[str, Any]] = [entry for entry in self.raw["packages"] if entry["name"] == stem]
        return found[0] if found else None


def built_in(origins: Mapping[str, str]) -> BuiltIn:
    """releases.yml, with other ``origins`` of these publishers."""
    raw = yaml.safe_load(BUILT_IN.read_text())
    raw["origins"] |= origins
    return BuiltIn(raw)
