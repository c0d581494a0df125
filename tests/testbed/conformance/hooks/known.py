"""Differences that are known and right: where the recordings' own stand-ins did less than the real tools do.

Each is told by what a recording holds and what differs, never by its name.
"""

from __future__ import annotations

from collections.abc import Callable

from testbed.conformance.difference import Difference
from testbed.conformance.hooks.recording import Recording


def reason(recording: Recording, found: Difference) -> str:
    """Why a difference is right; empty if it is not."""
    return next((why for why, applies in KNOWN if applies(recording, found)), "")


def _without_configuration(recording: Recording, _: Difference) -> bool:
    return recording["start"]["zone_xml"] is None


def _attached_xml(recording: Recording, found: Difference) -> bool:
    first_stand_in = all("after" not in step for step in recording.get("steps") or [])
    return first_stand_in and found.what == "created in files" and "/SUNWattached.xml " in found.observed


def _written_configuration(recording: Recording, found: Difference) -> bool:
    wrote = any(" select " in f" {' '.join(entry['argv'])}" for entry in recording["commands"])
    return wrote and found.what == "changed in files" and found.observed.startswith("/etc/zones/")


def _resolver(_: Recording, found: Difference) -> bool:
    return found.what.endswith(" in content") and found.recorded.partition(" ")[0].endswith(":/etc/resolv.conf")


def _promoted(recording: Recording, found: Difference) -> bool:
    activates = any(step["argv"][:2] == ["beadm", "activate"] for step in recording.get("steps") or [])
    return activates and found.step is None and " dataset" in found.what and "/ROOT/zbe" in found.what + found.observed


KNOWN: list[tuple[str, Callable[[Recording, Difference], bool]]] = [
    ("zoneadm reads the zone's XML before it runs a hook, the recorded stand-in did not", _without_configuration),
    ("attach -F renames SUNWdetached.xml, the stand-in of the first recordings did not", _attached_xml),
    ("beadm activate promotes the zone BEs, which the recorded stand-in did not", _promoted),
    ("the hook writes a MAC address into the configuration, the recorded zonecfg kept nothing", _written_configuration),
    ("the text of resolv.conf is nowhere recorded, only its hash", _resolver),
]
