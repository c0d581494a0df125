#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the publishers of the global zone and of all linked zones to what pkg demands of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: linked_publisher
short_description: Publishers of the global zone and of all its linked zones
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - C(pkg) demands that the publishers of every linked zone begin with those of the global zone, in the same order and
    as sticky as there. Where one zone breaks that, every operation of C(pkg) in the global zone fails.
  - This module brings the global zone to the O(publishers) that are declared (or leaves it as it is), and then every
    linked zone, halted ones too, to the same, each with the publishers of its own kept behind.
  - Zones are changed before the global zone, so that it never asks for what a zone does not have yet; it is left as it
    was if a zone could not be changed. Every image is read back.
  - Publishers that are disabled in the global zone are disabled in zones that have them. Those with the property
    C(nochild) are the global zone's own, and zones are left alone with them.
options:
  publishers:
    description:
      - The publishers of the global zone, in search order.
      - What is not said of a publisher is left as it is. Without this option the global zone is left as it is, and its
        publishers are what zones are brought to.
      - Publishers that are not listed keep their places, a new one comes before the next that is listed, else last.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the publisher.
        type: str
        required: true
      origins:
        description:
          - URIs of its repositories, all of them. Their order, a slash at the end, and capitals in scheme or host do
            not count.
          - Needed for a publisher that is not there yet.
        type: list
        elements: str
      mirrors:
        description: URIs of its mirrors, all of them.
        type: list
        elements: str
      sticky:
        description: Whether its packages are updated from it only.
        type: bool
      enabled:
        description: Whether it is used.
        type: bool
      proxy:
        description: URI of the proxy by which its origins are reached, or an empty string for none.
        type: str
      properties:
        description:
          - Properties and their values, C(null) for one that must not be there; others are left as they are.
          - With C(nochild) set to V(true) zones need not have this publisher, with V(false) they must.
        type: dict
  zone_publishers:
    description:
      - Publishers that only zones are to have, by the zone's name, each a list in the form of O(publishers). They come
        behind those of the global zone. Settings for one that the global zone has, too, go before its settings there.
      - May name zones that are not linked; in them C(pkg) demands nothing.
    type: dict
    default: {}
  remove_unlisted:
    description:
      - Remove from the global zone the publishers that O(publishers) does not list, and from linked zones what the
        global zone had given them.
      - Remove from a zone in O(zone_publishers) what neither that nor the global zone has.
    type: bool
    default: false
  zones:
    description:
      - Names of the zones to bring there. All that are linked if not given.
      - A linked zone must not be left out if the global zone changes so that C(pkg) would fail on it.
    type: list
    elements: str
  lock_timeout:
    description: Seconds to wait for another C(pkg) in an image.
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
  - If nothing is to be done, C(zoneadm) is started once, and C(pkg) not at all.
  - Keys and certificates of publishers are left alone. A zone that lacks one is refused, with the command that gives
    it.
  - A zone with the image property C(use-system-repo) gets the global zone's publishers from a service and is left
    alone but for O(zone_publishers).
  - If only the order of the global zone's publishers is changed, C(pkg) goes on judging zones by the old one, so they
    keep it. RV(images) has a note where that is so.
seealso:
  - module: illumos.linked_zones.linked_image_info
  - module: illumos.linked_zones.pkg_parent_check
  - module: illumos.linked_zones.linked_update
"""

EXAMPLES = r"""
- name: Bring all linked zones to the publishers of the global zone
  illumos.linked_zones.linked_publisher:

- name: Have a site's own publisher everywhere
  illumos.linked_zones.linked_publisher:
    publishers:
      - name: omnios
      - name: extra.omnios
      - name: ours.example
        origins: [https://pkg.example.org/ours/]

- name: Move global zone and zones to the next release's repositories, and see what would be done
  illumos.linked_zones.linked_publisher:
    publishers:
      - name: omnios
        origins: [https://pkg.omnios.org/r151056/core/]
      - name: extra.omnios
        origins: [https://pkg.omnios.org/r151056/extra/]
  check_mode: true
  diff: true

- name: Make a publisher available to one zone only
  illumos.linked_zones.linked_publisher:
    zone_publishers:
      web01:
        - name: tenant.example
          origins: [https://pkg.example.org/tenant/]

- name: Keep a publisher of the global zone out of the zones
  illumos.linked_zones.linked_publisher:
    publishers:
      - name: drivers.example
        origins: [file:///repo/drivers]
        properties:
          nochild: true
"""

RETURN = r"""
images:
  description: The global zone's image, and those of the zones that were looked at.
  returned: always
  type: list
  elements: dict
  contains:
    zone:
      description: V(global), or the zone's name.
      type: str
    image:
      description: Root of the image, as seen from the global zone.
      type: str
    linked:
      description: Whether C(pkg) takes it for a child of the global zone.
      type: bool
    status:
      description:
        - V(unchanged), V(changed), V(failed), or V(not-reached) if another image had to be changed first and was not.
        - V(taken-back) if it was changed and then put back, for C(pkg) would fail on it while the global zone is as it
          was.
      type: str
    before:
      description:
        - Its publishers in search order, each with name, origins, mirrors, sticky, enabled, proxy and properties.
          Passwords are masked.
      type: list
      elements: dict
    after:
      description: The same, read back, or foreseen in check mode.
      type: list
      elements: dict
    fault:
      description:
        - Where it broke the rule before, with position (from 0), expected, found, reason and sentence; null if it did
          not.
      type: dict
      sample:
        position: 1
        expected: extra.omnios
        found: tenant.example
        reason: order
        sentence: "At position 1 the global zone has extra.omnios; the zone has tenant.example."
    steps:
      description: What there was to do, each with what (a sentence) and argv.
      type: list
      elements: dict
    note:
      description: Something about it that should be known; else null.
      type: str
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
  returned: failure
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.uri import secrets
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.publishers import run

PUBLISHER = {
    "name": {"type": "str", "required": True},
    "origins": {"type": "list", "elements": "str"},
    "mirrors": {"type": "list", "elements": "str"},
    "sticky": {"type": "bool"},
    "enabled": {"type": "bool"},
    "proxy": {"type": "str"},
    "properties": {"type": "dict"},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "publishers": {"type": "list", "elements": "dict", "options": PUBLISHER},
            "zone_publishers": {"type": "dict", "default": {}},
            "remove_unlisted": {"type": "bool", "default": False},
            "zones": {"type": "list", "elements": "str"},
            "lock_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    # What was asked for is shown with -vvv, too.
    module.no_log_values.update(secrets(options))
    runner = Runner(module.warn, options.pop("lock_timeout"))
    try:
        module.exit_json(**run(runner, options, module.check_mode))
    except RunFailed as failure:
        module.fail_json(msg=str(failure), **failure.result)


if __name__ == "__main__":
    main()
