# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zoneadm(8), and its lock file."""

from __future__ import annotations

from typing import Sequence

from ..model.zone import ALL_STATES, Zone
from . import record_lock
from .runner import CommandError, Result, Runner

LIST: Sequence[str] = ("zoneadm", "list", "-cp")
# zoneadm holds an fcntl lock on this while a subcommand works on the zone (zonecfg_grab_lock_file in libzonecfg).
_LOCK_FILE = "/var/run/zones/{zone}.zoneadm.lock"


def parse_list(text: str) -> list[Zone]:
    """Parse `zoneadm list -cp`: id:name:state:zonepath:uuid:brand:ip-type:debugid, ":" in a path as "\\:".

    Raises ValueError for a line that is not of this form: it could be the zone in question.
    """
    zones: list[Zone] = []
    for line in text.splitlines():
        fields = [field.replace("\0", ":") for field in line.replace("\\:", "\0").split(":")]
        # 7 fields in builds before lx, 8 since; more may come (zoneadm.8).
        if len(fields) < 7 or fields[2] not in ALL_STATES or not (fields[0] == "-" or fields[0].isdigit()):
            raise ValueError(f"`zoneadm list -cp` printed a line that is not known: {line[:200]!r}; please report.")
        zid = None if fields[0] == "-" else int(fields[0])
        zones.append(
            Zone(name=fields[1], state=fields[2], zonepath=fields[3], uuid=fields[4], brand=fields[5], zid=zid)
        )
    return zones


def zones(runner: Runner) -> list[Zone]:
    """Return all zones. Raises CommandError also if zoneadm prints an error and exits 0 (zone_print_list does)."""
    result = runner.probe(LIST)
    if result.stderr.strip():
        raise CommandError(
            f"`zoneadm list -cp` complains, so it cannot be told which zones there are: {last_words(result)}. "
            "See to that zone's configuration (/etc/zones/NAME.xml, /etc/zones/index, its brand's package).",
            result,
        )
    try:
        return parse_list(result.stdout)
    except ValueError as exc:
        raise CommandError(str(exc), result) from None


def shutdown(zone: str) -> list[str]:
    """Clean shutdown; zoneadm waits for the zone to come down."""
    return ["zoneadm", "-z", zone, "shutdown"]


def halt(zone: str) -> list[str]:
    """Immediate halt."""
    return ["zoneadm", "-z", zone, "halt"]


def detach(zone: str) -> list[str]:
    """Detach; prints nothing on success."""
    return ["zoneadm", "-z", zone, "detach"]


def attach(zone: str, update: bool) -> list[str]:
    """Attach by the brand's hook. Never with -a, -d or -r: on any failure these destroy the zone's data."""
    return ["zoneadm", "-z", zone, "attach"] + (["-u"] if update else [])


def attach_without_hook(zone: str) -> list[str]:
    """Change the state only: the last step of the way back, when the datasets are as they were."""
    return ["zoneadm", "-z", zone, "attach", "-F"]


def boot(zone: str) -> list[str]:
    """Boot; zoneadm returns when the zone is running in the kernel, not when its services are up."""
    return ["zoneadm", "-z", zone, "boot"]


def is_busy(zone: str) -> bool:
    """Tell whether another zoneadm is at work on the zone, perhaps one that outlived a killed run."""
    return record_lock.is_held(_LOCK_FILE.format(zone=zone))


def last_words(result: Result) -> str:
    """Return what zoneadm said on stderr as one line."""
    return " / ".join(line.strip() for line in result.stderr.splitlines() if line.strip())
