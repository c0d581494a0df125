"""`python -m walk.payload MODULE ARGUMENTS FILE`: write what ansible sends to a host to run a module of ours.

A process of its own: ansible's loader of collections does not go together with plain imports of one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible.executor.module_common import modify_module
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar


def main(name: str, arguments: str, file: str) -> None:
    init_plugin_loader([])
    found = module_loader.find_plugin_with_context(f"illumos.linked_zones.{name}", mod_type=".py")
    built = modify_module(
        module_name=found.resolved_fqcn,
        module_path=found.plugin_resolved_path,
        module_args=json.loads(arguments),
        templar=Templar(DataLoader()),
        task_vars={"ansible_python_interpreter": "/usr/bin/python3"},
    )
    Path(file).write_bytes(built.b_module_data)


if __name__ == "__main__":
    main(*sys.argv[1:])
