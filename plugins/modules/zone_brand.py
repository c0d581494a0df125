#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch a zone between the brands ipkg and lipkg."""

from __future__ import annotations

DOCUMENTATION = r"""
module: zone_brand
short_description: Switch a zone between ipkg and lipkg
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - Switches a zone between the brand whose packages are its own (C(ipkg)) and the one that C(pkg) links to the
    global zone (C(lipkg)), in either direction, and restores the run state it had.
  - On OpenIndiana C(ipkg) is the linked brand and C(nlipkg) the other.
  - While the zone still runs, the switch is rehearsed on a throw-away ZFS clone of the root, so that a switch
    that cannot succeed, or would bring the zone software that is not wanted there, is refused before the zone goes
    down.
  - What goes wrong after that is taken back; RV(rolled_back) says so. The next run finishes one that was killed.
options:
  zone:
    description: Name of the zone.
    type: str
    required: true
  brand:
    description: The brand the zone is to have.
    type: str
    required: true
    choices: [ipkg, lipkg, nlipkg]
  update:
    description:
      - Let attach bring the packages that C(entire) incorporates to the global zone's version (C(zoneadm attach -u)).
      - With V(false) the switch is refused unless no package would change.
    type: bool
    default: true
  boot:
    description:
      - Whether the zone is booted at the end. V(restore) boots it if it was running before.
      - Booting waits for C(svc:/milestone/multi-user-server:default) in the zone.
    type: str
    choices: [restore, always, never]
    default: restore
  shutdown_timeout:
    description: Seconds that a clean shutdown of the zone may take.
    type: int
    default: 300
  force_halt:
    description: Halt the zone if it has not shut down within O(shutdown_timeout), instead of failing.
    type: bool
    default: false
  boot_timeout:
    description: Seconds until multi-user-server in the zone must be online.
    type: int
    default: 300
  snapshot:
    description:
      - Take a ZFS snapshot of the halted zone's root directly before detach; the way back needs it.
      - With V(false) a failed switch cannot restore publisher settings and half-updated packages.
    type: bool
    default: true
  keep_snapshot:
    description: Keep the snapshot after success; RV(snapshot) names it.
    type: bool
    default: false
  on_failure:
    description: Whether to bring the zone back after a failure, or to leave it as it is.
    type: str
    choices: [rollback, leave]
    default: rollback
  rehearse:
    description:
      - Rehearse on a clone, also in check mode; it is the only thing that changes there.
      - With V(false) RV(plan) is null, and whether attach can succeed is found out with the zone down.
    type: bool
    default: true
  allow_downgrade:
    description: Allow attach to bring packages of the zone to an older version.
    type: bool
    default: false
  replace_publishers:
    description:
      - Allow the zone's own settings (mirrors, keys, origins) of publishers that the global zone has, too, to be
        replaced by the global zone's. The release in an origin's path does not count as a setting of its own.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another run on this zone, another C(zoneadm), or another C(pkg).
    type: int
    default: 600
extends_documentation_fragment:
  - illumos.linked_zones.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    platforms: OmniOS, OpenIndiana
    support: full
notes:
  - Must run as root in the global zone.
  - The exact commands of each case stand in the collection's C(docs/zone_brand-sequence.md).
"""

EXAMPLES = r"""
- name: Link a zone's packages to the global zone's
  illumos.linked_zones.zone_brand:
    zone: web01
    brand: lipkg

- name: See what the switch would bring the zone (run with --check --diff)
  illumos.linked_zones.zone_brand:
    zone: web01
    brand: lipkg
  check_mode: true
  register: switch

- name: Switch only if no package would change
  illumos.linked_zones.zone_brand:
    zone: web01
    brand: lipkg
    update: false

- name: Back to packages of its own
  illumos.linked_zones.zone_brand:
    zone: web01
    brand: ipkg
    keep_snapshot: true
"""

RETURN = r"""
zone:
  description: The zone as it is at the end (in check mode, as it would be).
  returned: always
  type: dict
  contains:
    name:
      description: Name.
      type: str
    brand:
      description: Brand.
      type: str
    state:
      description: State as C(zoneadm list) shows it.
      type: str
    linked:
      description: Whether C(pkg) takes it for a child of the global zone.
      type: bool
    zonepath:
      description: Zonepath.
      type: str
plan:
  description: What the switch does to the zone's packages, known from the rehearsal; null without one.
  returned: always
  type: dict
  contains:
    image:
      description: Root of the zone's image.
      type: str
    zone:
      description: Name of the zone.
      type: str
    add:
      description: Packages that come, each with name, publisher and version.
      type: list
      elements: dict
    change:
      description: Packages that change, each with name, publisher, from and to.
      type: list
      elements: dict
    remove:
      description: Packages that go, each with name, publisher and version.
      type: list
      elements: dict
    licenses:
      description: Licences that attach accepts by itself, each with package, license and must_accept.
      type: list
      elements: dict
    publishers:
      description: Settings of the zone's publishers that are replaced, each with publisher, setting, zone, global_zone.
      type: list
      elements: dict
left_behind:
  description: Packages that stay older than they could be, each with name, publisher, version, available and remedy.
  returned: always
  type: list
  elements: dict
actions:
  description: Every command that ran (rc and seconds are null for one that check mode only foresees), secrets masked.
  returned: always
  type: list
  elements: dict
  sample:
    - argv: [zoneadm, -z, web01, detach]
      rc: 0
      seconds: 1.2
resumed:
  description: Whether an unfinished switch of an earlier run was taken up.
  returned: always
  type: bool
rolled_back:
  description: Whether the zone was brought back after a failure.
  returned: always
  type: bool
snapshot:
  description: The snapshot that is left, null if none is.
  returned: always
  type: str
destroyed_snapshots:
  description: Snapshots newer than the switch's that a way back had to destroy.
  returned: always
  type: list
  elements: str
attach_log:
  description: Path of the attach log in the global zone, null if attach did not run.
  returned: always
  type: str
audit:
  description: Verdict of C(pkg audit-linked) on this zone, C(not-linked) for a brand that is not linked.
  returned: always
  type: str
diagnosis:
  description: On failure, its cause (a fixed word), message, remedy, and evidence (the tools' own lines).
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.brand import all_pair_brands
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.brand_switch import Options
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.switch import run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "zone": {"type": "str", "required": True},
            "brand": {"type": "str", "required": True, "choices": list(all_pair_brands())},
            "update": {"type": "bool", "default": True},
            "boot": {"type": "str", "choices": ["restore", "always", "never"], "default": "restore"},
            "shutdown_timeout": {"type": "int", "default": 300},
            "force_halt": {"type": "bool", "default": False},
            "boot_timeout": {"type": "int", "default": 300},
            "snapshot": {"type": "bool", "default": True},
            "keep_snapshot": {"type": "bool", "default": False},
            "on_failure": {"type": "str", "choices": ["rollback", "leave"], "default": "rollback"},
            "rehearse": {"type": "bool", "default": True},
            "allow_downgrade": {"type": "bool", "default": False},
            "replace_publishers": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    options = Options(**module.params)
    for name in ("shutdown_timeout", "boot_timeout", "lock_timeout"):
        if module.params[name] < 0:
            module.fail_json(msg=f"{name} must not be negative.")
    runner = Runner(module.warn, lock_timeout=options.lock_timeout)
    try:
        module.exit_json(**run(runner, options, module.check_mode))
    except RunFailed as failure:
        module.fail_json(msg=str(failure), **failure.result)


if __name__ == "__main__":
    main()
