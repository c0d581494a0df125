#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, activate and destroy boot environments with their zone BEs, and let old ones go."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_environment
short_description: Create, activate and destroy boot environments with their zone BEs, and let old ones go
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - Creates, activates and destroys boot environments (BEs) with C(beadm), and says which zone BEs go with each and what
    they use.
  - With O(keep) old ones go, but none that is in use, protected, or that another one was made from, and for each
    that stays the result says why.
  - Every command is read back, for C(beadm) also ends with 0 when it has done nothing.
options:
  name:
    description:
      - Name of the boot environment. Needed unless only O(keep) is wanted.
      - A new one has up to 64 letters, digits and the characters V(_.:-), not beginning with V(-).
    type: str
  state:
    description:
      - V(present) creates it, if it is not there. One that is there is left as it is.
      - V(active) lets every boot from now on bring it, and takes back that another one was activated for the next boot.
      - V(active_once) lets the next boot bring it, and only that.
      - V(absent) destroys it with its zone BEs.
    type: str
    choices: [present, active, active_once, absent]
    default: present
  source:
    description:
      - The boot environment to create it from, or a snapshot of one (V(NAME@SNAPSHOT)); by default the running one.
      - Zone BEs are always made from what the source's zones are now, also where it is a snapshot.
      - One that is there is refused only where it is seen to be made from another snapshot of that source.
    type: str
  description:
    description: The title that a new one has in the boot menu; by default its name. It cannot be read back.
    type: str
  keep:
    description:
      - How many of the boot environments that O(match) should stay, counted from the newest.
      - It goes with O(state=present) or without O(name); one that is created counts as the newest.
    type: int
  match:
    description: Names of the boot environments that O(keep) is about, as a shell pattern such as V(backup-*).
    type: str
  protect:
    description: Names of boot environments (or shell patterns) that are never destroyed.
    type: list
    elements: str
    default: []
  destroy_snapshots:
    description:
      - Destroy the snapshots that a boot environment and its zone BEs have together with it. Without it, one that has
        snapshots stays, and O(state=absent) refuses.
      - What another boot environment was made from is handed over to that by C(beadm).
    type: bool
    default: false
extends_documentation_fragment:
  - illumos.linked_zones.attributes
attributes:
  check_mode:
    support: full
    details:
      - Decides the same from the same readings. The zone BEs of one that would be created are told by their zones.
  diff_mode:
    support: full
    details:
      - Shows the list of boot environments before and after, each with its flags and zones.
  idempotent:
    support: full
  platform:
    platforms: OmniOS, OpenIndiana
    support: full
notes:
  - Must run as root in the global zone.
  - A zone that has no zone BE in the one to be activated is warned of; after the boot it is not there or does not boot.
  - C(/etc/zones) is part of a boot environment, so brands and states of zones go back with it. Delegated datasets and
    data outside of zone BEs do not.
seealso:
  - module: illumos.linked_zones.linked_image_info
  - module: illumos.linked_zones.linked_update
"""

EXAMPLES = r"""
- name: Make a backup before a change, and keep three of them
  illumos.linked_zones.boot_environment:
    name: "backup-{{ ansible_date_time.date }}"
    keep: 3
    match: backup-*

- name: See what would go, and why the others stay
  illumos.linked_zones.boot_environment:
    keep: 4
    match: omnios-*
    protect: [omnios-r151046]
  check_mode: true
  register: old

- name: Try a boot environment once
  illumos.linked_zones.boot_environment:
    name: omnios-r151054-2
    state: active_once

- name: Go back for good
  illumos.linked_zones.boot_environment:
    name: omnios-r151046
    state: active
  notify: Reboot
"""

RETURN = r"""
boot_environments:
  description:
    - All boot environments, oldest first, as they are now, in check mode as they would be.
    - C(space) is what C(beadm list) says, C(space_with_zones) adds its zone BEs; both are bytes. What is shared with a
      clone is not freed by destroying one of the two.
    - C(created) is seconds since the epoch.
  returned: success
  type: list
  elements: dict
  sample:
    - name: omnios-r151054
      uuid: 7c1e0a9e-52d4-6b0f-93f1-c0ffee15105a
      active_now: true
      active_on_reboot: true
      active_once: false
      mountpoint: /
      dataset: rpool/ROOT/omnios-r151054
      created: 1746189120
      policy: static
      space: 7786206208
      space_with_zones: 8218219520
      zone_bes:
        - {zone: web01, dataset: rpool/zones/web01/ROOT/zbe, active: true, space: 432013312}
created:
  description: Name of the boot environment that was created; null if none was.
  returned: always
  type: str
activated:
  description: Name of the boot environment that was activated; null if none was.
  returned: always
  type: str
destroyed:
  description: What was destroyed, with its zone BEs, in the form of RV(boot_environments).
  returned: always
  type: list
  elements: dict
kept:
  description:
    - The boot environments that O(match) and stay, each with a sentence and its reasons, which are V(newest),
      V(active-now), V(active-on-reboot), V(active-once), V(protected), V(mounted), V(snapshots), V(held), V(origin).
  returned: always
  type: list
  elements: dict
  sample:
    - name: backup-1
      reasons: [origin]
      message: backup-1 stays; rpool/ROOT/trial was made from it.
zone_bes_left:
  description: Zone BEs that C(beadm) left behind when it destroyed their boot environment.
  returned: always
  type: list
  elements: str
reboot_required:
  description: Whether the next boot brings another boot environment than the running one.
  returned: success
  type: bool
actions:
  description: Every command that ran, in check mode also those that would run (with rc null).
  returned: always
  type: list
  elements: dict
  sample:
    - argv: [beadm, list, -H]
      rc: 0
      seconds: 0.1
diagnosis:
  description: On failure, its cause (a fixed word), message, remedy, and evidence.
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.boot_environments import (
    PRESENT,
    STATES,
    Options,
    run,
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "state": {"type": "str", "choices": list(STATES), "default": PRESENT},
            "source": {"type": "str"},
            "description": {"type": "str"},
            "keep": {"type": "int"},
            "match": {"type": "str"},
            "protect": {"type": "list", "elements": "str", "default": []},
            "destroy_snapshots": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(Runner(module.warn), Options(**module.params), module.check_mode))
    except RunFailed as failure:
        module.fail_json(msg=str(failure), **failure.result)


if __name__ == "__main__":
    main()
