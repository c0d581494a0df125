# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of an update, and what their output says of catalogs and of pkg itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import pkg_update
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Result
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import Request


def result(step: dict[str, Any]) -> Result:
    return Result(tuple(step["argv"]), step["rc"], step["stdout"], step["stderr"], 0.0)


DRY = ["pkg", "update", "-n", "--parsable=0"]


@pytest.mark.parametrize(
    ("request_", "dry", "real"),
    [
        (Request(), ["-r"], ["--no-refresh", "-r"]),
        (Request(recurse=False), ["-R"], ["--no-refresh", "-R"]),
        (Request(zones=()), ["-R"], ["--no-refresh", "-R"]),
        (
            Request(zones=("web01", "db01", "web01")),
            ["-r", "-z", "web01", "-z", "db01"],
            ["--no-refresh", "-r", "-z", "web01", "-z", "db01"],
        ),
        (
            Request(exclude_zones=("web01", "web01")),
            ["-r", "-Z", "web01"],
            ["--no-refresh", "-r", "-Z", "web01"],
        ),
        (Request(accept_licenses=True), ["-r"], ["--accept", "--no-refresh", "-r"]),
        (Request(concurrency=0), ["-r", "-C", "0"], ["--no-refresh", "-r", "-C", "0"]),
        (
            Request(be_name="new1"),
            ["-r", "--require-new-be"],
            ["--be-name", "new1", "--no-refresh", "-r", "--require-new-be"],
        ),
        (
            Request(be_name="new1", activate="once", backup_be="always"),
            ["-r", "--require-new-be", "-t"],
            ["--be-name", "new1", "--no-refresh", "-r", "--require-new-be", "-t"],
        ),
        (Request(new_be="require"), ["-r", "--require-new-be"], ["--no-refresh", "-r", "--require-new-be"]),
        (Request(new_be="deny", be_name="new1"), ["-r", "--deny-new-be"], ["--no-refresh", "-r", "--deny-new-be"]),
        (Request(activate="never"), ["-r", "--no-be-activate"], ["--no-refresh", "-r", "--no-be-activate"]),
        (
            Request(backup_be="always", new_be="deny"),
            ["-r", "--deny-new-be", "--require-backup-be"],
            ["--no-refresh", "-r", "--deny-new-be", "--require-backup-be"],
        ),
        (Request(backup_be="never"), ["-r", "--no-backup-be"], ["--no-refresh", "-r", "--no-backup-be"]),
        (
            Request(packages=("web/curl", "openssl-3"), reject=("a", "b")),
            ["-r", "--reject", "a", "--reject", "b", "web/curl", "openssl-3"],
            ["--no-refresh", "-r", "--reject", "a", "--reject", "b", "web/curl", "openssl-3"],
        ),
    ],
)
def test_the_commands(request_: Request, dry: list[str], real: list[str]) -> None:
    assert pkg_update.dry_run(request_) == [*DRY, *dry]
    assert pkg_update.update(request_, recurse=request_.recurse) == ["pkg", "update", *real]


def test_planning_from_the_catalogs_there_are_and_with_an_old_pkg() -> None:
    assert pkg_update.dry_run(Request(), refresh=False, skip_check=True) == [*DRY, "-f", "--no-refresh", "-r"]
    assert pkg_update.update(Request(), recurse=True, skip_check=True) == ["pkg", "update", "-f", "--no-refresh", "-r"]


NAMES = st.lists(st.sampled_from(["web01", "db01", "build01"]), max_size=4).map(tuple)
REQUESTS = st.builds(
    Request,
    packages=NAMES,
    recurse=st.booleans(),
    zones=st.none() | NAMES,
    concurrency=st.none() | st.integers(-1, 9),
    be_name=st.none() | st.just("new1"),
    new_be=st.sampled_from(["auto", "require", "deny"]),
    activate=st.sampled_from(["always", "once", "never"]),
    backup_be=st.sampled_from(["auto", "always", "never"]),
    accept_licenses=st.booleans(),
    reject=NAMES,
)
# What pkg refuses with exit code 2 (options.py, recordings 05, 27 and 50).
CLASHES = (
    ("--be-name", "--deny-new-be"),
    ("--require-new-be", "--deny-new-be"),
    ("--require-backup-be", "--no-backup-be"),
    ("--require-backup-be", "--require-new-be"),
    ("--require-backup-be", "--be-name"),
    ("--no-be-activate", "-t"),
    ("-R", "-r"),
    ("-R", "-z"),
)


@given(REQUESTS, st.booleans())
def test_no_request_makes_a_command_that_pkg_refuses(request_: Request, recurse: bool) -> None:
    for argv in (pkg_update.dry_run(request_), pkg_update.update(request_, recurse)):
        assert not [pair for pair in CLASHES if pair[0] in argv and pair[1] in argv]
        named = [argv[i + 1] for i, word in enumerate(argv) if word == "-z"]
        assert len(named) == len(set(named))
        assert ("-r" in argv) != ("-R" in argv)


def test_every_recorded_stale_catalog_is_seen(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    for _name, step in every_pkg_step:
        warned = "the last retrieval may not be available" in step["stdout"]
        stumbled = step["rc"] == 99 and "--parsable=0" in step["argv"] and "update" in step["argv"]
        assert pkg_update.stale_catalogs(result(step)) is (warned or stumbled), step["argv"]
    assert sum(pkg_update.stale_catalogs(result(step)) for _name, step in every_pkg_step) > 10


def test_every_recorded_pkg_that_is_out_of_date_is_seen(every_pkg_step: list[tuple[str, dict[str, Any]]]) -> None:
    outdated = [step for _name, step in every_pkg_step if pkg_update.pkg_out_of_date(result(step))]
    assert len(outdated) == 18
    assert all(step["stderr"] == "" for step in outdated)
