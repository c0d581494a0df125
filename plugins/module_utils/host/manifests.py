# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests in folders of the packager's; unlike a zone's files they are trusted as far as symlinks go."""

from __future__ import annotations

import os
import stat

# .p5m as in the packaging guide, .mf as illumos consolidations had it before, .mog for parts given to pkgmogrify.
_ENDINGS = (".p5m", ".mf", ".mog")
# The longest of illumos has 0.3 MB.
_LARGEST = 16 * 1024 * 1024
_MOST_FILES = 100_000


class ManifestError(Exception):
    """A file cannot be read as a manifest, or is not there; the text is a sentence for people."""


def find(folder: str) -> list[str]:
    """Return the manifests below a folder, sorted. Raises ManifestError."""
    found: list[str] = []

    def fail(error: OSError) -> None:
        raise ManifestError(f"{error.filename} cannot be read: {error.strerror}.")

    for parent, folders, files in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(parent, name) for name in sorted(files) if name.endswith(_ENDINGS)]
        if len(found) > _MOST_FILES:
            raise ManifestError(f"{folder} has more than {_MOST_FILES} manifests; give a folder further down.")
    if not found:
        raise ManifestError(f"{folder} has no manifests ({', '.join('*' + ending for ending in _ENDINGS)}).")
    return found


def is_folder(path: str) -> bool:
    """Tell whether the path is a folder. Raises ManifestError if it is not there."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError) as exc:
        raise ManifestError(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}.") from None


def is_file(path: str) -> bool:
    """Tell whether there is a file that can be asked for."""
    return os.path.isfile(path)


def read(path: str) -> str:
    """Return the text of a manifest. Raises ManifestError."""
    try:
        # O_NONBLOCK: a FIFO that has the name of a manifest must not hang us.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise ManifestError(f"{path} is not a regular file.")
            content = stream.read(_LARGEST + 1)
    except (OSError, ValueError) as exc:
        raise ManifestError(f"{path} cannot be read: {getattr(exc, 'strerror', None) or exc}.") from None
    if len(content) > _LARGEST:
        raise ManifestError(f"{path} is larger than {_LARGEST} bytes.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ManifestError(f"{path} is not text in UTF-8.") from None
    if "\0" in text:
        raise ManifestError(f"{path} is not text.")
    return text
