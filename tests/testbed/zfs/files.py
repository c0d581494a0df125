"""The files of a filesystem: copied into a snapshot, brought back from one."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from testbed.host import PRIVATE, Host
from testbed.zfs.mounting import content, displace, is_below, mounts, place, under

NOT_OF_A_BE = frozenset({PRIVATE, "dev", "proc", "tmp"})
"""Entries of `/` that do not lie in the dataset mounted there."""


def copy_content(host: Host, name: str, target: Path) -> None:
    source = content(host, name)
    covered = {os.fspath(host.path(path)): under(host, key) for path, key in reversed(_nested(host, name))}
    skip = NOT_OF_A_BE if host.state.datasets[name].mounted == "/" else frozenset()
    copy(source, target, covered, skip)


def restore_content(host: Host, name: str, stored: Path) -> None:
    nested = _nested(host, name)
    for path, key in reversed(nested):
        displace(host, key, path)
    target = content(host, name)
    skip = NOT_OF_A_BE if host.state.datasets[name].mounted == "/" else frozenset()
    for entry in os.listdir(target):
        if entry not in skip:
            remove(target / entry)
    for entry in os.listdir(stored):
        copy(stored / entry, target / entry)
    _copy_attributes(os.stat(stored), target)
    for path, key in nested:
        host.path(path).mkdir(parents=True, exist_ok=True)
        place(host, key, path)


def _nested(host: Host, name: str) -> list[tuple[str, str]]:
    """(mount point, key of what it covers) of everything mounted in the filesystem or deeper, outermost first."""
    at = host.state.datasets[name].mounted
    if at is None:
        return []
    number = host.state.datasets[name].mount_number
    found = [
        (each.mounted or "", each.content, each.mount_number)
        for each in mounts(host)
        if each.name != name and each.mount_number > number and is_below(each.mounted or "", at)
    ]
    found += [
        (path, f"lofs-{entry.number}", entry.number) for path, entry in host.state.lofs.items() if is_below(path, at)
    ]
    return [(path, key) for path, key, _ in sorted(found, key=lambda each: each[2])]


def copy(
    source: Path, target: Path, covered: Mapping[str, Path] | None = None, skip: frozenset[str] = frozenset()
) -> None:
    """Copy a file, link or tree with modes, owners and times. ``covered``: mount points and what they hide."""
    status = os.lstat(source)
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISREG(status.st_mode):
        _copy_file(source, target, status)
    elif stat.S_ISDIR(status.st_mode):
        os.mkdir(target)
        for entry in os.listdir(source):
            if entry in skip:
                continue
            path = source / entry
            hidden = covered.get(os.fspath(path)) if covered else None
            copy(hidden or path, target / entry, covered)
        _copy_attributes(status, target)


def _copy_file(source: Path, target: Path, status: os.stat_result) -> None:
    with open(source, "rb") as reader, open(target, "wb") as writer:
        left = status.st_size
        while left > 0:
            done = os.sendfile(writer.fileno(), reader.fileno(), None, left)
            if not done:
                break
            left -= done
    _copy_attributes(status, target)


def _copy_attributes(status: os.stat_result, target: Path) -> None:
    if os.geteuid() == 0:
        os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def remove(path: Path) -> None:
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
