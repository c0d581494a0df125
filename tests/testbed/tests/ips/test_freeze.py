"""Freezing, avoiding: what may be frozen, and what the files say then (images/FORMAT-v4.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import command
from testbed.host import Host, create
from testbed.ips import fmri
from testbed.ips.images import build, catalog, config, image
from testbed.ips.planning import matching
from testbed.ips.repositories import repository

STAMP = "20261121T055207Z"
OLD, NEW = f"1,5.11-0:{STAMP}", f"2,5.11-0:{STAMP}"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = create(tmp_path / "host")
    names = [f"pkg://omnios/{stem}@{version}" for stem in ("web/curl", "shell/bash") for version in (OLD, NEW)]
    manifests = {name: [f"set name=pkg.fmri value={name}"] for name in names}
    repository.store(made, {"file:///core/": {"publisher": "omnios", "fmris": names}}, manifests)
    build.build_image(
        made,
        "/",
        format=5,
        publishers=[config.publisher("omnios", ["file:///core/"])],
        installed=[names[0]],
        variants={},
    )
    made.save()
    return made


def pkg(host: Host, *args: str) -> command.Result:
    return command.run(host, ["pkg", *args])


def test_a_frozen_package_stays__by_file_and_state(host: Host) -> None:
    assert pkg(host, "freeze", "-c", "why", "curl").stdout == f"web/curl was frozen at 1-0:{STAMP}\n"
    version, content = json.loads(host.path("/var/pkg/state/frozen_dict").read_text())
    assert version == 1
    assert content["web/curl"][:2] == [f"pkg:/web/curl@{OLD}", "why"]
    opened = image.open(host.path("/"))
    frozen = [entry.version for entry in opened.known.entries if catalog.FROZEN in entry.states]
    assert frozen == [OLD]
    assert pkg(host, "update", "-n").rc == 4
    assert pkg(host, "unfreeze", "curl").rc == 0
    assert pkg(host, "update", "-n").rc == 0


def test_an_installed_package_is_frozen_as_installed_only(host: Host) -> None:
    result = pkg(host, "freeze", "curl@2")
    assert result.rc == 1
    assert "at a version different from the version at which the packages are installed.\n\tcurl@2\n" in result.stderr


def test_one_that_is_not_installed_needs_a_version(host: Host) -> None:
    assert pkg(host, "freeze", "shell/bash").rc == 1
    assert pkg(host, "freeze", "shell/bash@1").rc == 0
    result = pkg(host, "install", "-n", "shell/bash@2")
    assert result.rc == 1
    assert "This version is excluded by a freeze on shell/bash at version 1." in result.stderr


def test_a_dry_run_freezes_nothing_and_a_lock_is_in_the_way_of_the_others(host: Host) -> None:
    assert pkg(host, "freeze", "-n", "curl").rc == 0
    assert pkg(host, "freeze").stdout == ""
    host.state.locks.append("/")
    host.save()
    assert [pkg(host, "freeze", *args).rc for args in (["-n", "curl"], [], ["curl"])] == [0, 0, 7]


def test_avoided_is_what_is_not_installed(host: Host) -> None:
    assert pkg(host, "avoid", "curl").rc == 1
    assert pkg(host, "avoid", "bash").rc == 0
    assert pkg(host, "avoid").stdout == "    shell/bash\n"
    assert pkg(host, "unavoid", "bash").rc == 0
    assert pkg(host, "unavoid", "bash").rc == 1
    assert json.loads(host.path("/var/pkg/state/avoid_set").read_text()) == [1, {}]


STEMS = st.lists(st.sampled_from(["a/tool", "b/tool", "a/other", "tool", "a/b/tool"]), unique=True)
PATTERNS = st.lists(st.sampled_from(["tool", "a/tool", "*tool", "/tool", "pkg:/a/other", "no", "other@1"]), unique=True)


@given(STEMS, PATTERNS)
def test_each_pattern_is_found_unmatched_or_ambiguous(stems: list[str], patterns: list[str]) -> None:
    made = matching.stems([fmri.parse(f"pkg://p/{stem}@1") for stem in stems], patterns)
    used = {pattern for found in made.found.values() for pattern in found}
    assert sorted(used | {*made.unmatched} | {*made.ambiguous}) == sorted(patterns)
    assert used.isdisjoint(made.unmatched)
    assert used.isdisjoint(made.ambiguous)
    assert set(made.found) <= set(stems)
    assert not any(matching.wild(pattern) for pattern in made.ambiguous)
