"""Package patterns as users type them, and what they match (pkg(1), section FMRIs)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from testbed.ips import fmri
from testbed.ips.fmri import Fmri, Version
from testbed.ips.images.catalog import Entry

_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-.+]*(/[A-Za-z0-9][A-Za-z0-9_\-.+]*)*")
_STAMP = re.compile(r"\d{8}T\d{6}Z")


class Illegal(ValueError):
    """A text is no pattern. The message is pkg's; ``bare`` is it without the pattern where only the version is bad."""

    def __init__(self, text: str, bare: str = "") -> None:
        super().__init__(text)
        self.bare = bare or text


@dataclass(frozen=True)
class Pattern:
    """``wild`` is a version with wildcards; a plain one stands in ``name``, and so does ``@latest``."""

    text: str
    name: Fmri
    wild: str = ""

    def names(self, entry: Entry) -> bool:
        """Does it mean the package, version aside?"""
        return entry.fmri.named_by(self.name)

    def allows(self, version: Version) -> bool:
        """Does its version, if it has one, match?"""
        if self.wild:
            return _wild(version.short, self.wild)
        return self.name.version is None or version.matches(self.name.version)


def _wild(version: str, pattern: str) -> bool:
    """Only a whole release, branch or time stamp may be `*`: `1.*` matches nothing (version.py)."""
    return all(
        want in ("", "*") or have == want or have.startswith(f"{want}.")
        for have, want in zip(_parts(version), _parts(pattern), strict=True)
    )


def _parts(text: str) -> tuple[str, str, str]:
    head, _, stamp = text.partition(":")
    release, _, branch = head.partition("-")
    return release.partition(",")[0], branch, stamp


def parse(text: str) -> Pattern:
    """Raises Illegal."""
    stem, at, version = text.partition("@")
    try:
        name = fmri.parse(stem)
    except fmri.Invalid:
        raise Illegal(f"Illegal FMRI '{stem}': Missing package name") from None
    if not (fmri.is_wild(stem) or _STEM.fullmatch(name.stem)):
        raise Illegal(f"Illegal FMRI '{stem}': Invalid Package Name: {name.stem}")
    if not at or not version:
        return Pattern(text, name)
    if version == "latest":
        return Pattern(text, fmri.parse(text))
    _check(text, version)
    if "*" in version:
        return Pattern(text, name, version)
    return Pattern(text, fmri.parse(text))


def _check(text: str, version: str) -> None:
    release, branch, stamp = _parts(version)
    dotted = [release] + ([branch] if "-" in version.partition(":")[0] else [])
    bad = next((part for part in dotted if not re.fullmatch(r"(\*|0|[1-9]\d*)(\.(\*|0|[1-9]\d*))*", part)), None)
    wrong = ""
    if not release:
        wrong = "Versions must have a release value"
    elif bad is not None:
        wrong = f"Bad Version: {bad}"
    elif ":" in version and stamp != "*" and not _STAMP.fullmatch(stamp):
        wrong = "Time must be ISO8601 format."
    if wrong:
        raise Illegal(f"Illegal FMRI '{text}': {wrong}", wrong)
