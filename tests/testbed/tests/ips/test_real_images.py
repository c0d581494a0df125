"""The testbed's pkg on image trees of the real pkg: same verdicts, tables, exit codes (images/*.expected.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed import command
from testbed.adopt import adopt
from testbed.conformance.packages import compare
from testbed.conformance.packages.replay import Observed
from testbed.host import Host
from testbed.ips import fmri, linked
from testbed.ips.images import image
from testbed.ips.planning.rules import parent_reason

from .conftest import FIXTURES

NAMES = sorted(path.name.removesuffix(".expected.json") for path in (FIXTURES / "images").glob("*.expected.json"))
ASKED = ("list-linked", "audit-linked", "property-linked", "publisher", "list", "variant")


def expected(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FIXTURES / "images" / f"{name}.expected.json").read_text())
    return content


@pytest.fixture
def host(request: pytest.FixtureRequest, tree, tmp_path: Path) -> Host:
    return adopt(tree(request.param), tmp_path / "host")


def recorded(content: Any) -> Iterator[dict[str, Any]]:
    """Every command of an expected.json that only reads and goes by what the images say."""
    if isinstance(content, dict) and "argv" in content:
        if any(word in ASKED for word in content["argv"]):
            yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            if key not in ("md_sync", "after_md_sync"):  # these follow a change
                yield from recorded(value)


@pytest.mark.parametrize(("host", "name"), [(name, name) for name in NAMES], indirect=["host"], ids=NAMES)
def test_same_answers_as_the_real_pkg(host: Host, name: str) -> None:
    asked = list(recorded(expected(name)))
    assert asked
    for step in asked:
        given = command.run(host, step["argv"])
        assert compare.step(step, Observed(given.rc, given.stdout, given.stderr)) == [], step["argv"]


@pytest.mark.parametrize(("host", "name"), [(name, name) for name in NAMES], indirect=["host"], ids=NAMES)
def test_parent_dependencies_are_judged_as_the_solver_does(host: Host, name: str) -> None:
    parent = linked.packages(image.open(host.path("/")))
    for zone, content in expected(name)["zones"].items():
        if not isinstance(content.get("outcomes"), list):
            continue  # an image that was taken for its size has only counts
        child = image.open(host.path(f"/zones/{zone}/root"))
        installed = {entry.fmri.short: entry for entry in child.installed().values()}
        for outcome in content["outcomes"]:
            entry = installed[outcome["package"]]
            reason = parent_reason(entry, fmri.parse(outcome["dependency"]), parent)
            assert reason == outcome["reason"], outcome
