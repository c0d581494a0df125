# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs tasks on a simulated illumos host: every command enters the host's private world, as a login would."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

DOCUMENTATION = """
name: testbed
short_description: Run tasks on a simulated illumos host
description:
  - Enters the directory of a host made with C(python -m testbed declare). No ssh and no network is involved.
  - A host without power is switched on by the first task that reaches it.
  - When the host goes down during a task the connection is lost, as it would be over ssh;
    M(ansible.builtin.reboot) and M(ansible.builtin.wait_for_connection) work.
  - A fault can break it, too. Then what the task started gets SIGHUP, as when a terminal is closed;
    what made a session of its own lives on.
author: illumos.linked_zones contributors
options:
  host_dir:
    description: Directory of the host.
    type: path
    required: true
    vars:
      - name: ansible_testbed_dir
      - name: testbed_dir
  remote_addr:
    description: Name of the host, in messages.
    type: string
    default: inventory_hostname
    vars:
      - name: inventory_hostname
"""

TESTBED = Path(__file__).resolve().parents[3] / "__main__.py"
KILLED = (-9, 137)
LOOK_SECONDS = 0.2
"""How long a broken connection is not noticed where what ran on it lives on."""

display = Display()


class Connection(ConnectionBase):  # type: ignore[misc]  # ansible-core has no types
    """One simulated host. Nothing stays open between two commands."""

    transport = "testbed"
    has_pipelining = True
    has_tty = False

    def _connect(self) -> Connection:
        directory = self._directory()
        if not (directory / ".testbed" / "state.json").is_file():
            raise AnsibleConnectionFailure(
                f"{directory} is not a simulated host: make it with `python -m testbed declare FILE {directory}`"
            )
        self._connected = True
        return self

    def _directory(self) -> Path:
        return Path(self.get_option("host_dir")).absolute()

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run one line of shell on the host. Raises AnsibleConnectionFailure if the host went down meanwhile."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        display.vvv(f"EXEC {cmd}", host=self.get_option("remote_addr"))
        return self._enter(["/bin/sh", "-c", cmd], in_data)

    def _enter(self, argv: list[str], in_data: bytes | None) -> tuple[int, bytes, bytes]:
        self._connect()
        up_before = self._boots()
        command = [sys.executable, "-IS", os.fspath(TESTBED), "enter", os.fspath(self._directory()), "--", *argv]
        # A file, not a pipe: communicate() with a timeout forgets input that has not been taken by then.
        with self._line() as line, tempfile.TemporaryFile() as given:
            given.write(in_data or b"")
            given.seek(0)
            process = subprocess.Popen(
                command,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "TESTBED_CONNECTION": os.fspath(line)},
                start_new_session=True,
            )
            try:
                out, err = self._talk(process, line)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGHUP)
                raise
        if process.returncode in KILLED and self._boots() != up_before:
            raise AnsibleConnectionFailure("the connection was lost: the host went down")
        return process.returncode, out, err

    @contextlib.contextmanager
    def _line(self) -> Iterator[Path]:
        """A file that stands for this connection as long as it holds; the testbed takes it away to break it."""
        lines = self._directory() / ".testbed" / "connections"
        lines.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=lines)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _talk(self, process: subprocess.Popen[bytes], line: Path) -> tuple[bytes, bytes]:
        """Standard output and error to their end. Raises AnsibleConnectionFailure if it breaks meanwhile."""
        while True:
            try:
                out, err = process.communicate(timeout=LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                out = None
            if not line.exists():
                raise AnsibleConnectionFailure("the connection was lost while the command ran")
            if out is not None:
                return out, err

    def _boots(self) -> tuple[int, bool]:
        state = json.loads((self._directory() / ".testbed" / "state.json").read_text())
        return state["boots"], state["powered"]

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file of the controller to the host."""
        super().put_file(in_path, out_path)
        if not os.path.exists(in_path):
            raise AnsibleFileNotFound(f"file or module does not exist: {in_path}")
        script = f"cat > {shlex.quote(out_path)}"
        rc, _, err = self._enter(["/bin/sh", "-c", script], Path(in_path).read_bytes())
        if rc != 0:
            raise AnsibleError(f"failed to transfer file to {out_path}: {err.decode(errors='replace').strip()}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file of the host to the controller."""
        super().fetch_file(in_path, out_path)
        rc, out, err = self._enter(["/bin/sh", "-c", f"cat {shlex.quote(in_path)}"], None)
        if rc != 0:
            raise AnsibleError(f"failed to fetch {in_path}: {err.decode(errors='replace').strip()}")
        Path(out_path).write_bytes(out)

    def reset(self) -> None:
        """Nothing to close."""

    def close(self) -> None:
        """Nothing to close."""
        self._connected = False
