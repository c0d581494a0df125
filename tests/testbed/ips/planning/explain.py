"""Why there is no solution, as pkg tells it: a summary of root causes (master), or every rejection (-v, r151054)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from testbed.ips.planning.dependency import Resolver, Unsatisfied
from testbed.ips.planning.rules import follows_parent
from testbed.ips.planning.space import Candidate, Kind, Rejection, Space

UNTOLD = (Kind.NEWER_INSTALLED, Kind.OTHER_PUBLISHER, Kind.OTHER_VERSION)
"""What the request or the image's state bring about: no explanation."""
NAMES = 8
RULE = "-" * 40
HINT = "Re-run the operation with the -v option to see all of the rejected\npackages and detailed reasons."
MUST_GO = "Package '{}' must be uninstalled or upgraded if the requested operation is to be performed."


class NoSolution(Exception):
    """The text is what pkg prints behind `pkg COMMAND: `."""


@dataclass
class _Told:
    """What a tree of rejections has shown so far."""

    candidates: set[Candidate] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    left_out: set[Candidate] = field(default_factory=set)


class Explanation:
    def __init__(self, space: Space, resolver: Resolver) -> None:
        self.space = space
        self.resolver = resolver
        self.full = space.problem.full

    def named(self, failed: Mapping[str, list[Candidate]]) -> NoSolution:
        """No version of these stems, asked for with these versions, is left."""
        summary = self._summary(found for versions in failed.values() for found in versions)
        if summary:
            if len(failed) == 1:
                head = [f"No matching version of {next(iter(failed))} can be installed."]
            else:
                text = f"No matching version of the following\n{len(failed)} proposed packages can be installed:"
                head = [text, *_names(failed)]
            return _no_solution([*head, "", *summary, HINT])
        told, lines = _Told(), []
        for stem, versions in failed.items():
            lines += [f"No matching version of {stem} can be installed:", *self._tree(versions, "", told)]
        return _no_solution(lines)

    def lost(self, lost: list[Candidate]) -> NoSolution:
        """Installed packages that have to go, which nobody asked for."""
        told, lines = _Told(), list[str]()
        missing = [found for found in lost if self._has(found, Kind.PARENT_MISSING)]
        if missing:
            # these bring about most others: pkg tells them alone
            for found in missing:
                lines += [MUST_GO.format(found.stem), *self._tree([found], "", told)]
            return _no_solution(lines)
        shown = [(found, [found, *self._parents(found)]) for found in lost]
        summary = self._summary(found for _, versions in shown for found in versions)
        if summary:
            text = "The following installed packages must be uninstalled or upgraded\n"
            text += "if the requested operation is to be performed:"
            return _no_solution([text, *_names(found.stem for found in lost), "", *summary, HINT])
        for found, versions in shown:
            tree = self._tree(versions, "", told)
            lines += [MUST_GO.format(found.stem), *tree] if tree else []
        return _no_solution(lines)

    def unsolved(self, named: Mapping[str, list[Candidate]] | None = None) -> NoSolution:
        """Nothing is rejected that must be there, and yet no choice will do. ``named``: None for `update`."""
        head = "No solution was found to satisfy constraints"
        if named is None:
            return _no_solution([head])
        held = sorted(self.resolver.held, key=lambda found: found.stem)
        lines = ["", f"maintained incorporations:{'' if held else ' None'}"]
        lines += [f"  {found.fmri.plain}" for found in held]
        info = []
        for text, errors in (
            ("dependency error(s) in proposed packages:", self._errors(f for found in named.values() for f in found)),
            ("Errors in installed packages due to proposed changes:", self._installed_errors()),
        ):
            if errors:
                info += ["", f"Plan Creation: {text}", "", *(f"  {line}" for line in errors)]
        if info and not self.full:
            info += ["", HINT]
        if not info:
            info = [
                "Plan Creation: Package solver is unable to compute solution.",
                "Dependency analysis is unable to determine exact cause.",
                f"Try running with {'-vv' if self.space.problem.old else '-vvv'} to"
                " obtain more detailed error messages.",
            ]
        return _no_solution([head, *lines, "", *info])

    def nothing_newer(self, incorporations: list[Candidate]) -> NoSolution:
        """`update` finds nothing to do although these incorporations with a hold are newer than the installed ones."""
        lines = [
            "No solution was found to satisfy constraints",
            "No solution found to update to latest available versions.",
            "This may indicate an overly constrained set of packages are installed.",
            " ",
            "latest incorporations:",
            " ",
            *(f"  {found.fmri}" for found in incorporations),
            " ",
        ]
        errors = self._errors(incorporations) + self._installed_errors()
        if errors:
            lines += ["The following indicates why the system cannot update to the latest version:", " "]
            lines += [f"  {line}" for line in errors]
            lines += [] if self.full else [" ", HINT]
        else:
            lines.append("Dependency analysis is unable to determine the cause.")
            if self.space.problem.old:
                lines.append("Try running with -vv to obtain more detailed error messages.")
            else:
                text = "Try running with -vv, which evaluates packages individually\nand can identify"
                lines.append(f"{text} the specific cause.")
        return _no_solution(lines)

    # -- root causes -----------------------------------------------------------------------------------------------

    def _summary(self, candidates: Iterable[Candidate]) -> list[str]:
        """Root causes of these rejections; empty if there are none, or all rejections are wanted."""
        if self.full:
            return []
        waiting, seen, rejected = deque(candidates), set[Candidate](), 0
        roots: dict[str, int] = {}
        carriers: dict[Candidate, list[str]] = {}
        while waiting:
            found = waiting.popleft()
            if found in seen:
                continue
            seen.add(found)
            reasons = self.space.reasons(found)
            rejected += bool(reasons)
            for rejection in reasons:
                if rejection.kind in UNTOLD or self._told_elsewhere(rejection):
                    continue
                if rejection.kind != Kind.DEPENDENCY:
                    if rejection.text not in roots:
                        carriers.setdefault(found, []).append(rejection.text)
                    roots[rejection.text] = roots.get(rejection.text, -1) + 1
                waiting += sorted(rejection.causes, key=lambda cause: cause.order)
        if not carriers:
            return []
        lines = ["This is due to the following root cause(s):", ""]
        for found, texts in carriers.items():
            lines.append(f"  Package: {self._name(found)}")
            for text in texts:
                lines.append(f"  Reason:  {text}")
                if roots[text]:
                    more = f"(and {roots[text]} other rejected package versions with the same reason)"
                    lines.append(f"           {more}")
            lines.append("")
        total = "one package version" if rejected == 1 else f"{rejected} package versions in total"
        return [*lines, f"The above led to the rejection of {total}."]

    def _told_elsewhere(self, rejection: Rejection) -> bool:
        """A dependency on an incorporation of any version: what speaks against versions is told where one is named."""
        if rejection.kind != Kind.DEPENDENCY or rejection.dependency is None:
            return False
        kind, target = rejection.dependency
        return kind == "require" and "@" not in target and target in self.space.incorporating

    # -- all rejections --------------------------------------------------------------------------------------------

    def _tree(self, candidates: Iterable[Candidate], indent: str, told: _Told) -> list[str]:
        blocks: list[tuple[list[str], list[str]]] = []
        for found in sorted(candidates, key=lambda found: found.stem):
            reasons = self._reasons(found, indent, told)
            if reasons is None:
                continue
            if blocks and blocks[-1][1] == reasons:
                blocks[-1][0].append(self._name(found))
            else:
                blocks.append(([self._name(found)], reasons))
        lines = []
        for names, reasons in blocks:
            head = f"{indent}  Reject:  "
            lines.append(head + names[0])
            if len(names) == 2:
                lines.append(" " * len(head) + names[1])
            elif len(names) > 2 and (self.space.stamped or names[0] != names[-1]):
                lines += [f"{' ' * len(head)}  to", " " * len(head) + names[-1]]
            lines += reasons
        return lines

    def _reasons(self, found: Candidate, indent: str, told: _Told) -> list[str] | None:
        """The lines below a rejected version; None if there is nothing to tell."""
        if found in told.candidates:
            return None if found in told.left_out else [f"{indent}  Reason:  [already rejected; see above]"]
        told.candidates.add(found)
        reasons = [rejection for rejection in self.space.reasons(found) if rejection.kind not in UNTOLD]
        if not reasons:
            told.left_out.add(found)
            return None
        lines = []
        for rejection in reasons:
            lines.append(f"{indent}  Reason:  {rejection.text}")
            if rejection.text in told.texts:
                continue
            told.texts.add(rejection.text)
            if self._told_elsewhere(rejection):
                continue
            causes = [c for c in rejection.causes if c not in told.candidates and c not in told.left_out]
            inner = self._tree(sorted(causes, key=lambda cause: cause.order), f"{indent}  ", told)
            if inner:
                lines += [f"{indent}    {RULE}", *inner, f"{indent}    {RULE}"]
        return lines

    def _name(self, found: Candidate) -> str:
        return found.fmri.short if self.space.stamped else found.fmri.plain

    # -- guesses ---------------------------------------------------------------------------------------------------

    def _errors(self, candidates: Iterable[Candidate]) -> list[str]:
        """What is wrong with these versions and what they need."""
        first = list(candidates)
        lines, told = list[str](), _Told()
        waiting, done = list(first), set[Candidate]()
        while waiting:
            found = waiting.pop(0)
            if found in done:
                continue
            done.add(found)
            if found in self.space.rejections:
                lines += self._tree([found], "", told)
                continue
            try:
                for dependency in found.dependencies:
                    waiting += self.resolver.check(found, dependency, asked=False)
            except Unsatisfied as failure:
                self.space.reject([found], failure.rejection)
                lines.append(f"No suitable version of required package {found.stem} found:")
                lines += self._tree([found], "", told)
        return (self._summary(first) if lines else []) or lines

    def _installed_errors(self) -> list[str]:
        """Installed packages of which neither this nor a newer version is left."""
        failed = [
            (found, self.space.newer(found.fmri, trimmed=False)[0])
            for found in self.space.kept
            if not self.space.newer(found.fmri)[0]
        ]
        summary = self._summary(version for _, versions in failed for version in versions) if failed else []
        if summary:
            head = "No suitable version of the following installed packages could be found:"
            return [head, *_names(found.stem for found, _ in failed), "", *summary]
        told, lines = _Told(), list[str]()
        for found, versions in failed:
            lines.append(f"No suitable version of installed package {found.stem} found")
            lines += self._tree(versions, "", told)
        return lines

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _has(self, found: Candidate, kind: Kind) -> bool:
        return any(rejection.kind == kind for rejection in self.space.rejections.get(found, ()))

    def _parents(self, found: Candidate) -> list[Candidate]:
        """The parent's version of a package that has to be the parent's, if it is another one."""
        have = (self.space.problem.parent or {}).get(found.stem)
        if not follows_parent(found) or have is None or have == found.fmri:
            return []
        theirs = self.space.find(have)
        return [theirs] if theirs else []


def _names(stems: Iterable[str]) -> list[str]:
    names = sorted(stems)
    more = [f"... and {len(names) - NAMES} others"] if len(names) > NAMES else []
    return [f"\t{name}" for name in names[:NAMES] + more]


def _no_solution(lines: list[str]) -> NoSolution:
    return NoSolution("".join(f"{line}\n" for line in lines))
