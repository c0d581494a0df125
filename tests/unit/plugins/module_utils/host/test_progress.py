# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress lines of the real pkg, cut anywhere."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.progress import Event, Progress

# Nothing of what they say is told: that a step has ended, or the whole of it has.
SILENT = ("Planning: Planning completed in", "Download: Completed", "Finished processing linked images.")
SAMPLE = """\
 Startup: Linked image publisher check ... Done
Planning: Running solver ... Done (0.001s)
Planning: Fetching manifests:  0/26  0% complete
Planning: Planning completed in 0.38 seconds
            Packages to update:   9
       Create boot environment:  No

Planning: Linked images: 0/2 done; 2 working: zone:db01 zone:web01
Planning: Linked image 'zone:db01' output:
| Packages to remove:  1
| Packages to update: 12
`
Planning: Linked image 'zone:web01' output:
| No updates available for this image. (zone:web01)
`
Planning: Finished processing linked images.
Download:  0/35 items  0.0/0.0MB  0% complete \n\
Download: Completed 1.10 kB in 0.01 seconds (0B/s)
 Actions:  1/65 actions (Removing old actions)
 Actions: Completed 65 actions in 0.02 seconds.
Finalize: Updating package cache ... Done
Finalize: Linked images: 1/2 done; 1 working: zone:web01
"""


def test_the_events_of_an_update() -> None:
    assert Progress().feed(SAMPLE) == [
        Event("global", "Startup", None, None, "Linked image publisher check"),
        Event("global", "Planning", None, None, "Running solver"),
        Event("global", "Planning", 0, 26, "Fetching manifests"),
        Event("global", "Planning", None, None, "Packages to update: 9"),
        Event("zone:db01", "Planning", None, None, "0 of 2 zones done"),
        Event("zone:web01", "Planning", None, None, "0 of 2 zones done"),
        Event("zone:db01", "Planning", None, None, "Packages to remove: 1"),
        Event("zone:db01", "Planning", None, None, "Packages to update: 12"),
        Event("zone:web01", "Planning", None, None, "No updates available for this image."),
        Event("global", "Download", 0, 35, "0.0/0.0MB"),
        Event("global", "Actions", 1, 65, "Removing old actions"),
        Event("global", "Actions", 65, 65, ""),
        Event("global", "Finalize", None, None, "Updating package cache"),
        Event("zone:web01", "Actions", None, None, "1 of 2 zones done"),
    ]


def test_a_step_is_told_before_it_ends() -> None:
    progress = Progress("zone:web01")
    assert progress.feed("Planning: Running solv") == []
    assert progress.feed("er ...") == [Event("zone:web01", "Planning", None, None, "Running solver")]
    assert progress.feed(" Done\nPlanning: Package planning") == []


def test_every_recorded_progress_line_is_known(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    lines = {
        line
        for _name, step in every_pkg_step
        for line in step["stdout"].splitlines()
        if re.match(r" *(?:Startup|Planning|Download|Actions|Finalize): ", line)
    }
    told = [line for line in lines if not any(silent in line for silent in SILENT) and not line.endswith("output:")]
    assert len(told) > 200
    assert [line for line in told if not Progress().feed(line + "\n")] == []


def test_every_recorded_child_is_named(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    for _name, step in every_pkg_step:
        working = set(re.findall(r"working: (?:zone:\w+ )*(zone:\w+)", step["stdout"]))
        images = {event.image for event in Progress().feed(step["stdout"])}
        if "\nLinked images:" not in "\n" + step["stdout"]:  # sync-linked has lines without a phase
            assert working <= images


CUTS = st.lists(st.integers(0, len(SAMPLE)), max_size=40).map(sorted)
LINES = st.lists(st.sampled_from(SAMPLE.splitlines()) | st.text(max_size=20), max_size=12).map("\n".join)


def in_pieces(text: str, cuts: list[int]) -> list[Event]:
    progress = Progress()
    return [event for begin, end in pairwise([0, *cuts, len(text)]) for event in progress.feed(text[begin:end])]


@given(CUTS)
def test_cut_anywhere_it_is_the_same(cuts: list[int]) -> None:
    assert in_pieces(SAMPLE, cuts) == Progress().feed(SAMPLE)


@given(LINES, CUTS)
def test_any_lines_cut_anywhere_are_the_same(text: str, cuts: list[int]) -> None:
    inside = [min(cut, len(text)) for cut in cuts]
    assert in_pieces(text, inside) == Progress().feed(text)


@pytest.mark.parametrize("text", ["x" * 100_000 + "\n", "Planning: " + "x" * 100_000 + " ...\n", "\n" * 1000, "\x00"])
def test_what_is_not_known_is_no_event(text: str) -> None:
    assert Progress().feed(text) == []
