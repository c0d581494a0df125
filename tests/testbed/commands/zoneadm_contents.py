"""zoneadm attach, detach, install, clone, uninstall, move: what a zone consists of (zone-tools 3.1 to 3.7)."""

from __future__ import annotations

import os

from testbed import hooks, zfs, zoneadmd, zones
from testbed.hooks.base import INCOMPLETE
from testbed.zonecall import (
    ACTIVE,
    ERROR,
    OK,
    Call,
    Refused,
    find_zone,
    must_be_configured,
    must_be_halted,
    must_be_installed,
    nothing_mounted_below,
    own_options,
    require_verified,
)


def attach(call: Call) -> int:
    own = own_options(call, "Fn:U")
    if "n" in own:
        return _rehearse_attach(call, own["n"], "F" in own)
    must_be_configured(call, incomplete_too="U" in own)
    require_verified(call, look_at_zonepath=False)
    path, host = call.zone.zonepath, call.ctx.host
    with_hook = "F" not in own and hooks.has_hooks(call.zone.brand)
    if with_hook and not host.path(path).exists():
        _make_dataset(call, path)
    if with_hook and call.hook("attach", [call.name, path, *call.args]).rc != 0:
        return ERROR
    require_verified(call)
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
    rehearsal = "n" in own_options(call, "n")
    if not rehearsal:
        must_be_installed(call)
        must_be_halted(call)
        require_verified(call)
    if hooks.has_hooks(call.zone.brand):
        if call.hook("detach", ["-z", call.name, "-R", path, *call.args]).rc != 0:
            return ERROR
    else:
        text = host.path(zones.xml_path(call.name)).read_text()
        if rehearsal:
            call.ctx.out(text)
            return OK
        nothing_mounted_below(call, path)
        host.write(f"{path}/SUNWdetached.xml", text)
    if not rehearsal:
        zones.set_state(host, call.name, zones.CONFIGURED)
    return OK


def install(call: Call) -> int:
    must_be_configured(call)
    require_verified(call)
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
    must_be_configured(call)
    require_verified(call)
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
    must_be_halted(call)
    if call.zone.state == zones.CONFIGURED:
        raise call.refuse("is already in state 'configured'.")
    if "F" not in own_options(call, "F"):
        call.say("Input not from terminal and -F not specified: uninstall not done.")
        return ERROR
    path, host = call.zone.zonepath, call.ctx.host
    if call.zone.brand in zones.LIKE_SPARSE:
        for place in ("usr/lib/fm", "lib/svc"):
            if zfs.dataset_at(host, f"{path}/root/{place}"):
                call.ctx.run(["umount", f"{path}/root/{place}"])
    nothing_mounted_below(call, f"{path}/root")
    zones.set_state(host, call.name, zones.INCOMPLETE)
    if hooks.has_hooks(call.zone.brand):
        if call.hook("uninstall", [call.name, path, *call.args]).rc != 0:
            return ERROR
    else:
        host.remove(f"{path}/root")
    zones.set_state(host, call.name, zones.CONFIGURED)
    return OK


def move(call: Call) -> int:
    must_be_installed(call)
    must_be_halted(call)
    if len(call.args) != 1:
        return call.usage()
    require_verified(call)
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
    zoneadmd.sysboot(call.ctx, find_zone(call.ctx, call.name))  # puts its root back
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
