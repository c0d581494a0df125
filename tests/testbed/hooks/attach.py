"""The attach hook: takes the dataset mounted on the zone's root back as zone BE, checks and updates its software."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import NoReturn

from testbed import faults
from testbed.hooks.base import (
    ACTIVE,
    INCOMPLETE,
    NO_ACTIVE,
    NO_GZBE,
    NOT_ZFS,
    OK,
    OVERLAYS,
    PARENTBE,
    USAGE,
    Exit,
    Hook,
    getopts,
)

USAGE_TEXT = """
brand-specific usage: attach [-a archive] [-d dataset] [-n] [-r zfs-recv] [-u]
	The -a archive option specifies a tar file or cpio archive.
	The -d dataset option specifies an existing dataset.
	The -r zfs-recv option receives the output of a 'zfs send' command
	of an existing zone root dataset.
	The -u option indicates that the software should be updated to match
	the current host.
"""
FAILED = "                    Result: Attach Failed."
SUCCEEDED = "                    Result: Attach Succeeded."
RENAMED = (
    "runtime/python-26",
    "system/library/gcc-5-runtime",
    "system/library/g++-5-runtime",
    "system/library/gcc-6-runtime",
    "system/library/g++-6-runtime",
)
"""Packages that were renamed; updated by name where the zone has them. sparse knows of the first only."""


@dataclass
class Attach:
    """What the script knows while it runs; its exit trap works from this, too."""

    hook: Hook
    update: bool = False
    media: str = "-"
    """Option letter of the source (a, d, r), `-`: what is mounted on the zone's root."""
    source: str = ""
    dataset: str = ""
    code: int = USAGE

    def fail(self, text: str) -> NoReturn:
        self.hook.fatal(text, self.code)


def attach(hook: Hook) -> None:
    """Run the hook with its exit trap, which also runs after SIGTERM and SIGINT, but not after SIGKILL."""
    hook.zone, hook.zonepath = hook.args[0], hook.args[1]
    script = Attach(hook)
    try:
        _body(script)
        script.code = OK
    except Exit:
        pass  # whatever the code was, the exit trap ends with the script's own: 253 before the checks, 254 after
    except faults.Killed as killed:
        if killed.target != "hook" or killed.signal == signal.SIGKILL:
            raise
    if script.code != OK:
        _on_failure(script)
    raise Exit(script.code)


def _body(script: Attach) -> None:
    hook = script.hook
    options, _ = getopts(hook, hook.args[2:], "a:d:nr:u", USAGE_TEXT)
    script.update = "u" in options
    for letter in "adr":
        if letter in options:
            if script.media != "-":
                script.fail("")
            script.media, script.source = letter, options[letter]
    if "n" in options:
        hook.run(["zoneadm", "-z", hook.zone, "list", "-p"])
        return

    hook.logfile = f"/var/tmp/{hook.zone}.attach_log.{_random()}"
    hook.log(f"Log File: {hook.logfile}")
    hook.stderr_to_log = True
    parent = hook.mounted_dataset(os.path.dirname(hook.zonepath))
    if not parent:
        script.fail(NOT_ZFS)
    if parent.split("/")[1:2] == ["ROOT"]:
        script.fail("Installing a zone inside of the root pool's 'ROOT' dataset is unsupported.")
    script.code = INCOMPLETE

    if script.media == "-":
        _take_mounted(script)
    else:
        from testbed.hooks import media

        media.create(script.hook)
    hook.log(f"               Attach Path: {hook.root}")
    hook.log(f"        Attach ZFS Dataset: {script.dataset}\n")
    _install(script)
    _check_variant(script)
    _software(script)
    hook.run(["zoneadm", "-z", hook.zone, "list", "-p"])


def _random() -> str:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(letters[byte % len(letters)] for byte in os.urandom(6))


# -- datasets --------------------------------------------------------------------------------------------------------


def _take_mounted(script: Attach) -> None:
    hook = script.hook
    script.dataset = hook.zfs_on(hook.root)
    if not script.dataset:
        script.fail(f"Failed to locate any dataset mounted at {hook.root}.  Attach requires a mounted dataset.")
    roots = f"{hook.mounted_dataset(hook.zonepath) or script.fail(NOT_ZFS)}/ROOT"
    if hook.run(["zfs", "list", "-H", "-t", "filesystem", "-o", "name", roots], quiet=True).rc != 0:
        script.fail(NO_ACTIVE)
    _configure(script, ["set", "zoned=off"], roots)
    if hook.sparse:
        _take_overlays(script)
    _configure(script, ["set", "mountpoint=legacy"], roots)
    _configure(script, ["set", "zoned=on"], roots)
    gzbe = hook.running_be() or script.fail(NO_GZBE)
    for words in (
        ["set", f"{PARENTBE}={gzbe}"],
        ["set", f"{ACTIVE}=on"],
        ["set", "canmount=noauto"],
        ["set", "zoned=off"],
        ["inherit", "mountpoint"],
        ["inherit", "zoned"],
    ):
        _configure(script, words, script.dataset)
    if hook.sparse:
        hook.unmount_all()
        hook.mount_root(script.dataset)
        hook.mount_overlays(script.dataset)
    elif hook.zfs_on(hook.root) != script.dataset:
        hook.mount_root(script.dataset)


def _take_overlays(script: Attach) -> None:
    for name, place in OVERLAYS:
        overlay = f"{script.dataset}/{name}"
        found = script.hook.run(["zfs", "list", "-H", "-t", "filesystem", "-o", "name", overlay], quiet=True)
        if found.rc != 0:
            script.fail(f"{NO_ACTIVE} ({place})")
        _configure(script, ["set", "canmount=noauto"], overlay)
        _configure(script, ["inherit", "mountpoint"], overlay)


def _configure(script: Attach, words: list[str], dataset: str) -> None:
    if script.hook.run(["zfs", *words, dataset]).rc != 0:
        script.fail(_not_set(words, dataset))


def _not_set(words: list[str], dataset: str) -> str:
    what = words[1] if words[0] == "set" else f"'{' '.join(words)}'"
    return f"Failed to configure dataset {dataset}: could not set {what}."


def _on_failure(script: Attach) -> None:
    """The exit trap: puts the dataset back as detach left it; with -a, -d or -r it destroys the zone (finding 7)."""
    hook = script.hook
    if script.media != "-":
        busy = hook.host.state.busy
        busy.append(hook.logfile)  # open in this script: the zonepath's dataset cannot be unmounted if it lies there
        try:
            result = hook.ctx.run([hook.ctx.argv[0].replace("attach", "uninstall"), hook.zone, hook.zonepath, "-F"])
        finally:
            busy.remove(hook.logfile)
        hook.out(result.stdout)
        hook.append(result.stderr)
    elif script.dataset:
        for assignment in ("zoned=off", "canmount=on", f"mountpoint={hook.root}"):
            if hook.run(["zfs", "set", assignment, script.dataset]).rc != 0:
                hook.error(_not_set(["set", assignment], script.dataset))
    hook.log(FAILED)


# -- contents --------------------------------------------------------------------------------------------------------


def _install(script: Attach) -> None:
    """Mount the zone's file systems, take the data in, check that it looks like a system."""
    hook = script.hook
    mounted = _mount_filesystems(hook)
    if script.media == "-":
        hook.log("existing")
        hook.log("                Installing: Using pre-existing data in zonepath")
    else:
        from testbed.hooks import media

        media.fill(script.hook, script.media, script.source)
    for place in reversed(mounted):
        hook.run(["umount", place])
    hook.host.path(hook.zonepath).chmod(0o700)
    check_sanity(hook, hook.root)


def _mount_filesystems(hook: Hook) -> list[str]:
    """Mount the file systems of the configuration below the zone's root; returns where."""
    mounted = []
    fs: dict[str, str] = {}
    for line in hook.run(["zonecfg", "-z", hook.zone, "info", "fs"]).stdout.splitlines():
        key, _, value = line.strip().partition(": ")
        fs[key] = value
        if key == "options":
            place = f"{hook.root}{fs['dir']}"
            hook.host.mkdir(place)
            options = ["-o", value.strip("[]")] if value.strip("[]") else []
            hook.run(["mount", "-F", fs["type"], *options, fs["special"], place])
            mounted.append(place)
    return mounted


def check_sanity(hook: Hook, root: str) -> None:
    """The directories and the pkg command that every system has. Raises Exit(254)."""
    missing = [part for part in ("etc", "etc/svc", "var", "var/svc") if not hook.host.path(f"{root}/{part}").exists()]
    if missing:
        for part in missing:
            hook.log(f"Missing {part} at {root}")
        hook.log("Is this a sparse zone image?  The image must be whole-root.")
    elif not os.access(hook.host.path(f"{root}/usr/bin/pkg"), os.X_OK):
        hook.log(f"Missing usr/bin/pkg at {root}")
    else:
        hook.log("  Sanity Check: Passed.  Looks like an OpenSolaris system.")
        return
    hook.log("  Sanity Check: FAILED (see log for details).")
    hook.fatal("        Result: *** Installation FAILED ***", INCOMPLETE)


def _check_variant(script: Attach) -> None:
    hook = script.hook
    argv = ["pkg", "-R", hook.root, "variant", "-H", "variant.opensolaris.zone"]
    variant = (hook.run(argv, {"PKG_IMAGE": "/"}).stdout.split() or [""])[-1]
    if variant == "global":
        script.fail("  Sanity Check: FAILED, appears to be a global zone (variant.opensolaris.zone=global).")
    if variant != "nonglobal":
        script.fail("  Sanity Check: FAILED, couldn't determine variant.opensolaris.zone from image.")


# -- software --------------------------------------------------------------------------------------------------------


def _software(script: Attach) -> None:
    hook = script.hook
    wanted = []
    gz_entire = installed_version(hook, "entire", "/")
    if gz_entire:
        hook.log(f"       Global zone version: entire@{gz_entire}")
        wanted.append(f"entire@{gz_entire}")
    else:
        wanted += _held_packages(hook)
    zone_entire = installed_version(hook, "entire", hook.root)
    if zone_entire:
        hook.log(f"   Non-Global zone version: entire@{zone_entire}")

    hook.env["PKG_IMAGE"] = hook.root
    hook.env["PKG_AUTOINSTALL"] = "1"
    for stem in RENAMED[:1] if hook.sparse else RENAMED:
        if hook.run(["pkg", "list", "-q", f"pkg://omnios/{stem}"], quiet=True).rc == 0:
            wanted.append(f"pkg://omnios/{stem}")

    hook.log("                     Cache: Using /var/pkg/publisher.")
    hook.env["PKG_CACHEROOT"] = "/var/pkg/publisher"
    hook.log("  Updating non-global zone: Output follows")
    hook.show(["pkg", "copy-publishers-from", "/"])
    if script.update:
        _update(script, wanted, bool(gz_entire), bool(zone_entire))
    elif not gz_entire and zone_entire:
        _out_of_sync(script)
    elif _pkg_install(hook, ["-n", *wanted]) == 4:
        hook.log(f"\n{SUCCEEDED}")
    else:
        _out_of_sync(script)


def installed_version(hook: Hook, stem: str, image: str) -> str:
    """Version and time stamp of an installed package as `pkg info` prints them behind the `@`, empty if not there."""
    result = hook.run(["pkg", "info", f"pkg:/{stem}"], {"PKG_IMAGE": image}, quiet=True)
    fmri = next((line for line in result.stdout.splitlines() if "FMRI" in line), "")
    return fmri.partition("@")[2].strip()


def _held_packages(hook: Hook) -> list[str]:
    """The global zone's packages with an install hold core-os, for a global zone without `entire`."""
    search = ["pkg", "search", "-Hl", "-o", "pkg.name", ":pkg.depend.install-hold:core-os*"]
    stems = hook.run(search, {"PKG_IMAGE": "/"}).stdout.split()
    return [f"{stem}@{installed_version(hook, stem, '/')}" for stem in stems]


def _update(script: Attach, wanted: list[str], gz_entire: bool, zone_entire: bool) -> None:
    hook = script.hook
    if zone_entire and not gz_entire:
        hook.log("Uninstalling entire from NGZ to allow update.")
        hook.show(["pkg", "uninstall", "entire"])
    if gz_entire and not zone_entire and _pkg_install(hook, ["entire"]) not in (0, 4):
        script.fail("Could not update attaching zone")
    if _pkg_install(hook, wanted) not in (0, 4):
        script.fail("Could not update attaching zone")
    hook.log("\n  Updating non-global zone: Zone updated.")
    hook.log(SUCCEEDED)


def _pkg_install(hook: Hook, operands: list[str]) -> int:
    argv = ["install", "--accept", "--no-refresh", *operands]
    if not hook.sparse:
        hook.err(f"PKG: {' '.join(argv)}\n")
    return hook.show(["pkg", *argv]).rc


def _out_of_sync(script: Attach) -> NoReturn:
    script.hook.log(
        f"\n                Evaluation: Packages in zone {script.hook.zone} are out of sync with the global zone."
        " To proceed, retry with the -u flag."
    )
    raise Exit(script.code)
