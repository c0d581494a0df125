#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell how far an update is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: update_progress
short_description: Tell how far an update is that linked_update has begun
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - Tells what a run of M(illumos.linked_zones.linked_update) is doing in each image, or how the last one went on.
  - M(illumos.linked_zones.linked_update) uses it itself to show progress. By hand it is of use where the play that
    began the update is gone.
options:
  run_id:
    description:
      - The run to follow. Other runs are then told of only while they are at work.
      - Without it, the last run of this host.
    type: str
  since:
    description: RV(mark) of an earlier call; only RV(steps) after it are returned.
    type: str
    default: ""
  wait:
    description:
      - Seconds to wait for something new, or for the end of O(job). News are gathered for ten seconds before the module
        returns.
    type: int
    default: 0
  job:
    description:
      - File in which Ansible keeps the result of a task that runs with C(async). Its content is returned as
        RV(job_result) once the task has ended.
    type: path
  acknowledge:
    description:
      - Forget the result that the host has kept of this run, and O(job). Who gives this has the result.
    type: str
extends_documentation_fragment:
  - illumos.linked_zones.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    platforms: OmniOS, OpenIndiana
    support: full
notes:
  - Must run as root in the global zone.
seealso:
  - module: illumos.linked_zones.linked_update
"""

EXAMPLES = r"""
- name: Look what the update is doing
  illumos.linked_zones.update_progress:
  register: progress

# ansible gz1 -m illumos.linked_zones.update_progress

- name: Show it
  ansible.builtin.debug:
    msg: "{{ item.image }} {{ item.phase }} {{ item.sentence }}"
  loop: "{{ progress.images }}"
"""

RETURN = r"""
state:
  description:
    - V(running) while the run is at work, V(ended) when it has come to an end, good or bad.
    - V(lost) if it was killed, or the host went down; the next run of M(illumos.linked_zones.linked_update) finishes
      what it began. A boot environment that an update has made has a copy of what stood there when it was cloned, and
      says V(lost), too.
    - V(none) if there was none.
  returned: success
  type: str
run_id:
  description: Which run it is; empty if there was none.
  returned: success
  type: str
began:
  description: When it began, in UTC.
  returned: success
  type: str
  sample: "2026-11-21T19:03:16Z"
images:
  description: The last step of each image that is in RV(steps), the global zone's first.
  returned: success
  type: list
  elements: dict
steps:
  description:
    - What the run has done, oldest first, each with at (when, in UTC), image (V(global), or pkg's name of it), phase,
      done and total (null if it is not counted), and sentence.
    - Of each image's phase the first step and one in 15 seconds; the rest is left out.
  returned: success
  type: list
  elements: dict
  sample:
    - {at: "2026-11-21T19:03:21Z", image: "zone:db01", phase: Actions, done: 120, total: 480, sentence: ""}
mark:
  description: To be given as O(since) next time.
  returned: success
  type: str
undelivered:
  description:
    - The run whose result waits for the next run of M(illumos.linked_zones.linked_update), because the play that began
      it was gone when it ended; null if there is none.
  returned: success
  type: str
job_result:
  description: What the task of O(job) returned; null while it runs.
  returned: success
  type: dict
diagnosis:
  description: On failure, its cause (a fixed word), message, remedy, and evidence.
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update_progress import Options, run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "run_id": {"type": "str"},
            "since": {"type": "str", "default": ""},
            "wait": {"type": "int", "default": 0},
            "job": {"type": "path"},
            "acknowledge": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(Options(**module.params), module.check_mode))
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), diagnosis=refusal.diagnosis.as_result())


if __name__ == "__main__":
    main()
