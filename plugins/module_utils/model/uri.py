# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""URIs of repositories: their one form, and what no text that is shown may hold (passwords, control characters)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlsplit

SCHEMES = ("file", "http", "https")
MASK = "********"
# The bound on the scheme keeps a long text of a zone's from being looked through from each of its characters.
# The greedy match up to the last "@" before the path also covers a password that holds an "@" or a quote.
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)[^\s/]*@")
# What a zone has written into its image must not reach a terminal as an escape sequence, and half a surrogate pair
# cannot be written out at all.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def mask(text: str) -> str:
    """Return `text` with the user and password part of every URI replaced, and control characters written out."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", _USERINFO.sub(r"\1" + MASK + "@", text))


def secrets(value: Any) -> set[str]:
    """Return the URIs with a user or a password among the texts of an option's value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return {secret for entry in value for secret in secrets(entry)}
    return {value} if isinstance(value, str) and _USERINFO.search(value) else set()


def canonical(uri: str) -> str:
    """Return the one form of a repository's URI: scheme and host in small letters, a slash at the end; a path as file://.

    As pkg writes it into an image, but for the host, which it leaves as it was typed. Raises ValueError.
    """
    if uri.startswith("/"):
        return "file://" + quote(uri.rstrip("/")) + "/"
    parts = urlsplit(uri)
    if parts.scheme not in SCHEMES or bool(parts.netloc) == (parts.scheme == "file") or re.search(r"\s", uri):
        raise ValueError(f"{mask(uri)[:200]!r} is no URI of a repository ({', '.join(SCHEMES)}) and no absolute path")
    if "@" in parts.netloc:
        raise ValueError(f"{mask(uri)[:200]!r} has a user or password, which pkg takes in no URI but a proxy's")
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/") + "/").geturl()
