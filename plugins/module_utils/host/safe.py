# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files below a directory that is not trusted (a zone's root): no symlink is followed, sizes are bounded."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Iterator

MEGABYTE = 1024 * 1024
_MOST_FILES = 500_000
# Older illumos has no O_DIRECTORY; what is no directory then fails at its first use as one, and a FIFO does not hang.
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class UnsafePath(Exception):
    """Something below the directory is not what it should be (a symlink, too big, not a file)."""


@contextlib.contextmanager
def directory(root: str, path: str = "") -> Iterator[int]:
    """Open the directory `path` below `root`, one component after the other, never through a symlink.

    Yields a descriptor. Raises FileNotFoundError if it is not there, UnsafePath if a component is no directory.
    """
    fd = os.open(root, _DIRECTORY)
    try:
        for part in [p for p in path.split("/") if p]:
            try:
                below = os.open(part, _DIRECTORY, dir_fd=fd)
            except NotADirectoryError:
                raise UnsafePath(f"{path} below {root} is reached through something that is no directory.") from None
            except OSError as exc:
                if isinstance(exc, FileNotFoundError):
                    raise
                raise UnsafePath(f"{path} below {root} cannot be opened safely: {_reason(exc)}.") from None
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def read(root: str, path: str, limit: int = MEGABYTE) -> bytes:
    """Return the content of a regular file below `root`. Raises FileNotFoundError, UnsafePath (also above `limit`)."""
    folder, name = os.path.split(path)
    with directory(root, folder) as dir_fd:
        try:
            # O_NONBLOCK: a FIFO put there must not hang us.
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd)
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise UnsafePath(f"{path} below {root} cannot be opened safely: {_reason(exc)}.") from None
    with os.fdopen(fd, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnsafePath(f"{path} below {root} is not a regular file.")
        # What is too big by its own account need not be read to be sure.
        content = stream.read(limit + 1) if status.st_size <= limit else b""
    if max(len(content), status.st_size) > limit:
        raise UnsafePath(f"{path} below {root} is larger than {limit} bytes.")
    return content


def words(error: Exception) -> str:
    """Return an error as the end of a sentence, without its full stop."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {_reason(error)}" if error.filename else _reason(error)
    if isinstance(error, MemoryError):
        return "this host has not enough memory for it"
    return str(error).rstrip(".")


def _reason(error: OSError) -> str:
    # What O_NOFOLLOW says of a symlink reads as if it were a maze of them.
    return "it is a symlink" if error.errno == errno.ELOOP else str(error.strerror)


def exists(root: str, path: str) -> bool:
    """Tell whether there is something (a symlink counts as what it is) at `path` below `root`."""
    folder, name = os.path.split(path)
    try:
        with directory(root, folder) as dir_fd:
            os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def unlink(root: str, name: str) -> None:
    """Remove a file directly in `root` if it is there; a symlink itself is removed, never what it points to."""
    with contextlib.suppress(FileNotFoundError), directory(root) as dir_fd:
        os.unlink(name, dir_fd=dir_fd)


def remove_tree(root: str, path: str) -> None:
    """Remove a directory below `root` with all in it, as `rm -rf` would, without following a symlink."""
    folder, name = os.path.split(path)
    try:
        with directory(root, folder) as dir_fd:
            _remove(dir_fd, name)
    except FileNotFoundError:
        pass
    except RecursionError:
        raise UnsafePath(f"{path} below {root} is nested too deep.") from None


def _remove(dir_fd: int, name: str) -> None:
    status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(name, dir_fd=dir_fd)
        return
    fd = os.open(name, _DIRECTORY, dir_fd=dir_fd)
    try:
        for entry in os.listdir(fd):
            _remove(fd, entry)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=dir_fd)


def check_tree(root: str, path: str) -> None:
    """See that no program that works below `path` (a directory below `root`) can be led out of it, or made to wait.

    Raises UnsafePath for a symlink that may leave `path`, and for what is neither file nor directory. For a tree that
    nobody changes meanwhile.
    """
    with directory(root, path) as top:
        try:
            _check_tree(top, f"{path} below {root}")
        except (OSError, RecursionError) as exc:
            raise UnsafePath(f"{path} below {root} cannot be looked through: {exc}.") from None


def _check_tree(top: int, what: str) -> None:
    seen = 0
    for folder, folders, files, fd in os.fwalk(".", dir_fd=top, onerror=_raise):
        depth = folder.count("/")
        seen += len(folders) + len(files)
        if seen > _MOST_FILES:
            raise UnsafePath(f"{what} has more than {_MOST_FILES} files.")
        for name in folders + files:
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode) and _stays(os.readlink(name, dir_fd=fd), depth):
                continue
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise UnsafePath(
                    f"{os.path.join(folder, name)!r} in {what} is neither a file nor a directory of its own."
                )


def _stays(target: str, depth: int) -> bool:
    """Tell whether a link in a directory `depth` below the top stays below it, also if what it names are links.

    ".." in front leads through real directories, so it can be counted; anywhere else it could leave another link.
    """
    parts = target.split("/")
    ups = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    return not target.startswith("/") and ups <= depth and ".." not in parts[ups:]


def _raise(error: OSError) -> None:
    raise error


def tail(path: str, offset: int = 0, limit: int = MEGABYTE) -> str:
    """Return a log file of root's from `offset` on, at most its last `limit` bytes; "" if it is not there.

    For /tmp and /var/tmp, where anybody may put a file: a symlink or somebody else's file counts as not there.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return ""
        stream.seek(max(offset, status.st_size - limit))
        return stream.read(limit).decode("utf-8", errors="replace")


def size(path: str) -> int:
    """Return the size of a file, 0 if it is not there."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def files_of_mine(folder: str, prefix: str) -> dict[str, float]:
    """Return path -> time of change of the files in `folder` whose names begin with `prefix`.

    Only regular files of this user count: in /var/tmp anybody may put one that is named like a log.
    """
    found: dict[str, float] = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            # It may be gone by now, and is nobody's log then.
            with contextlib.suppress(FileNotFoundError):
                if entry.name.startswith(prefix) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_uid == os.geteuid():
                        found[entry.path] = status.st_mtime
    return found
