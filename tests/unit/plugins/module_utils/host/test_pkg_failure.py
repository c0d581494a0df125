# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of every failure that was recorded from the real pkg, and of texts that its sources have.

`pkg_failures.txt` is to be read: argv -> exit code, cause, sentence, remedy, each once.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.pkg_failure import explain, failures
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.pkg_reasons import Reason, reasons
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Result
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Diagnosis

TABLE = Path(__file__).with_name("pkg_failures.txt")
OPERATIONS = ("update", "install", "uninstall", "exact-install", "sync-linked", "set-publisher", "refresh")


def result(rc: int, stderr: str, stdout: str = "", argv: tuple[str, ...] = ("pkg", "update", "-r")) -> Result:
    return Result(argv, rc, stdout, stderr, 0.0)


def failed(steps: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any], Diagnosis]]:
    """Every failed step of the operations that change packages, with what is said of it."""
    found = []
    for name, step in steps:
        words = step["argv"][3:] if step["argv"][1:2] == ["-R"] else step["argv"][1:]
        if words[:1] and words[0] in OPERATIONS and step["rc"] not in (0, 4):
            given = Result(tuple(step["argv"]), step["rc"], step["stdout"], step["stderr"], 0.0)
            found.append((name, step, explain(given, "The update")))
    return found


def test_every_recorded_failure_has_a_cause_and_a_remedy(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    told = failed(every_pkg_step)
    assert len(told) > 300
    assert not [(step["argv"], step["stderr"]) for _name, step, diagnosis in told if diagnosis.cause == "unknown"]
    for _name, _step, diagnosis in told:
        assert diagnosis.remedy
        assert diagnosis.evidence
        assert ".." not in diagnosis.sentence
        assert "Traceback" not in diagnosis.message


def test_every_zone_that_failed_is_named(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    for _name, step, diagnosis in failed(every_pkg_step):
        for zone in ("web01", "db01", "build01", "app01", "new01"):
            if f"for child 'zone:{zone}'" in step["stderr"] or f"child image (zone:{zone})" in step["stderr"]:
                assert zone in diagnosis.sentence.partition(": ")[0] or f"In zone {zone}: " in diagnosis.sentence


def test_the_table_to_be_read(every_pkg_step: list[tuple[str, dict[str, Any]]], tmp_path: Path) -> None:
    lines: dict[tuple[str, ...], str] = {}
    for _name, step, diagnosis in failed(every_pkg_step):
        said = (diagnosis.cause, diagnosis.sentence.replace("The update failed. ", ""), diagnosis.remedy)
        lines.setdefault(said, f"{' '.join(step['argv'])} -> {step['rc']}")
    entries = [f"[{cause}] {lines[cause, *rest]}\n    {rest[0]}\n    {rest[1]}\n" for cause, *rest in sorted(lines)]
    new = tmp_path / "pkg_failures.txt"
    new.write_text("\n".join(entries))
    assert new.read_text() == TABLE.read_text(), f"if {new} reads well, copy it to {TABLE}"


def in_child(zone: str, text: str, rc: int = 1, operation: str = "update") -> str:
    return (
        f"\nA '{operation}' operation failed for child 'zone:{zone}' with an unexpected\n"
        f"return value of {rc} and generated the following output:\n{text}\n\n\n"
    )


FRAME = "pkg: update failed (linked image exception(s)):\n"
SOLVER = "\npkg update: No matching version of a can be installed:\n  Reject:  pkg://omnios/a@1-1\n  Reason:  {}\n"


@pytest.mark.parametrize(
    ("reason", "cause", "said"),
    [
        ("Parent image has a newer version: pkg://omnios/b@2,5.11-1:20250101T000000Z", "parent-newer", "b@2"),
        ("Parent image has an older version of package: pkg://omnios/b@2-1", "parent-older", "newer b"),
        ("Package b is not installed in parent image.", "parent-missing", "a needs b"),
        ("Package in parent is from a different publisher: pkg://x/b@2-1", "parent-publisher", "from x"),
        ("This version is excluded by a freeze on b at version 2-1.", "frozen", "b is frozen at 2-1,"),
        ("This version is excluded by installed incorporation entire@11-1", "pinned", "entire at 11-1"),
        ("Excluded by proposed incorporation 'entire'", "pinned", "entire"),
        ("All acceptable versions of 'require' dependency on pkg:/b@2 are obsolete", "obsolete", "pkg:/b@2"),
        ("No version for 'require' dependency on b@3 can be found", "dependency-missing", "a needs b@3"),
        ("Package contains 'exclude' dependency b on installed package", "excluded", "with b"),
        ("Currently installed package 'b' is from sticky publisher 'x'.", "sticky-publisher", "publisher x"),
        ("Package supports image variant v=[w] but doesn't support this image's v=u", "wrong-variant", "a is not"),
        ("Package doesn't support image architecture", "wrong-variant", "a is not"),
        ("Installed version in root image is too old for origin dependency b@9", "origin-too-old", "over b@9"),
        ("Package contains invalid or unsupported actions", "pkg-too-old", "a has actions"),
        ("Newer version pkg://omnios/a@3 is already installed", "solver", "Newer version pkg://omnios/a@3 is"),
    ],
)
@pytest.mark.parametrize("form", ["Reject", "Package"])
def test_reasons_of_the_solver(reason: str, cause: str, said: str, form: str) -> None:
    text = SOLVER.format(reason).replace("Reject:", f"{form}:")
    diagnosis = explain(result(1, FRAME + in_child("web01", text)), "The update")
    assert (diagnosis.cause, said in diagnosis.sentence) == (cause, True), diagnosis.sentence
    assert diagnosis.sentence.startswith("The update failed. In zone web01: ")


def test_a_freeze_is_told_before_what_follows_from_it() -> None:
    newer = "Global zone has a newer version: pkg://omnios/a@2-1"
    freeze = "This version is excluded by a freeze on a at version 1-1.  The reason for the freeze is: wait"
    text = SOLVER.format(newer) + f"  Reject:  pkg://omnios/a@2-1\n  Reason:  {freeze}\n"
    diagnosis = explain(result(1, FRAME + in_child("web01", text)), "The update", {"web01": "/zones/web01/root"})
    assert diagnosis.cause == "frozen"
    assert "The reason for the freeze is: wait." in diagnosis.sentence
    assert diagnosis.remedy.startswith("`pkg -R /zones/web01/root unfreeze a`")


def test_all_that_has_to_go_back_is_named_in_one_command() -> None:
    text = SOLVER.format("Global zone has an older version of package: pkg://omnios/a@1-1")
    text += (
        "  Reject:  pkg://omnios/b@2-1\n  Reason:  Global zone has an older version of package: pkg://omnios/b@1-1\n"
    )
    diagnosis = explain(result(1, FRAME + in_child("web01", text)), "The update", {"web01": "/zones/web01/root"})
    assert "`pkg -R /zones/web01/root update pkg://omnios/a@1-1 pkg://omnios/b@1-1`" in diagnosis.remedy
    assert diagnosis.sentence.endswith("So it is with b.")


def test_reasons_that_follow_from_others_are_none() -> None:
    text = (
        "  Reject:  pkg://o/a@1\n  Reason:  No version matching 'require' dependency b can be installed\n"
        "    ----------------------------------------\n"
        "    Reject:  pkg://o/b@1\n             pkg://o/b@1\n    Reason:  [already rejected; see above]\n"
        "    Reject:  pkg://o/b@2\n    Reason:  Package b is not installed in global zone.\n"
    )
    assert reasons(text) == [Reason("pkg://o/b@2", "Package b is not installed in global zone.")]


@pytest.mark.parametrize(
    ("rc", "stderr", "cause", "said"),
    [
        (
            1,
            "pkg: Insufficient disk space available for Root filesystem. Available space: 1.00 MB. "
            "Estimated required: 2.00 GB.\n",
            "no-space",
            "Root filesystem: 1.00 MB free, 2.00 GB needed.",
        ),
        (99, "Traceback (most recent call last):\nOSError: [Errno 28] No space left on device\n", "no-space", "quota"),
        (
            99,
            "Traceback (most recent call last):\n  x\npkg.E.UnknownSysrepoConfiguration: x\n",
            "system-repository",
            "",
        ),
        (99, "Traceback (most recent call last):\n  x\nKeyError: 'x'\n\n\npkg: This is an\n", "traceback", "KeyError"),
        (1, "\npkg update: Unable to clone the current boot environment.\n", "be-failed", "clone the current"),
        (
            1,
            "Errors were encountered while attempting to retrieve package or file data for\nthe requested operation.\n"
            "Details follow:\n\nFramework error: code: E_COULDNT_RESOLVE_HOST (6) reason: Could not resolve host: p\n"
            "URL: 'https://p/core/versions/0/' (happened 4 times)\n",
            "unreachable",
            "https://p/core/versions/0 (Could not resolve host: p).",
        ),
        (8, "", "actuator", "a service did not come up again in time"),
        (9, "\npkg update: No solution was found to satisfy constraints\n", "solver", "No solution was found"),
        (-9, "", "killed", "killed by signal 9"),
        (77, "", "unknown", "not one of pkg's"),
        (1, "", "unknown", "pkg met an error"),
        (1, "pkg: something new\n", "unknown", "pkg: something new."),
        (2, "pkg update: illegal option -- R\nUsage:\n        pkg update\n", "usage", "illegal option -- R."),
        (
            1,
            "\npkg update: The following packages all deliver file actions to usr/bin/x:\n\n  pkg://o/a@1\n"
            "  pkg://o/b@1\n\nThese packages cannot be installed together.\n",
            "package-conflict",
            "(file actions to usr/bin/x): pkg://o/a@1 pkg://o/b@1.",
        ),
        (
            1,
            "\npkg update: The requested change to the system attempts to install multiple actions\nfor dir 'x' with "
            "conflicting attributes:\n\n    1 package delivers 'dir path=x':\n        pkg://o/a@1\n",
            "package-conflict",
            "(multiple actions for dir 'x' with conflicting attributes): 1 package delivers 'dir path=x': pkg://o/a@1.",
        ),
    ],
)
def test_texts_that_pkg_has(rc: int, stderr: str, cause: str, said: str) -> None:
    diagnosis = explain(result(rc, stderr), "The update")
    assert diagnosis.cause == cause
    assert said in diagnosis.sentence
    assert diagnosis.remedy


def test_several_zones_with_causes_of_their_own() -> None:
    lock = "pkg: The image cannot be modified as it is currently in use by another package client.\n"
    missing = SOLVER.format("Package b is not installed in global zone.")
    text = FRAME + in_child("web01", missing) + in_child("build01", lock, 7) + in_child("db01", missing)
    diagnosis = explain(result(1, text), "The update")
    assert diagnosis.cause == "parent-missing"
    first, second = diagnosis.sentence.split(" In zone build01: ")
    assert first.startswith("The update failed. In zones db01 and web01: Package a needs b")
    assert second == "Another pkg is at work on the image."
    assert diagnosis.remedy.count("uninstall a") == 1
    assert "lock_timeout" in diagnosis.remedy


def test_a_child_that_says_nothing_is_judged_by_its_own_exit_code() -> None:
    diagnosis = explain(result(3, FRAME + in_child("web01", "", 51)), "The update")
    assert diagnosis.cause == "image-missing"
    assert "In zone web01" in diagnosis.sentence


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text(max_size=60)), max_size=3), st.text(max_size=60))
def test_any_text_is_told_in_a_sentence(children: list[tuple[str, str]], text: str) -> None:
    stderr = text + "".join(in_child(zone, said) for zone, said in children)
    diagnosis = explain(result(1, stderr), "The update", {"a": "/zones/a/root"})
    assert diagnosis.message
    assert diagnosis.remedy
    expected = sorted(zone for zone, _said in children) or [None]
    assert [one.zone for one in failures(result(1, stderr))] == expected


WORDS = st.sampled_from(
    ["Reason:", "Reject:", "Package:", "must be uninstalled or upgraded", "\n", "  ", "{", "}", "{0}", "pkg://x/y@1",
     "is not installed in global zone.", "License: x\n", "require their licenses to be accepted", "PUBLISHER 0: x",
     "Invalid child image publisher configuration", "Traceback (most recent call last):", "\t"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_garbled_texts_of_pkg_are_told_in_a_sentence(text: str) -> None:
    assert explain(result(1, text), "The update").message.startswith("The update failed.")


@pytest.mark.parametrize("word", ["all deliver ", "Insufficient disk space available for ", "\t", "a@b@c "])
def test_a_monstrous_text_does_not_take_long(word: str) -> None:
    text = "pkg: did not match any packages: " + word * (1_000_000 // len(word)) + "\nMemoryError\n"
    began = time.monotonic()
    assert explain(result(99, text), "The update").cause in ("no-memory", "unknown-package")
    assert time.monotonic() - began < 10
