"""Images and repositories of a recording, put where they were."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from testbed.conformance.recording import Library
from testbed.host import Host
from testbed.ips import action, catalog, config, image, repository
from testbed.ips.catalog import Catalog, Entry
from testbed.ips.image import Image, stamp
from testbed.ips.repository import Repositories
from testbed.ips.v4 import new_attributes

Spec = dict[str, Any]
"""An image as ``situation.global`` and ``situation.zone_images`` describe it."""


def repositories(made: Host, library: Library, name: str) -> None:
    """Everything that was offered under this name, in whoever's publishers or not."""
    repository.store(made, library.repositories[name], library.manifests, library.payloads)


def place(made: Host, root: Path, spec: Spec, templates: Path) -> None:
    """The image's files below ``root``. Each different image is built once, in ``templates``, and copied from there."""
    key = hashlib.sha1(json.dumps(spec, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    template = templates / key
    if not template.exists():
        scratch = templates / f"{key}.new"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        _build(made, scratch, spec)
        scratch.rename(template)
    shutil.copytree(template, root, symlinks=True, dirs_exist_ok=True)


def _build(made: Host, root: Path, spec: Spec) -> None:
    repos = Repositories(made)
    installed = {repos.complete(text) for text in spec["installed"]}
    known = {repos.complete(text) for text in spec["catalog"]}
    entries = repos.entries(sorted(installed | known, key=str))
    for entry in entries:
        entry.set_state(catalog.KNOWN, True)
        entry.set_state(catalog.INSTALLED, entry.fmri in installed)
        entry.set_state(catalog.MANUAL, entry.fmri in installed)
    publishers = _publishers(spec["publishers_tsv"])
    made_image = image.create(
        root, format=spec["image_format"], publishers=publishers, variants=spec["variants"], known=entries
    )
    for publisher in publishers:
        for origin in publisher.origins:
            offered = [entry for entry in entries if entry.fmri in known and repos.offers([origin], entry.fmri)]
            _origin_catalog(made_image, publisher.name, origin, offered)
    for name in installed:
        made_image.write_manifest(name, repos.manifest(name))
        for line in repos.manifest(name):
            _deliver(repos, root, action.parse(line), spec["variants"])


def _origin_catalog(made_image: Image, publisher: str, origin: str, entries: list[Entry]) -> None:
    offered = [
        Entry(entry.publisher, entry.stem, entry.version, {key: entry.base[key]}, entry.depend, entry.summary)
        for entry in entries
        for key in ("signature-sha-1",)
    ]
    made_image.write_origin_catalog(publisher, origin, Catalog(offered, new_attributes(stamp(True), signed=True), False))


def _publishers(lines: list[str]) -> list[config.Publisher]:
    """`pkg publisher -F tsv`: PUBLISHER STICKY SYSPUB ENABLED TYPE STATUS URI PROXY, a line for each origin or mirror."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines[1:]:
        name, sticky, _, enabled, kind, _, uri, _ = line.split("\t")
        entry = found.setdefault(
            name, {"origins": [], "mirrors": [], "sticky": sticky == "true", "enabled": enabled == "true"}
        )
        if kind in ("origin", "mirror"):
            entry[f"{kind}s"].append(uri)
    return [config.publisher(name, **entry) for name, entry in found.items()]


def _deliver(repos: Repositories, root: Path, line: action.Action, variants: dict[str, str]) -> None:
    if not action.counts(line, variants, {}):
        return
    target = root / line.get("path")
    if line.kind == "dir":
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(int(line.get("mode"), 8))
    elif line.kind == "file":
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(repos.payload(line.hash))
        target.chmod(int(line.get("mode"), 8))
    elif line.kind == "link":
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(line.get("target"))
