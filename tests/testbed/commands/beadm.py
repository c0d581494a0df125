"""beadm(8): arguments and texts (zone-tools.md, 6.1 and 6.2); what it does is in testbed.boot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from testbed import boot, options, zfs
from testbed.boot import BootEnvironment
from testbed.command import Context
from testbed.commands.zfs import human
from testbed.options import Usage

_USAGE = "usage:\n\tbeadm subcommand cmd_options\n"


def main(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 usage, else a libbe error number cut to 8 bits."""
    subcommand, rest = (args[0], args[1:]) if args else ("list", [])
    action = SUBCOMMANDS.get(subcommand)
    if action is None:
        ctx.err(f"Invalid command: {subcommand}\n{_USAGE}")
        return 1
    try:
        return action(ctx, rest)
    except Usage as usage:
        ctx.err(f"{usage}\n{_USAGE}")
        return 1
    except boot.Error as error:
        ctx.err(f"{error}\n")
        return error.rc
    except zfs.Error as error:
        ctx.err(f"Unable to {subcommand}.\n{error}\n")
        return 1


def _names(found: options.Options, least: int, most: int) -> list[str]:
    if not least <= len(found.rest) <= most:
        raise Usage("Invalid number of arguments")
    return found.rest


# -- list ------------------------------------------------------------------------------------------------------------


def list_(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "aHds", "k:K:")
    for letter in "ds":
        if "a" in found and letter in found:
            raise Usage(f"Invalid options: -a and -{letter} are mutually exclusive.")
    wanted = _names(found, 0, 1)
    bes = boot.listed(ctx.host)
    if not bes:
        ctx.err("No boot environments found on this system.\n")
        return 163
    if wanted:
        bes = [boot.require(ctx.host, wanted[0])]
    for letter, key in found.ordered("kK"):
        keys: dict[str, Callable[[BootEnvironment], tuple[int, str]]] = {
            "date": lambda be: (be.created, ""),
            "name": lambda be: (0, be.name),
            "space": lambda be: (be.space, ""),
        }
        if key not in keys:
            raise Usage(f"Invalid sort type: {key}")
        bes.sort(key=keys[key], reverse=letter == "K")
    datasets, snaps = "d" in found or "a" in found, "s" in found or "a" in found
    if "H" in found:
        for be in bes:
            ctx.out("".join(f"{';'.join(line)}\n" for line in _fields(ctx, be, datasets, snaps)))
    else:
        _table(ctx, bes, datasets, snaps)
    return 0


def _fields(ctx: Context, be: BootEnvironment, datasets: bool, snaps: bool) -> list[list[str]]:
    tail = [be.policy, str(be.created)]
    if not datasets and not snaps:
        return [[be.name, be.uuid, be.active, be.mounted or "", str(be.space), *tail]]
    lines = []
    if datasets:
        lines.append([be.name, be.dataset, be.active, be.mounted or "", str(be.space), *tail])
    for snap in zfs.snapshots(ctx.host, be.dataset) if snaps else []:
        created = zfs.get(ctx.host, snap.name, "creation")[0]
        if datasets:
            lines.append([be.name, snap.name, "", "", "0", be.policy, created])
        else:
            lines.append([be.name, snap.name.split("@")[1], "0", be.policy, created])
    return lines


def _table(ctx: Context, bes: Sequence[BootEnvironment], datasets: bool, snaps: bool) -> None:
    title = "/".join(word for word, on in (("BE", True), ("Dataset", datasets), ("Snapshot", snaps)) if on)
    rows = [[title, "Active", "Mountpoint", "Space", "Policy", "Created"]]
    for be in bes:
        facts = [be.active or "-", be.mounted or "-", human(be.space), be.policy, _stamp(be.created)]
        rows.append([be.name, *facts] if not datasets and not snaps else [be.name, *[""] * 5])
        if datasets:
            rows.append(["   " + be.dataset, *facts])
        for snap in zfs.snapshots(ctx.host, be.dataset) if snaps else []:
            created = _stamp(int(zfs.get(ctx.host, snap.name, "creation")[0]))
            rows.append(
                ["   " + (snap.name if datasets else snap.name.split("@")[1]), "-", "-", "0", be.policy, created]
            )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        ctx.out(" ".join(cells).rstrip() + "\n")


def _stamp(epoch: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(epoch))


# -- the rest --------------------------------------------------------------------------------------------------------


def create(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "atv", "d:e:o:p:")
    wanted = _names(found, 0, 1)
    name = wanted[0] if wanted else boot.free_name(ctx.host, ctx.host.state.current_be)
    if "@" in name:
        return _create_snapshot(ctx, name)
    props = dict(pair.split("=", 1) for _, pair in found.ordered("o") if "=" in pair)
    boot.create_be(ctx.host, name, found.value("e") or None, found.value("d") or None, props)
    if not wanted:
        ctx.out(f"Auto named BE: {name}\n")
    if "a" in found or "t" in found:
        boot.activate(ctx.host, name, once="t" in found)
        ctx.out("Activated successfully\n")
    else:
        ctx.out("Created successfully\n")
    return 0


def _create_snapshot(ctx: Context, name: str) -> int:
    be, _, label = name.partition("@")
    dataset = boot.require(ctx.host, be).dataset
    if f"{dataset}@{label}" in ctx.host.state.snapshots:
        ctx.err(f"BE {be} snapshot {label} already exists.\nPlease choose a different snapshot name.\n")
        return 173
    zfs.snapshot(ctx.host, f"{dataset}@{label}")
    ctx.out("Created successfully\n")
    return 0


def activate(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "tTv", "")
    if "T" in found:
        ctx.host.state.once_be = ""
        ctx.host.changed = True
    else:
        boot.activate(ctx.host, _names(found, 1, 1)[0], once="t" in found)
    ctx.out("Activated successfully\n")
    return 0


def destroy(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "fFsv", "")
    name = _names(found, 1, 1)[0]
    if "@" in name:
        be, _, label = name.partition("@")
        zfs.destroy(ctx.host, f"{boot.require(ctx.host, be).dataset}@{label}")
        ctx.out("Destroyed successfully\n")
        return 0
    if "F" not in found:
        ctx.out(f"Are you sure you want to destroy {name}?\nThis action cannot be undone (y/[n]): ")
        if not ctx.stdin().strip().lower().startswith("y"):
            ctx.out(f"{name} has not been destroyed.\n")
            return 0
    boot.destroy_be(ctx.host, name, "f" in found, "s" in found)
    ctx.out("Destroyed successfully\n")
    return 0


def mount(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "v", "s:")
    wanted = _names(found, 1, 2)
    at = wanted[1] if len(wanted) > 1 else None
    if at is not None and not at.startswith("/"):
        raise Usage(f"Invalid mount point {at}. Mount point must start with a /.")
    try:
        where = boot.mount_be(ctx.host, wanted[0], at)
    except boot.Error as error:
        raise boot.Error(str(error), error.rc if error.rc == 180 else 1) from error
    ctx.out(f"Mounted successfully on: '{where}'\n")
    return 0


def unmount(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "fv", "")
    boot.unmount_be(ctx.host, _names(found, 1, 1)[0], "f" in found)
    ctx.out("Unmounted successfully\n")
    return 0


def rename(ctx: Context, args: list[str]) -> int:
    old, new = _names(options.parse(args, "v", ""), 2, 2)
    boot.rename_be(ctx.host, old, new)
    ctx.out("Renamed successfully\n")
    return 0


def rollback(ctx: Context, args: list[str]) -> int:
    wanted = _names(options.parse(args, "v", ""), 1, 2)
    be, label = wanted if len(wanted) == 2 else wanted[0].split("@", 1)
    zfs.rollback(ctx.host, f"{boot.require(ctx.host, be).dataset}@{label}")
    ctx.out("Rolled back successfully\n")
    return 0


SUBCOMMANDS: dict[str, Callable[[Context, list[str]], int]] = {
    "list": list_,
    "create": create,
    "activate": activate,
    "destroy": destroy,
    "mount": mount,
    "unmount": unmount,
    "umount": unmount,
    "rename": rename,
    "rollback": rollback,
}
