"""Boot environments of a change of packages: is there a new one, what is its name, and working in it."""

from __future__ import annotations

import re
import secrets
import string
import time
from dataclasses import dataclass

from testbed import boot, zfs
from testbed.ips import action
from testbed.ips.acting.deliver import Changes
from testbed.ips.cli.options import Options, clash
from testbed.ips.images import history
from testbed.ips.images.catalog import Entry
from testbed.ips.planning.planner import Plan
from testbed.ips.request import Request, Wanted
from testbed.ips.session import Exit, Session

NAME = re.compile(r"[A-Za-z0-9_.:-]+")
NEXT_BOOT = "bootnext"
"""As ``activate``: at the next boot only (-t)."""

ON_LIVE_IMAGE = "The proposed operation cannot be performed on a live image."
DEAD_BE = "Naming a boot environment when operating on a non-live image is\nnot allowed."
NOT_SUPPORTED = (
    "Boot environment naming during package install is not supported on this\n"
    "version of OpenSolaris. Please update without the --be-name option."
)
NOT_COPIED = "pkg: Unable to clone the current boot environment.\n"
STARS = "*" * 78

NOT_ACTIVE = f"""
{STARS}
WARNING: The boot environment being modified is not the active one.
         {{changes}} will not be reflected on the next boot.
{STARS}

"""
UPDATED = """
A clone of {old} exists and has been updated and activated.
On the next boot the Boot Environment {new} will be
mounted on '/'.  Reboot when ready to switch to this updated BE.

*** Reboot required ***
New BE: {new}

"""
NOT_ACTIVATED = """
A clone of {old} exists and has been updated.  To set the
new BE as the active one on next boot, execute the following
command as a privileged user and reboot when ready to switch to
the updated BE:

beadm activate {new}

"""
CLONE_FAILED = (
    "The running system has not been modified. Modifications were only made to a clone ({new}) of the running system."
    " This clone is mounted at {at} should you wish to inspect it.\n"
)
LIVE_FAILED = (
    "The Boot Environment {old} failed to be updated. A snapshot was taken before the failed attempt and is mounted"
    " here {at}. Use 'beadm unmount {new}' and then 'beadm activate {new}' if you wish to boot to this BE.\n"
)


def wanted(command: str, given: Options, once: bool) -> Wanted:
    """What the options ask for; ``once``: the image's temp-be-activation. Raises Exit 2."""
    name, backup_name = given.one("--be-name"), given.one("--backup-be-name")
    require, deny = given.has("--require-new-be") or bool(name), given.has("--deny-new-be")
    activate = not given.has("--no-be-activate")
    backup, no_backup = given.has("--require-backup-be") or bool(backup_name), given.has("--no-backup-be")
    if require and deny:
        raise clash(command, "--require-new-be", "--deny-new-be")
    if given.has("-t", "--temp-be-activate") and not activate:
        raise clash(command, "--no-be-activate", "-t/--temp-be-activate")
    if backup and no_backup:
        raise clash(command, "--require-backup-be", "--no-backup-be")
    if backup and require:
        raise clash(command, "--require-backup-be", "--require-new-be")
    return Wanted(
        new=True if require else False if deny else None,
        name=name,
        backup=True if backup else False if no_backup else None,
        backup_name=backup_name,
        activate=NEXT_BOOT if activate and (once or given.has("-t", "--temp-be-activate")) else activate,
    )


def _supported(session: Session) -> bool:
    """Is libbe there (``settings[libbe]``), and are there boot environments to copy?"""
    return bool(session.host.state.settings.get("libbe", True) and boot.listed(session.host))


def check_names(session: Session, request: Request) -> None:
    """Raises Exit 1 for a name that is bad or taken, or any name where the image is not that of the running system."""
    for name in (request.boot.name, request.boot.backup_name):
        if name is None:
            continue
        problem = ""
        if not _supported(session):
            problem = NOT_SUPPORTED
        elif not NAME.fullmatch(name):
            problem = f"'{name}' is not a valid boot environment name."
        elif boot.find(session.host, name):
            problem = f"The boot environment '{name}' already exists."
        elif not session.live:
            problem = DEAD_BE
        if problem:
            raise Exit(1, f"\npkg {request.operation}: {problem}\n")


@dataclass(frozen=True)
class Decision:
    """What becomes of boot environments. ``backup`` is None where pkg never asks itself, which is seen in the JSON."""

    new: bool
    name: str | None
    backup: bool | None
    backup_name: str | None
    activate: bool | str

    def document(self) -> dict[str, object]:
        """Its keys of --parsable=0."""
        return {
            "activate-be": self.activate,
            "backup-be-name": self.backup_name,
            "be-name": self.name,
            "create-backup-be": self.backup,
            "create-new-be": self.new,
        }

    def rows(self) -> list[tuple[str, str]]:
        """Its lines of a plan."""
        rows = [("Create boot environment", _yes(self.new))]
        if self.new:
            activate = "Next boot only" if self.activate == NEXT_BOOT else _yes(bool(self.activate))
            rows.append(("Activate boot environment", activate))
        rows += [("Name of boot environment", self.name)] if self.name else []
        return [*rows, ("Create backup boot environment", _yes(bool(self.backup)))]


NONE = Decision(False, None, False, None, True)
"""A child's: it has no say in the matter."""


def _yes(value: bool) -> str:
    return "Yes" if value else "No"


def decide(session: Session, request: Request, made: Plan, todo: Changes) -> Decision:
    """Raises Exit 5 where a new one is needed and denied."""
    asked = request.boot
    if not session.live:
        return Decision(False, asked.name, False, asked.backup_name, asked.activate)
    needed = _reboot_needed(todo)
    if asked.new is False and needed:
        raise Exit(5, f"\npkg {request.operation}: {ON_LIVE_IMAGE}\n")
    policy = session.image.config["property"].get("be-policy", "default")
    new = needed or policy == "always-new" if asked.new is None else asked.new
    name = asked.name or (_automatic_name(session, made) if new else None)
    backup = asked.backup
    if not new and backup is None:
        backup = policy in ("default", "create-backup") and bool(made.change or made.affected)
    return Decision(new, name, backup, asked.backup_name, asked.activate)


def _reboot_needed(todo: Changes) -> bool:
    """Only what goes or is replaced counts: a file that is new needs no reboot (client/actuator.py)."""
    touched = [*todo.remove, *(found for pair in todo.update for found in pair)]
    return any("true" in found.all("reboot-needed") for found in touched)


def _automatic_name(session: Session, made: Plan) -> str | None:
    """The image property auto-be-name: a time format, or %r, %d, %D for what release/name says anew of the release."""
    template = session.image.config["property"].get("auto-be-name", "")
    if template.startswith("time:"):
        template = time.strftime(template.removeprefix("time:"))
    else:
        release, build = _release(session, made)
        if not (release or build) or ("%r" in template and not release):
            return None
        if ("%d" in template or "%D" in template) and not build:
            return None
        for mark, value in (("%r", release), ("%d", build), ("%D", build.replace(".", ""))):
            template = template.replace(mark, value)
    return boot.free_name(session.host, template) if template else None


def _release(session: Session, made: Plan) -> tuple[str, str]:
    for old, new in made.change:
        if new.stem == "release/name":
            before, after = _attributes(session, old), _attributes(session, new)
            changed = {name: value for name, value in after.items() if before.get(name, value) != value}
            return changed.get("ooce.release", ""), changed.get("ooce.release.build", "")
    return "", ""


def _attributes(session: Session, entry: Entry) -> dict[str, str]:
    parsed = [action.parse(line) for line in session.manifest(entry) if line.startswith("set ")]
    return {found.get("name"): found.get("value") for found in parsed}


def warn(session: Session, decision: Decision) -> None:
    """Before a plan is shown: it changes an image that the next boot does not bring up."""
    state = session.host.state
    if session.is_global and (state.once_be or state.next_be) != state.current_be:
        changes = "Changes made in the active BE" if decision.new else "Changes made"
        session.err(f"{NOT_ACTIVE.format(changes=changes)}\n")


class Workplace:
    """Where a plan is carried out: a mounted clone of the running boot environment, or that itself."""

    def __init__(self, session: Session, decision: Decision) -> None:
        """Makes the backup, or the clone, in which the session works from now on. Raises Exit 1."""
        self.session = session
        self.decision = decision
        self.host = session.host
        self.old = self.host.state.current_be
        self.new = ""
        self.root = ""
        """Mount point of the clone; empty without one."""
        self._before = self._own = ""
        """Snapshots of what was: of the backup, of this run alone."""
        running = boot.find(self.host, self.old) if session.is_global and _supported(session) else None
        if running is None:
            if decision.new:
                raise Exit(1, NOT_COPIED)
            return
        if decision.backup:
            name = decision.backup_name or boot.free_name(self.host, f"{self.old}-backup-1")
            self._before = self._copy(name)
        if decision.new:
            self.new = decision.name or boot.free_name(self.host, self.old)
            self._copy(self.new)
            self.root = self._mount()
            session.move(self.root)
        elif not self._before:
            self._before = self._own = f"{running.dataset}@pkg-{self.host.state.tick()}"
            zfs.snapshot(self.host, self._own)

    def _copy(self, name: str, source: str | None = None) -> str:
        """Returns the snapshot of which it is a clone."""
        try:
            made = boot.create_be(self.host, name, source)
        except (boot.Error, zfs.Error):
            raise Exit(1, NOT_COPIED) from None
        return self.host.state.datasets[made.dataset].origin or ""

    def _mount(self) -> str:
        at = f"/tmp/tmp{''.join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))}"
        try:
            return boot.mount_be(self.host, self.new, at)
        except boot.Error:
            raise Exit(1, f"pkg: Unable to mount {self.new} at {at}\n") from None

    def failed(self) -> None:
        """The global zone's own part failed: the clone stays, or the state before becomes one."""
        if self.root:
            self.session.err(CLONE_FAILED.format(new=self.new, at=self.root))
        elif self._before:
            self.new = boot.free_name(self.host, self.old)
            self._copy(self.new, f"{self.old}@{self._before.partition('@')[2]}")
            self.session.err(LIVE_FAILED.format(old=self.old, new=self.new, at=self._mount()))

    def done(self) -> None:
        """All is carried out: activate the clone and say so; forget the snapshot."""
        history.record(self.session, new_be=self.new if self.root else "")
        if self._own:
            zfs.destroy(self.host, self._own)
        if not self.root:
            return
        if self.decision.activate:
            boot.activate(self.host, self.new, once=self.decision.activate == NEXT_BOOT)
        try:
            boot.unmount_be(self.host, self.new)
        except boot.Error:
            self.session.err(f"unable to unmount BE {self.new} mounted at {self.root}\n")
            return
        self.host.path(self.root).rmdir()
        banner = UPDATED if self.decision.activate else NOT_ACTIVATED
        self.session.out(banner.format(old=self.old, new=self.new))
