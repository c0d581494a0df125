# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit codes of pkg(1) (pkg.1, and linked images: pkgdefs), each with its meaning and what to do."""

from __future__ import annotations

from dataclasses import dataclass

PKG_OK = 0
PKG_ERROR = 1
PKG_USAGE = 2
PKG_PARTIAL = 3
PKG_NOTHING_TO_DO = 4
PKG_NOT_LIVE = 5
PKG_LICENCE = 6
PKG_LOCKED = 7
PKG_ACTUATOR = 8
PKG_CONSTRAINED = 9
PKG_CHILD_INACCESSIBLE = 51
PKG_DIVERGED = 52
PKG_NOT_LINKED = 53
PKG_FROM_PARENT = 54
PKG_TRACEBACK = 99


@dataclass(frozen=True)
class ExitCode:
    """What an exit code says by itself; `meaning` is a clause, `remedy` a sentence ("" if nothing is to be done).

    `cause` is the fixed word of a diagnosis that has nothing but the code to go by.
    """

    code: int
    cause: str
    meaning: str
    remedy: str


_CODES = (
    ExitCode(PKG_OK, "unknown", "pkg says that it succeeded", ""),
    ExitCode(PKG_ERROR, "unknown", "pkg met an error", "Its own lines say which."),
    ExitCode(
        PKG_USAGE,
        "usage",
        "pkg refused its options",
        "This pkg may be too old for them, or they do not go together; please report it.",
    ),
    ExitCode(
        PKG_PARTIAL,
        "unknown",
        "pkg succeeded in part only",
        "Its own lines say what failed; mend that, then run again.",
    ),
    ExitCode(PKG_NOTHING_TO_DO, "unknown", "pkg found nothing to do", ""),
    ExitCode(
        PKG_NOT_LIVE,
        "new-be-needed",
        "the change needs a new boot environment, and none was to be made",
        "Allow one (`new_be: auto`), then reboot into it.",
    ),
    ExitCode(PKG_LICENCE, "licence", "a licence has not been accepted", "Read it, then set `accept_licenses: true`."),
    ExitCode(
        PKG_LOCKED,
        "locked",
        "another pkg is at work on the image or on a zone's",
        "Let it end, then run again; `lock_timeout` says how long to wait.",
    ),
    ExitCode(
        PKG_ACTUATOR,
        "actuator",
        "the packages were changed, and a service did not come up again in time",
        "`svcs -xv` in the global zone and in the zones says which.",
    ),
    ExitCode(
        PKG_CONSTRAINED,
        "solver",
        "no set of packages satisfies all that is installed and asked for",
        "The lines after `Reason:` say what stands against it.",
    ),
    ExitCode(
        PKG_CHILD_INACCESSIBLE,
        "image-missing",
        "a zone's image cannot be opened",
        "Mount the zone's dataset, or uninstall or detach the zone.",
    ),
    ExitCode(
        PKG_DIVERGED,
        "out-of-sync",
        "a zone's packages are not those of the global zone",
        "`pkg update -r` brings it along.",
    ),
    ExitCode(
        PKG_NOT_LINKED,
        "not-linked",
        "the image is not linked to a global zone's",
        "Name the zone, or have it synced first.",
    ),
    ExitCode(PKG_FROM_PARENT, "from-parent", "this has to be done from the global zone", "Run it there."),
    ExitCode(
        PKG_TRACEBACK, "traceback", "pkg ended with an error of its own", "The last line of its traceback says where."
    ),
)
_BY_CODE = {one.code: one for one in _CODES}


def exit_code(code: int) -> ExitCode:
    """Return what an exit code means; a negative one is a signal's (subprocess)."""
    if code < 0:
        return ExitCode(code, "killed", f"pkg was killed by signal {-code}", "Run again.")
    return _BY_CODE.get(code) or ExitCode(
        code, "unknown", f"exit code {code} is not one of pkg's", "Please report this."
    )


def exit_reason(code: int) -> str:
    """Return the meaning of an exit code, as modules hand it back."""
    return exit_code(code).meaning
