# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Following an update."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import kept_result, update_progress
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update_progress import Options, latest, run

STARTED = {"started": True, "finished": False, "ansible_job_id": "j1"}


class Time:
    """Time that only sleeping moves; `at` says what happens when."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: dict[float, Callable[[], object]] = {}

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for when in [when for when in self.at if when <= self.now]:
            self.at.pop(when)()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def follow(tmp_path: Path, time: Time) -> Callable[..., dict[str, Any]]:
    def call(dry: bool = False, **options: Any) -> dict[str, Any]:
        return run(Options(**options), dry, str(tmp_path), time.clock, time.sleep)

    return call


Follow = Callable[..., dict[str, Any]]


def writing(tmp_path: Path, run_id: str = "r1") -> Any:
    return update_progress.writing(run_id, pytest.fail, str(tmp_path))


def test_nothing_there(follow: Follow, time: Time) -> None:
    assert follow() == {
        "changed": False,
        "state": "none",
        "run_id": "",
        "began": "",
        "images": [],
        "steps": [],
        "mark": ":0",
        "undelivered": None,
        "job_result": None,
    }
    assert time.now == 0


def test_news_are_gathered_before_they_are_told(follow: Follow, time: Time, tmp_path: Path) -> None:
    with writing(tmp_path) as tell:
        tell("global", "Planning")
        time.at[2.0] = lambda: tell("global", "Download")
        first = follow(wait=20, run_id="r1")
        assert [step["phase"] for step in first["steps"]] == ["Planning", "Download"]
        assert time.now == 10.0
        second = follow(wait=20, run_id="r1", since=first["mark"])
    assert (second["steps"], second["state"], time.now) == ([], "running", 30.0)


def test_a_run_that_was_killed_is_told_soon(follow: Follow, time: Time, tmp_path: Path) -> None:
    path = Path(update_progress.path(str(tmp_path)))
    path.write_text('{"run": "r1", "began": "2026-11-21T19:03:16Z"}\n')
    assert follow(wait=20, run_id="r1")["state"] == "lost"
    assert time.now == 3.0


def test_the_end_of_the_job_is_told_at_once(follow: Follow, time: Time, tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.write_text(json.dumps(STARTED))
    time.at[1.0] = lambda: job.write_text(json.dumps({"changed": False, "msg": "it"}))
    told = follow(wait=20, run_id="r1", job=str(job))
    assert told["job_result"] == {"changed": False, "msg": "it"}
    assert time.now == 1.0


@pytest.mark.parametrize("content", ["", '{"chan', "[]", json.dumps(STARTED)])
def test_a_job_without_a_result(follow: Follow, time: Time, tmp_path: Path, content: str) -> None:
    job = tmp_path / "job"
    job.write_text(content)
    assert follow(wait=5, job=str(job))["job_result"] is None
    assert time.now == 5.0


def test_a_job_that_is_gone(follow: Follow) -> None:
    with pytest.raises(Refusal) as caught:
        follow(job="/nonexistent/job")
    assert caught.value.diagnosis.cause == "job-gone"


def test_another_run_counts_only_while_it_is_at_work(follow: Follow, tmp_path: Path) -> None:
    with writing(tmp_path, "old") as tell:
        tell("global", "Planning")
        assert follow(run_id="mine")["run_id"] == "old"
    told = follow(run_id="mine")
    assert (told["state"], told["steps"], told["mark"]) == ("none", [], ":0")
    assert follow()["state"] == "ended"


def test_the_last_step_of_each_image() -> None:
    steps = [
        {"image": "zone:b", "phase": "Planning"},
        {"image": "global", "phase": "Planning"},
        {"image": "zone:a", "phase": "Planning"},
        {"image": "zone:b", "phase": "Actions"},
    ]
    assert latest(steps) == [steps[1], steps[2], steps[3]]


def test_a_result_is_kept_until_somebody_has_it(follow: Follow, tmp_path: Path) -> None:
    kept_result.keep("r1", "be1", {"changed": True}, str(tmp_path))
    job = tmp_path / "job"
    job.write_text("{}")
    assert follow()["undelivered"] == "r1"
    for dry, run_id in ((False, "r2"), (True, "r1")):
        follow(dry=dry, acknowledge=run_id)
        assert follow()["undelivered"] == "r1"
    assert follow(dry=True, acknowledge="r1", job=str(job))["changed"]
    assert job.exists()
    assert follow(acknowledge="r1", job=str(job))["changed"]
    assert follow()["undelivered"] is None
    assert not job.exists()
    assert not follow(acknowledge="r1", job=str(job))["changed"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "run": "r1", "be_uuid": "u", "result": 3}']
)
def test_a_kept_result_that_cannot_be_understood(follow: Follow, tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(Refusal, match="result.json keeps the result of an earlier update, and cannot be understood"):
        follow()


@pytest.mark.parametrize("mark", ["x", "r1:", "r1:-1", ":²"])
def test_no_mark(follow: Follow, mark: str) -> None:
    with pytest.raises(Refusal, match="is no mark"):
        follow(since=mark)


def test_a_directory_that_may_not_be_read(follow: Follow, tmp_path: Path) -> None:
    (tmp_path / "progress.jsonl").mkdir()
    with pytest.raises(Refusal, match="cannot be read"):
        follow()
