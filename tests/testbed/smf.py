"""SMF: the instances of the global zone and of every running zone, and how they come up.

An instance with ``polls`` left is in transition: so many readings show it, then it has reached its state.
"""

from __future__ import annotations

import fnmatch

from testbed.host import Host
from testbed.state import Instance

MULTI_USER_SERVER = "svc:/milestone/multi-user-server:default"
_OF_A_ZONE = (
    "svc:/milestone/single-user:default",
    "svc:/milestone/multi-user:default",
    MULTI_USER_SERVER,
    "svc:/network/physical:default",
    "svc:/network/ssh:default",
    "svc:/system/filesystem/local:default",
    "svc:/system/system-log:default",
)


def zone_booted(host: Host, zone: str) -> None:
    """The zone's instances start. multi-user-server takes ``settings[boot_polls]`` readings to come online.

    ``settings[zone_services][ZONE]`` ({FMRI: state}) overrides where they end up.
    """
    instances = {fmri: Instance("online") for fmri in _OF_A_ZONE}
    if zone == "global":
        instances["svc:/system/zones:default"] = Instance("online")
    instances[MULTI_USER_SERVER].polls = host.state.settings.get("boot_polls", 0)
    for fmri, state in host.state.settings.get("zone_services", {}).get(zone, {}).items():
        instances[fmri] = Instance(state)
    host.state.services[zone] = instances
    host.changed = True


def zone_halted(host: Host, zone: str) -> None:
    """The zone's repository is gone with it."""
    if host.state.services.pop(zone, None) is not None:
        host.changed = True


def instance(host: Host, zone: str, fmri: str) -> Instance | None:
    """The instance of that full name in the zone (``global`` is one)."""
    return host.state.services.get(zone, {}).get(fmri)


def read_state(reading: Instance) -> str:
    """The state as one reading shows it, `*` behind one in transition; the reading is counted."""
    if reading.polls > 0:
        reading.polls -= 1
        return "offline*"
    return reading.state


def matching(host: Host, zone: str, pattern: str) -> list[str]:
    """FMRIs of the zone that the pattern means: a full name, its end at a `/`, or a glob (svcs(1), OPERANDS)."""
    found = []
    for fmri in host.state.services.get(zone, {}):
        service = fmri.rpartition(":")[0]
        ends = any(name == pattern or name.endswith("/" + pattern) for name in (fmri, service))
        if ends or fnmatch.fnmatchcase(fmri, pattern) or fnmatch.fnmatchcase(fmri.removeprefix("svc:/"), pattern):
            found.append(fmri)
    return sorted(found)
