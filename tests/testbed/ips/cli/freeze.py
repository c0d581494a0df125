"""pkg freeze, unfreeze: packages held at a version (images/FORMAT-v4.md, frozen_dict)."""

from __future__ import annotations

import time

from testbed.ips import fmri
from testbed.ips.cli.options import parse, usage
from testbed.ips.planning import matching, patterns
from testbed.ips.planning.matching import wild
from testbed.ips.planning.patterns import Pattern
from testbed.ips.repositories import refresh
from testbed.ips.session import Exit, Session

ROW = "{:18} {:27} {:24} {}\n"

NO_VERSION = (
    "The following patterns don't match installed packages and\n"
    "contain no version information.  Uninstalled packages can only be frozen by\n"
    "providing a version at which to freeze them.\n"
)
OTHER_VERSION = (
    "The following patterns attempted to freeze the listed packages\n"
    "at a version different from the version at which the packages are installed.\n"
)
NO_WILD_MATCH = "The following patterns contained wildcards but matched no\ninstalled packages.\n"
TWO_VERSIONS = (
    "The following packages were frozen at two different versions by\n"
    "the patterns provided.  The package stem and the versions it was frozen at are\n"
    "provided:\n"
)


def freeze(session: Session, args: list[str]) -> int:
    given = parse("freeze", args, "Hc:n")
    comment = given.one("-c")
    if comment and not given.words:
        raise usage("freeze", "At least one package to freeze must be given when -c is used.")
    if given.has("-H") and given.words:
        raise usage("", "-H may only be specified when listing the currently frozen packages.")
    if not given.words:
        return _show(session, headers=not given.has("-H"))
    if not given.has("-n"):
        session.lock()
    wanted = _freezes(session, given.words)
    if not given.has("-n"):
        now = int(time.time())
        kept = session.image.frozen()
        _save(session, kept | {stem: (f"pkg:/{stem}@{version}", comment, now) for stem, version in wanted.items()})
    for stem, version in wanted.items():
        session.out(f"{stem} was frozen at {fmri.version(version).short}\n")
    return 0


def unfreeze(session: Session, args: list[str]) -> int:
    given = parse("unfreeze", args, "Hn")
    if not given.words:
        return _show(session, headers=not given.has("-H"))
    if not given.has("-n"):
        session.lock()
    frozen = session.image.frozen()
    found = matching.stems([fmri.parse(f"pkg:/{stem}") for stem in frozen], given.words)
    if error := matching.unusable("unfreeze", found):
        raise error
    if not given.has("-n"):
        _save(session, {stem: entry for stem, entry in frozen.items() if stem not in found.found})
    for stem in found.found:
        session.out(f"{stem} was unfrozen.\n")
    return 0 if found.found else 4


def _save(session: Session, frozen: dict[str, tuple[str, str | None, int]]) -> None:
    session.image.write_frozen(frozen)
    refresh.set_states(session.image)
    session.save()


def _show(session: Session, headers: bool) -> int:
    frozen = sorted(session.image.frozen().items())
    if frozen and headers:
        session.out(ROW.format("NAME", "VERSION", "DATE", "COMMENT"))
    for stem, (text, comment, seconds) in frozen:
        date = time.strftime("%d %b %Y %H:%M:%S UTC", time.gmtime(seconds))
        session.out(ROW.format(stem, fmri.parse(text).known.short, date, comment or "None"))
    return 0


def _freezes(session: Session, words: list[str]) -> dict[str, str]:
    """Stem -> version to freeze it at. Raises Exit 1: an installed package can only be frozen as it is installed."""
    installed = session.image.installed()
    parsed = _parsed(words)
    found = matching.stems([entry.fmri for entry in installed.values()], words)
    if error := matching.unusable("freeze", found):
        raise error
    wanted: dict[str, set[str]] = {}
    mismatched: dict[str, list[str]] = {}
    for stem, (pattern,) in found.found.items():
        version = pattern.partition("@")[2]
        have = installed[stem].fmri.known
        if not parsed[pattern].allows(have):
            mismatched.setdefault(pattern, []).append(stem)
        elif parsed[pattern].wild:
            raise Exit(1, f"\npkg freeze: Illegal FMRI '{stem}@{version}': Bad Version: {version}\n")
        else:
            wanted.setdefault(stem, set()).add(version or have.text)
    unwild = [pattern for pattern in found.unmatched if not wild(pattern)]
    versionless = [pattern for pattern in unwild if not pattern.partition("@")[2]]
    for pattern in unwild:
        if pattern not in versionless:
            wanted.setdefault(fmri.parse(pattern).stem, set()).add(pattern.partition("@")[2])
    two = {stem: sorted(versions) for stem, versions in wanted.items() if len(versions) > 1}
    text = _listed(TWO_VERSIONS, [f"{stem}\t{' '.join(f'{stem}@{v}' for v in two[stem])}" for stem in sorted(two)])
    text += _listed(NO_WILD_MATCH, sorted(pattern for pattern in found.unmatched if wild(pattern)))
    text += _listed(OTHER_VERSION, [line for pattern in sorted(mismatched) for line in _mismatch(pattern, mismatched)])
    text += _listed(NO_VERSION, sorted(versionless))
    if text:
        raise Exit(1, f"\npkg freeze: {text}")
    return {stem: versions.pop() for stem, versions in wanted.items()}


def _parsed(words: list[str]) -> dict[str, Pattern]:
    parsed = {}
    for word in words:
        try:
            parsed[word] = patterns.parse(word)
        except patterns.Illegal:
            raise Exit(1, f"\npkg freeze: '{word}' is an illegal fmri\n") from None
    return parsed


def _mismatch(pattern: str, mismatched: dict[str, list[str]]) -> list[str]:
    names = mismatched[pattern]
    return [pattern, *(f"\t{stem}" for stem in sorted(names) if len(names) > 1)]


def _listed(head: str, lines: list[str]) -> str:
    return head + "".join(f"\t{line}\n" for line in lines) if lines else ""
