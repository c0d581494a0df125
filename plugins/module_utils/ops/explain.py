# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a package was not updated in a zone: one sentence, from what stands in the images."""

from __future__ import annotations

from typing import Collection, Mapping, Sequence

from ..host import pkg
from ..host.image import Image, ImageError
from ..host.runner import CommandError, Runner
from ..model.fmri import Fmri, Version, matching
from ..model.image import FROM_PKG, ImageView
from ..model.parent import MISSING, PARENT_NEWER, PARENT_OLDER, PUBLISHER_MISMATCH, SELF, Violation
from .linked_image_info import shown
from .parent_findings import Judge
from .survey import ZoneSurvey


class Explainer:
    """Explains packages of zones; `names` are stems, or their ends at a slash, as pkg takes them."""

    def __init__(self, runner: Runner, judge: Judge, names: Sequence[str]) -> None:
        self.runner = runner
        self.judge = judge
        self.names = [Fmri.parse(name).stem for name in names]

    def explain(self, seen: ZoneSurvey) -> list[dict[str, str]]:
        """Return {zone, package, sentence} for each name."""
        if not self.names:
            return []
        if seen.view is None:
            if seen.missing and not seen.standing.linked:
                return []
            return [self._entry(seen, name, f"It cannot be told: {seen.trouble}") for name in self.names]
        try:
            broken = self.judge.broken(seen.view)
            stems = {stem for name in self.names for stem in matching(name, seen.view.installed)}
            known = self._known(seen.root, seen.view, stems)
            ties = self._incorporations(seen.root, seen.view, stems)
        except (ImageError, CommandError, ValueError) as exc:
            return [self._entry(seen, name, f"It cannot be told: {exc}") for name in self.names]
        entries = []
        for name in self.names:
            found = matching(name, seen.view.installed)
            if not found:
                where = "is in the global zone" if matching(name, self.judge.parent.installed) else "is in neither"
                sentence = f"{name} is not installed in the zone ({where}); an update installs nothing new by itself."
                entries.append(self._entry(seen, name, sentence))
            for stem in found:
                entries.append(self._entry(seen, stem, self._sentence(seen, seen.view, stem, broken, known, ties)))
        return entries

    def _entry(self, seen: ZoneSurvey, package: str, sentence: str) -> dict[str, str]:
        return {"zone": seen.zone.name, "package": package, "sentence": shown(sentence)}

    def _known(self, root: str, view: ImageView, stems: Collection[str]) -> dict[str, list[Fmri]]:
        """Return stem -> every version that the image's catalogs know."""
        found: dict[str, list[Fmri]] = {stem: [] for stem in stems}
        if stems:
            listed = pkg.known(self.runner, root, sorted(stems)) if view.source == FROM_PKG else Image(root).known()
            for fmri in listed:
                if fmri.stem in found:
                    found[fmri.stem].append(fmri)
        return found

    def _incorporations(self, root: str, view: ImageView, stems: Collection[str]) -> list[tuple[Fmri, Fmri]]:
        """Return (package, what it incorporates) for the stems."""
        if not stems:
            return []
        pairs = pkg.incorporations(self.runner, root) if view.source == FROM_PKG else Image(root).incorporations()
        return [(package, wanted) for package, wanted in pairs if wanted.stem in stems]

    def _sentence(
        self,
        seen: ZoneSurvey,
        view: ImageView,
        stem: str,
        all_broken: Sequence[Violation],
        known: Mapping[str, Sequence[Fmri]],
        ties: Sequence[tuple[Fmri, Fmri]],
    ) -> str:
        mine = view.installed[stem]
        has = f"{stem} is at {mine.version} in the zone"
        frozen = next((one for one in view.frozen if one.name == stem), None)
        if frozen:
            return f"{has}: it is frozen there; `pkg -R {seen.root} unfreeze {stem}` lets it go."
        if not seen.standing.linked:
            return (
                f"{has}, which is not linked: an update of the global zone does not reach it; "
                f"`pkg -R {seen.root} update` does."
            )
        fault = self.judge.publisher_fault(view)
        if fault:
            return (
                f"{has}: the zone's publishers do not begin with those of the global zone (see {fault.expected}), so "
                "every update of the global zone fails; "
                f"`pkg -R {seen.root} copy-publishers-from {self.judge.root}` first."
            )
        broken = [one for one in all_broken if one.package.stem == stem]
        if broken:
            return f"{has}: {self._why_broken(seen, broken[0])}"
        following = [dependency for package, dependency in view.parent_dependencies if package.stem == stem]
        newer = [fmri for fmri in known[stem] if _is_newer(fmri.version, mine.version)]
        gone = mine.publisher not in [one.name for one in view.publishers if one.enabled]
        if not newer and gone and not view.use_system_repo:
            return (
                f"{has}, from {mine.publisher}, a publisher that the zone does not have, or has disabled: make it "
                f"available to the zone (`pkg -R {seen.root} set-publisher -g URI {mine.publisher}`), and update the "
                "package there."
            )
        theirs = self.judge.parent.installed.get(stem)
        if not newer and theirs and _is_newer(theirs.version, mine.version):
            return (
                f"{has}, and its catalogs do not know {theirs.version}, which the global zone has: "
                f"`{self.judge.pkg} update -r` in the global zone refreshes them and takes it along."
            )
        if not newer:
            return (
                f"{has}, and its catalogs know no newer one; `pkg -R {seen.root} refresh` fetches them anew, and shows "
                "whether one of its publishers cannot be reached."
            )
        newest = max(newer, key=lambda fmri: fmri.version.key if fmri.version else ())
        if any(Fmri.parse(dependency).stem == SELF for dependency in following):
            held = " (frozen there)" if stem in [one.name for one in self.judge.parent.frozen] else ""
            return (
                f"{has}: its parent dependency on itself ties it to the version of the global zone{held}, so the "
                f"global zone must get {newest.version} first: `{self.judge.pkg} update -r` there."
            )
        from_mine = [fmri for fmri in newer if fmri.publisher == mine.publisher]
        if not from_mine and any(one.name == mine.publisher and one.sticky for one in view.publishers):
            return (
                f"{has} from {mine.publisher}, which is sticky; the newer {newest.version} comes from "
                f"{newest.publisher}: `pkg -R {seen.root} install {newest}` changes the publisher."
            )
        if following:
            return (
                f"{has}, and depends on {shown(', '.join(following))} of the global zone; the newer {newest.version} "
                f"may need that to be newer too: `{self.judge.pkg} update -r` in the global zone takes both."
            )
        tie = next((one for one in ties if one[1].stem == stem and not _allows(one[1], newest)), None)
        if tie:
            return (
                f"{has}: {tie[0].stem} {tie[0].version} incorporates it at {tie[1].version}, so the newer "
                f"{newest.version} comes with a newer {tie[0].stem} only: `{self.judge.pkg} update -r` in the "
                "global zone takes both."
            )
        return (
            f"{has}, its catalogs know {newest.version}, and it has no parent dependency: an update of the global zone "
            f"takes it along with -r only (`{self.judge.pkg} update -r`), or update it inside the zone."
        )

    def _why_broken(self, seen: ZoneSurvey, violation: Violation) -> str:
        wanted = Fmri.parse(violation.dependency)
        stem = violation.package.stem if wanted.stem == SELF else wanted.stem
        return {
            MISSING: f"it needs {stem} in the global zone, where it is not installed; pkg can do nothing with it until "
            "it is there.",
            PUBLISHER_MISMATCH: f"the global zone has {stem} from another publisher ({violation.parent}), which its "
            "parent dependency does not allow.",
            PARENT_NEWER: f"the global zone has gone on to {violation.parent} without it; `{self.judge.pkg} "
            f"sync-linked -l zone:{seen.zone.name}` in the global zone lets it follow.",
            PARENT_OLDER: f"the global zone has the older {violation.parent}; the global zone goes first, and the zone "
            "follows.",
        }[violation.outcome]


def _allows(incorporated: Fmri, other: Fmri) -> bool:
    wanted, version = incorporated.version, other.version
    return wanted is None or version is None or wanted.begins(version)


def _is_newer(one: Version | None, other: Version | None) -> bool:
    return bool(one and other and other < one)
