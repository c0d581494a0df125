"""A bare host for the tests: a pool with a boot environment and one ipkg zone's datasets; no images."""

from __future__ import annotations

from pathlib import Path

from testbed import command, host, zfs, zones
from testbed.command import Result
from testbed.host import Host

BE = "rpool/ROOT/omnios-r151054"
DS = "rpool/zones/web01"
ROOT = f"{DS}/ROOT"
ZBE = f"{ROOT}/zbe"
P = "/zones/web01"
UUID = "7c1e0a9e-52d4-6b0f-93f1-c0ffee15105a"

XML = f'<zone name="web01" zonepath="{P}" autoboot="%s" brand="ipkg" ip-type="exclusive" debugid="2"/>\n'


def bare(directory: Path, autoboot: bool = False) -> Host:
    """The zone is installed and halted, its root mounted as after a halt."""
    made = host.create(directory)
    with made.locked():
        zfs.create(made, "rpool")
        zfs.create(made, "rpool/ROOT", {"mountpoint": "legacy"})
        zfs.create(made, BE, {"mountpoint": "/", "canmount": "noauto", "org.opensolaris.libbe:uuid": UUID})
        made.state.datasets[BE].mounted = "/"
        made.state.current_be = made.state.next_be = "omnios-r151054"
        zfs.create(made, "rpool/zones", {"mountpoint": "/zones"})
        zfs.create(made, DS)
        zfs.create(made, ROOT, {"mountpoint": "legacy", "zoned": "on"})
        libbe = {"org.opensolaris.libbe:parentbe": UUID, "org.opensolaris.libbe:active": "on"}
        zfs.create(made, ZBE, {"canmount": "noauto", **libbe})
        made.mkdir(f"{P}/root")
        zfs.mount(made, ZBE, at=f"{P}/root")
        made.write(f"{P}/root/etc/release", "r151054\n")
        made.write(
            "/etc/zones/index", f"global:installed:/\nweb01:installed:{P}:9d0f7c1a-3b52-4c8e-8a1d-2f6f0c1e7b11\n"
        )
        made.write("/etc/zones/web01.xml", XML % ("true" if autoboot else "false"))
        zones.install_brand(made, "ipkg")
    return made


def run(on: Host, line: str) -> Result:
    """Type a command of blank-separated words on the host."""
    return command.run(on, line.split())


def ok(on: Host, line: str) -> str:
    """The standard output of a command that must succeed and say nothing on stderr."""
    result = run(on, line)
    assert (result.rc, result.stderr) == (0, ""), line
    return result.stdout


def refused(on: Host, line: str) -> str:
    """The standard error of a command that must fail with exit 1."""
    result = run(on, line)
    assert (result.rc, result.stdout) == (1, ""), line
    return result.stderr
