"""Editable files: what becomes of one that somebody changed, when its package changes (actions/file.py, pkg(7))."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.ips import fmri
from testbed.ips.acting.deliver import Changes
from testbed.ips.action import Action

KEEP, REPLACE = "keep", "replace"
"""Verdicts besides the names below: the file stays as it is, or gets the new content."""

SUFFIXES = {"renameold": ".old", "renameold.update": ".update", "legacy": ".legacy", "renamenew": ".new"}
"""A verdict that keeps the edited content, too: what is put behind the name; with `renamenew` behind the new one's."""

Content = Callable[[str], bytes | None]
"""Content of a path of the image; None: no file is there."""
Payload = Callable[[str], bytes]


def verdict(old: Action | None, new: Action, disk: bytes | None, payload: Payload, older: bool) -> str | None:
    """What ``new`` does to the file on ``disk``; None: it is not editable. ``older``: its package is downgraded."""
    kind = new.get("preserve")
    if not kind:
        return None
    if kind == "abandon":
        return kind
    if kind == "legacy":
        return kind if old else KEEP
    if kind == "install-only":
        return KEEP if old or disk is not None else REPLACE
    if disk is None:
        return REPLACE
    edited = old is not None and disk != payload(old.hash)
    if old and older and old.hash != new.hash:
        return "renameold.update" if edited and _version(old) > _version(new) else KEEP
    if old is None or edited:
        return kind if kind in ("renameold", "renamenew") else KEEP
    return KEEP if old.hash == new.hash else REPLACE


def _version(found: Action) -> tuple[int, ...]:
    return fmri.version(found.get("preserve-version", "0")).release


def removed(old: Action) -> bool:
    """Does pkg ever take such a file away?"""
    return old.get("preserve") not in ("abandon", "install-only")


def changes(todo: Changes, content: Content, payload: Payload) -> list[list[Any]]:
    """What a plan says of editable files: [kind, paths] in pkg's order; `moved` has pairs of paths."""
    found: dict[str, list[Any]] = {"moved": [], "removed": [], "installed": [], "updated": []}
    found["removed"] = [each.get("path") for each in todo.remove if _editable(each) and removed(each)]
    for new in todo.install:
        kind, path = new.get("preserve"), new.get("path")
        delivered = kind not in ("legacy", "abandon") and (kind != "install-only" or content(path) is None)
        if _editable(new) and delivered:
            found["installed"].append(path)
    for old, new in todo.update:
        if new.kind == "file" and (_editable(old) or _editable(new)):
            path = new.get("path")
            for kind, entry in _change(todo, old, new, content(path), payload):
                found[kind].append(entry)
    return [[kind, sorted(entries)] for kind, entries in found.items() if entries]


def _editable(found: Action) -> bool:
    return found.kind == "file" and bool(found.get("preserve"))


def _change(todo: Changes, old: Action, new: Action, disk: bytes | None, payload: Payload) -> list[tuple[str, Any]]:
    path = new.get("path")
    if old.kind != "file":
        return [("updated", path)]
    what = verdict(old, new, disk, payload, path in todo.older)
    if what == "abandon":
        return []
    if what == "renamenew":
        return [("installed", f"{path}.new")]
    if what == "legacy" and old.get("preserve") == "legacy":
        return [("updated", path)]
    if what in SUFFIXES:
        moved = [("moved", [path, path + SUFFIXES[what]])] if disk is not None else []
        return [*moved, ("installed", path)]
    same = all(old.get(name) == new.get(name) for name in ("mode", "owner", "group", "sysattr"))
    if what == REPLACE and disk is None:
        return [("installed", path)]
    unchanged = same and (what == KEEP or (what == REPLACE and old.hash == new.hash))
    return [] if unchanged else [("updated", path)]
