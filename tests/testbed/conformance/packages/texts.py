"""What of pkg's output counts: README.md, "What is compared". The same for the testbed's pkg and for a real one."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

PROGRESS = re.compile(
    r"\s*(Startup|Planning|Download|Actions|Finalize|Linked images): ?|Finished processing linked images"
)
"""The tracker's lines: which of them appear depends on timing."""
FRAME = re.compile(r"(?:Planning: |Download: |Finalize: )?Linked image '(\S+)' output:$")
"""Opens a child's output, whose lines begin with a bar; a lone backquote closes it."""

VARYING = [
    (re.compile(r"\b[\d.]+ (GB|MB|kB|B)\b"), "SIZE"),
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), "UUID"),
    (
        re.compile(
            r"((Last Install Time|Last Update Time|Catalog Updated|Packaging Date|Start Time|End Time|Total Time):).*"
        ),
        r"\1 TIME",
    ),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?"), "TIME"),
    (re.compile(r"\b\d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d [A-Z]+"), "TIME"),
    (re.compile(r"(/\S*)?/tmp\w{6,}"), "/TMP"),
    (re.compile(r"(Action \w+ failed for '(?:[^']*/)?)[^'/]+' \(\S+\):"), r"\1FILE':"),
    (re.compile(r"(Requested operation failed for package) \S+:"), r"\1 PACKAGE:"),
    (re.compile(r"(Cannot install '[^']*/)[^'/]+';"), r"\1FILE';"),
    (re.compile(r"(Estimated space available|Estimated space to be consumed): .*"), r"\1: SIZE"),
]
"""Times, sizes and random names differ from run to run, and so does which file of a directory fails first: pkg sorts
those it changes by their addresses in memory (Action.compare)."""

LINE = re.compile(r"(Reason|Reject|Package|License|Try|Dependency): ")
"""Lines that are facts by themselves, wherever they stand."""
PLAN = re.compile(
    r"(Packages to \w+|Mediators to change|Services to change|Variants/Facets to change|Variants to change"
    r"|Facets to change|Create boot environment|Activate boot environment|Name of boot environment"
    r"|Create backup boot environment|Name of backup boot environment|Rebuild boot archive|New BE):"
)
"""Counts and decisions of a plan."""

SENTENCES = [
    r"linked image exception\(s\)",
    r"An? '[\w-]+' operation failed for child '",
    r"Can't initialize child image \(",
    r"No image rooted at '",
    r"Failed 'find' for child image \(",
    r"Insufficient access to complete the requested operation",
    r"currently in use by another package client",
    r"Unknown child linked image: ",
    r"Invalid linked image name '",
    r"invalid linked image or zone name '",
    r"Current image is not a linked child: ",
    r"Parent linked to child, can not detach child: ",
    r"cannot be performed on a live image",
    r"The boot environment '.*' already exists",
    r"is not a valid boot environment name",
    r"The '-\S+' and '-\S+' options may not be combined",
    r"may only be used with '",
    r"No updates (available|necessary) for this image",
    r"pkg\(7\) appears to be out of date",
    r"did not match any allowable packages",
    r"' matches no installed packages",
    r"Unable to remove '",
    r"no packages have newer versions available",
    r"Errors were encountered (while attempting|when attempting)",
    r"catalogs successfully updated",
    r"could not be reached for catalog refresh",
    r"require their licenses to be accepted",
    r"To indicate that you agree to and accept",
    r"Traceback \(most recent call last\)",
    r"This is an internal error in pkg",
    r"Invalid child image publisher configuration",
    r"The (parent|child) image has the following enabled publishers",
    r"must be uninstalled or upgraded if the requested operation is to be performed",
    r"The following installed packages must be uninstalled or upgraded",
    r"would require the following package updates",
    r"A clone of \S+ exists and has been updated",
    r"On the next boot the Boot Environment",
    r"\*\*\* Reboot required \*\*\*",
    r"The boot environment being modified is not the active one",
    r"only matched packages that are not available",
    r"WARNING",
]
"""What people and programs look for: a paragraph with one of these counts as a whole."""
SENTENCE = re.compile("|".join(SENTENCES))
OUTERMOST = 2
"""How far versions are indented that are not the cause of another one's rejection."""
NO_ROOT = re.compile(r"Reason: (No version (matching|allowed by) '|Rejected by '|\[already rejected)")
"""Reasons that follow from other rejections."""
FRAMES_CUT = re.compile(r"(Traceback \(most recent call last\):\n).*?(?=^\S)", re.DOTALL | re.MULTILINE)


def without_noise(text: str) -> str:
    """The text without what differs from run to run and without the frames of tracebacks."""
    text = FRAMES_CUT.sub(r"\1", text)
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    return text


def by_image(text: str) -> dict[str, list[str]]:
    """Lines without progress: those of the image itself under "", those of each framed child under its name."""
    found: dict[str, list[str]] = {"": []}
    child = ""
    for line in without_noise(text).split("\n"):
        frame = FRAME.match(line.strip())
        if frame:
            child = frame[1]
            found.setdefault(child, [])
        elif child and line.startswith("|"):
            found[child].append(line[1:].strip())
        elif child and line.startswith("`"):
            child = ""
        elif not PROGRESS.match(line):
            found[""].append(line)
    return found


def documents(text: str) -> list[Any]:
    """The JSON documents of an output, one a line: children by name, sizes left out."""
    return [_document(json.loads(line)) for line in text.splitlines() if _is_json(line)]


def _is_json(line: str) -> bool:
    """A whole document: `-F json-formatted` has lines that only begin like one."""
    if not line.startswith(("{", "[")):
        return False
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _document(value: Any) -> Any:
    if not isinstance(value, dict) or "child-images" not in value:
        return value
    parts = [_document_part(part) for part in (value, *value["child-images"])]
    return {**parts[0], "child-images": sorted(parts[1:], key=lambda child: str(child["image-name"]))}


def _document_part(part: dict[str, Any]) -> dict[str, Any]:
    return {key: _without_times(value) for key, value in part.items() if not key.startswith("space-")}


def _without_times(value: Any) -> Any:
    """Messages carry the time at which they arose."""
    if isinstance(value, dict):
        return {key: _without_times(inner) for key, inner in value.items() if key != "msg_time"}
    return [_without_times(inner) for inner in value] if isinstance(value, list) else value


def rows(text: str) -> list[str]:
    """A table: its lines in order, each with single blanks, without progress and documents."""
    return [
        " ".join(line.split())
        for line in without_noise(text).splitlines()
        if line.strip() and not PROGRESS.match(line) and not _is_json(line)
    ]


def facts(text: str, children: bool = True) -> Counter[str]:
    """What counts of a text that is no table: paragraphs with a sentence that is known, lines of plans and reasons.

    Without ``children`` what is framed as theirs is left out.
    """
    found: Counter[str] = Counter()
    for image, lines in by_image(text).items():
        if image and not children:
            continue
        for paragraph in _paragraphs(lines):
            if any(line.lstrip().startswith("Reject: ") for line in paragraph):
                found.update(f"{image} {fact}".strip() for fact in _rejections(paragraph))
                continue
            whole = " ".join(" ".join(_in_order(paragraph)).split())
            if SENTENCE.search(whole):
                found[f"{image} {whole}".strip()] += 1
                continue
            lines_of_it = [" ".join(line.split()) for line in paragraph]
            reasons = any(line.startswith("Reason: ") for line in lines_of_it)
            for words in lines_of_it:
                if reasons and words.startswith("Package: "):
                    continue  # the first of all packages with that reason, in random order
                if LINE.match(words) or PLAN.match(words):
                    found[f"{image} {words}".strip()] += 1
    return found


def _in_order(paragraph: list[str]) -> list[str]:
    """The paragraph, or its lines sorted where they are about the patterns typed: pkg keeps those in a set."""
    if not any("' matches no installed packages" in line or "only matched packages" in line for line in paragraph):
        return paragraph
    return sorted(re.sub(r"^pkg [\w-]+: ", "", line) for line in paragraph)


def _rejections(paragraph: list[str]) -> set[str]:
    """A tree of rejections as a set: the sentences, the versions they are about, and each root cause with its version.

    The real pkg walks sets of FMRIs. So it is random which package comes first, where a reason is told and where
    "already rejected" stands in its place, and which of several dependencies that cannot be met a version is rejected
    for.
    """
    found: set[str] = set()
    versions: dict[int, list[str]] = {}
    last = 0
    for line in paragraph:
        words, depth = " ".join(line.split()), len(line) - len(line.lstrip())
        if words.startswith("Reject: "):
            versions[depth] = [words]
            last = depth
        elif words.startswith("Reason: "):
            rejected = versions.get(depth, [])
            found |= {f"{version} {words}" for version in rejected if not NO_ROOT.match(words)}
            found |= set(rejected) if depth == OUTERMOST else set()
        elif words.startswith("pkg:/"):
            versions[last].append(f"Reject: {words}")
        elif words != "to" and not words.startswith("---"):
            command, colon, sentence = words.rpartition(": ")
            found |= {command + colon, sentence}
    return found


def _paragraphs(lines: list[str]) -> list[list[str]]:
    made: list[list[str]] = [[]]
    for line in lines:
        if _is_json(line):
            continue
        if line.strip():
            made[-1].append(line)
        elif made[-1]:
            made.append([])
    return [paragraph for paragraph in made if paragraph]


def words(text: str) -> Counter[str]:
    """Every line of a text but for progress: stricter than `facts`, for the column of other texts."""
    found: Counter[str] = Counter()
    for image, lines in by_image(text).items():
        for line in lines:
            if line.strip() and not _is_json(line):
                found[f"{image} {' '.join(line.split())}".strip()] += 1
    return found
