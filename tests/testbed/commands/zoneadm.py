"""zoneadm(8): the state of zones. It checks and says what zone-tools 1 to 3 have; zoneadmd.py does the rest."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from testbed import hooks, options, zfs, zoneadmd, zones
from testbed.command import Context, Result
from testbed.hooks.base import INCOMPLETE, USAGE

OK, ERROR, BAD_USAGE = 0, 1, 2

USAGES = {
    "attach": "attach [-F] [-n <path>] [brand-specific args]",
    "boot": "boot [-- boot arguments]",
    "clone": "clone [-m method] [-s <ZFS snapshot>] [brand-specific args] zonename",
    "detach": "detach [-n] [brand-specific args]",
    "halt": "halt",
    "install": "install [brand-specific args]",
    "list": "list [-cinpv]",
    "mark": "mark incomplete",
    "mount": "mount [-f]",
    "move": "move zonepath",
    "ready": "ready",
    "reboot": "reboot [-- boot arguments]",
    "shutdown": "shutdown [-r [-- boot arguments]]",
    "sysboot": "sysboot",
    "uninstall": "uninstall [-F] [brand-specific args]",
    "unmount": "unmount",
    "verify": "verify",
}

ZONES_OWN = ("halt", "shutdown", "reboot")
"""Inside a zone there is a command of that name for it."""

ALTERNATE_ROOT = ("list", "mark", "mount", "unmount")

ACTIVE = (zones.READY, zones.RUNNING, zones.SHUTTING_DOWN, zones.DOWN, zones.MOUNTED)


class Refused(Exception):
    """zoneadm ends with this code; what there was to say is said."""

    def __init__(self, code: int = ERROR) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Call:
    """A subcommand on one zone."""

    ctx: Context
    command: str
    args: list[str]
    zone: zones.Zone

    @property
    def name(self) -> str:
        return self.zone.name

    def say(self, text: str) -> None:
        self.ctx.err(f"zoneadm: zone '{self.name}': {text}\n")

    def refuse(self, text: str) -> Refused:
        self.say(text)
        return Refused()

    def daemon_failed(self) -> int:
        self.say("call to zoneadmd failed")
        return ERROR

    def usage(self) -> int:
        self.ctx.err(f"usage:\t{USAGES[self.command]}\n")
        return BAD_USAGE

    def hook(self, name: str, args: list[str]) -> Result:
        """Run a brand hook with its output as zoneadm's own; a usage error of the hook adds zoneadm's usage."""
        result = hooks.run(self.ctx, self.zone.brand, name, args)
        self.ctx.out(result.stdout)
        self.ctx.err(result.stderr)
        if result.rc == USAGE:
            self.usage()
        return result


def main(ctx: Context, args: list[str]) -> int:
    try:
        given = options.parse(args, "", "R:u:z:")
    except options.Usage:
        return _usage(ctx)
    if not given.rest or given.rest[0] not in (*USAGES, "help"):
        return _usage(ctx)
    command, rest = given.rest[0], given.rest[1:]
    if command == "help":
        ctx.out(_usage_text())
        return OK
    try:
        return _dispatch(ctx, given, command, rest)
    except Refused as refused:
        return refused.code


def _usage_text() -> str:
    lines = "".join(f"\t{text}\n" for text in USAGES.values())
    return f"usage:\tzoneadm [-z <zone> | -u <uuid-match>] subcommand\n{lines}"


def _usage(ctx: Context) -> int:
    ctx.err(_usage_text())
    return BAD_USAGE


def _dispatch(ctx: Context, given: options.Options, command: str, rest: list[str]) -> int:
    root = given.value("R")
    if root:
        _check_root(ctx, root, command)
    wanted = _wanted(ctx, given, root)
    if command == "list":
        return list_zones(ctx, rest, wanted, root)
    if wanted is None:
        ctx.err("zoneadm: no zone specified\n")
        return ERROR
    _check_place(ctx, wanted, command)
    call = Call(ctx, command, rest, _zone(ctx, wanted))
    return SUBCOMMANDS[command](call)


def _check_root(ctx: Context, root: str, command: str) -> None:
    if command not in ALTERNATE_ROOT:
        ctx.err(f"zoneadm: cannot {command} zone in alternate root\n")
        raise Refused
    if not root.startswith("/"):
        ctx.err("zoneadm: root path must be absolute.\n")
        raise Refused
    if not ctx.host.path(root).is_dir():
        ctx.err("zoneadm: root path must be a directory.\n")
        raise Refused


def _wanted(ctx: Context, given: options.Options, root: str) -> str | None:
    """The name of the zone asked for by -z (a number: the id of an active zone comes first) or -u."""
    name = given.value("z")
    if not name and not given.value("u"):
        return None
    if ctx.zone != "global":
        names = [ctx.zone]
    else:
        entries = zones.read_index(ctx.host, root)
        names = [entry.name for entry in entries]
        if not name:
            name = next((entry.name for entry in entries if entry.uuid == given.value("u")), given.value("u"))
        by_id = {str(kernel.id): zone for zone, kernel in ctx.host.state.kernel_zones.items()}
        name = by_id.get(name, name)
    if name not in names:
        ctx.err(f"zoneadm: {name}: No such zone configured\n")
        raise Refused
    return name


def _check_place(ctx: Context, name: str, command: str) -> None:
    said = f"zoneadm: zone '{name}': "
    if ctx.zone != "global":
        if command in ZONES_OWN:
            ctx.err(f"{said}use {command}(8) to {command} this zone.\n")
        else:
            ctx.err(f"{said}must be in the global zone to {command} a zone.\n")
        raise Refused
    if name == "global":
        ctx.err(f"{said}{command} operation is invalid for the global zone.\n")
        raise Refused
    if name.startswith("SUNW"):
        ctx.err(f"{said}{command} operation is invalid for zones starting with SUNW.\n")
        raise Refused


def _zone(ctx: Context, name: str, root: str = "") -> zones.Zone:
    entry = next(each for each in zones.read_index(ctx.host, root) if each.name == name)
    try:
        return zones.zone_of(ctx.host, entry, root)
    except LookupError:
        ctx.err(f"zoneadm: zone '{name}': missing or invalid brand\n")
    except (OSError, SyntaxError):
        ctx.err(f"zoneadm: {name}: could not get zone configuration: Invalid document\n")
    raise Refused


# -- list ------------------------------------------------------------------------------------------------------------


def list_zones(ctx: Context, args: list[str], wanted: str | None, root: str) -> int:
    try:
        given = options.parse(args, "cinpv", "")
    except options.Usage:
        given = None
    if given is None or given.rest or (wanted and ("c" in given or "i" in given or "n" in given)):
        ctx.err(f"usage:\t{USAGES['list']}\n")
        return BAD_USAGE
    if "p" in given and "v" in given:
        ctx.err("zoneadm: list -p and -v are mutually exclusive.\n")
        return ERROR
    if "v" in given:
        ctx.out(f"{'ID':>4} {'NAME':<16} {'STATUS':<10} {'PATH':<30} {'BRAND':<8} {'IP':<6}\n")
    for zone in _selected(ctx, given, wanted, root):
        ctx.out(_line(zone, given) + "\n")
    return OK


def _selected(ctx: Context, given: options.Options, wanted: str | None, root: str) -> list[zones.Zone]:
    if ctx.zone != "global":
        return [_own_zone(ctx)]
    everything = zones.Zone("global", 0, zones.RUNNING, root or "/", "", "ipkg", "shared", "0", False)
    if wanted == "global":
        return [everything]
    if wanted:
        zoneadmd.count_reading(ctx, _zone(ctx, wanted, root))
        return [_zone(ctx, wanted, root)]
    for zone in zones.listed(ctx.host) if not root else []:
        zoneadmd.count_reading(ctx, zone)
    found, unreadable = zones.readable(ctx.host, root)
    for name in unreadable:
        ctx.err(f"zoneadm: {name}: could not get zone brand: No such zone configured\n")
    shown = zones.STATES.index(zones.INSTALLED) if "i" in given else zones.STATES.index(zones.READY)
    if "c" in given:
        shown = 0
    chosen = [zone for zone in found if zones.STATES.index(zone.state) >= shown]
    return chosen if "n" in given else [everything, *chosen]


def _own_zone(ctx: Context) -> zones.Zone:
    """What a zone sees of itself (fake_up_local_zone in zoneadm.c)."""
    kernel = ctx.host.state.kernel_zones[ctx.zone]
    return zones.Zone(ctx.zone, kernel.id, zones.RUNNING, "/", "", kernel.brand, kernel.ip_type, "0", False)


def _line(zone: zones.Zone, given: options.Options) -> str:
    number = "-" if zone.id is None else str(zone.id)
    if "p" in given:
        path = zone.zonepath.replace(":", "\\:")
        return ":".join([number, zone.name, zone.state, path, zone.uuid, zone.brand, zone.ip_type, zone.debugid])
    if "v" in given:
        path = zone.zonepath
        return f"{number:>4} {zone.name:<16} {zone.state:<10} {path:<30} {zone.brand:<8} {zone.ip_type:<6}"
    return zone.name


# -- what is legal in which state (zone-tools 2) ---------------------------------------------------------------------


def _must_be_installed(call: Call, force: bool = False) -> None:
    state = call.zone.state
    if force and state != zones.INCOMPLETE:
        raise call.refuse(f"must be incomplete before {call.command}.")
    if not force and state in (zones.CONFIGURED, zones.INCOMPLETE):
        raise call.refuse(f"must be installed before {call.command}.")


def _must_be_halted(call: Call) -> None:
    if call.zone.state in ACTIVE:
        raise call.refuse(f"{call.command} operation is invalid for {call.zone.state} zones.")


def _must_be_configured(call: Call, incomplete_too: bool = False) -> None:
    _must_be_halted(call)
    if call.zone.state == zones.INSTALLED:
        raise call.refuse("is already installed.")
    if call.zone.state == zones.INCOMPLETE and not incomplete_too:
        raise call.refuse("zone is incomplete; uninstall required.")


def _daemon_refuses(call: Call, *states: str) -> None:
    if call.zone.state in states:
        zoneadmd.invalid(call.ctx, call.name, call.command, call.zone.state)
        raise Refused(call.daemon_failed())


# -- verify ----------------------------------------------------------------------------------------------------------


def _verify(call: Call, look_at_zonepath: bool = True) -> None:
    """What every subcommand that changes a zone verifies first. Raises Refused after the closing line."""
    text = _verification_error(call, look_at_zonepath)
    if text:
        call.ctx.err(f"{text}\nzoneadm: zone {call.name} failed to verify\n")
        raise Refused


def _verification_error(call: Call, look_at_zonepath: bool) -> str:
    declared: str = call.ctx.host.state.settings.get("verify_fails", {}).get(call.name, "")
    if declared:
        return declared
    in_xml = zones.read_xml(call.ctx.host, call.name).get("zonepath")
    if in_xml != call.zone.zonepath:
        return (
            f"The XML repository has zonepath '{in_xml}',\nbut the index file has zonepath '{call.zone.zonepath}'.\n"
            "These must match, so fix the incorrect entry."
        )
    return _check_zonepath(call) if look_at_zonepath else ""


def _check_zonepath(call: Call) -> str:
    """The zonepath as it should be; group and other permissions are repaired without a word (zone-tools 11.26)."""
    path, host = call.zone.zonepath, call.ctx.host
    directory = host.path(path)
    if not directory.exists():
        if call.command == "verify":
            call.ctx.err(f"WARNING: {path} does not exist, so it could not be verified.\n")
        if call.command in ("verify", "install", "clone"):
            return ""
        return f"could not verify zonepath {path} because of the above errors."
    if not directory.is_dir():
        return f"{path} is not a directory.\ncould not verify zonepath {path} because of the above errors."
    detached = host.path(f"{path}/SUNWdetached.xml").exists() and host.path(f"{path}/root").exists()
    if call.command in ("verify", "install", "clone") and call.zone.state == zones.CONFIGURED and detached:
        return f"Cannot verify detached zone.\nUse attach or remove {path} directory."
    if call.command in ("verify", "boot") and stat.S_IMODE(directory.stat().st_mode) & 0o077:
        directory.chmod(0o700)
        host.changed = True
    return ""


def verify(call: Call) -> int:
    if call.zone.state == zones.INCOMPLETE:
        raise call.refuse("zone is incomplete; uninstall required.")
    _verify(call)
    return OK


# -- boot, halt and their kin ----------------------------------------------------------------------------------------


def _flags(call: Call, flags: str, valued: str = "") -> options.Options:
    try:
        return options.parse(call.args, flags, valued)
    except options.Usage:
        raise Refused(call.usage()) from None


def boot(call: Call) -> int:
    given = _flags(call, "fs")
    _must_be_installed(call, "f" in given)
    _daemon_refuses(call, zones.MOUNTED)
    if call.zone.state in (zones.RUNNING, zones.SHUTTING_DOWN, zones.DOWN):
        zoneadmd.relay(call.ctx, call.name, "zone is already booted")
        return OK
    _verify(call)
    return OK if zoneadmd.boot(call.ctx, call.zone) else call.daemon_failed()


def ready(call: Call) -> int:
    _must_be_installed(call)
    _daemon_refuses(call, zones.MOUNTED)
    if call.zone.state == zones.READY:
        zoneadmd.relay(call.ctx, call.name, "zone is already ready")
        return OK
    _verify(call)
    if call.zone.state in ACTIVE and not zoneadmd.halt(call.ctx, call.zone):
        return call.daemon_failed()
    return OK if zoneadmd.ready(call.ctx, call.zone) else call.daemon_failed()


def halt(call: Call) -> int:
    if call.zone.state == zones.CONFIGURED:
        zoneadmd.relay(call.ctx, call.name, "cannot manage a zone which is in state 'configured'")
        raise call.refuse("could not start zoneadmd")
    _daemon_refuses(call, zones.INCOMPLETE, zones.MOUNTED)
    if call.zone.state == zones.INSTALLED:
        zoneadmd.relay(call.ctx, call.name, "zone is already halted")
        return OK
    return OK if zoneadmd.halt(call.ctx, call.zone) else call.daemon_failed()


def _must_run(call: Call) -> None:
    if call.zone.state in (zones.CONFIGURED, zones.INCOMPLETE, zones.INSTALLED):
        raise call.refuse("not running")
    _daemon_refuses(call, zones.READY, zones.MOUNTED)


def shutdown(call: Call) -> int:
    given = _flags(call, "r")
    _must_run(call)
    if not zoneadmd.shutdown(call.ctx, call.zone):
        return ERROR
    if "r" in given and not zoneadmd.boot(call.ctx, call.zone):
        return call.daemon_failed()
    return OK


def reboot(call: Call) -> int:
    _must_run(call)
    _verify(call)
    done = zoneadmd.halt(call.ctx, call.zone) and zoneadmd.boot(call.ctx, call.zone)
    return OK if done else call.daemon_failed()


def mount(call: Call) -> int:
    given = _flags(call, "f")
    _must_be_installed(call, "f" in given)
    _daemon_refuses(call, zones.READY, zones.RUNNING, zones.SHUTTING_DOWN, zones.DOWN, zones.MOUNTED)
    return OK if zoneadmd.mount(call.ctx, call.zone) else call.daemon_failed()


def unmount(call: Call) -> int:
    if call.zone.state != zones.MOUNTED:
        raise call.refuse("must be mounted before unmount.")
    zoneadmd.unmount(call.ctx, call.zone)
    return OK


def sysboot(call: Call) -> int:
    """Private: run for installed zones without autoboot when the host boots (svc-zones)."""
    if call.zone.state != zones.INSTALLED:
        raise call.refuse("must be installed before sysboot.")
    return OK if zoneadmd.sysboot(call.ctx, call.zone) else ERROR


# -- attach and detach -----------------------------------------------------------------------------------------------


def _own_options(call: Call, letters: str) -> dict[str, str]:
    """Options of zoneadm itself among those of the hook, which it passes over; it ends at the first other word."""
    found: dict[str, str] = {}
    rest = list(call.args)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)[1:]
        for place, letter in enumerate(word):
            if f"{letter}:" in letters:
                found[letter] = word[place + 1 :] or (rest.pop(0) if rest else "")
                break
            if letter in letters:
                found[letter] = ""
    return found


def attach(call: Call) -> int:
    own = _own_options(call, "Fn:U")
    if "n" in own:
        return _rehearse_attach(call, own["n"], "F" in own)
    _must_be_configured(call, incomplete_too="U" in own)
    _verify(call, look_at_zonepath=False)
    path, host = call.zone.zonepath, call.ctx.host
    with_hook = "F" not in own and hooks.has_hooks(call.zone.brand)
    if with_hook and not host.path(path).exists():
        _make_dataset(call, path)
    if with_hook and call.hook("attach", [call.name, path, *call.args]).rc != 0:
        return ERROR
    _verify(call)
    detached = host.path(f"{path}/SUNWdetached.xml")
    if detached.exists():
        # attach -F leaves the file under another name (zonecfg_rm_detached in libzonecfg.c)
        if "F" in own:
            host.write(f"{path}/SUNWattached.xml", detached.read_text())
        host.remove(f"{path}/SUNWdetached.xml")
    zones.set_state(host, call.name, zones.INSTALLED)
    return OK


def _rehearse_attach(call: Call, manifest: str, forced: bool) -> int:
    """attach -n FILE: the hook gets `-` for name and zonepath (recording attach-n)."""
    if forced:
        raise call.refuse("-F and -n flags are mutually exclusive")
    if not manifest:
        return call.usage()
    if manifest != "-" and not call.ctx.host.path(manifest).exists():
        call.ctx.err(f"zoneadm: could not open manifest path: {manifest}: No such file or directory\n")
        return ERROR
    if not hooks.has_hooks(call.zone.brand):
        return OK
    return OK if call.hook("attach", ["-", "-", *call.args]).rc == 0 else ERROR


def detach(call: Call) -> int:
    path, host = call.zone.zonepath, call.ctx.host
    rehearsal = "n" in _own_options(call, "n")
    if not rehearsal:
        _must_be_installed(call)
        _must_be_halted(call)
        _verify(call)
    if hooks.has_hooks(call.zone.brand):
        if call.hook("detach", ["-z", call.name, "-R", path, *call.args]).rc != 0:
            return ERROR
    else:
        text = host.path(zones.xml_path(call.name)).read_text()
        if rehearsal:
            call.ctx.out(text)
            return OK
        _nothing_mounted_below(call, path)
        host.write(f"{path}/SUNWdetached.xml", text)
    if not rehearsal:
        zones.set_state(host, call.name, zones.CONFIGURED)
    return OK


def _nothing_mounted_below(call: Call, path: str) -> None:
    mounted = [dataset.mounted for dataset in zfs.mounts(call.ctx.host)]
    below = [place for place in mounted if place and place.startswith(f"{path}/")]
    if below:
        call.ctx.err(f"These file systems are mounted on subdirectories of {path}.\n")
        call.ctx.err("".join(f"\t{place}\n" for place in below))
        raise Refused


def mark(call: Call) -> int:
    given = _flags(call, "F")
    state = given.rest[0] if len(given.rest) == 1 else ""
    allowed = (zones.CONFIGURED, zones.INCOMPLETE, zones.INSTALLED) if "F" in given else (zones.INCOMPLETE,)
    if state not in allowed:
        return BAD_USAGE
    _must_be_halted(call)
    zones.set_state(call.ctx.host, call.name, state)
    return OK


# -- install, clone, uninstall, move ---------------------------------------------------------------------------------


def install(call: Call) -> int:
    _must_be_configured(call)
    _verify(call)
    path, host = call.zone.zonepath, call.ctx.host
    if not host.path(path).exists() and _make_dataset(call, path):
        call.ctx.out("A ZFS file system has been created for this zone.\n")
    zones.set_state(host, call.name, zones.INCOMPLETE)
    code = OK
    if hooks.has_hooks(call.zone.brand):
        code = call.hook("install", [call.name, path, *call.args]).rc
    else:
        host.mkdir(f"{path}/root")
    if code == INCOMPLETE:
        zones.set_state(host, call.name, zones.CONFIGURED)
    if code != OK:
        return ERROR
    zones.set_state(host, call.name, zones.INSTALLED)
    return OK


def _make_dataset(call: Call, path: str) -> bool:
    """Make the zonepath, as a dataset where its parent directory is a mounted one (create_zfs_zonepath)."""
    parent = zfs.dataset_at(call.ctx.host, os.path.dirname(path))
    if parent is None:
        call.ctx.host.mkdir(path, mode=0o700)
        return False
    zfs.create(call.ctx.host, f"{parent.name}/{os.path.basename(path)}", {})
    call.ctx.host.path(path).chmod(0o700)
    return True


def clone(call: Call) -> int:
    _must_be_configured(call)
    _verify(call)
    _check_source(call)
    zones.set_state(call.ctx.host, call.name, zones.INCOMPLETE)
    if not hooks.has_hooks(call.zone.brand):
        raise call.refuse(f"the {call.zone.brand} brand has no clone hook on this simulated host.")
    if call.hook("clone", ["-z", call.name, "-R", call.zone.zonepath, *call.args]).rc != 0:
        return ERROR
    call.ctx.host.state.kernel_zones.pop(call.name, None)  # clone -X leaves it mounted; the recording says installed
    zones.set_state(call.ctx.host, call.name, zones.INSTALLED)
    return OK


def _check_source(call: Call) -> None:
    """A source that exists must be a halted zone of the same brand; of an unknown one the hook complains."""
    source = next((zone for zone in zones.listed(call.ctx.host) if zone.name == (call.args or [""])[-1]), None)
    if source is None:
        return
    if source.state in ACTIVE:
        raise call.refuse(f"clone operation is invalid for {source.state} zones.")
    if source.state != zones.INSTALLED:
        call.ctx.err(f"zoneadm: zone {source.name} is {source.state}; installed is required.\n")
        raise Refused
    if source.brand != call.zone.brand:
        call.ctx.err(f"zoneadm: Zones '{source.name}' and '{call.name}' have different brand types.\n")
        raise Refused


def uninstall(call: Call) -> int:
    _must_be_halted(call)
    if call.zone.state == zones.CONFIGURED:
        raise call.refuse("is already in state 'configured'.")
    if "F" not in _own_options(call, "F"):
        call.say("Input not from terminal and -F not specified: uninstall not done.")
        return ERROR
    path, host = call.zone.zonepath, call.ctx.host
    if call.zone.brand in zones.LIKE_SPARSE:
        for place in ("usr/lib/fm", "lib/svc"):
            if zfs.dataset_at(host, f"{path}/root/{place}"):
                call.ctx.run(["umount", f"{path}/root/{place}"])
    _nothing_mounted_below(call, f"{path}/root")
    zones.set_state(host, call.name, zones.INCOMPLETE)
    if hooks.has_hooks(call.zone.brand):
        if call.hook("uninstall", [call.name, path, *call.args]).rc != 0:
            return ERROR
    else:
        host.remove(f"{path}/root")
    zones.set_state(host, call.name, zones.CONFIGURED)
    return OK


def move(call: Call) -> int:
    _must_be_installed(call)
    _must_be_halted(call)
    if len(call.args) != 1:
        return call.usage()
    _verify(call)
    new, host = call.args[0], call.ctx.host
    if host.path(new).is_dir() and any(host.path(new).iterdir()):
        raise call.refuse(f"could not move zone to {new}: directory not empty")
    dataset, parent = (zfs.dataset_at(host, path) for path in (call.zone.zonepath, os.path.dirname(new)))
    if dataset is None or parent is None:
        raise call.refuse(f"could not move zone to {new}: both must be ZFS file systems on this simulated host")
    if zfs.dataset_at(host, f"{call.zone.zonepath}/root"):
        call.ctx.run(["umount", f"{call.zone.zonepath}/root"])
    renamed = call.ctx.run(["zfs", "rename", dataset.name, f"{parent.name}/{os.path.basename(new)}"])
    if renamed.rc != 0:
        raise call.refuse(f"could not move zone to {new}: {renamed.stderr.strip()}")
    _set_zonepath(call, new)
    zoneadmd.sysboot(call.ctx, _zone(call.ctx, call.name))  # puts its root back
    return OK


def _set_zonepath(call: Call, new: str) -> None:
    entries = zones.read_index(call.ctx.host)
    for entry in entries:
        if entry.name == call.name:
            entry.zonepath = new
    zones.write_index(call.ctx.host, entries)
    xml = zones.read_xml(call.ctx.host, call.name)
    xml.set("zonepath", new)
    zones.write_xml(call.ctx.host, call.name, xml)


SUBCOMMANDS: dict[str, Callable[[Call], int]] = {
    "attach": attach,
    "boot": boot,
    "clone": clone,
    "detach": detach,
    "halt": halt,
    "install": install,
    "mark": mark,
    "mount": mount,
    "move": move,
    "ready": ready,
    "reboot": reboot,
    "shutdown": shutdown,
    "sysboot": sysboot,
    "uninstall": uninstall,
    "unmount": unmount,
    "verify": verify,
}
