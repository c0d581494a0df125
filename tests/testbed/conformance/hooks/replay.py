"""Running what a recording ran, and writing down what happens in the recording's own form."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

from testbed import command, faults
from testbed.command import Context, Result
from testbed.conformance import picture
from testbed.conformance.hooks.recording import Recording
from testbed.host import Host

TOOLS = ("rm", "ls", "cat", "grep")
"""Typed in some recordings to look round; every host has them, they are not the testbed's."""
HOOK = re.compile(r"^/usr/lib/brand/[^/]+/[a-z]+$")


class Replay:
    """One recording run on ``host``, which setup.build made for it. ``observed`` has the keys of a recording."""

    def __init__(self, host: Host, recording: Recording) -> None:
        self.host = host
        self.recording = recording
        self._hooks: dict[int, tuple[int | None, dict[str, Any]]] = {}
        self._booted: list[str] = []
        """What the recorded reboot printed of the zones that came up with it."""
        self._commands: list[tuple[int, dict[str, Any]]] = []
        host.observer = self._see
        with host.locked():
            self._datasets = picture.datasets(host)
            self._files = picture.global_files(host)
            self._contents = picture.contents(host)
            self._prints = {
                name: picture.fingerprint(host, name)
                for name in recording["situation"]["zone_images"]
                if name in host.state.datasets
            }

    def run(self) -> dict[str, Any]:
        recording = self.recording
        observed: dict[str, Any] = {"steps": [], "zoneadm": None, "rc": None, "stdout": None, "stderr": None}
        if recording.get("steps") is not None:
            observed["steps"] = [self._step(entry["argv"]) for entry in recording["steps"]]
        elif recording["zoneadm"]:
            observed["zoneadm"] = self._typed(recording["zoneadm"]["argv"])
            observed["zoneadm"]["state_after"] = self._state_after(recording)
        else:
            observed |= self._typed(recording["argv"])
        own = [entry for parent, entry in self._hooks.values() if parent not in self._hooks]
        observed["hooks"] = own  # not those that another hook ran
        observed["commands"] = [entry for _, entry in sorted(self._commands, key=lambda pair: pair[0])]
        observed["attach_logs"] = self._attach_logs()
        observed["other_logs"] = self._texts(recording.get("other_logs") or {})
        self.host.observer = None
        with self.host.locked():
            observed["end"] = self._end()
        observed["end"]["mounts"] = picture.mounts(self.host)
        observed["end"]["pkg"] = {name: picture.packages(self.host, name) for name in recording["end"]["pkg"]}
        return observed

    # -- running --

    def _step(self, argv: list[str]) -> dict[str, Any]:
        step = self._typed(argv)
        with self.host.locked():
            step["after"] = self._after()
        return step

    def _typed(self, argv: list[str]) -> dict[str, Any]:
        self._booted = []
        try:
            result = _tool(self.host, argv) if argv[0] in TOOLS else command.run(self.host, argv)
        except faults.Killed as killed:
            result = Result(-killed.signal, "", "")
        self._end_of_sleepers()
        return {"argv": argv, "rc": result.rc, "stdout": result.stdout + "".join(self._booted), "stderr": result.stderr}

    def _end_of_sleepers(self) -> None:
        """A pkg that outlives its hook has ended before the next command is typed: it holds the recorder's pipes."""
        effects = [entry.get("effect") or {} for entry in self.recording["situation"]["fail"]]
        with self.host.locked():
            for path in [effect["holds_open"] for effect in effects if "holds_open" in effect]:
                if path in self.host.state.busy:
                    self.host.state.busy.remove(path)

    def _see(self, ctx: Context, result: Result | None) -> None:
        """Told of every command as it ends: keep the hooks' results and what they ran."""
        if ctx.parent is None:
            return
        rc = result.rc if result else None
        stdout, stderr = (result.stdout, result.stderr) if result else ("", "")
        entry: dict[str, Any] = {"argv": ctx.argv, "rc": rc, "stdout": stdout, "stderr": stderr}
        if HOOK.match(ctx.argv[0]):
            self._hooks[ctx.number] = (ctx.parent, entry)
        elif entry["argv"][-1] == "boot":
            self._booted.append(f"svc:/system/zones: {' '.join(ctx.argv)}: exit {rc}\n")
        else:
            self._commands.append((ctx.number, entry))

    # -- looking --

    def _state_after(self, recording: Recording) -> str:
        name = recording["zoneadm"]["argv"][2]
        with self.host.locked():
            return picture.zone_states(self.host).get(name, "absent").split()[0]

    def _after(self) -> dict[str, Any]:
        zonepath = self._zonepath()
        root = f"{zonepath}/root"
        top = self.host.path(zonepath)
        return {
            "zones": picture.zone_states(self.host),
            "zfs_changed": picture.short_changes(self._datasets, picture.datasets(self.host)),
            "root_mount": [name for name, each in self.host.state.datasets.items() if each.mounted == root],
            "zonepath_files": sorted(entry.name for entry in top.iterdir()) if top.is_dir() else [],
            "zbe_as_at_start": {
                name.rpartition("/")[2]: picture.fingerprint(self.host, name) == before
                for name, before in self._prints.items()
                if name in self.host.state.datasets
            },
        }

    def _zonepath(self) -> str:
        return str(next(iter(self.recording["start"]["zones"].values()))["zonepath"])

    def _attach_logs(self) -> list[str]:
        """Those that the replay made, in order; the recorded host had one /var/tmp for all boot environments."""
        places = [top / "var/tmp" for top in picture.boot_environments(self.host)]
        logs = [path for place in places for path in place.glob("*.attach_log.*")]
        logs.sort(key=lambda path: path.stat().st_mtime_ns)
        return [path.read_text() for path in logs if f"/var/tmp/{path.name}" not in self._files]

    def _texts(self, paths: Any) -> dict[str, str | None]:
        texts = {}
        for name in paths:
            path = self.host.path(name)
            texts[name] = path.read_text() if path.exists() else None
        return texts

    def _end(self) -> dict[str, Any]:
        return {
            "zfs_diff": picture.dataset_changes(self._datasets, picture.datasets(self.host)),
            "index": self.host.path("/etc/zones/index").read_text(),
            "files": picture.file_changes(self._files, picture.global_files(self.host)),
            "content": picture.file_changes(self._contents, picture.contents(self.host)),
        }


def _tool(host: Host, argv: list[str]) -> Result:
    top = str(host.directory)
    words = [f"{top}{word}" if word.startswith("/") else word for word in argv]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False)
    return Result(done.returncode, done.stdout.replace(top, ""), done.stderr.replace(top, ""))
