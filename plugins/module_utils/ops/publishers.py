# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishers of the global zone and of its zones: what they are to be, and bringing them there.

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
from ..host.runner import CommandError, Runner, StillRunning
from ..model.finding import Diagnosis, Refusal, refuse
from ..model.image import ImageView
from ..model.publisher import PositionFault, Publisher, counting, position_fault, told
from ..model.publisher_plan import Edit, Wanted, brought, declared, edit, properties_of, proxy_of
from ..model.uri import mask
from .survey import Survey, ZoneSurvey, no_such_zone, survey
from .wanted_publishers import Wishes, wishes

GLOBAL = "global"
UNCHANGED = "unchanged"
CHANGED = "changed"
FAILED = "failed"
NOT_REACHED = "not-reached"
TAKEN_BACK = "taken-back"
# A repository that is gone fails in every zone with the same words.
_TOLD = 3
_CERTIFICATES = ("ssl_key", "ssl_cert")


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


@dataclass(frozen=True)
class Task:
    """One image: `now` and `target` are its publishers in search order.

    `bound`: pkg's rule is enforced in it; `stored` are the global zone's publishers that it was told at its last sync.
    """

    zone: str
    root: str
    linked: bool
    bound: bool
    now: tuple[Publisher, ...]
    target: tuple[Publisher, ...]
    stored: Sequence[tuple[str, bool]] | None
    fault: PositionFault | None

    @property
    def edit(self) -> Edit:
        """What is left to be done, false if nothing."""
        return edit(self.now, self.target)

    @property
    def name(self) -> str:
        """The image as people call it."""
        return "the global zone" if self.zone == GLOBAL else f"zone {self.zone}"

    def breaks(self, parent: Sequence[Publisher], publishers: Sequence[Publisher]) -> PositionFault | None:
        """Return where the image would break the rule with `publishers` below a global zone with `parent`."""
        return position_fault(told(parent, self.stored), publishers) if self.bound else None


class PublisherFailed(Exception):
    """Not all is as it should be; `result` goes beside the message."""

    def __init__(self, message: str, result: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.result = result


def check(parent: ImageView, zones: Iterable[ZoneSurvey]) -> list[Violation]:
    """Return the linked zones on which every operation of the global zone would fail, each with what mends it."""
    violations = []
    for zone in zones:
        if not zone.standing.linked or zone.view is None:
            continue
        task = _linked(parent.publishers, parent.publishers, zone, zone.view, Wishes())
        if task.fault:
            commands = pkg_publisher.commands(task.root, task.edit)
            violations.append(Violation(task.zone, task.root, task.fault, tuple(map(tuple, commands))))
    return violations


def run(runner: Runner, options: Mapping[str, Any], dry: bool) -> dict[str, Any]:
    """Return the module's result. Raises PublisherFailed."""
    try:
        asked = wishes(options["publishers"], options["zone_publishers"], options["remove_unlisted"])
        tasks = plan(survey(runner, "/", None), asked, options["zones"])
    except Refusal as exc:
        why = exc.diagnosis
    except CommandError as exc:
        why = Diagnosis("probe-failed", str(exc), "Mend that, then run again.")
    else:
        return _Executor(runner, tasks).foresee() if dry else _Executor(runner, tasks).carry_out()
    result = {"changed": False, "images": [], "diagnosis": why.as_result(), "actions": list(runner.actions)}
    raise PublisherFailed(why.message, result)


def plan(seen: Survey, asked: Wishes, names: Sequence[str] | None) -> list[Task]:
    """Return what is to become of each image, the global zone's first. Raises Refusal where the rule would break."""
    _check_names(seen, asked, names)
    now = seen.parent.publishers
    target = now if asked.publishers is None else declared(now, asked.publishers, asked.remove_unlisted)
    _check_origins("the global zone", now, asked.publishers or ())
    parent = Task(GLOBAL, "/", False, False, now, tuple(target), None, None)
    tasks: list[Task] = [parent]
    for zone in seen.zones:
        name = zone.zone.name
        chosen = names is None or name in names
        if not zone.standing.linked:
            if name in asked.zones:
                tasks.append(_unlinked(zone, _readable(zone), asked))
            elif names is not None and chosen:
                raise refuse(
                    "not-linked",
                    f"Zone {name} has no part in the global zone's publishers: {zone.standing.reason}",
                    "Leave it out of `zones`, or say in `zone_publishers` what it is to have.",
                )
        elif chosen:
            view = _readable(zone)
            tasks.append(_linked(now, target, zone, view, asked))
            _check_certificates(parent, tasks[-1])
        elif zone.view is not None:
            _check_left_out(parent, _linked(now, target, zone, zone.view, asked))
    return tasks


def zones_first(parent: Task, zones: Sequence[Task]) -> bool:
    """Tell whether the zones are to come before the global zone.

    False only where they would break the rule meanwhile, and would not if the global zone came first: it loses its
    last publishers.
    """
    broken_meanwhile = any(task.breaks(parent.now, task.target) for task in zones if not task.fault)
    broken_otherwise = any(task.breaks(parent.target, task.now) for task in zones if not task.fault)
    return broken_otherwise or not broken_meanwhile


def _linked(
    parent_now: Sequence[Publisher], parent: Sequence[Publisher], zone: ZoneSurvey, view: ImageView, asked: Wishes
) -> Task:
    """Return what is to become of a linked zone where the global zone comes to have `parent`."""
    if view.use_system_repo:
        return _unlinked(zone, view, asked)
    name = zone.zone.name
    own = asked.zones.get(name, ())
    stored = view.parent_publishers
    gone: set[str] = set()
    if asked.remove_unlisted:
        # what the global zone gave it, and has no more
        gone = {publisher.name for publisher in parent_now}.union(pair[0] for pair in stored or ())
        if name in asked.zones:
            gone |= {publisher.name for publisher in view.publishers}
        gone -= {publisher.name for publisher in parent} | {wish.name for wish in own}
    target = brought(parent, view.publishers, stored, own, gone)
    _check_origins(f"zone {name}", (*view.publishers, *counting(parent)), own)
    fault = position_fault(told(parent, stored), target)
    if fault:
        raise refuse(
            "breaks-rule",
            f"`zone_publishers` for zone {name} would break pkg's rule that a zone's publishers begin with the global "
            f"zone's: {fault.sentence}",
            f"Leave `sticky`, `enabled` and the property nochild of publisher {fault.expected} to the global zone.",
        )
    now_fault = position_fault(told(parent_now, stored), view.publishers)
    return Task(name, zone.root, True, True, view.publishers, tuple(target), stored, now_fault)


def _unlinked(zone: ZoneSurvey, view: ImageView, asked: Wishes) -> Task:
    """Return what is to become of a zone in which pkg does not enforce the rule: not linked, or served by the system
    repository.
    """
    own = asked.zones.get(zone.zone.name)
    target = view.publishers if own is None else declared(view.publishers, own, asked.remove_unlisted)
    _check_origins(f"zone {zone.zone.name}", view.publishers, own or ())
    return Task(zone.zone.name, zone.root, zone.standing.linked, False, view.publishers, tuple(target), None, None)


def _readable(zone: ZoneSurvey) -> ImageView:
    if zone.view is None:
        raise refuse(
            "image-missing" if zone.missing else "image-unreadable",
            f"The image of zone {zone.zone.name} cannot be read: {zone.trouble}",
            f"`pkg -R {zone.root} list` must work; or leave the zone out by `zones`.",
        )
    for publisher in zone.view.publishers:
        texts = (*publisher.origins, *publisher.mirrors, *(value for _key, value in publisher.settings))
        if any("\0" in text for text in texts):
            raise refuse(
                "image-unreadable",
                f"Publisher {publisher.name} of zone {zone.zone.name} has a URI that no command can name.",
                f"Mend var/pkg/pkg5.image in {zone.root}; or leave the zone out by `zones`.",
            )
    return zone.view


def _check_names(seen: Survey, asked: Wishes, names: Sequence[str] | None) -> None:
    listed = [zone.name for zone in seen.listed]
    for name in (*(names or ()), *asked.zones):
        if name not in listed:
            raise no_such_zone(name)
    for name in asked.zones:
        if names is not None and name not in names:
            raise refuse(
                "bad-zone", f"Zone {name} is in `zone_publishers`, but not in `zones`.", "Name it in both or in none."
            )


def _check_origins(where: str, there: Sequence[Publisher], wanted: Sequence[Wanted]) -> None:
    known = [publisher.name for publisher in there]
    for one in wanted:
        if one.name not in known and one.origins is None:
            raise refuse(
                "no-origin",
                f"Publisher {one.name} is not there in {where}, and no origin is declared for it.",
                "Say in `origins` where its repository is.",
            )


def _check_certificates(parent: Task, task: Task) -> None:
    """See that no zone is to be given an origin that needs a client certificate, which pkg keeps in each image."""
    secured = {one.name for one in parent.target if any(dict(one.settings).get(key) for key in _CERTIFICATES)}
    own = {one.name for one in task.now if any(dict(one.settings).get(key) for key in _CERTIFICATES)}
    for change in task.edit.changes:
        if change.add_origins and change.name in secured - own:
            raise refuse(
                "client-certificate",
                f"Publisher {change.name} is reached with a client certificate in the global zone, and zone "
                f"{task.zone} has none for it.",
                f"Give it to the zone once: `pkg -R {task.root} set-publisher -k KEY -c CERTIFICATE "
                f"{' '.join(f'-g {uri}' for uri in change.add_origins)} {change.name}`, then run again.",
            )


def _check_left_out(parent: Task, task: Task) -> None:
    fault = task.breaks(parent.target, task.now)
    if fault and not task.fault:
        raise refuse(
            "zone-left-out",
            f"Zone {task.zone} is linked, but not in `zones`, and with what the global zone is to have every pkg "
            f"operation there would fail on it. {fault.sentence}",
            "Leave `zones` away, or name it, too.",
        )


class _Executor:
    """Does what is planned, image after image, and keeps the result."""

    def __init__(self, runner: Runner, tasks: Sequence[Task]) -> None:
        self.runner = runner
        self.parent = tasks[0]
        self.tasks = tasks
        zones = tasks[1:]
        linked = [task for task in zones if task.bound]
        halves = [linked, [self.parent]] if zones_first(self.parent, linked) else [[self.parent], linked]
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
        """Bring every image there. Raises PublisherFailed."""
        for group in self.groups:
            failed = [task for task in group if task.edit and not self._bring(task)]
            if any(task.bound or task is self.parent for task in failed):
                self._take_back()
                break
        if not self.failures:
            return self._result()
        first = self.failures[0]
        told_all = Diagnosis(
            first.cause,
            " ".join([failure.sentence for failure in self.failures[:_TOLD]] + self._waiting()),
            first.remedy,
            tuple(line for failure in self.failures[:_TOLD] for line in failure.evidence),
        )
        raise PublisherFailed(told_all.message, {**self._result(), "diagnosis": told_all.as_result()})

    def _bring(self, task: Task) -> bool:
        """Change one image, and read it back, whatever the commands said. Returns whether all is well."""
        self.status[task.zone] = FAILED
        trouble = self._type(task, task.edit)
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

    def _take_back(self) -> None:
        """Put zones back that are as they should be, but on which pkg fails while the global zone is as it was."""
        for task in self.tasks:
            broken = task.breaks(self.after[GLOBAL], self.after[task.zone])
            if self.status[task.zone] == CHANGED and broken and not task.fault:
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
        except StillRunning as exc:
            return Diagnosis("still-running", str(exc), "Wait for it to end, then run again.")
        except CommandError as exc:
            return Diagnosis("probe-failed", str(exc), "Mend that, then run again.")
        except ValueError:
            # a NUL in what stands in the image
            return Diagnosis(
                "image-unreadable", f"There is what no command can name in {task.root}.", "Mend the image."
            )
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
            "changed": any(self.after[task.zone] != task.now for task in self.tasks),
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
                if self.after[task.zone] != task.now
            ],
        }

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
