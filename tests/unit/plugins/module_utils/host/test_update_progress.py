# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file in which a running update says how far it is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import update_progress
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.update_progress import (
    ENDED,
    LOST,
    NONE,
    RUNNING,
    Seen,
    read,
    writing,
)

NOON = 1795262400.0


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def told(seen: Seen) -> list[tuple[str, str, int | None]]:
    return [(step["image"], step["phase"], step["done"]) for step in seen.steps]


def test_no_run_has_ever_been() -> None:
    assert read(directory="/nonexistent") == Seen("", "", NONE, (), 0)


def test_a_run_from_beginning_to_end(tmp_path: Path) -> None:
    clock = Clock()
    with writing("r1", pytest.fail, str(tmp_path), clock) as tell:
        assert read(directory=str(tmp_path)).state == RUNNING
        tell("global", "Planning", sentence="Solver setup")
        first = read(directory=str(tmp_path))
        clock.now += 1
        tell("zone:db01", "Actions", 120, 480)
        second = read("r1", first.offset, str(tmp_path))
    end = read("r1", second.offset, str(tmp_path))
    assert (first.run_id, first.began) == ("r1", "2026-11-21T12:00:00Z")
    assert told(first) == [("global", "Planning", None)]
    assert second.steps == (
        {
            "at": "2026-11-21T12:00:01Z",
            "image": "zone:db01",
            "phase": "Actions",
            "done": 120,
            "total": 480,
            "sentence": "",
        },
    )
    assert (end.state, end.steps) == (ENDED, ())
    assert os.stat(update_progress.path(str(tmp_path))).st_mode & 0o777 == 0o600


def test_each_phase_is_told_once_and_then_now_and_again(tmp_path: Path) -> None:
    clock = Clock()
    with writing("r1", pytest.fail, str(tmp_path), clock) as tell:
        for done in range(100):
            tell("global", "Actions", done, 100)
            tell("zone:db01", "Planning", done)
            clock.now += 1
    assert told(read(directory=str(tmp_path))) == [
        ("global", "Actions", 0),
        ("zone:db01", "Planning", 0),
        *(("global", "Actions", done) for done in (15, 30, 45, 60, 75, 90)),
    ]


def test_a_run_that_fails_has_ended(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), writing("r1", pytest.fail, str(tmp_path)):
        raise ValueError("no")
    assert read(directory=str(tmp_path)).state == ENDED


def test_a_run_that_was_killed_is_lost(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with writing("r1", print, str(tmp_path)) as tell:
            tell("global", "Planning")
            os._exit(9)
    os.waitpid(child, 0)
    seen = read(directory=str(tmp_path))
    assert (seen.state, told(seen)) == (LOST, [("global", "Planning", None)])


def test_the_offset_of_another_run_counts_for_nothing(tmp_path: Path) -> None:
    with writing("r1", pytest.fail, str(tmp_path)) as tell:
        tell("global", "Planning", sentence="x" * 1000)
    offset = read(directory=str(tmp_path)).offset
    with writing("r2", pytest.fail, str(tmp_path)) as tell:
        tell("global", "Planning", sentence="y")
        assert told(read("r1", offset, str(tmp_path))) == [("global", "Planning", None)]


def test_a_full_disk_is_warned_of_once_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []

    def full(stream: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with writing("r1", warnings.append, str(tmp_path)) as tell:
        monkeypatch.setattr(update_progress.os, "write", full)
        tell("global", "Planning")
        tell("global", "Actions")
    assert len(warnings) == 1
    assert "No space left on device" in warnings[0]


@given(st.binary(max_size=200))
def test_what_a_power_cut_left(garbage: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        with writing("r1", pytest.fail, directory) as tell:
            tell("global", "Planning")
        path = Path(update_progress.path(directory))
        path.write_bytes(path.read_bytes() + garbage)
        seen = read("r1", 0, directory)
        assert told(seen)[:1] == [("global", "Planning", None)]
        assert read("r1", seen.offset, directory).steps == ()
        path.write_bytes(garbage)
        assert read(directory=directory).state in (LOST, ENDED)


@given(st.lists(st.sampled_from(["global", "zone:a", "zone:b"]), max_size=20), st.data())
def test_reading_in_pieces_misses_nothing_and_repeats_nothing(images: list[str], data: st.DataObject) -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as directory, writing("r1", pytest.fail, directory, clock) as tell:
        pieces: list[tuple[str, str, int | None]] = []
        offset = 0
        for number, image in enumerate(images):
            clock.now += 20
            tell(image, "Actions", number)
            if data.draw(st.booleans()):
                seen = read("r1", offset, directory)
                pieces += told(seen)
                offset = seen.offset
        pieces += told(read("r1", offset, directory))
        assert pieces == [(image, "Actions", number) for number, image in enumerate(images)]
