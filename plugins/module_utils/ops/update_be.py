# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot environments round an update: pure decisions from `beadm list` before and after."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence

from ..model.be import BootEnvironment, next_boot
from ..model.finding import Diagnosis, Refusal, refuse
from ..model.update import UpdatePlan

ALWAYS = "always"
ONCE = "once"
NEVER = "never"


@dataclass(frozen=True)
class Appeared:
    """The boot environments that an update has made.

    `clone` is the one it has worked in, None if in the running one. `kept` hold the state from before: a backup, or
    what pkg makes of its snapshot when it fails in the live image. `left_over` are of no use.
    """

    clone: BootEnvironment | None
    kept: tuple[BootEnvironment, ...] = ()
    left_over: tuple[BootEnvironment, ...] = ()


def identity(be: BootEnvironment) -> str:
    """Return what identifies a boot environment: its uuid, which stays when it is renamed."""
    return be.uuid or be.name


def names(running: str, asked: str | None, planned: str | None) -> str:
    """Return a pattern for the names that pkg may give a new boot environment.

    It is made under a name of libbe's, RUNNING-N, and renamed then (bootenv.py): `asked` is what pkg is told, `planned`
    what it has made of the image's property auto-be-name, of which the digits may be a time.
    """
    stem = re.sub(r"-\d+$", "", running)
    patterns = [rf"{re.escape(stem)}-\d+"]
    if asked is not None:
        patterns.append(re.escape(asked))
    elif planned is not None:
        patterns.append(re.sub(r"\d+", r"\\d+", re.escape(planned)))
    return "|".join(patterns)


def appeared(
    known: Sequence[str], after: Sequence[BootEnvironment], plan: UpdatePlan, running: str, pattern: str
) -> Appeared:
    """Tell what became of boot environments; `known` are the identities before, `running` the name of the running one.

    What has no name that pkg may have given it (`pattern`, see `names`) somebody else has made meanwhile. pkg makes the
    backup first and names it RUNNING-backup-N; a pkg that was run again, because an image was locked, may have left
    several clones, of which the last counts.
    """
    new = [be for be in after if identity(be) not in known]
    backups = [be for be in new if plan.backup_be and _is_backup(be, plan, running)]
    clones = [be for be in new if be not in backups and re.fullmatch(pattern, be.name)]
    if not plan.new_be:
        return Appeared(None, tuple(backups + clones))
    good = [be for be in clones if is_activated(be)] or clones
    return Appeared(
        clone=good[-1] if good else None, kept=tuple(backups), left_over=tuple(be for be in clones if be != good[-1])
    )


def _is_backup(be: BootEnvironment, plan: UpdatePlan, running: str) -> bool:
    if plan.backup_be_name:
        return be.name == plan.backup_be_name
    return _has_backup_name(be, running)


def _has_backup_name(be: BootEnvironment, running: str) -> bool:
    return bool(re.fullmatch(rf"{re.escape(running)}-backup-\d+", be.name))


def backups_of_pkg_itself(before: Sequence[BootEnvironment], after: Sequence[BootEnvironment]) -> list[BootEnvironment]:
    """Return what pkg has cloned before it changed package/pkg: that holds the state from before the whole update."""
    known = [identity(be) for be in before]
    running = next((be.name for be in before if be.active_now), "")
    return [be for be in after if identity(be) not in known and _has_backup_name(be, running)]


def is_activated(be: BootEnvironment) -> bool:
    """Tell whether a boot environment is booted next, once or from then on."""
    return be.active_on_reboot or be.active_once


def activated_as_asked(be: BootEnvironment, activate: str) -> bool:
    """Tell whether a boot environment is booted next as the option `activate` says."""
    if activate == ALWAYS:
        return be.active_on_reboot
    return be.active_once if activate == ONCE else not is_activated(be)


def still_pending(be: BootEnvironment | None, activate: str) -> bool:
    """Tell whether a boot environment that an update has made still waits to be booted.

    One that was activated and is so no more was booted in the meantime, or somebody has decided against it.
    """
    if be is None or be.active_now:
        return False
    return activate == NEVER or is_activated(be)


def other_pending(bes: Sequence[BootEnvironment]) -> Refusal | None:
    """Return the refusal for a boot environment that is booted next and is not the running one."""
    waiting = next_boot(bes)
    if waiting is None or waiting.active_now:
        return None
    once = " (once)" if waiting.active_once else ""
    running = next((be.name for be in bes if be.active_now), "")
    return refuse(
        "pending-boot-environment",
        f"Boot environment {waiting.name} is active on reboot{once} and does not run yet: an update would be made in a "
        f"clone of {running}, and what is in {waiting.name} be left behind.",
        f"Boot {waiting.name} first; or stay with the running one: "
        + (f"`beadm activate -T {waiting.name}`." if waiting.active_once else f"`beadm activate {running}`."),
    )


def not_activated(be: BootEnvironment, activate: str) -> Diagnosis:
    """Return what is said of a new boot environment that is not activated as asked."""
    flags = f"it is {be.active!r} in `beadm list -H`" if be.active else "it is not active"
    wish = {ALWAYS: "active on reboot", ONCE: "active at the next boot only", NEVER: "not activated"}[activate]
    command = f"beadm activate {'-t ' if activate == ONCE else ''}{be.name}"
    remedy = (
        f"`{command}`, then reboot." if activate != NEVER else f"See by `beadm list` that {be.name} is as you want."
    )
    return Diagnosis("not-activated", f"Boot environment {be.name} should be {wish}, but {flags}.", remedy)
