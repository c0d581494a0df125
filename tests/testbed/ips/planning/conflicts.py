"""Packages that deliver to one path what cannot be there together (client/imageplan.py, __find_all_conflicts)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations

from testbed.ips import action
from testbed.ips.action import Action
from testbed.ips.images.catalog import Entry
from testbed.ips.images.image import Image
from testbed.ips.planning.planner import Plan

KINDS = ("file ", "dir ", "link ", "hardlink ")
UNIQUE = {"dir": ("path", "mode", "owner", "group"), "link": ("path", "target"), "hardlink": ("path", "target")}
"""Attributes in which actions on one path must agree. Files may only be delivered once."""
_PATH = re.compile(r'(?:^|\s)path=("[^"]*"|\S+)')
TOGETHER = (
    "These packages cannot be installed together. Any non-conflicting subset\nof the above packages can be installed."
)
CORRECT = "\nThis package must be corrected before it can be installed."

Delivered = list[tuple[Action, str]]
"""Actions on one path, each with its package's FMRI."""


def find(image: Image, after: Image, plan: Plan) -> str:
    """What pkg says of conflicts that the plan would bring about, or empty. ``after``: with the settings planned."""
    coming = _by_path(after, plan.arriving + plan.affected, None)
    gone = plan.remove + plan.affected + [old for old, _ in plan.change]
    going = {str(entry.fmri) for entry in gone}
    texts = []
    before = _by_path(image, image.installed().values(), coming.keys())
    for path, actions in sorted(coming.items()):
        old = before.get(path, [])
        new = sorted([*actions, *(pair for pair in old if pair[1] not in going)], key=lambda pair: pair[0].line)
        if len(new) > 1 and (text := _conflict(path, new, old)):
            texts.append(text)
    return "\n\n".join(texts)


def _by_path(image: Image, entries: Iterable[Entry], paths: Iterable[str] | None) -> dict[str, Delivered]:
    """What these packages deliver to these paths (None: to any)."""
    wanted = None if paths is None else set(paths)
    variants, facets = image.variants, image.facets
    found: dict[str, Delivered] = {}
    for entry in entries:
        for line in image.manifest(entry.fmri) or []:
            place = _PATH.search(line) if line.startswith(KINDS) else None
            if place and (wanted is None or place[1].strip('"') in wanted):
                parsed = action.parse(line)
                if action.counts(parsed, variants, facets):
                    found.setdefault(parsed.get("path"), []).append((parsed, str(entry.fmri)))
    return found


def _conflict(path: str, new: Delivered, old: Delivered) -> str:
    kinds = {found.kind for found, _ in new}
    if len(kinds) > 1:
        same = {found.kind for found, _ in old} == kinds and {name for _, name in old} == {name for _, name in new}
        return "" if same else _types(path, new)
    if kinds == {"file"}:
        known = len(new) < len(old) or sorted(f.line for f, _ in old) == sorted(f.line for f, _ in new)
        return "" if known or _overlaid([found for found, _ in new]) else _twice(path, new)
    return _attributes(path, new) if len(_different(new)) > len(_different(old)) else ""


def _overlaid(actions: list[Action]) -> bool:
    """A pair of files may share a path if one allows it and the other asks for it."""
    if len(actions) != 2:
        return False
    allowing = [found for found in actions if found.get("overlay") == "allow" and found.get("preserve")]
    return bool(allowing) and any(found.get("overlay") == "true" for found in actions)


def _different(actions: Delivered) -> list[tuple[Action, Action]]:
    """Pairs that disagree; mediated links may, the mediator chooses one."""
    return [
        (one, other)
        for (one, _), (other, _) in combinations(actions, 2)
        if any(one.all(name) != other.all(name) for name in UNIQUE[one.kind]) and not _mediated(one, other)
    ]


def _mediated(one: Action, other: Action) -> bool:
    return (
        one.kind != "dir"
        and one.get("mediator") == other.get("mediator")
        and any(one.get(f"mediator-{name}") != other.get(f"mediator-{name}") for name in ("version", "implementation"))
    )


def _types(path: str, actions: Delivered) -> str:
    by_kind: dict[str, list[str]] = {}
    for found, name in actions:
        by_kind.setdefault(found.kind, []).append(name)
    if len({name for _, name in actions}) == 1:
        kinds = ", ".join(by_kind) if len(by_kind) > 2 else " and ".join(by_kind)
        return f"The package {actions[0][1]} delivers conflicting action types ({kinds}) to {path}{CORRECT}"
    text = f"The following packages deliver conflicting action types to {path}:\n"
    for kind, names in by_kind.items():
        text += f"\n  {kind}:" + "".join(f"\n    {name}" for name in names)
    return f"{text}\n\n{TOGETHER}"


def _twice(path: str, actions: Delivered) -> str:
    if len({name for _, name in actions}) == 1:
        return f"The package {actions[0][1]} delivers multiple copies of file {path}{CORRECT}"
    names = "".join(f"\n  {name}" for _, name in actions)
    return f"The following packages all deliver file actions to {path}:\n{names}\n\n{TOGETHER}"


def _attributes(path: str, actions: Delivered) -> str:
    kind = actions[0][0].kind
    groups: dict[str, set[str]] = {}
    for found, name in actions:
        told = [key for key in sorted(found.attributes) if key in UNIQUE[kind] or key.startswith("mediator")]
        words = " ".join(f"{key}={value}" for key in told for value in found.all(key))
        groups.setdefault(f"{kind} {words}", set()).add(name)
    text = "The requested change to the system attempts to install multiple actions\n"
    text += f"for {kind} '{path}' with conflicting attributes:\n\n"
    for count, line, names in sorted((len(names), line, sorted(names)) for line, names in groups.items()):
        head = f"    {count} package{' delivers' if count == 1 else 's deliver'} '{line}'"
        text += f"{head}{':' if count <= 5 else ', including:'}\n" + "".join(f"        {name}\n" for name in names[:5])
    return text + (f"\n\n{TOGETHER}" if len({name for _, name in actions}) > 1 else CORRECT)
