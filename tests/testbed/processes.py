"""The processes that a simulated host shows: init, what keeps paths busy, and a few in every running zone."""

from __future__ import annotations

from dataclasses import dataclass

from testbed import zfs
from testbed.host import Host


@dataclass(frozen=True)
class Process:
    """``at``: its working directory, in the global zone's view."""

    pid: int
    zone: str
    args: str
    at: str


def listed(host: Host) -> list[Process]:
    """All processes, by pid."""
    found = [Process(1, "global", "/sbin/init", "/")]
    found += [Process(2001 + number, "global", "-bash", path) for number, path in enumerate(host.state.busy)]
    paths = _zone_roots(host)
    for name, zone in host.state.kernel_zones.items():
        if zone.state in ("running", "shutting_down"):
            base = 10000 + zone.id * 10
            root = paths.get(name, "")
            found += [
                Process(base, name, "zsched", "/"),
                Process(base + 1, name, "/sbin/init", root),
                Process(base + 2, name, "/lib/svc/bin/svc.startd", root),
            ]
    return sorted(found, key=lambda process: process.pid)


def _zone_roots(host: Host) -> dict[str, str]:
    if not host.state.kernel_zones:
        return {}
    from testbed import zones

    return {entry.name: f"{entry.zonepath}/root" for entry in zones.read_index(host)}


def using(host: Host, path: str, whole_filesystem: bool) -> list[Process]:
    """Processes that are in ``path``, or anywhere in the filesystem that holds it."""
    if not whole_filesystem:
        return [process for process in listed(host) if process.at == path]
    filesystem = zfs.dataset_of(host, path)
    return [process for process in listed(host) if zfs.dataset_of(host, process.at) is filesystem]
