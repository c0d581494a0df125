# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""svcs(1) for services in zones."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from .runner import CommandError, Result, Runner

SYSTEM_REPOSITORY = "svc:/application/pkg/system-repository:default"
ZONES_PROXYD = "svc:/application/pkg/zones-proxyd:default"
ZONES_PROXY_CLIENT = "svc:/application/pkg/zones-proxy-client:default"
_NO_MATCH = "svcs: Pattern '"
MULTI_USER_SERVER = "svc:/milestone/multi-user-server:default"


def list_state(zone: str) -> list[str]:
    """The command that `multi_user_server` runs."""
    return ["svcs", "-z", zone, "-H", "-o", "state", MULTI_USER_SERVER]


def multi_user_server(runner: Runner, zone: str) -> str:
    """Return the state of multi-user-server in a zone; "" while it cannot be told (the zone is just booting)."""
    result = runner.probe(list_state(zone), ok=(0, 1))
    return result.stdout.strip() if result.rc == 0 else ""


class Instance(NamedTuple):
    """An instance of a service; `zone` is "global" for the global zone's, `state` is without the `*` of a change."""

    zone: str
    state: str
    fmri: str


def list_proxies() -> list[str]:
    """The command that `proxies` runs: one for the global zone and all running zones."""
    return ["svcs", "-Z", "-H", "-o", "zone,state,fmri", SYSTEM_REPOSITORY, ZONES_PROXYD, ZONES_PROXY_CLIENT]


def proxies(runner: Runner) -> list[Instance]:
    """Return the services that carry publishers to zones, [] where the platform has none. Raises CommandError."""
    result = runner.probe(list_proxies(), ok=(0, 1))
    complaints = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith(_NO_MATCH)]
    if complaints or (result.rc == 1 and not result.stderr.strip()):
        said = " / ".join(complaints[-3:]) or "no message"
        raise CommandError(f"`{' '.join(result.argv)}` failed: {said}.", result)
    return _instances(result)


LIST_ALL: Sequence[str] = ("svcs", "-a", "-Z", "-H", "-o", "zone,state,fmri")


def everything(runner: Runner) -> list[Instance]:
    """Return every instance of the global zone and of all running zones. Raises CommandError."""
    return _instances(runner.probe(LIST_ALL))


def _instances(result: Result) -> list[Instance]:
    found = []
    for line in result.stdout.splitlines():
        words = line.split()
        if len(words) != 3:
            raise CommandError(f"`svcs` printed a line that is not known: {line[:200]!r}; please report.", result)
        found.append(Instance(words[0], words[1].rstrip("*"), words[2]))
    return found
