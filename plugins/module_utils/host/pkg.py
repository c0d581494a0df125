# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg(1): command lines and parsers of what it prints."""

from __future__ import annotations

import re
from typing import Callable, Sequence

from ..model.fmri import Fmri
from .runner import CommandError, Result, Runner

LIST_LINKED: Sequence[str] = ("pkg", "list-linked", "-H")
_UNREACHABLE = re.compile(r"repositories for publisher '([^']+)' could not be reached")
# With exit code 1 of `pkg contents`: there is nothing to list (recording 21-info-and-contents).
_NO_ACTIONS = "no matching actions found in the listed packages"
# The last line of the traceback of a pkg that is older than the image's format (FORMAT-v5.md).
UNSUPPORTED = re.compile(r"UnsupportedImageError|is not supported by this version of the packaging system")
# The same, where the image has use-system-repo, and no service of this host tells where that is (imageconfig.py).
_NO_SYSTEM_REPOSITORY = "UnknownSysrepoConfiguration"


def child_name(zone: str) -> str:
    """Return the name pkg gives the zone's image; -l wants it exactly so."""
    return "zone:" + zone


def refresh(root: str) -> list[str]:
    """Fetch the catalogs of an image's publishers."""
    return ["pkg", "-R", root, "refresh"]


def install_dry_run(root: str, packages: Sequence[str]) -> list[str]:
    """What attach -u will run, as a dry run."""
    return ["pkg", "-R", root, "install", "-n", "--accept", "--no-refresh", "--parsable=0", *packages]


def install(root: str, packages: Sequence[str], accept: bool) -> list[str]:
    """Install packages, or bring them to a version, in the image that is running."""
    options = ["--deny-new-be"] if root == "/" else []  # no other image could want one
    return [*_on(root), "install", *options, *(["--accept"] if accept else []), *packages]


def remote_manifest(root: str, origins: Sequence[str], package: str) -> list[str]:
    """Show the whole manifest that repositories have of a package's newest version."""
    words = [word for origin in origins for word in ("-g", origin)]
    return [*_on(root), "contents", "-m", "-r", *words, package]


def _on(root: str) -> list[str]:
    return ["pkg"] if root == "/" else ["pkg", "-R", root]


def lacks_system_repository(error: CommandError) -> bool:
    """Tell whether pkg ended because the image uses a system repository, and this host has none."""
    return error.result is not None and _NO_SYSTEM_REPOSITORY in error.result.stderr


def sync_metadata(zone: str) -> list[str]:
    """Write the linked metadata of one child, nothing else."""
    return ["pkg", "sync-linked", "--linked-md-only", "-l", child_name(zone)]


def sync(zone: str) -> list[str]:
    """Do what parent dependencies force in one child."""
    return ["pkg", "sync-linked", "-l", child_name(zone)]


def audit(zone: str) -> list[str]:
    """Audit one child from the global zone."""
    return ["pkg", "audit-linked", "-l", child_name(zone)]


def variant(root: str) -> list[str]:
    """The command by which the attach hook looks whether pkg can read the image."""
    return ["pkg", "-R", root, "variant", "-H", "variant.opensolaris.zone"]


def list_installed(root: str) -> list[str]:
    """List what is installed in an image, with publisher and time stamp."""
    return ["pkg", "-R", root, "list", "-Hv", "--no-refresh"]


def list_parent_dependencies(root: str) -> list[str]:
    """List the parent dependencies that count in an image."""
    return ["pkg", "-R", root, "contents", "-H", "-t", "depend", "-a", "type=parent", "-o", "pkg.fmri,fmri"]


def installed(runner: Runner, root: str) -> dict[str, Fmri]:
    """Return stem -> FMRI of what is installed in an image. Raises CommandError."""
    return {fmri.stem: fmri for fmri in _listed(runner, list_installed(root))}


def _listed(runner: Runner, argv: Sequence[str]) -> list[Fmri]:
    result = runner.probe(argv)
    try:
        return [Fmri.parse(line.split()[0]) for line in result.stdout.splitlines() if line.strip()]
    except ValueError as exc:
        raise CommandError(f"`pkg list` printed a line that is {exc}; please report.", result) from None


def parent_dependencies(runner: Runner, root: str) -> list[tuple[Fmri, str]]:
    """Return (package, dependency) pairs. Raises CommandError."""
    return _depended(runner.probe(list_parent_dependencies(root), ok=(0, 1)))


def _depended(result: Result) -> list[tuple[Fmri, str]]:
    """Return what `pkg contents -o pkg.fmri,fmri` printed."""
    if result.rc == 1 and _NO_ACTIONS not in result.stderr:
        raise CommandError(f"`{' '.join(result.argv)}` failed: {' / '.join(result.lines()[-3:])}.", result)
    try:
        pairs = [line.split() for line in result.stdout.splitlines() if line.strip()]
        return [(Fmri.parse(package), dependency) for package, dependency in pairs]
    except ValueError:
        raise CommandError("`pkg contents` printed lines that are not known; please report.", result) from None


def list_known(root: str, stems: Sequence[str]) -> list[str]:
    """List every version of some packages that the image's catalogs know."""
    return ["pkg", "-R", root, "list", "-afHv", "--no-refresh", *(f"/{stem}" for stem in stems)]


def list_incorporations(root: str) -> list[str]:
    """List what installed packages incorporate."""
    return ["pkg", "-R", root, "contents", "-H", "-t", "depend", "-a", "type=incorporate", "-o", "pkg.fmri,fmri"]


def known(runner: Runner, root: str, stems: Sequence[str]) -> list[Fmri]:
    """Return every known version of packages that are installed. Raises CommandError."""
    return _listed(runner, list_known(root, stems))


def incorporations(runner: Runner, root: str) -> list[tuple[Fmri, Fmri]]:
    """Return (package, what it incorporates) for installed packages. Raises CommandError."""
    result = runner.probe(list_incorporations(root), ok=(0, 1))
    try:
        return [(package, Fmri.parse(wanted)) for package, wanted in _depended(result)]
    except ValueError:
        raise CommandError("`pkg contents` printed lines that are not known; please report.", result) from None


def unreachable_publishers(result: Result) -> list[str]:
    """Return the publishers that `pkg refresh` could not reach."""
    return list(dict.fromkeys(_UNREACHABLE.findall(result.stderr)))


def cannot_read_image(result: Result) -> bool:
    """Tell whether pkg failed because the image's format is newer than pkg."""
    return result.rc != 0 and bool(UNSUPPORTED.search(result.stdout + result.stderr))


def parse_list_linked(text: str, warn: Callable[[str], None]) -> dict[str, str]:
    """Return name -> path of the children from `pkg list-linked -H`."""
    children: dict[str, str] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) == 3 and fields[1] in ("child", "self", "parent"):
            if fields[1] == "child":
                children[fields[0]] = fields[2]
        elif line.strip():
            warn(f"`pkg list-linked -H` printed a line that is not known: {line[:200]!r}; please report.")
    return children


def children(runner: Runner) -> dict[str, str]:
    """Return name -> path of the global zone's children."""
    return parse_list_linked(runner.probe(LIST_LINKED).stdout, runner.warn)


def parse_audit(text: str) -> dict[str, str]:
    """Return name -> status from `pkg audit-linked`, the header left out."""
    rows = (line.split("\t") for line in text.splitlines())
    return {row[0].strip(): row[1].strip() for row in rows if len(row) == 2 and row[0].strip() != "NAME"}
