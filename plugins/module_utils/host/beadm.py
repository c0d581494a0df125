# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""beadm(8). Of its exit codes only 0 and not 0 can be told apart; what a command did is read back with `LIST`."""

from __future__ import annotations

from typing import Sequence

from ..model.be import BootEnvironment
from .runner import CommandError, Runner

LIST: Sequence[str] = ("beadm", "list", "-H")


def parse_list(text: str) -> list[BootEnvironment]:
    """Parse `beadm list -H`: name;uuid;active;mountpoint;space;policy;created. Raises ValueError."""
    bes: list[BootEnvironment] = []
    for line in text.splitlines():
        fields = line.split(";")
        if len(fields) < 7 or not fields[4].isdigit() or not fields[6].isdigit():
            raise ValueError(f"`beadm list -H` printed a line that is not known: {line[:200]!r}; please report.")
        name, uuid, active, mountpoint, space, policy, created = fields[:7]
        bes.append(BootEnvironment(name, uuid, active, mountpoint, int(space), policy, int(created)))
    return bes


def boot_environments(runner: Runner) -> list[BootEnvironment]:
    """Return all boot environments, oldest first. Raises CommandError."""
    result = runner.probe(LIST)
    try:
        return parse_list(result.stdout)
    except ValueError as exc:
        raise CommandError(str(exc), result) from None


def create(name: str, source: str | None = None, description: str | None = None) -> list[str]:
    """Clone a boot environment with its zone BEs. `source`: one that is not running, or BE@SNAPSHOT; None: the running.

    It fails where an installed zone has no zone BE of the source. `description` is the title in the boot menu.
    """
    described = ["-d", description] if description else []
    cloned = ["-e", source] if source else []
    return ["beadm", "create", *described, *cloned, name]


def activate(name: str, once: bool = False) -> list[str]:
    """Boot `name` from the next boot on, or at the next boot only. It never fails for being active already."""
    return ["beadm", "activate", *(["-t"] if once else []), name]


def forget_once(name: str) -> list[str]:
    """Take an activation for the next boot only back."""
    return ["beadm", "activate", "-T", name]


def destroy(name: str, snapshots: bool = False, force: bool = False) -> list[str]:
    """Destroy a boot environment and its zone BEs, without the question whose "no" would end with 0.

    Without `snapshots` it fails if the boot environment has some; `force` unmounts what is mounted.
    """
    return ["beadm", "destroy", "-F", *(["-s"] if snapshots else []), *(["-f"] if force else []), name]


def mount(name: str, path: str) -> list[str]:
    """Mount a boot environment on `path`, made if it is not there.

    With it come the zone BEs of the zones that are installed *in it*, each on `path` + zonepath + "/root", if nothing
    else has mounted them.
    """
    return ["beadm", "mount", name, path]


def unmount(name: str, force: bool = False) -> list[str]:
    """Unmount a boot environment with the zone BEs in it; `path` itself is left."""
    return ["beadm", "unmount", *(["-f"] if force else []), name]
