"""What a replay did other than its recording, and what a replay comes to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Difference:
    """``step``: number of the typed command from 0, None for the end state. ``known``: why it is right, else empty."""

    step: int | None
    what: str
    recorded: str
    observed: str
    known: str = ""


@dataclass
class Outcome:
    """One recording replayed: ``steps`` count, ``matching`` of them agree."""

    name: str
    steps: int
    matching: int
    differences: list[Difference] = field(default_factory=list)
    uncounted: list[str] = field(default_factory=list)
    """Subcommands that were carried out and do not count, one entry a step."""
    other_texts: list[int] = field(default_factory=list)
    """Matching steps whose text differs somewhere that nobody reads."""
    ended: str = ""
    """Steps that were not run, and why; empty if all were."""

    @property
    def wrong(self) -> bool:
        return any(not difference.known for difference in self.differences)
