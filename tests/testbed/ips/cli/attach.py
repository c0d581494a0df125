"""pkg attach-linked, detach-linked, set-property-linked: as far as zones go, for which these are mostly refusals.

A zone is a child because of its brand and state; only a linked image of type `system` could be attached or
detached by hand, and this simulated host has none.
"""

from __future__ import annotations

import os

from testbed.ips import linked
from testbed.ips.cli.change_options import check_name, check_patterns, check_targets, named_child, read, refuse_repeated
from testbed.ips.cli.options import Options, clash, parse, usage
from testbed.ips.linked import Child
from testbed.ips.session import Exit, Session, traceback

ATTACH, DETACH, SET_PROPERTY = "attach-linked", "detach-linked", "set-property-linked"
EXCEPTION = "pkg: Linked image exception(s):\n"
PROPERTIES = "li-current-parent li-current-path li-model li-name li-parent li-path li-path-transform li-recurse"


def detach_linked(session: Session, args: list[str]) -> int:
    given = parse(DETACH, args, "fal:nqv", "linked-md-only no-pkg-updates")
    if given.words:
        raise usage(DETACH, f"illegal argument -- {given.words[0]}")
    check_targets(DETACH, given)
    if given.has("-v") and given.has("-q"):
        raise clash(DETACH, "-v", "-q")
    if given.has("-a", "-l"):
        names = [named_child(session, name) for name in given.all("-l")]
        return _detach_children(session, session.children if given.has("-a") else names, given)
    return _detach_self(session, given)


def _detach_children(session: Session, children: list[Child], given: Options) -> int:
    """Broken in master: with -f it detaches them and then misses them, else it comes to nothing (recording 35)."""
    if not children:
        linked.write_own_metadata(session.image, session.children)
        return 0
    if not given.has("-f"):
        raise Exit(99, traceback("RuntimeError: dictionary changed size during iteration"))
    for entry in children:
        child = session.child(entry)
        child.lock()
        if not given.has("-n"):
            child.image.remove_linked()
            session.host.changed = True
    raise Exit(99, traceback("KeyError: <pkg.client.linkedimage.common.LinkedImageName object>"))


def _detach_self(session: Session, given: Options) -> int:
    session.lock()
    head = f"pkg: {DETACH} failed (linked image exception(s)):\n"
    if not session.image.child_name:
        raise Exit(53, f"{head}Current image is not a linked child: {_slashed(session.root)}\n")
    if not given.has("-f"):
        raise Exit(54, f"{head}Parent linked to child, can not detach child: {_slashed(session.root)}\n")
    if not given.has("-q"):
        session.out("\n")
    if not given.has("-n"):
        session.image.remove_linked()
        session.host.changed = True
    return 0


def set_property_linked(session: Session, args: list[str]) -> int:
    """Checks its options and does nothing, in master too."""
    _, given = read(session, SET_PROPERTY, args)
    _check_metadata_only(SET_PROPERTY, given)
    refuse_repeated(SET_PROPERTY, given, "-l")
    name = given.one("-l")
    if name:
        named_child(session, name)
    elif not session.image.child_name:
        raise Exit(53, f"{EXCEPTION}Current image is not a linked child: {_slashed(session.root)}\n")
    check_patterns(SET_PROPERTY, given.all("--reject"))
    return 0


def attach_linked(session: Session, args: list[str]) -> int:
    request, given = read(session, ATTACH, args)
    _check_metadata_only(ATTACH, given)
    _check_properties(given)
    if given.has("-c") and given.has("-p"):
        raise clash(ATTACH, "-p", "-c")
    if not given.has("-c", "-p"):
        raise usage(ATTACH, "Either '-p' or '-c' must be specified")
    if len(given.words) > 2:
        raise usage(ATTACH, f"illegal argument -- {given.words[2]}")
    if len(given.words) < 2:
        raise usage(ATTACH, "a linked image name and path must be specified")
    name, path = given.words
    check_name(name)
    kind = name.partition(":")[0]
    check_patterns(ATTACH, request.reject)
    relink, forced = given.has("--allow-relink"), given.has("-f") or kind == "system"
    if given.has("-p"):
        rc, text = _parent_refused(session, kind, path, relink, forced)
        raise Exit(rc, f"pkg: {ATTACH} failed (linked image exception(s)):\n{text}\n")
    rc, text = _child_refused(session, name, path, relink, forced)
    raise Exit(rc, f"pkg {ATTACH}: {text}\n")


UNKNOWN_HERE = "this simulated host attaches no images by hand"


def _parent_refused(session: Session, kind: str, path: str, relink: bool, forced: bool) -> tuple[int, str]:
    if session.image.child_name and not relink:
        return 1, f"Current image already a linked child: {_slashed(session.root)}"
    if not forced:
        return 1, f"Linked image type does not support parent attach: {kind}"
    if not path.startswith("/"):
        return 1, f"Parent path not absolute: {path}"
    if not session.host.path(path).exists():
        return 51, f"Can't access parent image at path: {path}"
    parent = Session(session.ctx, path)
    try:
        child = parent.image.child_name
    except Exit:
        return 51, f"Can't initialize parent image at path: {path}"
    if child:
        raise Exit(99, traceback("AttributeError: 'Image' object has no attribute 'current_path'"))
    return 1, UNKNOWN_HERE


def _child_refused(session: Session, name: str, path: str, relink: bool, forced: bool) -> tuple[int, str]:
    if not forced:
        return 1, f"Linked image type does not support child attach: {name.partition(':')[0]}"
    if not path.startswith("/"):
        return 1, f"Child path not absolute: {path}"
    path = os.path.normpath(path)
    if not session.host.path(path).is_dir():
        error = f"[Errno 2] No such file or directory: '{path}'"
        return 51, f"Failed 'access' for child image ({name}) at path: {path}: {error}"
    if any(entry.name == name for entry in session.children) and not relink:
        return 1, f"A linked child image with this name already exists: {name}"
    root = _slashed(session.root)
    if session.image.child_name and not _slashed(path).startswith(root):
        return 1, f"Child image '{path}' is not located within the parent's altroot '{root}'"
    child = Session(session.ctx, path)
    try:
        relinked = "linked_prop" in child.image.linked()
    except Exit:
        return 51, f"Can't initialize child image at path: {path}"
    if relinked and not relink:
        return 1, f"Image already a linked child: {_slashed(path)}"
    if _slashed(path) == root:
        return 1, "Can't link image to itself: {0}"  # the text is never filled in
    return 1, UNKNOWN_HERE


def _check_metadata_only(command: str, given: Options) -> None:
    if given.has("--linked-md-only"):
        for other in ("--be-name", "--deny-new-be", "--require-new-be", "--no-parent-sync", "--reject"):
            if given.has(other):
                raise clash(command, "--linked-md-only", other)


def _check_properties(given: Options) -> None:
    seen: set[str] = set()
    for text in given.all("--prop-linked"):
        name, equals, _ = text.partition("=")
        if not equals:
            raise usage(ATTACH, "linked image property arguments must be of the form '<name>=<value>'.")
        if name not in PROPERTIES.split():
            raise usage(ATTACH, f"invalid linked image property: '{name}'.")
        if name in seen:
            raise usage(ATTACH, f"linked image property specified multiple times: '{name}'.")
        seen.add(name)


def _slashed(path: str) -> str:
    return path if path.endswith("/") else f"{path}/"
