"""pkg install, update, uninstall."""

from __future__ import annotations

from testbed.ips import boot_environments, operations
from testbed.ips.options import Options, parse, usage
from testbed.ips.planner import INSTALL, UNINSTALL, UPDATE
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session

SHORT = "nvqrftIRC:g:z:Z:i:"
LONG = (
    "accept licenses no-refresh no-index parsable= reject= ignore-missing no-backup-be require-backup-be"
    " backup-be-name= deny-new-be require-new-be be-name= no-be-activate temp-be-activate sync-actuators"
    " sync-actuators-timeout= verbose quiet no-execute"
)


def install(session: Session, args: list[str]) -> int:
    return _change(session, INSTALL, args)


def uninstall(session: Session, args: list[str]) -> int:
    return _change(session, UNINSTALL, args)


def update(session: Session, args: list[str]) -> int:
    return _change(session, UPDATE, args)


def _change(session: Session, operation: str, args: list[str]) -> int:
    given = parse(operation, args, SHORT, LONG)
    once = session.image.config["property"].get("temp-be-activation") == "True"
    boot = boot_environments.wanted(operation, given, once)
    if operation != UPDATE and not given.words:
        raise usage(operation, "at least one package name required")
    if given.has("--parsable") and given.has("-v"):
        raise usage(operation, "The '-v' and '--parsable' options may not be combined.")
    if given.has("--parsable") and given.one("--parsable") != "0":
        raise usage(operation, f"invalid argument for '--parsable': {given.one('--parsable') or ''}")
    session.quiet = given.has("-q")
    chosen, ignored = _children(session, operation, given)
    return operations.run(
        session,
        Request(
            operation=operation,
            patterns=[word for word in given.words if word != "*"],
            dry_run=given.has("-n"),
            verbose=given.has("-v"),
            parsable=given.has("--parsable"),
            refresh=not given.has("--no-refresh"),
            force=given.has("-f"),
            ignore_missing=given.has("--ignore-missing"),
            accept=given.has("--accept"),
            licenses=given.has("--licenses"),
            recurse=given.has("-r"),
            chosen=chosen,
            ignored=ignored,
            reject=given.all("--reject"),
            boot=boot,
        ),
    )


def _children(session: Session, operation: str, given: Options) -> tuple[list[str] | None, list[str] | None]:
    """Children with the full operation (-z, -Z) and ignored ones (-I, -i); see request.Request."""
    names = [entry.name for entry in session.children]
    if given.has("-z") and given.has("-Z"):
        raise usage(operation, "The '-z' and '-Z' options may not be combined.")
    for option in ("-z", "-Z"):
        if given.has(option) and not given.has("-r"):
            raise usage(operation, f"'{option}' may only be used with '-r/--recurse'.")
    if given.has("-I") and given.has("-i"):
        raise usage(operation, "The '-I' and '-i' options may not be combined.")
    for option in ("-z", "-Z"):
        for value in given.values.get(option, [""] if given.has(option) else []):
            if f"zone:{value.removeprefix('zone:')}" not in names:
                raise usage(operation, f"invalid linked image or zone name '{value}'.")
    if len(set(given.all("-i"))) < len(given.all("-i")):
        raise usage(operation, "linked image name specified multiple times")
    for value in given.all("-i"):
        if ":" not in value:
            form = "'<linked_image plugin>:<linked_image name>'"
            text = f"Invalid linked image name '{value}'. Linked image names have the following format {form}"
            raise Exit(1, f"pkg: Linked image exception(s):\n{text}\n")
        if value not in names:
            raise Exit(1, f"pkg: Linked image exception(s):\nUnknown child linked image: {value}\n")
    listed = {f"zone:{value.removeprefix('zone:')}" for value in given.all("-z", "-Z")}
    chosen = [name for name in names if (name in listed) == given.has("-z")] if listed else None
    return chosen, [] if given.has("-I") else given.all("-i") or None
