# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The diagnosis of every failure that was recorded from the real brand hooks."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.diagnosis import diagnose

EXPECTED = {
    "attach-already-installed": "wrong-state",
    "attach-beadm-fails": "no-boot-environment",
    "attach-dataset-busy": "dataset-busy",
    "attach-gz-without-entire": "no-entire",
    "attach-gz-without-entire-nor-hold-packages": "no-entire",
    "attach-gz-without-entire-zone-without-entire": "no-entire",
    "attach-no-ROOT-dataset": "no-active-dataset",
    "attach-no-dataset-mounted": "no-dataset-mounted",
    "attach-no-gzbe": "no-boot-environment",
    "attach-no-matching-version": "no-matching-version",
    "attach-out-of-sync": "out-of-sync",
    "attach-parent-in-rpool-ROOT": "zonepath-in-rpool-root",
    "attach-parent-not-zfs": "zonepath-not-zfs",
    "attach-publisher-unreachable": "publisher-unreachable",
    "attach-repository-gone": "publisher-unreachable",
    "attach-sanity-failed": "sanity-check-failed",
    "attach-sanity-no-pkg": "sanity-check-failed",
    "attach-u-gz-without-entire-nor-hold-packages": "no-package-named",
    "attach-u-licence-rc6": "licence",
    "attach-u-no-matching-version": "no-matching-version",
    "attach-u-no-matching-version-r151054-pkg": "no-matching-version",
    "attach-u-other-publisher": "other-publisher",
    "attach-u-publisher-unreachable": "publisher-unreachable",
    "attach-u-repository-gone": "publisher-unreachable",
    "attach-u-sanity-not-an-image": "wrong-variant",
    "attach-unknown-option": "wrong-options",
    "attach-a-without-value": "wrong-options",
    "attach-variant-global": "wrong-variant",
    "attach-zfs-inherit-fails": "dataset-busy",
    "attach-zfs-set-fails-root": "dataset-configuration",
    "attach-zone-newer": "out-of-sync",
    "boot-after-attach-F": "dataset-busy",
    "boot-after-attach-F-old-parentbe": "no-active-dataset",
    "boot-no-active-dataset": "no-active-dataset",
    "boot-no-gzbe": "no-boot-environment",
    "detach-busy": "dataset-busy",
    "detach-child-mounted": "dataset-busy",
    "detach-no-active-dataset": "no-active-dataset",
    "detach-no-gzbe": "no-boot-environment",
    "detach-running": "wrong-state",
    "detach-set-canmount-fails": "dataset-configuration",
    "detach-set-zoned-fails": "dataset-configuration",
    "detach-zonepath-not-zfs": "zonepath-not-zfs",
    "detach-bad-option": "wrong-options",
    "sparse-attach-missing-overlay": "no-active-dataset",
    "sparse-attach-out-of-sync": "out-of-sync",
    "sparse-attach-root-not-mounted": "no-dataset-mounted",
    "sparse-brand-changed-to-lipkg": "dataset-busy",
    "sparse-detach-busy": "dataset-busy",
    "sparse-detach-no-active-dataset": "no-active-dataset",
    "sparse-detach-overlay-set-fails": "dataset-configuration",
}
# What the module never runs: clone, uninstall, and attach with -a, -d or -r.
NEVER_RUN = (
    "clone",
    "uninstall",
    "sparse-clone",
    "sparse-uninstall",
    "attach-a-missing",
    "attach-bad",
    "attach-d-",
    "attach-r-",
)


def texts(recording: dict[str, Any]) -> list[str]:
    logs = recording.get("attach_log") or {}
    found = [logs] if isinstance(logs, str) else list(logs.values())
    found += list((recording.get("other_logs") or {}).values())
    zoneadm = recording.get("zoneadm") or {}
    return [
        *found,
        zoneadm.get("stdout") or "",
        zoneadm.get("stderr") or "",
        recording["stdout"] or "",
        recording["stderr"] or "",
    ]


def test_every_recorded_failure(brand_recordings: list[dict[str, Any]]) -> None:
    failed = {
        recording["case"]: diagnose(texts(recording), "x").cause
        for recording in brand_recordings
        if not recording.get("steps")
        and (recording["rc"] or (recording.get("zoneadm") or {}).get("rc"))
        and not recording["case"].startswith(NEVER_RUN)
    }
    assert failed == {case: cause for case, cause in EXPECTED.items() if case in failed}
    assert set(EXPECTED) == set(failed)


def test_every_recorded_log_of_a_sequence(brand_recordings: list[dict[str, Any]]) -> None:
    """A log that says failed, or breaks off, is never of unknown cause."""
    seen = 0
    for recording in brand_recordings:
        logs = recording.get("attach_log") or {}
        for log in [logs] if isinstance(logs, str) else logs.values():
            if recording.get("steps") and "Attach Succeeded" not in log:
                assert diagnose([log], "x").cause != "unknown", recording["case"]
                seen += 1
    assert seen > 50


def test_a_word_that_is_not_known_is_not_guessed_at() -> None:
    told = diagnose(["something else entirely"], "`zoneadm -z a attach`")
    assert told.cause == "unknown"
    assert told.evidence == ("something else entirely",)


def test_a_line_that_only_announces_the_next_is_not_what_the_message_ends_with() -> None:
    """What pkg prints when a child dies without a word (client/linkedimage, unexpected exception)."""
    text = "exception:\nit broke\nThe child generated the following output:\n"
    assert diagnose([text], "Synchronising zone web01").message.startswith(
        "Synchronising zone web01 failed: it broke. "
    )


@pytest.mark.parametrize("text", ["ERROR: x https://u:secret@h/ no active dataset.", "https://u:secret@h/"])
def test_evidence_has_no_secrets(text: str) -> None:
    assert "secret" not in str(diagnose([text], "x").as_result())
