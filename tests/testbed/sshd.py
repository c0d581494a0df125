"""A host reached over ssh: a server on the loopback whose sessions run inside the host, each as `enter` begins it.

The protocol is asyncssh's. A session has a terminal if the client asks for one. When its connection breaks, the
terminal goes and what runs in it gets SIGHUP; without a terminal what runs only finds nobody to read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncssh

from testbed import faults
from testbed.enter import CONNECTION
from testbed.host import Host

MAIN = Path(__file__).with_name("__main__.py")
LOOK_SECONDS = 0.2
"""How long a connection that a fault broke is not noticed."""


def serve(directory: Path) -> None:
    """Serve until the process is ended. The first line on standard output: variables of an inventory, as JSON."""
    asyncio.run(_serve(Host(directory.resolve())))


async def _serve(host: Host) -> None:
    place = host.private / "ssh"
    place.mkdir(mode=0o700, exist_ok=True)
    keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("client", "server")}
    with open(os.open(place / "key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(keys["client"].export_private_key())
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[keys["server"]],
        authorized_client_keys=asyncssh.import_authorized_keys(keys["client"].export_public_key().decode()),
        process_factory=partial(_session, host),
        encoding=None,
        line_editor=False,
    )
    port = server.get_port()
    public = keys["server"].export_public_key().decode()
    (place / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    print(json.dumps(_variables(place, port)), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()
    await server.wait_closed()


def _variables(place: Path, port: int) -> dict[str, object]:
    return {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(place / "key"),
        "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={place}/known_hosts -o IdentitiesOnly=yes",
        "ansible_ssh_transfer_method": "piped",
        "ansible_python_interpreter": "/usr/bin/python3",
    }


@contextlib.contextmanager
def _line(host: Host) -> Iterator[Path]:
    """The file that stands for a connection as long as it holds."""
    lines = host.private / faults.CONNECTIONS
    lines.mkdir(exist_ok=True)
    handle, name = tempfile.mkstemp(dir=lines)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


async def _session(host: Host, client: asyncssh.SSHServerProcess[bytes]) -> None:
    """One command, or a shell, of a connection."""
    script = ["/bin/sh", "-c", client.command] if client.command else ["/bin/sh", "-i"]
    argv = [sys.executable, "-IS", str(MAIN), "enter", str(host.directory), "--", *script]
    with _line(host) as line:
        boots = _boots(host)
        # its type is "" where the client knows none
        start = _on_pipes if client.get_terminal_type() is None else _on_terminal
        process, ends = start(argv, {**os.environ, CONNECTION: str(line)}, client)
        ended = asyncio.ensure_future(_talk(client, process, ends))
        while not ended.done() and line.exists():
            await asyncio.wait({ended}, timeout=LOOK_SECONDS)
        rc = await ended if ended.done() else None
        ended.cancel()
        if rc is None or not line.exists() or (rc == -signal.SIGKILL and _boots(host) != boots):
            client.channel.get_connection().abort()
        else:
            client.exit(rc if rc >= 0 else 128 - rc)


def _boots(host: Host) -> tuple[int, bool]:
    host.load()
    return host.state.boots, host.state.powered


@dataclass(frozen=True)
class _Ends:
    """File descriptors: where what the client types goes, and what it is shown."""

    typed: int
    shown: int
    errors: int | None = None


def _on_terminal(
    argv: list[str], env: dict[str, str], client: asyncssh.SSHServerProcess[bytes]
) -> tuple[subprocess.Popen[bytes], _Ends]:
    master, slave = os.openpty()
    width, height, *_ = client.get_terminal_size()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    process = subprocess.Popen(
        argv,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**env, "TERM": client.get_terminal_type() or "dumb"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,
    )
    os.close(slave)
    return process, _Ends(os.dup(master), master)


def _on_pipes(
    argv: list[str], env: dict[str, str], client: asyncssh.SSHServerProcess[bytes]
) -> tuple[subprocess.Popen[bytes], _Ends]:
    typed, shown, errors = os.pipe(), os.pipe(), os.pipe()
    process = subprocess.Popen(argv, stdin=typed[0], stdout=shown[1], stderr=errors[1], env=env, start_new_session=True)
    for theirs in (typed[0], shown[1], errors[1]):
        os.close(theirs)
    return process, _Ends(typed[1], shown[0], errors[0])


async def _talk(client: asyncssh.SSHServerProcess[bytes], process: subprocess.Popen[bytes], ends: _Ends) -> int | None:
    """Until nobody has the outputs any more: the exit code. None: the client is gone, and what runs was let go."""
    feeding = asyncio.ensure_future(_feed(client, ends.typed))
    try:
        shown = [_pass(ends.shown, client.stdout)]
        await asyncio.gather(*shown, *([] if ends.errors is None else [_pass(ends.errors, client.stderr)]))
        return await asyncio.to_thread(process.wait)
    except (OSError, asyncssh.Error):
        return None
    finally:
        feeding.cancel()
        await asyncio.wait({feeding})
        for end in (ends.shown, *([] if ends.errors is None else [ends.errors])):
            os.close(end)


async def _pass(source: int, target: asyncssh.SSHWriter[bytes]) -> None:
    """Raises OSError if the client is gone."""
    loop = asyncio.get_running_loop()
    while True:
        await _ready(source, loop.add_reader, loop.remove_reader)
        try:
            shown = os.read(source, 65536)
        except OSError:  # EIO: nobody has the terminal any more
            return
        if not shown:
            return
        target.write(shown)
        await target.drain()


async def _feed(client: asyncssh.SSHServerProcess[bytes], target: int) -> None:
    loop = asyncio.get_running_loop()
    os.set_blocking(target, False)
    try:
        while given := await client.stdin.read(65536):
            while given:
                await _ready(target, loop.add_writer, loop.remove_writer)
                given = given[os.write(target, given) :]
    except (OSError, asyncssh.Error):
        pass  # it does not read any more, or nobody types any more
    finally:
        os.close(target)


async def _ready(end: int, add: Callable[..., None], remove: Callable[[int], bool]) -> None:
    waiting = asyncio.Event()
    add(end, waiting.set)
    try:
        await waiting.wait()
    finally:
        remove(end)
