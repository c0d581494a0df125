"""Which versions may be installed together: rejections as pkg explains them, then a search for the best choice.

First every known version is judged by itself (variants, parent image, freezes, ...), and a version that needs a
rejected one is rejected with it; this is what the messages of pkg are made of. Then a backtracking search over what
is left chooses one version, or none, for each package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from testbed.ips import fmri
from testbed.ips.action import Action, counts
from testbed.ips.catalog import Entry
from testbed.ips.fmri import Fmri, Version

SELF = "feature/package/dependency/self"
STEPS = 20000
"""Give up after so many assignments: small catalogues need a few hundred."""


@dataclass
class Rejection:
    """Why a version cannot be installed; ``causes`` are the rejected versions it would need."""

    reason: str
    causes: list[Entry] = field(default_factory=list)


@dataclass
class Problem:
    """``known``: all versions of each stem, newest first; ``publishers``: enabled ones in search order -> sticky."""

    known: Mapping[str, list[Entry]]
    installed: Mapping[str, Entry]
    variants: Mapping[str, str]
    facets: Mapping[str, bool]
    publishers: Mapping[str, bool]
    parent: Mapping[str, Fmri] | None
    """Packages of the parent image by stem; None if the image is not a (synced) child."""
    frozen: Mapping[str, tuple[str, str | None, int]]
    named: Mapping[str, list[Entry]]
    """Stems the user named -> versions that fit, best first."""
    newest: bool
    """Prefer new versions for what is installed (update) instead of leaving it (install, sync-linked)."""
    enforce_parent: bool
    """Installed versions must fit the parent too; install leaves them alone."""
    held: Mapping[str, Entry] = field(default_factory=dict)
    """Installed packages with an install-hold: they stay as they are, with what they incorporate."""
    removed: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    downgrade: frozenset[str] = frozenset()
    """Stems that may become older."""


class NoSolution(Exception):
    """``stems`` cannot be had together with what must stay; `rejections` says why."""

    def __init__(self, stems: list[str], rejections: Mapping[int, Rejection], problem: Problem) -> None:
        super().__init__(", ".join(stems))
        self.stems = stems
        self.rejections = rejections
        self.problem = problem


Choice = Entry | None


class Solver:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.rejections: dict[int, Rejection] = {}
        """By id() of the entry."""
        self._depends: dict[int, list[tuple[str, list[Fmri], Action]]] = {}

    def solve(self) -> dict[str, Entry]:
        """What is installed afterwards, by stem. Raises NoSolution."""
        self._reject_by_themselves()
        self._check_parent()
        self._reject_dependents()
        domains = self._domains()
        hopeless = [stem for stem, choices in domains.items() if not choices]
        if hopeless:
            raise NoSolution(sorted(hopeless), self.rejections, self.problem)
        search = _Search(self, domains)
        found = search.run()
        if found is None:
            stems = sorted(self.problem.named) or sorted(search.conflicts)
            raise NoSolution(stems, self.rejections, self.problem)
        return {stem: entry for stem, entry in found.items() if entry is not None and not entry.obsolete}

    # -- rejections ----------------------------------------------------------------------------------------------

    def depends(self, entry: Entry) -> list[tuple[str, list[Fmri], Action]]:
        """The dependencies that count here: type, targets, action."""
        found = self._depends.get(id(entry))
        if found is None:
            found = [
                (action.get("type"), [fmri.parse(text) for text in action.all("fmri")], action)
                for action in entry.actions
                if action.kind == "depend" and counts(action, self.problem.variants, self.problem.facets)
            ]
            self._depends[id(entry)] = found
        return found

    def _reject_by_themselves(self) -> None:
        for stem, entries in self.problem.known.items():
            for entry in entries:
                reason = self._own_reason(stem, entry)
                if reason:
                    self.rejections[id(entry)] = Rejection(reason)

    def _check_parent(self) -> None:
        """Installed packages of which no version fits the parent end the search at once, before what needs them."""
        if self.problem.parent is None or not self.problem.enforce_parent:
            return
        kept = self.problem.installed.keys() - self.problem.removed
        hopeless = [stem for stem in kept if all(self._parent_reason(e) for e in self.problem.known.get(stem, []))]
        if hopeless:
            raise NoSolution(sorted(hopeless), self.rejections, self.problem)

    def _own_reason(self, stem: str, entry: Entry) -> str:
        if stem in self.problem.rejected:
            return "This version rejected by user request"
        if reason := variant_reason(entry, self.problem.variants):
            return reason
        if stem in self.problem.named and (reason := self._hold_reason(stem, entry)):
            return reason
        installed = self.problem.installed.get(stem)
        kept = entry is installed and not self.problem.enforce_parent
        if self.problem.parent is not None and not kept and (reason := self._parent_reason(entry)):
            return reason
        frozen = self.problem.frozen.get(stem)
        if frozen and not entry.fmri.known.matches(fmri.parse(frozen[0]).known):
            where = fmri.parse(frozen[0]).known.short
            comment = f"  The reason for the freeze is: {frozen[1]}" if frozen[1] else ""
            return f"This version is excluded by a freeze on {stem} at version {where}.{comment}"
        if installed and stem not in self.problem.named and stem not in self.problem.downgrade:
            return newer_installed(installed) if entry.fmri.known.key < installed.fmri.known.key else ""
        return ""

    def _hold_reason(self, stem: str, entry: Entry) -> str:
        for holder in self.problem.held.values():
            for kind, targets, _ in self.depends(holder):
                if kind == "incorporate" and targets[0].stem == stem and not within(entry, targets[0]):
                    where = f"{holder.stem}@{holder.fmri.known.plain}"
                    return f"This version is excluded by installed incorporation {where}"
        return ""

    def _parent_reason(self, entry: Entry) -> str:
        """The four outcomes of a parent dependency (linked-images.md, section 4)."""
        for kind, targets, _ in self.depends(entry):
            for target in targets if kind == "parent" else ():
                reason = parent_reason(entry, target, self.problem.parent or {})
                if reason:
                    return reason
        return ""

    def _reject_dependents(self) -> None:
        changed = True
        while changed:
            changed = False
            for entries in self.problem.known.values():
                for entry in entries:
                    if id(entry) not in self.rejections:
                        rejection = self._dependency_rejection(entry)
                        if rejection:
                            self.rejections[id(entry)] = rejection
                            changed = True

    def _dependency_rejection(self, entry: Entry) -> Rejection | None:
        depends = self.depends(entry)
        incorporated = {
            target.stem: target for kind, targets, _ in depends if kind == "incorporate" for target in targets
        }
        for kind, targets, _ in depends:
            if kind != "require":
                continue
            target = targets[0]
            candidates = [e for e in self.problem.known.get(target.stem, []) if at_least(e, target)]
            narrowed = [e for e in candidates if within(e, incorporated.get(target.stem))]
            if any(id(e) not in self.rejections for e in narrowed):
                continue
            if candidates != narrowed or all("image variant" in self._reason(e) for e in narrowed):
                kind, target = "incorporate", incorporated.get(target.stem, target)
            causes = narrowed or candidates
            return Rejection(f"No version matching '{kind}' dependency {shown(target)} can be installed", causes)
        return None

    def _reason(self, entry: Entry) -> str:
        found = self.rejections.get(id(entry))
        return found.reason if found else ""

    # -- what each package may become ------------------------------------------------------------------------------

    def _domains(self) -> dict[str, list[Choice]]:
        domains: dict[str, list[Choice]] = {}
        for stem in self.problem.removed:
            domains[stem] = [None]
        for stem, entries in self.problem.named.items():
            domains[stem] = [entry for entry in entries if id(entry) not in self.rejections]
        for stem, entry in self.problem.installed.items():
            if stem not in domains:
                domains[stem] = self._choices_for_installed(stem, entry)
        return domains

    def _choices_for_installed(self, stem: str, entry: Entry) -> list[Choice]:
        if stem in self.problem.held:
            return [entry]
        key = entry.fmri.known.key
        versions = [e for e in self.candidates(stem) if e.fmri.known.key >= key or stem in self.problem.downgrade]
        if id(entry) not in self.rejections and entry not in versions:
            versions.append(entry)
        newer = [e for e in versions if e.fmri.known.key >= key]
        older = [e for e in versions if e.fmri.known.key < key]
        if not self.problem.newest:
            newer.sort(key=lambda e: (e is not entry, e.fmri.known.key))
        return [*newer, *older]

    def candidates(self, stem: str) -> list[Entry]:
        """Versions of a stem that its publisher rules allow and nothing rejects, newest first."""
        entries = self.problem.known.get(stem, [])
        installed = self.problem.installed.get(stem)
        if installed and self.problem.publishers.get(installed.publisher, False):
            names = [installed.publisher]
        else:
            names = [name for name in self.problem.publishers if any(e.publisher == name for e in entries)][:1]
        return [e for e in entries if e.publisher in names and id(e) not in self.rejections]


class _Search:
    """Depth-first search with look-ahead: choosing a version narrows what the others may become."""

    def __init__(self, solver: Solver, domains: dict[str, list[Choice]]) -> None:
        self.solver = solver
        self.domains = domains
        self.chosen: dict[str, Choice] = {}
        self.conflicts: dict[str, None] = {}
        self.steps = 0

    def run(self) -> dict[str, Choice] | None:
        first = list(self.solver.problem.removed) + list(self.solver.problem.named)
        rest = [stem for stem in self.domains if stem not in first]
        rest.sort(key=lambda stem: (-self._incorporates(stem), stem))
        return dict(self.chosen) if self._assign([*first, *rest]) else None

    def _incorporates(self, stem: str) -> int:
        choice = self.domains[stem][0]
        return sum(kind == "incorporate" for kind, *_ in self.solver.depends(choice)) if choice else 0

    def _assign(self, queue: list[str]) -> bool:
        while queue and queue[0] in self.chosen:
            queue = queue[1:]
        if not queue:
            return self._late(queue)
        stem = queue[0]
        for choice in list(self.domains[stem]):
            self.steps += 1
            if self.steps > STEPS:
                return False
            saved_domains, saved_chosen = dict(self.domains), dict(self.chosen)
            self.chosen[stem] = choice
            needed = self._narrow(choice) if choice is not None else []
            if needed is not None and self._assign([*needed, *queue[1:]]):
                return True
            self.domains, self.chosen = saved_domains, saved_chosen
        self.conflicts.setdefault(stem)
        return False

    def _narrow(self, entry: Entry) -> list[str] | None:
        """Apply the dependencies of a chosen version; the stems it needs, or None if it cannot be chosen."""
        if entry.obsolete:
            return []
        needed = []
        for kind, targets, _ in self.solver.depends(entry):
            target = targets[0]
            if kind == "require":
                needed.append(target.stem)
            fits = self._test(kind, target)
            if fits and not self._restrict(target.stem, fits):
                return None
        return needed

    def _test(self, kind: str, target: Fmri) -> Callable[[Choice], bool] | None:
        if kind == "require":
            return lambda e: e is not None and not e.obsolete and at_least(e, target)
        if kind == "incorporate":
            return lambda e: e is None or within(e, target)
        if kind == "optional":
            return lambda e: e is None or e.obsolete or at_least(e, target)
        if kind == "exclude":
            return lambda e: e is None or e.obsolete or (target.version is not None and not at_least(e, target))
        return None

    def _restrict(self, stem: str, fits: Callable[[Choice], bool]) -> bool:
        if stem in self.chosen:
            return fits(self.chosen[stem])
        domain = self.domains.get(stem)
        if domain is None:
            domain = [None, *self.solver.candidates(stem)]
        kept = [choice for choice in domain if fits(choice)]
        if not kept:
            self.conflicts.setdefault(stem)
        self.domains[stem] = kept
        return bool(kept)

    def _late(self, queue: list[str]) -> bool:
        """Everything needed is chosen: now what depends on other choices (conditional, group, require-any)."""
        for entry in [choice for choice in self.chosen.values() if choice is not None and not choice.obsolete]:
            for kind, targets, action in self.solver.depends(entry):
                if kind == "conditional" and self._holds(fmri.parse(action.get("predicate"))):
                    wanted = targets[:1]
                elif kind == "require-any" or (kind == "group" and self.solver.candidates(targets[0].stem)):
                    wanted = targets
                else:
                    continue
                if not any(self._holds(target) for target in wanted):
                    return any(self._add(target) for target in wanted)
        return True

    def _holds(self, target: Fmri) -> bool:
        choice = self.chosen.get(target.stem)
        return choice is not None and not choice.obsolete and at_least(choice, target)

    def _add(self, target: Fmri) -> bool:
        saved_domains, saved_chosen = dict(self.domains), dict(self.chosen)
        fits = self._test("require", target)
        if fits and self._restrict(target.stem, fits) and self._assign([target.stem]):
            return True
        self.domains, self.chosen = saved_domains, saved_chosen
        return False


def at_least(entry: Entry, target: Fmri) -> bool:
    """Does the version satisfy a require, optional or conditional dependency on ``target``?"""
    if target.publisher and entry.publisher != target.publisher:
        return False
    return target.version is None or _at_least(entry.fmri.known, target.version)


def _at_least(have: Version, want: Version) -> bool:
    return have.matches(want) or have.key >= want.key


def within(entry: Entry, target: Fmri | None) -> bool:
    """Does the version fit an incorporation of ``target``?"""
    return target is None or target.version is None or entry.fmri.known.matches(target.version)


def shown(target: Fmri) -> str:
    """A dependency's target as messages name it: without scheme and build release."""
    return target.stem + (f"@{target.version.short}" if target.version else "")


def newer_installed(installed: Entry) -> str:
    return f"Newer version {installed.fmri} is already installed"


def variant_reason(entry: Entry, variants: Mapping[str, str]) -> str:
    """Why the package as a whole is not for this image (`set name=variant.X value=...`), or empty."""
    for action in entry.actions:
        name = action.get("name")
        if action.kind == "set" and name.startswith("variant.") and name in variants:
            values = action.all("value")
            if variants[name] not in values:
                return (
                    f"Package supports image variant {name}={', '.join(values)}"
                    f" but doesn't support this image's {name}={variants[name]}"
                )
    return ""


def parent_reason(entry: Entry, target: Fmri, parent: Mapping[str, Fmri]) -> str:
    """Why a parent dependency on ``target`` is not satisfied, in the solver's words, or empty."""
    own = target.stem == SELF
    wanted = entry.fmri if own else target
    have = parent.get(wanted.stem)
    if have is None:
        return f"Package {wanted.stem} is not installed in global zone."
    if wanted.publisher and wanted.publisher != have.publisher:
        return f"Package in global zone is from a different publisher: {have}"
    if wanted.version is None or have.known.key == wanted.version.key:
        return ""
    if have.known.key > wanted.version.key:
        return f"Global zone has a newer version: {have}" if own else ""
    return f"Global zone has an older version of package: {have}"
