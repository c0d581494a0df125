"""Properties of an image: what they may be, and what they are where pkg5.image says nothing (client/imageconfig.py)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from testbed.ips.images import config
from testbed.ips.images.image import Image

IN = "in section 'property'"


class Wrong(Exception):
    """A property cannot be changed like this; the text is pkg's."""


@dataclass(frozen=True)
class Kind:
    """``kind``: bool, int, list, choice (one of ``allowed``) or text. ``silent``: its default is not written."""

    kind: str
    default: str = ""
    allowed: tuple[str, ...] = ()
    silent: bool = False


KNOWN = {
    "auto-be-name": Kind("text", "omnios-r%r"),
    "be-policy": Kind("choice", "default", ("default", "always-new", "create-backup", "when-required")),
    "ca-path": Kind("text", "/etc/ssl/certs"),
    "check-certificate-revocation": Kind("text", "False"),
    "content-update-policy": Kind("choice", "default", ("default", "always", "when-required")),
    "default-recurse": Kind("bool", "False"),
    "dehydrated": Kind("list", "[]"),
    "exclude-patterns": Kind("list", "[]"),
    "exclude-policy": Kind("choice", "warn", ("ignore", "warn", "reject")),
    "flush-content-cache-on-success": Kind("bool", "True"),
    "key-files": Kind("list", "[]"),
    "mirror-discovery": Kind("bool", "False"),
    "preferred-authority": Kind("text"),
    "publisher-search-order": Kind("list", "[]"),
    "recursion-concurrency": Kind("int", "1"),
    "send-uuid": Kind("bool", "True"),
    "signature-policy": Kind(
        "choice", "verify", ("ignore", "verify", "require-signatures", "require-names"), silent=True
    ),
    "signature-required-names": Kind("list", "[]"),
    "temp-be-activation": Kind("bool", "False"),
    "trust-anchor-directory": Kind("text", "etc/ssl/pkg", silent=True),
    "use-system-repo": Kind("bool", "False"),
}


def every(image: Image) -> dict[str, str]:
    """All properties, as `property` prints them."""
    return {name: kind.default for name, kind in KNOWN.items()} | image.config["property"]


def change(image: Image, name: str, values: list[str]) -> None:
    """Raises Wrong. Several values make a list; a property that is not known is made."""
    _check_name(name)
    kind = KNOWN.get(name, Kind("text"))
    if kind.kind == "list":
        found = _literal(name, values)
        if name == "publisher-search-order":
            found = _order(image, found)
        image.config["property"][name] = str(found)
        return
    if len(values) > 1:
        raise Wrong(f"Invalid value '{values}' for property '{name}' {IN}.")
    image.config["property"][name] = _checked(name, kind, values[0])


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[^\t\n\r\f\v\\/]+", name) or not name.isascii():
        raise Wrong(
            f"Property name '{name}' is not valid.  Section names may not contain: tabs, newlines, carriage returns,"
            " form feeds, vertical tabs, slashes, backslashes, or non-ASCII characters."
        )


def _order(image: Image, names: list[str]) -> list[str]:
    """The next pkg leaves out publishers that it does not know, and appends those that are missing."""
    known = image.order
    return [name for name in names if name in known] + sorted(name for name in known if name not in names)


def _literal(name: str, values: list[str]) -> list[str]:
    """A list given as words, or as one literal (but for the two that take words only)."""
    if len(values) > 1 or name in ("publisher-search-order", "signature-required-names"):
        return values
    try:
        return [str(value) for value in config.literal(values[0])]
    except (SyntaxError, TypeError, ValueError):
        raise Wrong(f"Invalid value '{values[0]}' for property '{name}' {IN}.") from None


def _checked(name: str, kind: Kind, value: str) -> str:
    if kind.kind == "bool" and value.lower() in ("true", "false", ""):
        return str(value.lower() == "true")
    if kind.kind == "int" and value.strip().lstrip("+-").isdigit():
        if int(value) < 0:
            raise Wrong(f"'{value}' is less than the minimum of '0' permitted for property '{name}' {IN}.")
        return str(int(value))
    if kind.kind in ("bool", "int") or (kind.kind == "choice" and value not in kind.allowed):
        raise Wrong(f"Invalid value '{value}' for property '{name}' {IN}.")
    return value


def unset(image: Image, name: str) -> None:
    """Back to the default, which the next pkg writes; raises Wrong."""
    if name not in every(image):
        raise Wrong(f"Unknown property '{name}' {IN}.")
    image.config["property"].pop(name, None)
    if name in KNOWN and not KNOWN[name].silent:
        image.config["property"][name] = KNOWN[name].default


def add_value(image: Image, name: str, value: str) -> None:
    """Raises Wrong. A new property becomes a list, which the next pkg takes for a text."""
    _check_name(name)
    if name not in every(image):
        image.config["property"][name] = str([value])
        return
    image.config["property"][name] = str([*_list(image, name), value])


def remove_value(image: Image, name: str, value: str) -> None:
    """Raises Wrong."""
    if name not in every(image):
        raise Wrong(f"Unknown property '{name}' {IN}.")
    values = _list(image, name)
    if value not in values:
        raise Wrong(f"Value '{value}' not found in the list of values for property '{name}' {IN}.")
    values.remove(value)
    image.config["property"][name] = str(values)


def _list(image: Image, name: str) -> list[str]:
    if name not in KNOWN or KNOWN[name].kind != "list":
        raise Wrong(f"Property '{name}' {IN} doesn't allow multiple values.")
    return config.literal(every(image)[name])
