# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing what a rehearsal has made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.journal import Store
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Result, Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.rehearsal import NAME, clean_up

DS = "rpool/zones/web01"


class Pool(Runner):
    """A pool with the clone of a rehearsal; destroying it fails with each of the texts in turn."""

    def __init__(self, *failures: str) -> None:
        self.now = 0.0
        super().__init__(pytest.fail, clock=lambda: self.now, sleep=self._pass)
        self.failures = list(failures)
        self.clone = True

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def _run(self, argv: Sequence[str], wait: object) -> Result:
        if list(argv) == ["zfs", "destroy", f"{DS}/{NAME}"]:
            if self.failures:
                return Result(tuple(argv), 1, "", self.failures.pop(0), 0.0)
            self.clone = False
        filesystems = f"{DS}/{NAME}\tlegacy\n" if self.clone else ""
        return Result(tuple(argv), 0, filesystems if "name,mountpoint" in argv else "", "", 0.0)


BUSY = f"cannot destroy '{DS}/{NAME}': dataset is busy"


def test_a_clone_that_is_busy_for_a_while(tmp_path: Path) -> None:
    pool, store = Pool(BUSY, BUSY), Store("web01", str(tmp_path))
    store.begin_rehearsal()
    clean_up(pool, store, DS)
    assert not pool.clone
    assert not store.rehearsal_pending()


@pytest.mark.parametrize("said", [BUSY, "cannot destroy: permission denied"])
def test_a_clone_that_stays(said: str, tmp_path: Path) -> None:
    pool, store = Pool(*[said] * 99), Store("web01", str(tmp_path))
    store.begin_rehearsal()
    with pytest.raises(Refusal, match="could not be removed: `zfs destroy") as refusal:
        clean_up(pool, store, DS)
    assert refusal.value.diagnosis.cause == "rehearsal-left-over"
    assert store.rehearsal_pending()
    assert pool.now < 70
