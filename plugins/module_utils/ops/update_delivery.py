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
    be_uuid: str | None,
    result: dict[str, Any],
    failure: str,
    check: bool,
    warn: Callable[[str], None],
    directory: str = DIRECTORY,
) -> dict[str, Any]:
    """Return the result of a run, with that of an earlier one that nobody got, and keep it if it tells of a change.

    `run_id` is None if nobody will acknowledge it, `be_uuid` (the boot environment that runs) if the run did not come
    to look at the host; `failure` is the message of a run that failed, else "". In check mode what is kept stays.
    """
    if be_uuid is None:
        return result
    try:
        earlier = _earlier(be_uuid, warn, directory)
        if earlier is not None and not (result["images"] or result["changed"]):
            return result  # it failed before it could tell of anything: the next run is to tell of the earlier one
        if earlier is not None:
            result = together(result, earlier)
            if earlier["failure"]:
                warn(f"An earlier update, of which nobody got the result, failed: {earlier['failure']}")
        if check:
            return result
        if run_id is not None and result["changed"]:
            kept_result.keep(run_id, be_uuid, {**result, "failure": failure}, directory)
        else:
            kept_result.delivered(directory)
    except (Refusal, OSError) as exc:
        warn(f"Should the connection break now, the result of this update is not kept: {exc}")
    return result


def _earlier(be_uuid: str, warn: Callable[[str], None], directory: str) -> Mapping[str, Any] | None:
    kept = kept_result.kept(directory)
    if kept is None:
        return None
    if kept.be_uuid != be_uuid:
        # /var/lib is inside the boot environment: a clone has what stood there.
        warn("The kept result of an earlier update is that of another boot environment; it is not told of here.")
        return None
    return kept.result


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
        ]
        or earlier["images"],
        "be": {**earlier["be"], **own["be"]},
        "release_notes": list(dict.fromkeys([*earlier["release_notes"], *own["release_notes"]])),
        "actions": [*earlier["actions"], *own["actions"]],
        "diff": [*earlier["diff"], *own["diff"]],
    }
