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
    files: {PATH: TEXT}                `{release}` in TEXT is replaced
    zone_files: {PATH: TEXT}           delivered in zones only
    directories, zone_directories: [PATH, ...]
    reboot: [PATH, ...]                files that need a reboot when they change
    licence: {name, text, must_accept}
    brand: NAME                        delivers the brand's config.xml
    hold: NAME                         pkg.depend.install-hold
    obsolete: true, renamed: FMRI
    lines: [ACTION, ...]               further manifest lines as they are
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

BUILT_IN = Path(__file__).with_name("releases.yml")
ZONES_ONLY = " variant.opensolaris.zone=nonglobal"
SELF = "feature/package/dependency/self"
BRAND_FILE = '<?xml version="1.0"?>\n<brand name="{0}"/>\n'


@dataclass(frozen=True)
class Release:
    name: str
    branch: str
    stamp: str


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
            yield f"depend fmri={SELF if parent == 'self' else parent} type=parent{ZONES_ONLY}"
        yield from self._contents(package, release)
        yield from package.get("lines", [])

    def _contents(self, package: dict[str, Any], release: Release) -> Iterator[str]:
        for path in package.get("directories", []):
            yield f"dir group=sys mode=0755 owner=root path={path}"
        for path in package.get("zone_directories", []):
            yield f"dir group=sys mode=0755 owner=root path={path}{ZONES_ONLY}"
        files = dict(package.get("files", {}))
        if "brand" in package:
            files[f"usr/lib/brand/{package['brand']}/config.xml"] = BRAND_FILE.format(package["brand"])
        for path, text in files.items():
            reboot = " reboot-needed=true" if path in package.get("reboot", []) else ""
            yield self._file(path, text.replace("{release}", release.name), reboot)
        for path, text in package.get("zone_files", {}).items():
            yield self._file(path, text.replace("{release}", release.name), ZONES_ONLY)
        if "licence" in package:
            licence = package["licence"]
            payload = self._payload(licence["text"].replace("{release}", release.name))
            accept = " must-accept=true" if licence.get("must_accept") else ""
            yield f"license {payload} license={licence['name']}{accept}"

    def _file(self, path: str, text: str, tags: str) -> str:
        return f"file {self._payload(text)} group=bin mode=0755 owner=root path={path}{tags}"

    def _payload(self, text: str) -> str:
        name = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.payloads[name] = text
        return name


def fmri(package: dict[str, Any], release: Release) -> str:
    """The FMRI of a declared package in a release, build release included."""
    version = package["versions"][release.name] if "versions" in package else package["version"]
    publisher = package.get("publisher", "omnios")
    return f"pkg://{publisher}/{package['name']}@{version},5.11-{release.branch}:{release.stamp}"


@dataclass(frozen=True)
class BuiltIn:
    """releases.yml, read."""

    raw: dict[str, Any]

    @property
    def releases(self) -> dict[str, Release]:
        return {
            name: Release(name, str(entry["branch"]), entry["stamp"]) for name, entry in self.raw["releases"].items()
        }

    def origin(self, publisher: str, release: str) -> str:
        text: str = self.raw["origins"][publisher]
        return text.replace("{release}", release)

    def package(self, stem: str) -> dict[str, Any] | None:
        found: list[dict[str, Any]] = [entry for entry in self.raw["packages"] if entry["name"] == stem]
        return found[0] if found else None


def built_in() -> BuiltIn:
    return BuiltIn(yaml.safe_load(BUILT_IN.read_text()))
