"""Carrying out a plan: files, directories and links below the image root, then the catalog."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from testbed.ips import action, catalog, fmri
from testbed.ips.action import Action
from testbed.ips.catalog import Entry
from testbed.ips.image import Image, stamp
from testbed.ips.planner import Plan
from testbed.ips.repository import Repositories

DELIVERED = ("dir", "file", "link", "hardlink")


class Failed(Exception):
    """The plan could not be carried out: the text is pkg's. What was done so far stays done."""


@dataclass
class Changes:
    """Actions that go, come, or replace another one on the same path."""

    remove: list[Action]
    install: list[Action]
    update: list[tuple[Action, Action]]

    @property
    def payloads(self) -> list[Action]:
        fresh = self.install + [new for old, new in self.update if old.hash != new.hash]
        return [found for found in fresh if found.hash]


def changes(image: Image, plan: Plan, manifest: Callable[[Entry], list[str]]) -> Changes:
    """What the plan means in actions. ``manifest`` gives the lines of a package."""
    before = _actions(image, [old for old, _ in plan.change] + plan.remove, manifest)
    after = _actions(image, plan.arriving, manifest)
    gone = {(entry.stem) for entry in plan.remove} | {old.stem for old, _ in plan.change}
    staying = [entry for stem, entry in image.installed().items() if stem not in gone]
    kept = _actions(image, staying, manifest) if before.keys() - after.keys() else {}
    return Changes(
        [old for key, old in sorted(before.items(), reverse=True) if key not in after and key not in kept],
        [new for key, new in sorted(after.items()) if key not in before],
        [(before[key], new) for key, new in sorted(after.items()) if key in before and before[key].line != new.line],
    )


def _actions(
    image: Image, entries: Iterable[Entry], manifest: Callable[[Entry], list[str]]
) -> dict[tuple[str, str], Action]:
    found = {}
    for entry in entries:
        for line in manifest(entry):
            parsed = action.parse(line)
            if action.counts(parsed, image.variants, image.facets):
                if parsed.kind in DELIVERED:
                    found[(parsed.get("path"), "")] = parsed
                elif parsed.kind == "license":
                    path = _licence_path(entry, parsed)
                    found[(path, "")] = replace(parsed, attributes={**parsed.attributes, "path": (path,)})
    return found


def _licence_path(entry: Entry, licence: Action) -> str:
    """The image keeps the text, and pkg reads it there when it plans a change (get_license_dir in client/image.py)."""
    return f"var/pkg/license/{fmri.quoted(entry.stem)}/license.{fmri.quoted(licence.get('license'))}"


def carry_out(root: Path, made: Changes, repositories: Repositories, after: Callable[[str], None]) -> None:
    """Change the files; ``after`` is called with each path right after its action. Raises Failed."""
    for old in made.remove:
        _remove(root, old)
        after(old.get("path"))
    for new in made.install:
        if not (new.get("preserve") and _place(root, new.get("path")).exists()):
            _install(root, new, repositories)
        after(new.get("path"))
    for old, new in made.update:
        if not (new.get("preserve") and _edited(root, old, repositories)):
            _install(root, new, repositories)
        after(new.get("path"))


def _edited(root: Path, old: Action, repositories: Repositories) -> bool:
    place = _place(root, old.get("path"))
    return place.is_file() and place.read_bytes() != repositories.payload(old.hash)


def _remove(root: Path, old: Action) -> None:
    place = _place(root, old.get("path"))
    if old.kind == "dir":
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            place.rmdir()
    elif place.is_symlink() or place.exists():
        place.unlink()


def _install(root: Path, new: Action, repositories: Repositories) -> None:
    place = _place(root, new.get("path"))
    mode = int(new.get("mode", "0644"), 8)
    if new.kind == "dir":
        if place.is_symlink():
            raise Failed(_is_link(place, root))
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(mode)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if new.kind in ("file", "license"):
        scratch = place.with_name(f".{place.name}.{os.getpid()}")
        scratch.write_bytes(repositories.payload(new.hash))
        scratch.chmod(mode)
        scratch.rename(place)
        return
    if place.is_symlink() or place.exists():
        place.unlink()
    if new.kind == "link":
        place.symlink_to(new.get("target"))
    else:
        os.link(
            _place(root, os.path.normpath(os.path.join(os.path.dirname(new.get("path")), new.get("target")))), place
        )


def _place(root: Path, path: str) -> Path:
    """Where a path of the image is. A link in place of a directory is never followed: it may lead out of the image."""
    parts = path.strip("/").split("/")
    if ".." in parts:
        raise Failed(f"Path '{path}' leads out of the image.")
    current = root
    for part in parts[:-1]:
        current = current / part
        if current.is_symlink():
            raise Failed(_is_link(current, root))
        if current.exists() and not stat.S_ISDIR(current.lstat().st_mode):
            raise Failed(f"'{current.relative_to(root)}' is not a directory.")
    return current / parts[-1]


def _is_link(place: Path, root: Path) -> str:
    return f"Cannot install to '/{place.relative_to(root)}': it is a symbolic link where a directory is expected."


def record(image: Image, plan: Plan) -> None:
    """Make the catalog say what the plan did; the image is saved by the caller."""
    now = stamp(True)
    for entry in plan.remove + [old for old, _ in plan.change]:
        metadata = entry.base["metadata"]
        plan.manual += [new for old, new in plan.change if old is entry and catalog.MANUAL in entry.states]
        entry.set_state(catalog.INSTALLED, False)
        entry.set_state(catalog.MANUAL, False)
        installed = metadata.pop("last-install", None)
        metadata.pop("last-update", None)
        for old, new in plan.change:
            if old is entry:
                new.base.setdefault("metadata", {}).update({"last-install": installed, "last-update": now})
    for entry in plan.add:
        entry.base.setdefault("metadata", {})["last-install"] = now
    for entry in plan.arriving:
        entry.set_state(catalog.INSTALLED, True)
    for entry in plan.manual:
        if entry.installed:
            entry.set_state(catalog.MANUAL, True)
    image.changed()
