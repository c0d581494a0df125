#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out which zones do not fit their global zone, why, and what to do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pkg_parent_check
short_description: Find out which zone does not fit its global zone, why, and what to do
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - Judges every parent dependency of every zone as C(pkg)'s solver does, and publishers, linked metadata, frozen
    packages and releases beside them. What does not fit is a finding with the command that mends it, in the right
    direction.
  - Zones that are not linked are judged as if they were; what is found there has severity V(info).
  - As long as the images are in a format that is known (4 and 5) no C(pkg) is started, and no process for any zone.
  - Checks manifests of packages, too, for what they must say about zones.
  - Changes nothing. C(pkg audit-linked) is not run, for it leaves files in zones.
options:
  root:
    description:
      - Where the global zone's files are, V(/) if neither this nor O(manifests) is given. With another root than V(/),
        such as a mounted boot environment or an unpacked copy, nothing of the running host is asked; zones are then
        those of C(etc/zones) below it, their roots those below it.
    type: path
  zones:
    description: Names of the zones to judge; all by default. One that is not there is an error.
    type: list
    elements: str
  manifests:
    description: Manifests (C(.p5m)) to check, files and folders of the managed host. Without O(root) no image is read.
    type: list
    elements: path
    default: []
  services:
    description:
      - Whether to look at the services that carry publishers to zones, the system repository and the zones proxy.
      - With V(auto) one that is there must be online; V(require) demands them; V(ignore) does not ask.
    type: str
    choices: [auto, require, ignore]
    default: auto
  source:
    description:
      - Who reads the images. V(image) is this module, V(pkg) is C(pkg), with two starts for each zone; V(auto) takes
        the first where it knows the format, else the second.
    type: str
    choices: [auto, image, pkg]
    default: auto
  explain:
    description: Packages of which to say, for each zone, why they were not updated there.
    type: list
    elements: str
    default: []
  ignore:
    description: Codes of findings to leave out. They count neither in RV(in_sync) nor in RV(zones).
    type: list
    elements: str
    default: []
  fail_on:
    description:
      - Codes or severities; the task fails on a finding that has one, with all that it returns otherwise.
      - What would be if a zone were linked does not count by its code, only where V(info) is named.
    type: list
    elements: str
    default: []
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
  - The collection's C(docs/pkg_parent_check.md) explains each code.
seealso:
  - module: illumos.linked_zones.linked_image_info
  - module: illumos.linked_zones.linked_update
"""

EXAMPLES = r"""
- name: Stop before an update that would fail
  illumos.linked_zones.pkg_parent_check:
    fail_on: [error]

- name: Ask why a package was not updated
  illumos.linked_zones.pkg_parent_check:
    zones: [web01]
    explain: [web/curl]
  register: check

- name: Show the answer
  ansible.builtin.debug:
    msg: "{{ check.explanations | map(attribute='sentence') | list }}"

- name: Check a boot environment before anybody boots it
  illumos.linked_zones.pkg_parent_check:
    root: /mnt

- name: Check the manifests of a consolidation
  illumos.linked_zones.pkg_parent_check:
    manifests: [/build/manifests]
    fail_on: [error]
  delegate_to: localhost
"""

RETURN = r"""
in_sync:
  description: Whether the packages of all linked zones fit the global zone; null if no image was read.
  returned: success
  type: bool
zones:
  description: The zones.
  returned: success
  type: list
  elements: dict
  contains:
    zone:
      description: Name.
      type: str
    linked:
      description: Whether C(pkg) takes it for a child of the global zone.
      type: bool
    brand:
      description: Brand.
      type: str
    status:
      description: V(in-sync), V(out-of-sync) (a parent dependency is not satisfied), V(not-linked) or V(unreadable).
      type: str
    findings:
      description: Its findings, as in RV(findings).
      type: list
      elements: dict
findings:
  description: All findings, those of the global zone (with zone V(global)) first.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description:
        - V(parent-missing), V(parent-publisher), V(parent-newer), V(parent-older), V(metadata-stale), V(never-synced),
          V(publisher-order), V(publisher-missing), V(publisher-sticky), V(frozen), V(entire-skew), V(release-skew),
          V(image-missing), V(image-unreadable), V(service-offline).
      type: str
    severity:
      description: V(error), V(warning) or V(info).
      type: str
    zone:
      description: Name of the zone, or V(global).
      type: str
    package:
      description: Stem of the zone's package, null where it is about none.
      type: str
    child_fmri:
      description: What is installed in the zone.
      type: str
    parent_fmri:
      description: What is installed in the global zone, null if nothing is.
      type: str
    required_by:
      description: The parent dependency as it is written.
      type: str
    message:
      description: What is amiss.
      type: str
    remedy:
      description: What to do, and where.
      type: str
  sample:
    - code: parent-missing
      severity: error
      zone: web01
      package: ooce/system/kmonitor
      child_fmri: pkg://extra.omnios/ooce/system/kmonitor@2.1-151046.0:20230503T120000Z
      parent_fmri:
      required_by: pkg:/driver/network/e1000g@0.5.11
      message: >-
        pkg://extra.omnios/ooce/system/kmonitor@2.1-151046.0:20230503T120000Z needs driver/network/e1000g in the global
        zone, where it is not installed.
      remedy: >-
        Global zone first: `pkg install driver/network/e1000g` there, then the zone is all right; or take it out of the
        zone: `pkg -R /zones/web01/root uninstall ooce/system/kmonitor`.
explanations:
  description: For each zone and package of O(explain), in one sentence, why it was not updated.
  returned: success
  type: list
  elements: dict
  contains:
    zone:
      description: Name of the zone.
      type: str
    package:
      description: Stem of the package.
      type: str
    sentence:
      description: Why.
      type: str
manifests:
  description: The manifests, each with path and findings (code, severity, message, remedy, path, line).
  returned: success
  type: list
  elements: dict
services:
  description:
    - Whether the services were C(asked) for, the C(instances) there are (zone, state, fmri), and a C(sentence).
    - Null if no image was read.
  returned: success
  type: dict
source:
  description: V(image) if all images were read from disk, V(pkg) if C(pkg) was asked for one; null if none was read.
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
  description: If the check could not be made, its cause (a fixed word), message, remedy, and evidence.
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.parent_check import Options, run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path"},
            "zones": {"type": "list", "elements": "str"},
            "manifests": {"type": "list", "elements": "path", "default": []},
            "services": {"type": "str", "choices": ["auto", "require", "ignore"], "default": "auto"},
            "source": {"type": "str", "choices": ["auto", "image", "pkg"], "default": "auto"},
            "explain": {"type": "list", "elements": "str", "default": []},
            "ignore": {"type": "list", "elements": "str", "default": []},
            "fail_on": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    if options["root"] is None and not options["manifests"]:
        options["root"] = "/"
    try:
        module.exit_json(**run(Runner(module.warn), Options(**options)))
    except RunFailed as failure:
        module.fail_json(msg=str(failure), **failure.result)


if __name__ == "__main__":
    main()
