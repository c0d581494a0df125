# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""beadm(8)."""

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
        if len(fields) < 7:
            raise ValueError(f"`beadm list -H` printed a line that is not known: {line[:200]!r}; please report.")
        bes.append(BootEnvironment(name=fields[0], uuid=fields[1], active=fields[2], mountpoint=fields[3]))
    return bes


def boot_environments(runner: Runner) -> list[BootEnvironment]:
    """Return all boot environments. Raises CommandError."""
    result = runner.probe(LIST)
    try:
        return parse_list(result.stdout)
    except ValueError as exc:
        raise CommandError(str(exc), result) from None
