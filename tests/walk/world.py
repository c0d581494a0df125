"""Hosts of the walk, and the module run on them: in a child of this process, or as a process of its own."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ansible_collections.illumos.linked_zones.plugins.module_utils as module_utils
import testbed
from testbed import boot, declare, enter, log, zfs, zones
from testbed.command import Context
from testbed.conformance import picture
from testbed.host import Host
from testbed.ips.images import image
from walk.scenario import Scenario

CAPTURES = ".testbed/captures"
NOT_THE_HOST = (CAPTURES, ".testbed/log.jsonl", ".testbed/log.count", "dev", "proc")
OURS = "illumos.linked_zones"
JOURNALS = f"/var/lib/{OURS}"

Result = dict[str, Any]
"""What the module returned, with `failed` where it failed."""


def preload() -> None:
    """Import all that the testbed and the module import only when they need it: in a host nothing can be found."""
    for package in (testbed, module_utils):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__") and ".tests" not in found.name and ".ansible" not in found.name:
                importlib.import_module(found.name)
    for name in (
        "_strptime",
        "grp",
        "pwd",
        "random",
        "sqlite3",
        "shlex",
        "uuid",
        "xml.etree.ElementTree",
        "encodings.idna",
    ):
        importlib.import_module(name)


def in_child(directory: Path, work: Callable[[], Any]) -> Any:
    """Call ``work`` in a child process whose `/` is ``directory``; what it returns must be JSON.

    Raises RuntimeError with the child's traceback.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.chroot(directory)
            os.chdir("/")
            answer = {"value": work()}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        with os.fdopen(writer, "w") as stream:
            json.dump(answer, stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(child, 0)
    if not text:
        raise RuntimeError("the child died without an answer")
    answer = json.loads(text)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["value"]


def build(directory: Path, declaration: str) -> None:
    """The host that the declaration describes, ready to be entered."""
    made = declare.declare(directory, declaration)
    enter.ready(made)


def copy(source: Path, target: Path) -> None:
    """A copy of a host; `/proc` and `/dev` stay empty."""
    skip = {str(source / name) for name in (CAPTURES, "dev", "proc")}

    def ignored(directory: str, names: list[str]) -> list[str]:
        return [name for name in names if os.path.join(directory, name) in skip]

    shutil.copytree(source, target, symlinks=True, ignore=ignored)
    for name in ("dev", "proc"):
        (target / name).mkdir(exist_ok=True)


def fingerprint(top: Path) -> str:
    """Changes whenever a file, a mode or the state of the host changes; log and counters left out."""
    digest = hashlib.sha1(usedforsecurity=False)
    skip = {str(top / name) for name in NOT_THE_HOST}
    pending = [str(top)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.path in skip:
                    continue
                info = entry.stat(follow_symlinks=False)
                directory = entry.is_dir(follow_symlinks=False)
                digest.update(f"{entry.path} {info.st_mode} {0 if directory else info.st_mtime_ns} ".encode())
                if directory:
                    pending.append(entry.path)
    return digest.hexdigest()


def power_cycle(directory: Path) -> None:
    """The host loses power and comes up again."""
    found = Host(directory)
    with found.locked():
        found.state.powered = False
        boot.power_on(Context(found, ["power"], {}))


def zone_state(directory: Path, name: str) -> str:
    found = Host(directory)
    with found.locked():
        return next((zone.state for zone in zones.listed(found) if zone.name == name), "absent")


def state_to_reach(directory: Path, scenario: Scenario, before: str) -> str:
    """The run state a run must bring the zone to: that of a begun switch's ``before``, else the one it is in."""
    if Host(directory).path(f"{JOURNALS}/{scenario.zone}.json").exists():
        return before
    return scenario.state or zone_state(directory, scenario.zone)


def end(directory: Path, zone: str, whole: bool) -> dict[str, Any]:
    """What counts of a host at the end of a walk. ``whole``: the zone's image files too, not only its packages."""
    found = Host(directory)
    with found.locked():
        root = next(z.zonepath for z in zones.listed(found) if z.name == zone) + "/root"
        kept = image.open(found.path(root))
        here = {
            "zones": {z.name: (z.brand, z.state) for z in zones.listed(found) if z.name != zone},
            "brand": next(z.brand for z in zones.listed(found) if z.name == zone),
            "datasets": picture.datasets(found),
            "mounted": sorted(f"{d.name} on {d.mounted}" for d in zfs.mounts(found)),
            "packages": sorted(str(entry.fmri) for entry in kept.installed().values()),
            "publishers": [(p.name, p.origins, p.mirrors, p.sticky) for p in kept.publishers],
            "linked": kept.child_name,
            "files": picture.walk(found.path(root), skip=_volatile(whole)),
            "tenant": picture.walk(found.path(f"{root}/var/tenant")),
            "left_over": left_over(found, zone),
        }
    text = json.dumps(here, sort_keys=True)
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _volatile(whole: bool) -> tuple[str, ...]:
    return tuple(f"var/pkg/{name}" for name in picture.CHURN) if whole else ("var/pkg",)


def clear_log(directory: Path) -> None:
    (directory / ".testbed/log.jsonl").write_text("")


def changing(directory: Path) -> list[list[str]]:
    """The commands since `clear_log` that changed something."""
    return log.changing(log.read(directory / ".testbed"))


def left_over(found: Host, zone: str) -> list[str]:
    """What a finished switch must not leave."""
    names = [name for name in (*found.state.datasets, *found.state.snapshots) if OURS in name]
    directory = found.path(JOURNALS)
    names += (
        [entry.name for entry in directory.iterdir() if not entry.name.endswith(".lock")] if directory.is_dir() else []
    )
    zonepath = next(z.zonepath for z in zones.listed(found) if z.name == zone)
    return names + [
        name for name in ("SUNWdetached.xml", "SUNWattached.xml") if found.path(f"{zonepath}/{name}").exists()
    ]
