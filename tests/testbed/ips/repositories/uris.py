"""Repository and proxy URIs as users type them (misc.parse_uri, client/publisher.py)."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

SCHEMES = ("file", "http", "https")
_HOST = re.compile(r"[A-Za-z0-9-][A-Za-z0-9.-]*")


class Invalid(ValueError):
    """The message is pkg's."""


def parse(text: str) -> str:
    """A URI with a slash at its end; a path becomes a file URI. Raises Invalid."""
    if "://" not in text and not text.startswith("file:/"):
        text = f"file://{quote('/' + text.lstrip('/'))}"
    parts = urlsplit(text)
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        raise Invalid(
            f"The URI '{text}' uses the unsupported scheme '{scheme}'."
            "  Supported schemes are file://, http://, and https://."
        )
    if scheme == "file" and not parts.netloc:
        text = f"file:///{parts.path.strip('/')}"
    elif scheme == "file" or not _HOST.fullmatch(parts.hostname or "") or parts.username:
        raise Invalid(f"'{text}' is not a valid URI.")
    return text if text.endswith("/") else f"{text}/"


def proxy(text: str) -> str:
    """Raises Invalid."""
    scheme = urlsplit(text).scheme
    if scheme != "http":
        raise Invalid(
            f"The proxy URI '{text}' uses the unsupported scheme '{scheme}'."
            " Currently the only supported scheme is http://."
        )
    return text
