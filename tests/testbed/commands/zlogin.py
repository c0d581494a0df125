"""zlogin(1): run a command in a zone (zone-tools 8).

A command of the testbed runs right here, as the zone's. Anything else goes to the machine's shell with the zone's root
as `/`, which needs a host that was entered (enter.py).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from testbed import options, zones
from testbed.command import COMMANDS, Context

USAGE = "usage: zlogin [ -dnQCEINS ] [ -e cmdchar ] [-l user] zonename [command [args ...] ]\n"
PLAIN = re.compile(r"[A-Za-z0-9_./:=@%+,\s'\"-]*")
"""What a shell would only split into words."""

UNCONFIGURE = "/usr/lib/brand/ipkg/system-unconfigure"
"""Brought by the brand; zlogin runs it in the scratch zone of `zoneadm mount`, which has the zone's root on /a."""


def main(ctx: Context, args: list[str]) -> int:
    try:
        given = options.parse(args, "CEIdinNQS", "e:l:")
    except options.Usage:
        given = None
    if given is None or not given.rest:
        ctx.err(USAGE)
        return 2
    zone = _zone(ctx, given)
    if zone is None:
        return 1
    line = _line(given.rest[1:])
    if not line:
        line = "" if "n" in given else ctx.stdin()
    words = _words(line)
    if words and words[0] == UNCONFIGURE:
        return _run(ctx, [UNCONFIGURE, "-R", f"{zone.zonepath}/root"], zone)
    if words and _is_own(words[0]):
        return _run(ctx, words, zone)
    return _shell(ctx, line, zone)


def _zone(ctx: Context, given: options.Options) -> zones.Zone | None:
    """The zone to log in to; None after the message that says why not."""
    name = given.rest[0]
    refusal = ""
    found = next((zone for zone in zones.listed(ctx.host) if name in (zone.name, str(zone.id))), None)
    if ctx.zone != "global":
        refusal = "'zlogin' may only be used from the global zone"
    elif "i" in given and "n" in given:
        refusal = "-i and -n flags are incompatible"
    elif "S" in given and "l" in given:
        refusal = "-l may not be specified for failsafe login"
    elif name == "global":
        refusal = "'zlogin' not applicable to the global zone"
    elif found is None:
        refusal = f"zone '{name}' unknown"
    elif found.state in (zones.CONFIGURED, zones.INCOMPLETE):
        refusal = f"cannot login to a zone which is '{found.state}'"
    elif found.state not in (zones.RUNNING, zones.MOUNTED):
        refusal = f"login allowed only to running zones ({name} is '{found.state}')."
    if refusal:
        ctx.err(f"zlogin: {refusal}\n")
        return None
    return found


def _line(command: list[str]) -> str:
    """What reaches the zone's shell: one argument as it is, several joined, those with a blank in single quotes."""
    if len(command) == 1:
        return command[0]
    return " ".join(f"'{word}'" if " " in word or "\t" in word else word for word in command)


def _words(line: str) -> list[str]:
    """The words of a line that a shell would not do more with than split; `sh -c` is looked into."""
    if not PLAIN.fullmatch(line) or "\n" in line.strip():
        return []
    try:
        words = shlex.split(line)
    except ValueError:
        return []
    if len(words) == 3 and os.path.basename(words[0]) in ("sh", "bash", "ksh") and words[1] == "-c":
        return _words(words[2])
    return words


def _is_own(program: str) -> bool:
    names = {path.rpartition("/")[2]: path for path in COMMANDS}
    return program in names or program in COMMANDS or program.replace("/sbin", "/usr/sbin", 1) in COMMANDS


def _run(ctx: Context, words: list[str], zone: zones.Zone) -> int:
    result = ctx.run(words, zone=zone.name)
    ctx.out(result.stdout)
    ctx.err(result.stderr)
    return result.rc


# -- the machine's shell -----------------------------------------------------------------------------------------------

LENT = ("usr/bin", "usr/sbin", "lib", "lib64", "usr/lib64", "dev", "proc", ".testbed")
"""Directories of the entered host that the zone's shell sees in place of the zone's own."""


def _shell(ctx: Context, line: str, zone: zones.Zone) -> int:
    if ctx.host.directory != Path("/"):
        ctx.err(
            f"zlogin: '{line}' needs a shell in the zone, which there is only on a simulated host that was entered\n"
        )
        return 1
    import subprocess

    root = ctx.host.path(f"{zone.zonepath}/root")
    places = [root / name for name in LENT if os.path.isdir(f"/{name}")]
    environment = {"PATH": "/usr/sbin:/usr/bin", "HOME": "/root", "LOGNAME": "root", "SHELL": "/bin/sh"}
    with _furnished(root, places), ctx.host.unlocked():
        done = subprocess.run(
            ["/usr/bin/sh", "-c", line],
            input=ctx.stdin(),
            capture_output=True,
            text=True,
            env={**environment, "TESTBED_ZONE": zone.name},
            preexec_fn=lambda: _become(root, places),
        )
    ctx.host.changed = True  # nobody sees what a shell does; so it counts as a change
    ctx.out(done.stdout)
    ctx.err(done.stderr)
    return max(done.returncode, 0)  # death by a signal is exit 0 (zone-tools 8)


@contextmanager
def _furnished(root: Path, places: list[Path]) -> Iterator[None]:
    """Give the zone's root the mount points and the links that a shell needs, as long as it runs."""
    directories = [place for place in [*places, root / "tmp", root / "root"] if not place.exists()]
    links = [root / name for name in ("bin", "sbin") if not os.path.lexists(root / name)]
    for place in directories:
        place.mkdir(parents=True)
    for link in links:
        link.symlink_to(f"usr/{link.name}")
    try:
        yield
    finally:
        for link in links:
            link.unlink()
        for place in reversed(directories):
            with suppress(OSError):  # not empty any more: the command wrote there
                place.rmdir()


def _become(root: Path, places: list[Path]) -> None:
    """In the child: a mount namespace of its own, in which the zone's root is `/`."""
    from testbed import enter

    enter.enter_again()
    for place in places:
        enter.bind(f"/{place.relative_to(root)}", str(place))
    os.chroot(root)
    os.chdir("/root")
