"""A host from a tree that lies there already: images that a real pkg wrote, with the zones they belong to."""

from __future__ import annotations

import shutil
from pathlib import Path

from testbed import host, zones
from testbed.host import Host
from testbed.state import KernelZone

LISTING = "zoneadm-list.txt"


def adopt(tree: Path, directory: Path) -> Host:
    """A host in ``directory``, which must not exist, with all that is in ``tree``.

    Its zones are those of etc/zones; what `zoneadm list -cp` printed may stand in zoneadm-list.txt beside it, else no
    zone is up. There are no datasets: pkg works on such a host, and zoneadm lists the zones.
    """
    made = host.create(directory)
    shutil.copytree(tree, directory, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(LISTING))
    with made.locked():
        for entry in zones.read_index(made):
            if entry.name != "global":
                zones.install_brand(made, zones.read_xml(made, entry.name).get("brand", ""))
        if (tree / LISTING).exists():
            _start(made, (tree / LISTING).read_text())
    return made


def _start(made: Host, listing: str) -> None:
    """Let the zones be in the state that the listing gives."""
    for line in listing.splitlines():
        number, name, state, _, _, brand, *_ = line.split(":")
        if name != "global" and number != "-":
            made.state.kernel_zones[name] = KernelZone(int(number), state, brand)
            made.state.next_zone_id = max(made.state.next_zone_id, int(number) + 1)
