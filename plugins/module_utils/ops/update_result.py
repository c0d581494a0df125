# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each image of an update comes out: pure functions from plan, before and after to statuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from ..model.finding import Diagnosis
from ..model.fmri import Fmri
from ..model.plan import Plan
from ..model.update import (
    EXCLUDED_BUT_SYNCED,
    FAILED,
    NOT_LINKED,
    PARTLY,
    STAGED,
    UNCHANGED,
    UPDATED,
    Request,
    UpdatePlan,
)

# stem -> FMRI of what is installed; None where the image could not be read.
Installed = Mapping[str, Fmri]
_INCORPORATION = "entire"
# What is shown of packages that did not come to where the plan has them.
_SHOWN = 20


@dataclass(frozen=True)
class ImageBefore:
    """An image as it was before the update. `zone` is None for the global zone's; `selected`: asked to be updated."""

    zone: str | None
    root: str
    linked: bool
    selected: bool
    installed: Installed | None


@dataclass(frozen=True)
class ImageResult:
    """What is said of an image; `release_from` and `release_to` are versions of entire, `missing` stems.

    `reason` says why it failed by itself, "" if it did not.
    """

    zone: str | None
    root: str
    status: str
    release_from: str | None
    release_to: str | None
    missing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def went_wrong(self) -> bool:
        """True if the plan for the image was not carried out, or not wholly."""
        return self.status in (FAILED, PARTLY)

    @property
    def changed(self) -> bool:
        """True if packages of the image, or of its clone in another boot environment, have changed."""
        return self.status in (UPDATED, PARTLY, STAGED, EXCLUDED_BUT_SYNCED)

    @property
    def called(self) -> str:
        """The words for the image in a sentence."""
        return f"zone {self.zone}" if self.zone else "the global zone"

    def as_result(self) -> dict[str, Any]:
        """Return the form that the module hands back."""
        return {
            "image": self.root,
            "zone": self.zone,
            "status": self.status,
            "from": self.release_from,
            "to": self.release_to,
            "missing": list(self.missing[:_SHOWN]),
            "reason": self.reason or None,
        }


def selected(request: Request, zone: str | None) -> bool:
    """Tell whether an image is asked to be updated; those that are not still follow their parent dependencies."""
    if zone is None:
        return True
    if not request.recurse or zone in request.exclude_zones:
        return False
    return request.zones is None or zone in request.zones


def missing(plan: Plan, installed: Installed) -> list[str]:
    """Return the stems that are not where the plan has them, once each."""
    found = [fmri.stem for fmri in plan.add if installed.get(fmri.stem) != fmri]
    for old, new in plan.change:
        if installed.get(new.stem) != new or (old.stem != new.stem and old.stem in installed):
            found.append(new.stem)
    found += [fmri.stem for fmri in plan.remove if fmri.stem in installed]
    return list(dict.fromkeys(found))


def foreseen(images: Sequence[ImageBefore], plan: UpdatePlan) -> list[ImageResult]:
    """Return what the plan will make of the images."""
    found = []
    for image in images:
        mine = plan.of(image.zone)
        after = None if image.installed is None else mine.apply(image.installed)
        found.append(_result(image, _good(image, mine, plan.new_be), after))
    return found


def came_out(
    images: Sequence[ImageBefore], plan: UpdatePlan, after: Mapping[str | None, Installed | None], staged: bool
) -> list[ImageResult]:
    """Return how the images came out; `after` is what was read back, by zone.

    `staged`: it was read in a new boot environment that waits to be booted.
    """
    return [_came_out(image, plan.of(image.zone), after.get(image.zone), staged) for image in images]


def _came_out(image: ImageBefore, plan: Plan, after: Installed | None, staged: bool) -> ImageResult:
    if not image.linked:
        return _result(image, NOT_LINKED, after or image.installed)
    if after is None:
        return _result(image, FAILED, None)
    lacking = missing(plan, after)
    if not lacking:
        status = _good(image, plan, staged)
        if status == UNCHANGED and not staged and image.installed is not None and after != image.installed:
            status = UPDATED if image.selected else EXCLUDED_BUT_SYNCED
        return _result(image, status, after)
    moved = len(lacking) < len({*(f.stem for f in (*plan.add, *plan.remove)), *(new.stem for _old, new in plan.change)})
    return _result(image, PARTLY if moved else FAILED, after, lacking)


def _good(image: ImageBefore, plan: Plan, staged: bool) -> str:
    """Return the status of an image of which the whole plan is carried out."""
    if not image.linked:
        return NOT_LINKED
    if plan.nothing_to_do:
        return UNCHANGED
    if staged:
        return STAGED
    return UPDATED if image.selected else EXCLUDED_BUT_SYNCED


def _result(image: ImageBefore, status: str, after: Installed | None, lacking: Sequence[str] = ()) -> ImageResult:
    return ImageResult(
        image.zone, image.root, status, _release(image.installed), _release(after), tuple(sorted(lacking))
    )


def _release(installed: Installed | None) -> str | None:
    entire = (installed or {}).get(_INCORPORATION)
    return str(entire.version) if entire and entire.version else None


def not_as_planned(results: Sequence[ImageResult]) -> Diagnosis | None:
    """Return what is said where pkg ended well, and an image is not as planned; None if all are."""
    wrong = [result for result in results if result.went_wrong]
    if not wrong:
        return None
    lines = tuple(f"{result.called}: {', '.join(result.missing[:_SHOWN]) or 'cannot be read'}" for result in wrong)
    return Diagnosis(
        "not-as-planned",
        f"pkg says that it carried the plan out, but {_listed([result.called for result in wrong])} did not get "
        "what was planned.",
        "Run again: it plans anew from what there is now.",
        lines,
    )


def where_it_stands(results: Sequence[ImageResult]) -> str:
    """Return a sentence on what a failed update has done in the running system, "" if it has done nothing."""
    done = [result.called for result in results if result.changed and result.status != PARTLY]
    partly = [result.called for result in results if result.status == PARTLY]
    left = [result.called for result in results if result.status == FAILED]
    if not (done or partly):
        return ""
    words = [
        f"{_listed(names)} {verb}"
        for names, verb in (
            (done, _number(done, "is", "are") + " updated"),
            (partly, _number(partly, "is", "are") + " updated in part"),
            (left, _number(left, "is", "are") + " not"),
        )
        if names
    ]
    text = "; ".join(words)
    return text[0].upper() + text[1:] + "."


def _number(names: Sequence[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def merged(own: Sequence[ImageResult], earlier: Sequence[ImageResult]) -> list[ImageResult]:
    """Return what two runs together did to the images: that of the lost one counts where this one did nothing."""
    lost = {result.zone: result for result in earlier if result.changed}
    return [lost[result.zone] if result.status == UNCHANGED and result.zone in lost else result for result in own]


def difference(plan: UpdatePlan) -> list[dict[str, str]]:
    """Return what --diff shows: for each image that changes, its packages before and after."""
    return [_difference(image.name, image.plan) for image in plan.images if not image.plan.nothing_to_do]


def _difference(name: str, plan: Plan) -> dict[str, str]:
    before = [*(old for old, _new in plan.change), *plan.remove]
    after = [*(new for _old, new in plan.change), *plan.add]
    return {"before_header": name, "after_header": name, "before": _lines(before), "after": _lines(after)}


def _lines(fmris: Sequence[Fmri]) -> str:
    return "".join(f"{fmri.stem} {fmri.version}\n" for fmri in sorted(fmris, key=lambda fmri: fmri.stem))
