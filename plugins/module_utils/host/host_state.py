# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The note of which zones ran, and the mark by which a later run knows whether the host was rebooted since."""

from __future__ import annotations

import os
import secrets

from ..model.finding import refuse
from ..model.host_state import Note
from . import durable

PATH = os.path.join(durable.DIRECTORY, "host_state", "note")
# On a file system in memory: gone after a reboot (filesystem.7).
_MARK = "/var/run/illumos.linked_zones.boot"


def load() -> Note | None:
    """Return the note, None if there is none. Raises Refusal if it cannot be understood."""
    try:
        text = durable.read(PATH)
        return None if text is None else Note.from_json(text)
    except (OSError, ValueError) as exc:
        raise refuse(
            "note-unreadable",
            f"The note of which zones ran, {PATH}, cannot be understood ({exc}).",
            "Bring the zones to the state they shall have by hand, then run with `state: forgotten`.",
        ) from None


def save(note: Note) -> None:
    """Write the note durably."""
    durable.write(PATH, note.to_json())


def remove() -> None:
    """Remove the note durably; it need not be there."""
    durable.remove(PATH)


def boot_mark() -> str | None:
    """Return the mark of this boot, None if none was made yet."""
    try:
        return durable.read(_MARK)
    except (OSError, ValueError):
        return None


def make_boot_mark() -> str:
    """Return the mark of this boot; make one if there is none."""
    mark = boot_mark()
    if mark:
        return mark
    mark = secrets.token_hex(8)
    fd = os.open(_MARK, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as stream:
        stream.write(mark)
    return mark
