"""One run of pkg on one image: where its output goes, what it may read, and what stops it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from testbed import faults, zones
from testbed.command import UNREAD, Context
from testbed.ips import linked, messages
from testbed.ips.images import config, history, image, settings
from testbed.ips.images.catalog import Entry
from testbed.ips.images.config import Publisher, Sections
from testbed.ips.images.files import stamp
from testbed.ips.images.image import Image
from testbed.ips.linked import Child
from testbed.ips.repositories import no_system_repository, refresh
from testbed.ips.repositories.contacts import Contacts, Unreachable
from testbed.ips.repositories.repository import Repositories

if TYPE_CHECKING:
    from testbed.ips.acting.deliver import Changes
    from testbed.ips.planning.planner import Plan

UNSUPPORTED = (
    "pkg.client.api_errors.UnsupportedImageError: The image rooted at {root} is invalid or is not supported by this"
    " version of\nthe packaging system."
)


UNPRIVILEGED = {
    "set-publisher": "pkg: ",
    "set-property": "pkg: ",
    "unset-property": "pkg: ",
    "add-property-value": "pkg: ",
    "remove-property-value": "pkg: ",
    "refresh": "\npkg: ",
}
"""How a subcommand begins to tell that it is for root only, where not with its name."""


def zone_root(ctx: Context) -> str:
    """The root of the zone in which pkg was typed (zlogin); empty in the host's own file system.

    There ``state.zonename`` is what `zonename` prints, which need not be `global`.
    """
    if ctx.zone == ctx.host.state.zonename:
        return ""
    return next((f"{zone.zonepath}/root" for zone in zones.listed(ctx.host) if zone.name == ctx.zone), "")


def traceback(error: str) -> str:
    """What pkg prints before it exits with 99; ``error`` is the traceback's last line."""
    return (
        f"Traceback (most recent call last):\n{error}\n\n\n"
        "pkg: This is an internal error in pkg(7) version unknown.  Please log a\n"
        "Service Request about this issue including the information above and this\nmessage.\n"
    )


class Exit(Exception):
    """The command ends here with this exit code and text on stderr."""

    def __init__(self, rc: int, text: str = "") -> None:
        super().__init__(rc, text)
        self.rc = rc
        self.text = text


class NotFetched(Exit):
    """A package or a catalog could not be fetched; of this pkg says nothing else."""


class Unconfigured(Exit):
    """An image is to use the system repository, and this host has none."""


@dataclass
class Borrowed:
    """What -g brings into one run (alternates.py)."""

    origins: list[str] = field(default_factory=list)
    packages: list[Entry] = field(default_factory=list)
    """Known from these origins alone."""
    config: Sections = field(default_factory=dict)
    """The image's own configuration."""
    order: list[str] = field(default_factory=list)


class Session:
    """``root``: the image's root as a path of the host, without a slash at the end (but for `/` itself)."""

    def __init__(self, ctx: Context, root: str, parent: Session | None = None) -> None:
        self.ctx = ctx
        self.host = ctx.host
        self.root = root.rstrip("/") or "/"
        self.is_global = self.root == "/" and ctx.zone == "global"
        """The image of the running global zone, also once its work has moved: children are looked for only there."""
        self.quiet = False
        self.borrowed = Borrowed()
        self.command = ""
        """The subcommand, as messages name it."""
        self.planned: settings.Settings | None = None
        """What a plan makes of the image's settings."""
        self.locked = False
        """It has held the image's lock to change it."""
        self.started = stamp(False)
        self.recorded = False
        """The image's history tells of this run."""
        self.named = f"'{root}'"
        """How the image is named that is not there."""
        self.worked_out: tuple[Plan, Changes] | None = None
        """A plan and what it means in actions, see execution.changes."""
        self._parent = parent
        self._out: list[str] = []
        self._err: list[str] = []

    # -- output --------------------------------------------------------------------------------------------------------

    def out(self, text: str) -> None:
        if self._parent is None:
            self.ctx.out(text)
        else:
            self._out.append(text)

    def err(self, text: str) -> None:
        if self._parent is None:
            self.ctx.err(text)
        else:
            self._err.append(text)

    def progress(self, text: str) -> None:
        """Lines of the progress tracker, seen at once. Raises Exit if nobody reads them any more."""
        if not self.quiet:
            self.out(text)
            try:
                self.ctx.flush()
            except BrokenPipeError:
                raise Exit(UNREAD) from None
        if self.ctx.fault:
            for line in text.splitlines():
                self.ctx.fault.step(self.ctx, f"{self.image.child_name} {line}" if self._parent else line)

    @property
    def output(self) -> str:
        """What a child's run printed."""
        return "".join(self._out)

    @property
    def errors(self) -> str:
        return "".join(self._err)

    # -- the image -----------------------------------------------------------------------------------------------------

    @cached_property
    def dialect(self) -> str:
        """Which pkg is at work; where the host does not declare it, the one that writes the global zone's format."""
        declared = self.host.state.settings.get("pkg_dialect")
        if declared:
            return str(declared)
        try:
            return messages.MASTER if image.open(self.host.path("/")).format == 5 else messages.R151054
        except image.NoImage:
            return messages.MASTER

    @cached_property
    def image(self) -> Image:
        own = (4,) if self.dialect == messages.R151054 else image.FORMATS
        formats = tuple(self.host.state.settings.get("pkg_formats", own))
        try:
            if self.unprivileged and any(self.root.startswith(f"{z.zonepath}/") for z in zones.listed(self.host)):
                raise image.NoImage(self.root)  # zone paths are for root only (mode 0700)
            opened = image.open(self.host.path(self.root), formats)
        except image.NoImage:
            raise Exit(1, f"pkg: No image rooted at {self.named}\n") from None
        except image.UnsupportedFormat:
            raise Exit(99, traceback(UNSUPPORTED.format(root=self.root))) from None
        if opened.config["property"].get("use-system-repo") == "True":
            raise Unconfigured(99, traceback(no_system_repository.ERROR))
        for name in config.literal(opened.config["property"].get("key-files", "[]")):
            if not (opened.root / name.lstrip("/")).exists():
                raise Exit(51, f"pkg: Image is missing key file. Is everything mounted? '{name}'\n")
        return opened

    def running_packages(self) -> dict[str, Entry]:
        """What is installed in the running system's own image."""
        return (self if self.root == "/" else Session(self.ctx, "/")).image.installed()

    @cached_property
    def repositories(self) -> Repositories:
        return self._parent.repositories if self._parent else Repositories(self.host)

    @cached_property
    def contacts(self) -> Contacts:
        return Contacts(self.image.enabled, self.repositories.reachable)

    @property
    def live(self) -> bool:
        """The image of the running system: the global zone's, or that of the zone in which pkg was typed."""
        return self._parent is None and self.root == self._running_root

    @cached_property
    def _running_root(self) -> str:
        return zone_root(self.ctx) or "/"

    def move(self, root: str) -> None:
        """From now on the image is the copy of it that lies at ``root``; what is in memory is the same."""
        self.root = root
        self.image.move(self.host.path(root))

    @cached_property
    def children(self) -> list[Child]:
        return self.find_children()

    def find_children(self) -> list[Child]:
        return linked.children(self.host, self.image) if self.is_global else []

    def child(self, entry: Child) -> Session:
        """A run on a child, its output kept aside."""
        made = Session(self.ctx, entry.root, self)
        made.quiet = True
        made.dialect = self.dialect
        return made

    @property
    def future(self) -> Image:
        """The image with the settings that it is going to have."""
        return self.image if self.planned is None else settings.applied(self.image, self.planned)

    @property
    def is_child(self) -> bool:
        """A child's run, started by its parent's."""
        return self._parent is not None

    @property
    def suffix(self) -> str:
        """What pkg adds to messages about an image that is a child."""
        return f" ({self.image.child_name})" if self.image.child_name else ""

    @property
    def unprivileged(self) -> bool:
        """Run by somebody else than root."""
        return self.ctx.user != 0

    # -- what changes it -----------------------------------------------------------------------------------------------

    def lock(self, dry_run: bool = False) -> None:
        """Raises Exit 7 if another pkg holds the image's lock, Exit 1 to all but root (unless nothing is changed)."""
        self.image.format  # noqa: B018 - no image at all is said first
        if self.unprivileged and not dry_run:
            head = UNPRIVILEGED.get(self.command, f"\npkg {self.command}: ")
            raise Exit(1, f"{head}{messages.NOT_ROOT}")
        lock = self.image.meta / "lock"
        if any((held.rstrip("/") or "/") == self.root for held in self.host.state.locks) or faults.is_held(lock):
            raise Exit(7, f"pkg: {messages.LOCKED}")
        self.ctx.held.add(lock)
        self.locked = not dry_run

    def save(self) -> None:
        self.image.save(both=self.dialect == messages.MASTER)
        self.host.changed = True

    def fetch(
        self, publishers: Iterable[Publisher], prefix: str = " Startup: ", word: str = "Refreshing"
    ) -> list[Unreachable]:
        """Refresh catalogs, with the progress lines of it. Raises Exit 1 to all but root."""
        if self.unprivileged:
            place = os.path.join(self.root, "var/pkg/state/state_updating")
            raise Exit(1, f"\npkg {self.command}: {messages.NO_ACCESS.format(place)}")
        wanted = sorted(publishers, key=lambda entry: entry.name)
        missing, changed = refresh.fetch(self.image, self.repositories, wanted, self.contacts)
        for entry in wanted:
            self.progress(f"{prefix}{word} catalog '{entry.name}' ... Done\n")
        if changed:
            self.progress(f"{prefix}Caching catalogs ... Done\n")
            self.save()
            self.image.save_config()
            del self.contacts  # with its configuration pkg throws its transport away (client/image.py)
            for name in ("rebuild-image-catalogs", "refresh-publishers"):
                history.record(self, name=name)
        self.host.changed = True
        return missing

    def fetch_all(self) -> None:
        """Refresh before planning; what does not answer is only noted. Raises NotFetched for a wrong repository."""
        wanted = self.image.enabled
        wrong = [entry for entry in self.fetch(wanted) if entry.answered]
        if wrong:
            raise NotFetched(1, messages.refresh_failed(wrong, len(wanted), messages.NOT_REFRESHED))

    def manifest(self, entry: Entry) -> list[str]:
        """A package's manifest: the image's copy, else from a repository; raises Exit 1 if it cannot be had."""
        lines = self.image.manifest(entry.fmri)
        if lines is None:
            self.contacts.all()
            self.reach(entry)
            lines = self.repositories.manifest(entry.fmri)
            self.image.write_manifest(entry.fmri, lines)
            self.host.changed = True
        return lines

    def reach(self, entry: Entry) -> None:
        """Raises Exit 1 if no origin of the package's publisher offers it now."""
        origins = [p.active_origins for p in self.image.enabled if p.name == entry.publisher]
        uris = [*self.borrowed.origins, *(origins[0] if origins else [])]
        if not self.repositories.offers(uris, entry.fmri):
            missing = [Unreachable(entry.publisher, uri, len(uris)) for uri in uris]
            raise NotFetched(1, messages.fetch_failed(missing[:1]))

    def strike(self, path: str) -> None:
        """A declared fault that hits pkg right after it has replaced ``path``."""
        error = self.ctx.fault.replaced(path, self.image.child_name if self._parent else "") if self.ctx.fault else None
        if error:
            number, words = ERRORS[error]
            text = f"An unexpected error happened during {self.command}: [Errno {number}] {words}"
            raise Exit(1, f"pkg: {text}\n")


ERRORS = {"ENOSPC": (28, "No space left on device"), "EACCES": (13, "Permission denied"), "EIO": (5, "I/O error")}
"""Errors that a declared fault may give: their illumos numbers and texts."""
