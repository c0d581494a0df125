# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update is refused for, as far as a simulated host does not bring it about."""

from __future__ import annotations

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.plan import Plan
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import ImagePlan, Request, UpdatePlan
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update_preflight import (
    check_plan,
    check_release,
    check_request,
    held_back,
    newer,
)

GB = 1024**3


def plan(*images: tuple[str | None, int, int | None]) -> UpdatePlan:
    return UpdatePlan(tuple(ImagePlan(zone, Plan(), required, free) for zone, required, free in images))


@pytest.mark.parametrize(
    "images",
    [
        [(None, GB, 3 * GB), ("web01", GB, 3 * GB)],
        [(None, GB, 3 * GB), ("web01", 2 * GB - 4096, 3 * GB - 4096)],
        [(None, 2 * GB, 3 * GB), ("web01", 2 * GB, 900 * GB)],
        [(None, 2 * GB, None), ("web01", 2 * GB, 900 * GB)],
    ],
)
def test_enough_space(images: list[tuple[str | None, int, int | None]]) -> None:
    """Zones may lie on a pool of their own."""
    assert check_plan(Request(), plan(*images), []) is None


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([(None, 4 * GB, 3 * GB)], "4096 MB for the global zone, and 3072 MB"),
        ([(None, 2 * GB, 3 * GB), ("web01", 2 * GB, 3 * GB - 4096)], "4096 MB for the global zone, zone web01"),
        ([(None, GB, 900 * GB), ("web01", 2 * GB, GB)], "2048 MB for zone web01, and 1024 MB"),
    ],
)
def test_not_enough_space(images: list[tuple[str | None, int, int | None]], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        check_plan(Request(), plan(*images), [])


@pytest.mark.parametrize(("release", "refused"), [(151014, True), (151020, True), (151022, False), (None, False)])
def test_release(release: int | None, refused: bool) -> None:
    if refused:
        with pytest.raises(Refusal, match=f"r{release}"):
            check_release(release)
    else:
        assert check_release(release) is None


@pytest.mark.parametrize("name", ["next", "2026.11-21_a:b", "x" * 63])
@pytest.mark.parametrize("pattern", ["web/curl", "*ssh*", "pkg://omnios/web/curl@8.0", "/curl", "entire@latest"])
def test_options_that_are_taken(name: str, pattern: str) -> None:
    assert check_request(Request(be_name=name, packages=(pattern,), reject=(pattern,))) is None


def test_newer() -> None:
    """Of its own publisher only, the newest last."""
    texts = ("pkg://a/entire@11-1.2", "pkg://a/entire@11-1.0", "pkg://b/entire@12-1.0", "pkg://a/entire@11-1.3")
    known = [Fmri.parse(text) for text in texts]
    assert newer(Fmri.parse("pkg://a/entire@11-1.1"), known) == [known[0], known[3]]
    assert newer(known[3], known) == []
    told = held_back(known[1], [known[0]], [])
    assert "pkg update -nv pkg://a/entire@11-1.2" in told.remedy
