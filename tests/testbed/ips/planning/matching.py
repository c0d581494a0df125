"""Package names that a user's patterns mean, and what pkg says of patterns that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from testbed.ips import fmri
from testbed.ips.planning.selection import Mistakes, Refused
from testbed.ips.session import Exit


@dataclass
class Stems:
    """``found``: stem -> the patterns that mean it, in their order; the rest are patterns that cannot be used."""

    found: dict[str, list[str]] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)
    ambiguous: dict[str, list[str]] = field(default_factory=dict)
    """Pattern without wildcards -> the several stems it fits."""

    @property
    def doubled(self) -> dict[str, list[str]]:
        """Stems that more than one pattern means."""
        return {stem: patterns for stem, patterns in self.found.items() if len(patterns) > 1}


def wild(pattern: str) -> bool:
    """Has the name of a pattern wildcards?"""
    return fmri.is_wild(pattern.partition("@")[0])


def stems(universe: Iterable[fmri.Fmri], patterns: Iterable[str]) -> Stems:
    """Match names; versions in the patterns are ignored. Raises fmri.Invalid."""
    made = Stems()
    names = list(universe)
    for text in dict.fromkeys(patterns):
        pattern = fmri.parse(text.partition("@")[0])
        matching = sorted({name.stem for name in names if name.named_by(pattern)})
        if not matching:
            made.unmatched.append(text)
        elif len(matching) > 1 and not wild(text):
            made.ambiguous[text] = matching
        else:
            for stem in matching:
                made.found.setdefault(stem, []).append(text)
    return made


def unusable(command: str, made: Stems) -> Exit | None:
    """The error about patterns that are ambiguous or mean the same package."""
    try:
        Mistakes(ambiguous=list(made.ambiguous.items()), contradicting=list(made.doubled.items())).refuse()
    except Refused as refused:
        return Exit(1, f"\npkg {command}: {refused}")
    return None
