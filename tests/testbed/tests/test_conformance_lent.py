"""A replay with another pkg: it runs on the host, with the repositories and troubles of the recording."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from testbed import __main__ as cli
from testbed import enter, log
from testbed.conformance.difference import Outcome
from testbed.conformance.packages import recording, run
from testbed.host import Host

from .machine import bare

STUB = """\
#!/bin/sh
[ "$1" = -R ] && { root=$2; shift 2; }
case "$1" in
refresh) read stage < /repo/core/stage || exit 1; [ "$stage" = base ] || exit 3 ;;
list) echo "$PKG_IMAGE web/curl 8.0.1 i--" ;;
list-linked) zoneadm -R / list -cp | cut -d: -f4 ;;
freeze) echo frozen > "$root/etc/frozen" || exit 1 ;;
sync-linked) python3 "${0%/bin/pkg}/lock.py" 2>/dev/null || exit 7 ;;
update)
    exec 3>&1 > /dev/null
    beadm create new1 && beadm mount new1 /mnt && [ -d /mnt/zones/web01/root/etc ] && beadm unmount new1 || exit 1
    beadm activate new1 && beadm create spare && beadm destroy -F spare || exit 1
    printf 'A clone of omnios-r151046 exists and has been updated and activated.\\n' >&3 ;;
esac
"""
LOCKED = """\
import fcntl
fcntl.lockf(open("/zones/web01/root/var/pkg/lock", "a"), fcntl.LOCK_EX | fcntl.LOCK_NB)
"""


@pytest.fixture
def lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a pkg that is no pkg, and repositories of two stages."""
    files = {
        "pkg5/bin/pkg": STUB,
        "pkg5/lock.py": LOCKED,
        "repo/core/stage": "base\n",
        "repo-weekly1/core/stage": "weekly1\n",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    monkeypatch.setenv("TESTBED_PKG", str(tmp_path / "pkg5/bin/pkg"))
    monkeypatch.setenv("TESTBED_REPOS", str(tmp_path / "repo"))
    host = bare(tmp_path / "probe")
    enter.ready(host)
    argv = [sys.executable, "-IS", cli.__file__, "enter", str(host.directory), "--", "true"]
    tried = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "cannot make a private mount namespace" in tried.stderr:
        pytest.skip(tried.stderr)
    return tmp_path


def typed(words: str, rc: int = 0, stdout: str = "", **more: Any) -> dict[str, Any]:
    return {"argv": words.split(), "env": {}, "rc": rc, "stdout": stdout, "stderr": "", **more}


def replayed(lent: Path, *steps: dict[str, Any]) -> Outcome:
    entry = json.loads((recording.FIXTURES / "01-linked-states.json").read_text()) | {"steps": list(steps)}
    library = recording.read_library(recording.FIXTURES, entry)
    return run.run(entry, library, lent / "scratch")


def test_it_is_typed_and_judged_like_the_testbeds_own(lent: Path) -> None:
    outcome = replayed(
        lent,
        typed("pkg list", stdout="/zones/web01/root web/curl 8.0.1 i--\n", env={"PKG_IMAGE": "/zones/web01/root"}),
        typed("pkg list", stdout="web/curl 8.0.2 i--\n"),
        typed("pkg -R / refresh", rc=4),
        typed("pkg list-linked", stdout="/zones/web01\n/zones/db01\n/\n/zones/build01\n/zones/lx01\n/zones/vm01\n"),
        typed("pkg history"),
    )
    assert [(found.step, found.what) for found in outcome.differences] == [(1, "row 1"), (2, "exit code")]
    assert (outcome.steps, outcome.matching, outcome.uncounted, outcome.ended) == (4, 2, ["history"], "")


def test_repositories_of_a_stage_replace_those_before_and_may_be_away(lent: Path) -> None:
    outcome = replayed(
        lent,
        typed("pkg refresh"),
        typed("@publish weekly1"),
        typed("pkg refresh", rc=3),
        typed("@repo-offline core"),
        typed("pkg refresh", rc=1),
        typed("@repo-online core"),
        typed("pkg refresh", rc=3),
        typed("@publish weekly2"),
        typed("pkg refresh"),
    )
    assert (outcome.steps, outcome.matching) == (7, 7)
    assert outcome.ended == f"steps from 8 on: no repositories of stage weekly2: {lent}/repo-weekly2 is not there"
    assert (lent / "repo/core/stage").read_text() == "base\n"


def test_locks_and_immutable_directories_are_real(lent: Path) -> None:
    outcome = replayed(
        lent,
        typed("@lock zone:web01"),
        typed("pkg sync-linked", rc=7),
        typed("@unlock zone:web01"),
        typed("pkg sync-linked"),
        typed("@immutable zone:db01 etc"),
        typed("pkg -R /zones/db01/root freeze", rc=1),
        typed("@mutable zone:db01 etc"),
        typed("pkg -R /zones/db01/root freeze"),
        typed("@immutable global etc"),
    )
    if "can be made immutable here" in outcome.ended:
        pytest.skip(outcome.ended)
    assert (outcome.differences, outcome.ended) == ([], "")
    (lent / "scratch/host/etc/changed").touch()


def test_its_boot_environments_are_made_by_beadm(lent: Path) -> None:
    said = "A clone of omnios-r151046 exists and has been updated and activated.\n"
    outcome = replayed(lent, typed("pkg update", stdout=said), typed("@reboot"), typed("pkg refresh"))
    assert outcome.differences == []
    host = Host(lent / "scratch/host")
    beadm = [record["argv"][1:] for record in log.read(host.private) if record["argv"][0] == "beadm"]
    assert beadm[:6] == [
        ["create", "new1"],
        ["mount", "new1", "/mnt"],
        ["unmount", "new1"],
        ["activate", "new1"],
        ["create", "spare"],
        ["destroy", "-F", "spare"],
    ]
    with host.locked():
        assert host.state.current_be == "new1"


def test_what_a_lent_pkg_cannot_be_asked_is_left_out(lent: Path) -> None:
    outcome = replayed(lent, typed("pkg list", note="run as an unprivileged user (uid 65534)"))
    assert (outcome.steps, outcome.wrong) == (0, False)
    assert outcome.ended == "steps from 1 on: run by an unprivileged user, who cannot run the host's other commands"


def test_without_repositories_nothing_is_run(lent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTBED_REPOS")
    outcome = replayed(lent, typed("pkg list"))
    assert (outcome.steps, outcome.ended) == (
        0,
        "steps from 1 on: TESTBED_REPOS is not set: a lent pkg needs the repositories of the recordings",
    )
