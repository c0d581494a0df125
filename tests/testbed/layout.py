"""Where an installed OmniOS host has its datasets: root pool, boot environment, zones."""

from __future__ import annotations

from testbed import zfs
from testbed.host import Host

POOL = "rpool"
PARENTBE, ACTIVE, UUID = (f"org.opensolaris.libbe:{name}" for name in ("parentbe", "active", "uuid"))


def make_pool(host: Host, be: str, uuid: str) -> None:
    """The root pool with one boot environment, which is booted, and the place of the zones."""
    zfs.create(host, POOL, {"mountpoint": f"/{POOL}"})
    zfs.create(host, f"{POOL}/ROOT", {"mountpoint": "legacy"})
    name = f"{POOL}/ROOT/{be}"
    zfs.create(host, name, {"mountpoint": "/", "canmount": "noauto", UUID: uuid})
    dataset = host.state.datasets[name]
    zfs.content(host, name).rmdir()  # the host's directory itself is what this dataset holds
    dataset.mounted, dataset.mount_number = "/", 0
    zfs.create(host, f"{POOL}/zones", {"mountpoint": "/zones"})
    host.state.current_be = host.state.next_be = be


def make_zone(host: Host, zonepath: str, be_uuid: str) -> str:
    """The datasets of an installed, halted zone: its root mounted, legacy and zoned. Returns the zone BE's name."""
    dataset = f"{POOL}{zonepath}"
    above = dataset.rpartition("/")[0]
    if not zfs.exists(host, above):
        zfs.create(host, above, {"mountpoint": zonepath.rpartition("/")[0]}, parents=True)
    zfs.create(host, dataset)
    zfs.create(host, f"{dataset}/ROOT", {"mountpoint": "legacy", "zoned": "on"})
    zone_be = f"{dataset}/ROOT/zbe"
    zfs.create(host, zone_be, {"canmount": "noauto", PARENTBE: be_uuid, ACTIVE: "on"})
    host.mkdir(f"{zonepath}/root")
    zfs.mount(host, zone_be, at=f"{zonepath}/root")
    return zone_be
