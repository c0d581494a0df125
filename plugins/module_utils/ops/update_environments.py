# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot environments that an update has made: reading them back, tidying up, and what is told of them."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..host import beadm, pkg_freeze
from ..host.runner import Runner
from ..host.update_store import Made, UpdateStore
from ..model.be import BootEnvironment, by_uuid
from ..model.finding import Refusal, refuse
from . import update_be, update_hold
from .update_hold import Hold
from .update_result import ImageResult, Installed
from .update_site import images_at


class Environments:
    """`told` is what the result says of them. `changed`: one was made and stays. With `check` nothing is run."""

    def __init__(self, runner: Runner, store: UpdateStore, check: bool) -> None:
        self.runner = runner
        self.store = store
        self.check = check
        self.told: dict[str, Any] = {"created": False, "name": None, "uuid": None, "activated": False}
        self.made: Made | None = None
        self.changed = False
        self.reboot_required = False

    def report(self, be: BootEnvironment) -> None:
        """Tell of one that waits to be booted."""
        self.told.update(created=True, name=be.name, uuid=be.uuid, activated=update_be.is_activated(be))
        self.reboot_required = True

    def foresee(self, name: str, activated: bool) -> None:
        """Tell of one that a run would make."""
        self.told.update(created=True, name=name, activated=activated)
        self.reboot_required = True

    def remember(self, be: BootEnvironment, activate: str, images: Sequence[ImageResult]) -> None:
        """Let the next runs know that it was made, and waits to be booted."""
        self.changed = True
        self.made = Made(be.uuid, be.name, activate, [one.as_result() for one in images])
        if not self.check:
            self.store.save_made(self.made)

    def waiting(self, bes: Sequence[BootEnvironment]) -> Sequence[Mapping[str, Any]] | None:
        """Return what was told of the images of one that an earlier run made and nobody has booted; None without one.

        What is no longer so is forgotten.
        """
        made = self.made or self.store.made()
        if made is None:
            return None
        be = by_uuid(bes, made.uuid)
        if be is None or not update_be.still_pending(be, made.activate):
            if not self.check:
                self.store.forget_made()
            return None
        self.report(be)
        return made.images

    def note_kept(self, bes: Sequence[BootEnvironment], holds: Mapping[str, Sequence[str]]) -> None:
        """Tell of those that hold the state from before. `holds` is what was frozen when they were made."""
        if bes:
            self.told["backup"] = [*self.told.get("backup", ()), *(be.name for be in bes)]
            self.changed = True
            self.let_go_in(bes, holds)

    def let_go_in(self, bes: Sequence[BootEnvironment], holds: Mapping[str, Sequence[str]]) -> None:
        """Let go in boot environments in which something was left frozen: clones of the running one, or its origin."""
        for be in bes if holds else ():
            if self.check:
                self.plan_to_read(be.name)
            else:
                self.read(be)

    def plan_to_read(self, name: str, held: Sequence[Hold] = ()) -> None:
        """Note what `read` runs."""
        self.runner.planned(beadm.mount(name, self.store.mountpoint))
        for one in held:
            self.runner.planned(pkg_freeze.unfreeze(self.store.mountpoint + one.root, one.stems))
        self.runner.planned(beadm.unmount(name))

    def read(self, be: BootEnvironment) -> dict[str | None, Installed | None]:
        """Mount a boot environment where nobody else looks, return what is installed in its images, and unmount it.

        It is a clone of the running system, with all that was frozen there for the update: that is let go.
        Raises Refusal and CommandError.
        """
        if be.mountpoint and be.mountpoint != self.store.mountpoint:
            return self._read_at(be.mountpoint)
        if not be.mountpoint:
            self._succeed(beadm.mount(be.name, self.store.mountpoint), f"Boot environment {be.name} cannot be mounted")
        try:
            return self._read_at(self.store.mountpoint)
        finally:
            self._succeed(beadm.unmount(be.name), f"Boot environment {be.name} cannot be unmounted")
            self.store.clear_mountpoint()

    def _read_at(self, root: str) -> dict[str | None, Installed | None]:
        images = images_at(self.runner, root)
        left = update_hold.left(images.zones)
        trouble = update_hold.let_go(self.runner, {zone: at for zone, (at, _stems) in left.items()})
        if trouble is not None:
            raise Refusal(trouble)
        return images.installed()

    def _succeed(self, argv: Sequence[str], what: str) -> None:
        result = self.runner.change(argv)
        if result.rc != 0:
            raise refuse(
                "read-back-failed",
                f"{what}: {' / '.join(result.lines()[-3:]) or 'no message'}. So it is not known what is in it.",
                f"`{' '.join(argv)}` must work; then run again.",
                tuple(result.lines()),
            )

    def destroy(self, bes: Sequence[BootEnvironment], keep: bool) -> None:
        """Destroy boot environments that a failed update has left; with `keep` only name them. Raises Refusal."""
        if not bes:
            return
        self.told.update(half_done=[be.name for be in bes], destroyed=not keep)
        self.changed = self.changed or keep
        for be in () if keep else bes:
            argv = beadm.destroy(be.name, snapshots=True, force=True)
            if self.check:
                self.runner.planned(argv)
            else:
                self._destroy(be, argv)

    def _destroy(self, be: BootEnvironment, argv: Sequence[str]) -> None:
        result = self.runner.change(argv)
        left = [update_be.identity(one) for one in beadm.boot_environments(self.runner)]
        if update_be.identity(be) not in left:
            return
        self.told["destroyed"] = False
        raise refuse(
            "half-done-be-left",
            f"An update failed and left boot environment {be.name} half done, and it could not be destroyed: "
            f"{' / '.join(result.lines()[-3:]) or 'no message'}.",
            f"Let nothing use what is mounted of it, then run again, or `{' '.join(argv)}`.",
            tuple(result.lines()),
        )

    def left_behind(self) -> str:
        """Return a sentence on what a failed update has left, "" if nothing."""
        half_done, kept = self.told.get("half_done", ()), self.told.get("backup", ())
        names = ", ".join(half_done)
        if half_done and self.told["destroyed"]:
            return f"The boot environment that it left half done, {names}, was destroyed."
        if half_done:
            return (
                f"It left a boot environment half done, {names}; it is kept (`keep_failed_be`), and not to be booted."
            )
        return f"{' and '.join(kept)} {'hold' if len(kept) > 1 else 'holds'} the state from before." if kept else ""
