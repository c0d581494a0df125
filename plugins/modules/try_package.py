#!/usr/bin/python
# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try a package in a zone, in the order that its parent dependencies ask for."""

from __future__ import annotations

DOCUMENTATION = r"""
module: try_package
short_description: Try a package in a zone, in the order that its parent dependencies ask for
version_added: 0.1.0
author:
  - illumos.linked_zones contributors (@illumos-linked-zones)
description:
  - Does what the packaging guide's chapter on zones tells a packager to do before a package is published to all.
  - A package that depends on itself in the global zone (C(feature/package/dependency/self)) goes there first,
    publisher and all, and then into the zone. What it depends on otherwise in the global zone goes there first, too.
  - A package without parent dependencies, or any in a zone that is not linked, needs its publisher in the zone only,
    and is installed and updated there; the global zone is left alone.
  - Then the packager's own O(command) is run in the zone.
  - Every step is read back. What is already so is left as it is, and a newer version in the repository is installed.
options:
  zone:
    description: Name of the zone. It must run if O(command) is given.
    type: str
    required: true
  package:
    description: The package, by its name, or by name and version for another than the newest.
    type: str
    required: true
  publisher:
    description: Name of the publisher it is from.
    type: str
    required: true
  origins:
    description:
      - URIs of the publisher's repositories. They are added where they are needed, none is taken away.
      - Not needed for a publisher that the zone or the global zone has.
    type: list
    elements: str
    default: []
  command:
    description: A line of shell, run in the zone as root when the package is there. It fails the task if it fails.
    type: str
  services:
    description:
      - The services that carry publishers to zones, on platforms that have them. RV(findings) tells of those that are
        not online; with V(auto) they stop the run only if the zone uses the system repository.
      - With V(require) they must be there, with V(ignore) they are not looked at.
    type: str
    choices: [auto, require, ignore]
    default: auto
  accept_licenses:
    description: Accept the licenses of what is installed.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another C(pkg).
    type: int
    default: 600
extends_documentation_fragment:
  - illumos.linked_zones.attributes
attributes:
  check_mode:
    support: full
    details:
      - The commands are told, none of those that change anything is run. Publishers, parent dependencies and what is
        installed are looked at as on a real run.
      - Whether the packages can be installed is not asked. C(pkg install -n) fetches catalogs and leaves files in all
        linked zones, and knows nothing of a publisher that is yet to be added.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - O(command) is run every time, and is not taken for a change.
  platform:
    platforms: OmniOS, OpenIndiana
    support: full
notes:
  - Must run as root in the global zone.
  - Packages in the zone are changed from the global zone, by C(pkg -R).
  - So is its manifest fetched, in check mode as well; it stays in the cache of the zone's image.
  - A package for which the global zone would need a new boot environment is refused by C(pkg) (C(--deny-new-be)).
  - A publisher that is new to the global zone is given to all linked zones (C(set-publisher -r)), for C(pkg) demands
    it of all of them.
seealso:
  - module: illumos.linked_zones.pkg_parent_check
"""

EXAMPLES = r"""
- name: Try a package in a zone
  illumos.linked_zones.try_package:
    zone: test01
    package: ours/agent
    publisher: ours.example
    origins: [https://pkg.example.org/ours/]
    command: /opt/agent/bin/agent --self-test

- name: See what would be done, and in which order
  illumos.linked_zones.try_package:
    zone: test01
    package: ours/agent
    publisher: ours.example
    origins: [https://pkg.example.org/ours/]
  check_mode: true
  register: trial
"""

RETURN = r"""
zone:
  description: Name of the zone.
  returned: success
  type: str
package:
  description: The package in full.
  returned: success
  type: str
  sample: pkg://ours.example/ours/agent@1.2-151054.0:20250505T120000Z
parent_dependencies:
  description: Its parent dependencies that count in the zone, as they are written.
  returned: success
  type: list
  elements: str
dependency:
  description: V(self) if it depends on itself in the global zone, V(other) if only on others, V(none).
  returned: success
  type: str
order:
  description: The order that follows from it, as a sentence.
  returned: success
  type: str
steps:
  description: What is done, each with where (V(global) or the zone's name), what (a sentence) and argv.
  returned: always
  type: list
  elements: dict
versions:
  description: Version of the package C(before) and, but for check mode, C(after), each with C(global) and C(zone).
  returned: success
  type: dict
findings:
  description: Services that are not online, in the form of M(illumos.linked_zones.pkg_parent_check).
  returned: success
  type: list
  elements: dict
services:
  description: The services that carry publishers, in the form of M(illumos.linked_zones.pkg_parent_check).
  returned: success
  type: dict
test:
  description: What O(command) did, with command, rc, stdout_lines, stderr_lines (the last 100); null if it was not run.
  returned: always
  type: dict
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
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.try_package import Options, run


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "zone": {"type": "str", "required": True},
            "package": {"type": "str", "required": True},
            "publisher": {"type": "str", "required": True},
            "origins": {"type": "list", "elements": "str", "default": []},
            "command": {"type": "str"},
            "services": {"type": "str", "choices": ["auto", "require", "ignore"], "default": "auto"},
            "accept_licenses": {"type": "bool", "default": False},
            "lock_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    runner = Runner(module.warn, options.pop("lock_timeout"))
    try:
        module.exit_json(**run(runner, Options(**options), module.check_mode))
    except RunFailed as failure:
        module.fail_json(msg=str(failure), **failure.result)


if __name__ == "__main__":
    main()
