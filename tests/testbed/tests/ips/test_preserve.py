"""Editable files: what a plan says of them, and what is there when it was carried out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testbed import command
from testbed.host import Host, create
from testbed.ips.images import build, config
from testbed.ips.repositories import repository

CORE = "https://pkg.example.org/core/"
KINDS = ("true", "renameold", "renamenew", "legacy", "install-only", "abandon")
OLD, NEW, EDITED = "old\n", "new\n", "edited\n"


def fmri(version: str) -> str:
    return f"pkg://omnios/site/files@{version},5.11-1:20261121T055207Z"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A package with one file of each kind, and a new version in which all are others."""
    made = create(tmp_path / "host")
    manifests = {
        fmri(version): [
            f"file {content} path=etc/{kind} mode=0644 owner=root group=sys preserve={kind}" for kind in KINDS
        ]
        for version, content in (("1", "h1"), ("2", "h2"))
    }
    payloads = {"h1": OLD, "h2": NEW}
    repository.store(made, {CORE: {"publisher": "omnios", "fmris": list(manifests)}}, manifests, payloads)
    publishers = [config.publisher("omnios", [CORE])]
    build.build_image(made, "/", format=5, publishers=publishers, installed=[fmri("1")], variants={})
    made.path("/etc/abandon").write_text(OLD)  # somebody else's: pkg never delivers it
    made.save()
    return made


def pkg(host: Host, *words: str) -> command.Result:
    return command.run(host, ["pkg", *words])


def editables(host: Host, *words: str) -> dict[str, list[object]]:
    return dict(json.loads(pkg(host, words[0], "-n", "--parsable=0", *words[1:]).stdout)["change-editables"])


def files(host: Host) -> dict[str, str]:
    return {path.name: path.read_text() for path in host.path("/etc").iterdir() if path.is_file()}


def edit(host: Host) -> None:
    for kind in KINDS:
        host.path(f"/etc/{kind}").write_text(EDITED)


def test_files_that_nobody_edited_get_the_new_content(host: Host) -> None:
    assert editables(host, "update") == {"updated": ["etc/legacy", "etc/renamenew", "etc/renameold", "etc/true"]}
    assert pkg(host, "update").rc == 0
    assert files(host) == dict.fromkeys(("true", "renameold", "renamenew", "legacy"), NEW) | {
        "install-only": OLD,
        "abandon": OLD,
    }


def test_edited_files_are_kept(host: Host) -> None:
    edit(host)
    assert editables(host, "update") == {
        "moved": [["etc/renameold", "etc/renameold.old"]],
        "installed": ["etc/renamenew.new", "etc/renameold"],
        "updated": ["etc/legacy"],
    }
    assert pkg(host, "update").rc == 0
    assert files(host) == {
        "true": EDITED,
        "renameold": NEW,
        "renameold.old": EDITED,
        "renamenew": EDITED,
        "renamenew.new": NEW,
        "legacy": NEW,
        "install-only": EDITED,
        "abandon": EDITED,
    }


def test_a_file_that_is_gone_is_installed_again(host: Host) -> None:
    host.path("/etc/true").unlink()
    assert editables(host, "update")["installed"] == ["etc/true"]
    assert pkg(host, "update").rc == 0
    assert files(host)["true"] == NEW


def test_a_downgrade_leaves_them_alone(host: Host) -> None:
    pkg(host, "update")
    assert "etc/true" not in editables(host, "update", fmri("1")).get("updated", [])
    assert pkg(host, "update", fmri("1")).rc == 0
    assert files(host)["true"] == NEW


def test_what_was_edited_is_salvaged_when_its_package_goes(host: Host) -> None:
    edit(host)
    assert pkg(host, "uninstall", "site/files").rc == 0
    assert set(files(host)) == {"install-only", "abandon"}
    salvaged = {path.name.rpartition("-")[0] for path in host.path("/var/pkg/lost+found/etc").iterdir()}
    assert salvaged == {"true", "renameold", "renamenew", "legacy"}


def test_what_lies_there_before_an_installation_is_salvaged(host: Host) -> None:
    pkg(host, "uninstall", "site/files")
    host.path("/etc/true").write_text(EDITED)
    assert pkg(host, "install", "site/files@2").rc == 0
    assert files(host)["true"] == NEW
    assert [path.read_text() for path in host.path("/var/pkg/lost+found/etc").iterdir()] == [EDITED]
