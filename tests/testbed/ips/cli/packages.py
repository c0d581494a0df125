"""pkg install, update, uninstall, exact-install, autoremove."""

from __future__ import annotations

from testbed.ips.acting import operations
from testbed.ips.cli import listing
from testbed.ips.cli.change_options import check_patterns, read
from testbed.ips.cli.options import usage
from testbed.ips.images import catalog
from testbed.ips.planning.patterns import parse
from testbed.ips.planning.planner import EXACT_INSTALL, INSTALL, UNINSTALL, UPDATE
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
    request.patterns = given.words
    if operation == UPDATE and given.flags.count("-v") > 1:
        request.patterns = _one_by_one(session, given.words)
    return operations.run(session, request)


def _one_by_one(session: Session, words: list[str]) -> list[str]:
    """`update -vv` asks for the newest version of each package that has one, by name: for better explanations."""
    session.out("Retrieving package list...\nRetrieving list of packages to update...\n")
    wanted = [parse(word) for word in words]
    entries = session.image.known.entries
    behind = listing.select(session.image, listing.Kind.UPGRADABLE, wanted, entries).found
    newest = listing.select(session.image, listing.Kind.NEWEST, wanted, entries).found
    names = {(entry.publisher, entry.stem) for entry in behind}
    return [str(entry.fmri) for entry in newest if (entry.publisher, entry.stem) in names] or words


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
