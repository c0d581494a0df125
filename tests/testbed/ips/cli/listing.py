"""Which packages `list`, `info` and `contents` speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from testbed.ips import action, fmri
from testbed.ips.images import catalog
from testbed.ips.images.catalog import Catalog, Entry
from testbed.ips.images.image import Image
from testbed.ips.planning.patterns import Pattern
from testbed.ips.planning.rules import variant_reason
from testbed.ips.repositories.repository import Repositories


class Kind(Enum):
    """What to choose from."""

    INSTALLED = auto()
    ALLOWED = auto()
    """`list -a`: installed, or the newest that incorporations and variants allow."""
    NEWEST = auto()
    ALL = auto()
    UPGRADABLE = auto()
    REMOVABLE = auto()


@dataclass
class Listing:
    """``found`` by stem, then publisher, newest first. ``unmatched``: patterns without a package, sorted."""

    found: list[Entry] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def select(
    image: Image,
    kind: Kind,
    patterns: Iterable[Pattern],
    entries: Sequence[Entry],
    *,
    any_variant: bool = False,
    ranked: bool = False,
) -> Listing:
    """Choose among ``entries``. ``ranked``: of each stem only the first publisher's, unless a pattern names one."""
    patterns = list({_key(pattern): pattern for pattern in reversed(list(patterns))}.values())[::-1]
    allowed = _Allowed(image, entries) if kind is Kind.ALLOWED else None
    needed = required(image) if kind is Kind.REMOVABLE else set()
    filtered = kind in (Kind.NEWEST, Kind.ALLOWED) and not any_variant
    matched: set[str] = set()
    listed: set[tuple[str, str]] = set()
    first: dict[str, str] = {}
    found = []
    newest_first = sorted(entries, key=lambda entry: entry.fmri.known.key, reverse=True)
    for entry in sorted(newest_first, key=lambda entry: (entry.stem, entry.publisher)):
        place = (entry.stem, entry.publisher)
        if kind is Kind.NEWEST and place in listed:
            continue
        if not _offered(kind, entry, needed) or (allowed and not allowed.offers(entry, place in listed)):
            continue
        hits = [
            pattern
            for pattern in patterns
            if pattern.names(entry)
            and pattern.allows(entry.fmri.known)
            and not (pattern.name.latest and place in listed)
            and not (
                ranked and not pattern.name.publisher and first.get(entry.stem, entry.publisher) != entry.publisher
            )
        ]
        if patterns and not hits:
            continue
        if filtered and not entry.installed and variant_reason(entry, image.variants):
            continue
        if allowed and allowed.known_otherwise(entry):
            continue
        if allowed:
            allowed.listed(entry)
        listed.add(place)
        first.setdefault(entry.stem, entry.publisher)
        matched |= {pattern.text for pattern in hits}
        found.append(entry)
    return Listing(found, sorted({pattern.text for pattern in patterns} - matched))


def _key(pattern: Pattern) -> tuple[object, ...]:
    return (pattern.name, pattern.name.latest, pattern.wild)


def _offered(kind: Kind, entry: Entry, needed: set[str]) -> bool:
    if kind is Kind.UPGRADABLE:
        return entry.installed and catalog.UPGRADABLE in entry.states
    if kind is Kind.REMOVABLE:
        return entry.installed and entry.stem not in needed
    return kind is not Kind.INSTALLED or entry.installed


def required(image: Image) -> set[str]:
    """Stems that `list -r` leaves out: others need them, or they are held."""
    stems = _targets(image, "require", "conditional")
    for stem, entry in image.installed().items():
        if any(found.get("name") == "pkg.depend.install-hold" for found in entry.actions):
            stems.add(stem)
    return stems


def optional(image: Image) -> set[str]:
    """Stems that installed packages have optional dependencies on."""
    return _targets(image, "optional")


def _targets(image: Image, *types: str) -> set[str]:
    return {
        fmri.parse(text).stem
        for entry in image.installed().values()
        for found in entry.actions
        if found.get("type") in types and action.counts(found, image.variants, image.facets)
        for text in found.all("fmri")
    }


class _Allowed:
    """What `list -a` offers besides installed packages."""

    def __init__(self, image: Image, entries: Sequence[Entry]) -> None:
        self.installed = image.installed()
        self.incorporated = _incorporated(self.installed)
        self.seen: set[str] = set()
        rank = {name: place for place, name in enumerate(entry.name for entry in image.enabled)}
        by_stem = Catalog([*entries]).by_stem()
        self.publisher = {
            stem: min((entry.publisher for entry in versions), key=lambda name: rank.get(name, len(rank)))
            for stem, versions in by_stem.items()
            if stem in self.incorporated
        }
        self.renamed_from: dict[str, str] = {}
        newest: dict[tuple[str, str], Entry] = {}
        for versions in by_stem.values():
            for entry in versions:
                newest.setdefault((entry.stem, entry.publisher), entry)
        for entry in [*self.installed.values(), *newest.values()]:
            if entry.renamed:
                self.renamed_from |= dict.fromkeys(_required_by(entry), entry.stem)

    def offers(self, entry: Entry, listed: bool) -> bool:
        """``listed``: a newer version of this publisher's is listed."""
        if entry.installed:
            return True
        if entry.stem in self.installed:
            return False
        for former in self._formerly(entry.stem):
            if former in self.incorporated:
                break
            if former in self.installed:
                return False
        wanted = self.incorporated.get(entry.stem)
        if wanted is None:
            return not listed
        if entry.stem in self.seen or self.publisher.get(entry.stem, entry.publisher) != entry.publisher:
            return False
        return entry.fmri.known.matches(wanted)

    def listed(self, entry: Entry) -> None:
        self.seen.add(entry.stem)

    def known_otherwise(self, entry: Entry) -> bool:
        """A renamed package that is installed or incorporated under its new name."""
        if entry.installed or not entry.renamed or entry.stem not in self.incorporated:
            return False
        return any(stem in self.incorporated for target in _required_by(entry) for stem in self._names(target))

    def _names(self, stem: str) -> Iterable[str]:
        return [stem, *self._formerly(stem)]

    def _formerly(self, stem: str) -> list[str]:
        names: list[str] = []
        while (stem := self.renamed_from.get(stem, "")) and stem not in names:
            names.append(stem)
        return names


def _required_by(entry: Entry) -> list[str]:
    return [fmri.parse(found.get("fmri")).stem for found in entry.actions if found.get("type") == "require"]


def _incorporated(installed: Mapping[str, Entry]) -> dict[str, fmri.Version]:
    """Of every incorporated stem the newest version that an installed package names."""
    versions: dict[str, fmri.Version] = {}
    for entry in installed.values():
        for found in entry.actions:
            if found.get("type") == "incorporate":
                target = fmri.parse(found.get("fmri"))
                if target.version and (target.stem not in versions or versions[target.stem].key <= target.version.key):
                    versions[target.stem] = target.version
    return versions


def offered_by(image: Image, repositories: Repositories, uris: Iterable[str]) -> list[Entry]:
    """Catalog entries of the repositories that -g names, with states as this image sees them."""
    entries = {
        entry.fmri: entry
        for repository in map(repositories.at, uris)
        for publisher in repository.publishers
        for entry in repository.catalog(publisher).entries
    }
    newest: dict[str, Entry] = {}
    for entry in [*image.installed().values(), *entries.values()]:
        if entry.stem not in newest or newest[entry.stem].fmri.known.key < entry.fmri.known.key:
            newest[entry.stem] = entry
    have = {entry.fmri for entry in image.installed().values()}
    for entry in entries.values():
        for state, on in (
            (catalog.KNOWN, True),
            (catalog.INSTALLED, entry.fmri in have),
            (catalog.OBSOLETE, entry.obsolete),
            (catalog.RENAMED, entry.renamed),
            (catalog.UPGRADABLE, newest[entry.stem].fmri.known != entry.fmri.known),
        ):
            entry.set_state(state, on)
    return list(entries.values())
