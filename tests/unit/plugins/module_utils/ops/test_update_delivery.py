# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handing the result of an update over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import kept_result
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import update_delivery
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update_delivery import deliver, together


def result(**changes: Any) -> dict[str, Any]:
    return {
        "changed": False,
        "resumed": False,
        "plan": {"images": []},
        "images": [{"zone": None, "status": "unchanged"}, {"zone": "web01", "status": "unchanged"}],
        "be": {"created": False, "name": None},
        "release_notes": [],
        "actions": [{"argv": ["zoneadm", "list", "-cp"]}],
        "diff": [],
        **changes,
    }


DONE = result(
    changed=True,
    plan={"images": [{"zone": "web01"}]},
    images=[{"zone": None, "status": "unchanged"}, {"zone": "web01", "status": "updated"}],
    be={"created": False, "name": None, "backup": ["b-1"]},
    release_notes=["note"],
    actions=[{"argv": ["pkg", "update"]}],
    diff=[{"before_header": "web01"}],
)


def test_a_result_nobody_got_is_returned_by_a_run_with_nothing_to_do() -> None:
    both = together(result(release_notes=["note"]), DONE)
    assert both == {
        **DONE,
        "resumed": True,
        "actions": [{"argv": ["pkg", "update"]}, {"argv": ["zoneadm", "list", "-cp"]}],
    }


def test_what_this_run_did_counts_before_what_an_earlier_one_did() -> None:
    own = result(
        changed=True,
        plan={"images": [{"zone": None}]},
        images=[{"zone": None, "status": "updated"}, {"zone": "web01", "status": "failed"}],
        be={"created": True, "name": "b-2"},
    )
    both = together(own, DONE)
    assert (both["plan"], both["images"]) == (own["plan"], own["images"])
    assert both["be"] == {"created": True, "name": "b-2", "backup": ["b-1"]}


def test_what_was_staged_is_not_told_of_the_running_system() -> None:
    staged = {**DONE, "images": [{"zone": "web01", "status": "staged"}]}
    assert together(result(), staged)["images"] == result()["images"]


def test_a_change_is_kept_until_the_next_run_has_it_and_no_longer(tmp_path: Path) -> None:
    where = str(tmp_path)
    assert deliver("r1", "be1", dict(DONE), "", False, pytest.fail, where) == DONE
    assert deliver("r2", "be1", result(), "", True, pytest.fail, where)["resumed"]  # check mode
    second = deliver("r2", "be1", result(), "", False, pytest.fail, where)
    assert (second["changed"], second["resumed"]) == (True, True)
    kept = kept_result.kept(where)
    assert kept is not None
    assert (kept.run_id, kept.result["resumed"]) == ("r2", True)
    assert deliver(None, "be1", result(), "", False, pytest.fail, where)["resumed"]
    assert kept_result.kept(where) is None


def test_a_run_that_failed_at_once_leaves_it_to_the_next(tmp_path: Path) -> None:
    where = str(tmp_path)
    deliver("r1", "be1", dict(DONE), "", False, pytest.fail, where)
    for be_uuid in ("be1", None):
        own = result(images=[])
        assert deliver("r2", be_uuid, dict(own), "Locked.", False, pytest.fail, where) == own
    assert deliver("r3", "be1", result(), "", False, pytest.fail, where)["resumed"]


def test_a_run_that_tidied_up_and_failed_tells_of_both(tmp_path: Path) -> None:
    deliver("r1", "be1", dict(DONE), "", False, pytest.fail, str(tmp_path))
    own = result(changed=True, images=[])
    assert deliver("r2", "be1", own, "No.", False, pytest.fail, str(tmp_path))["images"] == DONE["images"]


def test_the_copy_in_a_clone_is_not_told_of(tmp_path: Path) -> None:
    warnings: list[str] = []
    deliver("r1", "be1", dict(DONE), "", False, pytest.fail, str(tmp_path))
    assert deliver("r2", "be2", result(), "", False, warnings.append, str(tmp_path)) == result()
    assert "is that of another boot environment" in warnings[0]
    assert kept_result.kept(str(tmp_path)) is None


def test_a_run_without_a_change_keeps_nothing(tmp_path: Path) -> None:
    assert deliver("r1", "be1", result(), "", False, pytest.fail, str(tmp_path)) == result()
    assert kept_result.kept(str(tmp_path)) is None


def test_the_failure_of_an_earlier_run_is_told(tmp_path: Path) -> None:
    warnings: list[str] = []
    deliver("r1", "be1", dict(DONE), "Zone web01 is locked.", False, warnings.append, str(tmp_path))
    deliver("r2", "be1", result(), "", False, warnings.append, str(tmp_path))
    assert warnings == ["An earlier update, of which nobody got the result, failed: Zone web01 is locked."]


def test_what_cannot_be_kept_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, text: str) -> None:
        raise OSError(28, "No space left on device")

    warnings: list[str] = []
    monkeypatch.setattr(update_delivery.kept_result.durable, "write", full)
    assert deliver("r1", "be1", dict(DONE), "", False, warnings.append, str(tmp_path)) == DONE
    assert "is not kept: [Errno 28] No space left on device" in warnings[0]


def test_a_kept_result_that_cannot_be_understood_is_a_warning(tmp_path: Path) -> None:
    warnings: list[str] = []
    (tmp_path / "result.json").write_text("{")
    assert deliver("r1", "be1", dict(DONE), "", False, warnings.append, str(tmp_path)) == DONE
    assert "cannot be understood" in warnings[0]
