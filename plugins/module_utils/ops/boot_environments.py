# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot environments with their zone BEs: which commands bring them to what is asked for, and their execution.

Everything is decided before the first command, from what the host shows. Each step is one beadm command, so a run that
was killed needs no journal: the next one sees what is left to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Sequence

from ..host import beadm, zfs
from ..host.runner import CommandError, Result, Runner
from ..model.be import BootEnvironment, by_name, is_legal_name, next_boot, running_be
from ..model.be_tree import BeTree, trees, zones_without_root
from ..model.dataset import BeFileSystem
from ..model.finding import Refusal, RunFailed, refuse
from ..model.zone import Zone
from .retention import Kept, Snapshots, candidates, in_use, retain
from .survey import zones_here

PRESENT = "present"
ACTIVE = "active"
ACTIVE_ONCE = "active_once"
ABSENT = "absent"
STATES = (PRESENT, ACTIVE, ACTIVE_ONCE, ABSENT)
# What a step does.
CREATE = "create"
ACTIVATE = "activate"
ACTIVATE_ONCE = "activate-once"
FORGET_ONCE = "forget-once"
DESTROY = "destroy"
_SHOWN = 5


@dataclass(frozen=True)
class Options:
    """The module's options. Retention: of those that `match`, the `keep` newest stay."""

    name: str | None = None
    state: str = PRESENT
    source: str | None = None
    description: str | None = None
    keep: int | None = None
    match: str | None = None
    protect: Sequence[str] = ()
    destroy_snapshots: bool = False


@dataclass(frozen=True)
class Step:
    """One beadm command, and the boot environment that it is about."""

    act: str
    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """What the host shows."""

    trees: tuple[BeTree, ...]
    file_systems: tuple[BeFileSystem, ...]
    zones: tuple[Zone, ...]

    @property
    def bes(self) -> list[BootEnvironment]:
        """The boot environments alone, oldest first."""
        return [tree.be for tree in self.trees]

    def tree(self, name: str) -> BeTree | None:
        """Return the boot environment of that name."""
        return next((tree for tree in self.trees if tree.be.name == name), None)

    def known(self, name: str) -> BeTree:
        """Return the boot environment of that name. Raises Refusal."""
        found = self.tree(name)
        if found is None:
            names = ", ".join(tree.be.name for tree in self.trees)
            raise refuse("no-such-be", f"There is no boot environment {name}.", f"Those there are: {names}.")
        return found


@dataclass(frozen=True)
class Plan:
    """The steps, what goes with them, why others stay, and what the host shows when they are done."""

    steps: tuple[Step, ...]
    doomed: tuple[BeTree, ...]
    kept: tuple[Kept, ...]
    after: tuple[BeTree, ...]


def run(runner: Runner, options: Options, dry: bool) -> dict[str, Any]:
    """Return the module's result. Raises RunFailed."""
    result: dict[str, Any] = {
        "changed": False,
        "created": None,
        "activated": None,
        "destroyed": [],
        "kept": [],
        "zone_bes_left": [],
    }
    try:
        _run(runner, options, dry, result)
        result["actions"] = list(runner.actions)
        return result
    except (Refusal, CommandError) as exc:
        told = exc.diagnosis
    raise RunFailed(told.message, {**result, "diagnosis": told.as_result(), "actions": list(runner.actions)})


def _run(runner: Runner, options: Options, dry: bool, result: dict[str, Any]) -> None:
    check(options)
    zones = zones_here(runner)
    before = look(runner, zones)
    in_question = candidates(before.trees, options.keep, options.match, options.protect)
    if options.state == ABSENT:
        in_question = [tree for tree in [before.tree(str(options.name))] if tree]
    snapshots = _snapshots(runner, in_question, options.destroy_snapshots)
    if options.source and "@" in options.source and before.tree(str(options.name)) is None:
        _check_source_snapshot(runner, options.source, before)
    plan = make_plan(options, before, snapshots)
    result["kept"] = [kept.as_result() for kept in plan.kept]
    _warn(runner, plan, before)
    if dry:
        for step in plan.steps:
            runner.planned(step.argv)
            _note(step, plan, result)
        after: Sequence[BeTree] = plan.after
    else:
        for step in plan.steps:
            _take(runner, step, before)
            _note(step, plan, result)
        after = _look_again(runner, plan, before, result).trees if plan.steps else before.trees
    bes = [tree.be for tree in after]
    result["boot_environments"] = [_be_result(tree) for tree in after]
    result["reboot_required"] = next_boot(bes) != running_be(bes)
    result["diff"] = {"before": _listing(before.trees), "after": _listing(after)}


def check(options: Options) -> None:
    """See that the options fit each other. Raises Refusal."""
    if options.name is None and options.keep is None:
        raise refuse("nothing-asked", "Neither `name` nor `keep` is given.", "Say what is to be done.")
    if options.name is None and options.state != PRESENT:
        raise refuse("no-name", f"`state: {options.state}` needs a `name`.", "Name the boot environment.")
    if options.state != PRESENT and (options.source is not None or options.description is not None):
        raise refuse(
            "not-created",
            f"`source` and `description` are for a boot environment that is created, and `state` is {options.state}.",
            "Create it with `state: present` in a task of its own.",
        )
    if options.state != PRESENT and options.keep is not None:
        # an activation hands snapshots over (be_promote_ds_callback in libbe): what can go is another question then
        raise refuse(
            "keep-with-state",
            f"`keep` goes with `state: present`, and `state` is {options.state}.",
            "Let old ones go in a task of its own.",
        )
    if (options.keep is None) != (options.match is None):
        raise refuse("keep-without-match", "`keep` and `match` go together.", "Give both, or none of them.")
    if options.keep is not None and options.keep < 0:
        raise refuse("bad-keep", f"`keep` is {options.keep}.", "It takes how many are to stay, 0 or more.")
    if options.name is not None and not is_legal_name(options.name):
        raise refuse(
            "bad-name",
            f"{options.name[:80]!r} is no name that beadm takes for a boot environment.",
            "It takes up to 64 letters, digits and the characters _ . : -, the last one not in front.",
        )
    if options.description is not None and not (options.description and options.description.isprintable()):
        raise refuse(
            "bad-description",
            f"{options.description[:80]!r} is no `description`: it becomes one line of the boot menu.",
            "Write one line without control characters, or leave it out.",
        )


def look(runner: Runner, zones: Sequence[Zone]) -> Scene:
    """Read the boot environments and the file systems. Raises Refusal and CommandError."""
    bes = beadm.boot_environments(runner)
    running_be(bes)  # refused where that cannot be told
    file_systems = zfs.be_layout(runner)
    return Scene(tuple(trees(bes, file_systems, zones)), tuple(file_systems), tuple(zones))


def _snapshots(runner: Runner, in_question: Sequence[BeTree], held_too: bool) -> Snapshots:
    names = [dataset.name for tree in in_question for dataset in tree.datasets if dataset not in tree.below]
    found = zfs.snapshots(runner, *names) if names else []
    return Snapshots(tuple(found), tuple(zfs.held(runner, found)) if found and held_too else ())


def _check_source_snapshot(runner: Runner, source: str, before: Scene) -> None:
    name, _at, label = source.partition("@")
    root = before.known(name).root
    known = [] if root is None else [s.partition("@") for s in zfs.snapshots(runner, root.name)]
    labels = [found for dataset, _at, found in known if root and dataset == root.name]
    if label not in labels:
        raise refuse(
            "no-such-snapshot",
            f"Boot environment {name} has no snapshot {label}.",
            f"It has {', '.join(labels)}." if labels else f"`beadm create {source}` makes it.",
        )


# -- what is to be done ----------------------------------------------------------------------------------------------


def make_plan(options: Options, before: Scene, snapshots: Snapshots) -> Plan:
    """Return what is to be done. Raises Refusal."""
    steps: list[Step] = []
    doomed: list[BeTree] = []
    kept: list[Kept] = []
    after = list(before.trees)
    file_systems = list(before.file_systems)
    if options.name is not None:
        there = before.tree(options.name)
        if options.state == ABSENT:
            if there is not None:
                _check_removable(there, options, snapshots, before)
                doomed = [there]
        elif options.state == PRESENT:
            if there is None:
                source = _source(options, before)
                steps.append(Step(CREATE, options.name, tuple(_creation(options, source))))
                new = _new(options.name, source, after)
                after.append(new)
                file_systems += new.datasets
            else:
                _check_same(options, there, before)
        else:
            steps += _activation(before.known(options.name), options.state, before.bes)
            after = _activated(after, steps)
    if options.keep is not None:
        doomed, kept = retain(
            after, file_systems, snapshots, options.keep, str(options.match), options.protect, options.destroy_snapshots
        )
    for tree in doomed:
        unsaved = bool(snapshots.without_clones(tree, before.file_systems)) or options.state == ABSENT
        argv = beadm.destroy(tree.be.name, snapshots=options.destroy_snapshots and unsaved)
        steps.append(Step(DESTROY, tree.be.name, tuple(argv)))
    return Plan(tuple(steps), tuple(doomed), tuple(kept), tuple(tree for tree in after if tree not in doomed))


def _source(options: Options, before: Scene) -> BeTree:
    if options.source is not None:
        return before.known(options.source.partition("@")[0])
    return next(tree for tree in before.trees if tree.be.active_now)


def _creation(options: Options, source: BeTree) -> list[str]:
    running_as_it_is = source.be.active_now and "@" not in (options.source or "")
    return beadm.create(str(options.name), None if running_as_it_is else options.source, options.description)


def _check_same(options: Options, there: BeTree, before: Scene) -> None:
    _check_whole(there.be)
    name, _at, label = (options.source or "").partition("@")
    source = before.tree(name)
    made_of, _at, made_at = there.root.origin.partition("@") if there.root else ("", "", "")
    # a promotion hands the snapshot to another one, and what it is a clone of then tells nothing
    still_its_clone = source is not None and source.root is not None and source.root.name == made_of
    if label and still_its_clone and label != made_at:
        raise refuse(
            "name-taken",
            f"Boot environment {there.be.name} is there, but was made from snapshot {made_at} of {name}, not {label}.",
            "Choose another name, or leave `source` out.",
        )


def _check_whole(be: BootEnvironment) -> None:
    """libbe gives the uuid when the datasets are cloned, and clones the zones after that (be_copy)."""
    if not be.uuid:
        raise refuse(
            "no-uuid",
            f"Boot environment {be.name} has no uuid: beadm was interrupted when it made it, and it has no zone BEs.",
            f"`beadm destroy -F {be.name}`, then run again. (One made before there were zone BEs is beadm's alone.)",
        )


def _new(name: str, source: BeTree, others: Sequence[BeTree]) -> BeTree:
    """Foretell a boot environment that is made of `source`: the newest, and a clone of it with its zone BEs."""
    newest = max(tree.be.created for tree in others)
    be = BootEnvironment(name, "", "", "", 0, source.be.policy, newest + 1)
    zone_bes = [replace(z, file_system=_clone(z.file_system, name)) for z in source.zone_bes if z.active]
    return BeTree(be, source.root and _clone(source.root, name), tuple(zone_bes), ())


def _clone(origin: BeFileSystem, name: str) -> BeFileSystem:
    container = origin.name.rpartition("/")[0]
    return replace(origin, name=f"{container}/{name}", origin=f"{origin.name}@", used=0, mounted=False)


def _activation(tree: BeTree, state: str, bes: Sequence[BootEnvironment]) -> list[Step]:
    _check_whole(tree.be)
    name = tree.be.name
    if state == ACTIVE_ONCE:
        coming = next_boot(bes)
        there = coming is not None and coming.name == name
        return [] if there else [Step(ACTIVATE_ONCE, name, tuple(beadm.activate(name, once=True)))]
    once = [be.name for be in bes if be.active_once and be.name != name]
    steps = [Step(FORGET_ONCE, other, tuple(beadm.forget_once(other))) for other in once]
    if not tree.be.active_on_reboot:
        steps.append(Step(ACTIVATE, name, tuple(beadm.activate(name))))
    return steps


def _activated(before: Sequence[BeTree], steps: Sequence[Step]) -> list[BeTree]:
    """Foretell the flags."""
    after = list(before)
    for step in steps:
        flag = {ACTIVATE: "R", ACTIVATE_ONCE: "T"}.get(step.act, "")
        for i, tree in enumerate(after):
            active = tree.be.active.replace("T", "").replace(flag, "")
            if tree.be.name == step.name:
                active += flag
            after[i] = replace(tree, be=replace(tree.be, active=active))
    return after


def _check_removable(tree: BeTree, options: Options, snapshots: Snapshots, before: Scene) -> None:
    name = tree.be.name
    reasons = in_use(tree, options.protect)
    if reasons:
        raise refuse(
            reasons[0].word,
            f"Boot environment {name} stays: {'; '.join(reason.text for reason in reasons)}.",
            reasons[0].remedy,
        )
    # beadm refuses for any snapshot of the root dataset, also for those that others were made from (be_destroy)
    own = [s for s in snapshots.names if tree.root and s.startswith(tree.root.name + "@")]
    in_the_way = list(dict.fromkeys([*own, *snapshots.without_clones(tree, before.file_systems)]))
    if in_the_way and not options.destroy_snapshots:
        raise refuse(
            "snapshots",
            f"Boot environment {name} has snapshots: {_some(in_the_way)}.",
            "Set `destroy_snapshots: true` to destroy them with it; what others were made from is handed over to them.",
        )
    held = snapshots.held_of(tree)
    if held:
        raise refuse(
            "held",
            f"Snapshots of boot environment {name} are held: {_some(held)}.",
            "`zfs holds SNAPSHOT` says by whom; `zfs release TAG SNAPSHOT`, then run again.",
        )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


# -- doing it --------------------------------------------------------------------------------------------------------


def _take(runner: Runner, step: Step, before: Scene) -> None:
    """Run a step and read it back: beadm ends with 0 also where it has done nothing."""
    done = runner.change(step.argv)
    bes = beadm.boot_environments(runner)
    be = by_name(bes, step.name)
    if step.act == DESTROY:
        if be is not None:
            raise _failed("destroyed", step, done, _HALF_DESTROYED)
        if done.rc != 0:
            runner.warn(f"Boot environment {step.name} is destroyed, but beadm said: {' / '.join(done.lines())}")
    elif step.act == CREATE:
        if be is not None and (done.rc != 0 or not be.uuid):
            raise _failed("made", step, done, f"A part of it is left behind: `beadm destroy -F {step.name}`.")
        if be is None:
            raise _failed("made", step, done, _why_not_made(step, before))
    elif done.rc != 0 or be is None or not _flagged(step.act, be, bes):
        raise _failed("activated", step, done, "`beadm list` shows what the next boot brings. Mend that, run again.")


def _flagged(act: str, be: BootEnvironment, bes: Sequence[BootEnvironment]) -> bool:
    if act == FORGET_ONCE:
        return not be.active_once
    return next_boot(bes) == be and be.active_once is (act == ACTIVATE_ONCE)


_HALF_DESTROYED = "Zone BEs go first, so they may be gone already: do not boot it. Mend what is said, then run again."


def _failed(what: str, step: Step, done: Result, remedy: str) -> Refusal:
    said = " / ".join(done.lines()) or "nothing"
    return refuse(
        f"not-{what}",
        f"Boot environment {step.name} was not {what}: beadm ended with {done.rc} and said: {said}",
        remedy,
        tuple(done.lines()),
    )


def _why_not_made(step: Step, before: Scene) -> str:
    given = dict(zip(step.argv, step.argv[1:])).get("-e")
    source = before.known(given.partition("@")[0]) if given else next(t for t in before.trees if t.be.active_now)
    broken = zones_without_root(source, before.zones, before.file_systems)
    if broken:
        which = ", ".join(f"{zone} has {count}" for zone, count in broken.items())
        return (
            f"Each zone installed in {source.be.name} must have one active zone BE there, and {which}: mend "
            "org.opensolaris.libbe:active and :parentbe below its DATASET/ROOT, then run again."
        )
    return "`beadm create -v` says more."


def _look_again(runner: Runner, plan: Plan, before: Scene, result: dict[str, Any]) -> Scene:
    after = look(runner, before.zones)
    for tree in plan.doomed:
        for left in (f.name for f in after.file_systems if f.name in [z.file_system.name for z in tree.zone_bes]):
            result["zone_bes_left"].append(left)
            runner.warn(
                f"beadm has destroyed boot environment {tree.be.name} and left its zone BE {left} behind. If no zone "
                f"needs what is in it: `zfs destroy -r {left}`."
            )
    for step in plan.steps:
        made = after.tree(step.name) if step.act == CREATE else None
        expected = next(tree for tree in plan.after if tree.be.name == step.name).zones if made else []
        for zone in expected:
            if made and zone not in made.zones:
                runner.warn(f"beadm has made no zone BE of zone {zone} for {step.name}: it would not boot there.")
    return after


def _warn(runner: Runner, plan: Plan, before: Scene) -> None:
    for step in plan.steps:
        tree = before.tree(step.name) if step.act in (ACTIVATE, ACTIVATE_ONCE) else None
        broken = zones_without_root(tree, before.zones, before.file_systems) if tree else {}
        for zone, count in broken.items():
            has = f"{count} active zone BEs" if count else "no active zone BE"
            runner.warn(
                f"Zone {zone} has {has} in boot environment {step.name}: after the boot into it the zone is not there, "
                "or does not boot."
            )


def _note(step: Step, plan: Plan, result: dict[str, Any]) -> None:
    result["changed"] = True
    if step.act == CREATE:
        result["created"] = step.name
    elif step.act == DESTROY:
        tree = next(tree for tree in plan.doomed if tree.be.name == step.name)
        result["destroyed"].append(_be_result(tree))
    elif step.act in (ACTIVATE, ACTIVATE_ONCE):
        result["activated"] = step.name


def _be_result(tree: BeTree) -> dict[str, Any]:
    be = tree.be
    return {
        **be.as_result(),
        "dataset": tree.root.name if tree.root else None,
        "created": be.created,
        "policy": be.policy,
        "space": be.space,
        "space_with_zones": tree.space,
        "zone_bes": [
            # of one that is only foretold, beadm has yet to choose the names
            {
                "zone": z.zone,
                "dataset": z.file_system.name if be.uuid else None,
                "active": z.active,
                "space": z.file_system.used,
            }
            for z in tree.zone_bes
        ],
    }


def _listing(shown: Sequence[BeTree]) -> str:
    lines = [f"{tree.be.name} {tree.be.active or '-'} zones: {', '.join(tree.zones) or '-'}" for tree in shown]
    return "".join(f"{line}\n" for line in lines)
