# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: whole or not there, private, and its lock."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.journal import Journal, Store, unfinished
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.dataset import Property
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal

JOURNAL = Journal(
    zone="web01",
    old_brand="ipkg",
    wanted_brand="lipkg",
    started_state="running",
    dataset="rpool/zones/web01/ROOT/zbe",
    guid="123",
    be_uuid="7c1e",
    properties={"rpool/zones/web01/ROOT/zbe": {"canmount": Property("noauto", "local")}},
    own_publishers=["own"],
    linked_metadata=False,
    service_online=True,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store("web01", str(tmp_path / "lib" / "illumos.linked_zones"))


def test_what_is_saved_is_loaded(store: Store) -> None:
    store.save(JOURNAL.at("detach", snapshots=["a@b"]))
    assert store.load() == replace(JOURNAL, phase="detach", snapshots=["a@b"])
    assert unfinished(store.directory) == ["web01"]


def test_modes(store: Store) -> None:
    store.save(JOURNAL)
    assert stat.S_IMODE(Path(store.path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(store.directory).stat().st_mode) == 0o700


def test_none_before_and_after(store: Store) -> None:
    assert store.load() is None
    store.save(JOURNAL)
    store.remove()
    store.remove()
    assert store.load() is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', '{"version": 2}'])
def test_one_that_cannot_be_understood_is_refused(store: Store, text: str) -> None:
    store.save(JOURNAL)
    Path(store.path).write_text(text)
    with pytest.raises(Refusal, match="cannot be understood"):
        store.load()


def test_a_half_written_new_one_does_not_count(store: Store) -> None:
    store.save(JOURNAL)
    Path(store.path + ".new").write_text("{")
    assert store.load() == JOURNAL


def test_the_lock_waits_and_then_refuses(store: Store) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with store.lock(5), pytest.raises(Refusal, match="Another run"), store.lock(5, lambda: now[0], sleep):
        pass
    assert now[0] == 5
    with store.lock(0):
        pass


def test_the_mark_of_a_rehearsal(store: Store) -> None:
    assert not store.rehearsal_pending()
    mountpoint = store.begin_rehearsal()
    assert store.rehearsal_pending()
    assert stat.S_IMODE(Path(mountpoint).parent.stat().st_mode) == 0o700
    store.end_rehearsal()
    store.end_rehearsal()
    assert not store.rehearsal_pending()
