# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every word by which a playbook can tell why an update was refused or failed stands in docs/updating.md."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[5]
PAGE = (ROOT / "docs" / "updating.md").read_text()
UTILS = ROOT / "plugins" / "module_utils"
# what the module itself does not raise
OF_PROGRESS = "update_progress.py"


def causes(source: Path) -> set[str]:
    """First arguments of refuse() and Diagnosis() that are written out."""
    calls = [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call) and node.args]
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id in ("refuse", "Diagnosis")
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_cause_is_documented() -> None:
    sources = [*(UTILS / "ops").glob("update*.py"), UTILS / "host" / "update_store.py"]
    found = {cause for source in sources if source.name != OF_PROGRESS for cause in causes(source)}
    assert len(found) > 20
    assert sorted(cause for cause in found if f"`{cause}`" not in PAGE) == []
