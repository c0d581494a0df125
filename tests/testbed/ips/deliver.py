"""Carrying out a plan: files, directories and links below the image root, then the catalog."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from testbed.host import Host
from testbed.ips import action, catalog, fmri, mediation, settings
from testbed.ips.action import Action
from testbed.ips.catalog import Entry
from testbed.ips.image import Image, stamp
from testbed.ips.planner import Plan
from testbed.ips.repository import Repositories

DELIVERED = ("dir", "file", "link", "hardlink")

DENIED = (
    "Could not operate on {path}\nbecause of insufficient permissions."
    " Please try the command again as a privileged user."
)
PARENT_IS_LINK = (
    "Cannot install '{path}'; parent directory {parent} is a link to {target}.  To continue, move the directory to its"
    " original location and try again."
)
PARENT_IS_FILE = (
    "Unable to create {path}; a parent directory {parent} has been replaced with a file or link.  Please restore the"
    " parent directory and try again."
)
LINK_FOR_DIRECTORY = (
    "Unable to create directory {path}; it has been replaced with a link.  To continue, please remove the link or"
    " restore the directory to its original location and try again."
)


class Failed(Exception):
    """The plan could not be carried out: the text is pkg's. What was done so far stays done."""


class Unforeseen(Exception):
    """As Failed, but of an error that pkg has no words for: the text is that of the operating system."""


@dataclass
class Changes:
    """Actions that go, come, or replace another one on the same path."""

    remove: list[Action]
    install: list[Action]
    update: list[tuple[Action, Action]]
    packages: dict[str, str]
    """Path -> FMRI of the package that delivers it from now on."""

    def failure(self, new: Action, details: str) -> str:
        return f"Requested operation failed for package {self.packages[new.get('path')]}:\n{details}"

    @property
    def payloads(self) -> list[Action]:
        fresh = self.install + [new for old, new in self.update if old.hash != new.hash]
        return [found for found in fresh if found.hash]


def changes(image: Image, plan: Plan, manifest: Callable[[Entry], list[str]]) -> Changes:
    """What the plan means in actions. ``manifest`` gives the lines of a package."""
    became = settings.applied(image, plan.after) if plan.after else image
    before = _actions(image, [old for old, _ in plan.change] + plan.remove + plan.affected, manifest)
    after: dict[str, Action] = {}
    packages: dict[str, str] = {}
    for entry in plan.arriving + plan.affected:
        delivered = _actions(became, [entry], manifest)
        after |= delivered
        packages |= dict.fromkeys(delivered, str(entry.fmri))
    gone = {entry.stem for entry in plan.remove} | {old.stem for old, _ in plan.change}
    staying = [entry for stem, entry in image.installed().items() if stem not in gone]
    kept = _actions(became, staying, manifest) if before.keys() - after.keys() else {}
    return Changes(
        [old for key, old in sorted(before.items(), reverse=True) if key not in after and key not in kept],
        [new for key, new in sorted(after.items()) if key not in before],
        [(before[key], new) for key, new in sorted(after.items()) if key in before and before[key].line != new.line],
        packages,
    )


def _actions(image: Image, entries: Iterable[Entry], manifest: Callable[[Entry], list[str]]) -> dict[str, Action]:
    """The actions that lie on disk, by path."""
    found = {}
    facets, mediators = image.facets, settings.of(image).mediators
    for entry in entries:
        for line in manifest(entry):
            parsed = action.parse(line)
            if action.counts(parsed, image.variants, facets) and mediation.delivered(parsed, mediators):
                if parsed.kind in DELIVERED:
                    found[parsed.get("path")] = parsed
                elif parsed.kind == "license":
                    path = _licence_path(entry, parsed)
                    found[path] = replace(parsed, attributes={**parsed.attributes, "path": (path,)})
    return found


def _licence_path(entry: Entry, licence: Action) -> str:
    """The image keeps the text, and pkg reads it there when it plans a change (get_license_dir in client/image.py)."""
    return f"var/pkg/license/{fmri.quoted(entry.stem)}/license.{fmri.quoted(licence.get('license'))}"


@dataclass(frozen=True)
class Tree:
    """Files of an image below ``root``, a path of the host. Methods raise Failed; what was done until then stays."""

    host: Host
    root: str
    repositories: Repositories

    def carry_out(self, made: Changes, after: Callable[[str], None] = lambda path: None) -> None:
        """Change the files; ``after`` is called with each path right after its action."""
        for old in made.remove:
            self._remove(old)
            after(old.get("path"))
        for new in made.install:
            if not (new.get("preserve") and self._place(new, made).exists()):
                self._install(new, made)
            after(new.get("path"))
        for old, new in made.update:
            self._install(new, made, old)
            after(new.get("path"))

    def _remove(self, old: Action) -> None:
        place = self._followed(old.get("path"))
        if place is None:
            return
        if old.kind == "dir":
            if place.is_dir() and not place.is_symlink():
                self._check_changeable(place)
                if not any(place.iterdir()):
                    place.rmdir()
        elif place.is_symlink() or place.exists():
            self._check_changeable(place)
            place.unlink()

    def _install(self, new: Action, made: Changes, old: Action | None = None) -> None:
        place = self._place(new, made)
        if new.kind == "dir":
            self._make_directory(place, new, made)
            return
        self._make_parents(place)
        if new.kind in ("file", "license"):
            self._write(place, new, old)
            return
        if place.is_symlink() or place.exists():
            self._check_changeable(place)
            place.unlink()
        self._check_changeable(place)
        if new.kind == "link":
            place.symlink_to(new.get("target"))
        else:
            target = os.path.normpath(os.path.join(os.path.dirname(new.get("path")), new.get("target")))
            os.link(self._path(target), place)

    def _make_directory(self, place: Path, new: Action, made: Changes) -> None:
        if place.is_symlink():
            raise Failed(made.failure(new, LINK_FOR_DIRECTORY.format(path=self._name(place))))
        if not place.is_dir():
            self._make_parents(place)
            if not self._changeable(place):  # pkg looks at what it could not make (actions/directory.py)
                raise Unforeseen(f"[Errno 2] No such file or directory: '{self._name(place)}'")
            place.mkdir()
        place.chmod(int(new.get("mode", "0755"), 8))

    def _make_parents(self, place: Path) -> None:
        missing = [parent for parent in place.parents if not parent.exists()]
        for parent in reversed(missing):
            self._check_changeable(parent)
            parent.mkdir()

    def _write(self, place: Path, new: Action, old: Action | None) -> None:
        """Edited files are kept, or renamed, as ``preserve`` says; the content is not touched where it is the same."""
        mode, keep = int(new.get("mode", "0644"), 8), new.get("preserve")
        if old and place.is_file():
            if keep and place.read_bytes() != self.repositories.payload(old.hash):
                if keep == "renameold":
                    self._check_changeable(place)
                    place.rename(place.with_name(f"{place.name}.old"))
                elif keep == "renamenew":
                    place = place.with_name(f"{place.name}.new")
                else:
                    place.chmod(mode)
                    return
            elif old.hash == new.hash:
                place.chmod(mode)
                return
        scratch = place.with_name(f"tmp{secrets.token_hex(4)}")
        self._check_changeable(scratch)
        scratch.write_bytes(self.repositories.payload(new.hash))
        scratch.chmod(mode)
        scratch.rename(place)

    # -- where ---------------------------------------------------------------------------------------------------------

    def _path(self, path: str) -> Path:
        parts = path.strip("/").split("/")
        if ".." in parts:
            raise Failed(f"Path '{path}' leads out of the image.")
        return self.host.path(self.root).joinpath(*parts)

    def _name(self, place: Path) -> str:
        """As the host names it."""
        return f"/{place.relative_to(self.host.directory)}"

    def _place(self, new: Action, made: Changes) -> Path:
        """Where a path of the image is. A link in place of a directory is never followed: it may lead out of it."""
        place = self._path(new.get("path"))
        top = self.host.path(self.root)
        for parent in reversed(place.parents[: len(place.relative_to(top).parts) - 1]):
            if parent.is_symlink():
                target = os.path.normpath(os.path.join(self._name(parent.parent), os.readlink(parent)))
                names = {"path": self._name(place), "parent": self._name(parent), "target": target}
                raise Failed(made.failure(new, PARENT_IS_LINK.format(**names)))
            if parent.exists() and not parent.is_dir():
                names = {"path": self._name(place.parent), "parent": self._name(parent)}
                raise Failed(made.failure(new, PARENT_IS_FILE.format(**names)))
        return place

    def _followed(self, path: str) -> Path | None:
        """Where pkg removes ``path``: it follows links there, the testbed only inside of the image."""
        place = self._path(path)
        top = self.host.path(self.root).resolve()
        return place if place.parent.resolve().is_relative_to(top) else None

    def _changeable(self, place: Path) -> bool:
        return self._name(place.parent) not in self.host.state.immutable

    def _check_changeable(self, place: Path) -> None:
        if not self._changeable(place):
            raise Failed(DENIED.format(path=self._name(place)))


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
    if plan.after:
        settings.store(image, plan.after)
        image.save_config()
    image.changed()
