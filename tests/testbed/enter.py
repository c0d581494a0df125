"""Entering a host: a private mount namespace in which the host's directory is `/`.

What the machine lends is shown below `/.testbed`: its /usr, this Python and this package, read-only, and its /proc,
which is no illumos one and so not at its place. /dev is the machine's. Nothing outside the namespace changes, and it
ends with the processes in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from testbed.host import Host
from testbed.outside import HOOKS, PKG, REPOSITORIES

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER = 0x00020000, 0x04000000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
CONNECTION = "TESTBED_CONNECTION"
"""Set by the connection plugin: the file that stands for its connection, for the id of the session that begins here."""
ENVIRONMENT = {
    "PATH": "/usr/bin:/usr/sbin:/sbin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/sh",
    "LC_ALL": "C.UTF-8",
}

_libc = ctypes.CDLL(None, use_errno=True)


class Impossible(Exception):
    """This machine cannot give a private mount namespace; the message says what it lacks."""


def execute(directory: Path | str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> NoReturn:
    """Become ``argv`` on the host. A host without power comes up first.

    Raises `Impossible`, and OSError if the program is not there.
    """
    host = Host(Path(directory).resolve())
    ready(host)
    if os.environ.get(CONNECTION):
        _note_session(os.environ[CONNECTION])
    _namespace()
    _show(host)
    name = host.state.uname.get("nodename", "omnios").encode()
    _call("sethostname", name, len(name))
    os.chroot(host.directory)
    os.chdir("/root" if os.path.isdir("/root") else "/")
    full = {**ENVIRONMENT, **(env or {})}
    if os.environ.get(PKG):
        full[PKG] = os.path.abspath(os.environ[PKG])
    if "TERM" in os.environ:
        full["TERM"] = os.environ["TERM"]
    os.execvpe(argv[0], list(argv), full)


def _note_session(connection: str) -> None:
    # A session hangs up when its connection breaks, also where who started us ignores that (nohup).
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with open(connection, "r+") as file:
            file.write(f"{os.getsid(0)}")
    except FileNotFoundError:
        raise ConnectionAbortedError(errno.ECONNABORTED, "its connection broke before it began") from None


def ready(host: Host) -> None:
    """Switch the host on if it is off, and see that programs can run in it."""
    from testbed import plumbing

    with host.locked():
        if not host.state.powered:
            from testbed import boot
            from testbed.command import Context

            boot.power_on(Context(host, ["power-on"], {}))
        plumbing.install(host)


def _namespace() -> None:
    if os.geteuid() == 0:
        _call("unshare", CLONE_NEWNS | CLONE_NEWUTS)
    else:
        uid, gid = os.geteuid(), os.getegid()
        _call("unshare", CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _mount(None, "/", MS_REC | MS_PRIVATE)


def _call(name: str, *args: object) -> None:
    if getattr(_libc, name)(*args) != 0:
        number = ctypes.get_errno()
        raise Impossible(
            f"cannot make a private mount namespace ({name}: {os.strerror(number)}): run it as root, or on a machine "
            "where user namespaces are allowed (sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu "
            "kernel.apparmor_restrict_unprivileged_userns=0); in a container, start it with the right to mount"
        )


def enter_again() -> None:
    """A further mount namespace, for a process on the host that shows something of its own. Raises `Impossible`."""
    _call("unshare", CLONE_NEWNS)


def bind(source: str, target: str) -> None:
    """Show the directory ``source`` at the directory ``target``, too."""
    _mount(source, target, MS_BIND | MS_REC)


def _mount(source: str | None, target: str, flags: int) -> None:
    _call("mount", source.encode() if source else None, target.encode(), None, ctypes.c_ulong(flags), None)


def _show(host: Host) -> None:
    private = str(host.private)
    code = Path(__file__).parent.parent
    for source, target in (("/usr", "linux"), (sys.base_prefix, "python"), (str(code), "code")):
        bind(source, f"{private}/{target}")
        with contextlib.suppress(Impossible):  # a mount that is locked here stays as it is
            _mount(None, f"{private}/{target}", MS_BIND | MS_REMOUNT | MS_RDONLY)
    bind("/proc", f"{private}/proc")
    bind("/dev", str(host.path("/dev")))
    for source, place in _lent():
        host.path(place).mkdir(parents=True, exist_ok=True)
        bind(source, str(host.path(place)))


def _lent() -> Iterator[tuple[str, str]]:
    """(directory of the machine, where the host shows it) as the environment asks for. Raises `Impossible`."""
    for variable in (HOOKS, PKG, REPOSITORIES):
        value = os.environ.get(variable, "")
        if value and not os.path.exists(value):
            raise Impossible(f"{variable} is {value}, which is not there")
    if os.environ.get(HOOKS):
        yield os.path.realpath(os.environ[HOOKS]), "/usr/lib/brand"
    if os.environ.get(REPOSITORIES):
        yield os.path.realpath(os.environ[REPOSITORIES]), "/.testbed/repo"
    if os.environ.get(PKG):
        directory = os.path.dirname(os.path.abspath(os.environ[PKG]))
        around = os.path.dirname(directory) if os.path.basename(directory) == "bin" else directory
        yield around, around
