"""Mediated links: of several packages' links on one path the mediator's choice decides which is delivered (pkg(7))."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from testbed.ips import fmri
from testbed.ips.action import Action

LOCAL = "local"
VERSION, IMPLEMENTATION = "version", "implementation"
PRIORITIES = {"site": 1, "vendor": 2}

Choice = dict[str, str]
"""What the image keeps of a mediator: version, implementation, implementation-version, and the sources of both."""


@dataclass(frozen=True)
class Mediation:
    """What a mediated link stands for. ``priority`` is site, vendor or empty."""

    priority: str
    version: str
    implementation: str

    @property
    def source(self) -> str:
        return self.priority or "system"


def of(found: Action) -> Mediation | None:
    """The mediation of a link or hardlink that has one."""
    if found.kind not in ("link", "hardlink") or "mediator" not in found.attributes:
        return None
    made = Mediation(*(found.get(f"mediator-{name}") for name in ("priority", VERSION, IMPLEMENTATION)))
    return made if made.version or made.implementation else None


def delivered(found: Action, mediators: Mapping[str, Mapping[str, str]]) -> bool:
    """Is the action delivered in an image with these mediators? One without a mediator always is."""
    mediation = of(found)
    return mediation is None or _is(mediation, mediators.get(found.get("mediator"), {}))


def _is(mediation: Mediation, choice: Mapping[str, str]) -> bool:
    return same_version(mediation.version, choice.get(VERSION, "")) and same_implementation(
        mediation.implementation, choice.get(IMPLEMENTATION, "")
    )


def same_version(one: str, other: str) -> bool:
    return one == other or bool(one and other and fmri.version(one).key == fmri.version(other).key)


def same_implementation(one: str, other: str) -> bool:
    """An implementation without a version stands for each of its versions."""
    (name, version), (other_name, other_version) = _parsed(one), _parsed(other)
    if one == other:
        return True
    return bool(name) and name == other_name and (not version or not other_version or version == other_version)


def _parsed(implementation: str) -> tuple[str, str]:
    name, _, version = implementation.rpartition("@") if "@" in implementation else (implementation, "", "")
    return name, version


def ranked(mediations: Iterable[Mediation]) -> list[Mediation]:
    """Best first: by priority, newest version, name of the implementation, its newest version."""
    found = sorted(set(mediations), key=lambda m: _number(_parsed(m.implementation)[1]), reverse=True)
    found.sort(key=lambda m: _parsed(m.implementation)[0])
    found.sort(key=lambda m: _number(m.version), reverse=True)
    found.sort(key=lambda m: PRIORITIES.get(m.priority, 3))
    return found


def _number(version: str) -> tuple[int, ...]:
    return fmri.version(version).release if version else ()


def choose(
    links: Iterable[Action], configured: Mapping[str, Mapping[str, str]], asked: Mapping[str, Mapping[str, str]]
) -> dict[str, Choice]:
    """The image's mediators when ``links`` are installed.

    ``asked``: new local choices; an empty one takes the local choice away. Local choices are kept, even where
    nothing fits them; the rest follows the best of the links.
    """
    offered: dict[str, set[Mediation]] = {}
    for found in links:
        mediation = of(found)
        if mediation:
            offered.setdefault(found.get("mediator"), set()).add(mediation)
    chosen: dict[str, Choice] = {}
    for name in {**configured, **asked, **offered}:
        wanted = asked.get(name, configured.get(name, {}))
        if name in offered:
            choice = _choice(ranked(offered[name]), wanted)
        elif name in asked:
            choice = dict(wanted)
        else:
            choice = local_part(wanted)
        for what, other in ((VERSION, IMPLEMENTATION), (IMPLEMENTATION, VERSION)):
            if f"{other}-source" in choice:
                choice.setdefault(f"{what}-source", "system")
        if choice:
            chosen[name] = choice
    return chosen


def local_part(choice: Mapping[str, str]) -> Choice:
    """What the administrator chose."""
    kept: Choice = {}
    for what in (VERSION, IMPLEMENTATION):
        if choice.get(f"{what}-source") == LOCAL:
            names = (what, f"{what}-source", f"{what}-version")
            kept |= {key: choice[key] for key in names if key in choice}
    return kept


def asked(configured: Mapping[str, Mapping[str, str]], name: str, wanted: Mapping[str, str | None]) -> Choice:
    """A mediator's local choice once ``wanted`` is added to it; None takes a component away (its default returns)."""
    made = local_part(configured.get(name, {}))
    for what, value in wanted.items():
        for key in (what, f"{what}-source", f"{what}-version"):
            made.pop(key, None)
        if value is not None:
            made |= {what: value, f"{what}-source": LOCAL}
    return made


def different(
    choices: Mapping[str, Mapping[str, str]], configured: Mapping[str, Mapping[str, str]]
) -> dict[str, Mapping[str, str]]:
    """The choices that are not those of the image already."""
    keys = (VERSION, IMPLEMENTATION, f"{VERSION}-source", f"{IMPLEMENTATION}-source")
    return {
        name: choice
        for name, choice in choices.items()
        if name not in configured or any(choice.get(key) != configured[name].get(key) for key in keys)
    }


def touching(choices: Mapping[str, Mapping[str, str]], configured: Mapping[str, Mapping[str, str]]) -> bool:
    """Do choices change more than the source of what is chosen?"""
    return any(
        name not in configured or any(choice.get(key) != configured[name].get(key) for key in (VERSION, IMPLEMENTATION))
        for name, choice in choices.items()
    )


def _choice(offered: list[Mediation], wanted: Mapping[str, str]) -> Choice:
    local = local_part(wanted)
    by_version, by_implementation = f"{VERSION}-source" in local, f"{IMPLEMENTATION}-source" in local
    for mediation in offered:
        if by_version and not same_version(mediation.version, local.get(VERSION, "")):
            continue
        if by_implementation and not same_implementation(mediation.implementation, local.get(IMPLEMENTATION, "")):
            continue
        made = dict(local)
        if not by_version:
            made |= {f"{VERSION}-source": mediation.source}
            made |= {VERSION: mediation.version} if mediation.version else {}
        if not by_implementation:
            made |= {f"{IMPLEMENTATION}-source": mediation.source}
            made |= {IMPLEMENTATION: mediation.implementation} if mediation.implementation else {}
        elif made.get(IMPLEMENTATION) and "@" not in made[IMPLEMENTATION]:
            version = _parsed(mediation.implementation)[1]
            made |= {f"{IMPLEMENTATION}-version": version} if version else {}
        return made
    return dict(wanted)


# -- what a user may ask for -------------------------------------------------------------------------------------------

_NAME = re.compile(r"[a-zA-Z0-9-]+")
_DOTTED = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*")
_FORM = "only alphanumeric characters and a version dot-sequence following a single '@' are allowed"


def invalid(name: str, version: str, implementation: str) -> list[str]:
    """What is wrong with what was asked for."""
    wrong: list[str] = []
    if not _NAME.fullmatch(name):
        wrong.append(f"'{name}' is not a valid mediator; only alphanumeric characters are allowed")
    if version and not _DOTTED.fullmatch(version):
        wrong.append(f"'{version}' is not a valid mediator-version: Bad Version: {version}")
    if implementation:
        base, number = _parsed(implementation)
        head = f"'{implementation}' is not a valid mediator-implementation; {_FORM}"
        if number and not _DOTTED.fullmatch(number):
            wrong.append(f"{head}: Bad Version: {number}")
        elif not _NAME.fullmatch(base):
            wrong.append(head)
    return wrong
