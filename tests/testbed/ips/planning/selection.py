"""Which packages the patterns on the command line mean, and what is said where they mean none (client/imageplan.py)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from testbed.ips import fmri
from testbed.ips.images.catalog import Entry
from testbed.ips.planning import patterns
from testbed.ips.planning.patterns import Pattern
from testbed.ips.planning.rules import variant_reason
from testbed.ips.planning.space import Ranked

NO_MATCH = (
    "The following pattern(s) did not match any allowable packages.  Try\n"
    "using a different matching pattern, or refreshing publisher information:\n"
)
ONLY_REJECTED = (
    "The following pattern(s) only matched packages rejected by user request.  Try\n"
    "using a different matching pattern, or refreshing publisher information:\n"
)
WRONG_VARIANT = (
    "The following pattern(s) only matched packages that are not available\n"
    "for the current image's architecture, zone type, and/or other variant:"
)
OTHER_PUBLISHER = (
    "The following patterns only matched packages that are from publishers other than that which supplied the"
    " already installed version of this package"
)
CHOOSE_ONE = "\n\nPlease provide one of the package FMRIs listed above to the install command."


class Refused(Exception):
    """The request cannot be planned; the text is pkg's, without `pkg COMMAND: ` in front."""


@dataclass
class Mistakes:
    """What is wrong with the patterns; the order of the fields is the order in which pkg tells it."""

    unmatched: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    variant: list[str] = field(default_factory=list)
    publisher: list[str] = field(default_factory=list)
    ambiguous: list[tuple[str, list[str]]] = field(default_factory=list)
    not_installed: list[str] = field(default_factory=list)
    contradicting: list[tuple[str, list[str]]] = field(default_factory=list)

    def refuse(self) -> None:
        """Raises Refused if there is any."""
        lines = []
        for head, names in (
            (NO_MATCH, self.unmatched),
            (ONLY_REJECTED, self.rejected),
            (WRONG_VARIANT, self.variant),
            (OTHER_PUBLISHER, self.publisher),
        ):
            lines += [head, *(f"\t{name}" for name in names)] if names else []
        for name, stems in self.ambiguous:
            lines += [f"'{name}' matches multiple packages", *(f"\t{stem}" for stem in stems)]
        lines += [f"'{name}' matches no installed packages" for name in self.not_installed]
        if self.contradicting:
            lines.append("The following patterns specify different versions of the same package(s):")
            lines += [f"{', '.join(texts)}: {stem}" for stem, texts in self.contradicting]
        if lines:
            raise Refused("\n".join(lines) + (CHOOSE_ONE if self.ambiguous else "") + "\n")


@dataclass
class Selector:
    """``known``: all versions by stem; ``publishers``: those configured, and those of installed packages."""

    known: Mapping[str, list[Entry]]
    installed: Mapping[str, Entry]
    variants: Mapping[str, str]
    publishers: Mapping[str, Ranked]

    def stems(self, texts: Iterable[str]) -> frozenset[str]:
        """The packages that patterns of --reject mean, versions aside. Raises Refused."""
        mistakes, by_stem = Mistakes(), dict[str, list[str]]()
        for pattern in _read(texts, versions=False):
            found = self._names(pattern, self.known)
            if not found:
                mistakes.unmatched.append(pattern.text)
            elif len(found) > 1 and not _wild(pattern):
                mistakes.ambiguous.append((pattern.text, sorted(found)))
            else:
                for stem in found:
                    by_stem.setdefault(stem, []).append(pattern.text)
        mistakes.contradicting = [(stem, names) for stem, names in by_stem.items() if len(names) > 1]
        mistakes.refuse()
        return frozenset(by_stem)

    def present(self, texts: Iterable[str], ignore_missing: bool) -> frozenset[str]:
        """The installed packages that patterns of `uninstall` mean. Raises Refused."""
        mistakes = Mistakes()
        by_pattern = {
            pattern: {
                stem: [self.installed[stem]]
                for stem in self._names(pattern, self.installed)
                if pattern.allows(self.installed[stem].fmri.known)
            }
            for pattern in _read(texts)
        }
        mistakes.not_installed = [p.text for p, found in by_pattern.items() if not found and not ignore_missing]
        merged = _merged(by_pattern, mistakes, lambda stem, entries, pattern: entries)
        mistakes.refuse()
        return frozenset(merged)

    def versions(
        self, texts: Iterable[str], rejected: Collection[str], only_installed: bool, ignore_missing: bool
    ) -> dict[str, list[Entry]]:
        """Stem -> versions that the patterns of `install` or `update` allow, oldest first. Raises Refused.

        ``only_installed`` (update): stems that are not installed do not count.
        """
        mistakes = Mistakes()
        by_pattern: dict[Pattern, dict[str, list[Entry]]] = {}
        for pattern in _read(texts):
            stems = self._names(pattern, self.installed if only_installed else self.known)
            found = {stem: [e for e in self.known[stem] if pattern.allows(e.fmri.known)] for stem in stems}
            if pattern.name.publisher:
                found = {s: [e for e in es if e.publisher == pattern.name.publisher] for s, es in found.items()}
            found = {stem: entries for stem, entries in found.items() if entries}
            wanted = {stem: entries for stem, entries in found.items() if stem not in rejected}
            fitting = {s: [e for e in es if not variant_reason(e, self.variants)] for s, es in wanted.items()}
            fitting = {stem: entries for stem, entries in fitting.items() if entries}
            by_pattern[pattern] = fitting if _wild(pattern) else _of_one_meaning(fitting)
            if fitting:
                continue
            if wanted:
                mistakes.variant.append(pattern.text)
            elif found:
                mistakes.rejected.append(pattern.text)
            elif not only_installed:
                mistakes.unmatched.append(pattern.text)
            elif not ignore_missing:
                mistakes.not_installed.append(pattern.text)
        merged = _merged(by_pattern, mistakes, self._sticky)
        mistakes.refuse()
        latest = [found for pattern, found in by_pattern.items() if pattern.name.latest]
        return {stem: _newest(stem, self._best(stem, entries), latest) for stem, entries in merged.items()}

    def _names(self, pattern: Pattern, among: Mapping[str, object]) -> list[str]:
        """Stems among these that a pattern means, versions aside."""
        return [stem for stem in among if any(pattern.names(entry) for entry in self.known.get(stem, []))]

    def _sticky(self, stem: str, entries: list[Entry], pattern: Pattern | None) -> list[Entry]:
        """Versions of the publisher that the installed one holds to, unless the pattern names a publisher."""
        present = self.installed.get(stem)
        if present is None or (pattern and pattern.name.publisher) or not self.publishers[present.publisher].sticky:
            return entries
        return [entry for entry in entries if entry.publisher == present.publisher]

    def _best(self, stem: str, entries: list[Entry]) -> list[Entry]:
        """Versions of the first publisher that has any, and the installed one."""
        names = {entry.publisher for entry in entries}
        last = Ranked(1000, False, False)
        best = min(names, key=lambda name: (self.publishers.get(name, last).rank, name))
        present = self.installed.get(stem)
        if present not in entries:
            present = None
        return [
            entry
            for entry in entries
            if entry is present
            or (entry.publisher == best and (present is None or entry.fmri.known.key != present.fmri.known.key))
        ]


def _read(texts: Iterable[str], versions: bool = True) -> list[Pattern]:
    """Patterns without those that say the same. Raises Refused."""
    found: dict[tuple[object, ...], Pattern] = {}
    for text in texts:
        try:
            pattern = patterns.parse(text if versions else text.partition("@")[0])
        except patterns.Illegal:
            raise Refused(f"'{text}' is an illegal fmri\n") from None
        key = (pattern.name.publisher, pattern.name.stem, text.partition("@")[2] if versions else "")
        found.setdefault(key, pattern)
    return list(found.values())


def _wild(pattern: Pattern) -> bool:
    return fmri.is_wild(pattern.name.stem)


def _of_one_meaning(found: dict[str, list[Entry]]) -> dict[str, list[Entry]]:
    """Without the obsolete ones, and what others were renamed to, if several packages end in a name."""
    if len(found) > 1:
        living = {stem: es for stem, es in found.items() if not any(entry.obsolete for entry in es)}
        found = living or found
    if len(found) > 1:
        targets = {
            fmri.parse(target).stem
            for entries in found.values()
            for entry in entries
            if entry.renamed
            for action in entry.actions
            if action.get("type") == "require"
            for target in action.all("fmri")
        }
        found = {stem: es for stem, es in found.items() if stem not in targets}
    return found


def _merged(
    by_pattern: Mapping[Pattern, dict[str, list[Entry]]],
    mistakes: Mistakes,
    allowed: Callable[[str, list[Entry], Pattern | None], list[Entry]],
) -> dict[str, list[Entry]]:
    """What all patterns for a stem allow, oldest first; exact ones win over those with wildcards."""
    by_stem: dict[str, list[tuple[Pattern, list[Entry]]]] = {}
    for pattern, found in by_pattern.items():
        if len(found) > 1 and not _wild(pattern):
            stems = sorted({f"pkg://{e.publisher}/{stem}" for stem, entries in found.items() for e in entries})
            mistakes.ambiguous.append((pattern.text, stems))
            continue
        for stem, entries in found.items():
            by_stem.setdefault(stem, []).append((pattern, entries))
    merged = {}
    for stem, pairs in by_stem.items():
        exact = [pair for pair in pairs if not _wild(pair[0])]
        publisher = [pair for pair in pairs if pair[0].name.publisher]
        pairs = exact or publisher or pairs
        common = [e for e in pairs[0][1] if all(e in entries for _, entries in pairs[1:])]
        named = next((pattern for pattern, _ in pairs if pattern.name.publisher), None)
        if not common:
            mistakes.contradicting.append((stem, [pattern.text for pattern, _ in pairs]))
        elif kept := allowed(stem, common, named):
            merged[stem] = sorted(kept, key=lambda entry: (entry.publisher, entry.fmri.known.key))
        else:
            for pattern, entries in pairs:
                names = sorted({entry.publisher for entry in entries})
                mistakes.publisher.append(f"{pattern.text}: {', '.join(names)}")
    return merged


def _newest(stem: str, entries: list[Entry], latest: list[dict[str, list[Entry]]]) -> list[Entry]:
    """Only the newest one if a pattern with `@latest` chose it."""
    newest = max(entries, key=lambda entry: entry.fmri.known.key)
    if not any(newest in found.get(stem, []) for found in latest):
        return entries
    return [entry for entry in entries if entry.fmri.known.key == newest.fmri.known.key]
