# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services that carry publishers from a global zone to its zones: the system repository and the zones proxy.

OpenIndiana and Solaris have them; OmniOS has none, which is healthy there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..host import smf
from ..host.runner import Runner
from ..host.smf import Instance
from ..model.finding import Finding
from ..model.zone import RUNNING
from .survey import ZoneSurvey

AUTO = "auto"
REQUIRE = "require"
IGNORE = "ignore"
OFFLINE = "service-offline"
_GLOBAL = ((smf.SYSTEM_REPOSITORY, "system repository"), (smf.ZONES_PROXYD, "zones proxy"))


@dataclass(frozen=True)
class Services:
    """What was seen; `instances` is None if they were not asked for."""

    required: bool
    instances: tuple[Instance, ...] | None
    sentence: str

    def global_findings(self) -> list[Finding]:
        """Judge the services of the global zone."""
        return [finding for fmri, what in _GLOBAL for finding in self._judge("global", fmri, f"The {what}", "error")]

    def findings(self, seen: ZoneSurvey) -> list[Finding]:
        """Judge the proxy of a zone; only one that runs has any."""
        if seen.zone.state != RUNNING:
            return []
        severity = "error" if seen.standing.linked else "info"
        return self._judge(seen.zone.name, smf.ZONES_PROXY_CLIENT, "The zone's proxy", severity)

    def _judge(self, zone: str, fmri: str, what: str, severity: str) -> list[Finding]:
        if self.instances is None:
            return []
        state = next((one.state for one in self.instances if (one.zone, one.fmri) == (zone, fmri)), None)
        if state == "online" or (state is None and not self.required):
            return []
        where = "" if zone == "global" else f" -z {zone}"
        remedy = f"`svcs{where} -xv {fmri}` says why; `svcadm{where} enable {fmri}`."
        if state == "maintenance":
            remedy = f"`svcs{where} -xv {fmri}` says why; mend that, then `svcadm{where} clear {fmri}`."
        if state is None:
            return [Finding(OFFLINE, severity, zone, f"{what} is not there ({fmri}).", "Install the package it is in.")]
        return [Finding(OFFLINE, severity, zone, f"{what} is {state}, not online ({fmri}).", remedy)]

    def as_result(self) -> dict[str, Any]:
        """Return the form that the module hands back."""
        return {
            "asked": self.instances is not None,
            "sentence": self.sentence,
            "instances": [one._asdict() for one in self.instances or ()],
        }


def look(runner: Runner, wanted: str, running: bool) -> Services:
    """Ask for the services, unless they are to be ignored or the root is not the running host's."""
    if wanted == IGNORE:
        return Services(False, None, "The services were not asked for.")
    if not running:
        return Services(False, None, "The services of a root that is not running cannot be asked.")
    instances = tuple(smf.proxies(runner))
    sentence = "The services that carry publishers to zones are there; what is not online is a finding."
    if not instances:
        sentence = "This host has no system repository and no zones proxy; on OmniOS that is as it should be."
    return Services(wanted == REQUIRE, instances, sentence)
