"""mount(8) and umount(8) for zfs and lofs: arguments and texts."""

from __future__ import annotations

from testbed import options, zfs
from testbed.command import Context
from testbed.options import Usage
from testbed.state import Dataset

_ALWAYS = ["/devices - /devices devfs - no rw", "swap - /tmp tmpfs - no rw,xattr"]
_ON_OFF = (
    ("devices", "devices"),
    ("setuid", "setuid"),
    ("", "nbmand"),
    ("exec", "exec"),
    ("xattr", "xattr"),
    ("atime", "atime"),
)
"""(property, mount option) in the order in which zfs shows them; nbmand is always off here."""


def mount(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 error, 2 usage."""
    try:
        found = options.parse(args, "aOmpqrv", "F:o:g:")
    except Usage as usage:
        ctx.err(f"mount: {usage}\nusage:\tmount [-F FSType] [-o FSType-options] [-O] special mount_point\n")
        return 2
    if not found.rest:
        _show(ctx, "p" in found)
        return 0
    words = [word for _, given in found.ordered("o") for word in given.split(",") if word]
    if "r" in found:
        words.append("ro")
    if len(found.rest) != 2 or found.value("F") not in ("zfs", "lofs"):
        ctx.err("mount: this simulated host mounts with -F zfs|lofs, what and where only\n")
        return 1
    special, at = found.rest
    try:
        if found.value("F") == "lofs":
            zfs.mount_lofs(ctx.host, special, at, words, "O" in found)
        else:
            zfs.mount(ctx.host, special, at, words, "O" in found)
    except zfs.Error as error:
        ctx.err(f"{error}\n")
        return 1
    return 0


def mount_options(ctx: Context, dataset: Dataset) -> list[str]:
    """Options as mnttab shows them: the properties, and over them what was given when it was mounted."""
    given = dataset.mount_options
    readonly = zfs.get(ctx.host, dataset.name, "readonly")[0] == "on"
    shown = ["ro" if "ro" in given or (readonly and "rw" not in given) else "rw"]
    for prop, option in _ON_OFF:
        on = bool(prop) and zfs.get(ctx.host, dataset.name, prop)[0] == "on"
        if option in given or (option in ("devices", "setuid") and "suid" in given):
            on = True
        if f"no{option}" in given or (option in ("devices", "setuid") and "nosuid" in given):
            on = False
        shown.append(option if on else f"no{option}")
    return shown


def _show(ctx: Context, fstab_form: bool) -> None:
    entries = [
        (dataset.mount_number, dataset.name, dataset.mounted or "", "zfs", mount_options(ctx, dataset))
        for dataset in zfs.mounts(ctx.host)
    ]
    entries += [(loop.number, loop.special, at, "lofs", loop.options) for at, loop in ctx.host.state.lofs.items()]
    lines = []
    for _, special, at, kind, words in sorted(entries, key=lambda entry: (entry[2] != "/", entry[0])):
        if fstab_form:
            lines.append(f"{special} - {at} {kind} - no {','.join(words)}")
        else:
            access = "read only" if "ro" in words else "read/write"
            lines.append(f"{at} on {special} {'/'.join([access, *words[1:]])} on Fri May  2 12:32:00 2025")
    if fstab_form:
        behind_root = 1 if lines and lines[0].split(" ")[2] == "/" else 0
        lines[behind_root:behind_root] = _ALWAYS
    ctx.out("".join(line + "\n" for line in lines))


def umount(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 error, 2 usage."""
    try:
        found = options.parse(args, "f", "F:o:")
    except Usage as usage:
        ctx.err(f"umount: {usage}\nusage:\tumount [-f] {{special | mount-point}}\n")
        return 2
    rc = 0
    for given in found.rest:
        rc = max(rc, _unmount(ctx, given, "f" in found))
    return rc


def _unmount(ctx: Context, given: str, force: bool) -> int:
    path = given.rstrip("/") or "/"
    if path in ctx.host.state.lofs:
        if any(each == path or each.startswith(path + "/") for each in ctx.host.state.busy) and not force:
            ctx.err(f"umount: {path} busy\n")
            return 1
        zfs.unmount_lofs(ctx.host, path)
        return 0
    dataset = zfs.dataset_at(ctx.host, path) or ctx.host.state.datasets.get(given)
    if dataset is None or dataset.mounted is None:
        ctx.err(f"umount: warning: {given} not in mnttab\numount: {given} not mounted\n")
        return 1
    try:
        zfs.unmount_one(ctx.host, dataset, force)
    except zfs.Error as error:
        ctx.err(f"{error}\n")
        return 1
    return 0
