# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed pkg(1) means: the innermost text of each image that failed, its cause, and what to do.

A failure in a zone is printed by the global zone's pkg in a frame that names the child (linked-images.md, section 10);
several children may have failed at once, each for a cause of its own.
"""

from __future__ import annotations

import re
from typing import Mapping, NamedTuple, Sequence

from ..model.exitcodes import PKG_ERROR, PKG_LICENCE, PKG_LOCKED, PKG_NOT_LIVE, PKG_TRACEBACK, exit_code
from ..model.finding import Diagnosis
from ..model.publisher import Publisher, position_fault
from .pkg_reasons import solver
from .pkg_words import Found, Rule, fill, rule
from .runner import Result

_CHILD = "zone:"
_FRAME = re.compile(
    r"A '[^']*' operation (?:failed )?for child '(?P<child>[^']*)' "
    r"(?:with an unexpected\s+(?:return value of (?P<rc>\d+) and generated the following output|exception)|"
    r"generated non-json output)[:.]"
)
_ACCESS = re.compile(r"^(?:Can't initialize|Failed '[^']*' for) child image \((?P<child>[^)]*)\) at path: .*$", re.M)
_PROGRESS = re.compile(r"^(?: Startup:|Planning:|Download:| Actions:|Finalize:|Linked images:|\{).*\n?", re.M)
_PUBLISHER = re.compile(r"^ +PUBLISHER \d+: (?P<name>\S+)(?P<marks>.*)$", re.M)
_CHILD_PUBLISHERS = "The child image has the following enabled publishers:"
_LICENCE = re.compile(r"^Package: (?:pkg://[^/]+/)?(?P<package>[^@\s]+)\S*\n+License: (?P<name>.*)$", re.M)
_REPOSITORY = re.compile(r"(?:Repository URL: '|valid package repository: )(?P<uri>[^'\s]+)")
_URL = re.compile(r"\bURL: '?(?P<uri>[^'\s]+)|Transfer from '(?P<from>[^']+)'")
_WHY = re.compile(r"\breason: (?P<why>.+)$", re.M)
_ERROR = re.compile(r"[A-Za-z_.]*(?:Error|Exception|Interrupt)\b")
_EVIDENCE = 30
# Of a text that is longer than any of pkg's the beginning and the end are read, so that the time it takes is bounded.
_HALF = 10_000
_ROOT = "-R ROOT"

_RULES: tuple[Rule, ...] = (
    rule(
        "system-repository",
        r"UnknownSysrepoConfiguration",
        "The image uses the system repository, and no service of this host tells where that is.",
        "`svcs -x application/pkg/system-repository` in the global zone, application/pkg/zones-proxy-client in a zone.",
    ),
    rule(
        "image-format",
        r"UnsupportedImageError|is not supported by this version of the packaging system",
        "The image has a format that this pkg cannot read.",
        "Update pkg first: `pkg install pkg:/package/pkg`.",
    ),
    rule(
        "image-format",
        r"is written in an older format and must be updated",
        "The image has an old format.",
        "`{pkg} update-format`, then run again.",
    ),
    rule(
        "locked",
        r"currently in use by another package client(?:: (?P<who>.*?))?\.?$",
        "Another pkg is at work on the image.",
        exit_code(PKG_LOCKED).remedy,
    ),
    rule(
        "pkg-out-of-date",
        r"pkg\(7\) appears to be out of date",
        "pkg itself is out of date, and refuses to update anything else first.",
        "`pkg install pkg:/package/pkg`, then run again; `skip_pkg_check: true` goes on with the pkg there is.",
    ),
    rule(
        "out-of-sync",
        r"Syncing this linked image would require the following package updates",
        "Packages would have to be updated to follow the global zone, and none were to be.",
        "`pkg update -r` in the global zone, or `pkg sync-linked -a`, brings them along.",
    ),
    rule(
        "no-space",
        r"Insufficient disk space available for (?P<use>.*?)\. Available space: (?P<free>.*?)\. "
        r"Estimated required: (?P<needed>.*?)\.$",
        "There is not enough space for the {use}: {free} free, {needed} needed.",
        "Make room (`zfs list -o space`, and old boot environments in `beadm list`), then run again.",
    ),
    rule(
        "no-space",
        # What --parsable=0 makes of it: the plan cannot be printed (plandesc.py).
        r"ImageInsufficentSpace\((?P<needed>[0-9.]+), (?P<free>[0-9.]+), '(?P<use>[^']*)'\)",
        "There is not enough space for the {use}: {free} bytes free, {needed} needed.",
        "Make room (`zfs list -o space`, and old boot environments in `beadm list`), then run again.",
    ),
    rule(
        "no-space",
        r"No space left on device|Disc quota exceeded|\[Errno (?:28|49)\]",
        "There is no space left, or a quota is reached.",
        "Make room (`zfs list -o space`, and old boot environments in `beadm list`), then run again.",
    ),
    rule(
        "be-name-taken",
        r"The boot environment '(?P<name>[^']*)' already exists",
        "There is a boot environment {name} already.",
        "Choose another `be_name`, or destroy that one (`beadm destroy {name}`).",
    ),
    rule(
        "bad-be-name",
        r"'(?P<name>[^']*)' is not a valid boot environment name",
        "{name!r} cannot be the name of a boot environment.",
        "Choose another `be_name`: letters, digits, and . _ - within.",
    ),
    rule(
        "bad-be-name",
        r"Boot environment naming during package install is not supported|Naming a boot environment when operating",
        "No boot environment can be named for this image.",
        "Leave `be_name` out.",
    ),
    rule(
        "be-failed",
        r"(?P<said>Unable to clone the current boot environment|A problem occurred while attempting to rename the boot "
        r"environment|Unable to mount \S+ at \S+)",
        "The new boot environment could not be made: {said}.",
        "`beadm list` shows what there is; `zfs list -t all -r rpool/ROOT` shows what is in the way.",
    ),
    rule(
        "new-be-needed",
        r"cannot be performed on a live image|cannot be done on live image|cannot be modified in live image",
        "The change needs a new boot environment, and none was to be made.",
        exit_code(PKG_NOT_LIVE).remedy,
    ),
    rule(
        "not-root",
        r"Insufficient access to complete the requested operation|^Failed 'find' for .*\[Errno 13\]",
        "pkg did not have the rights of root.",
        "Run it as root (`become: true`).",
    ),
    rule(
        "execution-failed",
        r"Requested operation failed for (?:package pkg://[^/]+/(?P<package>[^@\s]+)\S*|action (?P<action>.*)):\n"
        r"(?P<said>.*?)(?:\s+To continue, .*)?$",
        "Package {package}{action} could not be changed: {said}",
        "Mend that, then run again.",
    ),
    rule(
        "execution-failed",
        # pkg writes a file under a temporary name first, which is gone by now.
        r"Could not operate on (?P<path>.*?)(?:/tmp\w{8})?\nbecause (?:of insufficient permissions|the file is in use)",
        "Nothing could be changed at {path}, although pkg runs as root.",
        "It is immutable (`/usr/bin/ls -d -/ v {path}`), read-only (`df {path}`) or in use; mend that, then run again.",
    ),
    rule(
        "execution-failed",
        r"Could not complete the operation(?: on (?P<path>.*?))?: read-only filesystem|\[Errno 30\][^']*(?P<error>.*)$|"
        r"Cannot update file: '(?P<file>[^']*)' at path",
        "A file could not be changed: {path}{error}{file}.",
        "It is on a read-only file system, or behind a symbolic link; mend that, then run again.",
    ),
    rule(
        "execution-failed",
        r"(?P<said>An unexpected error happened during .*?)\.?$",
        "{said}.",
        "Mend what it names, then run again; `{pkg} verify` says whether the image is whole.",
    ),
    rule(
        "no-such-zone",
        r"invalid linked image or zone name '(?P<name>[^']*)'|Unknown child linked image: (?:zone:)?(?P<child>\S+)|"
        r"Invalid linked image name '(?P<image>[^']*)'",
        "'{name}{child}{image}' is not a linked zone of this host.",
        "`pkg list-linked` names those there are: installed zones of the brands lipkg, sparse and pkgsrc.",
    ),
    rule(
        "unknown-package",
        r"'(?P<name>[^']*)' matches no installed packages",
        "No installed package is '{name}'.",
        "An update takes what is installed: mend the name, or install it first.",
    ),
    rule(
        "bad-package",
        r"Illegal FMRI '(?P<name>[^']*)': (?P<why>.*)$|'(?P<pattern>[^']*)' is an illegal (?:fmri|FMRI)",
        "'{name}{pattern}' is no name of a package.",
        "Mend the name.",
    ),
    rule(
        "unknown-package",
        r"did not match any (?:allowable )?packages[^\t]*(?P<names>(?:\t\S+\s*)+)",
        "No publisher has a package, or a version, that is {names}.",
        "Mend the name or the version; `{pkg} refresh` shows whether a publisher cannot be reached.",
    ),
    rule(
        "ambiguous-package",
        r"'(?P<name>[^']*)' matches multiple packages|specify (?:the same package|different versions of the same)",
        "The names given do not stand for one package each, at one version.",
        "Name each package once, with its whole name.",
    ),
    rule(
        "rejected",
        r"only matched packages rejected by user request",
        "A package is both asked for and rejected.",
        "Take it out of `reject`.",
    ),
    rule(
        "wrong-variant",
        r"only matched packages that are not available\s[^\t]*\t(?P<name>\S+)",
        "Package {name} is not made for this kind of image.",
        "A package for the global zone only cannot be in a zone.",
    ),
    rule(
        "sticky-publisher",
        r"only matched packages that are from publishers other than",
        "The package is installed from another publisher, which is sticky.",
        "Name the package with its publisher (pkg://PUBLISHER/NAME), or give up stickiness "
        "(`{pkg} set-publisher --non-sticky NAME`).",
    ),
    rule(
        "dependents",
        r"Unable to remove '(?P<name>[^'@]*)[^']*' due to the following packages that depend on it:"
        r"(?P<names>(?:\s+\S+@\S+)+)",
        "Package {name} cannot be removed, for it is needed by {names}.",
        "Remove what needs it as well, or keep it.",
    ),
    rule(
        "obsolete",
        r"'(?P<name>[^']*)' depends on obsolete package '(?P<other>[^']*)'",
        "Package {name} needs {other}, which is obsolete.",
        "Do without {name}, or wait for a version that does without {other}.",
    ),
    rule(
        "dependency-missing",
        r"Package (?P<name>\S+) is missing a dependency: (?P<other>.*)$",
        "Package {name} needs {other}, which is not there.",
        "Install it, or uninstall {name}.",
    ),
    rule(
        "package-conflict",
        r"(?:all deliver (?P<what>.*?)|deliver (?P<types>conflicting action types.*?)|"
        r"to install (?P<many>multiple actions\s.*?)):\n(?P<names>(?:\s+(?:pkg:|\d+ packages? deliver)[^\n]*)*)",
        "Packages are in each other's way ({what}{types}{many}): {names}.",
        "They cannot be installed together: uninstall one of them, or keep its new version out (`reject`).",
    ),
    rule(
        "package-broken",
        r"^(?P<said>.*(?:invalid package metadata|deliver items (?:outside|to reserved)|must be corrected before).*)$",
        "A package is not fit for installation: {said}",
        "Leave it out (`reject`), and tell its publisher.",
    ),
    rule(
        "signature",
        r"^(?P<said>.*(?:requires signatures to be present|could not be verified|was revoked|requires certain CNs).*)$",
        "A signature was not accepted: {said}",
        "`{pkg} property signature-policy` and `{pkg} publisher NAME` show what is asked for.",
    ),
    rule(
        "client-certificate",
        r"^(?P<said>.*(?:[Cc]ertificate '?|locate key|key and certificate files have expired).*)$",
        "A publisher's client certificate does not do: {said}",
        "`{pkg} set-publisher -k KEY -c CERTIFICATE NAME` sets a valid one.",
    ),
    rule(
        "no-origin",
        r"requires that one or more package repositories are\s+configured for publisher '(?P<name>[^']*)'",
        "Publisher {name} has no repository.",
        "`{pkg} set-publisher -g URI {name}` gives it one.",
    ),
    rule(
        "unknown-publisher",
        r"Unknown publisher '(?P<name>[^']*)'|^(?:pkg[^:]*: )?(?P<other>\S+) is an unknown publisher",
        "There is no publisher {name}{other}.",
        "`{pkg} publisher` names those there are.",
    ),
    rule(
        "wrong-repository",
        r"^(?P<said>.*(?:does not contain (?:any )?package data for|contains package data for).*)$",
        "A repository is not that publisher's: {said}",
        "`pkgrepo info -s URI` names the publishers of a repository.",
    ),
    rule(
        "wrong-repository",
        r"Unknown repository (?P<what>origin|mirror) '(?P<uri>[^']*)'",
        "The publisher has no {what} {uri}.",
        "`{pkg} publisher` shows its origins and mirrors.",
    ),
    rule(
        "wrong-repository",
        r"(?P<said>The URI '.*' uses the unsupported scheme .*?|'[^']*' is not a valid URI)\.",
        "The address of a repository does not do: {said}.",
        "Mend the URI.",
    ),
    rule(
        "publisher-name",
        r"'(?P<name>[^']*)' is not a valid publisher (?:name|alias)",
        "{name!r} cannot be the name of a publisher.",
        "Mend the name.",
    ),
    rule(
        "image-missing",
        r"Can't initialize child image.* at path: (?P<path>\S+)|No image rooted at '(?P<root>[^']*)'",
        "There is no image that pkg could open at {path}{root}.",
        "Mount the zone's dataset, or bring the image back from a snapshot; if the zone is gone for good, uninstall or "
        "detach it with zoneadm. Until then it stops every operation of the global zone.",
    ),
    rule(
        "image-missing",
        r"Image is missing key file\. Is everything mounted\? '(?P<path>[^']*)'|"
        r"configuration data for the image rooted at (?P<root>\S+) is empty",
        "The image lacks its configuration ({path}{root}).",
        "Mount the image's dataset, or bring the image back from a snapshot.",
    ),
    rule(
        "not-linked",
        r"is not a linked child",
        "The image is not linked to a global zone's, or was never synced.",
        "`pkg sync-linked -a --linked-md-only` in the global zone writes what links it.",
    ),
    rule(
        "from-parent",
        r"Parent linked to child",
        "Only the global zone can do this.",
        "Run it there.",
    ),
    rule(
        "plan-invalid",
        r"The plan for the current operation is no longer valid",
        "The image was changed by somebody else in the meantime.",
        "Run again.",
    ),
    rule(
        "no-memory",
        r"not enough memory|MemoryError",
        "pkg had not enough memory.",
        "Make some free, or limit pkg to fewer zones at once (`concurrency`), then run again.",
    ),
)
_UNREACHABLE = re.compile(
    r"Unable to contact (?:a )?valid package\s+repository|could not be reached for catalog refresh|"
    r"Errors were encountered while attempting to retrieve|Transport errors encountered|do not appear to point to a "
    r"valid|^(?:pkg[^:]*: )?\w+ protocol error: ",
    re.M,
)


class Failure(NamedTuple):
    """The text and the exit code of one image that failed; `zone` is None for the image that pkg was run on.

    The exit code of a child is None where the frame does not give it.
    """

    zone: str | None
    text: str
    rc: int | None

    @property
    def bounded(self) -> str:
        """The text without the middle of one that is too long."""
        return self.text if len(self.text) <= 2 * _HALF else f"{self.text[:_HALF]}\n{self.text[-_HALF:]}"


def failures(result: Result) -> list[Failure]:
    """Return the innermost text of each image that failed, by zone; the whole text if no child is named."""
    # That pkg(7) is out of date it says on stdout (recording 25-pkg-7-out-of-date).
    text = result.stderr if result.stderr.strip() else _PROGRESS.sub("", result.stdout)
    frames = list(_FRAME.finditer(text))
    if frames:
        ends = [frame.start() for frame in frames[1:]] + [len(text)]
        found = [
            Failure(_zone(frame["child"]), text[frame.end() : end], int(frame["rc"]) if frame["rc"] else None)
            for frame, end in zip(frames, ends)
        ]
    else:
        found = [Failure(_zone(line["child"]), line[0], None) for line in _ACCESS.finditer(text)]
    return sorted(found, key=lambda one: one.zone or "") or [Failure(None, text, result.rc)]


def _zone(child: str) -> str:
    return child[len(_CHILD) :] if child.startswith(_CHILD) else child


def explain(result: Result, what: str, roots: Mapping[str | None, str] | None = None) -> Diagnosis:
    """Return what a failed pkg (any exit code but 0 and 4) means.

    `what` is what has failed ("The update"). `roots` maps zones to the paths of their images, for remedies that can be
    typed as they stand. The cause is that of the first zone that failed, by name, for another cause than a lock, which
    goes away by itself.
    """
    groups: dict[Found, list[Failure]] = {}
    for failure in failures(result):
        groups.setdefault(_found(failure, result), []).append(failure)
    ordered = sorted(groups.items(), key=lambda item: item[0].cause == "locked")
    sentences = [f"{_where([one.zone for one in members if one.zone])}{found.sentence}" for found, members in ordered]
    remedies = [_with_roots(found.remedy, [one.zone for one in members], roots or {}) for found, members in ordered]
    lines = [line.rstrip() for _found, members in ordered for one in members for line in one.bounded.splitlines()]
    return Diagnosis(
        ordered[0][0].cause,
        " ".join([f"{what} failed.", *sentences]),
        " ".join(dict.fromkeys(remedies)),
        tuple(line for line in dict.fromkeys(lines) if line.strip())[:_EVIDENCE],
    )


def _with_roots(remedy: str, zones: Sequence[str | None], roots: Mapping[str | None, str]) -> str:
    if _ROOT not in remedy:
        return remedy
    known = [roots[zone] for zone in zones if zone and zone in roots]
    if len(zones) == len(known) == 1:
        return remedy.replace(_ROOT, f"-R {known[0]}")
    return f"{remedy} ROOT is {' or '.join(known) or 'the root directory of the zone'}."


def _where(zones: Sequence[str]) -> str:
    if not zones:
        return ""
    return f"In zone {zones[0]}: " if len(zones) == 1 else f"In zones {', '.join(zones[:-1])} and {zones[-1]}: "


def _found(failure: Failure, result: Result) -> Found:
    of_image = " ".join(result.argv[1:3]) if result.argv[1:2] == ("-R",) else ""
    pkg = f"pkg {_ROOT if failure.zone else of_image}".strip()
    text = failure.bounded
    found = _publishers(text, pkg) or solver(text, pkg) or _licences(text)
    if found:
        return found
    for one in _RULES:
        if one.pattern.search(text):
            return fill(one, text, pkg=pkg)
    return _unreachable(text, pkg) or _by_code(failure)


def _publishers(text: str, pkg: str) -> Found | None:
    if "Invalid child image publisher configuration" not in text:
        return None
    parent, _heading, child = text.partition(_CHILD_PUBLISHERS)
    fault = position_fault(_listed(parent), _listed(child))
    # pkg lists none that is disabled or has nochild, so nothing is said of why one is not where it should be.
    where = ""
    if fault and fault.reason == "stickiness":
        where = f" {fault.expected} is sticky in one of them only."
    elif fault:
        where = f" At position {fault.position} the global zone has {fault.expected}, the zone {fault.found or 'none'}."
    return Found(
        "publisher-order",
        "The zone's publishers do not begin with the global zone's, which stops every operation of the global zone."
        + where,
        f"The module linked_publisher brings them in order; by hand: `{pkg} copy-publishers-from /`.",
    )


def _listed(text: str) -> list[Publisher]:
    return [Publisher(line["name"], sticky="non-sticky" not in line["marks"]) for line in _PUBLISHER.finditer(text)]


def _licences(text: str) -> Found | None:
    if "require their licenses to be accepted" not in text:
        return None
    named = ", ".join(f"{one['name'].strip()} of {one['package']}" for one in _LICENCE.finditer(text))
    return Found("licence", f"A licence has not been accepted: {named}.", exit_code(PKG_LICENCE).remedy)


def _unreachable(text: str, pkg: str) -> Found | None:
    if not _UNREACHABLE.search(text):
        return None
    named = [one["uri"] for one in _REPOSITORY.finditer(text)]
    named = named or [one["uri"] or one["from"] for one in _URL.finditer(text)]
    uris = ", ".join(dict.fromkeys(uri.rstrip("/") for uri in named))
    why = "; ".join(dict.fromkeys(one["why"].strip().rstrip(".") for one in _WHY.finditer(text)))
    return Found(
        "unreachable",
        f"A repository could not be reached: {uris or 'pkg does not say which'}{f' ({why})' if why else ''}.",
        f"Mend the way to it (network, proxy, name service), or the publisher's origin (`{pkg} publisher`), then run "
        "again.",
    )


def _by_code(failure: Failure) -> Found:
    """Return what is left to say where no text is known."""
    lines = [line.strip().rstrip(".") for line in failure.bounded.splitlines() if line.strip()]
    if failure.rc == PKG_TRACEBACK or lines[:1] == ["Traceback (most recent call last):"]:
        error = next((line for line in reversed(lines) if _ERROR.match(line)), "of which it does not say the name")
        return Found(
            "traceback",
            f"pkg ended with an error of its own: {error}.",
            "With a repository that cannot be reached pkg may end so: `pkg refresh` tells. Else report it to the "
            "makers of pkg.",
        )
    code = exit_code(PKG_ERROR if failure.rc is None else failure.rc)
    if code.code < 0:
        return Found(code.cause, f"{code.meaning}.", code.remedy)  # it had no time to say why
    said = next((line for line in lines if not line.endswith(":")), "it does not say more")
    meaning = code.meaning if code.meaning.startswith("pkg") else code.meaning[0].upper() + code.meaning[1:]
    return Found(code.cause, f"{meaning}: {said}.", code.remedy)
