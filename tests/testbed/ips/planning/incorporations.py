"""What incorporations do to a plan: installed ones hold, named and synchronised ones carry along."""

from __future__ import annotations

from collections.abc import Iterable

from testbed.ips.fmri import Fmri
from testbed.ips.planning.dependency import Resolver
from testbed.ips.planning.space import Candidate, Kind, Rejection, Space

HOLD = "pkg.depend.install-hold"
DEPTH = 10
"""Incorporations of incorporations that are followed when packages may become older."""


def held(space: Space, relaxed: Iterable[str]) -> list[Candidate]:
    """Installed incorporations that must not change because other packages do; ``relaxed``: stems that may."""
    relaxed = set(relaxed)
    constraints: dict[Candidate, list[Fmri]] = {}
    pinned: set[str] = set()
    holds: dict[str, str] = {}
    for found in space.kept:
        targets = [dependency.targets[0] for dependency in found.dependencies if dependency.kind == "incorporate"]
        if targets:
            constraints[found] = targets
        pinned |= {t.stem for dependency in found.dependencies for t in dependency.targets if t.version is not None}
        hold = found.has(HOLD)
        if hold is not None:
            holds[found.stem] = hold
    loose = {holds[stem] for stem in relaxed if stem in holds}
    loose |= {hold for hold in holds.values() if any(hold.startswith(f"{other}.") for other in loose)}
    holding = [found for found in constraints if found.stem in holds and holds[found.stem] not in loose]
    for stem in _carried(space, holding, constraints, holds):
        holds[stem] = stem
    pinned -= {stem for stem, hold in holds.items() if hold not in loose}
    return [found for found in constraints if found.stem not in pinned and found.stem not in relaxed]


def _carried(
    space: Space, holding: list[Candidate], constraints: dict[Candidate, list[Fmri]], holds: dict[str, str]
) -> set[str]:
    """Incorporations without a hold of their own that a holding one leaves no other version."""
    waiting, done, carried = list(holding), set[Candidate](), set[str]()
    while waiting:
        found = waiting.pop()
        done.add(found)
        if found in constraints and found.stem not in holds:
            carried.add(found.stem)
        for target in constraints.get(found, []):
            fits = space.within(target)[0] if target.stem not in holds else []
            if len(fits) == 1 and fits[0] not in done:
                waiting.append(fits[0])
    return carried


def reject_outside(space: Space, incorporation: Candidate) -> None:
    """Reject what a held incorporation excludes, and its own other versions."""
    name = f"{incorporation.stem}@{incorporation.version.plain}"
    rejection = Rejection(Kind.HELD, f"This version is excluded by installed incorporation {name}")
    space.reject(space.within(incorporation.fmri)[1], rejection)
    for dependency in incorporation.dependencies:
        if dependency.kind == "incorporate":
            space.reject(space.within(dependency.targets[0], trimmed=False)[1], rejection)


def constrained(resolver: Resolver, candidate: Candidate) -> dict[str, tuple[set[Candidate], set[Candidate]]]:
    """Versions that a version's incorporations allow and exclude, by stem."""
    found: dict[str, tuple[set[Candidate], set[Candidate]]] = {}
    for dependency in candidate.dependencies:
        if dependency.kind != "incorporate":
            continue
        choices = resolver.choices(candidate, dependency, trimmed=False)
        stem = dependency.targets[0].stem
        if stem in found:
            found[stem] = (found[stem][0] & set(choices.fits), found[stem][1] | set(choices.rest))
        else:
            found[stem] = (set(choices.fits), set(choices.rest))
    return found


def carry_along(resolver: Resolver, candidates: list[Candidate], kind: Kind) -> None:
    """Reject what all of these versions of a package exclude, and what the incorporations they allow exclude."""
    word = "proposed" if kind == Kind.INCORPORATED else "synced parent"
    waiting, done = [candidates], set[frozenset[Candidate]]()
    while waiting:
        versions = waiting.pop()
        stem = versions[0].stem
        if stem not in resolver.space.installed:
            continue
        done.add(frozenset(versions))
        each = [constrained(resolver, version) for version in versions]
        for name in set.intersection(*(set(found) for found in each)):
            allowed = set.union(*(found[name][0] for found in each))
            excluded = set.intersection(*(found[name][1] for found in each))
            resolver.space.reject(excluded, Rejection(kind, f"Excluded by {word} incorporation '{stem}'"))
            if allowed and frozenset(allowed) not in done:
                waiting.append(sorted(allowed, key=lambda found: found.version.key))


class Downgrades:
    """Versions older than the installed ones that incorporations ask for."""

    def __init__(self, resolver: Resolver, everything: bool) -> None:
        """``everything``: all packages may move (update, sync-linked), not only what is named and depends on it."""
        self._resolver = resolver
        self._everything = everything
        self._found: dict[Candidate, set[Candidate]] = {}

    def of(self, candidate: Candidate) -> set[Candidate]:
        hold = candidate.has(HOLD)
        return self._of(candidate, [] if hold is None else [hold], 0)

    def _of(self, candidate: Candidate, holds: list[str], depth: int) -> set[Candidate]:
        if candidate in self._found:
            return self._found[candidate]
        space, found = self._resolver.space, set[Candidate]()
        if depth > DEPTH or candidate in space.removed:
            return found
        self._found[candidate] = set()
        for stem, (allowed, _) in constrained(self._resolver, candidate).items():
            present = space.installed.get(stem)
            if present is None or present in allowed:
                continue
            for version in allowed:
                newer = version.version.key > present.version.key
                if version.version.key == present.version.key or (newer and self._everything):
                    continue
                own = version.has(HOLD)
                if version.publisher != candidate.publisher or (
                    own is not None and not any(own.startswith(hold) for hold in holds)
                ):
                    continue
                if not newer:
                    self._found[candidate].add(version)
                    found.add(version)
                if not self._everything:
                    found |= self._of(version, holds, depth + 1)
        return found
