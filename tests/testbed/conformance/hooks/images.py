"""Images and repositories of a recording, put where they were."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from testbed.conformance.hooks.recording import Library
from testbed.host import Host
from testbed.ips.images import build
from testbed.ips.repositories import repository

Spec = dict[str, Any]
"""An image as ``situation.global`` and ``situation.zone_images`` describe it."""


def repositories(made: Host, library: Library, name: str) -> None:
    """Everything that was offered under this name, whoever's origin it is."""
    repository.store(made, library.repositories[name], library.manifests, library.payloads)


def place(made: Host, root: Path, spec: Spec, templates: Path) -> None:
    """The image's files below ``root``. Each different image is built once and kept in ``templates``."""
    key = hashlib.sha1(json.dumps(spec, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    template = templates / key
    if not template.exists():
        scratch = made.private / "image"
        scratch.mkdir()
        build.build_image(
            made,
            f"/{scratch.relative_to(made.directory)}",
            format=spec["image_format"],
            publishers=build.from_tsv(spec["publishers_tsv"]),
            installed=spec["installed"],
            known=spec["catalog"],
            variants=spec["variants"],
        )
        templates.mkdir(exist_ok=True)
        shutil.move(scratch, template)
    shutil.copytree(template, root, symlinks=True, dirs_exist_ok=True)
