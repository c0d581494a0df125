"""pkg avoid, unavoid: packages that group dependencies do not bring in."""

from __future__ import annotations

from testbed.ips import fmri
from testbed.ips.action import counts
from testbed.ips.planning import matching
from testbed.ips.planning.selection import NO_MATCH
from testbed.ips.session import Exit, Session

INSTALLED = "The following packages are already installed in this image; use uninstall to avoid these:\n"
WANTED = "The following packages are a target of group dependencies; use install to unavoid these:\n"
NOT_AVOIDED = "The following packages are not on the avoid list, so they\ncannot be removed from it.\n"


def avoid(session: Session, args: list[str]) -> int:
    if not args:
        return _show(session)
    session.lock()
    stems = _stems(session, "avoid", args)
    installed = [stem for stem in stems if stem in session.image.installed()]
    if installed:
        raise _refused("avoid", INSTALLED, installed)
    session.image.write_avoided(session.image.avoided() | stems)
    session.host.changed = True
    return 0


def unavoid(session: Session, args: list[str]) -> int:
    if not args:
        return _show(session)
    session.lock()
    stems, avoided = _stems(session, "unavoid", args), session.image.avoided()
    if stems - avoided:
        raise _refused("unavoid", NOT_AVOIDED, sorted(stems - avoided))
    wanted = [stem for stem in _groups(session) if stem in stems and stem not in session.image.installed()]
    if wanted:
        raise _refused("unavoid", WANTED, wanted)
    session.image.write_avoided(avoided - stems)
    session.host.changed = True
    return 0


def _show(session: Session) -> int:
    groups = _groups(session)
    for stem in sorted(session.image.avoided()):
        tracking = groups.get(stem, [])
        session.out(f"    {stem}" + (f" (group dependency of '{' '.join(tracking)}')" if tracking else "") + "\n")
    return 0


def _groups(session: Session) -> dict[str, list[str]]:
    """Targets of group dependencies of installed packages, with the packages that have them."""
    image = session.image
    variants, facets = image.variants, image.facets
    found: dict[str, list[str]] = {}
    for entry in image.installed().values():
        for each in entry.actions:
            if each.get("type") == "group" and counts(each, variants, facets):
                found.setdefault(fmri.parse(each.get("fmri")).stem, []).append(entry.stem)
    return found


def _stems(session: Session, command: str, patterns: list[str]) -> set[str]:
    found = matching.stems([entry.fmri for entry in session.image.known.entries], patterns)
    if found.unmatched:
        raise _refused(command, f"{NO_MATCH}\n", found.unmatched)
    if error := matching.unusable(command, found):
        raise error
    return set(found.found)


def _refused(command: str, head: str, names: list[str]) -> Exit:
    return Exit(1, f"\npkg {command}: {head}" + "".join(f"\t{name}\n" for name in names))
