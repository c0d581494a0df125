# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said about a refusal or a failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from .uri import mask


@dataclass(frozen=True)
class Diagnosis:
    """`cause` is a fixed word to test for, `sentence` and `remedy` are for people, `evidence` the tool's lines."""

    cause: str
    sentence: str
    remedy: str
    evidence: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The sentence and the remedy as one text, secrets masked."""
        return mask(f"{self.sentence} {self.remedy}".strip())

    def as_result(self) -> dict[str, Any]:
        """Return the form that modules hand back as `diagnosis`."""
        return {
            "cause": self.cause,
            "message": mask(self.sentence),
            "remedy": mask(self.remedy),
            "evidence": [mask(line) for line in self.evidence],
        }


@dataclass(frozen=True)
class Finding:
    """Something about a zone that an administrator should know; `code` is a fixed word to test for.

    Where it is about packages: `package` is the stem in the zone, `child_fmri` and `parent_fmri` what is installed in
    the zone and in the global zone, `required_by` the dependency as it is written.
    """

    code: str
    severity: str
    zone: str
    message: str
    remedy: str
    package: str | None = None
    child_fmri: str | None = None
    parent_fmri: str | None = None
    required_by: str | None = None

    def as_result(self) -> dict[str, Any]:
        """Return the form that modules hand back in `findings`."""
        return {
            "code": self.code,
            "severity": self.severity,
            "zone": self.zone,
            "package": self.package,
            "child_fmri": self.child_fmri,
            "parent_fmri": self.parent_fmri,
            "required_by": self.required_by,
            "message": mask(self.message),
            "remedy": mask(self.remedy),
        }


class RunFailed(Exception):
    """A run failed, was refused, or found what it was told to fail on.

    `result` is what the module hands back besides the message.
    """

    def __init__(self, message: str, result: Mapping[str, Any]) -> None:
        super().__init__(mask(message))
        self.result = result


class Refusal(Exception):
    """Raised where a run must not begin or go on; carries the diagnosis."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.message)
        self.diagnosis = diagnosis


def refuse(cause: str, sentence: str, remedy: str, evidence: tuple[str, ...] = ()) -> Refusal:
    """Return a Refusal to be raised."""
    return Refusal(Diagnosis(cause, sentence, remedy, evidence))
