# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running pkg(1) says of its progress where its output is no terminal; only for the eye.

Which lines come depends on timing (linked-images.md, section 10), so nothing is decided by them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

GLOBAL = "global"
# No line of pkg's progress is near as long; the rest of a longer one is of no interest.
_LONGEST = 500

_PHASE = re.compile(r" *(?P<phase>Startup|Planning|Download|Actions|Finalize): +(?P<text>\S.*)")
_BEGUN = re.compile(r"(?P<text>.+?) \.\.\.")
_COUNT = re.compile(r"(?P<done>\d+)/(?P<total>\d+) (?P<what>\w+)\s*(?P<more>.*?)(?:\s+\d+% complete)?")
_FETCHING = re.compile(r"(?P<what>Fetching manifests): +(?P<done>\d+)/(?P<total>\d+)")
_ACTIONS_DONE = re.compile(r"Completed (?P<total>\d+) actions")
_CHILDREN = re.compile(r"Linked images: +(?P<done>\d+)/(?P<total>\d+) done; \d+ working: (?P<names>\S.*)")
_CHILD = re.compile(r"Linked image '(?P<name>[^']*)' output:")
_SUMMARY = re.compile(r"(?:\| )? *(?P<text>Packages to \w+): +(?P<count>\d+)|\| (?P<none>No updates .+?)(?: \(.*\))?")
_END_OF_CHILD = "`"


class Event(NamedTuple):
    """What is done in an image; `image` is pkg's name of it (zone:NAME), or "global".

    `phase` is pkg's word: Startup, Planning, Download, Actions, Finalize. `done` of `total` are items, actions or
    manifests; both None where there is nothing to count.
    """

    image: str
    phase: str
    done: int | None
    total: int | None
    sentence: str


class Progress:
    """Makes events of the text that pkg writes to stdout, however it is cut into pieces.

    `image` is the one that pkg works on itself.
    """

    def __init__(self, image: str = GLOBAL) -> None:
        self._image = image
        self._child: str | None = None
        self._phase = "Startup"
        self._line = ""
        self._told = False

    def feed(self, text: str) -> list[Event]:
        """Return the events in the next piece of text.

        A step is told when it begins ("Running solver ..."), before its line ends: it may take minutes.
        """
        events: list[Event] = []
        *lines, rest = text.split("\n")
        for piece in lines:
            events += self._read(piece)
            if not self._told:
                events += self._whole_line(self._line)
            self._line, self._told = "", False
        events += self._read(rest)
        return events

    def _read(self, piece: str) -> list[Event]:
        self._line = (self._line + piece)[:_LONGEST]
        phase = None if self._told else _PHASE.fullmatch(self._line)
        begun = _BEGUN.match(phase["text"]) if phase else None
        if phase is None or begun is None:
            return []
        self._told = True
        return [self._own(phase["phase"], None, None, begun["text"])]

    def _whole_line(self, line: str) -> list[Event]:
        if line == _END_OF_CHILD:
            self._child = None
        summary = _SUMMARY.fullmatch(line)
        if summary:
            said = summary["none"] or f"{summary['text']}: {summary['count']}"
            return [Event(self._child or self._image, self._phase, None, None, said)]
        phase = _PHASE.fullmatch(line)
        return self._step(phase["phase"], phase["text"].rstrip()) if phase else []

    def _step(self, phase: str, text: str) -> list[Event]:
        self._phase = phase
        child = _CHILD.fullmatch(text)
        if child:
            self._child = child["name"]
            return []
        children = _CHILDREN.fullmatch(text)
        if children:
            said = f"{children['done']} of {children['total']} zones done"
            # What children do while pkg finalizes the image itself is their own plan (progress.py, li_phase_names).
            theirs = "Actions" if phase == "Finalize" else phase
            return [Event(name, theirs, None, None, said) for name in children["names"].split()]
        count = _COUNT.fullmatch(text)
        if count:
            return [self._own(phase, int(count["done"]), int(count["total"]), count["more"].strip("( )"))]
        fetching = _FETCHING.match(text)
        if fetching:
            return [self._own(phase, int(fetching["done"]), int(fetching["total"]), fetching["what"])]
        finished = _ACTIONS_DONE.match(text)
        if finished:
            return [self._own(phase, int(finished["total"]), int(finished["total"]), "")]
        return []

    def _own(self, phase: str, done: int | None, total: int | None, sentence: str) -> Event:
        self._phase = phase
        return Event(self._image, phase, done, total, sentence)
