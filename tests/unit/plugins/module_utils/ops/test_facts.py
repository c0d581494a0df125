# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the global zone's image while another pkg is at work."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.image import ImageBusy, ImageError
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.brand_switch import Options
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.facts import installed_in


class Image:
    """An image that cannot be read the first times."""

    def __init__(self, *errors: ImageError) -> None:
        self.errors = list(errors)

    def installed(self) -> dict[str, Any]:
        if self.errors:
            raise self.errors.pop(0)
        return {}


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def runner(slept: list[float]) -> Runner:
    return Runner(pytest.fail, clock=lambda: sum(slept), sleep=slept.append)


OPTIONS = Options("web01", "lipkg", lock_timeout=5)


def test_a_pkg_at_work_is_waited_for(runner: Runner, slept: list[float]) -> None:
    assert installed_in(runner, OPTIONS, Image(ImageBusy("x"), ImageBusy("x"))) == {}  # type: ignore[arg-type]
    assert len(slept) == 2


def test_but_not_for_ever(runner: Runner, slept: list[float]) -> None:
    with pytest.raises(Refusal, match="being changed"):
        installed_in(runner, OPTIONS, Image(*[ImageBusy("being changed")] * 9))  # type: ignore[arg-type]
    assert sum(slept) < 10


def test_an_image_that_is_broken_is_not_waited_for(runner: Runner, slept: list[float]) -> None:
    with pytest.raises(Refusal):
        installed_in(runner, OPTIONS, Image(ImageError("broken")))  # type: ignore[arg-type]
    assert not slept
