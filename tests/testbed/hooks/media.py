"""A new zone BE and what fills it: `attach -d` and the install hook. Never for a zone that has data (finding 7)."""

from __future__ import annotations

import os
from typing import NoReturn

from testbed.hooks.base import ACTIVE, INCOMPLETE, NO_GZBE, NO_MOUNT, PARENTBE, Exit, Hook

DIRECTORIES = ("dev", "devices", "proc", "tmp")
"""What is not copied out of a directory."""


def fail(hook: Hook, text: str) -> NoReturn:
    hook.err(f"ERROR: {text}\n")
    raise Exit(INCOMPLETE)


def create(hook: Hook) -> str:
    """Make the zone's datasets as far as they are not there, a new zone BE in any case, and mount it; returns it."""
    parent = hook.run(["zfs", "list", "-H", "-t", "filesystem", "-o", "name", os.path.dirname(hook.zonepath)])
    own = f"{parent.stdout.strip()}/{os.path.basename(hook.zonepath)}"
    if hook.run(["zfs", "list", "-H", "-t", "filesystem", "-o", "name", own], quiet=True).rc != 0:
        hook.run(["zfs", "create", own])
    gzbe = hook.running_be() or fail(hook, NO_GZBE)
    roots = f"{hook.zonepath_dataset()}/ROOT"
    if hook.run(["zfs", "list", "-H", "-o", "name", roots], quiet=True).rc != 0:
        hook.run(["zfs", "create", "-o", "mountpoint=legacy", "-o", "zoned=on", roots])
    options = ["-o", f"{ACTIVE}=on", "-o", f"{PARENTBE}={gzbe}", "-o", "canmount=noauto"]
    names = (f"{roots}/zbe-{number}" if number else f"{roots}/zbe" for number in range(100))
    zbe = next((name for name in names if hook.run(["zfs", "create", *options, name], quiet=True).rc == 0), "")
    hook.host.mkdir(hook.root)
    if hook.run(["mount", "-F", "zfs", zbe, hook.root]).rc != 0:
        fail(hook, NO_MOUNT)
    return zbe


def fill(hook: Hook, media: str, source: str) -> None:
    """Copy a directory into the zone's root. Archives and ZFS streams are not simulated, and the hook says so."""
    from testbed.hooks.attach import check_sanity

    directory = hook.host.path(source)
    if media != "d" or not directory.is_dir():
        fail(hook, f"'{source}' is no directory; this simulated host installs a zone from a directory only.")
    check_sanity(hook, source)
    parts = sorted(part.name for part in directory.iterdir() if part.name not in DIRECTORIES)
    hook.log("directory")
    hook.log("                Installing: This may take several minutes...")
    hook.log(f'cd "{source}" && find {" ".join(parts)}  -xdev ( -type d -o -type f -o -type l ) -print | ')
    hook.log(f'cpio -pdm "{hook.root}"')
    size = 0
    for part in parts:
        hook.run(["cp", "-rp", f"{source}/{part}", hook.root])
        size += sum(file.lstat().st_size for file in (directory / part).rglob("*"))
    hook.append(f"{size // 512} blocks\n")
