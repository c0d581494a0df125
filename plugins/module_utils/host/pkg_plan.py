# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document that pkg(1) prints with --parsable=0: one line of JSON, before any other text."""

from __future__ import annotations

import json
import math
from typing import Any, Mapping, Sequence

from ..model.fmri import Fmri
from ..model.plan import Licence, Plan

_VERSION = 0
# Lists of changes that are not packages: the first word of each entry is the name (plandesc.py).
_SETTINGS = ("change-facets", "change-variants", "change-mediators")


def parse_document(text: str) -> dict[str, Any] | None:
    """Return the document in the output of --parsable=0; None if there is none.

    Raises ValueError for one that is not JSON, or not of the version asked for.
    """
    line = next((line for line in text.splitlines() if line.startswith("{")), None)
    if line is None:
        return None
    try:
        document = json.loads(line)
    except RecursionError:
        raise _unknown("it is nested too deep") from None
    except ValueError as exc:
        raise _unknown(f"it is not JSON ({exc})") from None
    version = field(document, "version", int)
    if version != _VERSION:
        raise _unknown(f"its version is {version}, not {_VERSION}")
    return dict(document)


def parse_plan(text: str) -> Plan | None:
    """Return the plan of the image itself from the output of --parsable=0; None if there is no document.

    Raises ValueError for a document that is not of the known form.
    """
    document = parse_document(text)
    return None if document is None else plan_of(document)


def plan_of(document: Mapping[str, Any]) -> Plan:
    """Return the plan of the image that a document is about. Raises ValueError."""
    return Plan(
        add=_fmris(document, "add-packages"),
        change=tuple((_fmri(old), _fmri(new)) for old, new in _entries(document, "change-packages", 2)),
        remove=_fmris(document, "remove-packages"),
        licences=tuple(_licences(document)),
        affect=_fmris(document, "affect-packages"),
        settings=tuple(text_of(entry[0]) for key in _SETTINGS for entry in _entries(document, key)),
    )


def field(document: Mapping[str, Any], key: str, *kinds: type) -> Any:
    """Return a field that must be of one of some types. Raises ValueError."""
    if key not in document:
        raise _unknown(f"it has no {key!r}")
    value = document[key]
    if type(value) not in kinds:
        raise _unknown(f"its {key!r} is {value!r}"[:200])
    return value


def size(document: Mapping[str, Any], key: str) -> int | None:
    """Return a number of bytes, which pkg may know only roughly (a fraction) or not at all. Raises ValueError."""
    value = field(document, key, int, float, type(None))
    if isinstance(value, float) and not math.isfinite(value):
        raise _unknown(f"its {key!r} is {value!r}")
    return None if value is None else math.ceil(value)


def _fmris(document: Mapping[str, Any], key: str) -> tuple[Fmri, ...]:
    return tuple(_fmri(entry) for entry in field(document, key, list))


def _fmri(text: Any) -> Fmri:
    try:
        fmri = Fmri.parse(text_of(text))
    except ValueError as exc:
        raise _unknown(f"it holds what is {exc}") from None
    if fmri.version is None:
        raise _unknown(f"it holds {text!r} without a version"[:200])
    return fmri


def text_of(value: Any) -> str:
    """Return a value that must be a text. Raises ValueError."""
    if not isinstance(value, str):
        raise _unknown(f"it holds {value!r} in place of a text"[:200])
    return value


def _entries(document: Mapping[str, Any], key: str, length: int | None = None) -> list[Sequence[Any]]:
    entries: list[Sequence[Any]] = field(document, key, list)
    for entry in entries:
        if not isinstance(entry, list) or not entry or length not in (None, len(entry)):
            raise _unknown(f"its {key!r} holds {entry!r}"[:200])
    return entries


def _licences(document: Mapping[str, Any]) -> list[Licence]:
    # [package, [] or [old licence], [] or [package, name, text, must accept, must display]] (recording 10-licence).
    found = []
    for _package, _old, new in _entries(document, "licenses", 3):
        if new != []:
            if not isinstance(new, list) or len(new) != 5 or not isinstance(new[3], bool):
                raise _unknown(f"its 'licenses' hold {new!r}"[:200])
            found.append(Licence(str(_fmri(new[0])), text_of(new[1]), new[3]))
    return found


def _unknown(why: str) -> ValueError:
    return ValueError(f"pkg's parsable plan is not of the known form: {why}; please report.")
