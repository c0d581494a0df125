# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`pkg update` of a global zone with its linked images: command lines, plans, and what its failures mean."""

from __future__ import annotations

from ..model.finding import Diagnosis
from ..model.update import Request, UpdatePlan
from .runner import Result


def dry_run(request: Request, refresh: bool = True, skip_check: bool = False) -> list[str]:
    """Plan all that the request asks for, as JSON, and change nothing."""
    raise NotImplementedError


def update(request: Request, recurse: bool, skip_check: bool = False) -> list[str]:
    """Carry the plan out, from the catalogs that the dry run has fetched; progress lines on stdout."""
    raise NotImplementedError


def parse_update(text: str) -> UpdatePlan | None:
    """Return the plan for all images from the output of --parsable=0; None if there is no document.

    Raises ValueError for a document that is not of the known form.
    """
    raise NotImplementedError


def stale_catalogs(result: Result) -> bool:
    """Tell whether pkg went on with catalogs that it could not refresh, or stumbled over that."""
    raise NotImplementedError


def pkg_out_of_date(result: Result) -> bool:
    """Tell whether pkg refused because pkg(7) itself is out of date."""
    raise NotImplementedError


def explain(result: Result, what: str) -> Diagnosis:
    """Return what a failed `pkg update` (any exit code but 0 and 4) means, from the innermost text, with the zone."""
    raise NotImplementedError
