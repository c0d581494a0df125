# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines for publishers, and the real pkg's words when they fail."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import pkg_publisher
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Result
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.publisher_plan import Change, Edit

ROOT = "/zones/web01/root"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("ours"), "--no-refresh ours"),
        (Change("ours", add_origins=("file:///a/", "file:///b/")), "-g file:///a/ -g file:///b/ ours"),
        (Change("ours", remove_origins=("file:///a/",), after="omnios"), "-G file:///a/ --search-after omnios ours"),
        (Change("ours", add_mirrors=("file:///a/",), after=""), "--no-refresh -m file:///a/ -P ours"),
        (Change("ours", enabled=True, sticky=False), "--non-sticky --enable ours"),
        (Change("ours", enabled=False, sticky=True), "--no-refresh --sticky --disable ours"),
        (
            Change("ours", add_origins=("http://h/",), proxy="http://p:1", set_properties=(("nochild", "true"),)),
            "-g http://h/ --proxy http://p:1 --set-property nochild=true ours",
        ),
        (Change("ours", unset_properties=("nochild",)), "--no-refresh --unset-property nochild ours"),
    ],
)
def test_set_publisher(change: Change, words: str) -> None:
    assert pkg_publisher.set_publisher("/", change) == ["pkg", "set-publisher", *words.split()]
    assert pkg_publisher.set_publisher(ROOT, change) == ["pkg", "-R", ROOT, "set-publisher", *words.split()]


def test_all_removals_are_one_command_and_come_last() -> None:
    edit = Edit((Change("ours", after=""),), ("extra", "local"))
    assert pkg_publisher.commands("/", edit) == [
        ["pkg", "set-publisher", "--no-refresh", "-P", "ours"],
        ["pkg", "unset-publisher", "extra", "local"],
    ]


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ("pkg set-publisher -g file:///repo/nosuch/ omnios", "repository-unreachable"),
        ("pkg set-publisher -g file:///repo/local/ omnios", "wrong-repository"),
        ("pkg set-publisher -g bogus://x omnios", "pkg-failed"),
        ("pkg set-publisher --search-before nosuch omnios", "pkg-failed"),
        ("pkg set-publisher --sticky extra.omnios", "locked"),
    ],
)
def test_recorded_failures(every_pkg_step: list[tuple[str, dict[str, Any]]], command: str, cause: str) -> None:
    steps = [step for _name, step in every_pkg_step if " ".join(step["argv"]) == command and step["rc"] != 0]
    assert steps
    for step in steps:
        result = Result(tuple(step["argv"]), step["rc"], step["stdout"], step["stderr"], 0.0)
        assert pkg_publisher.trouble(result)[0] == cause


def test_a_repository_that_is_gone_is_always_told(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    """A repository that is gone is named as such in every recording in which pkg says so."""
    for name, step in every_pkg_step:
        if "set-publisher" in step["argv"] and "valid package repository" in step["stderr"]:
            result = Result(tuple(step["argv"]), step["rc"], step["stdout"], step["stderr"], 0.0)
            assert pkg_publisher.trouble(result)[0] == "repository-unreachable", name
