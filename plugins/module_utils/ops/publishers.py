# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the publishers of the global zone and of its zones to what they are to be.

pkg demands that a linked zone's publishers begin with those of the global zone, and fails every operation of the global
zone where they do not. So the zones come first and the global zone last, unless only the other way keeps the rule; and
what one group did not reach, the next is not brought to. Nothing need be written down for a run that is cut off: what
is left to do is seen from the images.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, replace
from typing import Any, Iterable, Mapping, Sequence

from ..host import image, pkg_publisher
from ..host.image import ImageError
from ..host.runner import CommandError, Runner
from ..model.finding import Diagnosis, Refusal, RunFailed
from ..model.image import ImageView
from ..model.publisher import PositionFault, Publisher, counting, told
from ..model.publisher_plan import Edit, edit, properties_of, proxy_of
from ..model.uri import mask
from .publisher_tasks import GLOBAL, Task, linked, plan, zones_first
from .survey import ZoneSurvey, survey
from .wanted_publishers import Wishes, wishes

UNCHANGED = "unchanged"
CHANGED = "changed"
FAILED = "failed"
NOT_REACHED = "not-reached"
TAKEN_BACK = "taken-back"
# A repository that is gone fails in every zone with the same words.
_TOLD = 3


@dataclass(frozen=True)
class Violation:
    """A linked zone that breaks pkg's positional rule; `commands` are those that mend it."""

    zone: str
    root: str
    fault: PositionFault
    commands: tuple[tuple[str, ...], ...]

    @property
    def sentence(self) -> str:
        """Say what is wrong."""
        return f"Zone {self.zone}: {self.fault.sentence} Every pkg operation of the global zone fails on this."

    @property
    def remedy(self) -> str:
        """Say what mends it."""
        lines = "; ".join(f"`{' '.join(argv)}`" for argv in self.commands)
        return mask(f"Run linked_publisher for zone {self.zone}, or {lines}.")


def check(parent: ImageView, zones: Iterable[ZoneSurvey]) -> list[Violation]:
    """Return the linked zones on which every operation of the global zone would fail, each with what mends it."""
    violations = []
    for zone in zones:
        if not zone.standing.linked or zone.view is None:
            continue
        task = linked(parent.publishers, parent.publishers, zone, zone.view, Wishes())
        if task.fault:
            commands = pkg_publisher.commands(task.root, task.edit)
            violations.append(Violation(task.zone, task.root, task.fault, tuple(map(tuple, commands))))
    return violations


def run(runner: Runner, options: Mapping[str, Any], dry: bool) -> dict[str, Any]:
    """Return the module's result. Raises RunFailed."""
    try:
        asked = wishes(options["publishers"], options["zone_publishers"], options["remove_unlisted"])
        tasks = plan(survey(runner, "/", None), asked, options["zones"])
    except (Refusal, CommandError) as exc:
        why = exc.diagnosis
    else:
        return _Executor(runner, tasks).foresee() if dry else _Executor(runner, tasks).carry_out()
    result = {"changed": False, "images": [], "diagnosis": why.as_result(), "actions": list(runner.actions)}
    raise RunFailed(why.message, result)


class _Executor:
    """Does what is planned, image after image, and keeps the result."""

    def __init__(self, runner: Runner, tasks: Sequence[Task]) -> None:
        self.runner = runner
        self.parent = tasks[0]
        self.tasks = tasks
        zones = tasks[1:]
        bound = [task for task in zones if task.bound]
        halves = [bound, [self.parent]] if zones_first(self.parent, bound) else [[self.parent], bound]
        self.groups = [[task for task in zones if not task.bound], *halves]
        self.after = {task.zone: task.now for task in tasks}
        self.status = {task.zone: NOT_REACHED if task.edit else UNCHANGED for task in tasks}
        self.failures: list[Diagnosis] = []

    def foresee(self) -> dict[str, Any]:
        """Return the result that a run would have."""
        for task in (task for group in self.groups for task in group if task.edit):
            for argv in pkg_publisher.commands(task.root, task.edit):
                self.runner.planned(argv)
            self.after[task.zone] = task.target
            self.status[task.zone] = CHANGED
        return self._result()

    def carry_out(self) -> dict[str, Any]:
        """Bring every image there. Raises RunFailed."""
        for group in self.groups:
            failed = [task for task in group if task.edit and not self._bring(task)]
            if any(task.bound or task is self.parent for task in failed):
                self._take_back()
                break
        else:
            self._undo_recursion()
        if not self.failures:
            return self._result()
        first = self.failures[0]
        told_all = Diagnosis(
            first.cause,
            " ".join([failure.sentence for failure in self.failures[:_TOLD]] + self._waiting()),
            first.remedy,
            tuple(line for failure in self.failures[:_TOLD] for line in failure.evidence),
        )
        raise RunFailed(told_all.message, {**self._result(), "diagnosis": told_all.as_result()})

    def _bring(self, task: Task) -> bool:
        """Change one image, and read it back, whatever the commands said. Returns whether all is well."""
        self.status[task.zone] = FAILED
        trouble = self._type(task, edit(self.after[task.zone], task.target))
        try:
            self.after[task.zone] = image.read_config(task.root).publishers
        except ImageError as exc:
            self._failed(task, trouble or Diagnosis("image-unreadable", str(exc), "Mend that, then run again."), "")
            return False
        left = edit(self.after[task.zone], task.target)
        if left:
            what = left.sentences[0].rstrip(".")
            self._failed(task, trouble or Diagnosis("not-done", "", "Look at the image, then run again."), what)
            return False
        self.status[task.zone] = CHANGED
        if trouble:
            self.runner.warn(f"The publishers of {task.name} are as they should be, but {trouble.sentence}")
        return True

    def _undo_recursion(self) -> None:
        """Bring zones there again where pkg has repeated what it did in the global zone (property default-recurse)."""
        for task in self.tasks[1:] if self.status[GLOBAL] == CHANGED else ():
            with contextlib.suppress(ImageError):
                self.after[task.zone] = image.read_config(task.root).publishers
            if self.status[task.zone] != FAILED and edit(self.after[task.zone], task.target):
                self._bring(task)

    def _take_back(self) -> None:
        """Put zones back that are as they should be, but on which pkg fails while the global zone is as it is."""
        parent = self.after[GLOBAL]
        for task in self.tasks:
            helps = task.breaks(parent, self.after[task.zone]) and not task.breaks(parent, task.now)
            if self.status[task.zone] == CHANGED and helps:
                self._type(task, edit(self.after[task.zone], task.now))
                with contextlib.suppress(ImageError):
                    self.after[task.zone] = image.read_config(task.root).publishers
                if not edit(self.after[task.zone], task.now):
                    self.status[task.zone] = TAKEN_BACK

    def _type(self, task: Task, what: Edit) -> Diagnosis | None:
        """Run the commands of an edit of one image, up to the first that fails."""
        try:
            for argv in pkg_publisher.commands(task.root, what):
                done = self.runner.change(argv)
                if done.rc != 0:
                    cause, remedy = pkg_publisher.trouble(done)
                    sentence = f"`{' '.join(argv)}` ended with exit code {done.rc}."
                    return Diagnosis(cause, sentence, remedy, tuple(done.lines()))
        except CommandError as exc:
            return exc.diagnosis
        return None

    def _failed(self, task: Task, trouble: Diagnosis, what: str) -> None:
        fault = task.breaks(self.parent.target, self.after[task.zone])
        words = [
            f"{task.name[0].upper()}{task.name[1:]} is not as it should be{f' ({what})' if what else ''}.",
            *([trouble.sentence] if trouble.sentence else []),
            *([_place(fault)] if fault else []),
        ]
        self.failures.append(replace(trouble, sentence=" ".join(words)))

    def _waiting(self) -> list[str]:
        """Say what was left as it was, and where pkg does not work until the next run."""
        failed = [task.name for task in self.tasks if self.status[task.zone] == FAILED]
        left = [task.name for task in self.tasks if self.status[task.zone] == NOT_REACHED]
        sentences = [f"It failed in {len(failed)} images: {', '.join(failed)}."] if len(failed) > _TOLD else []
        back = [task.name for task in self.tasks if self.status[task.zone] == TAKEN_BACK]
        sentences += [f"Put back as it was, so that pkg works in the global zone: {', '.join(back)}."] if back else []
        sentences += [f"Left as it was for that: {', '.join(left)}."] if left else []
        parent = self.after[GLOBAL]
        broken = [task.name for task in self.tasks if task.breaks(parent, self.after[task.zone])]
        if broken:
            sentences.append(f"Until that is mended, pkg fails in the global zone on {', '.join(broken)}.")
        return sentences

    def _result(self) -> dict[str, Any]:
        return {
            "changed": any(map(self._changed, self.tasks)),
            "images": [self._image(task) for task in self.tasks],
            "actions": list(self.runner.actions),
            "diff": [
                {
                    "before_header": f"publishers of {task.zone}",
                    "after_header": f"publishers of {task.zone}",
                    "before": _text(task.now),
                    "after": _text(self.after[task.zone]),
                }
                for task in self.tasks
                if self._changed(task)
            ],
        }

    def _changed(self, task: Task) -> bool:
        return bool(edit(task.now, self.after[task.zone]))

    def _image(self, task: Task) -> dict[str, Any]:
        argvs = pkg_publisher.commands(task.root, task.edit)
        order = [publisher.name for publisher in counting(self.parent.target)]
        by_pkg = [publisher.name for publisher in told(self.parent.target, task.stored)] if task.bound else order
        return {
            "zone": task.zone,
            "image": task.root,
            "linked": task.linked,
            "status": self.status[task.zone],
            "before": [shown(publisher) for publisher in task.now],
            "after": [shown(publisher) for publisher in self.after[task.zone]],
            "fault": None if task.fault is None else {**asdict(task.fault), "sentence": task.fault.sentence},
            "steps": [
                {"what": sentence, "argv": [mask(word) for word in argv]}
                for sentence, argv in zip(task.edit.sentences, argvs)
            ],
            "note": None
            if order == by_pkg
            else f"pkg goes on judging this zone by the order that it was told at its last sync: {', '.join(by_pkg)}. "
            "It tells a zone a new order only with another change of the global zone's publishers.",
        }


def _place(fault: PositionFault) -> str:
    if fault.reason == "stickiness":
        return f"At position {fault.position} {fault.expected} is to be as sticky as in the global zone."
    return f"At position {fault.position} it is to have {fault.expected}, and has {fault.found or 'none'}."


def shown(publisher: Publisher) -> dict[str, Any]:
    """Return a publisher as it is handed back: URIs sorted (pkg knows no order of them), passwords masked."""
    return {
        "name": publisher.name,
        "origins": [mask(uri) for uri in sorted(publisher.origins)],
        "mirrors": [mask(uri) for uri in sorted(publisher.mirrors)],
        "sticky": publisher.sticky,
        "enabled": publisher.enabled,
        "proxy": mask(proxy_of(publisher) or "") or None,
        "properties": {name: mask(value) for name, value in properties_of(publisher).items()},
    }


def _text(publishers: Sequence[Publisher]) -> str:
    """Return publishers for diff mode, one line for each and for each of its URIs."""
    lines = []
    for publisher in publishers:
        entry = shown(publisher)
        words = [
            *([] if publisher.sticky else ["non-sticky"]),
            *([] if publisher.enabled else ["disabled"]),
            *(f"{name}={value}" for name, value in entry["properties"].items()),
            *([f"proxy {entry['proxy']}"] if entry["proxy"] else []),
        ]
        lines.append(" ".join([publisher.name, *words]))
        lines += [f"  origin {uri}" for uri in entry["origins"]]
        lines += [f"  mirror {uri}" for uri in entry["mirrors"]]
    return "".join(f"{line}\n" for line in lines)
