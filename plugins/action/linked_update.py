# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run linked_update so that a lost connection does not stop it, and show on the controller what it is doing."""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

UPDATE = "illumos.linked_zones.linked_update"
FOLLOW = "illumos.linked_zones.update_progress"
# A run ends by itself, and every command in it has a limit; Ansible's must only be longer than all of them.
JOB_SECONDS = 7 * 24 * 3600
# How long one call stays on the host.
WAIT_SECONDS = 20
PAUSE_SECONDS = 5
# How long it may take a run to begin, besides waiting for another one to end.
BEGIN_SECONDS = 120
# After so long without news the play says that there are none.
QUIET_SECONDS = 60
# As in the module's argument spec; what is no number there is refused by the module.
RECONNECT_TIMEOUT = 600
LOCK_TIMEOUT = 600

display = Display()


class ActionModule(ActionBase):
    """Starts the module by Ansible's own asynchronous wrapper, follows it, and fetches its result."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._task.check_mode or self._task.async_val:
            result.update(self._execute_module(task_vars=task_vars, wrap_async=bool(self._task.async_val)))
            return result
        self._vars = task_vars or {}
        self._run_id = uuid.uuid4().hex
        self._last, self._said = "at work", time.monotonic()
        started = self._start()
        if "results_file" not in started:
            result.update(started)
            return result
        self._job = started["results_file"]
        result.update(self._follow())
        if "ansible_facts" in started:  # the interpreter, where it was looked for
            result.setdefault("ansible_facts", {}).update(started["ansible_facts"])
        return result

    def _start(self) -> dict[str, Any]:
        self._task.async_val = JOB_SECONDS
        try:
            started: dict[str, Any] = self._execute_module(
                module_name=UPDATE,
                module_args={**self._task.args, "run_id": self._run_id},
                task_vars=self._vars,
                wrap_async=True,
            )
        finally:
            self._task.async_val = 0
        # The wrapper looks after the directory it was started in; those of the calls to come are for us to remove.
        self._cleanup_remote_tmp = True
        return started

    def _follow(self) -> dict[str, Any]:
        mark, following, idle_since = "", self._run_id, time.monotonic()
        while True:
            told = self._ask({"run_id": self._run_id, "since": mark, "wait": WAIT_SECONDS, "job": self._job})
            if told.get("failed"):
                return self._cannot_follow(told.get("msg", "no reason given"))
            self._show(told, joining=told["run_id"] not in ("", following))
            if told["state"] == "running" and time.monotonic() - self._said >= QUIET_SECONDS:
                self._say(f"{self._last} (still at it, {time.strftime('%H:%M')})")
            if told["job_result"] is not None:
                self._acknowledge()
                outcome: dict[str, Any] = told["job_result"]
                if "ansible_job_id" in outcome:  # by this the wrapper's own words are known: the module has left none
                    return {**self._cannot_follow("its process died"), "module_stderr": outcome.get("stderr", "")}
                if outcome.get("resumed"):
                    self._say("An earlier update was cut off, or nobody got its result: that is part of this one's.")
                return outcome
            mark, following = told["mark"], told["run_id"] or following
            if told["state"] == "running":
                idle_since = time.monotonic()
            elif told["state"] == "lost" or time.monotonic() - idle_since > self._idle_limit():
                return self._cannot_follow("it was killed, or the host went down")

    def _ask(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run update_progress, and again where the connection breaks, until reconnect_timeout."""
        timeout = self._seconds("reconnect_timeout", RECONNECT_TIMEOUT)
        lost_since: float | None = None
        while True:
            try:
                answer: dict[str, Any] = self._execute_module(
                    module_name=FOLLOW, module_args=dict(arguments), task_vars=self._vars
                )
                return answer
            except AnsibleConnectionFailure as exc:
                now = time.monotonic()
                first, lost_since = lost_since is None, lost_since or now
                if now - lost_since >= timeout:
                    raise AnsibleConnectionFailure(
                        f"{self._where()} could not be reached again within {timeout:g} seconds ({exc}). The update "
                        "goes on there. Run the task again when the host can be reached: it waits for the update to "
                        "end and returns its result."
                    ) from None  # its text would be put behind this one
                if first:
                    self._say(f"The connection is lost ({exc}). The update goes on there; trying to reach it again.")
                else:
                    time.sleep(min(PAUSE_SECONDS, timeout))
            with contextlib.suppress(AnsibleConnectionFailure):
                self._connection.reset()

    def _acknowledge(self) -> None:
        try:
            self._ask({"acknowledge": self._run_id, "job": self._job})
        except AnsibleConnectionFailure:
            display.warning(
                f"{self._where()} could not be told that the result of the update has arrived. The next run of "
                "linked_update there will return it again, as resumed."
            )

    def _cannot_follow(self, why: str) -> dict[str, Any]:
        return {
            "failed": True,
            "msg": f"The update on {self._where()} was started, but cannot be followed: {why.rstrip('.')}. Run the "
            "task again: it finishes what was begun, or returns the result.",
        }

    def _show(self, told: dict[str, Any], joining: bool) -> None:
        if joining and told["run_id"] != self._run_id:
            self._say(f"Another update is at work there since {told['began']}; waiting for it to end.")
            steps = told["images"]
        else:
            steps = told["steps"]
        for step in steps:
            self._last = sentence(step)
            self._say(self._last)

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        if not self._task.no_log:
            display.display(printable(f"{self._where()}: {text}"))

    def _where(self) -> str:
        return str(self._task.delegate_to or self._vars.get("inventory_hostname", "the host"))

    def _idle_limit(self) -> float:
        """Seconds in which a run that waits for another one to end begins, or fails."""
        return self._seconds("lock_timeout", LOCK_TIMEOUT) + BEGIN_SECONDS

    def _seconds(self, option: str, default: int) -> float:
        try:
            return float(self._task.args.get(option, default))
        except (TypeError, ValueError):
            return default


def sentence(step: dict[str, Any]) -> str:
    """Return one step as `zone:db01  Actions 120/480` or `global  Planning: Solver setup`."""
    text = f"{step['image']}  {step['phase']}"
    if step["total"]:
        text += f" {step['done']}/{step['total']}"
    return f"{text}: {step['sentence']}" if step["sentence"] else text


def printable(text: str) -> str:
    """Return a text of a host, of which a terminal shows every character."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]
