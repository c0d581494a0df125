#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a global zone, its linked images and its boot environments."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linked_image_info
short_description: Look at zones as pkg sees them, and change nothing
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - Tells for each zone whether C(pkg) takes it for a linked image and why, whether it is in step with the global zone,
    whether its publishers fit, and what is installed and frozen in it; and the boot environments with their zone BEs.
  - The verdicts are computed by C(pkg)'s rules from the images on disk. C(pkg audit-linked) is not run, for it leaves
    files in the zones.
  - However many zones there are, C(zoneadm), C(beadm) and C(zfs) are started once each, and C(pkg) not at all as long
    as the images are in a format that is known (4 and 5).
  - What is in a zone is not trusted. Its files are read without following symlinks and up to a limit; a zone in which
    something is amiss gets a finding that says what, and the others their answers.
options:
  root:
    description:
      - Where the global zone's files are. With another root than V(/), such as a mounted boot environment, nothing
        of the running host is asked; zones are then those of C(etc/zones) below it, their roots those below it.
    type: path
    default: /
  zones:
    description: Names of the zones to look at; all by default. One that is not there is an error.
    type: list
    elements: str
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
  - With O(root=/) it must run as root in the global zone.
  - The collection's C(docs/linked_image_info.md) says for each key where it is read and how exact it is.
seealso:
  - module: illumos.linked_zones.zone_brand
"""

EXAMPLES = r"""
- name: Look at all zones
  illumos.linked_zones.linked_image_info:
  register: images

- name: Stop if a linked zone is not in step with its global zone
  ansible.builtin.assert:
    that: images.zones | rejectattr('audit', 'in', ['synced', 'not-linked']) | list | length == 0
    fail_msg: >-
      {{ images.zones | rejectattr('audit', 'in', ['synced', 'not-linked']) | map(attribute='name') | join(', ') }}

- name: Say where the publishers of a linked zone do not fit
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.publisher_check.sentence }}"
  loop: "{{ images.zones | selectattr('linked') | selectattr('publisher_check.verdict', 'eq', 'violated') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Look at two zones in a boot environment that is mounted
  illumos.linked_zones.linked_image_info:
    root: /mnt
    zones: [web01, db01]
"""

RETURN = r"""
root:
  description: The root that was looked at, symlinks resolved.
  returned: success
  type: str
global_zone:
  description: The global zone's image.
  returned: success
  type: dict
  contains:
    source:
      description: Who read the packages, V(image) (this module, from disk) or V(pkg); null if nobody could.
      type: str
    image_format:
      description: Format of the image.
      type: int
    entire:
      description: Version of C(entire) with its time stamp, null if it is not installed.
      type: str
      sample: 11-151054.0:20250505T080000Z
    packages:
      description: Number of installed packages.
      type: int
    publishers:
      description:
        - Publishers in search order, each with name, enabled, sticky, nochild, origins, mirrors (secrets masked).
      type: list
      elements: dict
    use_system_repo:
      description: Whether the image property C(use-system-repo) is set.
      type: bool
    frozen:
      description: Frozen packages, each with name, version, comment, since (Unix time).
      type: list
      elements: dict
    linked_name:
      description: Name that the image has as a child, null if its linked metadata were never written.
      type: str
    release:
      description:
        - C(kernel) and C(userland), each with release (V(r151054), null where none can be told), version (the text
          it was taken from) and source.
        - The kernel of a zone is the global zone's. It is the running one (C(uname -v)), with another root that of the
          package C(system/kernel); null for virtual machines.
        - The userland's is the first line of C(etc/release).
      type: dict
      sample:
        kernel: {release: r151054, version: omnios-r151054-b5c2b7b7f8, source: uname}
        userland: {release: r151054b, version: OmniOS v11 r151054b, source: etc/release}
zones:
  description: The zones. What stands in RV(global_zone) stands here too, null where the image could not be read.
  returned: success
  type: list
  elements: dict
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
    zonepath:
      description: Zonepath.
      type: str
    image:
      description: Root of the zone's image, as it was read.
      type: str
    linked:
      description: Whether C(pkg) takes it for a child of the global zone.
      type: bool
    why:
      description:
        - Why it is not linked - V(brand), V(state), V(no-zones-package) (C(system/zones) is not in the global zone),
          V(not-global); or, of one that is, V(linked), or what keeps C(pkg) from working on it as it should,
          V(never-synced), V(image-missing), V(image-unreadable).
      type: str
    reason:
      description: The same as a sentence.
      type: str
    audit:
      description:
        - What C(pkg audit-linked -a) would say, V(synced) or V(diverged). V(not-linked), V(unreadable) where there
          is no such answer.
      type: str
    audit_violations:
      description:
        - The parent dependencies for which it is diverged, each with package, dependency, outcome (V(missing),
          V(parent-newer), V(parent-older), V(self-unknown)), parent, sentence. At most 20.
      type: list
      elements: dict
    audit_violation_count:
      description: How many there are.
      type: int
    publisher_check:
      description:
        - Whether the zone's publishers begin with the global zone's, as C(pkg) demands of linked zones.
        - C(verdict) is V(ok), V(violated), V(skipped) (C(use-system-repo)), null where the image could not be read.
          C(enforced) says whether the zone is linked. If violated, C(position) (counted from 0, those left out that do
          not count), C(expected), C(found), C(reason) (V(missing), V(disabled), V(nochild), V(order), V(stickiness)),
          C(sentence). C(parent_order) names the global zone's in the order by which C(pkg) judges this zone, that of
          the last sync as long as they are the same ones.
      type: dict
    findings:
      description:
        - What is amiss, each with code, severity, zone, message, remedy; the keys package, child_fmri, parent_fmri and
          required_by are null here.
      type: list
      elements: dict
      sample:
        - code: image-unreadable
          severity: error
          zone: web01
          message: var/pkg/pkg5.image of the image at /zones/web01/root cannot be read (it is not a regular file).
          remedy: C(pkg -R /zones/web01/root list) must work.
boot_environments:
  description:
    - Boot environments, each with name, uuid, active_now, active_on_reboot, active_once, mountpoint, and zone_bes
      (zone, dataset, active) of the zones that were looked at. Null with another root than V(/).
  returned: success
  type: list
  elements: dict
orphaned_zone_bes:
  description: Zone BEs that belong to no boot environment, each with zone, dataset, parentbe.
  returned: success
  type: list
  elements: dict
source:
  description: V(image) if all packages were read from disk, V(pkg) if C(pkg) had to be asked for some.
  returned: success
  type: str
actions:
  description: Every command that ran.
  returned: always
  type: list
  elements: dict
  sample:
    - argv: [zoneadm, list, -cp]
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
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.linked_image_info import run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "default": "/"},
            "zones": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(Runner(module.warn), module.params["root"], module.params["zones"]))
    except RunFailed as failure:
        module.fail_json(msg=str(failure), **failure.result)


if __name__ == "__main__":
    main()
