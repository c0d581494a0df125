# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`pkg update` of a global zone with its linked images: command lines, plans, and what its failures mean."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..model.exitcodes import PKG_ERROR, PKG_TRACEBACK
from ..model.update import ImagePlan, Request, UpdatePlan
from .pkg_failure import explain
from .pkg_plan import field, parse_document, plan_of, size, text_of
from .runner import Result

__all__ = ["dry_run", "explain", "parse_update", "pkg_out_of_date", "stale_catalogs", "stumbled", "update"]

_CHILD = "zone:"
_STALE = "WARNING: Errors were encountered when attempting to retrieve package"
_OUT_OF_DATE = "WARNING: pkg(7) appears to be out of date"
# -t is known since r151038.
_BE_ACTIVATION = {"always": [], "never": ["--no-be-activate"], "once": ["-t"]}


def dry_run(request: Request, refresh: bool = True, skip_check: bool = False) -> list[str]:
    """Plan all that the request asks for, as JSON, and change nothing.

    pkg refuses a name of a boot environment that is taken before it looks whether there is anything to do; so the
    plan is asked for a new boot environment without its name, and has no `be_name`.
    """
    return ["pkg", "update", "-n", "--parsable=0", *_options(request, request.recurse, refresh, skip_check)]


def update(request: Request, recurse: bool, skip_check: bool = False) -> list[str]:
    """Carry the plan out, from the catalogs that the dry run has fetched; progress lines on stdout."""
    named = request.be_name is not None and request.new_be != "deny"
    name = ["--be-name", request.be_name or ""] if named else []
    accept = ["--accept"] if request.accept_licenses else []
    return ["pkg", "update", *accept, *name, *_options(request, recurse, False, skip_check)]


def zone_dry_run(root: str, request: Request, packages: Sequence[str], refresh: bool = True) -> list[str]:
    """Plan the update of one zone's image by itself, as JSON. A zone's image has no boot environments."""
    return ["pkg", "-R", root, "update", "-n", "--parsable=0", *_in_zone(request, refresh), *packages]


def zone_update(root: str, request: Request, packages: Sequence[str]) -> list[str]:
    """Update one zone's image by itself, from the catalogs that the dry run has fetched."""
    accept = ["--accept"] if request.accept_licenses else []
    return ["pkg", "-R", root, "update", *accept, *_in_zone(request, False), *packages]


def _in_zone(request: Request, refresh: bool) -> list[str]:
    words = ["-f"] if request.skip_pkg_check else []
    words += [] if refresh else ["--no-refresh"]
    for pattern in request.reject:
        words += ["--reject", pattern]
    return words


def _options(request: Request, recurse: bool, refresh: bool, skip_check: bool) -> list[str]:
    words = ["-f"] if skip_check else []
    words += [] if refresh else ["--no-refresh"]
    words += _images(request, recurse)
    words += ["-C", str(request.concurrency)] if request.concurrency is not None else []
    words += _boot_environment(request)
    for pattern in request.reject:
        words += ["--reject", pattern]
    return [*words, *request.packages]


def _images(request: Request, recurse: bool) -> list[str]:
    if not recurse or request.zones == ():
        # Without it the image property default-recurse decides (recording 27). Known since r151026, as the property.
        return ["-R"]
    words = ["-r"]
    # The same zone given twice ends in a traceback (linked-images.md, section 1).
    for option, zones in (("-z", request.zones or ()), ("-Z", request.exclude_zones)):
        for zone in dict.fromkeys(zones):
            words += [option, zone]
    return words


def _boot_environment(request: Request) -> list[str]:
    words = []
    required = request.new_be != "deny" and (request.new_be == "require" or request.be_name is not None)
    if required:
        words.append("--require-new-be")
    elif request.new_be == "deny":
        words.append("--deny-new-be")
    words += _BE_ACTIVATION[request.activate]
    if request.backup_be == "never":
        words.append("--no-backup-be")
    elif request.backup_be == "always" and not required:
        # With a new boot environment the running one is the backup, and pkg refuses both options (exit 2).
        words.append("--require-backup-be")
    return words


def parse_update(text: str) -> UpdatePlan | None:
    """Return the plan for all images from the output of --parsable=0; None if there is no document.

    Raises ValueError for a document that is not of the known form.
    """
    document = parse_document(text)
    if document is None:
        return None
    field(document, "image-name", type(None))
    children = [_child(one) for one in field(document, "child-images", list)]
    by_name = {child.name: child for child in children}
    if len(by_name) < len(children):
        raise ValueError("pkg's parsable plan names a linked image twice; please report.")
    own = _image(None, document)
    return UpdatePlan(
        images=(own, *(by_name[name] for name in sorted(by_name))),
        new_be=bool(field(document, "create-new-be", bool, type(None))),
        be_name=field(document, "be-name", str, type(None)),
        activate=bool(field(document, "activate-be", bool, str)),  # "bootnext" with -t
        backup_be=bool(field(document, "create-backup-be", bool, type(None))),
        backup_be_name=field(document, "backup-be-name", str, type(None)),
        space_required=own.space_required,
        space_available=own.space_available,
        release_notes=tuple(text_of(note) for note in field(document, "release-notes", list)),
    )


def _child(document: Any) -> ImagePlan:
    if not isinstance(document, dict):
        raise ValueError("pkg's parsable plan holds a linked image that is no document; please report.")
    name = field(document, "image-name", str)
    if field(document, "child-images", list):
        raise ValueError(f"pkg's parsable plan has linked images below {name}, which is not known; please report.")
    zone = name[len(_CHILD) :] if name.startswith(_CHILD) else name
    if not zone:
        raise ValueError(f"pkg's parsable plan names a linked image {name!r}; please report.")
    return _image(zone, document)


def _image(zone: str | None, document: Mapping[str, Any]) -> ImagePlan:
    return ImagePlan(zone, plan_of(document), size(document, "space-required"), size(document, "space-available"))


def stale_catalogs(result: Result) -> bool:
    """Tell whether pkg went on with catalogs that it could not refresh, or stumbled over that."""
    asked = "--no-refresh" not in result.argv
    return (asked and stumbled(result)) or _STALE in result.stdout + result.stderr


def stumbled(result: Result) -> bool:
    """Tell whether pkg seems to have stumbled over a repository that a zone could not reach.

    With -r and --parsable it ends in a traceback then (recording 26-unreachable-repository), which may have other
    causes, too: `pkg refresh` tells.
    """
    return "--parsable=0" in result.argv and result.rc == PKG_TRACEBACK and "AssertionError" in result.stderr


def pkg_out_of_date(result: Result) -> bool:
    """Tell whether pkg refused because pkg(7) itself is out of date."""
    return result.rc == PKG_ERROR and _OUT_OF_DATE in result.stdout
