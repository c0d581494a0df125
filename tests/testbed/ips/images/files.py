"""Files of an image: written as a whole, and dated as pkg dates them."""

from __future__ import annotations

import os
import time
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Write a file as a whole."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text)
    scratch.rename(path)


def stamp(fraction: bool) -> str:
    """Now, as pkg writes times: 20261121T060453.952496Z."""
    now = time.time()
    text = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
    return f"{text}.{int(now % 1 * 1e6):06d}Z" if fraction else f"{text}Z"
