"""pkg install, update, uninstall."""

from __future__ import annotations

from testbed.ips import operations
from testbed.ips.change_options import check_patterns, read
from testbed.ips.options import usage
from testbed.ips.planner import INSTALL, UNINSTALL, UPDATE
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
