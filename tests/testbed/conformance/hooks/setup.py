"""A host as it was when a recording began, from its ``start`` and ``situation`` alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from testbed import host, zfs
from testbed.conformance.hooks import images
from testbed.conformance.hooks.recording import Library, Recording
from testbed.host import Host
from testbed.state import Dataset, KernelZone, Snapshot

NATIVE = ("type", "mounted", "origin")
BRANDS = ("ipkg", "lipkg", "sparse", "pkgsrc")
"""The brands that were installed when the recordings were made."""
SIGNALS = {"HUP": 1, "INT": 2, "KILL": 9, "TERM": 15}


class Unknown(Exception):
    """The recording holds something that this replay cannot set up."""


def build(directory: Path, recording: Recording, library: Library, templates: Path) -> Host:
    """The host below ``directory``, which must not exist. ``templates``: where image trees are kept for the next one.

    Raises Unknown.
    """
    start, situation = recording["start"], recording["situation"]
    made = host.create(directory)
    with made.locked():
        for name in ("etc/zones", "var/tmp", "tmp", "root", "export"):
            (directory / name).mkdir(parents=True)
        _brands(directory)
        _datasets(made, start, situation)
        _boot_environments(made, start)
        images.repositories(made, library, situation["repositories"])
        _images(made, situation, templates)
        _other_boot_environments(made, situation, templates)
        _files_in_datasets(made, situation["files"])
        _mounts(made, start["mounts"])
        _zones(made, start)
        _files(made, situation["files"])
        made.state.offline = list(situation["offline"])
        made.state.busy = list(situation["busy"])
        made.state.vnics = list(situation["vnics"])
        made.state.locks = [_image_root(start, lock) for lock in situation["locks"]]
        made.state.faults = [_failure(start, entry) for entry in situation["fail"]]
        made.state.faults += _no_active_boot_environment(start)
        killed = _kill(situation["kill"]) if situation["kill"] else None
        if killed:
            made.state.faults.append(killed)
        made.state.settings["pkg_dialect"] = "r151054" if "reverted" in situation["pkg"] else "master"
        made.state.settings["pkg_formats"] = [situation["global"]["image_format"]]
    return made


def _brands(root: Path) -> None:
    """A brand is installed where its config.xml is."""
    for brand in BRANDS:
        place = root / "usr/lib/brand" / brand
        place.mkdir(parents=True)
        (place / "config.xml").write_text(f'<brand name="{brand}"/>\n')


# -- datasets --


def _datasets(made: Host, start: dict[str, Any], situation: dict[str, Any]) -> None:
    for name in situation["creation_order"]:
        entry = start["zfs"][name]
        number = made.state.tick()
        guid, key = str(10**18 + number), str(number)
        if "@" in name:
            made.state.snapshots[name] = Snapshot(name, guid, number, key)
            (made.private / "snapshots" / key).mkdir()
            continue
        local = {
            prop: held["value"] for prop, held in entry.items() if prop not in NATIVE and held["source"] == "local"
        }
        made.state.datasets[name] = Dataset(name, guid, number, key, local, entry.get("origin"))
        (made.private / "data" / key).mkdir()


def _boot_environments(made: Host, start: dict[str, Any]) -> None:
    """The lines of `beadm list -H`: name;uuid;flags;mount point;space;policy;date."""
    for line in start["beadm"]:
        name, uuid, flags = line.split(";")[:3]
        dataset = f"rpool/ROOT/{name}"
        if dataset in made.state.datasets:
            made.state.datasets[dataset].local["org.opensolaris.libbe:uuid"] = uuid
        if "N" in flags:
            made.state.current_be = name
        if "R" in flags:
            made.state.next_be = name


def _no_active_boot_environment(start: dict[str, Any]) -> list[dict[str, Any]]:
    """A host that booted always has an active BE; a recorded `beadm list -H` that shows none is declared as a fault."""
    if any("N" in line.split(";")[2] for line in start["beadm"]):
        return []
    found = bool(start["beadm"])
    entry = {
        "match": "^beadm list -H$",
        "nth": "every",
        "rc": 0 if found else 163,
        "stdout": "".join(f"{line}\n" for line in start["beadm"]),
        "stderr": "" if found else "No boot environments found on this system.\n",
    }
    return [entry]


def _mounts(made: Host, lines: list[str]) -> None:
    """Mount what `mount -p` showed, in its order."""
    for line in lines:
        special, _, at, kind = line.split()[:4]
        if kind != "zfs":
            continue
        dataset = made.state.datasets[special]
        if at == "/":
            root = zfs.content(made, special)
            for entry in root.iterdir():
                shutil.move(entry, made.directory / entry.name)
            root.rmdir()
        else:
            made.path(at).mkdir(parents=True, exist_ok=True)
            under = made.private / "under" / dataset.content
            made.path(at).rename(under)
            zfs.content(made, special).rename(made.path(at))
        dataset.mounted = at
        dataset.mount_number = made.state.tick()


# -- images --


def _images(made: Host, situation: dict[str, Any], templates: Path) -> None:
    images.place(made, made.directory, situation["global"], templates)
    for place, spec in situation["zone_images"].items():
        if spec is None:
            continue
        if place.startswith("/"):
            target = made.path(place)
        elif "@" in place:
            target = made.private / "snapshots" / made.state.snapshots[place].content
        else:
            target = zfs.content(made, place)
        images.place(made, target, spec, templates)


def _other_boot_environments(made: Host, situation: dict[str, Any], templates: Path) -> None:
    for name, other in situation["other_bes"].items():
        root = zfs.content(made, f"rpool/ROOT/{name}")
        _brands(root)
        images.place(made, root, other["global"], templates)
        zones = root / "etc/zones"
        zones.mkdir(parents=True, exist_ok=True)
        lines = ["global:installed:/\n"]
        lines += [
            f"{zone}:{entry['state']}:{entry['zonepath']}:{entry['uuid']}\n" for zone, entry in other["zones"].items()
        ]
        (zones / "index").write_text("".join(lines))
        for zone, text in other["zone_xml"].items():
            (zones / f"{zone}.xml").write_text(text)


# -- zones and files --


def _zones(made: Host, start: dict[str, Any]) -> None:
    made.path("/etc/zones/index").write_text(start["index"])
    if start["zone_xml"] is not None:
        zone = ElementTree.fromstring(start["zone_xml"].encode())
        name = zone.get("name", "")
        text = _with_mount_options(start["zone_xml"], start["zones"][name].get("fs", []))
        made.path(f"/etc/zones/{name}.xml").write_text(text)
    for name, entry in start["zones"].items():
        if entry["state"] not in ("configured", "incomplete", "installed"):
            made.state.kernel_zones[name] = KernelZone(int(entry["id"]), entry["state"])
            made.state.next_zone_id = max(made.state.next_zone_id, int(entry["id"]) + 1)


def _with_mount_options(xml: str, filesystems: list[dict[str, str]]) -> str:
    """The recorded `zonecfg info fs` knew mount options that the recorded XML leaves out."""
    for entry in filesystems:
        bare = f'special="{entry["special"]}" directory="{entry["dir"]}" type="{entry["type"]}"/>'
        options = "".join(f'<fsoption name="{word}"/>' for word in entry.get("options", "").split(",") if word)
        if options:
            xml = xml.replace(bare, f"{bare[:-2]}>{options}</filesystem>")
    return xml


def _files_in_datasets(made: Host, files: dict[str, Any]) -> None:
    for name, entry in files.items():
        dataset, separator, path = name.partition(":/")
        if not separator or name.startswith("/"):
            continue
        if "@" in dataset:
            top = made.private / "snapshots" / made.state.snapshots[dataset].content
        else:
            top = zfs.content(made, dataset)
        _file(top / path, entry)


def _files(made: Host, files: dict[str, Any]) -> None:
    for name, entry in files.items():
        if name.startswith("/"):
            _file(made.path(name), entry)


def _file(path: Path, entry: dict[str, Any]) -> None:
    if entry["type"] == "absent":
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if entry["type"] == "link":
        path.unlink(missing_ok=True)
        path.symlink_to(entry["target"])
    elif entry["type"] == "dir":
        path.mkdir(exist_ok=True)
        path.chmod(int(entry["mode"], 8))
    else:
        path.unlink(missing_ok=True)
        path.write_text(entry.get("text") or "")
        path.chmod(int(entry["mode"], 8))


# -- what goes wrong --


def _image_root(start: dict[str, Any], lock: str) -> str:
    """Absolute path of the image that a lock is on: recorded as path of the image or its lock file, dataset or zone."""
    if lock.startswith("/"):
        return lock.removesuffix("/lock").removesuffix("/var/pkg").rstrip("/") or "/"
    if lock in ("global", "gz"):
        return "/"
    dataset = lock.partition(":")[0]
    for zone, entry in start["zones"].items():
        zonepath = entry["zonepath"]
        owners = [name for name, props in start["zfs"].items() if props.get("mountpoint", {}).get("value") == zonepath]
        if lock.removeprefix("zone:") == zone or any(dataset.startswith(f"{name}/") for name in owners):
            return f"{zonepath}/root"
    raise Unknown(f"a lock on {lock}")


def _failure(start: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of ``situation.fail`` as a declared fault."""
    fault = {key: entry[key] for key in ("match", "nth", "rc", "stdout", "stderr")}
    fault["typed"] = "step" in entry
    effect = dict(entry.get("effect") or {})
    if "argv_without" in effect:
        effect["without"] = effect.pop("argv_without")
    if "lock" in effect:
        effect["lock"] = _image_root(start, effect["lock"])
    if effect:
        fault["effect"] = effect
    return fault


def _kill(entry: dict[str, Any]) -> dict[str, Any] | None:
    """``situation.kill`` as a declared fault; None if it hits nothing but the pkg that ``sleeps`` in a failure."""
    when, target = entry["when"], entry["target"]
    moment = next((key for key in ("after", "during", "before") if key in when), None)
    if moment is None:
        raise Unknown(f"a kill at {json.dumps(when)}")
    kill: dict[str, Any] = {"when": moment, "signal": SIGNALS[entry["signal"]]}
    if "zoneadm" in target and (entry["signal"] == "KILL" or "hook" not in target):
        kill["target"] = "caller"
    elif "hook" in target:
        kill["target"] = "hook"
        kill["alone"] = "group" not in target
    elif "pkg" in target:
        return None
    else:
        raise Unknown(f"a signal to the {target}")
    if "right_after_replacing" in when:
        kill["right_after_replacing"] = when["right_after_replacing"]
    return {"match": when[moment], "nth": when.get("nth", 1), "typed": "step" in when, "kill": kill}
