# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fuser(8) and ps(1): what the global zone keeps open in a zone's root."""

from __future__ import annotations

import re

from .runner import CommandError, Runner

_PID = re.compile(r"(?<![\w/.-])(\d+)[a-z]*(?!\S)")


def parse_pids(text: str, path: str) -> list[int]:
    """Return the process ids in the output of `fuser -c PATH`; usage letters may follow each."""
    if text.startswith(path + ":"):
        text = text[len(path) + 1 :]
    return [int(pid) for pid in _PID.findall(text)]


def list_users(path: str) -> list[str]:
    """The command that `processes_in` runs first."""
    return ["fuser", "-c", path]


def processes_in(runner: Runner, path: str) -> list[str]:
    """Return one line "pid command" for each process of the global zone that keeps the file system at `path` busy.

    Processes of the zone itself do not count. If ps cannot tell the zone of a process, the process counts.
    """
    result = runner.probe(list_users(path), ok=(0, 1))
    pids = parse_pids(result.stdout, path)
    if not pids:
        said = result.stderr.strip().rstrip(":").strip()
        if result.rc != 0 and said not in ("", path):
            raise CommandError(f"`fuser -c {path}` failed: {said}", result)
        return []
    # One -o each: what follows "=" in an -o is the header, commas included (ps.1).
    ps = ["ps", "-o", "pid=", "-o", "zone=", "-o", "args=", "-p", ",".join(map(str, pids))]
    try:
        listed = runner.probe(ps, ok=(0, 1))
    except CommandError:
        return [f"{pid} (ps cannot tell what it is)" for pid in pids]
    rows = {row[0]: row for row in (line.split(None, 2) for line in listed.stdout.splitlines()) if len(row) >= 2}
    if not rows:
        if listed.rc == 1 and not listed.stderr.strip():
            return []  # so ps ends when there is no such process: all of them have ended
        return [f"{pid} (ps cannot tell what it is)" for pid in pids]
    return [f"{row[0]} {row[2] if len(row) > 2 else ''}".strip() for row in rows.values() if row[1] == "global"]
