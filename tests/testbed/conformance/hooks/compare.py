"""Recorded and observed side by side: what differs, in one line each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from testbed.conformance.difference import Difference
from testbed.conformance.hooks import known
from testbed.conformance.hooks.normalise import Normaliser, usage_cut
from testbed.conformance.hooks.recording import Recording

CHANGING = {
    "zfs": {"set", "inherit", "create", "destroy", "snapshot", "clone", "promote", "rollback", "rename"},
    "mount": {"-F"},
    "umount": None,
    "pkg": {"copy-publishers-from", "install", "uninstall"},
}
"""Command -> first arguments (None: all) of what changes the host; in these the hooks' order must agree."""
UNRECORDED = ("rm", "rmdir", "cp", "system-unconfigure")
"""Left out of the recordings as text tools, or run by a command that was a stand-in there."""
VARIABLE = ("/etc/zones/index", "/log/zone.log", "/tmp/zone.log", ".attach_log.", "/linked/linked_ppkgs")
"""Files whose hash says nothing: uuids and time stamps (their text is compared), packages in random order."""


def compare(recording: Recording, observed: dict[str, Any]) -> list[Difference]:
    """All differences between a recording and its replay, those known to be right marked as such."""
    found = Comparison(recording, observed).differences()
    return [replace(difference, known=known.reason(recording, difference)) for difference in found]


def step_count(recording: Recording) -> int:
    """Typed commands and the end state: what `N of M steps` counts."""
    return len(recording.get("steps") or [None]) + 1


class Comparison:
    def __init__(self, recording: Recording, observed: dict[str, Any]) -> None:
        start = recording["start"]
        known = start["index"] + "".join(start["beadm"]) + str(start["zfs"])
        self.recording, self.observed = recording, observed
        self.recorded_text, self.observed_text = Normaliser(known), Normaliser(known)
        self.found: list[Difference] = []

    def differences(self) -> list[Difference]:
        if self.recording.get("steps") is not None:
            for number, (recorded, seen) in enumerate(
                zip(self.recording["steps"], self.observed["steps"], strict=True)
            ):
                self._command(number, recorded, seen)
                for key, value in recorded.get("after", {}).items():
                    self._same(number, f"after.{key}", value, seen["after"].get(key))
        elif self.recording["zoneadm"]:
            self._command(0, self.recording["zoneadm"], self.observed["zoneadm"])
            state = self.recording["zoneadm"]["state_after"]
            self._same(0, "state_after", state, self.observed["zoneadm"]["state_after"])
        else:
            self._command(0, self.recording, self.observed)
        self._hooks()
        self._commands()
        self._logs()
        self._end()
        return self.found

    def _same(self, step: int | None, what: str, recorded: Any, observed: Any) -> None:
        if recorded != observed:
            self.found.append(Difference(step, what, str(recorded), str(observed)))

    def _command(self, step: int | None, recorded: dict[str, Any], observed: dict[str, Any], name: str = "") -> None:
        self._same(step, f"{name}rc", recorded["rc"], observed["rc"])
        for stream in ("stdout", "stderr"):
            texts = [usage_cut(side[stream] or "") for side in (recorded, observed)]
            self._same(
                step, f"{name}{stream}", self.recorded_text.output(texts[0]), self.observed_text.output(texts[1])
            )

    # -- what the hooks did --

    def _hooks(self) -> None:
        """``hooks`` lists them where several ran; of one alone the recording itself has the result, or nothing has."""
        observed = self.observed["hooks"]
        recorded = self.recording.get("hooks") or []
        if not recorded and self.recording["argv"] and self.recording["zoneadm"]:
            recorded = [self.recording]
        if not recorded and len(observed) < 2:
            return
        self._same(None, "hooks", [hook["argv"] for hook in recorded], [hook["argv"] for hook in observed])
        for one, other in zip(recorded, observed, strict=False):
            self._command(None, one, other, f"hook {one['argv'][0].rpartition('/')[2]} ")

    def _commands(self) -> None:
        """Order of the commands that change something. One after which its hook was killed has no exit code here."""
        recorded = [_line(entry) for entry in self.recording["commands"] if _changes(entry["argv"])]
        observed = [_line(entry) for entry in self.observed["commands"] if _changes(entry["argv"])]
        for number, (one, other) in enumerate(zip(recorded, observed, strict=False)):
            if one != other and not (one[0] == other[0] and other[1] is None):
                self._same(None, f"changing command {number}", one, other)
                return
        self._same(None, "number of changing commands", len(recorded), len(observed))
        self._looks()

    def _looks(self) -> None:
        """A hook may look less than the real one, never more or in another order: faults strike by count."""
        left = iter([_line(entry)[0] for entry in self.recording["commands"]])
        for number, entry in enumerate(self.observed["commands"]):
            if entry["argv"][0].rpartition("/")[2] not in UNRECORDED and _line(entry)[0] not in left:
                self._same(None, f"command {number}", "not run here", _line(entry)[0])
                return

    def _logs(self) -> None:
        recorded = self.recording["attach_log"]
        texts = list(recorded.values()) if isinstance(recorded, dict) else [recorded] if recorded is not None else []
        one = sorted(self.recorded_text.text(text) for text in texts)
        other = sorted(self.observed_text.text(text) for text in self.observed["attach_logs"])
        self._same(None, "number of attach logs", len(one), len(other))
        for text, seen in zip(one, other, strict=False):
            self._lines("attach log", text, seen)
        for path, text in (self.recording.get("other_logs") or {}).items():
            seen_text = self.observed["other_logs"][path]
            self._lines(path, self.recorded_text.text(text), self.observed_text.text(seen_text or "(no file)"))

    def _lines(self, what: str, recorded: str, observed: str) -> None:
        """Report the first line that differs."""
        one, other = recorded.split("\n"), observed.split("\n")
        for number in range(max(len(one), len(other))):
            pair = [lines[number] if number < len(lines) else "(end)" for lines in (one, other)]
            if pair[0] != pair[1]:
                self._same(None, f"{what} line {number + 1}", *pair)
                return

    # -- end state --

    def _end(self) -> None:
        recorded, observed = self.recording["end"], self.observed["end"]
        diff, seen = recorded["zfs_diff"], observed["zfs_diff"]
        self._entries("created dataset", diff["created"], seen["created"])
        self._same(None, "destroyed datasets", sorted(diff["destroyed"]), sorted(seen["destroyed"]))
        self._entries("changed dataset", diff["changed"], _without_booting(seen["changed"]))
        self._same(None, "mounts", _mounted(recorded["mounts"]), _mounted(observed["mounts"]))
        self._same(
            None, "index", self.recorded_text.text(recorded["index"]), self.observed_text.text(observed["index"])
        )
        for room in ("files", "content"):
            for kind in ("created", "removed", "changed"):
                one = self._shown(recorded[room][kind], self.recorded_text)
                other = self._shown(observed[room][kind], self.observed_text)
                for entry in sorted((one - other).elements()):
                    self._same(None, f"{kind} in {room}", entry, _alike(entry, other - one))
                for entry in sorted((other - one).elements()):
                    if _alike(entry, one - other) == "-":
                        self._same(None, f"{kind} in {room}", "-", entry)
        for name, image in recorded["pkg"].items():
            for key, lines in image.items():
                self._same(None, f"{key} of {name}", lines, observed["pkg"][name][key])

    def _entries(self, what: str, recorded: dict[str, Any], observed: dict[str, Any]) -> None:
        for name in sorted(recorded.keys() | observed.keys()):
            self._same(None, f"{what} {name}", recorded.get(name), observed.get(name))

    def _shown(self, entries: Any, normaliser: Normaliser) -> Counter[str]:
        """Paths with what is there, random names alike, hashes left out where the text is compared or has stamps."""
        shown = []
        for path in entries:
            what = entries[path] if isinstance(entries, dict) else ""
            words = " -> ".join(what) if isinstance(what, list) else what
            if any(part in path for part in VARIABLE):
                words = " -> ".join(" ".join(each.split()[:2]) for each in words.split(" -> "))
            shown.append(f"{normaliser.text(path)} {words}")
        return Counter(shown)


def _mounted(lines: list[str]) -> list[str]:
    """Mounts but for `/`: the recorded host stayed in the one dataset whatever it had booted."""
    return [line for line in lines if line.split()[2] != "/"]


def _without_booting(changed: dict[str, Any]) -> dict[str, Any]:
    return {
        name: props
        for name, props in changed.items()
        if name.rpartition("/")[0] != "rpool/ROOT" or props.keys() != {"mounted"}
    }


def _alike(entry: str, others: Counter[str]) -> str:
    path = entry.split()[0]
    return next((other for other in others if other.split()[0] == path), "-")


def _changes(argv: list[str]) -> bool:
    name = argv[0].rpartition("/")[2]
    first = CHANGING.get(name, set())
    if first is None:
        return True
    return next((word for word in argv[1:] if name == "mount" or not word.startswith("-")), "") in first


def _line(entry: dict[str, Any]) -> tuple[str, int | None]:
    argv = [entry["argv"][0].rpartition("/")[2], *entry["argv"][1:]]
    return " ".join(argv), entry["rc"]
