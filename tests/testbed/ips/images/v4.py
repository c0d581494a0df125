"""Catalogs as JSON: state/known and state/installed of format v4, and publishers' catalogs (images/FORMAT-v4.md)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from testbed.ips.images.catalog import Catalog, Entry

PARTS = {"base": "catalog.base.C", "dependency": "catalog.dependency.C", "summary": "catalog.summary.C"}


def read(directory: Path) -> Catalog:
    """The catalog in ``directory``; raises FileNotFoundError. Parts are joined by publisher, stem and version."""
    attributes = json.loads((directory / "catalog.attrs").read_text())
    base = json.loads((directory / PARTS["base"]).read_text())
    depend = _actions(directory / PARTS["dependency"])
    summary = _actions(directory / PARTS["summary"])
    entries = []
    for publisher, stems in base.items():
        if publisher.startswith("_"):
            continue
        for stem, versions in stems.items():
            for raw in versions:
                key = (publisher, stem, raw["version"])
                rest = {name: value for name, value in raw.items() if name != "version"}
                entries.append(Entry(*key, rest, depend.get(key), summary.get(key)))
    return Catalog(entries, attributes, "_FEATURE" in base)


def _actions(path: Path) -> dict[tuple[str, str, str], list[str]]:
    return {
        (publisher, stem, raw["version"]): raw["actions"]
        for publisher, stems in json.loads(path.read_text()).items()
        if not publisher.startswith("_")
        for stem, versions in stems.items()
        for raw in versions
    }


def write(directory: Path, catalog: Catalog, signed: bool) -> None:
    """Write all four files. A publisher's catalog is ``signed``, an image's own is not."""
    directory.mkdir(parents=True, exist_ok=True)
    attributes = dict(catalog.attributes)
    stems = {(entry.publisher, entry.stem) for entry in catalog.entries}
    attributes["package-count"], attributes["package-version-count"] = len(stems), len(catalog.entries)
    for part, name in PARTS.items():
        content = _part(catalog.entries, part)
        if signed:
            # the sums that the repository gave; pkg adds `_FEATURE` to the parts it merges, and not to these
            attributes["parts"][name]["signature-sha-1"] = _text(content, signed)[1]
        if catalog.feature:
            content["_FEATURE"] = ["ooce:utf8"]
        _write(directory / name, _text(content, signed)[0])
    attributes.pop("_SIGNATURE", None)
    _write(directory / "catalog.attrs", _text(attributes, signed)[0])


def _write(path: Path, text: str) -> None:
    """Write a file unless it says so already: a refresh mostly brings nothing new."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _part(entries: list[Entry], part: str) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for entry in entries:
        if part == "base":
            raw: dict[str, Any] = {**entry.base, "version": entry.version}
        else:
            actions = entry.depend if part == "dependency" else entry.summary
            if actions is None:
                continue
            raw = {"actions": actions, "version": entry.version}
        content.setdefault(entry.publisher, {}).setdefault(entry.stem, []).append(raw)
    return content


def _text(content: dict[str, Any], signed: bool) -> tuple[str, str]:
    text = json.dumps(content, separators=(",", ":"), sort_keys=signed) + "\n"
    if not signed:
        return text, ""
    signature = hashlib.sha1(text.encode()).hexdigest()
    comma = "," if content else ""
    return f'{text[:-2]}{comma}"_SIGNATURE":{{"sha-1":"{signature}"}}}}\n', signature


def new_attributes(stamp: str, signed: bool) -> dict[str, Any]:
    """What `catalog.attrs` of a new catalog says; ``stamp`` like 20261121T060453.952496Z."""
    attributes: dict[str, Any] = {
        "created": stamp,
        "last-modified": stamp,
        "parts": {name: {"last-modified": stamp} for name in PARTS.values()},
        "updates": {},
        "version": 1,
    }
    if not signed:
        attributes["_FEATURE"] = ["ooce:utf8"]
    return attributes


def log_update(path: Path, added: list[Entry], stamp: str) -> str:
    """Write into a repository's update log that these packages came at ``stamp``; returns the log's signature."""
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    content.pop("_SIGNATURE", None)
    for entry in added:
        raw: dict[str, Any] = {"op-time": stamp, "op-type": "add", "version": entry.version}
        for part, name in PARTS.items():
            found = _part([entry], part)
            if found:
                raw[name] = found[entry.publisher][entry.stem][0]
        content.setdefault(entry.publisher, {}).setdefault(entry.stem, []).append(raw)
    text, signature = _text(content, signed=True)
    _write(path, text)
    return signature


def touch(attributes: dict[str, Any], stamp: str) -> None:
    attributes["last-modified"] = stamp
    attributes["parts"][PARTS["base"]]["last-modified"] = stamp
