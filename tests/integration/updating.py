"""linked_update run on a simulated host in a child of this process."""

from __future__ import annotations

from typing import Any

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import Request
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import update
from integration.machine import Machine, Outcome
from testbed import updates
from testbed.host import Host
from walk.in_process import HostRunner

WEB01 = {"name": "web01", "brand": "lipkg", "state": "running"}
DB01 = {"name": "db01", "brand": "lipkg"}
OWN01 = {"name": "own01", "brand": "ipkg", "state": "running"}
MOUNTPOINT = "/var/lib/illumos.linked_zones/update/be"
LOOK = ["zoneadm list -cp", "beadm list -H"]
LAYOUT = "zfs list -H -t filesystem -o name,mountpoint,org.opensolaris.libbe:parentbe,org.opensolaris.libbe:active"
DRY = "pkg update -n --parsable=0 -r"
REAL = "pkg update --no-refresh -r"


def module(request: Request, check: bool = False, host: Host | None = None) -> dict[str, Any]:
    """The module on the host whose `/` is this process's."""
    acting = HostRunner(host or Host("/"), request.lock_timeout)
    try:
        result = update.run(acting, request, check)
    except RunFailed as failure:
        result = {**failure.result, "failed": True, "msg": str(failure)}
    return {**result, "warnings": acting.warnings}


def attempt(host: Machine, check: bool = False, **options: Any) -> Outcome:
    """Run it once."""
    request = Request(**options)
    return host.enter(lambda: module(request, check))


def done(outcome: Outcome) -> Outcome:
    """The outcome of a run that must not fail."""
    assert not outcome.result.get("failed"), (outcome.message, outcome.result["diagnosis"])
    return outcome


def publish(host: Machine, *names: str) -> None:
    for name in names:
        updates.publish(host.host, name)


def statuses(outcome: Outcome) -> dict[str, str]:
    """Status by zone; the global zone's is `global`."""
    return statuses_of(outcome.result)


def statuses_of(result: dict[str, Any]) -> dict[str, str]:
    return {image["zone"] or "global": image["status"] for image in result["images"]}


def boot_environments(host: Machine) -> dict[str, str]:
    """Name -> flags."""
    rows = [line.split(";") for line in host.command("beadm list -H").stdout.splitlines()]
    return {row[0]: row[2] for row in rows}


def versions(host: Machine, stem: str, *zones: str) -> list[str]:
    """The versions of a package in the global zone and in zones."""
    return [host.packages(root)[stem] for root in ("/", *(f"/zones/{zone}/root" for zone in zones))]
