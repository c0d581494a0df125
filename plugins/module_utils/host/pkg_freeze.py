# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`pkg freeze` for the time of an update: packages kept at the version that is installed, and known by our comment."""

from __future__ import annotations

from typing import Iterable, Sequence

from ..model.image import Frozen

COMMENT = "illumos.linked_zones: held until the update from the global zone has ended"


def freeze(root: str, stems: Sequence[str]) -> list[str]:
    """Keep packages at the version that is installed. One that is frozen already would get our comment instead."""
    return ["pkg", "-R", root, "freeze", "-c", COMMENT, *_anchored(stems)]


def unfreeze(root: str, stems: Sequence[str]) -> list[str]:
    """Let packages go again, whoever froze them; one that is not frozen is passed over."""
    return ["pkg", "-R", root, "unfreeze", *_anchored(stems)]


def ours(frozen: Iterable[Frozen]) -> list[str]:
    """Return the stems that were frozen with our comment."""
    return [one.name for one in frozen if one.comment == COMMENT]


def _anchored(stems: Sequence[str]) -> list[str]:
    # "curl" alone would mean web/curl, too, and whatever else ends in it.
    return [f"pkg:/{stem}" for stem in stems]
