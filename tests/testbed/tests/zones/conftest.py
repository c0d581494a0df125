"""A host with zones in every state, declared once and copied for every test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed import command, declare, zones
from testbed.command import Result
from testbed.host import Host
from testbed.state import KernelZone

DECLARED = """
release: r151054
zones:
  - {name: web01, brand: ipkg, state: running}
  - {name: db01, brand: lipkg, state: installed, autoboot: true}
  - {name: old01, brand: ipkg, state: configured, release: r151046}
"""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("zones") / "host"
    declare.declare(directory, DECLARED)
    return directory


@pytest.fixture
def host(template: Path, tmp_path: Path) -> Host:
    shutil.copytree(template, tmp_path / "host", symlinks=True)
    return Host(tmp_path / "host")


@pytest.fixture
def run(host: Host) -> Callable[..., Result]:
    """Run a command line, split at blanks, on the host: run("zoneadm list -cp")."""

    def typed(line: str, *more: str, stdin: str = "", zone: str = "global") -> Result:
        if zone == "global":
            return command.run(host, [*line.split(), *more], stdin=stdin)
        with host.locked():
            return command.execute(command.Context(host, [*line.split(), *more], {}, zone))

    return typed


@pytest.fixture
def put(host: Host) -> Callable[[str, str], None]:
    """Bring a zone into a state by hand: put("web01", "ready")."""

    def state(name: str, wanted: str) -> None:
        with host.locked():
            host.state.kernel_zones.pop(name, None)
            if wanted in (zones.CONFIGURED, zones.INCOMPLETE, zones.INSTALLED):
                zones.set_state(host, name, wanted)
            else:
                zones.set_state(host, name, zones.INSTALLED)
                host.state.kernel_zones[name] = KernelZone(9, wanted, "ipkg")

    return state
