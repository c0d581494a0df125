# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package manifests before publication: actions as in pkg(7), includes and transforms as in pkgmogrify(1)."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Pattern, Sequence

ZONE = "variant.opensolaris.zone"
ERROR, WARNING, INFO = "error", "warning", "info"

SYNTAX = "manifest-syntax"
INCLUDE_UNRESOLVED = "include-unresolved"
TRANSFORM_IGNORED = "transform-ignored"

# action -> the attribute that it must have (pkg(7))
_ACTIONS = {
    "depend": "fmri",
    "dir": "path",
    "driver": "name",
    "file": "path",
    "group": "groupname",
    "hardlink": "path",
    "legacy": "pkg",
    "license": "license",
    "link": "path",
    "set": "name",
    "signature": "value",
    "user": "username",
}
_ATTRIBUTE = re.compile(
    r"""\s+ (?P<key>[^\s="']+) = (?:
        "(?P<double>[^"\\]*(?:\\.[^"\\]*)*)"
      | '(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'
      | (?P<plain>[^\s"']\S*)
    ) (?=\s|$)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = {'"': re.compile(r'\\(["\\])'), "'": re.compile(r"\\(['\\])")}
_HEAD = re.compile(r"([a-z]+)(?:\s+([^\s=]+)(?=\s|$))?")
_MACRO_PREFIX = re.compile(r"(?:\$\([^()]*\)\s*)+")
MACRO = "$("

# pkgmogrify itself has no bound on either; real manifests stay below 3.
_DEEPEST_INCLUDE = 16
_DEEPEST_EMIT = 8

_OPERATIONS = {"add": 2, "default": 2, "set": 2, "delete": 2, "edit": 3, "drop": 0}
# They end pkgmogrify or write elsewhere; no action is changed.
_WITHOUT_EFFECT = ("abort", "exit", "print")
# What the rules look at; a transform of another attribute can be left out without telling.
_LOOKED_AT = ("path", "fmri", "type", "name", "value")
_TOKEN = re.compile(r"%\(([^)]*)\)|%<(\d)>")


class Action(NamedTuple):
    """An action of a manifest; a key may repeat, so each has a tuple of values. `line` is that of its first word."""

    name: str
    attributes: Mapping[str, tuple[str, ...]]
    file: str
    line: int

    def values(self, key: str) -> tuple[str, ...]:
        """Return the values of an attribute, () if it is not there."""
        return self.attributes.get(key, ())

    def first(self, key: str) -> str:
        """Return the first value of an attribute, "" if it is not there."""
        return self.attributes.get(key, ("",))[0]


class Transform(NamedTuple):
    """A <transform ...>: it matches actions of `types` (all if empty) whose attributes match all patterns."""

    types: frozenset[str]
    criteria: tuple[tuple[str, Pattern[str]], ...]
    operation: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class RuleFinding:
    """What a rule says about a line of a manifest, or of a file that it includes."""

    code: str
    severity: str
    message: str
    remedy: str
    path: str
    line: int

    def as_result(self) -> dict[str, Any]:
        """Return the form that the module hands back in `manifests[].findings`."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "remedy": self.remedy,
            "path": self.path,
            "line": self.line,
        }


@dataclass
class Parsed:
    """What stands in a manifest and in all that it includes, transforms not applied yet.

    `macros` tells that a $(MACRO) is left; `incomplete` that an include or a transform could not be followed, so that
    nothing can be concluded from what is not there.
    """

    actions: list[Action] = field(default_factory=list)
    transforms: list[Transform] = field(default_factory=list)
    findings: list[RuleFinding] = field(default_factory=list)
    macros: bool = False
    incomplete: bool = False


class IncludeError(Exception):
    """An included file cannot be had; the text is the end of a sentence."""


# (name as written, file that includes it) -> (path, text); raises IncludeError
Include = Callable[[str, str], "tuple[str, str]"]


def parse(path: str, text: str, include: Include) -> Parsed:
    """Read a manifest. What cannot be read is a finding of its line, never an error."""
    parsed = Parsed()
    _read(parsed, path, text, include, (path,))
    return parsed


def parse_action(text: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Parse one action, without continuation lines. Raises ValueError; its text does not repeat the line.

    A manifest can include any file, so what stands in a line must not get into a result.
    """
    head = _HEAD.match(text)
    if head is None or head[1] not in _ACTIONS:
        raise ValueError("the first word is not the name of an action")
    attributes = _attributes(text[head.end() :])
    if head[1] == "set" and len(attributes) == 1:
        # The short form, NAME=VALUE alone.
        ((name, values),) = attributes.items()
        attributes = {"name": (name,), "value": values}
    if _ACTIONS[head[1]] not in attributes:
        raise ValueError(f"a {head[1]} action needs {_ACTIONS[head[1]]}=VALUE")
    if "path" in attributes:
        # As pkg does: transforms and rules match it without its slash.
        attributes["path"] = tuple(path.lstrip("/") for path in attributes["path"])
    return head[1], attributes


def _attributes(text: str) -> dict[str, tuple[str, ...]]:
    attributes: dict[str, list[str]] = {}
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _ATTRIBUTE.match(text, place)
        if match is None:
            raise ValueError("after the action's name everything must be KEY=VALUE, with blanks only between quotes")
        key, double, single, plain = match.groups()
        if plain is not None:
            value = plain
        else:
            value = _ESCAPE['"'].sub(r"\1", double) if double is not None else _ESCAPE["'"].sub(r"\1", single)
        attributes.setdefault(key, []).append(value)
        place = match.end()
    return {key: tuple(values) for key, values in attributes.items()}


def quote(value: str) -> str:
    """Return a value as it is written in a manifest."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number of the first line, text) of what a manifest's lines say, continuations joined as pkgmogrify does.

    Comments and blank lines are left out.
    """
    first, joined = 0, ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line:
            continue
        first = first if joined else number
        if line.endswith("\\"):
            joined += line[:-1]
            continue
        line = (joined + line).strip()
        joined = ""
        if not line.startswith("#"):
            yield first, line
    if joined.strip() and not joined.startswith("#"):
        yield first, joined.strip()


def _read(parsed: Parsed, path: str, text: str, include: Include, open_files: tuple[str, ...]) -> None:
    for number, whole in logical_lines(text):
        parsed.macros = parsed.macros or MACRO in whole
        # $(i386_ONLY) in front becomes nothing or a "#"; the line counts, for it does on some platform.
        line = _MACRO_PREFIX.sub("", whole, count=1) if whole.startswith(MACRO) else whole
        if not line or line.startswith("#"):
            continue
        if line.startswith("<"):
            _directive(parsed, path, number, line, include, open_files)
            continue
        try:
            name, attributes = parse_action(line)
        except ValueError as exc:
            parsed.findings.append(_syntax(path, number, str(exc)))
            continue
        parsed.actions.append(Action(name, attributes, path, number))


def _directive(
    parsed: Parsed, path: str, number: int, line: str, include: Include, open_files: tuple[str, ...]
) -> None:
    body = line[1:-1].strip()
    if not line.endswith(">"):
        parsed.findings.append(_syntax(path, number, 'a directive must end with ">"'))
    elif body.startswith("include"):
        _include(parsed, path, number, body[len("include") :].strip().strip('"'), include, open_files)
    elif body.startswith("transform"):
        _transform(parsed, path, number, body[len("transform") :])
    else:
        parsed.findings.append(_syntax(path, number, "only <include ...> and <transform ...> are directives"))


def _include(parsed: Parsed, path: str, number: int, name: str, include: Include, open_files: tuple[str, ...]) -> None:
    try:
        if len(open_files) > _DEEPEST_INCLUDE:
            raise IncludeError(f"includes are nested deeper than {_DEEPEST_INCLUDE}")
        found, text = include(name, path)
        if found in open_files:
            raise IncludeError("it includes itself")
    except IncludeError as exc:
        parsed.incomplete = True
        parsed.findings.append(
            RuleFinding(
                INCLUDE_UNRESOLVED,
                WARNING,
                f"{name[:200]!r} is not included: {exc}. Rules about what is missing are not applied to this manifest.",
                "Give the folder that has the file in `manifests` too: included files are looked for in all of them.",
                path,
                number,
            )
        )
        return
    _read(parsed, found, text, include, (*open_files, found))


def _transform(parsed: Parsed, path: str, number: int, body: str) -> None:
    matching, arrow, rest = body.partition("->")
    operation, _blank, arguments = rest.strip().partition(" ")
    if not arrow or not operation:
        parsed.findings.append(_syntax(path, number, "a transform needs -> and an operation"))
        return
    if operation in _WITHOUT_EFFECT:
        return
    try:
        parsed.transforms.append(parse_transform(matching, operation, arguments.strip()))
    except ValueError as exc:
        if not _matters(operation, arguments):
            return
        parsed.incomplete = True
        parsed.findings.append(
            RuleFinding(
                TRANSFORM_IGNORED,
                INFO,
                f"This transform is left out: {exc}. Rules about what is missing are not applied to this manifest.",
                "Check the manifest that pkgmogrify(1) writes instead.",
                path,
                number,
            )
        )


def parse_transform(matching: str, operation: str, arguments: str) -> Transform:
    """Parse the parts of a transform. Raises ValueError for what is wrong, and for what is not followed here."""
    if MACRO in matching:
        raise ValueError("what it matches depends on a macro")
    if "%{" in arguments or re.search(r"%\([^)]*;", arguments):
        raise ValueError("it uses a package attribute or a conditional substitution")
    words = matching.split()
    wanted = _attributes("".join(f" {word}" for word in words if "=" in word))
    criteria = tuple((key, _compiled(value)) for key, values in wanted.items() for value in values[:1])
    if operation == "emit":
        given = [arguments]
    elif operation in _OPERATIONS:
        given = shlex.split(arguments)
        most = _OPERATIONS[operation]
        if len(given) == 2 and operation == "edit":
            given.append("")
        if len(given) != most:
            raise ValueError(f"{operation} takes {most} arguments")
        if operation in ("delete", "edit"):
            _compiled(given[1])
    else:
        raise ValueError("pkgmogrify has no such operation")
    return Transform(frozenset(word for word in words if "=" not in word), criteria, operation, tuple(given))


def _matters(operation: str, arguments: str) -> bool:
    if operation in ("drop", "emit"):
        return True
    attribute = arguments.split(None, 1)[:1]
    return not attribute or attribute[0].startswith(ZONE) or attribute[0] in _LOOKED_AT


def _compiled(pattern: str) -> Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise ValueError("it has a faulty regular expression") from None


def _syntax(path: str, number: int, reason: str) -> RuleFinding:
    return RuleFinding(
        SYNTAX,
        ERROR,
        f"This line cannot be read: {reason}.",
        'Write it as in pkg(7): NAME KEY=VALUE ..., and continue a line with "\\" between two of them.',
        path,
        number,
    )


def transformed(parsed: Sequence[Parsed], path: str) -> list[Action]:
    """Return the actions of a manifest and of what is read with it, after all their transforms.

    Transforms apply to all actions, those read before them too, in the order in which they stand (pkgmogrify(1)).
    """
    actions = [action for one in parsed for action in one.actions]
    transforms = [transform for one in parsed for transform in one.transforms]
    if not transforms:
        return actions
    by_type = {name: [t for t in transforms if not t.types or name in t.types] for name in (*_ACTIONS, "pkg")}
    result: list[Action] = []
    for action in actions:
        result += _apply(action, by_type, 0)
    # The package itself is an action for transforms, and never written.
    result += [action for action in _apply(_package(actions, path), by_type, 0) if action.name != "pkg"]
    return result


def _package(actions: Sequence[Action], path: str) -> Action:
    attributes: dict[str, tuple[str, ...]] = {}
    for action in actions:
        if action.name == "set":
            key = action.first("name")
            attributes[key] = (*attributes.get(key, ()), *action.values("value"))
    return Action("pkg", attributes, path, 0)


def _apply(action: Action, by_type: Mapping[str, Sequence[Transform]], depth: int) -> list[Action]:
    emitted: list[Action] = []
    kept = True
    for transform in by_type[action.name]:
        groups = _matched(transform, action)
        if groups is None:
            continue
        if transform.operation == "drop":
            kept = False
            break
        try:
            if transform.operation == "emit":
                new = _emit(transform.arguments[0], action, groups)
                # An action that emits its like has no end in pkgmogrify.
                if new is not None and depth < _DEEPEST_EMIT:
                    emitted += _apply(new, by_type, depth + 1)
            else:
                action = action._replace(attributes=_changed(transform, action, groups))
        except (ValueError, re.error):
            # pkgmogrify would stop here: an attribute or a group that is not there.
            continue
    return [action, *emitted] if kept else emitted


def _matched(transform: Transform, action: Action) -> list[str] | None:
    """Return the groups of all patterns, None if the transform does not match."""
    groups: list[str] = []
    for key, pattern in transform.criteria:
        values = action.attributes.get(key)
        if values is None:
            return None
        for value in values:
            match = pattern.match(value)
            if match is None:
                return None
            groups += [group or "" for group in match.groups()]
    return groups


def _changed(transform: Transform, action: Action, groups: Sequence[str]) -> dict[str, tuple[str, ...]]:
    attributes = dict(action.attributes)
    key = _filled(transform.arguments[0], action, groups)
    have = attributes.get(key, ())
    if transform.operation == "delete":
        pattern = re.compile(transform.arguments[1])
        attributes[key] = tuple(value for value in have if not pattern.search(value))
    elif transform.operation == "edit":
        replacement = _filled(transform.arguments[2], action, groups)
        attributes[key] = tuple(re.sub(transform.arguments[1], replacement, value) for value in have)
    elif transform.operation != "default" or not have:
        value = _filled(transform.arguments[1], action, groups)
        attributes[key] = (*have, value) if transform.operation == "add" else (value,)
    if not attributes.get(key):
        attributes.pop(key, None)
    return attributes


def _emit(text: str, action: Action, groups: Sequence[str]) -> Action | None:
    line = _filled(text, action, groups, quoted=True).strip()
    if not line or line.startswith("#"):
        return None
    name, attributes = parse_action(line)
    return Action(name, attributes, action.file, action.line)


def _filled(text: str, action: Action, groups: Sequence[str], quoted: bool = False) -> str:
    """Replace %(attribute) and %<group> in a transform's argument. Raises ValueError for what the action has not."""

    def token(match: re.Match[str]) -> str:
        if match[2]:
            if not 1 <= int(match[2]) <= len(groups):
                raise ValueError("no such group")
            return groups[int(match[2]) - 1]
        values = (action.name,) if match[1] == "action.name" else action.values(match[1])
        if not values:
            raise ValueError("no such attribute")
        return " ".join(quote(value) if quoted and re.search(r"[\s\"']", value) else value for value in values)

    return _TOKEN.sub(token, text)
