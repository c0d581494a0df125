# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints of a playbook run what a reader of the demo wants to know: changes, tables, failures, and the recap."""

from __future__ import annotations

import textwrap
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: story
type: stdout
short_description: What changed, what failed, and what a debug task says
description: Used by the demo.
author: illumos.linked_zones contributors
"""


class CallbackModule(CallbackBase):
    """One line for each change, the text of debug tasks, the sentence of a failure."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "story"

    def _line(self, result: Any, word: str, item: str = "") -> None:
        name = result.task.name
        self._display.display(f"  {result.host.name}  {word}: {name}{' (' + item + ')' if item else ''}")

    def _text(self, result: Any, text: str) -> None:
        for line in text.splitlines():
            self._display.display(textwrap.fill(line, 110, initial_indent="       ", subsequent_indent="         "))

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task ended well; loops have been told item by item."""
        said = result.result
        if result.task.action == "ansible.builtin.debug":
            self._display.display(f"  {result.host.name}  {result.task.name}:")
            self._text(result, "\n".join(said["msg"]))
        elif said.get("changed") and "results" not in said:
            self._line(result, "changed", said.get("zone", {}).get("name", ""))

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """One round of a loop."""
        if result.result.get("changed"):
            self._line(result, "would change" if result.task.check_mode else "changed", result.result["item"]["name"])

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed; the sentence tells why."""
        self._line(result, "FAILED")
        self._text(result, result.result["msg"])

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """The connection was lost."""
        self._line(result, "UNREACHABLE")
        self._text(result, result.result["msg"])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The recap."""
        for host in sorted(stats.processed):
            summary = stats.summarize(host)
            self._display.display(f"  {host}  recap: changed={summary['changed']} failed={summary['failures']}")
