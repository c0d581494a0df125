"""From what a user asks to what changes in one image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from testbed.ips import fmri
from testbed.ips.catalog import Entry
from testbed.ips.fmri import Fmri
from testbed.ips.image import Image
from testbed.ips.settings import Settings
from testbed.ips.solver import Problem, Solver, variant_reason

INSTALL, UPDATE, UNINSTALL, SYNC = "install", "update", "uninstall", "sync-linked"

NO_MATCH = (
    "The following pattern(s) did not match any allowable packages.  Try\n"
    "using a different matching pattern, or refreshing publisher information:\n\n"
)
WRONG_VARIANT = (
    "The following pattern(s) only matched packages that are not available\n"
    "for the current image's architecture, zone type, and/or other variant:\n\n"
)
OTHER_PUBLISHER = (
    "The following patterns only matched packages that are from publishers other than that which supplied the"
    " already installed version of this package\n"
)


class Refused(Exception):
    """The request cannot be planned; the text is pkg's, without `pkg COMMAND: ` in front."""


@dataclass
class Plan:
    """What changes in an image; all empty: nothing to do."""

    add: list[Entry] = field(default_factory=list)
    change: list[tuple[Entry, Entry]] = field(default_factory=list)
    remove: list[Entry] = field(default_factory=list)
    manual: list[Entry] = field(default_factory=list)
    """Packages the user named, to be marked so."""
    affected: list[Entry] = field(default_factory=list)
    """Packages that stay and of which other actions count afterwards."""
    before: Settings | None = None
    after: Settings | None = None
    """The image's settings, where they change."""

    def __bool__(self) -> bool:
        return bool(self.add or self.change or self.remove or self.affected or self.after)

    @property
    def arriving(self) -> list[Entry]:
        return self.add + [new for _, new in self.change]


def plan(
    image: Image,
    operation: str,
    patterns: list[str],
    parent: Mapping[str, Fmri] | None,
    reject: Iterable[str] = (),
    ignore_missing: bool = False,
) -> Plan:
    """Plan ``operation``. ``parent``: the parent's packages by stem. Raises Refused, solver.NoSolution."""
    known = image.known.by_stem()
    installed = image.installed()
    rejected = _rejected(known, reject)
    named: dict[str, list[Entry]] = {}
    removed = rejected & installed.keys()
    if operation == UNINSTALL:
        removed = _to_remove(installed, patterns, ignore_missing)
    else:
        named = _named(image, known, patterns, ignore_missing)
    problem = Problem(
        known=known,
        installed=installed,
        variants=image.variants,
        facets=image.facets,
        publishers={entry.name: entry.sticky for entry in image.enabled},
        parent=parent,
        frozen=image.frozen(),
        named=named,
        newest=operation == UPDATE and not patterns,
        enforce_parent=operation != INSTALL,
        held=_held(installed, named) if operation == INSTALL else {},
        removed=removed,
        rejected=rejected,
        downgrade=_downgrade(named, installed),
    )
    if operation == UNINSTALL:
        _check_dependents(Solver(problem), installed, removed)
    solution = Solver(problem).solve()
    return _difference(installed, solution, named)


def _named(
    image: Image, known: Mapping[str, list[Entry]], patterns: Iterable[str], ignore_missing: bool
) -> dict[str, list[Entry]]:
    named: dict[str, list[Entry]] = {}
    unmatched, wrong_variant, other_publisher = [], [], []
    for text in patterns:
        try:
            pattern = fmri.parse(text)
        except fmri.Invalid:
            unmatched.append(text)
            continue
        by_stem = _versions(known, pattern)
        if not by_stem:
            unmatched.append(text)
        for stem, entries in by_stem.items():
            fitting = [entry for entry in entries if not variant_reason(entry, image.variants)]
            allowed = _from_its_publisher(image, stem, fitting)
            if not fitting:
                wrong_variant.append(text)
            elif not allowed:
                other_publisher.append(f"{text}: {', '.join(sorted({entry.publisher for entry in fitting}))}")
            else:
                named[stem] = _not_older(image, stem, allowed, explicit=pattern.version is not None)
    if unmatched and not ignore_missing:
        raise Refused(NO_MATCH + "".join(f"\t{text}\n" for text in unmatched))
    if wrong_variant:
        raise Refused(WRONG_VARIANT + "".join(f"\t{text}\n" for text in wrong_variant))
    if other_publisher:
        raise Refused(OTHER_PUBLISHER + "".join(f"\t{text}\n" for text in other_publisher))
    return named


def _versions(known: Mapping[str, list[Entry]], pattern: Fmri) -> dict[str, list[Entry]]:
    """Versions a pattern means, by stem; a stem that is exactly the pattern's wins over those that end in it."""
    found: dict[str, list[Entry]] = {}
    for stem, entries in known.items():
        fitting = [
            entry
            for entry in entries
            if entry.fmri.named_by(pattern) and (pattern.version is None or entry.fmri.known.matches(pattern.version))
        ]
        if fitting:
            found[stem] = fitting
    return {pattern.stem: found[pattern.stem]} if pattern.stem in found else found


def _rejected(known: Mapping[str, list[Entry]], patterns: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for text in patterns:
        stems = _versions(known, fmri.parse(text)).keys()
        if not stems:
            raise Refused(f"{NO_MATCH}\t{text}\n")
        found |= stems
    return frozenset(found)


def _from_its_publisher(image: Image, stem: str, entries: list[Entry]) -> list[Entry]:
    """Versions from the publisher that the installed version holds to; else from the first one that has any."""
    sticky = {entry.name: entry.sticky for entry in image.enabled}
    present = image.installed().get(stem)
    if present and sticky.get(present.publisher, False):
        return [entry for entry in entries if entry.publisher == present.publisher]
    for name in [*image.order, *(entry.publisher for entry in entries)]:
        found = [entry for entry in entries if entry.publisher == name]
        if found:
            return found
    return []


def _not_older(image: Image, stem: str, entries: list[Entry], explicit: bool) -> list[Entry]:
    """Newest first; versions older than the installed one only where the user named the version."""
    present = image.installed().get(stem)
    if present is None or explicit:
        return entries
    return [entry for entry in entries if entry.fmri.known.key >= present.fmri.known.key]


def _held(installed: Mapping[str, Entry], named: Mapping[str, list[Entry]]) -> dict[str, Entry]:
    return {
        stem: entry
        for stem, entry in installed.items()
        if stem not in named and any(a.get("name") == "pkg.depend.install-hold" for a in entry.actions)
    }


def _downgrade(named: Mapping[str, list[Entry]], installed: Mapping[str, Entry]) -> frozenset[str]:
    """What an incorporation that is made older takes with it."""
    found: set[str] = set()
    for stem, entries in named.items():
        present = installed.get(stem)
        for entry in entries:
            if present and entry.fmri.known.key < present.fmri.known.key:
                found |= {
                    fmri.parse(action.get("fmri")).stem
                    for action in entry.actions
                    if action.get("type") == "incorporate"
                }
    return frozenset(found)


def _to_remove(installed: Mapping[str, Entry], patterns: Iterable[str], ignore_missing: bool) -> frozenset[str]:
    removed: set[str] = set()
    for text in patterns:
        pattern = fmri.parse(text)
        found = _versions({stem: [entry] for stem, entry in installed.items()}, pattern)
        if not found and not ignore_missing:
            raise Refused(f"'{text}' matches no installed packages\n")
        removed |= set(found)
    return frozenset(removed)


def _check_dependents(solver: Solver, installed: Mapping[str, Entry], removed: frozenset[str]) -> None:
    for stem in sorted(removed):
        needing = sorted(
            f"{entry.stem}@{entry.fmri.known.plain}"
            for entry in installed.values()
            if entry.stem not in removed
            and any(kind == "require" and targets[0].stem == stem for kind, targets, _ in solver.depends(entry))
        )
        if needing:
            name = f"{stem}@{installed[stem].fmri.known.plain}"
            head = f"Unable to remove '{name}' due to the following packages that depend on it:\n"
            raise Refused(head + "".join(f"  {other}\n" for other in needing))


def _difference(installed: Mapping[str, Entry], solution: dict[str, Entry], named: Mapping[str, list[Entry]]) -> Plan:
    needed = {
        fmri.parse(action.get("fmri")).stem
        for entry in solution.values()
        for action in entry.actions
        if action.get("type") == "require"
    }
    wanted = {
        stem: entry
        for stem, entry in solution.items()
        if not entry.renamed or stem in needed or installed.get(stem) is entry
    }
    made = Plan(manual=[wanted[stem] for stem in named if stem in wanted])
    for stem in sorted(wanted.keys() | installed.keys()):
        before, after = installed.get(stem), wanted.get(stem)
        if before is None and after is not None:
            made.add.append(after)
        elif before is not None and after is None:
            made.remove.append(before)
        elif before is not None and after is not None and before.fmri != after.fmri:
            made.change.append((before, after))
    return made
