"""Commands that only the brand hooks run here: parts of the host that no module under test deals with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from testbed import zfs
from testbed.command import Context


def rm(ctx: Context, args: list[str]) -> int:
    """`rm -f`, `rm -rf`: empties a mounted file system, but cannot remove its mount point."""
    rc = 0
    for name in args[1:]:
        if _remove(ctx, name):
            continue
        ctx.err(f"rm: cannot remove '{name}': Device or resource busy\n")
        rc = 1
    return rc


def _remove(ctx: Context, name: str) -> bool:
    held = [dataset.mounted for dataset in zfs.mounts(ctx.host) if dataset.mounted and _below(dataset.mounted, name)]
    path = ctx.host.path(name)
    if not held or not path.is_dir():
        ctx.host.remove(name)
        return True
    for child in sorted(path.iterdir()):
        _remove(ctx, f"{name}/{child.name}")
    if name not in held:
        return not any(path.iterdir()) and _rmdir(ctx, path)
    return False


def _below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory}/")


def rmdir(ctx: Context, args: list[str]) -> int:
    path = ctx.host.path(args[0])
    busy = zfs.dataset_at(ctx.host, args[0]) is not None
    if busy or not path.is_dir() or not _rmdir(ctx, path):
        ctx.err(f"rmdir: failed to remove '{args[0]}'\n")
        return 1
    return 0


def _rmdir(ctx: Context, path: Path) -> bool:
    try:
        path.rmdir()
    except OSError:
        return False
    ctx.host.changed = True
    return True


def cp(ctx: Context, args: list[str]) -> int:
    """`cp FILE TARGET`, `cp -rp DIRECTORY|FILE INTO`."""
    source, target = (ctx.host.path(name) for name in args[-2:])
    if not source.exists():
        ctx.err(f"cp: cannot stat '{args[-2]}': No such file or directory\n")
        return 1
    if source.is_dir():
        shutil.copytree(source, target / source.name, symlinks=True)
    elif target.is_dir():
        shutil.copy2(source, target / source.name)
    else:
        shutil.copyfile(source, target)
        target.chmod(source.stat().st_mode)
    ctx.host.changed = True
    return 0


def unconfigure(ctx: Context, args: list[str]) -> int:
    """`system-unconfigure -R ROOT`: takes host keys and node name out of a cloned zone; ROOT is a path of the host."""
    root = args[args.index("-R") + 1]
    keys = ctx.host.path(f"{root}/etc/ssh").glob("ssh_host_*")
    for path in [*keys, ctx.host.path(f"{root}/etc/nodename")]:
        if path.exists():
            os.unlink(path)
            ctx.host.changed = True
    return 0


# -- network ---------------------------------------------------------------------------------------------------------


def dladm(ctx: Context, args: list[str]) -> int:
    """show-vnic, create-vnic, delete-vnic; the host's own link is igb0."""
    name, vnics = args[-1], ctx.host.state.vnics
    if args[0] == "create-vnic":
        if name in vnics:
            ctx.err(f"dladm: vnic creation over {args[2]} failed: object already exists\n")
            return 1
        vnics.append(name)
        ctx.host.changed = True
        return 0
    if name not in vnics:
        ctx.err(f"dladm: invalid vnic name '{name}': object not found\n")
        return 1
    if args[0] == "delete-vnic":
        vnics.remove(name)
        ctx.host.changed = True
    elif "MACADDRESS" in args:
        ctx.out("2:8:20:1d:a4:9c\n")
    else:
        ctx.out(f"{name}\n")
    return 0


def route(ctx: Context, args: list[str]) -> int:
    """`route -n get ADDRESS`: everything is reached over igb0."""
    ctx.out("  interface: igb0\n")
    return 0
