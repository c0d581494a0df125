"""What follows from a plan or new settings: the image's mediators, and installed packages that change with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from testbed.ips import action
from testbed.ips.action import Action
from testbed.ips.images import settings
from testbed.ips.images.catalog import Entry
from testbed.ips.images.image import Image
from testbed.ips.images.settings import Settings
from testbed.ips.planning import mediation
from testbed.ips.planning.planner import Plan

Manifest = Callable[[Entry], list[str]]
Asked = Mapping[str, Mapping[str, str]]


def settle(image: Image, plan: Plan, manifest: Manifest, wanted: Settings, asked: Asked | None = None) -> None:
    """Complete ``plan``, made for an image that gets the settings ``wanted`` and the local choices ``asked``."""
    current = settings.of(image)
    asked = mediation.different(asked or {}, current.mediators)
    if not plan and wanted == current and not asked:
        return
    leaving = plan.remove + [old for old, _ in plan.change]
    gone = {entry.stem for entry in leaving}
    staying = [entry for stem, entry in image.installed().items() if stem not in gone]
    changing = (wanted.variants, wanted.effective()) != (current.variants, current.effective())
    changed = [entry for entry in staying if changing and _content_changes(manifest(entry), current, wanted)]
    if not changing and not asked and not any(_mediated(manifest(entry)) for entry in leaving + plan.arriving):
        plan.before, plan.after = (current, wanted) if wanted != current else (None, None)
        return
    links = _Links(manifest, wanted)
    offered = links.of(staying) + links.of(plan.arriving)
    after = replace(wanted, mediators=mediation.choose((link.action for link in offered), current.mediators, asked))
    repaired = frozenset(asked) if mediation.touching(asked, current.mediators) else frozenset()
    relinked, unlinked = _relinked(offered, current, after, repaired)
    plan.affected = changed + [entry for entry in relinked if entry in staying and entry not in changed]
    plan.repeated = [entry for entry in unlinked if entry in plan.affected and repaired]
    known = {link.action.get("mediator") for link in offered} | set(asked)
    plan.dangling = _dangling(
        links.of(plan.remove), manifest, {m: c for m, c in current.mediators.items() if m in known}
    )
    if after != current:
        plan.before, plan.after = current, after


def _content_changes(lines: list[str], before: Settings, after: Settings) -> bool:
    facets = before.effective(), after.effective()
    for line in lines:
        if "variant." in line or "facet." in line:
            found = action.parse(line)
            if found.kind not in ("link", "hardlink") or mediation.of(found) is None:
                was = action.counts(found, before.variants, facets[0])
                if was != action.counts(found, after.variants, facets[1]):
                    return True
    return False


def _mediated(lines: list[str]) -> bool:
    return any(" mediator=" in line for line in lines)


@dataclass(frozen=True)
class _Link:
    action: Action
    entry: Entry


class _Links:
    """The mediated links of packages."""

    def __init__(self, manifest: Manifest, wanted: Settings) -> None:
        self.manifest = manifest
        self.variants = wanted.variants
        self.facets = wanted.effective()

    def of(self, entries: Iterable[Entry]) -> list[_Link]:
        found = []
        for entry in entries:
            for line in self.manifest(entry):
                if " mediator=" in line:
                    parsed = action.parse(line)
                    if action.counts(parsed, self.variants, self.facets):
                        found.append(_Link(parsed, entry))
        return found


def _relinked(
    links: list[_Link], before: Settings, after: Settings, repaired: Collection[str]
) -> tuple[list[Entry], list[Entry]]:
    """Packages whose mediated links come or go, and those of which one only goes: no other takes its path.

    ``repaired``: mediators that are being set. pkg plans all their links anew, and has the latter packages in its
    plan twice (client/imageplan.py, plan_set_mediators).
    """
    taken = {link.action.get("path") for link in links if mediation.delivered(link.action, after.mediators)}
    found: dict[int, Entry] = {}
    unlinked: dict[int, Entry] = {}
    for link in links:
        name = link.action.get("mediator")
        was, now = (mediation.delivered(link.action, each.mediators) for each in (before, after))
        if now and (name in repaired or (not was and name in before.mediators)):
            found[id(link.entry)] = link.entry
        elif was and not now and link.action.get("path") not in taken:
            found[id(link.entry)] = unlinked[id(link.entry)] = link.entry
    return list(found.values()), list(unlinked.values())


def _dangling(
    gone: list[_Link], manifest: Manifest, mediators: Mapping[str, Mapping[str, str]]
) -> dict[str, list[str]]:
    """Targets that go with the link that the administrator chose, where the mediator is still in use."""
    found: dict[str, list[str]] = {}
    for link in gone:
        name, path = link.action.get("mediator"), link.action.get("path")
        if mediation.local_part(mediators.get(name, {})) and mediation.delivered(link.action, mediators):
            target = os.path.normpath(os.path.join(os.path.dirname(path), link.action.get("target")))
            files = (action.parse(line) for line in manifest(link.entry) if line.startswith("file "))
            if any(each.get("path") == target for each in files):
                found.setdefault(name, []).append(target)
    return found
