# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner, with real processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import runner as module
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import (
    CommandError,
    Runner,
    StillRunning,
    scrubbed,
)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def runner(clock: Clock, warnings: list[str]) -> Runner:
    return Runner(warnings.append, lock_timeout=20, clock=clock, sleep=clock.sleep)


def script(path: Path, text: str) -> list[str]:
    path.write_text(f"#!{sys.executable}\nimport os, sys\n{text}")
    path.chmod(0o755)
    return [str(path)]


def test_environment() -> None:
    env = scrubbed(
        {"PKG_SUCCESS_ON_NOP": "1", "PKG_IMAGE": "/x", "LANG": "de", "HOME": "/root", "PATH": "/a:b:/usr/bin"}
    )
    assert env == {"HOME": "/root", "LC_ALL": "C", "PATH": "/a:/usr/bin:/usr/sbin:/sbin"}


def test_a_failing_probe_is_an_error(runner: Runner, tmp_path: Path) -> None:
    argv = script(tmp_path / "x", "sys.stderr.write('no https://u:secret@h/ here'); sys.exit(3)")
    with pytest.raises(CommandError, match="exit code 3") as caught:
        runner.probe(argv)
    assert "secret" not in str(caught.value)
    assert runner.actions[0]["rc"] == 3


def test_a_probe_that_hangs_is_killed(runner: Runner, tmp_path: Path) -> None:
    argv = script(tmp_path / "x", "import time; time.sleep(60)")
    with pytest.raises(CommandError, match="no answer"):
        runner.probe(argv, timeout=0.2)


def test_a_probe_that_does_not_even_die_is_left(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.os, "killpg", lambda group, signal: None)
    monkeypatch.setattr(module, "_DYING_SECONDS", 0.1)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with pytest.raises(CommandError, match="no answer"):
        runner.probe(script(tmp_path / "x", f"open({str(gate)!r}).read()"), timeout=0.2)
    gate.write_text("go")


def test_files_that_a_tool_makes_can_be_read_by_others(runner: Runner, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        runner.change(script(tmp_path / "x", f"open({str(tmp_path / 'made')!r}, 'w')"))
    finally:
        assert os.umask(before) == 0o077
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o644


def test_a_change_that_hangs_is_not_killed(runner: Runner, warnings: list[str], tmp_path: Path) -> None:
    gate, done = tmp_path / "gate", tmp_path / "done"
    os.mkfifo(gate)
    os.mkfifo(done)
    argv = script(tmp_path / "x", f"open({str(gate)!r}).read(); open({str(done)!r}, 'w').write('alive')")
    with pytest.raises(StillRunning, match="not killed"):
        runner.change(argv, expected=0.1, limit=0.3)
    assert warnings
    assert runner.actions == [{"argv": argv, "rc": None, "seconds": None}]
    gate.write_text("go")
    assert done.read_text() == "alive"


def test_what_a_change_writes_is_seen_while_it_runs(runner: Runner, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    seen: list[str] = []

    def watch(text: str) -> None:
        seen.append(text)
        if "".join(seen) == "eins ü":
            gate.write_text("go")

    argv = script(
        tmp_path / "x",
        "out = sys.stdout.buffer\nout.write(b'eins \\xc3'); out.flush(); out.write(b'\\xbc'); out.flush()\n"
        f"open({str(gate)!r}).read(); out.write(b' zwei')",
    )
    result = runner.change(argv, watch=watch)
    assert result.stdout == "".join(seen) == "eins ü zwei"


def test_a_lock_is_tried_again_with_growing_pauses(runner: Runner, clock: Clock, tmp_path: Path) -> None:
    count = tmp_path / "count"
    argv = script(
        tmp_path / "x",
        f"n = os.path.getsize({str(count)!r}) if os.path.exists({str(count)!r}) else 0\n"
        f"open({str(count)!r}, 'a').write('x')\nsys.exit(7 if n < 3 else 0)",
    )
    assert runner.change(argv).rc == 0
    assert clock.slept == [1, 2, 4]
    assert [action["rc"] for action in runner.actions] == [7, 7, 7, 0]


def test_a_lock_that_stays_is_given_back(runner: Runner, clock: Clock, tmp_path: Path) -> None:
    argv = script(tmp_path / "x", "sys.stderr.write('x is currently in use by another package client.'); sys.exit(1)")
    assert runner.change(argv).locked
    assert clock.now <= 20


def test_secrets_do_not_show_in_actions(runner: Runner, tmp_path: Path) -> None:
    argv = script(tmp_path / "x", "")
    runner.probe([*argv, "https://u:hush@h/"])
    assert "hush" not in str(runner.actions)


def test_a_command_that_is_not_there(runner: Runner) -> None:
    with pytest.raises(CommandError, match="not on this host"):
        runner.probe(["no-such-command"])
