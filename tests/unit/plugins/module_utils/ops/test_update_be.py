# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot environments round an update."""

from __future__ import annotations

import re

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.be import BootEnvironment
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import UpdatePlan
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update_be import (
    activated_as_asked,
    appeared,
    names,
    not_activated,
    other_pending,
    still_pending,
)


def be(name: str, active: str = "") -> BootEnvironment:
    return BootEnvironment(name, f"uuid-{name}", active, "", 0, "static", 0)


OLD = be("old", "NR")
KNOWN = ["uuid-old"]
IN_CLONE = UpdatePlan((), new_be=True)
NAMES = names("old", "next", None)
LIVE = UpdatePlan((), backup_be=True)


def test_in_the_running_system_all_new_ones_hold_what_was() -> None:
    new = appeared(KNOWN, [OLD, be("old-backup-1"), be("old-1")], LIVE, "old", NAMES)
    assert (new.clone, [one.name for one in new.kept], new.left_over) == (None, ["old-backup-1", "old-1"], ())


@pytest.mark.parametrize("after", [[], [be("next")], [be("next", "R")], [be("next", "T")]])
def test_the_clone(after: list[BootEnvironment]) -> None:
    new = appeared(KNOWN, [OLD, *after], IN_CLONE, "old", NAMES)
    assert (new.clone, new.kept, new.left_over) == (after[0] if after else None, (), ())


def test_several_clones_of_a_pkg_that_was_run_again() -> None:
    first, second = be("old-1"), be("old-2", "R")
    assert appeared(KNOWN, [second, OLD, first], IN_CLONE, "old", NAMES).left_over == (first,)
    assert appeared(KNOWN, [OLD, first, be("old-2")], IN_CLONE, "old", NAMES).left_over == (first,)


@pytest.mark.parametrize(("asked", "name"), [(None, "old-backup-3"), ("safe", "safe")])
def test_a_backup_besides_the_clone(asked: str | None, name: str) -> None:
    plan = UpdatePlan((), new_be=True, backup_be=True, backup_be_name=asked)
    new = appeared(KNOWN, [OLD, be(name), be("next")], plan, "old", NAMES)
    assert ([one.name for one in new.kept], new.clone) == ([name], be("next"))


@pytest.mark.parametrize(
    ("active", "activate", "wanted"),
    [
        ("R", "always", True),
        ("", "always", False),
        ("T", "always", False),
        ("T", "once", True),
        ("R", "once", False),
        ("", "never", True),
        ("R", "never", False),
    ],
)
def test_activation(active: str, activate: str, wanted: bool) -> None:
    assert activated_as_asked(be("next", active), activate) is wanted
    if not wanted:
        assert "Boot environment next should be" in not_activated(be("next", active), activate).sentence


@pytest.mark.parametrize(
    ("found", "activate", "wanted"),
    [
        (None, "always", False),
        (be("next", "R"), "always", True),
        (be("next", ""), "always", False),
        (be("next", "NR"), "always", False),
        (be("next", "T"), "once", True),
        (be("next", ""), "once", False),
        (be("next", ""), "never", True),
        (be("next", "N"), "never", False),
    ],
)
def test_still_pending(found: BootEnvironment | None, activate: str, wanted: bool) -> None:
    assert still_pending(found, activate) is wanted


def test_other_pending() -> None:
    assert other_pending([OLD, be("next")]) is None
    told = other_pending([be("old", "N"), be("next", "R")])
    assert told is not None
    assert "`beadm activate old`" in told.diagnosis.remedy
    once = other_pending([OLD, be("next", "T")])
    assert once is not None
    assert "`beadm activate -T next`" in once.diagnosis.remedy


@pytest.mark.parametrize(
    ("running", "asked", "planned", "name", "may_be"),
    [
        ("omnios-r151054", None, None, "omnios-r151054-1", True),
        ("omnios-r151054-1", None, None, "omnios-r151054-12", True),
        ("omnios-r151054-1", None, None, "omnios-r151054-1-1", False),
        ("omnios-r151054", None, None, "mine", False),
        ("omnios-r151054", None, None, "omnios-r151054-backup-1", False),
        ("omnios-r151054", "next", None, "next", True),
        ("omnios-r151054", "next", None, "omnios-r151054-1", True),
        ("omnios-r151054", "n.xt", None, "next", False),
        ("omnios", None, "weekly-20261121-1955", "weekly-20261121-1956", True),
        ("omnios", None, "weekly-20261121-1955", "monthly-20261121-1955", False),
    ],
)
def test_names(running: str, asked: str | None, planned: str | None, name: str, may_be: bool) -> None:
    assert bool(re.fullmatch(names(running, asked, planned), name)) is may_be


@pytest.mark.parametrize("plan", [IN_CLONE, LIVE])
def test_what_somebody_else_has_made_meanwhile(plan: UpdatePlan) -> None:
    new = appeared(KNOWN, [OLD, be("mine"), be("old-backup-1"), be("old-1")], plan, "old", NAMES)
    assert "mine" not in [one.name for one in (*new.kept, *new.left_over, *([new.clone] if new.clone else []))]
