# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pkg_parent_check does: looks at zones one after the other, judges each, and says what stands against it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Collection, Mapping, Sequence

from ..host.manifests import ManifestError
from ..host.runner import CommandError, Runner
from ..model.finding import Diagnosis, Finding, Refusal, RunFailed, refuse
from ..model.fmri import Fmri
from ..model.image import FROM_DISK, FROM_PKG
from . import manifest_check, parent_findings, parent_services
from .explain import Explainer
from .linked_image_info import NOT_LINKED, UNREADABLE, shown
from .parent_findings import CODES, Judge
from .survey import survey

IN_SYNC = "in-sync"
OUT_OF_SYNC = "out-of-sync"
SEVERITIES = ("error", "warning", "info")
_NOTHING_LOOKED_AT: Mapping[str, Any] = {
    "in_sync": None,
    "zones": [],
    "findings": [],
    "explanations": [],
    "services": None,
    "source": None,
}


@dataclass(frozen=True)
class Options:
    """The module's options; `root` is None if no image is to be read."""

    root: str | None = "/"
    zones: Sequence[str] | None = None
    manifests: Sequence[str] = ()
    services: str = parent_services.AUTO
    source: str = "auto"
    explain: Sequence[str] = ()
    ignore: Collection[str] = ()
    fail_on: Collection[str] = ()


def run(runner: Runner, options: Options) -> dict[str, Any]:
    """Return the module's result. Raises RunFailed."""
    try:
        _check_codes(options)
        result = dict(_NOTHING_LOOKED_AT) if options.root is None else _look(runner, options, options.root)
        result["manifests"] = manifest_check.check(options.manifests, options.ignore) if options.manifests else []
        result["actions"] = list(runner.actions)
    except (Refusal, CommandError) as exc:
        told = exc.diagnosis
    except ManifestError as exc:
        told = Diagnosis("manifest-unreadable", str(exc), "`manifests` names files and folders of the managed host.")
    else:
        reasons = failures(result, options.fail_on)
        if reasons:
            raise RunFailed("; ".join(reasons) + ".", result)
        return result
    raise RunFailed(told.message, {"diagnosis": told.as_result(), "actions": list(runner.actions)})


def _check_codes(options: Options) -> None:
    known = {*CODES, *manifest_check.CODES}
    for option, values in (("ignore", known), ("fail_on", known | set(SEVERITIES))):
        for value in getattr(options, option):
            if value not in values:
                raise refuse(
                    "no-such-code",
                    f"`{option}` names {value[:80]!r}, which is no code of a finding.",
                    f"There are {', '.join(sorted(values))}.",
                )
    for name in options.explain:
        try:
            Fmri.parse(name)
        except ValueError as exc:
            raise refuse("no-such-package", f"`explain` has what is {exc}.", "It takes names of packages.") from None


def _look(runner: Runner, options: Options, root: str) -> dict[str, Any]:
    seen = survey(runner, root, options.zones, options.source, unlinked_too=True)
    judge = Judge(seen.root, seen.parent, seen.kernel)
    explainer = Explainer(runner, judge, options.explain)
    services = parent_services.look(runner, options.services, seen.running)
    findings = [*judge.global_findings(seen.userland), *services.global_findings()]
    zones: list[dict[str, Any]] = []
    explanations: list[dict[str, str]] = []
    sources = {seen.parent.source}
    for zone in seen.zones:
        found = [*judge.findings(zone), *services.findings(zone)]
        found = [finding for finding in found if finding.code not in options.ignore]
        zones.append(
            {
                "zone": zone.zone.name,
                "linked": zone.standing.linked,
                "brand": shown(zone.zone.brand),
                "status": status(zone.standing.linked, zone.view is not None, found),
                "findings": [finding.as_result() for finding in found],
            }
        )
        explanations += explainer.explain(zone)
        if zone.view is not None:
            sources.add(zone.view.source)
    in_global = [finding.as_result() for finding in findings if finding.code not in options.ignore]
    return {
        "in_sync": all(zone["status"] in (IN_SYNC, NOT_LINKED) for zone in zones),
        "zones": zones,
        "findings": in_global + [finding for zone in zones for finding in zone["findings"]],
        "explanations": explanations,
        "services": services.as_result(),
        "source": FROM_PKG if FROM_PKG in sources else FROM_DISK,
    }


def status(linked: bool, readable: bool, findings: Sequence[Finding]) -> str:
    """Return the one word for a zone: that of its packages, as pkg's solver would see them."""
    codes = {finding.code for finding in findings}
    if not linked:
        return NOT_LINKED
    if not readable or parent_findings.UNREADABLE in codes:
        return UNREADABLE
    return OUT_OF_SYNC if codes & set(parent_findings.PARENT_CODES.values()) else IN_SYNC


def failures(result: Mapping[str, Any], fail_on: Collection[str]) -> list[str]:
    """Return for each zone and manifest what is in it of the codes and severities, as the parts of a sentence.

    What would be if a zone were linked counts by its severity alone: a gate on a code is about what is.
    """
    counted: Counter[tuple[str, str]] = Counter()
    not_linked = {zone["zone"] for zone in result["zones"] if not zone["linked"]}
    named = [(finding["zone"], finding) for finding in result["findings"]]
    named += [(entry["path"], finding) for entry in result["manifests"] for finding in entry["findings"]]
    for name, finding in named:
        if finding["severity"] in fail_on or (finding["code"] in fail_on and name not in not_linked):
            counted[(name, finding["code"])] += 1
    lines: dict[str, list[str]] = {}
    for (name, code), count in counted.items():
        lines.setdefault(name, []).append(f"{code} ({count})" if count > 1 else code)
    return [f"{name}: {', '.join(codes)}" for name, codes in lines.items()]
