"""The clone hook: a snapshot of the source's zone BE becomes the new zone's."""

from __future__ import annotations

import os

from testbed.hooks.base import ACTIVE, OVERLAYS, PARENTBE, USAGE, Exit, Hook, getopts

USAGE_TEXT = "\nbrand-specific usage: clone {sourcezone}\n"


def clone(hook: Hook) -> None:
    options, operands = getopts(hook, hook.args, "R:s:Xz:", USAGE_TEXT)
    if not operands:
        hook.err(USAGE_TEXT)
        raise Exit(USAGE)
    hook.zone, hook.zonepath = options["z"], options["R"]
    gzbe = hook.require_running_be()
    snapshot = _source_snapshot(hook, operands[-1], options.get("s", ""), gzbe)

    parent = hook.zonepath_dataset(os.path.dirname(hook.zonepath))
    own = f"{parent}/{os.path.basename(hook.zonepath)}"
    hook.run(["zfs", "create", own])
    hook.run(["zfs", "create", "-o", "mountpoint=legacy", "-o", "zoned=on", f"{own}/ROOT"])
    source, _, name = snapshot.partition("@")
    if not name:
        name = _new_snapshot(hook, source)
    zbe = f"{own}/ROOT/zbe"
    overlays = [f"/{overlay}" for overlay, _ in OVERLAYS] if hook.sparse else []
    for below in ["", *overlays]:
        if hook.run(["zfs", "clone", f"{source}{below}@{name}", f"{zbe}{below}"]).rc != 0:
            hook.fatal("Unable to clone the source zone's dataset.")
    for assignment in (f"{ACTIVE}=on", f"{PARENTBE}={gzbe}", "canmount=noauto"):
        if hook.run(["zfs", "set", assignment, zbe]).rc != 0:
            hook.fatal(f"Failed to configure dataset {zbe}: could not set {assignment}.")
    for below in overlays:
        hook.run(["zfs", "set", "canmount=noauto", f"{zbe}{below}"])
    hook.host.mkdir(hook.root)
    hook.host.path(hook.zonepath).chmod(0o700)
    _unconfigure(hook, skip="X" in options)


def _source_snapshot(hook: Hook, zone: str, snapshot: str, gzbe: str) -> str:
    """The source's active dataset, with ``@snapshot`` if one was asked for and is there."""
    fields = hook.run(["zoneadm", "-z", zone, "list", "-p"]).stdout.split(":")
    if len(fields) < 4:
        hook.fatal("Error: unable to determine source zone dataset.")
    dataset = hook.active_dataset(hook.zonepath_dataset(fields[3]), gzbe)
    if not snapshot:
        return dataset
    if hook.run(["zfs", "list", "-H", f"{dataset}@{snapshot}"]).rc != 0:
        hook.fatal("Error: specified snapshot is invalid for this source zone.")
    return f"{dataset}@{snapshot}"


def _new_snapshot(hook: Hook, dataset: str) -> str:
    """Take a snapshot for the new zone under the first free name; returns that."""
    recursive = ["-r"] if hook.sparse else []
    names = (f"{hook.zone}_snap{number or ''}" for number in range(100))
    free = (name for name in names if hook.run(["zfs", "snapshot", *recursive, f"{dataset}@{name}"]).rc == 0)
    return next(free, "") or hook.fatal("Unable to snapshot the source zone's dataset.")


def _unconfigure(hook: Hook, skip: bool) -> None:
    """Mount the new zone and take the source's identity out of it; with -X it stays mounted (recording clone-X)."""
    hook.run(["zoneadm", "-z", hook.zone, "list", "-p"])
    if hook.run(["zoneadm", "-z", hook.zone, "mount", "-f"]).rc != 0:
        hook.fatal("Could not mount zone for unconfiguration.")
    if skip:
        return
    hook.run(["zoneadm", "list", "-pc"])
    program = "/usr/lib/brand/ipkg/system-unconfigure"
    if hook.run(["zlogin", "-S", hook.zone, program, "-R", "/a"]).rc != 0:
        hook.fatal("System unconfiguration failed.")
    hook.run(["zoneadm", "-z", hook.zone, "unmount"])
