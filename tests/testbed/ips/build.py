"""An image with packages in it, built at once: for declared hosts and for replays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from testbed.ips import action, catalog, image
from testbed.ips.catalog import Catalog, Entry
from testbed.ips.config import Publisher
from testbed.ips.fmri import Fmri
from testbed.ips.image import Image, stamp
from testbed.ips.repository import Repositories
from testbed.ips.v4 import new_attributes


def build(
    repos: Repositories,
    root: Path,
    *,
    format: int,
    publishers: list[Publisher],
    installed: Iterable[Fmri],
    known: Iterable[Fmri],
    variants: Mapping[str, str],
) -> Image:
    """An image below ``root`` that has ``installed`` (asked for by name, files delivered) and knows ``known``."""
    installed, known = set(installed), set(known)
    entries = repos.entries(sorted(installed | known, key=str))
    newest: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        newest[entry.publisher, entry.stem] = entry
    for entry in entries:
        entry.set_state(catalog.KNOWN, True)
        entry.set_state(catalog.V1, True)
        entry.set_state(catalog.INSTALLED, entry.fmri in installed)
        entry.set_state(catalog.MANUAL, entry.fmri in installed)
        entry.set_state(catalog.UPGRADABLE, newest[entry.publisher, entry.stem] is not entry)
    built = image.create(root, format=format, publishers=publishers, variants=dict(variants), known=entries)
    for publisher in publishers:
        for origin in publisher.origins:
            offered = [_as_fetched(e) for e in entries if e.fmri in known and repos.offers([origin], e.fmri)]
            built.write_origin_catalog(
                publisher.name, origin, Catalog(offered, new_attributes(stamp(True), signed=True), feature=False)
            )
    for name in installed:
        lines = repos.manifest(name)
        built.write_manifest(name, lines)
        for line in lines:
            _deliver(repos, root, action.parse(line), variants)
    return built


def _as_fetched(entry: Entry) -> Entry:
    base = {"signature-sha-1": entry.base["signature-sha-1"]}
    return Entry(entry.publisher, entry.stem, entry.version, base, entry.depend, entry.summary)


def _deliver(repos: Repositories, root: Path, line: action.Action, variants: Mapping[str, str]) -> None:
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
