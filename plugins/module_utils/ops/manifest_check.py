# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks manifests, all that are given together: some rules are about two packages."""

from __future__ import annotations

import os
from typing import Any, Collection, Sequence

from ..host import manifests
from ..host.manifests import ManifestError
from ..model import manifest, manifest_rules
from ..model.manifest import ERROR, IncludeError, Parsed, RuleFinding
from ..model.manifest_rules import Package

UNREADABLE = "manifest-unreadable"
CODES = frozenset(
    (
        UNREADABLE,
        manifest.SYNTAX,
        manifest.INCLUDE_UNRESOLVED,
        manifest.TRANSFORM_IGNORED,
        *manifest_rules.CODES,
    )
)


def check(paths: Sequence[str], ignore: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return [{path, findings: [{code, severity, message, remedy, path, line}]}], one entry a manifest.

    A folder stands for all manifests below it. A file given by its own name that has no pkg.fmri is a part that the
    build gives to pkgmogrify with each manifest (transforms, common actions): it is read after each of the others.
    Findings with a code in `ignore` are left out. Raises ManifestError for a path that cannot be read.
    """
    parsed, unreadable = _read_all(paths)
    stems = {path: _stem(one) for path, one in parsed.items()}
    parts = {path: parsed[path] for path in paths if path in parsed and not stems[path]}
    packages = {path: _package(path, one, list(parts.values()), stems[path]) for path, one in parsed.items()}
    others: dict[str, list[Package]] = {}
    for package in packages.values():
        if package.stem:
            others.setdefault(package.stem, []).append(package)
    found = {finding.path: [finding] for finding in unreadable}
    for path, package in packages.items():
        own = parsed[path].findings
        if not package.stem and path not in parts:
            # How it is included, and with which macros, is the affair of the manifests that are built with it.
            own = [finding for finding in own if finding.severity == ERROR]
        found[path] = own + manifest_rules.judge(package, others)
    return [
        {"path": path, "findings": [one.as_result() for one in findings if one.code not in ignore]}
        for path, findings in found.items()
    ]


def _read_all(paths: Sequence[str]) -> tuple[dict[str, Parsed], list[RuleFinding]]:
    """Return path -> manifest, and what is to be said of files in folders that cannot be read."""
    search = _Search(paths)
    parsed: dict[str, Parsed] = {}
    unreadable: list[RuleFinding] = []
    for given in paths:
        folder = manifests.is_folder(given)
        for path in manifests.find(given) if folder else [given]:
            try:
                parsed[path] = manifest.parse(path, manifests.read(path), search.include)
            except ManifestError as exc:
                if not folder:
                    raise
                unreadable.append(RuleFinding(UNREADABLE, ERROR, str(exc), "Mend or remove the file.", path, 0))
    return parsed, unreadable


def _package(path: str, parsed: Parsed, parts: Sequence[Parsed], stem: str) -> Package:
    together = [parsed, *parts] if stem else [parsed]
    return Package(
        path,
        stem,
        tuple(manifest.transformed(together, path)),
        unfinished=parsed.macros and not parts,
        incomplete=any(one.incomplete for one in together),
    )


def _stem(parsed: Parsed) -> str:
    """Return the stem of the package, "" if no action says which it is."""
    for action in parsed.actions:
        if action.name == "set" and action.first("name") == "pkg.fmri":
            return manifest_rules.stem_of(action.first("value")) or action.first("value")
    return ""


class _Search:
    """Where included files are looked for: beside the file, in the given folders, in `transforms` beside a folder.

    The last is where illumos consolidations have them (-I ../transforms in their Makefiles).
    """

    def __init__(self, paths: Sequence[str]) -> None:
        given = [path if manifests.is_folder(path) else os.path.dirname(path) for path in paths]
        beside = [os.path.join(os.path.dirname(os.path.abspath(folder)), "transforms") for folder in given]
        self._folders = list(dict.fromkeys([*given, *beside]))
        self._texts: dict[str, str] = {}

    def include(self, name: str, from_file: str) -> tuple[str, str]:
        """Return path and text of an included file. Raises IncludeError."""
        for folder in [os.path.dirname(from_file), *self._folders]:
            path = os.path.normpath(os.path.join(folder, name))
            if path not in self._texts and manifests.is_file(path):
                try:
                    self._texts[path] = manifests.read(path)
                except ManifestError as exc:
                    raise IncludeError(str(exc).rstrip(".")) from None
            if path in self._texts:
                return path, self._texts[path]
        raise IncludeError("there is no such file")
