"""Linked images: which zones are children, what a parent tells them, and whether they fit (linked-images.md)."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from testbed import zones
from testbed.host import Host
from testbed.ips import fmri
from testbed.ips.action import counts
from testbed.ips.fmri import Fmri
from testbed.ips.images.image import Image
from testbed.ips.planning.rules import SELF, parent_reason

BRANDS = ("lipkg", "sparse", "pkgsrc", "solaris", "solaris10", "sn1", "labeled")
"""Brands of linked zones on OmniOS; OpenIndiana's pkg has another list."""
STATES = (zones.INSTALLED, *zones.KERNEL_STATES)


@dataclass(frozen=True)
class Child:
    name: str
    """zone:NAME"""
    root: str
    """Absolute path of its root, without a slash at the end."""


def brands(host: Host) -> tuple[str, ...]:
    """Brands whose zones are linked, as this host's pkg has them (``settings[linked_brands]``)."""
    return tuple(host.state.settings.get("linked_brands", BRANDS))


def children(host: Host, parent: Image) -> list[Child]:
    """The children of the global zone's image, by name; none without system/zones."""
    if "system/zones" not in parent.installed() or not host.path("/etc/zones").is_dir():
        return []
    if host.state.zonename != "global" or parent.variants.get("variant.opensolaris.zone", "global") != "global":
        return []
    linked = brands(host)
    found = [
        Child(f"zone:{zone.name}", f"{zone.zonepath}/root")
        for zone in zones.listed(host)
        if zone.brand in linked and zone.state in STATES
    ]
    return sorted(found, key=lambda child: child.name)


def own_metadata_stale(image: Image, found: list[Child]) -> bool:
    """Has an image that is no child linked metadata of its own to write, or to remove as it has no children?"""
    if image.child_name:
        return False
    return "linked_prop" not in image.linked() if found else bool(image.linked())


def write_own_metadata(image: Image, found: list[Child]) -> None:
    if own_metadata_stale(image, found):
        image.remove_linked()
        if found:
            image.write_linked({"linked_prop": {"li-path": "/"}})


def packages(image: Image) -> dict[str, Fmri]:
    """What is installed, by stem: what a parent tells its children."""
    return {stem: entry.fmri for stem, entry in image.installed().items()}


def parent_packages(child: Image) -> dict[str, Fmri] | None:
    """The parent's packages as of the last sync; None in an image that was never synced."""
    if not child.child_name:
        return None
    return {name.stem: name for name in map(fmri.parse, child.linked().get("linked_ppkgs", []))}


def metadata(parent: Image, child: Child, installed: Mapping[str, Fmri]) -> dict[str, Any]:
    """The linked_* files of a child; ``installed``: the parent's packages as they are or are going to be."""
    return {
        "linked_prop": {"li-name": child.name, "li-path": "/", "li-model": "push", "li-recurse": False},
        "linked_ppkgs": [str(name) for name in installed.values()],
        "linked_ppubs": for_children(parent),
        "linked_pfacets": inheritable(parent, installed),
    }


def inheritable(parent: Image, installed: Mapping[str, Fmri]) -> dict[str, bool]:
    """Facets that a child inherits: those that bear on incorporations of packages that must be the parent's own.

    Only where at least one of an action's is false: else both agree anyway (client/linkedimage/common.py).
    """
    ordered = parent.facets
    if all(ordered.values()):
        return {}
    entries = [entry for entry in parent.known.entries if installed.get(entry.stem) == entry.fmri]
    synced = {entry.stem for entry in entries for found in entry.actions if SELF in found.all("fmri")}
    inherited: dict[str, bool] = {}
    for found in (each for entry in entries for each in entry.actions if each.get("type") == "incorporate"):
        bearing = {
            pattern: value
            for pattern, value in ordered.items()
            if any(fnmatch.fnmatchcase(name, pattern) for name in found.attributes if name.startswith("facet."))
        }
        if not all(bearing.values()) and any(fmri.parse(text).stem in synced for text in found.all("fmri")):
            inherited |= bearing
    return inherited


def changes(child: Image, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The linked files of ``wanted`` that say something else than the child's own; the order of a list is nothing."""
    found = child.linked()
    return {name: value for name, value in wanted.items() if _unordered(found.get(name)) != _unordered(value)}


def _unordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def for_children(image: Image) -> list[list[Any]]:
    """Publishers that a child must have, with stickiness, in order. Any value of `nochild` leaves one out."""
    return [[p.name, p.sticky] for p in image.enabled if not p.properties.get("nochild")]


def told_publishers(parent: Image, child: Image) -> list[list[Any]]:
    """The parent's publishers as the child takes them: a mere change of their order never reaches it.

    pkg compares what it would write with what is there without regard to order (client/linkedimage/common.py).
    """
    wanted = for_children(parent)
    stored: list[list[Any]] = child.linked().get("linked_ppubs", [])
    return stored if sorted(stored) == sorted(wanted) else wanted


def publisher_mismatch(parent: list[list[Any]], child: Image) -> str:
    """pubcheck: the child's publishers must begin with the parent's. The message, empty if they do."""
    have = for_children(child)
    if have[: len(parent)] == parent or child.config["property"].get("use-system-repo") == "True":
        return ""
    return (
        "Invalid child image publisher configuration.  Child image publisher\n"
        "configuration must be a superset of the parent image publisher configuration.\n"
        "Please update the child publisher configuration to match the parent.  If the\n"
        "child image is a zone this can be done automatically by detaching and\n"
        "attaching the zone.\n\n"
        f"The parent image has the following enabled publishers:\n{_listed(parent)}\n"
        f"The child image has the following enabled publishers:\n{_listed(have)}"
    )


def _listed(publishers: list[list[Any]]) -> str:
    return "".join(
        f"    PUBLISHER {number}: {name}{'' if sticky else ' (non-sticky)'}\n"
        for number, (name, sticky) in enumerate(publishers)
    )


def in_sync(child: Image, parent: Mapping[str, Fmri]) -> bool:
    """The verdict of `audit-linked`: versions of parent dependencies only; self is the literal text (FORMAT-v4.md)."""
    variants, facets = child.variants, child.facets
    for entry in child.installed().values():
        for action in entry.actions:
            if action.get("type") != "parent" or not counts(action, variants, facets):
                continue
            for text in action.all("fmri"):
                target = entry.fmri if text == SELF else fmri.parse(text)
                have = parent.get(target.stem)
                if have is None:
                    return False
                judged = {target.stem: Fmri(target.publisher or have.publisher, have.stem, have.version)}
                if parent_reason(entry, fmri.parse(text), judged):
                    return False
    return True
