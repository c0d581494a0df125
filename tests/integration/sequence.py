"""Pages docs/*-sequence.md, read: the commands of each section, and when each of them runs.

A line of a section is a command, indented by four blanks; after three or more blanks follow the words that say when it
runs (none: always). Every such phrase of zone_brand's stands in WHEN here, so the page cannot say something that no
test understands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "zone_brand-sequence.md"


@dataclass(frozen=True)
class Case:
    """What decides which commands of a section run; `names` are the page's capital letters with their values."""

    names: dict[str, str]
    linked: bool = True  # the wanted brand is
    snapshot: bool = True
    keep_snapshot: bool = False
    update: bool = True
    mounted: bool = True
    runs: bool = True  # the zone, when the run begins
    processes: bool = True  # fuser names some
    newer_format: bool = False
    forced: bool = False  # parent dependencies are not satisfied
    moves: tuple[tuple[str, str], ...] = ()  # publishers to put behind others
    booted: bool = True
    readings: int = 1  # of svcs until the service is online
    ran: bool = True  # the zone, before the first run
    attached: bool = False  # when the way back begins
    brand_set: bool = True  # zonecfg has set the new brand
    root_zoned: bool = True
    roll_back: bool = True
    metadata_lost: bool = False


WHEN: dict[str, Callable[[Case], int]] = {
    "": lambda case: 1,
    "if something is mounted there": lambda case: case.mounted,
    "if fuser names processes: only those of the global zone count": lambda case: case.mounted and case.processes,
    "if the zone runs": lambda case: case.runs,
    "only if its format is newer than the global zone's": lambda case: case.newer_format,
    "not with snapshot: false": lambda case: case.snapshot,
    "with update: true": lambda case: case.update,
    "with update: false": lambda case: not case.update,
    "only for publishers of the zone that are not in their place": lambda case: len(case.moves),
    "to a linked brand": lambda case: case.linked,
    "to a linked brand, if parent dependencies are not satisfied": lambda case: case.linked and case.forced,
    "if it is to run": lambda case: case.booted,
    "if it is to run; until it is online": lambda case: case.readings if case.booted else 0,
    "not with snapshot: false nor keep_snapshot: true": lambda case: case.snapshot and not case.keep_snapshot,
    "if it is attached again": lambda case: case.attached,
    "if the brand is another": lambda case: case.brand_set,
    "if it is off": lambda case: not case.root_zoned,
    "if attach had begun, or the zone has lost var/pkg/linked": lambda case: case.roll_back,
    "if D is mounted": lambda case: case.mounted,
    "a linked zone that has lost its metadata and was not rolled back": lambda case: case.metadata_lost,
    "if it ran": lambda case: case.ran,
    "if there is one": lambda case: case.snapshot,
}


@dataclass(frozen=True)
class Line:
    """One command of the page."""

    probe: bool
    command: str
    when: str


def sections(page: Path = PAGE) -> dict[str, list[Line]]:
    """Heading -> the commands below it."""
    found: dict[str, list[Line]] = {}
    heading = ""
    for text in page.read_text().splitlines():
        if text.startswith("## "):
            heading = text[3:]
            found[heading] = []
        elif re.match(r" {4}[^ (]", text):
            command, *when = re.split(r" {3,}", text.strip(), maxsplit=1)
            probe = command.startswith("? ")
            found[heading].append(Line(probe, command.removeprefix("? "), " ".join(when)))
        elif re.match(r" {30,}[^ ]", text):
            last = found[heading].pop()
            found[heading].append(Line(last.probe, last.command, f"{last.when} {text.strip()}".strip()))
    return found


def states() -> dict[str, list[Line]]:
    """The table of "From other states": state -> what comes instead of the shutdown."""
    found: dict[str, list[Line]] = {}
    for text in PAGE.read_text().split("## From other states")[1].split("##")[0].splitlines():
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if text.startswith("| ") and cells[0] != "state":
            quoted = re.match(r"`(\? )?([^`]+)`", cells[1])
            found[cells[0].split()[0]] = [Line(bool(quoted[1]), quoted[2], "")] if quoted else []
    return found


def commands(lines: list[Line], case: Case) -> list[str]:
    """What of these lines runs in this case, with the names replaced."""
    found: list[str] = []
    for line in lines:
        for turn in range(WHEN[line.when](case)):
            names = dict(case.names)
            if "PREVIOUS" in line.command:
                names["PREVIOUS"], names["OWN"] = case.moves[turn]
            found.append(spelled(line.command, names))
    return found


def spelled(command: str, names: dict[str, str]) -> str:
    """Return a command of the page with the names replaced; a name for nothing leaves nothing."""
    words = [names.get(word, _inside(word, names)) for word in command.split(" ")]
    return " ".join(word for word in words if word)


def _inside(word: str, names: dict[str, str]) -> str:
    """Replace the names in a word: whole parts of it, parted by any sign but letters, digits, `_` and `-`."""
    return re.sub(r"(?<![\w-])[A-Z]+(?![\w-])", lambda found: names.get(found[0], found[0]), word)
