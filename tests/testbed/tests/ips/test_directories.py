"""Directories that no package names: they go with the last package that has something in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import command
from testbed.host import Host, create
from testbed.ips.images import build, config
from testbed.ips.repositories import repository

CORE = "https://pkg.example.org/core/"
ONE = "pkg://omnios/site/one@1,5.11-1:20261121T055207Z"
TWO = "pkg://omnios/site/two@1,5.11-1:20261121T055207Z"


def _file(path: str) -> str:
    return f"file h path={path} mode=0644 owner=root group=sys"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = create(tmp_path / "host")
    manifests = {ONE: [_file("opt/site/one/bin/tool"), _file("opt/site/both/one")], TWO: [_file("opt/site/both/two")]}
    repository.store(made, {CORE: {"publisher": "omnios", "fmris": list(manifests)}}, manifests, {"h": "text\n"})
    publishers = [config.publisher("omnios", [CORE])]
    build.build_image(made, "/", format=5, publishers=publishers, installed=[ONE, TWO], variants={})
    made.save()
    return made


def _uninstall(host: Host, name: str) -> command.Result:
    return command.run(host, ["pkg", "uninstall", name])


def _left(host: Host) -> list[str]:
    top = host.path("/opt")
    return sorted(str(path.relative_to(top)) for path in top.rglob("*"))


def test_what_another_package_needs_stays(host: Host) -> None:
    assert _uninstall(host, "site/one").rc == 0
    assert _left(host) == ["site", "site/both", "site/both/two"]
    assert _uninstall(host, "site/two").rc == 0
    assert _left(host) == []


def test_what_somebody_left_there_is_salvaged(host: Host) -> None:
    host.path("/opt/site/one/bin/notes").write_text("mine\n")
    assert _uninstall(host, "site/one").rc == 0
    assert _left(host) == ["site", "site/both", "site/both/two"]
    kept = list(host.path("/var/pkg/lost+found").rglob("notes"))
    assert [path.read_text() for path in kept] == ["mine\n"]


def test_one_that_cannot_be_removed_ends_the_operation(host: Host) -> None:
    with host.locked():
        host.state.immutable = ["/opt/site"]
    done = _uninstall(host, "site/one")
    assert done.rc == 1
    assert "Could not operate on /opt/site/one\nbecause of insufficient permissions." in done.stderr
    assert command.run(host, ["pkg", "list", "site/one"]).rc == 0
