# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way forward: the steps of a switch, each once, each read back."""

from __future__ import annotations

from typing import Sequence

from ..host import logs, pkg, pkg_publisher, safe, zfs, zoneadm, zonecfg
from ..host.image import Image, ImageError, linked_name
from ..host.runner import CommandError, StillRunning
from ..model import zone as states
from ..model.dataset import mounted_on
from ..model.exitcodes import PKG_DIVERGED, PKG_NOTHING_TO_DO, PKG_OK
from ..model.finding import Diagnosis
from ..model.parent import violations
from ..model.publisher import after_copy, position_fault, repairs
from . import brand_switch
from .diagnosis import diagnose
from .hands import Hands, StepFailed
from .way_back import as_attached

# After shutdown_timeout a zone that is half down gets this long to come down before it is given up.
_GRACE_SECONDS = 60.0
_POLL_SECONDS = 1.0


def run(hands: Hands, course: str, order: Sequence[str] | None, forced: bool) -> None:
    """Take the zone to the wanted brand. Raises StepFailed.

    `order` (the publishers' order after attach) and `forced` are what a rehearsal has shown; they serve the
    prediction only: a real run reads the image.
    """
    if hands.dry and hands.journal.attach_begun and hands.zone.has_image and hands.site.mounted:
        # An earlier run has attached it: the image tells.
        forced = bool(_broken(hands))
    if course == brand_switch.SWITCH:
        _bring_down(hands)
        _snapshot(hands)
        _mount_if_detach_would_not(hands)
        _detach(hands)
    if course == brand_switch.ATTACH:
        _snapshot_if_missing(hands)
    if course in (brand_switch.ATTACH, brand_switch.FINISH):
        _mount_if_missing(hands)
    if course in (brand_switch.SWITCH, brand_switch.ATTACH):
        _set_brand(hands)
        _attach(hands)
    _publishers(hands, order)
    if hands.site.links(hands.options.brand):
        _sync(hands, forced)
    _prove_link(hands)
    _note_left_behind(hands)
    _run_state(hands)
    hands.destroy_snapshots(hands.options.keep_snapshot)
    if not hands.dry:
        if hands.journal.went_back:
            safe.unlink(hands.zone.zonepath, "SUNWattached.xml")
        hands.store.remove()


def _bring_down(hands: Hands) -> None:
    name = hands.zone.name
    if hands.state == states.INSTALLED:
        return
    hands.enter("shutdown")
    if hands.state == states.RUNNING:
        _shutdown(hands)
    elif hands.state == states.SHUTTING_DOWN:
        _wait_for_state(hands, states.INSTALLED, hands.options.shutdown_timeout)
        stuck = (states.DOWN, states.SHUTTING_DOWN) if hands.options.force_halt else (states.DOWN,)
        if hands.state in stuck and not hands.dry:
            hands.attempt(zoneadm.halt(name))
    else:
        hands.attempt(zoneadm.halt(name))
    if hands.dry:
        hands.expect(f"Halting zone {name}", states.INSTALLED)
        return
    if hands.state != states.INSTALLED and hands.read_zone().state != states.INSTALLED:
        raise StepFailed(
            Diagnosis(
                "zone-stays-up" if hands.state == states.RUNNING else hands.state,
                f"Zone {name} does not come down: it is {hands.state}"
                + (", also after a halt." if hands.state == states.DOWN else "."),
                "The kernel still holds something of it, and only a reboot of the host helps."
                if hands.state == states.DOWN
                else f"See what keeps it, `zoneadm -z {name} halt`, then run again.",
            )
        )


def _shutdown(hands: Hands) -> None:
    """Shut down cleanly; after shutdown_timeout halt, if that is allowed, else fail with the zone running."""
    name, options = hands.zone.name, hands.options
    argv = zoneadm.shutdown(name)
    hands.acted = True
    if hands.dry:
        hands.runner.planned(argv)
        return
    deadline = hands.runner.clock() + options.shutdown_timeout
    ended = True
    said: tuple[str, ...] = ()
    try:
        result = hands.runner.change(argv, expected=options.shutdown_timeout, limit=options.shutdown_timeout)
        said = tuple(result.lines())
    except StillRunning:
        ended = False
    # zoneadm may give up (its own timeout) and the zone still come down.
    _wait_for_state(hands, states.INSTALLED, max(0.0, deadline - hands.runner.clock()))
    if hands.state == states.INSTALLED:
        if not ended:
            hands.boot()
            raise _not_down(hands, "it came down only after that and was booted again", keep_journal=False)
        return
    if options.force_halt:
        hands.runner.warn(f"Zone {name} did not shut down within {options.shutdown_timeout:g} seconds; halting it.")
        hands.attempt(zoneadm.halt(name))
        return
    if ended and hands.state == states.RUNNING:
        raise _not_down(hands, "it still runs and nothing was touched", keep_journal=False, said=said)
    _wait_for_state(hands, states.INSTALLED, _GRACE_SECONDS)
    if hands.state == states.INSTALLED:
        hands.boot()
        raise _not_down(hands, "it came down only after that and was booted again", keep_journal=False)
    if hands.state == states.RUNNING:
        raise _not_down(hands, "it still runs and nothing was touched, but zoneadm is still at it", keep_journal=True)
    raise _not_down(hands, f"it is {hands.state} now, and may still come down", keep_journal=True)


def _not_down(hands: Hands, how: str, keep_journal: bool, said: tuple[str, ...] = ()) -> StepFailed:
    return StepFailed(
        Diagnosis(
            "shutdown-timeout",
            f"Zone {hands.zone.name} did not shut down within {hands.options.shutdown_timeout:g} seconds; {how}.",
            f"`svcs -z {hands.zone.name} -xv` says what holds it up. Give a longer shutdown_timeout, or "
            "`force_halt: true`.",
            said,
        ),
        still_running=keep_journal,
    )


def _wait_for_state(hands: Hands, state: str, seconds: float) -> None:
    if hands.dry:
        return
    deadline = hands.runner.clock() + seconds
    while hands.read_zone().state != state and hands.runner.clock() < deadline:
        hands.runner.sleep(_POLL_SECONDS)


def _snapshot(hands: Hands) -> None:
    """Snapshot the halted zone. A snapshot of an earlier run is too old: the zone may have run since."""
    if not hands.options.snapshot:
        hands.destroy_snapshots(keep=False)
        return
    if hands.snapshots:
        hands.destroy_snapshots(keep=False)
    taken = set(hands.site.snapshots) - set(hands.journal.snapshots)
    base = name = f"{hands.site.dataset}@illumos.linked_zones-before-{hands.options.brand}"
    number = 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    hands.enter("snapshot", snapshots=list(dict.fromkeys([*hands.journal.snapshots, name])))
    hands.take_snapshot(name)


def _snapshot_if_missing(hands: Hands) -> None:
    """The same for a detached zone; there a snapshot of an earlier run is kept: no zone runs while detached."""
    if not hands.snapshots and not hands.journal.attach_begun:
        _snapshot(hands)


def _detach(hands: Hands) -> None:
    what = f"Detaching zone {hands.zone.name}"
    hands.enter("detach")
    mark = logs.mark(hands.zone.name, hands.zone.zonepath)
    result = hands.attempt(zoneadm.detach(hands.zone.name))
    if result is not None and result.rc != 0 and hands.read_zone().state != states.CONFIGURED:
        raise StepFailed(diagnose([result.stdout, result.stderr, *mark.texts()], what))
    hands.expect(what, states.CONFIGURED, result=result)


def _mount_if_detach_would_not(hands: Hands) -> None:
    """detach mounts by changing the mount point, then removes var/pkg/linked; where an earlier, killed one has already
    changed it and the host was rebooted since, it would do neither."""
    if hands.site.mounted or hands.site.properties[hands.site.dataset]["mountpoint"].value == "legacy":
        return
    _mount_if_missing(hands)


def _mount_if_missing(hands: Hands) -> None:
    """attach wants a dataset mounted on the root, and so does all that looks at the zone's image.

    After a kill and a reboot there may be none (Ways back, B), nor after a boot that was killed.
    """
    if hands.site.mounted:
        return
    hands.wait_for_zoneadm()
    hands.enter("mount")
    for argv in as_attached(hands.site.dataset, hands.zone.root):
        hands.change(argv, f"Mounting the dataset of zone {hands.zone.name}")
    if hands.dry:
        hands.runner.planned(zfs.LIST_MOUNTS)
    elif mounted_on(hands.zone.root, zfs.mounts(hands.runner)) != hands.site.dataset:
        raise StepFailed(
            Diagnosis("no-dataset-mounted", f"{hands.site.dataset} is not mounted on {hands.zone.root}.", "Mount it.")
        )


def _set_brand(hands: Hands) -> None:
    brand = hands.options.brand
    if hands.brand == brand:
        return
    what = f"Setting brand {brand}"
    hands.enter("set-brand")
    result = hands.attempt(zonecfg.set_brand(hands.zone.name, brand))
    hands.expect(what, states.CONFIGURED, brand, result)


def _attach(hands: Hands) -> None:
    name, options = hands.zone.name, hands.options
    argv = zoneadm.attach(name, options.update)
    what = f"`{' '.join(argv)}`"
    hands.enter("attach", attach_begun=True)
    deadline = hands.runner.clock() + options.lock_timeout
    while True:
        mark = logs.mark(name, hands.zone.zonepath)
        result = hands.attempt(argv)
        if result is None:
            hands.expect(what, states.INSTALLED, options.brand)
            return
        hands.attach_log = mark.attach_log()
        zone = hands.read_zone()
        # Another attach, of a killed run, may have been first ("is already installed").
        if zone.state == states.INSTALLED and zone.brand == options.brand:
            return
        told = diagnose([result.stdout, *mark.texts(), result.stderr], what)
        if told.cause != "image-locked" or hands.runner.clock() >= deadline:
            raise StepFailed(told)
        hands.runner.sleep(15)


def _image(hands: Hands) -> Image:
    try:
        return Image(hands.zone.root)
    except ImageError as exc:
        raise StepFailed(Diagnosis("image-unreadable", str(exc), "Look at the zone's root.")) from None


def _publishers(hands: Hands, order: Sequence[str] | None) -> None:
    """Put the zone's own publishers behind the global zone's and check pkg's positional rule."""
    parent = hands.site.global_image.config.publishers
    own = hands.journal.own_publishers
    root = hands.zone.root
    if hands.dry:
        current = list(order) if order is not None else after_copy(parent, [*(p.name for p in parent), *own])
    else:
        current = [p.name for p in _image(hands).config.publishers]
    moves = repairs(parent, current, own)
    if moves:
        hands.enter("publishers")
    for previous, name in moves:
        hands.change(pkg_publisher.search_after(root, previous, name), f"Putting publisher {name} behind {previous}")
    if hands.dry:
        return
    now = _image(hands).config
    fault = position_fault(parent, now.publishers)
    missing = [name for name in own if name not in (p.name for p in now.publishers)]
    if missing or (fault and hands.site.links(hands.options.brand)):
        detail = f"{', '.join(missing)} is gone" if missing else f"{fault}"
        raise StepFailed(
            Diagnosis(
                "publishers",
                f"The publishers of zone {hands.zone.name} are not as they must be after attach: {detail}.",
                f"Compare `pkg publisher` with `pkg -R {root} publisher`.",
            )
        )


def _sync(hands: Hands, forced: bool) -> None:
    """Write the linked metadata, do what parent dependencies force, and only then audit this zone."""
    name = hands.zone.name
    hands.enter("sync")
    _pkg(hands, pkg.sync_metadata(name), f"Writing the linked metadata of zone {name}")
    if not hands.dry:
        forced = bool(_broken(hands))
        if forced and not hands.options.update:
            raise StepFailed(
                Diagnosis(
                    "out-of-sync",
                    f"Parent dependencies of zone {name} would move packages, and `update` is false.",
                    "Set `update: true`.",
                )
            )
        if _linked_name(hands) != pkg.child_name(name):
            raise StepFailed(
                Diagnosis("no-effect", f"The linked metadata of zone {name} were not written.", "`pkg list-linked`.")
            )
    if forced:
        _pkg(hands, pkg.sync(name), f"Synchronising zone {name} with the global zone")
        still = [] if hands.dry else _broken(hands)
        if still:
            raise StepFailed(Diagnosis("parent-dependency", still[0], f"`pkg sync-linked -l zone:{name}`."))
    result = hands.attempt(pkg.audit(name))
    if result is None:
        return
    hands.audit = pkg.parse_audit(result.stdout).get(pkg.child_name(name), f"exit code {result.rc}")
    if result.rc != PKG_OK:
        told = diagnose([result.stdout, result.stderr], f"`pkg audit-linked -l zone:{name}`")
        if result.rc != PKG_DIVERGED:
            raise StepFailed(told)
        raise StepFailed(
            Diagnosis(
                told.cause if told.cause != "unknown" else "audit-failed",
                f"The audit says that zone {name} is not in sync with the global zone ({hands.audit}).",
                f"`pkg sync-linked -nv -l zone:{name}` says what would have to change.",
                told.evidence,
            )
        )


def _linked_name(hands: Hands) -> str | None:
    try:
        return linked_name(hands.zone.root)
    except ImageError as exc:
        raise StepFailed(Diagnosis("image-unreadable", str(exc), "Look at the zone's root.")) from None


def _pkg(hands: Hands, argv: Sequence[str], what: str) -> None:
    result = hands.attempt(argv)
    if result is not None and result.rc not in (PKG_OK, PKG_NOTHING_TO_DO):
        raise StepFailed(diagnose([result.stdout, result.stderr], what))


def _broken(hands: Hands) -> list[str]:
    """Return the sentences of the parent dependencies that are not satisfied now."""
    image = _image(hands)
    try:
        dependencies = image.parent_dependencies(list(image.installed().values()))
    except ImageError as exc:
        raise StepFailed(Diagnosis("image-unreadable", str(exc), "Look at the zone's root.")) from None
    return [v.sentence for v in violations(dependencies, hands.site.global_installed)]


def _prove_link(hands: Hands) -> None:
    """A linked brand appears in `pkg list-linked`, the other does not."""
    linked = hands.site.links(hands.options.brand)
    if hands.dry:
        hands.runner.planned(pkg.LIST_LINKED)
        return
    try:
        there = pkg.child_name(hands.zone.name) in pkg.children(hands.runner)
    except CommandError as exc:
        raise StepFailed(Diagnosis("probe-failed", str(exc), "Look at pkg, then run again.")) from None
    if there != linked:
        raise StepFailed(
            Diagnosis(
                "not-linked" if linked else "still-linked",
                f"Zone {hands.zone.name} has brand {hands.options.brand}, but `pkg list-linked` "
                f"{'does not show' if linked else 'shows'} it as a child.",
                "`pkg list-linked` and `zoneadm list -cp` must agree; see that the global zone has system/zones.",
            )
        )
    if not hands.audit:
        hands.audit = "not-linked"


def _note_left_behind(hands: Hands) -> None:
    """Say what attach has not brought, while the zone is still down and its image at rest."""
    if hands.dry:
        return
    remedy = brand_switch.update_remedy(hands.zone, hands.site.links(hands.options.brand))
    image = _image(hands)
    try:
        found = brand_switch.left_behind(image.installed(), image.known(), hands.site.global_installed, remedy)
    except ImageError as exc:
        raise StepFailed(Diagnosis("image-unreadable", str(exc), "Look at the zone's root.")) from None
    hands.left_behind = found


def _run_state(hands: Hands) -> None:
    """Boot, or leave down, as the options and the state before the first run want."""
    wanted_up = wants_running(hands)
    if wanted_up and hands.state != states.RUNNING:
        hands.enter("boot")
        hands.boot()
    elif not wanted_up and hands.state == states.RUNNING:
        # It was not running before the first run; a reboot of the host has booted it since.
        hands.enter("halt")
        hands.change(zoneadm.shutdown(hands.zone.name), f"Shutting down zone {hands.zone.name}")
        hands.expect(f"Shutting down zone {hands.zone.name}", states.INSTALLED)
    if hands.state == states.RUNNING:
        hands.enter("service", has_run=True)
        hands.wait_for_service()


def wants_running(hands: Hands) -> bool:
    """Tell whether the zone is to run at the end."""
    if hands.options.boot == "restore":
        return hands.journal.started_state == states.RUNNING
    return hands.options.boot == "always"
