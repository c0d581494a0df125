#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Note which zones of a host run, and bring them back exactly as they were, also after a reboot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_state
short_description: Note which zones of a host run, and bring them back exactly as they were
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - For the beginning and the end of maintenance on the host of a global zone. Before it, V(noted) writes down which
    zones run and how every service of the host and of its running zones is, and V(halted) shuts zones down. After it,
    V(restored) boots what ran and shuts down what did not, waits for the services, and fails if one of them is worse
    than it was.
  - The note is a file below C(/var/lib/illumos.linked_zones). It is still there when the run was cut short, after a
    reboot, and in a boot environment that was cloned after it was taken.
  - A note that is there is kept, so that a second run brings back what the first has found, also after a power cut.
    One is left in the boot environment from which the host was updated; where somebody comes back to that, it is taken
    anew, with a warning if zones ran then that do not run now. O(next_be) is what tells the two apart.
options:
  state:
    description:
      - V(noted) takes the note. V(halted) shuts down O(zones). V(restored) brings all back and drops the note.
      - V(forgotten) drops the note and leaves the host as it is.
    type: str
    choices: [noted, halted, restored, forgotten]
    required: true
  zones:
    description:
      - With O(state=halted), the zones to shut down, one after the other in this order.
      - Without it all zones of linked brands, in the order of C(zoneadm list).
    type: list
    elements: str
  next_be:
    description: With O(state=noted), right before a reboot, the uuid of the boot environment that will be booted.
    type: str
  shutdown_timeout:
    description: Seconds a zone has for its shutdown.
    type: int
    default: 300
  force_halt:
    description: Halt a zone that is not down by then.
    type: bool
    default: false
  boot_timeout:
    description: Seconds that services have to be as they were.
    type: int
    default: 300
  lock_timeout:
    description: Seconds to wait for another C(zoneadm) that is at work on a zone.
    type: int
    default: 600
extends_documentation_fragment:
  - illumos.linked_zones.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - V(restored) drops the note once all is as it was; without a note it fails, and so does V(halted).
  platform:
    platforms: OmniOS, OpenIndiana
    support: full
notes:
  - Must run as root in the global zone.
seealso:
  - module: illumos.linked_zones.linked_update
  - module: illumos.linked_zones.boot_environment
"""

EXAMPLES = r"""
- name: Note which zones run
  illumos.linked_zones.host_state:
    state: noted
  register: before

- name: Shut down the linked zones, the database last
  illumos.linked_zones.host_state:
    state: halted
    zones: [web01, web02, db01]

- name: Bring all back as it was
  illumos.linked_zones.host_state:
    state: restored
"""

RETURN = r"""
noted:
  description: When the note was taken, and the state each zone had; null if there is none.
  returned: always
  type: dict
  sample:
    taken: "2026-11-21T02:00:00Z"
    zones: {web01: running, db01: installed}
kept:
  description: With O(state=noted), whether that is the note of an earlier run, which is not ended yet.
  returned: always
  type: bool
zones:
  description: The state of each zone at the end.
  returned: always
  type: dict
halted:
  description: Zones that were shut down.
  returned: always
  type: list
  elements: str
booted:
  description: Zones that were booted.
  returned: always
  type: list
  elements: str
unhealthy:
  description: >-
    With O(state=noted) and O(state=restored), the services that somebody has to see to, as zone (V(global) for the
    host's own), service, state, and was.
  returned: always
  type: list
  elements: dict
worse:
  description: With O(state=restored), the services that are worse than when the note was taken, in the same form.
  returned: always
  type: list
  elements: dict
actions:
  description: Every command that ran, in check mode also those that would run (with rc null).
  returned: always
  type: list
  elements: dict
  sample:
    - argv: [zoneadm, list, -cp]
      rc: 0
      seconds: 0.1
diagnosis:
  description: On failure, its cause (a fixed word), message, remedy, and evidence.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.host_state import (
    STATES,
    Options,
    run,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(STATES), "required": True},
            "zones": {"type": "list", "elements": "str"},
            "next_be": {"type": "str"},
            "shutdown_timeout": {"type": "int", "default": 300},
            "force_halt": {"type": "bool", "default": False},
            "boot_timeout": {"type": "int", "default": 300},
            "lock_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    zones = options.pop("zones")
    runner = Runner(module.warn, options["lock_timeout"])
    try:
        result = run(runner, Options(zones=None if zones is None else tuple(zones), **options), module.check_mode)
    except RunFailed as failure:
        module.fail_json(msg=str(failure), **failure.result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
