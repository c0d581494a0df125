"""Files, directories and links of an image: carrying out what a plan means in actions."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed.host import Host
from testbed.ips.acting import preserve
from testbed.ips.acting.deliver import Changes
from testbed.ips.action import Action
from testbed.ips.repositories.repository import Repositories

DENIED = (
    "Could not operate on {path}\nbecause of insufficient permissions."
    " Please try the command again as a privileged user."
)
PARENT_IS_LINK = (
    "Cannot install '{path}'; parent directory {parent} is a link to {target}.  To continue, move the directory to its"
    " original location and try again."
)
PARENT_IS_FILE = (
    "Unable to create {path}; a parent directory {parent} has been replaced with a file or link.  Please restore the"
    " parent directory and try again."
)
LINK_FOR_DIRECTORY = (
    "Unable to create directory {path}; it has been replaced with a link.  To continue, please remove the link or"
    " restore the directory to its original location and try again."
)


ZONES = "etc/zones"
"""Stays with what is in it when system/zones goes: the recorded machines kept their zones elsewhere."""

GROUPS = {"root": 0, "other": 1, "bin": 2, "sys": 3, "adm": 4, "uucp": 5, "mail": 6, "tty": 7, "lp": 8, "daemon": 12}
"""The numbers of illumos; a file of another group stays root's."""


def _give(place: Path, new: Action, mode: int) -> None:
    """Set a file's mode and, where the machine lets us, its group: a real pkg that verifies the image looks at it."""
    if os.geteuid() == 0:
        with contextlib.suppress(OSError):  # in a user namespace there is no group but one
            os.chown(place, -1, GROUPS.get(new.get("group"), 0))
    place.chmod(mode)


class Failed(Exception):
    """The plan could not be carried out: the text is pkg's. What was done so far stays done.

    ``logged``: what pkg says of the action at once, before it goes back.
    """

    def __init__(self, text: str, logged: str = "") -> None:
        super().__init__(text)
        self.logged = logged


class Unforeseen(Exception):
    """As Failed, but of an error that pkg has no words for: the text is that of the operating system."""


def refused(made: Changes, new: Action, details: str) -> Failed:
    """An action that pkg does not carry out (ActionExecutionError)."""
    package = made.packages[new.get("path")]
    text = f"Requested operation failed for package {package}:\n{details}"
    doing, indent = ("install", "  ") if any(new is each for each in made.install) else ("upgrade", " ")
    head = f"Action {doing} failed for '{new.get('path')}' ({package.partition('@')[0]}):\n"
    return Failed(text, f"{head}{indent}ActionExecutionError: {text}\n")


@dataclass(frozen=True)
class Tree:
    """Files of an image below ``root``, a path of the host. Methods raise Failed; what was done until then stays."""

    host: Host
    root: str
    repositories: Repositories

    def carry_out(
        self,
        made: Changes,
        after: Callable[[str], None] = lambda path: None,
        begins: Callable[[int, str], None] = lambda number, what: None,
    ) -> None:
        """Change the files; ``after`` is called with each path right after its action.

        ``begins`` is called before each kind of actions with the first one's number and what pkg calls them.
        """
        if made.remove:
            begins(1, "Removing old actions")
        for old in made.remove:
            self._remove(old, made)
            after(old.get("path"))
        if made.install:
            begins(len(made.remove) + 1, "Installing new actions")
        for new in made.install:
            self._install(new, made)
            after(new.get("path"))
        if made.update:
            begins(len(made.remove) + len(made.install) + 1, "Updating modified actions")
        for old, new in made.update:
            self._install(new, made, old)
            after(new.get("path"))

    def content(self, path: str) -> bytes | None:
        """Of a regular file at a path of the image; None: there is none."""
        place = self._followed(path)
        return place.read_bytes() if place and place.is_file() and not place.is_symlink() else None

    def _remove(self, old: Action, made: Changes) -> None:
        place = self._followed(old.get("path"))
        if place is None or not preserve.removed(old):
            return
        if old.kind == "dir":
            if place.is_symlink() or place.exists():
                self._check_changeable(place)
                if old.get("path") != ZONES or not any(place.iterdir()):
                    self._clear_directory(place, old.get("path"))
        elif place.is_symlink() or place.exists():
            self._check_changeable(place)
            content = self.content(old.get("path")) if old.get("preserve") and old.get("path") in made.leaving else None
            if content is not None and content != self.repositories.payload(old.hash):
                self._salvage(place, old.get("path"))
            else:
                self._clear(place, old.get("path"))

    def _clear_directory(self, place: Path, path: str) -> None:
        """Remove it; what somebody else left in it or put in its place is kept aside (actions/directory.py)."""
        if place.is_symlink() or not place.is_dir() or any(place.iterdir()):
            self._salvage(place, path)
        else:
            place.rmdir()

    def _clear(self, place: Path, path: str) -> None:
        """Take away what is there; a directory where none belongs is kept aside unless it is empty."""
        if not place.is_dir() or place.is_symlink():
            place.unlink(missing_ok=True)
        else:
            self._clear_directory(place, path)

    def _salvage(self, place: Path, path: str) -> None:
        """Keep what no package has any more (Image.salvage)."""
        kept = self._path(f"var/pkg/lost+found/{path}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        place.rename(kept)

    def _install(self, new: Action, made: Changes, old: Action | None = None) -> None:
        place = self._place(new, made)
        if new.kind == "dir":
            self._make_directory(place, new, made)
            return
        self._make_parents(place)
        if new.kind in ("file", "license"):
            self._write(place, new, old, made)
            return
        self._check_changeable(place)
        self._clear(place, new.get("path"))
        if new.kind == "link":
            place.symlink_to(new.get("target"))
        else:
            target = os.path.normpath(os.path.join(os.path.dirname(new.get("path")), new.get("target")))
            os.link(self._path(target), place)

    def _make_directory(self, place: Path, new: Action, made: Changes) -> None:
        if place.is_symlink():
            raise refused(made, new, LINK_FOR_DIRECTORY.format(path=self._name(place)))
        if not place.is_dir():
            self._make_parents(place)
            if not self._changeable(place):  # pkg looks at what it could not make (actions/directory.py)
                raise Unforeseen(f"[Errno 2] No such file or directory: '{self._name(place)}'")
            place.mkdir()
        _give(place, new, int(new.get("mode", "0755"), 8))

    def _make_parents(self, place: Path) -> None:
        missing = [parent for parent in place.parents if not parent.exists()]
        for parent in reversed(missing):
            self._check_changeable(parent)
            parent.mkdir()

    def _write(self, place: Path, new: Action, old: Action | None, made: Changes) -> None:
        """The content is touched only where it becomes another; an edited file is treated as `preserve` says."""
        path, mode = new.get("path"), int(new.get("mode", "0644"), 8)
        disk = self.content(path)
        if old is None and path in made.fresh and disk is not None and preserve.removed(new):
            if new.get("preserve"):
                self._salvage(place, path)
            disk = None
        what = preserve.verdict(old, new, disk, self.repositories.payload, path in made.older)
        if what == "abandon":
            return
        same = what is None and old is not None and old.hash == new.hash
        if disk is not None and (same or what == preserve.KEEP):
            _give(place, new, mode)
            return
        scratch = place.with_name(f"tmp{secrets.token_hex(4)}")
        self._check_changeable(scratch)
        scratch.write_bytes(self.repositories.payload(new.hash))
        _give(scratch, new, mode)
        aside = place.with_name(place.name + preserve.SUFFIXES.get(what or "", ""))
        if what == "renamenew":
            place = aside
        elif aside != place and disk is not None and not (what == "legacy" and old and old.get("preserve") == what):
            place.rename(aside)
        if place.is_dir():
            self._clear(place, path)
        scratch.rename(place)

    # -- where ---------------------------------------------------------------------------------------------------------

    def _path(self, path: str) -> Path:
        parts = path.strip("/").split("/")
        if ".." in parts:
            raise Failed(f"Path '{path}' leads out of the image.")
        return self.host.path(self.root).joinpath(*parts)

    def _name(self, place: Path) -> str:
        """As the host names it."""
        return f"/{place.relative_to(self.host.directory)}"

    def _place(self, new: Action, made: Changes) -> Path:
        """Where a path of the image is. A link in place of a directory is never followed: it may lead out of it."""
        place = self._path(new.get("path"))
        top = self.host.path(self.root)
        for parent in reversed(place.parents[: len(place.relative_to(top).parts) - 1]):
            if parent.is_symlink():
                target = os.path.normpath(os.path.join(self._name(parent.parent), os.readlink(parent)))
                names = {"path": self._name(place), "parent": self._name(parent), "target": target}
                raise refused(made, new, PARENT_IS_LINK.format(**names))
            if parent.exists() and not parent.is_dir():
                names = {"path": self._name(place.parent), "parent": self._name(parent)}
                raise refused(made, new, PARENT_IS_FILE.format(**names))
        return place

    def _followed(self, path: str) -> Path | None:
        """Where pkg removes ``path``: it follows links there, the testbed only inside of the image."""
        place = self._path(path)
        top = self.host.path(self.root).resolve()
        return place if place.parent.resolve().is_relative_to(top) else None

    def _changeable(self, place: Path) -> bool:
        return self._name(place.parent) not in self.host.state.immutable

    def _check_changeable(self, place: Path) -> None:
        if not self._changeable(place):
            raise Failed(DENIED.format(path=self._name(place)))
