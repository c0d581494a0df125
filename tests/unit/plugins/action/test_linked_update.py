# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the play shows of an update."""

from __future__ import annotations

import pytest

from ansible_collections.illumos.linked_zones.plugins.action.linked_update import printable, sentence


@pytest.mark.parametrize(
    ("done", "total", "said", "shown"),
    [
        (120, 480, "", "zone:db01  Actions 120/480"),
        (0, 12, "0.0/0.0MB", "zone:db01  Actions 0/12: 0.0/0.0MB"),
        (None, None, "1 of 3 zones done", "zone:db01  Actions: 1 of 3 zones done"),
        (None, None, "", "zone:db01  Actions"),
    ],
)
def test_a_step(done: int | None, total: int | None, said: str, shown: str) -> None:
    step = {"image": "zone:db01", "phase": "Actions", "done": done, "total": total, "sentence": said}
    assert sentence(step) == shown


def test_no_text_of_a_host_moves_the_cursor() -> None:
    assert printable("zone:\x1b[2Ja\nb\r\u202ec") == "zone:?[2Ja?b??c"
    assert len(printable("x" * 1000)) == 300
