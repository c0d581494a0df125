"""The table: every recording has a row, every file that is none a reason, and the exit code tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from testbed.conformance import __main__
from testbed.conformance.hooks import recording as hook_recording
from testbed.conformance.packages import recording as package_recording


def conformance(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["conformance", *arguments])
    return __main__.main()


def recorded(path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(path.read_text())
    return entry


def test_a_false_recording_of_a_hook_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = recorded(hook_recording.FIXTURES / "detach.json")
    entry["zoneadm"]["rc"] += 1
    (tmp_path / "detach.json").write_text(json.dumps(entry))
    assert conformance(monkeypatch, str(tmp_path)) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "conformance: 1 of 2 steps match"


def test_both_kinds_in_one_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "detach.json").write_bytes((hook_recording.FIXTURES / "detach.json").read_bytes())
    entry = recorded(package_recording.FIXTURES / "01-linked-states.json")
    entry["steps"] = entry["steps"][:5]
    (tmp_path / "01.json").write_text(json.dumps(entry))
    assert conformance(monkeypatch, str(tmp_path)) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [
        ["01", "linked", "states", "5", "5"],
        ["detach", "2", "2"],
        ["conformance:", "7", "of", "7", "steps", "match"],
    ]


def test_what_does_not_count_is_counted_and_what_is_no_recording_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = recorded(package_recording.FIXTURES / "01-linked-states.json")
    nothing = {"rc": 2, "stdout": "", "stderr": ""}
    entry["steps"] = [{"argv": ["pkg", "nosuch"], **nothing}, {"argv": ["@nosuch", "global"], **nothing}]
    (tmp_path / "01.json").write_text(json.dumps(entry))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "notes.json").write_text("{}")
    assert conformance(monkeypatch, str(tmp_path)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-7:] == [
        "    step 2, carried out",
        "        recorded: yes",
        "        replayed: no such situation: @nosuch",
        "left out: broken.json: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "left out: notes.json: neither a recording of pkg nor of the brand hooks",
        "carried out, but not counted: 1 steps (nosuch 1)",
        "conformance: 0 of 1 steps match",
    ]


def test_directory_without_recordings_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="conformance: no recording in these directories"):
        conformance(monkeypatch, str(tmp_path))
    with pytest.raises(SystemExit, match="no such directory"):
        conformance(monkeypatch, str(tmp_path / "nosuch"))
