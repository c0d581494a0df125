"""The uninstall hook: destroys the zone BEs of the running BE, and what is left of the zonepath if nothing else is."""

from __future__ import annotations

from typing import NoReturn

from testbed.hooks.base import FATAL, OVERLAYS, PARENTBE, USAGE, Exit, Hook


def uninstall(hook: Hook) -> None:
    hook.zone, hook.zonepath = hook.args[0], hook.args[1]
    flags = _flags(hook)
    gzbe = hook.running_be()
    if not gzbe:
        hook.out("unable to determine global zone boot environment.\n")
    script = Uninstall(hook, dry="n" in flags, verbose="v" in flags)
    dataset = script.zonepath_dataset()
    if dataset:
        script.destroy_all(dataset, gzbe)
    script.clean()
    if script.dry:
        raise Exit(FATAL)  # recording uninstall-n: rmdir's code, the directory is still there


def _flags(hook: Hook) -> str:
    flags = ""
    for word in hook.args[2:]:
        for letter in word.lstrip("-"):
            if letter not in "FHnv" or not word.startswith("-"):
                hook.err(f"{hook.ctx.argv[0]}: -{letter}: unknown option\n")
                hook.err("Error: invalid usage\nUsage: uninstall: [-hFn]\n")
                raise Exit(USAGE)
            flags += letter
    return flags


class Uninstall:
    def __init__(self, hook: Hook, dry: bool, verbose: bool) -> None:
        self.hook = hook
        self.dry = dry
        self.verbose = verbose

    def fail(self, text: str) -> NoReturn:
        self.hook.err(f"Error: {text}\n")
        raise Exit(FATAL)

    def zonepath_dataset(self) -> str:
        result = self.hook.run(["zfs", "list", "-t", "filesystem", "-o", "name,mountpoint"])
        rows = [line.split() for line in result.stdout.splitlines()]
        return next((row[0] for row in rows if row[1:] == [self.hook.zonepath]), "")

    def destroy_all(self, dataset: str, gzbe: str) -> None:
        roots = f"{dataset}/ROOT"
        if self.hook.run(["zfs", "list", "-H", "-t", "filesystem", "-o", "name", roots], quiet=True).rc != 0:
            return
        if gzbe:
            found = self.of_running_be(roots, gzbe)
            if self.hook.sparse and len(found) != 1:
                self.fail(f"Found {len(found)} top-level filesystems.")
            for zbe in found:
                self.destroy_zbe(zbe)
        for name in (roots, dataset):
            below = self.hook.run(["zfs", "list", "-H", "-t", "filesystem", "-r", name], quiet=True).stdout
            if len(below.splitlines()) == 1:
                self.destroy(name)

    def of_running_be(self, roots: str, gzbe: str) -> list[str]:
        """The zone BEs of the running BE: direct children of ROOT, not what lies below them."""
        result = self.hook.run(["zfs", "list", "-H", "-t", "filesystem", "-o", f"{PARENTBE},name", "-r", roots])
        rows = [line.split("\t") for line in result.stdout.splitlines()]
        return [name for parent, name in rows if parent == gzbe and name.count("/") == roots.count("/") + 1]

    def destroy_zbe(self, zbe: str) -> None:
        if self.hook.sparse:
            for overlay in [f"{zbe}/{name}" for name, _ in OVERLAYS]:
                if self.snapshots(overlay, "-s", "creation"):
                    self.promote_clone(overlay)
        if self.snapshots(zbe):
            self.promote_clone(zbe)
        self.destroy(zbe)

    def promote_clone(self, dataset: str) -> None:
        """Give the snapshots of ``dataset`` to the clone that needs the newest of them."""
        columns = ["-s", "creation", "-o", "name,origin", "-r", dataset.partition("/")[0]]
        rows = self.hook.run(["zfs", "list", "-H", "-t", "filesystem", *columns]).stdout.splitlines()
        clones = {origin: name for name, origin in (row.split("\t") for row in rows)}
        snapshots = self.snapshots(dataset, "-s", "creation")
        clone = next((clones[name] for name in reversed(snapshots) if name in clones), None)
        if clone is None:
            return
        self.say(f"promoting '{clone}'.", always=True)
        if self.act(["zfs", "promote", clone]) != 0:
            self.fail("promoting ZFS dataset.")

    def snapshots(self, dataset: str, *order: str) -> list[str]:
        argv = ["zfs", "list", "-H", "-t", "snapshot", *order, "-o", "name", "-r", dataset]
        return [line for line in self.hook.run(argv).stdout.splitlines() if line.startswith(f"{dataset}@")]

    def destroy(self, dataset: str) -> None:
        """Destroy a dataset, then the snapshot that it was a clone of."""
        origin = self.hook.run(["zfs", "get", "-H", "-o", "value", "origin", dataset]).stdout.strip()
        self.say(f"destroying '{dataset}'.")
        if self.act(["zfs", "destroy", "-r", dataset]) != 0:
            self.fail("destroying ZFS dataset.")
        if "@" in origin:
            self.say(f"destroying '{origin}'.")
            self.act(["zfs", "destroy", origin], quiet=True)  # other clones may need it: no error

    def clean(self) -> None:
        """Remove what zoneadm and the scripts leave in the zonepath."""
        path = self.hook.zonepath
        self.say(f"deleting '{path}/SUNWattached.xml'.")
        self.act(["rm", "-f", f"{path}/SUNWattached.xml"])
        for name in ("lu", "dev", "root"):
            self.say(f"recursively deleting '{path}/{name}'.")
            self.act(["rm", "-rf", f"{path}/{name}"])
        self.say(f"deleting '{path}'.")
        self.act(["rmdir", path], quiet=True)

    def say(self, text: str, always: bool = False) -> None:
        if self.verbose or always:
            self.hook.out(f"{text}\n")

    def act(self, argv: list[str], quiet: bool = False) -> int:
        """Run a changing command, or print it in a dry run."""
        if self.dry:
            place = "/sbin" if argv[0] == "zfs" else "/bin"
            self.hook.out(f"{place}/{' '.join(argv)}\n")
            return 0
        return self.hook.run(argv, quiet=quiet).rc
