# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a zone against its global zone: what pkg's rules say (linked-images.md), as findings with their remedies."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable

from ..model import linked
from ..model.brand import VIRTUAL_MACHINES, all_pair_brands, linked_brands
from ..model.finding import Finding
from ..model.fmri import Fmri
from ..model.image import ImageView
from ..model.parent import (
    MISSING,
    PARENT_NEWER,
    PARENT_OLDER,
    PUBLISHER_MISMATCH,
    SELF,
    Violation,
    violations,
)
from ..model.publisher import PositionFault, counting, position_fault, told
from ..model.release import Kernel, Userland
from .linked_image_info import shown
from .parent_services import OFFLINE
from .survey import ZoneSurvey

PARENT_CODES = {
    MISSING: "parent-missing",
    PUBLISHER_MISMATCH: "parent-publisher",
    PARENT_NEWER: "parent-newer",
    PARENT_OLDER: "parent-older",
}
_PUBLISHER_CODES = {
    "missing": "publisher-missing",
    "disabled": "publisher-missing",
    "nochild": "publisher-missing",
    "order": "publisher-order",
    "stickiness": "publisher-sticky",
}
MISSING_IMAGE = linked.IMAGE_MISSING
UNREADABLE = linked.IMAGE_UNREADABLE
STALE = "metadata-stale"
FROZEN = "frozen"
ENTIRE_SKEW = "entire-skew"
RELEASE_SKEW = "release-skew"
CODES = (
    *PARENT_CODES.values(),
    *(STALE, linked.NEVER_SYNCED),
    *sorted(set(_PUBLISHER_CODES.values())),
    *(FROZEN, ENTIRE_SKEW, RELEASE_SKEW, MISSING_IMAGE, UNREADABLE, OFFLINE),
)
# Real zones have some hundred parent dependencies; one that claims more than this wants to be a burden.
_MOST_VIOLATIONS = 5000
# "r151054" of "r151054b": the letter counts the weekly updates.
_RELEASE_LENGTH = 7


class Judge:
    """Knows the global zone; `root` is where its files are, `parent` its image."""

    def __init__(self, root: str, parent: ImageView, kernel: Kernel | None) -> None:
        self.root = root
        self.parent = parent
        self.kernel = kernel
        self.pkg = "pkg" if root == "/" else f"pkg -R {root}"

    def global_findings(self, userland: Userland | None) -> list[Finding]:
        """Return what is to be said of the global zone itself."""
        found = list(self._release("global", "The global zone", userland, f"`{self.pkg} update`, then boot it"))
        for frozen in self.parent.frozen:
            message = (
                f"{frozen.name} is frozen at {frozen.version} in the global zone: a zone in which it has a parent "
                "dependency on itself gets no other version."
            )
            remedy = f"`{self.pkg} unfreeze {frozen.name}` if zones are to get a newer one."
            found.append(Finding(FROZEN, "info", "global", shown(message), remedy, package=frozen.name))
        return found

    def findings(self, seen: ZoneSurvey) -> list[Finding]:
        """Return what is to be said of a zone; of one that is not linked, what would be if it were, as `info`."""
        found = list(self._findings(seen))
        if seen.standing.linked:
            return found
        return [replace(finding, severity="info", remedy=_before_linking(finding)) for finding in found]

    def broken(self, view: ImageView) -> list[Violation]:
        """Return the parent dependencies that are not satisfied. Raises ValueError."""
        broken = violations(view.parent_dependencies, self.parent.installed)
        if len(broken) > _MOST_VIOLATIONS:
            raise ValueError(f"more than {_MOST_VIOLATIONS} of them are not satisfied, which no real image has")
        return sorted(broken, key=lambda violation: (str(violation.package), violation.dependency))

    def _findings(self, seen: ZoneSurvey) -> Iterable[Finding]:
        if seen.view is None:
            yield from self._no_image(seen)
            return
        try:
            broken = self.broken(seen.view)
        except ValueError as exc:
            message = f"The parent dependencies of the image at {seen.root} cannot be judged: {exc}."
            yield _finding(UNREADABLE, "error", seen, message, f"`pkg -R {seen.root} verify` must work.")
            return
        frozen = {one.name for one in seen.view.frozen}
        yield from self._publishers(seen, seen.view)
        for violation in broken:
            yield _finding(
                PARENT_CODES[violation.outcome],
                "error",
                seen,
                violation.sentence,
                self._remedy(seen, violation, violation.package.stem in frozen),
                package=violation.package.stem,
                child_fmri=str(violation.package),
                parent_fmri=str(violation.parent) if violation.parent else None,
                required_by=shown(violation.dependency),
            )
        yield from self._metadata(seen, seen.view)
        yield from self._frozen(seen, seen.view, {violation.package.stem for violation in broken})
        yield from self._entire(seen, seen.view)
        if seen.zone.brand not in VIRTUAL_MACHINES:
            remedy = f"`{self.pkg} update -r` brings both to one release"
            yield from self._release(seen.zone.name, "The zone", seen.userland, remedy)

    def _no_image(self, seen: ZoneSurvey) -> Iterable[Finding]:
        if not seen.missing:
            yield _finding(UNREADABLE, "error", seen, seen.trouble, f"`pkg -R {seen.root} list` must work.")
        elif seen.zone.has_image and seen.zone.brand in (*all_pair_brands(), *linked_brands(None)):
            remedy = (
                "Mount the zone's root, or install the zone: every pkg operation of the global zone fails until then."
            )
            yield _finding(MISSING_IMAGE, "error", seen, seen.trouble, remedy)

    def _remedy(self, seen: ZoneSurvey, violation: Violation, frozen: bool) -> str:
        """Name the command in the right direction: as a rule the global zone goes first, and the zone follows."""
        wanted = Fmri.parse(violation.dependency)
        itself = wanted.stem == SELF
        stem = violation.package.stem if itself else wanted.stem
        inside = f"pkg -R {seen.root}"
        if violation.outcome == MISSING:
            return (
                f"Global zone first: `{self.pkg} install {stem}` there, then the zone is all right; or take it out of "
                f"the zone: `{inside} uninstall {violation.package.stem}`."
            )
        if violation.outcome == PUBLISHER_MISMATCH:
            publisher = violation.package.publisher if itself else wanted.publisher
            known = publisher in [one.name for one in counting(self.parent.publishers)]
            first = "" if known else f"`{self.pkg} set-publisher` in the global zone for {publisher} and "
            return (
                f"Publisher first: {first}`{self.pkg} install pkg://{publisher}/{stem}` in the global zone; or take it "
                f"out of the zone: `{inside} uninstall {violation.package.stem}`."
            )
        if violation.outcome == PARENT_OLDER:
            return (
                f"Global zone first: `{self.pkg} update -r` there until it has {stem} as new as the zone needs it; pkg "
                "does not take the zone back."
            )
        first = f"Unfreeze it first: `{inside} unfreeze {violation.package.stem}`. " if frozen else ""
        return (
            f"{first}The zone follows the global zone: `{self.pkg} sync-linked -l zone:{seen.zone.name}` in the global "
            f"zone, or `{self.pkg} update -r` for all zones; it cannot be updated from inside."
        )

    def publisher_fault(self, view: ImageView) -> PositionFault | None:
        """Return where the publishers of a child break pkg's rule, so that every operation of the global zone fails."""
        if view.use_system_repo or self.parent.use_system_repo:
            return None
        return position_fault(told(self.parent.publishers, view.parent_publishers), view.publishers)

    def _publishers(self, seen: ZoneSurvey, view: ImageView) -> Iterable[Finding]:
        fault = self.publisher_fault(view)
        if fault is None:
            return
        message = {
            "missing": f"the zone does not have {fault.expected}",
            "disabled": f"{fault.expected} is disabled in the zone",
            "nochild": f"{fault.expected} has the property nochild in the zone",
            "order": f"the zone has {fault.found} there",
            "stickiness": f"{fault.expected} is sticky in one of them only",
        }[fault.reason]
        yield _finding(
            _PUBLISHER_CODES[fault.reason],
            "error",
            seen,
            f"The zone's publishers must begin with those of the global zone. At position {fault.position} that has "
            f"{fault.expected}; {message}. Every pkg operation of the global zone fails on this.",
            f"Publishers first: `pkg -R {seen.root} copy-publishers-from {self.root}`, and put publishers of the "
            f"zone's own behind them with `pkg -R {seen.root} set-publisher --search-after`.",
        )

    def _metadata(self, seen: ZoneSurvey, view: ImageView) -> Iterable[Finding]:
        if not seen.standing.linked:
            return
        command = f"`{self.pkg} sync-linked -l zone:{seen.zone.name}` in the global zone"
        if view.linked_name is None:
            yield _finding(
                linked.NEVER_SYNCED,
                "warning",
                seen,
                "The global zone has never written its linked metadata into the zone: parent dependencies are not "
                "enforced inside it.",
                f"{command}, or any other pkg operation that works on zones there.",
            )
            return
        stored = {fmri.stem: fmri for fmri in view.parent_packages or ()}
        now = self.parent.installed
        differ = sorted(stem for stem in {*stored, *now} if not _same(stored.get(stem), now.get(stem)))
        changed = []
        if differ:
            some = ", ".join(differ[:3]) + (", ..." if len(differ) > 3 else "")
            changed.append(f"{len(differ)} of its packages have changed since ({some})")
        publishers = [(publisher.name, publisher.sticky) for publisher in counting(self.parent.publishers)]
        # pkg takes a changed order for the same (`__push_data` in linkedimage/common.py).
        if sorted(publishers) != sorted(view.parent_publishers or ()):
            changed.append("its publishers have changed since")
        if changed:
            yield _finding(
                STALE,
                "warning",
                seen,
                f"What the zone was told of the global zone is stale: {' and '.join(changed)}. Inside the zone pkg "
                "judges by what it was told.",
                f"{command}; with --linked-md-only it changes no package.",
            )

    def _frozen(self, seen: ZoneSurvey, view: ImageView, broken: set[str]) -> Iterable[Finding]:
        following = {package.stem for package, _dependency in view.parent_dependencies}
        # entire follows the global zone, and takes with it what it incorporates.
        pulled = {wanted.stem for package, wanted in view.frozen_by if package.stem in following}
        for frozen in view.frozen:
            message = f"{frozen.name} is frozen at {frozen.version} in the zone"
            severity = "info"
            if frozen.name in broken:
                severity = "error"
                message += ", and does not fit the global zone: pkg operations of the global zone fail on it."
            elif frozen.name in following | pulled:
                severity = "warning"
                message += (
                    ", and must follow the global zone: an update there that moves it fails, for the global zone and "
                    "all zones."
                )
            else:
                message += ": it stays as it is whatever the global zone does, and holds back what wants another one."
            remedy = f"`pkg -R {seen.root} unfreeze {frozen.name}` before the global zone is updated."
            yield _finding(FROZEN, severity, seen, message, remedy, package=frozen.name)

    def _entire(self, seen: ZoneSurvey, view: ImageView) -> Iterable[Finding]:
        mine, theirs = view.installed.get("entire"), self.parent.installed.get("entire")
        if _same(mine, theirs):
            return
        message = f"The zone has {_version(mine)}, the global zone {_version(theirs)}."
        remedy = f"`{self.pkg} update -r` in the global zone brings both to one version."
        if mine is None:
            remedy = f"`pkg -R {seen.root} install entire@{theirs.version if theirs else ''}`."
        elif theirs is None:
            remedy = f"`{self.pkg} install entire@{mine.version}` in the global zone."
        yield _finding(
            ENTIRE_SKEW,
            "warning",
            seen,
            message,
            remedy,
            package="entire",
            child_fmri=str(mine) if mine else None,
            parent_fmri=str(theirs) if theirs else None,
        )

    def _release(self, zone: str, what: str, userland: Userland | None, remedy: str) -> Iterable[Finding]:
        """Compare the release of the kernel that runs with that of the files beside it."""
        kernel = self.kernel.release if self.kernel else None
        mine = userland.release if userland else None
        if kernel is None or mine is None or kernel[:_RELEASE_LENGTH] == mine[:_RELEASE_LENGTH]:
            return
        newer = mine[:_RELEASE_LENGTH] > kernel[:_RELEASE_LENGTH]
        yield Finding(
            RELEASE_SKEW,
            "error" if newer else "warning",
            zone,
            f"{what} has the userland of {mine} on the kernel of {kernel}.",
            f"{remedy}." if not newer else "Boot the kernel of that release, or a boot environment of the kernel's.",
        )


def _before_linking(finding: Finding) -> str:
    if finding.code == PARENT_CODES[PARENT_NEWER]:
        return "Linking the zone (module zone_brand, or zoneadm attach -u) brings it to the global zone's version."
    if finding.code in PARENT_CODES.values():
        return f"Before the zone is linked. {finding.remedy}"
    return finding.remedy


def _finding(
    code: str,
    severity: str,
    seen: ZoneSurvey,
    message: str,
    remedy: str,
    package: str | None = None,
    child_fmri: str | None = None,
    parent_fmri: str | None = None,
    required_by: str | None = None,
) -> Finding:
    return Finding(
        code,
        severity,
        seen.zone.name,
        shown(message),
        shown(remedy),
        package=package,
        child_fmri=child_fmri,
        parent_fmri=parent_fmri,
        required_by=required_by,
    )


def _same(one: Fmri | None, other: Fmri | None) -> bool:
    # Mostly it is the same object: see Fmri.parse.
    return one is other or one == other


def _version(fmri: Fmri | None) -> str:
    return f"{fmri.stem} {fmri.version}" if fmri else "no entire"
