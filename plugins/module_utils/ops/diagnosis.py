# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the texts of a failed command to cause and remedy.

Keyed on texts that were recorded from the real brand hooks and the real pkg. The order matters: what is
inside comes before what is printed because of it ("out of sync" is said for every failure of attach without -u).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence

from ..model.finding import Diagnosis


@dataclass(frozen=True)
class _Rule:
    cause: str
    pattern: re.Pattern[str]
    sentence: str
    remedy: str
    telling: re.Pattern[str] | None


def _rule(cause: str, pattern: str, sentence: str, remedy: str, telling: str | None = None) -> _Rule:
    """`telling`: the tool's own line that belongs into the message, for whoever sees only that."""
    return _Rule(cause, re.compile(pattern, re.MULTILINE), sentence, remedy, re.compile(telling) if telling else None)


_RULES: tuple[_Rule, ...] = (
    _rule(
        "image-locked",
        r"currently in use by another package client",
        "Another pkg is at work on the image.",
        "Let it end, then run again; `lock_timeout` says how long to wait.",
    ),
    _rule(
        "no-matching-version",
        r"No matching version of ",
        "No version of entire that fits the global zone can be installed in the zone.",
        "The lines after `Reason:` say what stands against it. Usual: a package in the zone that the new release does "
        "not have (remove it), or publishers of the global zone that lack the global zone's own version.",
        r"^Reason:",
    ),
    _rule(
        "solver",
        r"must be uninstalled or upgraded",
        "Packages in the zone stand against the change.",
        "The lines after `Reason:` say which; remove or update them in the zone.",
        r"^Reason:",
    ),
    _rule(
        "other-publisher",
        r"only matched packages that are from publishers other than",
        "The zone has entire from another publisher than the global zone.",
        "Make the publisher in the zone the same, or not sticky (`pkg -R ROOT set-publisher --non-sticky NAME`).",
    ),
    _rule(
        "publisher-unreachable",
        r"did not match any allowable packages|could not be reached for catalog refresh|"
        r"Unable to contact valid package repository|Errors were encountered while attempting to retrieve",
        "A publisher's repository could not be reached, or does not have the global zone's version of entire.",
        "`pkg refresh` in the global zone names the publisher that cannot be reached.",
    ),
    _rule(
        "licence",
        r"require their licenses to be accepted",
        "A licence was not accepted.",
        "attach accepts licences by itself; update pkg in the global zone.",
    ),
    _rule(
        "no-package-named",
        r"at least one package name required",
        "The global zone has neither entire nor a package with an install-hold, so attach does not know what to bring.",
        "`pkg install entire` in the global zone.",
    ),
    _rule(
        "image-format",
        r"UnsupportedImageError|is not supported by this version of the packaging system",
        "The zone's image has a format that the global zone's pkg cannot read.",
        "Update the global zone's pkg (`pkg update package/pkg`), or the global zone.",
    ),
    _rule(
        "linked-publishers",
        r"Invalid child image publisher configuration",
        "The zone's publishers do not begin with the global zone's.",
        "`pkg -R ROOT copy-publishers-from /`, and put the zone's own publishers behind.",
    ),
    _rule(
        "no-dataset-mounted",
        r"Failed to locate any dataset mounted at",
        "No dataset is mounted on the zone's root.",
        "Mount the zone's dataset there (`mount -F zfs DATASET ROOT`), then run again.",
    ),
    _rule(
        "several-active-datasets",
        r"multiple active datasets",
        "The zone has several active datasets for the running boot environment.",
        "Set org.opensolaris.libbe:active=off on all but the one that holds the zone's root.",
    ),
    _rule(
        "no-active-dataset",
        r"no active dataset",
        "The zone has no active dataset for the running boot environment.",
        "Compare org.opensolaris.libbe:parentbe of the zone's datasets with the uuid in `beadm list -H`.",
    ),
    _rule(
        "zonepath-in-rpool-root",
        r"Installing a zone inside of the root pool's 'ROOT' dataset",
        "The zonepath lies inside a boot environment (rpool/ROOT).",
        "Move the zone to a dataset outside rpool/ROOT.",
    ),
    _rule(
        "zonepath-not-zfs",
        r"the zonepath must be a ZFS dataset",
        "The zonepath or its parent directory is not the mount point of a ZFS dataset.",
        "Make it a dataset, then run again.",
    ),
    _rule(
        "wrong-variant",
        r"appears to be a global zone|couldn't determine variant",
        "The image in the zone's root is not that of a non-global zone (variant.opensolaris.zone).",
        "Look with `pkg -R ROOT variant` what is in the zone's root.",
    ),
    _rule(
        "sanity-check-failed",
        r"Sanity Check: FAILED|Installation FAILED",
        "What is in the zone's root is not a whole illumos installation.",
        "The lines beginning with `Missing` say what is not there.",
    ),
    _rule(
        "no-boot-environment",
        r"unable to determine global zone boot environment|No boot environments found",
        "The running boot environment cannot be told.",
        "`beadm list -H` must show one that is active now (N), with a uuid.",
    ),
    _rule(
        "newer-snapshots",
        r"more recent snapshots or bookmarks exist",
        "The dataset has snapshots or bookmarks newer than that of the switch.",
        "`zfs list -t snapshot,bookmark -r DATASET` shows them; destroy bookmarks that may go, then run again.",
    ),
    _rule(
        "dataset-busy",
        r"Device busy|device is busy|is already mounted or|"
        r"Unable to unmount the zone's root|Unable to mount the zone's ZFS",
        "The zone's dataset could not be unmounted or mounted: something keeps it busy.",
        "`fuser -c ROOT` names the processes; a file system mounted below the root counts, too.",
    ),
    _rule(
        "dataset-configuration",
        r"Failed to configure dataset|cannot set property for|cannot inherit",
        "ZFS refused to change a property of the zone's dataset.",
        "The line before `Failed to configure dataset` says why.",
    ),
    _rule(
        "no-entire",
        # attach logs the global zone's entire before it begins; only `Non-Global zone version` means it has none.
        r"\A(?![\s\S]*(?<!-)Global zone version:)[\s\S]*Updating non-global zone: Output follows",
        "The global zone does not have package entire installed.",
        "`pkg install entire` in the global zone.",
    ),
    _rule(
        "interrupted",
        r"cancelled due to interrupt",
        "The brand's script was interrupted.",
        "Run again.",
    ),
    _rule(
        "out-of-sync",
        r"out of sync with the global zone",
        "The zone's packages are not those of the global zone, and attach was not to update them.",
        "Set `update: true`.",
    ),
    _rule(
        "update-failed",
        r"Could not update attaching zone|\[Errno \d+\]|No space left|Out of space|Killed|Terminated",
        "pkg failed while it was updating the zone.",
        "Mend what pkg complains of, then run again.",
        r"^pkg\b.*: |Errno|No space left|Out of space",
    ),
    _rule(
        "no-space",
        r"\bout of space$|quota exceeded$",
        "The pool, or the dataset's quota, has no space left.",
        "Make room (`zfs list -o space`), then run again.",
    ),
    _rule(
        "brand-missing",
        r"missing or invalid brand|uses non-existent brand|unknown brand",
        "The zone's brand is not on this host.",
        "Install the package of the brand in the global zone.",
    ),
    _rule(
        "wrong-state",
        r"operation is invalid for|is already installed\.|must be (?:installed|incomplete) before|zone is incomplete",
        "zoneadm refused it in the zone's present state.",
        "Somebody else may be working on the zone; look at `zoneadm list -cv`, then run again.",
    ),
    _rule(
        "wrong-options",
        r"brand-specific usage|unknown option|argument expected",
        "The brand's script did not know an option.",
        "Please report this.",
    ),
    _rule(
        "interrupted",
        # A script that fails says why in an ERROR line; one that got a signal has only its exit trap's line.
        r"\A(?![\s\S]*ERROR:)[\s\S]*Result: Attach Failed",
        "The brand's script was interrupted: it says that it failed, and no reason.",
        "Run again.",
    ),
    _rule(
        "broken-off",
        r"Result: Attach Succeeded",
        "The brand's script had done its work, and was killed or its end not seen.",
        "Run again.",
    ),
    _rule(
        "broken-off",
        r"\A(?![\s\S]*Result: Attach)[\s\S]*Log File: ",
        "The brand's script was killed: its log breaks off.",
        "Run again.",
    ),
    _rule(
        "boot-failed",
        r"call to zoneadmd failed|could not start zoneadmd",
        "zoneadmd failed.",
        "The zone's log (log/zone.log in the zonepath) and the host's log say why.",
    ),
)
_STAMP = re.compile(r"^\[[^\]]* at [^\]]*\] ?")


def diagnose(texts: Sequence[str], what: str) -> Diagnosis:
    """Return what the texts (attach log, zone.log, outputs) say about the failure of `what`.

    A cause "unknown" carries the last lines; nothing is guessed. The message has the last that announces no other.
    """
    text = "\n".join(texts)
    rule = cause_of(text)
    if rule is None:
        lines = _lines(text)
        said = next((line for line in reversed(lines) if not line.endswith(":")), lines[-1] if lines else "")
        if not said:
            silent = "Look into the host's log (/var/adm/messages), then run again."
            return Diagnosis("unknown", f"{what} failed, and nothing was printed.", silent)
        remedy = "Mend what the tool complains of, then run again."
        return Diagnosis("unknown", f"{what} failed: {said.rstrip('.:')}.", remedy, tuple(lines[-20:]))
    telling = next((line for line in _lines(text) if rule.telling and rule.telling.search(line)), None)
    quoted = f" It said: `{telling}`." if telling else ""
    return Diagnosis(rule.cause, f"{what} failed. {rule.sentence}{quoted}", rule.remedy, tuple(_evidence(text, rule)))


def cause_of(text: str) -> _Rule | None:
    """Return the first rule that matches."""
    return next((rule for rule in _RULES if rule.pattern.search(text)), None)


def _lines(text: str) -> list[str]:
    """Lines without stamps, blank ones and repetitions (each ERROR stands in the log twice)."""
    lines = [_STAMP.sub("", line).strip() for line in text.splitlines()]
    return list(dict.fromkeys(line for line in lines if line))


def _evidence(text: str, rule: _Rule) -> list[str]:
    """The matching line with what stands round it."""
    lines = _lines(text)
    hits = [i for i, line in enumerate(lines) if rule.pattern.search(line)]
    if not hits:
        return lines[-12:]
    return lines[max(0, hits[0] - 3) : hits[0] + 9]
