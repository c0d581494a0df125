# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masking of user and password in URIs, wherever they stand in a text."""

from __future__ import annotations

import re

MASK = "********"
# The greedy match up to the last "@" before the path also covers a password that holds an "@".
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/'\"<>]*@")


def mask(text: str) -> str:
    """Return `text` with the user and password part of every URI replaced."""
    return _USERINFO.sub(r"\1" + MASK + "@", text)
