"""What a host looks like, in the words of the recordings: datasets, mounts, zones, files, contents, packages."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from testbed import command, zfs, zones
from testbed.host import Host

LIBBE = ("org.opensolaris.libbe:parentbe", "org.opensolaris.libbe:active")
PROPERTIES = ("zoned", "canmount", "mountpoint", *LIBBE)
GLOBAL_FILES = ("/etc/zones", "/tmp", "/root", "/export")
CHURN = ("cache", "history", "lock", "log")
"""Of var/pkg, what every run of pkg changes."""

Files = dict[str, str]
"""Path -> `file MODE SHA1`, `dir MODE` or `link TARGET`; the hash is shortened to 12 digits."""


def datasets(host: Host) -> dict[str, dict[str, Any]]:
    """Filesystems and snapshots as ``start.zfs`` has them."""
    found: dict[str, dict[str, Any]] = {}
    for name, dataset in host.state.datasets.items():
        entry: dict[str, Any] = {"type": "filesystem", "mounted": "yes" if dataset.mounted else "no"}
        for prop in PROPERTIES:
            value, source = zfs.get(host, name, prop)
            if value != "-":
                entry[prop] = {"value": value, "source": source}
        if dataset.origin:
            entry["origin"] = dataset.origin
        found[name] = entry
    return found | {name: {"type": "snapshot"} for name in host.state.snapshots}


def dataset_changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Two pictures of the datasets as ``end.zfs_diff``."""
    changed = {}
    for name in before.keys() & after.keys():
        old, new = before[name], after[name]
        props = {prop: [old.get(prop), new.get(prop)] for prop in old.keys() | new.keys()}
        props = {prop: pair for prop, pair in props.items() if pair[0] != pair[1]}
        if props:
            changed[name] = props
    return {
        "created": {name: entry for name, entry in after.items() if name not in before},
        "destroyed": [name for name in before if name not in after],
        "changed": changed,
    }


def mounts(host: Host) -> list[str]:
    """Lines of `mount -p`."""
    return command.run(host, ["mount", "-p"]).stdout.splitlines()


def walk(top: Path, skip: tuple[str, ...] = ()) -> Files:
    """Everything below ``top``; of directories whose relative path is in ``skip`` only themselves."""
    found: Files = {}
    for entry in sorted(top.iterdir()) if top.is_dir() else []:
        _add(found, top, entry, skip)
    return found


def _add(found: Files, top: Path, path: Path, skip: tuple[str, ...]) -> None:
    name = str(path.relative_to(top))
    info = path.lstat()
    mode = f"{stat.S_IMODE(info.st_mode):o}"
    if stat.S_ISLNK(info.st_mode):
        found[name] = f"link {os.readlink(path)}"
    elif stat.S_ISDIR(info.st_mode):
        found[name] = f"dir {mode}"
        if name not in skip:
            for entry in sorted(path.iterdir()):
                _add(found, top, entry, skip)
    else:
        found[name] = f"file {mode} {hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()[:12]}"


def boot_environments(host: Host) -> list[Path]:
    """Root directories of all boot environments of the host."""
    return [zfs.content(host, name) for name in host.state.datasets if name.rpartition("/")[0] == "rpool/ROOT"]


def global_files(host: Host) -> Files:
    """Files of the global zone where the zone tools write; what is mounted on a zone's root is not among them.

    /var/tmp is that of all boot environments: the recorded host had only one.
    """
    found: Files = {}
    for top in boot_environments(host):
        found |= {f"/var/tmp/{name}": what for name, what in walk(top / "var/tmp").items()}
    for directory in GLOBAL_FILES:
        found |= {f"{directory}/{name}": what for name, what in walk(host.path(directory)).items()}
    for zonepath in sorted({entry.zonepath for entry in zones.read_index(host) if entry.name != "global"}):
        top = host.path(zonepath)
        if top.is_dir():
            found[zonepath] = f"dir {stat.S_IMODE(top.stat().st_mode):o}"
            found |= {f"{zonepath}/{name}": what for name, what in walk(top, skip=("root",)).items()}
    return found


def contents(host: Host) -> Files:
    """Files of the zone boot environments (and of datasets below them), `DATASET:/path`; of var/pkg only `linked`."""
    found: Files = {}
    for name in host.state.datasets:
        if not _zone_boot_environment(host, name):
            continue
        top = zfs.content(host, name)
        below = _mounted_below(host, name)
        for path, what in walk(top, skip=below).items():
            inside = Path(path).parts[:2] == ("var", "pkg") and len(Path(path).parts) > 2
            if not inside or Path(path).parts[2] == "linked":
                found[f"{name}:/{path}"] = what
    return found


def _zone_boot_environment(host: Host, name: str) -> bool:
    return any(parent.endswith("/ROOT") and parent != "rpool/ROOT" for parent in _parents(name)) or any(
        zfs.get(host, name, prop)[0] != "-" for prop in LIBBE
    )


def _parents(name: str) -> list[str]:
    words = name.split("/")
    return ["/".join(words[:number]) for number in range(1, len(words))]


def _mounted_below(host: Host, name: str) -> tuple[str, ...]:
    mounted = host.state.datasets[name].mounted
    if mounted is None:
        return ()
    top = mounted.rstrip("/") + "/"
    others = [dataset.mounted for dataset in host.state.datasets.values() if dataset.mounted]
    return tuple(other.removeprefix(top) for other in others if other.startswith(top))


def fingerprint(host: Host, name: str) -> str:
    """Hash of a whole zone BE, var/pkg included but for what every run of pkg changes there."""
    top = zfs.content(host, name)
    skip = tuple(f"var/pkg/{entry}" for entry in CHURN) + _mounted_below(host, name)
    return hashlib.sha1(repr(walk(top, skip)).encode(), usedforsecurity=False).hexdigest()


def file_changes(before: Files, after: Files) -> dict[str, Any]:
    """Two pictures of files as ``end.files`` and ``end.content``."""
    return {
        "created": {path: what for path, what in after.items() if path not in before},
        "removed": [path for path in before if path not in after],
        "changed": {
            path: [before[path], after[path]] for path in before if path in after and before[path] != after[path]
        },
    }


def zone_states(host: Host) -> dict[str, str]:
    """Zone -> `state brand`."""
    return {zone.name: f"{zone.state} {zone.brand}" for zone in zones.listed(host)}


def short_changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Changed properties of the zones' datasets in the form of ``after.zfs_changed``."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in before.keys() & after.keys():
        for prop in PROPERTIES:
            old, new = before[name].get(prop), after[name].get(prop)
            if old is None or new is None or old == new:
                continue
            shown = new["value"] if old["source"] == new["source"] else f"{new['value']} ({new['source']})"
            found.setdefault(name, {})[prop] = [old["value"], shown]
    return found


def packages(host: Host, name: str) -> dict[str, list[str]]:
    """Packages and publishers of the image in a dataset, as ``end.pkg`` has them."""
    root = "/" + str(zfs.content(host, name).relative_to(host.directory))
    listed = command.run(host, ["pkg", "-R", root, "list", "-Hv"]).stdout.splitlines()
    publishers = command.run(host, ["pkg", "-R", root, "publisher", "-F", "tsv"]).stdout.splitlines()
    return {"packages": [line.split()[0] for line in listed if line], "publishers_tsv": publishers}
