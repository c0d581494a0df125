"""What speaks against one version by itself: the image's variants, its parent, and where an update must start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from testbed.ips.fmri import Fmri
from testbed.ips.images.catalog import Entry
from testbed.ips.planning.space import Candidate, Kind, Problem, Rejection

Rule = Callable[[Problem, Candidate], Iterator[Rejection]]
"""Yields what speaks against a version."""

SELF = "feature/package/dependency/self"


def variant_reason(entry: Entry, variants: Mapping[str, str]) -> str:
    """Why the package as a whole is not for this image (`set name=variant.X value=...`), or empty."""
    for action in entry.actions:
        name = action.get("name")
        if action.kind == "set" and name in variants and name.startswith("variant."):
            values = list(action.all("value"))
            if variants[name] not in values:
                return (
                    f"Package supports image variant {name}={values[0] if len(values) == 1 else values}"
                    f" but doesn't support this image's {name}={variants[name]}"
                )
    return ""


def variants(problem: Problem, candidate: Candidate) -> Iterator[Rejection]:
    text = variant_reason(candidate.entry, problem.variants)
    if text:
        yield Rejection(Kind.VARIANT, text)


def parents(problem: Problem, candidate: Candidate) -> Iterator[Rejection]:
    """Parent dependencies that the parent image does not meet (linked-images.md, section 4)."""
    if problem.parent is None or (problem.lenient and problem.installed.get(candidate.stem) is candidate.entry):
        return
    for target in dict.fromkeys(t for d in candidate.dependencies if d.kind == "parent" for t in d.targets):
        found = _parent(candidate.fmri, target, problem.parent)
        if found:
            zone = problem.variants.get("variant.opensolaris.zone") == "nonglobal"
            yield found if zone else Rejection(found.kind, _outside_zones(found.text))


def follows_parent(candidate: Candidate) -> bool:
    """Has it a parent dependency on itself?"""
    return any(t.stem == SELF for d in candidate.dependencies if d.kind == "parent" for t in d.targets)


def parent_reason(entry: Entry, target: Fmri, parent: Mapping[str, Fmri]) -> str:
    """Why a parent dependency on ``target`` is not satisfied, in the solver's words, or empty."""
    found = _parent(entry.fmri, target, parent)
    return found.text if found else ""


def _parent(own: Fmri, target: Fmri, parent: Mapping[str, Fmri]) -> Rejection | None:
    wanted = own if target.stem == SELF else target
    have = parent.get(wanted.stem)
    if have is None:
        return Rejection(Kind.PARENT_MISSING, f"Package {wanted.stem} is not installed in global zone.")
    if have == wanted:
        return None
    if wanted.publisher and wanted.publisher != have.publisher:
        return Rejection(Kind.PARENT_PUBLISHER, f"Package in global zone is from a different publisher: {have}")
    if wanted.version is None or have.known.key == wanted.version.key:
        return None
    if have.known.key < wanted.version.key:
        return Rejection(Kind.PARENT_OLDER, f"Global zone has an older version of package: {have}")
    if own == wanted:
        return Rejection(Kind.PARENT_NEWER, f"Global zone has a newer version: {have}")
    return None


def _outside_zones(text: str) -> str:
    """The same in an image that is no zone."""
    words = (
        ("Global zone has", "Parent image has"),
        ("Package in global zone", "Package in parent"),
        ("in global zone.", "in parent image."),
    )
    for zone, other in words:
        text = text.replace(zone, other)
    return text


def origins(problem: Problem, candidate: Candidate) -> Iterator[Rejection]:
    """Origin dependencies: what is installed now must be new enough to update from."""
    for dependency in candidate.dependencies:
        if dependency.kind != "origin":
            continue
        target = dependency.targets[0]
        present = (problem.root() if dependency.root_image else problem.installed).get(target.stem)
        if present is None or target.version is None or present.fmri.known.key >= target.version.key:
            continue
        where, kind = "image being upgraded", Kind.ORIGIN
        if dependency.root_image:
            where, kind = "root image", Kind.ROOT_ORIGIN
        text = f"Installed version in {where} is too old for origin dependency {_named(target)}"
        yield Rejection(kind, text)
        return


def _named(target: Fmri) -> str:
    """An FMRI as pkg prints one that names no publisher; a version without build release gets the default one."""
    publisher = f"//{target.publisher}" if target.publisher else ""
    if target.version is None:
        return f"pkg:{publisher}/{target.stem}"
    release, dash, rest = target.version.text.partition("-")
    return f"pkg:{publisher}/{target.stem}@{release if ',' in release else f'{release},5.11'}{dash}{rest}"
