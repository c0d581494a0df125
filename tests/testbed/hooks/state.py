"""The state hooks: they put the zone BE of the running BE on the zone's root, before it boots and after a halt.

zoneadmd calls them with the zone's state and the command, as numbers (zone-tools 2): 2 0 ready, 3 1 boot, 4 4 halt of a
running zone, 7 4 of a mounted one, 99 0 sysboot.
"""

from __future__ import annotations

from testbed.hooks.base import OVERLAYS, STILL_MOUNTED, Hook

READY, HALT = "0", "4"
SYSBOOT = "99"


def prestate(hook: Hook) -> None:
    hook.zone, hook.zonepath, state, command = hook.args[:4]
    if command != READY:
        return
    dataset = _remount(hook)
    if state == SYSBOOT:
        if hook.sparse and dataset:
            hook.mount_overlays(dataset)
        return
    _make_vnics(hook)
    _write_resolver(hook)


def poststate(hook: Hook) -> None:
    hook.zone, hook.zonepath, _, command = hook.args[:4]
    if command == HALT and not hook.sparse:
        hook.run(["zoneadm", "-z", hook.zone, "list", "-p"])
        _remount(hook)
    elif command in (READY, HALT) and hook.sparse:
        dataset = hook.find_active_dataset(hook.require_running_be())
        for name, place in OVERLAYS:
            hook.run(["mount", "-F", "zfs", "-O", f"{dataset}/{name}", f"{hook.root}/{place}"])
            hook.note_in_vfstab(f"{dataset}/{name}", place)
    if command == HALT:
        _remove_vnics(hook)


def _remount(hook: Hook) -> str:
    """Put the active dataset on the zone's root; returns it, or nothing if the root is busy (then all stays)."""
    if hook.sparse:
        dataset = hook.find_active_dataset(hook.require_running_be())
        if not hook.unmount_all():
            hook.out(STILL_MOUNTED.format(hook.root))
            return ""
    else:
        if not hook.unmount(hook.root):
            hook.out(STILL_MOUNTED.format(hook.root))
            return ""
        dataset = hook.find_active_dataset(hook.require_running_be())
    hook.mount_root(dataset)
    return dataset


# -- network ---------------------------------------------------------------------------------------------------------


def _nics(hook: Hook) -> list[dict[str, str]]:
    """The exclusive-IP network interfaces with a global NIC, as `zonecfg info net` prints them."""
    nics: list[dict[str, str]] = []
    for line in hook.run(["zonecfg", "-z", hook.zone, "info", "net"]).stdout.splitlines():
        if line == "net:":
            nics.append({})
        elif ": " in line:
            key, _, value = line.strip().partition(": ")
            nics[-1][key] = value
    return [nic for nic in nics if "address" not in nic and "global-nic" in nic]


def _make_vnics(hook: Hook) -> None:
    """Make the interfaces that do not exist yet, and write the address a new one got into the configuration."""
    for nic in _nics(hook):
        name, link = nic["physical"], nic["global-nic"]
        if link == "auto":
            link = _link_for(hook, nic.get("allowed-address", ""))
        if hook.run(["dladm", "show-vnic", "-p", "-o", "LINK", name], quiet=True).rc == 0:
            continue
        mac, vlan = nic.get("mac-addr", "-"), nic.get("vlan-id", "-")
        hook.log(f"Creating VNIC {name}/{link} (mac: {mac}, vlan: {vlan})")
        options = [*(["-m", mac] if mac != "-" else []), *(["-v", vlan] if vlan != "-" else [])]
        if hook.run(["dladm", "create-vnic", "-l", link, *options, name]).rc != 0:
            hook.fatal(f"Could not create VNIC {name}/{link}")
        if mac == "-":
            address = hook.run(["dladm", "show-vnic", "-p", "-o", "MACADDRESS", name]).stdout.strip()
            words = [f"select net physical={name}; ", f"set mac-addr={address}; ", "end; exit"]
            hook.run(["zonecfg", "-z", hook.zone, *words])


def _link_for(hook: Hook, address: str) -> str:
    for line in hook.run(["route", "-n", "get", address]).stdout.splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "interface":
            return value
    return ""


def _remove_vnics(hook: Hook) -> None:
    for nic in _nics(hook):
        name, link = nic["physical"], nic["global-nic"]
        hook.log(f"Removing VNIC {name}/{link}")
        hook.run(["dladm", "delete-vnic", name])


def _attribute(hook: Hook, name: str) -> str:
    result = hook.run(["zonecfg", "-z", hook.zone, "info", "attr", f"name={name}"])
    words = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("\tvalue: ")]
    return words[0] if words else ""


def _write_resolver(hook: Hook) -> None:
    domain, resolvers = _attribute(hook, "dns-domain"), _attribute(hook, "resolvers")
    if not resolvers:
        return
    lines = [f"domain {domain}"] if domain else []
    lines += [f"nameserver {server}" for server in resolvers.split(",")]
    hook.host.write(f"{hook.root}/etc/resolv.conf", "".join(line + "\n" for line in lines))
    switch, dns = (hook.host.path(f"{hook.root}/etc/{name}") for name in ("nsswitch.conf", "nsswitch.dns"))
    if dns.exists() and not (switch.exists() and "files dns" in switch.read_text()):
        hook.run(["cp", f"{hook.root}/etc/nsswitch.dns", f"{hook.root}/etc/nsswitch.conf"])
