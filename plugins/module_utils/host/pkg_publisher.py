# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg's commands for publishers: command lines, and what their failures mean."""

from __future__ import annotations

import re
from typing import Sequence

from ..model.publisher_plan import Change, Edit
from .runner import Result

# Recording 12-publishers, set-publisher -g; a publisher that is new is told "contains package data for A; not B".
_UNREACHABLE = re.compile("valid (?:pkg|package) repository")
_OF_ANOTHER = re.compile("contains? package data for")


def commands(root: str, edit: Edit) -> list[list[str]]:
    """Return the command lines of an edit, one for each change and one for all removals."""
    argvs = [set_publisher(root, change) for change in edit.changes]
    return argvs + ([unset_publishers(root, edit.removed)] if edit.removed else [])


def set_publisher(root: str, change: Change) -> list[str]:
    """Change or make one publisher of the image at `root`."""
    words: list[str] = []
    if not change.of_origins and not change.enabled:
        # pkg would fetch catalogs that are some hours old, and do nothing if it cannot (__update_publisher in api.py)
        words.append("--no-refresh")
    for option, values in (
        ("-G", change.remove_origins),
        ("-g", change.add_origins),
        ("-M", change.remove_mirrors),
        ("-m", change.add_mirrors),
        ("--proxy", (change.proxy,) if change.proxy else ()),
        ("--set-property", tuple(f"{name}={value}" for name, value in change.set_properties)),
        ("--unset-property", change.unset_properties),
    ):
        words += [word for value in values for word in (option, value)]
    if change.sticky is not None:
        words.append("--sticky" if change.sticky else "--non-sticky")
    if change.enabled is not None:
        words.append("--enable" if change.enabled else "--disable")
    if change.after is not None:
        words += ["--search-after", change.after] if change.after else ["-P"]
    return [*_on(root), "set-publisher", *words, change.name]


def unset_publishers(root: str, names: Sequence[str]) -> list[str]:
    """Remove publishers from the image at `root`; what is installed from them stays."""
    return [*_on(root), "unset-publisher", *names]


def add_origins(root: str, publisher: str, origins: Sequence[str], recurse: bool = False) -> list[str]:
    """Give a publisher origins, and make it if there is none; `recurse`: in the image's children, too.

    With `recurse` exit code 0 says nothing of the children (linked-images.md, section 6).
    """
    words = [word for origin in origins for word in ("-g", origin)]
    return [*_on(root), "set-publisher", *(["-r"] if recurse else []), *words, publisher]


def search_after(root: str, previous: str, publisher: str) -> list[str]:
    """Put a publisher right behind another one in the search order."""
    return [*_on(root), "set-publisher", "--search-after", previous, publisher]


def copy_publishers(root: str) -> list[str]:
    """Give the image the publishers of the global zone."""
    return [*_on(root), "copy-publishers-from", "/"]


def trouble(result: Result) -> tuple[str, str]:
    """Return a fixed word for what failed, and what is to be done."""
    if result.locked:
        return "locked", "Another pkg works on that image: wait for it to end, or give a longer `lock_timeout`."
    if _UNREACHABLE.search(result.stderr):
        return (
            "repository-unreachable",
            "See that the global zone reaches the repository (address, network, proxy), then run again.",
        )
    if _OF_ANOTHER.search(result.stderr):
        return "wrong-repository", "That repository is another publisher's: correct the origin."
    return "pkg-failed", "The evidence has pkg's words. Mend that, then run again."


def _on(root: str) -> list[str]:
    return ["pkg"] if root == "/" else ["pkg", "-R", root]
