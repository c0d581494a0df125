"""Run the steps of a recording of the real pkg on a host set up from its ``start`` (recordings/README.md)."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed import command, zones
from testbed.host import create
from testbed.ips import build, config, image, linked, repository
from testbed.state import KernelZone

PROGRESS = re.compile(r"(Startup|Planning|Download|Actions|Finalize|Linked images): ?|Caching catalogs")
"""The tracker's lines: which of them appear depends on timing."""

VARYING = [
    (re.compile(r"[\d.]+ (GB|MB|kB|B)\b"), "SIZE"),
    (re.compile(r'"space-(available|required)":[\d.]+'), r'"space-\1":0'),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"(Last Install Time|Last Update Time|Catalog Updated): .*"), r"\1: TIME"),
]


@dataclass
class Step:
    """A step of a recording and what the testbed's pkg gave."""

    number: int
    recorded: dict[str, Any]
    rc: int
    stdout: str
    stderr: str


class Replay:
    """A host in ``directory``, set up from ``recording``; ``files``: where manifests and repositories stand."""

    def __init__(self, directory: Path, recording: dict[str, Any], files: Path) -> None:
        self.recording = recording
        self.stages = json.loads((files / recording["repositories"]).read_text())
        self.manifests = json.loads((files / recording["manifests"]).read_text())
        self.host = create(directory)
        start = recording["start"]
        master = "r151054" not in recording["pkg"]
        self.host.state.settings["pkg_dialect"] = "master" if master else "r151054"
        self.host.save()
        self.publish(start["repositories"])
        self._image("/", start["global"], recording["image_format"])
        entries = [zones.IndexEntry("global", "installed", "/", "")]
        for zone in start["zones"]:
            self._configure(zone["name"], zone["brand"], zone["path"])
            entries.append(zones.IndexEntry(zone["name"], "installed", zone["path"], ""))
            if zone.get("installed"):
                self._image(f"{zone['path']}/root", zone, recording["image_format"])
        self.host.mkdir("/etc/zones")
        zones.write_index(self.host, entries)
        for zone in start["zones"]:
            self._state(zone["name"], zone["state"])
        self._sync([zone for zone in start["zones"] if zone.get("synced")])
        self.host.save()

    def _configure(self, name: str, brand: str, path: str) -> None:
        text = f'<zone name="{name}" zonepath="{path}" autoboot="false" brand="{brand}" ip-type="exclusive"/>\n'
        self.host.write(f"/etc/zones/{name}.xml", text)
        zones.install_brand(self.host, brand)

    def _state(self, name: str, state: str) -> None:
        kernel = ("ready", "running", "shutting_down", "down", "mounted")
        entries = zones.read_index(self.host)
        for entry in entries:
            if entry.name == name:
                entry.state = "installed" if state in kernel else state
        zones.write_index(self.host, entries)
        self.host.state.kernel_zones.pop(name, None)
        if state in kernel:
            self.host.state.kernel_zones[name] = KernelZone(len(self.host.state.kernel_zones) + 1, state)

    def _image(self, root: str, content: dict[str, Any], image_format: int) -> None:
        uris: dict[str, list[dict[str, str]]] = {}
        for row in content["publishers"]:
            uris.setdefault(row["publisher"], []).append(row)
        publishers = [
            config.publisher(
                name,
                [row["uri"] for row in rows if row["type"] == "origin"],
                [row["uri"] for row in rows if row["type"] == "mirror"],
                sticky=rows[0]["sticky"] == "true",
            )
            for name, rows in uris.items()
        ]
        made = build.build_image(
            self.host,
            root,
            format=image_format,
            publishers=publishers,
            installed=content["installed"],
            variants={row["variant"]: row["value"] for row in content["variants"]},
            facets={name: value in (True, "True") for name, value in (content.get("facets") or {}).items()},
        )
        for name, value in (content.get("properties") or {}).items():
            made.config["property"][name] = str(value)
        made.save_config()

    def _sync(self, synced: list[dict[str, Any]]) -> None:
        parent = image.open(self.host.path("/"))
        for zone in synced:
            child = linked.Child(f"zone:{zone['name']}", f"{zone['path']}/root")
            wanted = linked.metadata(parent, child, linked.packages(parent))
            image.open(self.host.path(child.root)).write_linked(wanted)
        if self.recording["start"].get("name") == "base":
            parent.write_linked({"linked_prop": {"li-path": "/"}})

    def publish(self, stage: str) -> None:
        offers = {
            uri: {"publisher": entry["publisher"], "fmris": entry["packages"]}
            for uri, entry in self.stages[stage].items()
        }
        repository.store(self.host, offers, self.manifests)

    def _root(self, who: str) -> str:
        if who == "global":
            return "/"
        name = who.removeprefix("zone:")
        return next(entry.zonepath for entry in zones.read_index(self.host) if entry.name == name) + "/root"

    def _situation(self, words: list[str]) -> bool:
        """Carry out a step that is no command; False if it is not known here."""
        state, word, rest = self.host.state, words[0], words[1:]
        if word == "@publish":
            self.publish(rest[0])
        elif word in ("@repo-offline", "@repo-online"):
            uris = [uri for stage in self.stages.values() for uri in stage if uri == f"file:///repo/{rest[0]}/"]
            state.offline = [uri for uri in state.offline if uri not in uris]
            state.offline += uris[:1] if word == "@repo-offline" else []
        elif word == "@lock":
            state.locks.append(self._root(rest[0]))
        elif word == "@unlock":
            state.locks.remove(self._root(rest[0]))
        elif word == "@zone-state":
            self._state(rest[0], rest[1])
        elif word == "@zone-brand":
            path = self._root(f"zone:{rest[0]}").removesuffix("/root")
            self._configure(rest[0], rest[1], path)
        elif word == "@zone-remove":
            zones.write_index(self.host, [e for e in zones.read_index(self.host) if e.name != rest[0]])
        elif word == "@zonename":
            state.zonename = rest[0]
        elif word == "@remove-image":
            shutil.rmtree(self.host.path(f"{self._root(rest[0])}/var/pkg"))
        elif word == "@remove-linked-metadata":
            shutil.rmtree(self.host.path(f"{self._root(rest[0])}/var/pkg/linked"))
        else:
            return False
        return True

    def run(self, first: int = 0, last: int = 10**6) -> list[Step]:
        """All steps from ``first`` to before ``last``, stopping at one that cannot be set up here."""
        done = []
        for number, step in enumerate(self.recording["steps"][first:last], first):
            argv = step["argv"]
            if argv[0].startswith("@"):
                with self.host.locked():
                    if not self._situation(argv):
                        break
                continue
            result = command.run(self.host, argv, step.get("env") or {})
            done.append(Step(number, step, result.rc, result.stdout, result.stderr))
        return done


def normalised(text: str) -> list[str]:
    """What counts of an output: no progress, no sizes and times, documents of children in order of their names."""
    lines = []
    for line in text.splitlines():
        if line.startswith("{"):
            line = _document(line)
        for pattern, replacement in VARYING:
            line = pattern.sub(replacement, line)
        line = re.sub(r"\s+", " ", line).strip()
        if line and not PROGRESS.match(line):
            lines.append(line)
    return lines


def _document(line: str) -> str:
    document = json.loads(line)
    document["child-images"].sort(key=lambda child: child["image-name"])
    for part in [document, *document["child-images"]]:
        part["space-available"] = part["space-required"] = None
    return json.dumps(document, sort_keys=True)
