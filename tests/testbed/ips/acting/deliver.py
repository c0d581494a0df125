"""What a plan means in actions, and making the catalog say what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from testbed.ips import action, fmri
from testbed.ips.action import Action
from testbed.ips.images import catalog, settings
from testbed.ips.images.catalog import Entry
from testbed.ips.images.files import stamp
from testbed.ips.images.image import Image
from testbed.ips.planning import mediation
from testbed.ips.planning.planner import Plan

DELIVERED = ("dir", "file", "link", "hardlink")


@dataclass
class Changes:
    """Actions that go, come, or replace another one on the same path."""

    remove: list[Action]
    install: list[Action]
    update: list[tuple[Action, Action]]
    packages: dict[str, str]
    """Path -> FMRI of the package that delivers it from now on."""
    fresh: set[str]
    """Paths that come with a package which was not there."""
    leaving: set[str]
    """Paths that go with their package."""
    older: set[str]
    """Paths of packages that are downgraded."""

    @property
    def payloads(self) -> list[Action]:
        fresh = self.install + [new for old, new in self.update if old.hash != new.hash]
        return [found for found in fresh if found.hash]


def changes(image: Image, plan: Plan, manifest: Callable[[Entry], list[str]]) -> Changes:
    """What the plan means in actions. ``manifest`` gives the lines of a package."""
    became = settings.applied(image, plan.after) if plan.after else image
    leaving = _actions(image, plan.remove, manifest)
    before = _actions(image, [old for old, _ in plan.change] + plan.affected, manifest) | leaving
    after: dict[str, Action] = {}
    packages: dict[str, str] = {}
    for entry in plan.arriving + plan.affected:
        delivered = _actions(became, [entry], manifest)
        after |= delivered
        packages |= dict.fromkeys(delivered, str(entry.fmri))
    older = {str(new.fmri) for old, new in plan.change if new.fmri.known.key < old.fmri.known.key}
    fresh = {str(entry.fmri) for entry in plan.add}
    gone = {entry.stem for entry in plan.remove} | {old.stem for old, _ in plan.change}
    staying = [entry for stem, entry in image.installed().items() if stem not in gone]
    kept = _actions(became, staying, manifest) if before.keys() - after.keys() else {}
    removed = {key: old for key, old in before.items() if key not in after and key not in kept}
    removed |= _implied(removed, [*after, *kept])
    return Changes(
        [old for _, old in sorted(removed.items(), reverse=True)],
        [new for key, new in sorted(after.items()) if key not in before],
        [(before[key], new) for key, new in sorted(after.items()) if key in before and before[key].line != new.line],
        packages,
        {path for path, package in packages.items() if package in fresh},
        set(leaving),
        {path for path, package in packages.items() if package in older},
    )


def _implied(removed: dict[str, Action], staying: Iterable[str]) -> dict[str, Action]:
    """Directories that only what is removed lay in go with it, though no package names them."""
    gone = {parent for path, old in removed.items() if old.kind in DELIVERED for parent in _above(path)}
    if gone:
        gone -= {parent for path in staying for parent in _above(path)} | set(staying) | removed.keys()
    return {path: Action("dir", "", {"path": (path,)}, "") for path in gone}


def _above(path: str) -> list[str]:
    """Directories that a path lies in, but for those at the top: on every real system a package has them."""
    return [str(parent) for parent in PurePosixPath(path).parents][:-2]


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
    gone = {id(entry) for entry in plan.remove + [old for old, _ in plan.change] if catalog.KNOWN not in entry.states}
    image.known.entries = [entry for entry in image.known.entries if id(entry) not in gone]
    arriving = {id(entry) for entry in plan.arriving}
    for entry in plan.manual:
        if id(entry) in arriving:  # one that was there already stays as it was
            entry.set_state(catalog.MANUAL, True)
    if plan.after:
        settings.store(image, plan.after)
        image.save_config()
    image.changed()
