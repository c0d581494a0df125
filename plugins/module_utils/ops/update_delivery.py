# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand the result of an update over: it is kept until it is acknowledged, and the next run returns one that was not."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from ..host import kept_result
from ..host.update_store import DIRECTORY
from ..model.finding import Refusal
from ..model.update import EXCLUDED_BUT_SYNCED, PARTLY, UNCHANGED, UPDATED

_DONE = (UPDATED, PARTLY, EXCLUDED_BUT_SYNCED)


def deliver(
    run_id: str | None,
    result: dict[str, Any],
    failure: str,
    check: bool,
    warn: Callable[[str], None],
    directory: str = DIRECTORY,
) -> dict[str, Any]:
    """Return the result of a run, with that of an earlier one that nobody got, and keep it if it tells of a change.

    `run_id` is None if nobody will acknowledge it; `failure` is the message of a run that failed, else "". In check
    mode what is kept stays as it is.
    """
    try:
        earlier = kept_result.kept(directory)
        if earlier is not None:
            result = together(result, earlier.result)
            if earlier.result["failure"]:
                warn(f"An earlier update, of which nobody got the result, failed: {earlier.result['failure']}")
        if check:
            return result
        if run_id is not None and result["changed"]:
            kept_result.keep(run_id, {**result, "failure": failure}, directory)
        elif earlier is not None:
            kept_result.delivered(directory)
    except (Refusal, OSError) as exc:
        warn(f"Should the connection break now, the result of this update is not kept: {exc}")
    return result


def together(own: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two runs have done: that of the earlier one counts where this one did nothing."""
    before = {entry["zone"]: entry for entry in earlier["images"] if entry["status"] in _DONE}
    return {
        **own,
        "changed": own["changed"] or earlier["changed"],
        "resumed": True,
        "plan": own["plan"] if own["plan"]["images"] else earlier["plan"],
        "images": [
            before.get(entry["zone"], entry) if entry["status"] == UNCHANGED else entry for entry in own["images"]
        ],
        "be": {**earlier["be"], **own["be"]},
        "release_notes": list(dict.fromkeys([*earlier["release_notes"], *own["release_notes"]])),
        "actions": [*earlier["actions"], *own["actions"]],
        "diff": [*earlier["diff"], *own["diff"]],
    }
