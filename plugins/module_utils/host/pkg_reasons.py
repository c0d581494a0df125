# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why pkg's solver finds no set of packages: the `Reason:` lines, as r151054 and as later releases print them."""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence

from .pkg_words import Found, Rule, fill, rule

# pkg -v ends each package's branch with its reason; without -v the root causes stand in a list.
_LINE = re.compile(r"[ \t]*(?P<what>Reject|Package|Reason):\s+(?P<text>\S.*)")
_NO_SOLUTION = re.compile(
    r"must be uninstalled or upgraded|No matching version of|No solution|No suitable version|"
    r"unable to compute solution|dependency error\(s\) in proposed packages|Errors in installed packages due to"
)
_FMRI = re.compile(r"pkg:/(?:/(?P<publisher>[^/]+)/)?(?P<stem>[^@\s]+)")
_FOLLOWS = re.compile(r"^\[|^No version matching '")

_SHOWN = 3


class Reason(NamedTuple):
    """A package that was rejected (its FMRI) and why; the text of one that only follows from another is left out."""

    package: str
    text: str


# The first that is found among the reasons of an image is the root of it: a freeze keeps a package from following the
# global zone, and pkg then says both.
_ROOTS: tuple[Rule, ...] = (
    rule(
        "frozen",
        r"excluded by a freeze on (?P<other>\S+) at version (?P<version>\S+?)\."
        r"(?P<why>\s+The reason for the freeze is: .+)?$",
        "Package {other} is frozen at {version}, and would have to move. {why}",
        "`{pkg} unfreeze {other}` lets it go; then run again.",
    ),
    rule(
        "parent-publisher",
        r"Package in (?:global zone|parent) is from a different publisher: pkg://(?P<publisher>[^/]+)/(?P<other>[^@\s]+)",
        "Package {package} needs {other} in the global zone from its own publisher, and there it comes from "
        "{publisher}.",
        "Bring both to one publisher: the global zone first (`pkg install pkg://{mine}/{other}`), or the zone "
        "(`{pkg} install pkg://{publisher}/{other}`).",
    ),
    rule(
        "parent-missing",
        r"Package (?P<other>\S+) is not installed in (?:global zone|parent image)\.",
        "Package {package} needs {other} to be installed in the global zone, and it is not, or would not be any more.",
        "Keep {other} in the global zone, or install it there again (`pkg install {other}`), or take what needs it out "
        "of the zone (`{pkg} uninstall {packages}`). Until then such a zone stops every operation of the global zone.",
    ),
    rule(
        "parent-older",
        r"(?:Global zone|Parent image) has an older version of package: (?P<fmri>pkg://[^/]+/(?P<other>[^@\s]+)@\S+)",
        "Package {package} needs a newer {other} in the global zone than is there, or would be ({fmri}).",
        "The global zone goes first: bring {other} there to the zone's version (`pkg refresh`, then `pkg update`), and "
        "the zone follows. Where it is the zone that has to go back: `{pkg} update {fmris}`.",
    ),
    rule(
        "parent-newer",
        r"(?:Global zone|Parent image) has a newer version: (?P<fmri>pkg://[^/]+/(?P<other>[^@\s]+)@\S+)",
        "Package {package} must be what the global zone has, or would have ({fmri}), and the zone cannot get it.",
        "Name no version in the zone, it follows the global zone. If it does not: `{pkg} refresh`, then "
        "`{pkg} update -nv {fmris}` says what holds it: a publisher without that version, a freeze, an incorporation.",
    ),
    rule(
        "rejected",
        r"rejected by user request",
        "Package {package} was rejected (`reject`), and what is installed needs it.",
        "Take it out of `reject`.",
    ),
    rule(
        "obsolete",
        r"All acceptable versions of '[^']*' dependenc(?:y|ies) on (?P<other>.+) are obsolete",
        "Package {package} needs {other}, which is obsolete.",
        "Uninstall what needs it (`{pkg} uninstall {packages}`), or leave it at its version.",
    ),
    rule(
        "dependency-missing",
        r"No version for '[^']*' dependency on (?P<other>.+) can be found",
        "Package {package} needs {other}, which no publisher of the image has.",
        "Add the publisher that has it; `{pkg} refresh` shows whether one cannot be reached.",
    ),
    rule(
        "excluded",
        r"'exclude' dependency (?P<other>\S+)",
        "Package {package} cannot be installed together with {other}.",
        "Uninstall one of them, then run again.",
    ),
    rule(
        "sticky-publisher",
        r"Currently installed package '(?P<other>[^']*)' is from sticky publisher '(?P<publisher>[^']*)'",
        "Package {other} is installed from publisher {publisher}, which is sticky, and its new version comes from "
        "another.",
        "Name the package with its new publisher (pkg://PUBLISHER/NAME), or give up stickiness "
        "(`{pkg} set-publisher --non-sticky {publisher}`).",
    ),
    rule(
        "wrong-variant",
        r"supports image variant (?P<other>\S+) but|doesn't support image architecture",
        "Package {package} is not made for this kind of image.",
        "A package for the global zone only cannot be in a zone (`{pkg} variant`).",
    ),
    rule(
        "origin-too-old",
        r"is too old for origin dependency (?P<other>.+)",
        "Package {package} can only be installed over {other} or newer.",
        "Update to a release in between first.",
    ),
    rule(
        "pkg-too-old",
        r"Package contains invalid or unsupported actions",
        "Package {package} has actions that this pkg does not know.",
        "Update pkg first: `pkg install pkg:/package/pkg`.",
    ),
    rule(
        "pinned",
        r"xcluded by (?:installed|proposed|synced parent) incorporation '?(?P<other>[^'\s@]+)"
        r"(?:@(?P<version>[^'\s]+))?",
        "Package {package} is pinned by the incorporation {other} at {version}.",
        "It moves with a newer {other} only: name no versions, and update {other} with it.",
    ),
)
_OTHER = rule(
    "solver",
    r"(?P<why>.*)",
    "Package {package} stands against it: {why}",
    "Update or uninstall that package, or do without what was asked for.",
)


def reasons(text: str) -> list[Reason]:
    """Return what the solver gives as reasons, each once, in pkg's order."""
    found: list[Reason] = []
    package = ""
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match and match["what"] != "Reason":
            package = match["text"].strip()
        elif match and not _FOLLOWS.search(match["text"]):
            found.append(Reason(package, match["text"].strip()))
    return list(dict.fromkeys(found))


def solver(text: str, pkg: str) -> Found | None:
    """Return what kept the solver from a solution; None if it was not the solver that failed."""
    if not _NO_SOLUTION.search(text):
        return None
    given = sorted(reasons(text))
    for root in (*_ROOTS, _OTHER):
        hits = [reason for reason in given if root.pattern.search(reason.text)]
        if hits:
            return _found(root, hits, pkg)
    said = next(line for line in text.splitlines() if _NO_SOLUTION.search(line)).strip()
    return Found(
        "solver",
        f"No set of packages fits: {said}",
        "The same command by hand with -n and -vv evaluates the packages one by one and says which stands against it.",
    )


def _found(root: Rule, hits: Sequence[Reason], pkg: str) -> Found:
    first = hits[0]
    alike = [_stem(hit.package) for hit in hits if hit.text == first.text]
    mine = _FMRI.match(first.package)
    words = {"package": alike[0], "packages": " ".join(alike), "mine": mine["publisher"] if mine else "PUBLISHER"}
    matches = [match for hit in hits for match in [root.pattern.search(hit.text)] if match]
    named = dict.fromkeys(match["fmri"] for match in matches if "fmri" in root.pattern.groupindex)
    found = fill(root, first.text, pkg=pkg, fmris=" ".join(named), **words)
    others = sorted({_stem(hit.package) for hit in hits} - {alike[0]})
    shown = ", ".join(others[:_SHOWN]) + (f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else "")
    more = f" So it is with {shown}." if others else ""
    return Found(found.cause, found.sentence.rstrip(" .") + "." + more, found.remedy)


def _stem(fmri: str) -> str:
    match = _FMRI.match(fmri)
    return match["stem"] if match else fmri
