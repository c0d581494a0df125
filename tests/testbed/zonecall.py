"""A subcommand of zoneadm on one zone: what it says, in which states it is legal, what it verifies (zone-tools 2)."""

from __future__ import annotations

import stat
from dataclasses import dataclass

from testbed import hooks, options, zfs, zoneadmd, zones
from testbed.command import Context, Result
from testbed.hooks.base import USAGE

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
        """What to raise, with the text said."""
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


def find_zone(ctx: Context, name: str, root: str = "") -> zones.Zone:
    """The zone of that name in the index. Raises Refused after the message that says why it cannot be used."""
    entry = next(each for each in zones.read_index(ctx.host, root) if each.name == name)
    try:
        return zones.zone_of(ctx.host, entry, root)
    except LookupError:
        ctx.err(f"zoneadm: zone '{name}': missing or invalid brand\n")
    except (OSError, SyntaxError):
        ctx.err(f"zoneadm: {name}: could not get zone configuration: Invalid document\n")
    raise Refused


# -- options --


def flags(call: Call, letters: str, valued: str = "") -> options.Options:
    """The options of the subcommand. Raises Refused after its usage."""
    try:
        return options.parse(call.args, letters, valued)
    except options.Usage:
        raise Refused(call.usage()) from None


def own_options(call: Call, letters: str) -> dict[str, str]:
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


# -- what is legal in which state --


def must_be_installed(call: Call, force: bool = False) -> None:
    """Raises Refused; with ``force`` (-f) for every state but incomplete."""
    state = call.zone.state
    if force and state != zones.INCOMPLETE:
        raise call.refuse(f"must be incomplete before {call.command}.")
    if not force and state in (zones.CONFIGURED, zones.INCOMPLETE):
        raise call.refuse(f"must be installed before {call.command}.")


def must_be_halted(call: Call) -> None:
    """Raises Refused if the kernel knows the zone."""
    if call.zone.state in ACTIVE:
        raise call.refuse(f"{call.command} operation is invalid for {call.zone.state} zones.")


def must_be_configured(call: Call, incomplete_too: bool = False) -> None:
    """Raises Refused."""
    must_be_halted(call)
    if call.zone.state == zones.INSTALLED:
        raise call.refuse("is already installed.")
    if call.zone.state == zones.INCOMPLETE and not incomplete_too:
        raise call.refuse("zone is incomplete; uninstall required.")


def daemon_refuses(call: Call, *states: str) -> None:
    """Raises Refused, in the words of zoneadmd, in one of these states."""
    if call.zone.state in states:
        zoneadmd.invalid(call.ctx, call.name, call.command, call.zone.state)
        raise Refused(call.daemon_failed())


# -- verify ----------------------------------------------------------------------------------------------------------


def require_verified(call: Call, look_at_zonepath: bool = True) -> None:
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


def nothing_mounted_below(call: Call, path: str) -> None:
    """Raises Refused after the list of what is mounted there."""
    mounted = [dataset.mounted for dataset in zfs.mounts(call.ctx.host)]
    below = [place for place in mounted if place and place.startswith(f"{path}/")]
    if below:
        call.ctx.err(f"These file systems are mounted on subdirectories of {path}.\n")
        call.ctx.err("".join(f"\t{place}\n" for place in below))
        raise Refused
