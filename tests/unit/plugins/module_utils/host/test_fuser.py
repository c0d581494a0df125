# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes count as the global zone's, by what fuser and ps say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import fuser
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import CommandError, Result, Runner

ROOT = "/zones/web01/root"
SAID_BY_FUSER = (0, "     712     815\n", f"{ROOT}: oc")


class Says(Runner):
    """Every command prints what it is told to."""

    def __init__(self, fuser_says: tuple[int, str, str], ps_says: tuple[int, str, str]) -> None:
        super().__init__(pytest.fail)
        self.said = {"fuser": fuser_says, "ps": ps_says}

    def _run(self, argv: Sequence[str], wait: object) -> Result:
        return Result(tuple(argv), *self.said[argv[0]], 0.0)


@pytest.mark.parametrize(
    ("ps_says", "processes"),
    [
        ((0, "  712   web01 /sbin/init\n  815  global tail -f x\n", ""), ["815 tail -f x"]),
        ((0, "  712   web01 /sbin/init\n", ""), []),
        ((1, "", ""), []),
        ((1, "", "ps: cannot open /proc"), ["712 (ps cannot tell what it is)", "815 (ps cannot tell what it is)"]),
        ((2, "", ""), ["712 (ps cannot tell what it is)", "815 (ps cannot tell what it is)"]),
    ],
)
def test_processes(ps_says: tuple[int, str, str], processes: list[str]) -> None:
    assert fuser.processes_in(Says(SAID_BY_FUSER, ps_says), ROOT) == processes


def test_nobody() -> None:
    assert fuser.processes_in(Says((0, "", f"{ROOT}: \n"), (0, "", "")), ROOT) == []
    assert fuser.processes_in(Says((1, "", f"{ROOT}: "), (0, "", "")), ROOT) == []


def test_a_fuser_that_fails_is_not_nobody() -> None:
    with pytest.raises(CommandError, match="permission"):
        fuser.processes_in(Says((1, "", f"{ROOT}: permission denied"), (0, "", "")), ROOT)
