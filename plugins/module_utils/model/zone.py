# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A zone as `zoneadm list -cp` shows it, and the states a zone can be in."""

from __future__ import annotations

import re
from dataclasses import dataclass

CONFIGURED = "configured"
INCOMPLETE = "incomplete"
INSTALLED = "installed"
READY = "ready"
RUNNING = "running"
SHUTTING_DOWN = "shutting_down"
DOWN = "down"
MOUNTED = "mounted"

# States in which the zone has a root of its own; pkg links children in these (linked-image plug-in of pkg).
INSTALLED_AND_ABOVE = (INSTALLED, READY, RUNNING, SHUTTING_DOWN, DOWN, MOUNTED)
ALL_STATES = (CONFIGURED, INCOMPLETE) + INSTALLED_AND_ABOVE

# zonename rule of libzonecfg: first character alphanumeric, at most 63 characters, not "global", not SUNW...
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_C_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*")
# zoneadm hands name and path to `/bin/sh -c` without quoting them (do_subproc in zoneadm.c).
_SAFE_PATH = re.compile(r"/[A-Za-z0-9._/:@%+,=~-]*")


@dataclass(frozen=True)
class Zone:
    """One line of `zoneadm list -cp`; `zid` is None unless the zone is active, `uuid` is empty if configured."""

    name: str
    state: str
    zonepath: str
    brand: str
    uuid: str = ""
    zid: int | None = None

    @property
    def root(self) -> str:
        """The zone's root as seen from the global zone."""
        return self.zonepath.rstrip("/") + "/root"

    @property
    def has_image(self) -> bool:
        """True in the states in which pkg would take the zone for a child."""
        return self.state in INSTALLED_AND_ABOVE


def is_legal_name(name: str) -> bool:
    """Tell whether zonecfg would take `name` for a non-global zone."""
    return bool(_NAME.fullmatch(name)) and name != "global" and not name.startswith("SUNW")


def as_id(name: str) -> int | None:
    """Return the id for which zoneadm would take `name`, None if for none.

    zoneadm reads it as a C constant first (zone_get_id in libzonecfg): 010 is 8, and 0x1f, a legal name, is 31.
    """
    if not _C_NUMBER.fullmatch(name):
        return None
    return int(name, 16 if name[:2] in ("0x", "0X") else 8 if name[0] == "0" else 10)


def is_safe_zonepath(path: str) -> bool:
    """Tell whether `path` survives the shell that zoneadm runs the brand hooks with."""
    return bool(_SAFE_PATH.fullmatch(path))
