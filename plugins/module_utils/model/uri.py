# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every text goes through before it is shown: user and password in URIs, and control characters, are not."""

from __future__ import annotations

import re

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
