#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Update a global zone and its linked zones as one act."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linked_update
short_description: Update a global zone and its linked zones as one act, and say what happened in each
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - Does what C(pkg update -r) does, and says for each image what is planned and what came of it.
  - Whatever stands against the update is found before anything is changed, and is refused with the reason and the
    remedy.
  - C(pkg)'s exit code is not trusted. The global zone and every zone are read back, in the running system or in the new
    boot environment, and compared with the plan.
  - The update goes on if the connection breaks, or the play is stopped. While it runs the play shows what C(pkg) is
    doing in each image.
  - A run that was cut off at any point is finished by the next one, and one of which nobody got the result is waited
    for and reported by it. RV(resumed) tells of both.
  - A boot environment that this module made and nobody has booted yet is reported again, and nothing is run.
options:
  packages:
    description: Packages to update, by name, FMRI or pattern. All if none is given.
    type: list
    elements: str
    default: []
  recurse:
    description:
      - Update the linked zones, too. With V(false) only what parent dependencies force is brought along in them, also
        where the image's property C(default-recurse) says otherwise.
    type: bool
    default: true
  zones:
    description:
      - Only these zones are updated. All others still follow the global zone where parent dependencies force them, and
        still stop the run if their images cannot be opened.
    type: list
    elements: str
  exclude_zones:
    description: All zones but these are updated. What is said of O(zones) holds for those left out here.
    type: list
    elements: str
    default: []
  scope:
    description:
      - With V(zones) packages are updated inside the zones alone, and the global zone is left as it is. O(zones) may
        name zones that are not linked, too; all linked ones are updated if it is not given. A zone in which none of
        O(packages) is installed is left alone.
      - A linked zone is first told what the global zone has (C(pkg sync-linked --linked-md-only)), if it does not know.
      - A package that must have the global zone's version is refused. What goes wrong in one zone does not stop the
        others.
    type: str
    choices: [all, zones]
    default: all
  concurrency:
    description: How many zones C(pkg) works on at a time. Default is C(pkg)'s.
    type: int
  be_name:
    description: Name of the new boot environment. It makes one necessary, if there is anything to do.
    type: str
  new_be:
    description:
      - With V(auto) C(pkg) makes a boot environment if the update needs a reboot, with V(require) always, with V(deny)
        never. An update that needs one is refused then.
    type: str
    choices: [auto, require, deny]
    default: auto
  activate:
    description: Whether the new boot environment is booted from the next boot on, at the next boot only, or not at all.
    type: str
    choices: [always, once, never]
    default: always
  backup_be:
    description:
      - Whether the running boot environment is cloned before it is changed. With V(auto) that is left to C(pkg), which
        does it if packages change. With a new boot environment none is needed.
    type: str
    choices: [auto, always, never]
    default: auto
  keep_failed_be:
    description:
      - Keep the boot environment that a failed update leaves half done. Otherwise it is destroyed, if this module's run
        made it.
    type: bool
    default: false
  accept_licenses:
    description:
      - Accept the licenses that must be accepted. Without it they are listed, those of the zones' packages, too, which
        C(pkg) accepts by itself, and nothing is changed.
    type: bool
    default: false
  refresh:
    description: Fetch the publishers' catalogs first.
    type: bool
    default: true
  allow_stale_catalogs:
    description: Go on with what was known before if a repository cannot be reached. C(pkg) does so unasked.
    type: bool
    default: false
  skip_pkg_check:
    description:
      - Update although C(pkg) itself is out of date (C(-f)). Otherwise C(package/pkg) is updated first, and the update
        planned anew.
    type: bool
    default: false
  reject:
    description: Packages that must not be installed, and are removed where they are.
    type: list
    elements: str
    default: []
  hold:
    description:
      - For each zone a list of packages, by name, end of a name or pattern, that stay at the version they have in it.
      - They are frozen in the zone right before the update and let go right after it; by the next run, if this one is
        cut off. What somebody else has frozen stays frozen.
      - A hold on what must follow the global zone is refused, as it would block the global zone's own update.
    type: dict
  fail_on_remove:
    description: Patterns of package names. An update that would remove one of them in any image is refused.
    type: list
    elements: str
    default: []
  publisher_check:
    description: See that the publishers of every linked zone begin with the global zone's before C(pkg) is started.
    type: bool
    default: true
  lock_timeout:
    description: Seconds to wait for another C(pkg), or another run of this module.
    type: int
    default: 600
  reconnect_timeout:
    description:
      - Seconds in which the controller tries to reach the host again if the connection breaks. After that the host is
        unreachable; the update goes on there.
    type: int
    default: 600
  run_id:
    description: Set by the play itself. The result is kept on the host under this name until it has arrived.
    type: str
extends_documentation_fragment:
  - illumos.linked_zones.attributes
attributes:
  check_mode:
    support: full
    details:
      - The plan is made by C(pkg update -n), which fetches the publishers' catalogs unless O(refresh) is V(false).
  diff_mode:
    support: full
    details:
      - Shows the versions of the packages that change, image by image.
  idempotent:
    support: full
  async:
    description: With C(async) of the task, the play shows no progress.
    support: full
  platform:
    platforms: OmniOS r151022 or later, OpenIndiana
    support: full
notes:
  - Must run as root in the global zone.
  - The exact commands of each case stand in the collection's C(docs/linked_update-sequence.md).
  - Zones that are not linked (brand C(ipkg)) are not updated; they are reported as V(not-linked).
  - With a new boot environment, what running zones, and the global zone, write to their roots between the update and
    the reboot is gone after it. RV(lost_writes) names the zones.
seealso:
  - module: illumos.linked_zones.update_progress
  - module: illumos.linked_zones.pkg_parent_check
  - module: illumos.linked_zones.linked_publisher
  - module: illumos.linked_zones.boot_environment
  - module: illumos.linked_zones.host_state
"""

EXAMPLES = r"""
- name: See what an update would do
  illumos.linked_zones.linked_update:
  check_mode: true
  diff: true
  register: plan

- name: Update the global zone and all linked zones
  illumos.linked_zones.linked_update:
    accept_licenses: true
  register: update

- name: Reboot if a new boot environment was made
  ansible.builtin.reboot:
  when: update.reboot_required and update.be.activated

- name: Update all zones but one, into a boot environment with a name, and let nobody take the database away
  illumos.linked_zones.linked_update:
    exclude_zones: [db01]
    be_name: weekly-2026-11
    fail_on_remove: ['database/*']

- name: Update all, but leave a tenant the database that it can cope with
  illumos.linked_zones.linked_update:
    hold:
      db01: [ooce/database/postgresql-16]

- name: Update a package without parent dependency inside two zones alone
  illumos.linked_zones.linked_update:
    scope: zones
    zones: [web01, web02]
    packages: [ooce/server/nginx-126]
"""

RETURN = r"""
plan:
  description: What C(pkg) plans, one entry for each image in which something changes.
  returned: always
  type: dict
  contains:
    images:
      description: Plan entries with image, zone (null for the global zone), add, change, remove and licenses.
      type: list
      elements: dict
images:
  description:
    - How each image came out; in check mode, how it would. The status is one of V(updated), V(unchanged), V(partly),
      V(failed), V(staged) (in a boot environment that waits to be booted), V(excluded-but-synced) (not chosen, and
      brought along where parent dependencies force it), V(not-linked).
    - C(from) and C(to) are versions of C(entire), C(missing) the packages that are not as planned. With O(scope=zones)
      C(reason) says of a zone by itself why it failed.
  returned: always
  type: list
  elements: dict
  sample:
    - {image: /zones/web01/root, zone: web01, status: updated, from: "11-151054.0:20250505T120000Z",
       to: "11-151054.0:20250512T120000Z", missing: []}
be:
  description:
    - The new boot environment, with created, name, uuid and activated. Besides these, C(backup) names those that hold
      the state from before, C(half_done) those that a failed update left, and C(destroyed) says whether they are gone.
  returned: always
  type: dict
reboot_required:
  description: True if a new boot environment waits to be booted.
  returned: always
  type: bool
exit_code:
  description: Exit code of the last C(pkg) that planned or updated; null if none was started.
  returned: always
  type: int
exit_reason:
  description: What it means.
  returned: always
  type: str
release_notes:
  description: Release notes that come with the plan.
  returned: always
  type: list
  elements: str
findings:
  description:
    - What holds the release back, such as frozen packages, and what O(hold) keeps from moving, in the form of
      M(illumos.linked_zones.pkg_parent_check).
  returned: always
  type: list
  elements: dict
lost_writes:
  description: Running zones of which a clone will be booted. What they write to their roots until then is lost.
  returned: always
  type: list
  elements: str
resumed:
  description:
    - True if an earlier run was cut off, and this one has found out what it did and tidied up behind it; or if nobody
      got the earlier run's result. What that run did is part of this result.
  returned: always
  type: bool
actions:
  description: Every command that ran, in check mode also those that would run (with rc null).
  returned: always
  type: list
  elements: dict
  sample:
    - argv: [pkg, update, -n, --parsable=0, -r]
      rc: 4
      seconds: 2.1
diagnosis:
  description: On failure, its cause (a fixed word), message, remedy, and evidence.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import Request
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update import run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "recurse": {"type": "bool", "default": True},
            "zones": {"type": "list", "elements": "str"},
            "exclude_zones": {"type": "list", "elements": "str", "default": []},
            "scope": {"type": "str", "choices": ["all", "zones"], "default": "all"},
            "concurrency": {"type": "int"},
            "be_name": {"type": "str"},
            "new_be": {"type": "str", "choices": ["auto", "require", "deny"], "default": "auto"},
            "activate": {"type": "str", "choices": ["always", "once", "never"], "default": "always"},
            "backup_be": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
            "keep_failed_be": {"type": "bool", "default": False},
            "accept_licenses": {"type": "bool", "default": False},
            "refresh": {"type": "bool", "default": True},
            "allow_stale_catalogs": {"type": "bool", "default": False},
            "skip_pkg_check": {"type": "bool", "default": False},
            "reject": {"type": "list", "elements": "str", "default": []},
            "hold": {"type": "dict"},
            "fail_on_remove": {"type": "list", "elements": "str", "default": []},
            "publisher_check": {"type": "bool", "default": True},
            "lock_timeout": {"type": "int", "default": 600},
            "reconnect_timeout": {"type": "int", "default": 600},
            "run_id": {"type": "str"},
        },
        supports_check_mode=True,
    )
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in module.params.items()}
    run_id = given.pop("run_id")
    del given["reconnect_timeout"]  # it is for the action plugin
    request = Request(**given)
    try:
        module.exit_json(**run(Runner(module.warn, request.lock_timeout), request, module.check_mode, run_id))
    except RunFailed as failure:
        module.fail_json(msg=str(failure), **failure.result)


if __name__ == "__main__":
    main()
