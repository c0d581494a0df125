"""The detach hook: the zone BE becomes an ordinary mounted dataset, the configuration is copied into the zonepath."""

from __future__ import annotations

from testbed.hooks.base import INCOMPLETE, OVERLAYS, STILL_MOUNTED, Exit, Hook, getopts

USAGE_TEXT = "\nbrand-specific usage: detach [-n ].\n"


def detach(hook: Hook) -> None:
    options, _ = getopts(hook, hook.args, "nR:z:", USAGE_TEXT)
    hook.zone, hook.zonepath = options.get("z", ""), options.get("R", "")
    xml = f"/etc/zones/{hook.zone}.xml"
    if "n" in options:
        hook.out(hook.host.path(xml).read_text())
        return
    if not hook.sparse:
        hook.logfile = "/tmp/zone.log"  # the script has no zonepath yet when its log is opened: recording finding 1

    gzbe = hook.require_running_be()
    dataset = hook.find_active_dataset(gzbe)
    if hook.sparse:
        if not hook.unmount_all():
            hook.fatal(STILL_MOUNTED.format(""))
        hook.mount_root(dataset)
        hook.mount_overlays(dataset)

    _set(hook, "zoned=off", dataset)
    _set(hook, "canmount=on", dataset)
    _set(hook, f"mountpoint={hook.root}", dataset)
    if hook.sparse:
        for name, place in OVERLAYS:
            _set(hook, "canmount=on", f"{dataset}/{name}")
            _set(hook, f"mountpoint={hook.root}/{place}", f"{dataset}/{name}")
    elif hook.host.path(f"{hook.root}/var/pkg/linked").exists():
        hook.run(["rm", "-rf", f"{hook.root}/var/pkg/linked"])
    hook.run(["cp", xml, f"{hook.zonepath}/SUNWdetached.xml"])


def _set(hook: Hook, assignment: str, dataset: str) -> None:
    if hook.run(["zfs", "set", assignment, dataset]).rc != 0:
        hook.err(f"ERROR: Failed to configure dataset {dataset}: could not set {assignment}.\n")
        raise Exit(INCOMPLETE)
