"""Images and repositories of a recording, put where they were."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from testbed.conformance.recording import Library
from testbed.host import Host
from testbed.ips import build, config, repository
from testbed.ips.repository import Repositories

Spec = dict[str, Any]
"""An image as ``situation.global`` and ``situation.zone_images`` describe it."""


def repositories(made: Host, library: Library, name: str) -> None:
    """Everything that was offered under this name, whoever's origin it is."""
    repository.store(made, library.repositories[name], library.manifests, library.payloads)


def place(made: Host, root: Path, spec: Spec, templates: Path) -> None:
    """The image's files below ``root``. Each different image is built once, in ``templates``, and copied from there."""
    key = hashlib.sha1(json.dumps(spec, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    template = templates / key
    if not template.exists():
        scratch = templates / f"{key}.new"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        repos = Repositories(made)
        build.build(
            repos,
            scratch,
            format=spec["image_format"],
            publishers=_publishers(spec["publishers_tsv"]),
            installed=[repos.complete(text) for text in spec["installed"]],
            known=[repos.complete(text) for text in spec["catalog"]],
            variants=spec["variants"],
        )
        scratch.rename(template)
    shutil.copytree(template, root, symlinks=True, dirs_exist_ok=True)


def _publishers(lines: list[str]) -> list[config.Publisher]:
    """`pkg publisher -F tsv`: PUBLISHER STICKY SYSPUB ENABLED TYPE STATUS URI PROXY, a line for an origin or mirror."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines[1:]:
        name, sticky, _, enabled, kind, _, uri, _ = line.split("\t")
        entry = found.setdefault(
            name, {"origins": [], "mirrors": [], "sticky": sticky == "true", "enabled": enabled == "true"}
        )
        if kind in ("origin", "mirror"):
            entry[f"{kind}s"].append(uri)
    return [config.publisher(name, **entry) for name, entry in found.items()]
