"""pkg install, update, uninstall, exact-install, autoremove."""

from __future__ import annotations

from testbed.ips import catalog, listing, operations
from testbed.ips.change_options import check_patterns, read
from testbed.ips.options import usage
from testbed.ips.planner import EXACT_INSTALL, INSTALL, UNINSTALL, UPDATE
from testbed.ips.session import Session


def install(session: Session, args: list[str]) -> int:
    return _change(session, INSTALL, args)


def uninstall(session: Session, args: list[str]) -> int:
    return _change(session, UNINSTALL, args)


def update(session: Session, args: list[str]) -> int:
    return _change(session, UPDATE, args)


def _change(session: Session, operation: str, args: list[str]) -> int:
    request, given = read(session, operation, args)
    if operation != UPDATE and not given.words:
        raise usage(operation, "at least one package name required")
    check_patterns(operation, given.words)
    check_patterns(operation, request.reject)
    request.patterns = [word for word in given.words if word != "*"]
    return operations.run(session, request)


def autoremove(session: Session, args: list[str]) -> int:
    """Uninstall what nobody asked for and no package needs."""
    request, given = read(session, "autoremove", args)
    if given.words:
        raise usage("autoremove", "No packages can be specified.")
    kept = listing.required(session.image) | listing.optional(session.image)
    orphans = [entry for stem, entry in session.image.installed().items() if stem not in kept]
    request.operation = UNINSTALL
    request.patterns = sorted(entry.stem for entry in orphans if catalog.MANUAL not in entry.states)
    if not request.patterns:
        session.out("No removable packages for this image.\n")
        return 4
    return operations.run(session, request)


def exact_install(session: Session, args: list[str]) -> int:
    return _change(session, EXACT_INSTALL, args)
