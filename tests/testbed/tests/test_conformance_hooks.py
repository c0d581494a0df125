"""The replay tells differences from sameness: a recording replayed, then falsified at random places."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from testbed.conformance.hooks import compare, recording, setup
from testbed.conformance.hooks.replay import Replay

SEED = 20261121
CASES = ["detach", "attach-dataset-busy", "boot", "sequence-recover-B-after-detach-back"]

Path_ = tuple[str | int, ...]


def recorded(case: str) -> recording.Recording:
    entry: recording.Recording = json.loads((recording.FIXTURES / f"{case}.json").read_text())
    return entry


@pytest.fixture(scope="module")
def library() -> recording.Library:
    return recording.read_library(recording.FIXTURES)


@pytest.fixture(scope="module", params=CASES)
def replayed(
    request: pytest.FixtureRequest, library: recording.Library, tmp_path_factory: pytest.TempPathFactory
) -> tuple[recording.Recording, dict[str, Any]]:
    entry = recorded(request.param)
    scratch = tmp_path_factory.mktemp("replay")
    host = setup.build(scratch / "host", entry, library, scratch / "images")
    return entry, Replay(host, entry).run()


def leaves(value: Any, path: Path_ = ()) -> list[Path_]:
    """Where the texts and numbers of a JSON value are."""
    if isinstance(value, dict):
        return [found for key, entry in value.items() for found in leaves(entry, (*path, key))]
    if isinstance(value, list):
        return [found for number, entry in enumerate(value) for found in leaves(entry, (*path, number))]
    return [path] if isinstance(value, (str, int)) and not isinstance(value, bool) else []


def falsified(entry: recording.Recording, path: Path_) -> recording.Recording:
    """The recording with another text or number at this place."""
    changed = copy.deepcopy(entry)
    holder: Any = changed
    for key in path[:-1]:
        holder = holder[key]
    old = holder[path[-1]]
    holder[path[-1]] = old + 1 if isinstance(old, int) else f"{old}falsified\n"
    return changed


def compared(entry: recording.Recording) -> list[Path_]:
    """Every place that must not be different without being seen."""
    found = leaves(entry["end"]["zfs_diff"], ("end", "zfs_diff"))
    mounts = entry["end"]["mounts"]
    found += [("end", "mounts", number) for number in range(len(mounts)) if " - / " not in mounts[number]]
    found.append(("end", "index"))
    if entry["zoneadm"]:
        found += [("zoneadm", key) for key in ("rc", "stdout", "stderr", "state_after")]
    for number in range(len(entry.get("steps") or [])):
        found += [("steps", number, key) for key in ("rc", "stdout", "stderr")]
        found += leaves(entry["steps"][number]["after"], ("steps", number, "after"))
    for number in range(len(entry.get("hooks") or [])):
        found += [("hooks", number, key) for key in ("rc", "stdout", "stderr")]
    if isinstance(entry["attach_log"], str):
        found.append(("attach_log",))
    return found


def test_recording_and_replay_agree(replayed: tuple[recording.Recording, dict[str, Any]]) -> None:
    assert compare.compare(*replayed) == []


def test_every_falsification_is_seen(replayed: tuple[recording.Recording, dict[str, Any]]) -> None:
    entry, observed = replayed
    places = compared(entry)
    for path in random.Random(SEED).sample(places, min(60, len(places))):
        assert compare.compare(falsified(entry, path), observed), f"{path} (seed {SEED})"


def test_order_of_changing_commands_is_seen(replayed: tuple[recording.Recording, dict[str, Any]]) -> None:
    entry, observed = replayed
    changed = copy.deepcopy(entry)
    changed["commands"].reverse()
    assert "changing command 0" in [difference.what for difference in compare.compare(changed, observed)]


def test_missing_file_and_other_mode_are_seen(replayed: tuple[recording.Recording, dict[str, Any]]) -> None:
    entry, observed = replayed
    changed = copy.deepcopy(entry)
    changed["end"]["files"]["created"]["/etc/zones/other.xml"] = "file 644 0123456789ab"
    assert [difference.recorded for difference in compare.compare(changed, observed)] == [
        "/etc/zones/other.xml file 644 0123456789ab"
    ]


def test_stamps_and_random_names_do_not_count(replayed: tuple[recording.Recording, dict[str, Any]]) -> None:
    entry, observed = replayed
    changed = json.loads(json.dumps(entry).replace("November 21, 2026", "March 1, 2024"))
    assert compare.compare(changed, observed) == []


def test_start_and_situation_are_all_a_replay_is_set_up_from(library: recording.Library, tmp_path: Path) -> None:
    entry = recorded("detach")
    alone = {"start": entry["start"], "situation": entry["situation"]}
    host = setup.build(tmp_path / "host", alone, library, tmp_path / "images")
    renamed = {**entry, "case": "another name", "note": "", "script": "", "source": ""}
    assert compare.compare(entry, Replay(host, renamed).run()) == []


@pytest.mark.parametrize("case", ["attach-u-work", "attach-out-of-sync", "boot-root-busy", "uninstall-other-be-stays"])
def test_names_and_paths_do_not_matter(library: recording.Library, tmp_path: Path, case: str) -> None:
    text = json.dumps(recorded(case)).replace("web01", "7shop.eu-1")
    entry = json.loads(re.sub(r"(?<!etc)(?<!rpool)/zones(?![\w.])", "/guests", text))
    host = setup.build(tmp_path / "host", entry, library, tmp_path / "images")
    assert compare.compare(entry, Replay(host, entry).run()) == []


def varied(library: recording.Library, scratch: Path, case: str, **situation: Any) -> dict[str, Any]:
    """What comes of a recording's replay in another situation."""
    entry = copy.deepcopy(recorded(case))
    entry["situation"] |= situation
    return Replay(setup.build(scratch / "host", entry, library, scratch / "images"), entry).run()


def signal_after(signal: str, expression: str, target: str = "process group of the hook") -> dict[str, Any]:
    return {"signal": signal, "target": target, "when": {"after": expression, "nth": 1, "index": 0}}


@pytest.mark.parametrize(
    "lock", ["/zones/web01/root/var/pkg/lock", "rpool/zones/web01/ROOT/zbe:/var/pkg/lock", "zone:web01"]
)
def test_locked_image_stops_attach(library: recording.Library, tmp_path: Path, lock: str) -> None:
    observed = varied(library, tmp_path, "attach-u-work", locks=[lock])
    assert observed["hooks"][0]["rc"] == 254
    assert (
        "pkg: The image cannot be modified as it is currently in use by another package client.\n"
        in (observed["attach_logs"][0])
    )


@pytest.mark.parametrize(
    ("signal", "rc", "tail"), [("TERM", 254, "set mountpoint=/zones/web01/root"), ("KILL", -9, "")]
)
def test_signal_to_attach_hook(library: recording.Library, tmp_path: Path, signal: str, rc: int, tail: str) -> None:
    kill = signal_after(signal, "^zfs set canmount=noauto")
    observed = varied(library, tmp_path, "attach-u-work", kill=kill)
    assert observed["zoneadm"]["state_after"] == "configured"
    assert observed["hooks"][0]["rc"] == rc
    assert tail in " ".join(observed["commands"][-1]["argv"])


def test_failing_poststate_fails_halt_of_a_zone_that_is_down(library: recording.Library, tmp_path: Path) -> None:
    observed = varied(library, tmp_path, "halt", kill=signal_after("KILL", "^umount"))
    assert (observed["zoneadm"]["rc"], observed["zoneadm"]["state_after"]) == (1, "installed")


def test_signal_to_zoneadm(library: recording.Library, tmp_path: Path) -> None:
    kill = signal_after("KILL", "^zfs set canmount=on", "zoneadm and the hook")
    observed = varied(library, tmp_path, "detach", kill=kill)
    assert (observed["zoneadm"]["rc"], observed["zoneadm"]["state_after"]) == (-9, "installed")


@pytest.mark.parametrize(("signal", "busy"), [("TERM", True), ("INT", False)])
def test_exit_trap_meets_pkg_that_outlives_the_hook(
    library: recording.Library, tmp_path: Path, signal: str, busy: bool
) -> None:
    """ksh93 runs the exit trap at once at SIGTERM, at SIGINT when the command it waits for has ended (tried)."""
    effect = {"sleeps": 60, "holds_open": "/zones/web01/root/etc/release", "rc_when_signalled": 1}
    fail = [{"match": "^pkg install", "nth": 1, "rc": None, "stdout": None, "stderr": None, "effect": effect}]
    kill = {"signal": signal, "target": "hook", "when": {"during": "^pkg install", "nth": 1}}
    observed = varied(library, tmp_path, "attach-u-work", fail=fail, kill=kill)
    assert observed["hooks"][0]["rc"] == 254
    assert ("could not set mountpoint=/zones/web01/root." in observed["attach_logs"][0]) is busy
