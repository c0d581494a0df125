# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What linked_image_info hands back: a survey, judged by pkg's rules, as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Sequence

from ..host.runner import CommandError, Runner
from ..model import linked
from ..model.brand import VIRTUAL_MACHINES
from ..model.finding import Finding, Refusal, RunFailed
from ..model.image import FROM_PKG, ImageView
from ..model.parent import Violation, audit
from ..model.publisher import Publisher, position_fault, told
from ..model.release import Kernel, Userland
from ..model.uri import mask
from .survey import Environments, Survey, ZoneSurvey, environments, survey

SYNCED = "synced"
DIVERGED = "diverged"
NOT_LINKED = "not-linked"
UNREADABLE = "unreadable"
_IMAGE_KEYS = (
    *("source", "image_format", "entire", "packages", "publishers"),
    *("use_system_repo", "frozen", "linked_name"),
)
# A zone that is a release behind breaks hundreds; a few tell enough.
_SHOWN_VIOLATIONS = 20
_LONGEST_TEXT = 500


def run(runner: Runner, root: str, names: Sequence[str] | None) -> dict[str, Any]:
    """Return the module's result. Raises RunFailed."""
    try:
        seen = survey(runner, root, names)
        return describe(seen, environments(runner, seen), runner.actions)
    except (Refusal, CommandError) as exc:
        told = exc.diagnosis
    raise RunFailed(told.message, {"diagnosis": told.as_result(), "actions": list(runner.actions)})


def describe(seen: Survey, around: Environments, actions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a survey as the module's result."""
    zones = [_zone(zone, seen) for zone in seen.zones]
    return {
        "root": seen.root,
        "global_zone": {**_image(seen.parent), "release": _release(seen.kernel, seen.userland)},
        "zones": zones,
        "boot_environments": None if around.boot_environments is None else _boot_environments(around),
        "orphaned_zone_bes": _orphans(around),
        "source": FROM_PKG if FROM_PKG in [seen.parent.source, *(zone["source"] for zone in zones)] else "image",
        "actions": list(actions),
    }


def _zone(seen: ZoneSurvey, whole: Survey) -> dict[str, Any]:
    verdict, violations, trouble = _verdict(seen, whole.parent)
    kernel = None if seen.zone.brand in VIRTUAL_MACHINES else whole.kernel
    return {
        "name": seen.zone.name,
        "brand": shown(seen.zone.brand),
        "state": seen.zone.state,
        "zonepath": shown(seen.zone.zonepath),
        "image": shown(seen.root),
        "linked": seen.standing.linked,
        "why": seen.standing.why,
        "reason": shown(seen.standing.reason),
        "audit": verdict,
        "audit_violations": [_violation(v) for v in violations[:_SHOWN_VIOLATIONS]],
        "audit_violation_count": len(violations),
        "publisher_check": _publisher_check(seen, whole.parent),
        **_image(seen.view),
        "release": _release(kernel, seen.userland),
        "findings": [finding.as_result() for finding in _findings(seen, trouble)],
    }


def _verdict(seen: ZoneSurvey, parent: ImageView) -> tuple[str, list[Violation], str]:
    """Return what `pkg audit-linked -a` in the global zone would say, what it is for, and why there is no answer."""
    if not seen.standing.linked:
        return NOT_LINKED, [], ""
    if seen.view is None:
        return UNREADABLE, [], ""
    try:
        violations = audit(seen.view.parent_dependencies, parent.installed)
    except ValueError as exc:
        return UNREADABLE, [], f"A parent dependency cannot be judged: {exc}."
    return (DIVERGED if violations else SYNCED), violations, ""


def _violation(violation: Violation) -> dict[str, Any]:
    return {
        "package": shown(str(violation.package)),
        "dependency": shown(violation.dependency),
        "outcome": violation.outcome,
        "parent": str(violation.parent) if violation.parent else None,
        "sentence": shown(violation.sentence),
    }


def _publisher_check(seen: ZoneSurvey, parent: ImageView) -> dict[str, Any]:
    """Return pkg's positional verdict (linked-images.md, section 6); `enforced` only in linked zones."""
    answer: dict[str, Any] = {"enforced": seen.standing.linked}
    answer.update(dict.fromkeys(("verdict", "position", "expected", "found", "reason", "sentence", "parent_order")))
    if seen.view is None:
        return answer
    if seen.view.use_system_repo:
        sentence = "pkg does not check a zone that uses the system repository."
        return {**answer, "verdict": "skipped", "sentence": sentence}
    theirs = told(parent.publishers, seen.view.parent_publishers)
    answer["parent_order"] = [publisher.name for publisher in theirs]
    fault = position_fault(theirs, seen.view.publishers)
    if fault is None:
        return {**answer, "verdict": "ok"}
    return {**answer, "verdict": "violated", **asdict(fault), "sentence": fault.sentence}


def _image(view: ImageView | None) -> dict[str, Any]:
    """Return what is told of every image, with the same keys if it could not be read."""
    if view is None:
        return dict.fromkeys(_IMAGE_KEYS)
    return {
        "source": view.source,
        "image_format": view.format,
        "entire": view.version("entire"),
        "packages": len(view.installed),
        "publishers": [_publisher(publisher) for publisher in view.publishers],
        "use_system_repo": view.use_system_repo,
        "frozen": [
            {**asdict(frozen), "comment": None if frozen.comment is None else shown(frozen.comment)}
            for frozen in view.frozen
        ],
        "linked_name": None if view.linked_name is None else shown(view.linked_name),
    }


def _publisher(publisher: Publisher) -> dict[str, Any]:
    return {
        "name": publisher.name,
        "enabled": publisher.enabled,
        "sticky": publisher.sticky,
        "nochild": publisher.nochild,
        "origins": [shown(uri) for uri in publisher.origins],
        "mirrors": [shown(uri) for uri in publisher.mirrors],
    }


def _release(kernel: Kernel | None, userland: Userland | None) -> dict[str, Any]:
    return {
        "kernel": None if kernel is None else asdict(kernel),
        "userland": None
        if userland is None
        else {"release": userland.release, "version": shown(userland.version), "source": "etc/release"},
    }


def _boot_environments(around: Environments) -> list[dict[str, Any]]:
    return [
        {
            **be.as_result(),
            "zone_bes": [
                {"zone": zone, "dataset": dataset.name, "active": dataset.active == "on"}
                for zone, datasets in around.zone_bes.items()
                for dataset in datasets
                if be.uuid and dataset.parentbe == be.uuid
            ],
        }
        for be in around.boot_environments or ()
    ]


def _orphans(around: Environments) -> list[dict[str, Any]]:
    """Return the zone BEs whose boot environment is gone, or was never set."""
    known = {be.uuid for be in around.boot_environments or () if be.uuid}
    return [
        {"zone": zone, "dataset": dataset.name, "parentbe": dataset.parentbe}
        for zone, datasets in around.zone_bes.items()
        for dataset in datasets
        if dataset.parentbe not in known
    ]


def _findings(seen: ZoneSurvey, trouble: str) -> list[Finding]:
    name = seen.zone.name
    found: list[Finding] = []

    def add(code: str, severity: str, message: str, remedy: str) -> None:
        found.append(Finding(code, severity, name, shown(message), shown(remedy)))

    severity = "error" if seen.standing.linked else "info"
    repair = f"`pkg -R {seen.root} list` must work."
    if seen.missing and seen.standing.linked:
        remedy = "Mount the zone's root, or install the zone: every pkg operation of the global zone fails until then."
        add(linked.IMAGE_MISSING, severity, seen.trouble, remedy)
    elif seen.trouble and not seen.missing:
        add(linked.IMAGE_UNREADABLE, severity, seen.trouble, repair)
    if trouble:
        add(linked.IMAGE_UNREADABLE, severity, trouble, repair)
    if seen.standing.why == linked.NEVER_SYNCED:
        remedy = f"`pkg sync-linked -l zone:{name}` in the global zone."
        add(linked.NEVER_SYNCED, "warning", seen.standing.reason, remedy)
    if seen.userland_trouble:
        add("release-unreadable", "warning", seen.userland_trouble, "Look at etc/release in the zone.")
    return found


def shown(text: str) -> str:
    """Return a text that a zone may have written, in a length and a form that can be shown."""
    return mask(text[:_LONGEST_TEXT])
