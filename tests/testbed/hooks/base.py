"""What all brand hooks share: their output and logs, the running BE, the zone's datasets, mounts below the zone's root.

Texts, order of the commands and exit codes are those of the recordings of the real scripts (brand-scripts).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import NoReturn

from testbed.command import Context, Result

OK, USAGE, INCOMPLETE, FATAL = 0, 253, 254, 255
"""Exit codes that zoneadm knows (zone-tools 1)."""

PARENTBE, ACTIVE = "org.opensolaris.libbe:parentbe", "org.opensolaris.libbe:active"

NO_GZBE = "unable to determine global zone boot environment."
NO_ACTIVE = "no active dataset."
MULTIPLE_ACTIVE = "multiple active datasets."
NO_MOUNT = "Unable to mount the zone's ZFS dataset."
NOT_ZFS = (
    "the zonepath must be a ZFS dataset.\n"
    "The parent directory of the zonepath must be a ZFS dataset so that the\n"
    "zonepath ZFS dataset can be created properly."
)
STILL_MOUNTED = (
    "Unable to unmount the zone's root ZFS dataset ({0}).\n"
    "Is there a global zone process inside the zone root?\n"
    "The current zone boot environment will remain mounted.\n"
)

OVERLAYS = (("svc", "lib/svc"), ("fm", "usr/lib/fm"))
"""The datasets below the zone BE of a sparse zone and where they lie over what comes from the global zone."""


class Exit(Exception):
    """The hook ends with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Hook:
    """One run of a hook: where its output goes, and the steps that the scripts have in common."""

    def __init__(self, ctx: Context, args: Sequence[str], sparse: bool) -> None:
        self.ctx = ctx
        self.host = ctx.host
        self.args = list(args)
        self.sparse = sparse
        self.zone = ""
        self.zonepath = ""
        self.logfile = ""
        self.stderr_to_log = False
        self.env: dict[str, str] = {}

    @property
    def root(self) -> str:
        return f"{self.zonepath}/root"

    # -- output and logs ---------------------------------------------------------------------------------------------

    def out(self, text: str) -> None:
        self.ctx.out(text)

    def err(self, text: str) -> None:
        if self.stderr_to_log:
            self.append(text)
        else:
            self.ctx.err(text)

    def log(self, text: str) -> None:
        """A stamped line in the log; a newline at the start of the text comes behind the stamp."""
        stamp = time.strftime("%B %e, %Y at %I:%M:%S %p UTC", time.gmtime())
        self.append(f"[{stamp}] {text}\n")

    def error(self, text: str) -> None:
        """To standard error and, stamped, to the log."""
        self.err(f"ERROR: {text}\n")
        self.log(f"ERROR: {text}")

    def fatal(self, text: str, code: int = FATAL) -> NoReturn:
        self.error(text)
        raise Exit(code)

    def append(self, text: str) -> None:
        """Write text to the log as it is."""
        if not self.logfile:
            self.logfile = f"{self.zonepath}/log/zone.log"
        if text:
            self.host.mkdir(os.path.dirname(self.logfile))
            self.host.append(self.logfile, text, mode=0o600)

    # -- commands ----------------------------------------------------------------------------------------------------

    def run(self, argv: Sequence[str], env: dict[str, str] | None = None, quiet: bool = False) -> Result:
        """Run a command; its standard error goes to the hook's, unless the script throws it away (``quiet``)."""
        result = self.ctx.run(argv, {**self.env, **(env or {})})
        if not quiet:
            self.err(result.stderr)
        return result

    def show(self, argv: Sequence[str], env: dict[str, str] | None = None) -> Result:
        """Run a command whose standard output is the hook's, too."""
        result = self.run(argv, env)
        self.out(result.stdout)
        return result

    # -- boot environment and datasets -------------------------------------------------------------------------------

    def running_be(self) -> str:
        """The uuid of the running boot environment, empty if `beadm` shows none."""
        for line in self.run(["beadm", "list", "-H"]).stdout.splitlines():
            fields = line.split(";")
            if "N" in fields[2]:
                return fields[1]
        return ""

    def require_running_be(self) -> str:
        return self.running_be() or self.fatal(NO_GZBE)

    def mounted_dataset(self, path: str) -> str:
        """The dataset whose mountpoint property is ``path`` (the scripts split at blanks), empty if there is none."""
        for line in self.run(["zfs", "list", "-H", "-t", "filesystem", "-o", "name,mountpoint"]).stdout.splitlines():
            fields = line.split()
            if fields[1:] == [path]:
                return fields[0]
        return ""

    def zonepath_dataset(self, path: str | None = None) -> str:
        return self.mounted_dataset(path or self.zonepath) or self.fatal(NOT_ZFS)

    def active_dataset(self, dataset: str, gzbe: str) -> str:
        """The zone BE below ``dataset``/ROOT that belongs to the running BE and is active."""
        columns = f"name,{PARENTBE},{ACTIVE}"
        result = self.run(["zfs", "list", "-H", "-r", "-t", "filesystem", "-o", columns, f"{dataset}/ROOT"])
        found = []
        for line in result.stdout.splitlines():
            name, parent, active = line.split()
            if name.rsplit("/", 2)[1] == "ROOT" and parent == gzbe and active == "on":
                found.append(name)
        if not found:
            self.fatal(NO_ACTIVE)
        if len(found) > 1:
            self.fatal(MULTIPLE_ACTIVE)
        return found[0]

    def find_active_dataset(self, gzbe: str) -> str:
        return self.active_dataset(self.zonepath_dataset(), gzbe)

    # -- mounts ------------------------------------------------------------------------------------------------------

    def zfs_on(self, path: str) -> str:
        """The ZFS file system that is mounted on ``path``, empty if there is none."""
        for line in self.run(["mount", "-p"]).stdout.splitlines():
            fields = line.split()
            if fields[2] == path and fields[3] == "zfs":
                return fields[0]
        return ""

    def is_mounted(self, path: str) -> bool:
        return any(line.split()[2] == path for line in self.run(["mount", "-p"]).stdout.splitlines())

    def unmount(self, path: str) -> bool:
        """Unmount ``path`` if something is mounted there; says whether it is free afterwards."""
        return not self.is_mounted(path) or self.run(["umount", path]).rc == 0

    def unmount_all(self) -> bool:
        """Unmount the overlays of a sparse zone, then the zone's root; says whether the root is free afterwards."""
        if self.sparse:
            for _, place in OVERLAYS:
                self.unmount(f"{self.root}/{place}")
        return self.unmount(self.root)

    def mount_root(self, dataset: str) -> None:
        self.host.mkdir(self.root)
        if self.run(["mount", "-F", "zfs", dataset, self.root]).rc != 0:
            self.fatal(NO_MOUNT)

    def mount_overlays(self, dataset: str) -> None:
        for name, place in OVERLAYS:
            if self.run(["mount", "-F", "zfs", "-O", f"{dataset}/{name}", f"{self.root}/{place}"]).rc != 0:
                self.fatal(NO_MOUNT)
            self.note_in_vfstab(f"{dataset}/{name}", place)

    def note_in_vfstab(self, dataset: str, place: str) -> None:
        """The zone shall see the overlay; a line that is there stays as it is."""
        path = f"{self.root}/etc/vfstab"
        file = self.host.path(path)
        known = file.read_text() if file.exists() else ""
        if not any(line.startswith(f"{dataset} ") for line in known.splitlines()):
            self.host.append(path, f"{dataset} - /{place} zfs - no -\n")


def getopts(hook: Hook, args: Sequence[str], known: str, usage: str) -> tuple[dict[str, str], list[str]]:
    """Options and operands as ksh's getopts takes them. Raises Exit(253) after the usage text."""
    options: dict[str, str] = {}
    rest = list(args)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            place = known.find(letter)
            if place < 0 or letter == ":":
                hook.err(f"{hook.ctx.argv[0]}: -{letter}: unknown option\n{usage}")
                raise Exit(USAGE)
            if known[place + 1 : place + 2] != ":":
                options[letter] = ""
                continue
            if not letters and not rest:
                hook.err(f"{hook.ctx.argv[0]}: -{letter}: argument expected\n{usage}")
                raise Exit(USAGE)
            options[letter], letters = (letters, "") if letters else (rest.pop(0), "")
    return options, rest
