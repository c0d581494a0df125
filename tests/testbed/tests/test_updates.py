"""Updates: declared with a host or built in, published while it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testbed import __main__, command, updates
from testbed.declare import declare
from testbed.host import Host

DECLARATION = """
release: r151054
image_format: 5
packages: {add: [system/licensed, ooce/util/screen]}
zones:
  - {name: web01, brand: lipkg, packages: {remove: [web/curl]}}
  - {name: spare01, brand: ipkg}
updates:
  ours:
    - uri: file:///repo/ours/
      publisher: ours
      packages: [{name: agent, version: "2", files: {opt/agent: "{release}"}}]
  curl:
    - {packages: [{name: web/curl, version: "8.14.1"}], label: r151054z, days: 3}
    - {packages: [web/curl], release: r151048}
"""
CORE = ".testbed/repos/pkg.example.org/{0}/core/publisher/omnios"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return declare(tmp_path / "host", DECLARATION)


def publish(host: Host, name: str) -> None:
    with host.locked():
        updates.publish(host, name)


def planned(host: Host) -> dict[str, list[str]]:
    """Image -> stems that `pkg update -r` would change, add or remove."""
    result = command.run(host, ["pkg", "update", "-nr", "--parsable=0"])
    assert result.rc in (0, 4), result.stderr
    document = json.loads(result.stdout.splitlines()[0])
    found = {}
    for part in [document, *document["child-images"]]:
        names = [new for _, new in part["change-packages"]] + part["add-packages"] + part["remove-packages"]
        found[part["image-name"] or "global"] = sorted(name.split("/", 3)[3].partition("@")[0] for name in names)
    return found


def test_nothing_to_do_before_anything_is_published(host: Host) -> None:
    assert command.run(host, ["pkg", "update", "-nr"]).rc in (0, 4)
    assert not any(planned(host).values())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (
            "libraries",
            {
                "global": ["SUNWcs", "release/name", "system/library", "web/curl"],
                "zone:web01": ["SUNWcs", "release/name", "system/library"],
            },
        ),
        ("driver", {"global": ["driver/network/cxgbe"], "zone:web01": []}),
        ("kernel", {"global": ["system/kernel"], "zone:web01": []}),
        ("notes", {"global": ["system/network"], "zone:web01": ["system/network"]}),
    ],
)
def test_built_in_updates(host: Host, name: str, changes: dict[str, list[str]]) -> None:
    publish(host, name)
    assert planned(host) == changes


def test_a_licence_must_be_accepted(host: Host) -> None:
    publish(host, "licence")
    assert command.run(host, ["pkg", "update", "-r"]).rc == 6


def test_pkg_is_out_of_date(host: Host) -> None:
    publish(host, "pkg")
    refused = command.run(host, ["pkg", "update", "-n"])
    assert refused.rc == 1
    assert "pkg(7) appears to be out of date" in refused.stdout


def test_packages_of_another_publisher_are_renamed_and_gone(host: Host) -> None:
    publish(host, "retired")
    assert planned(host)["global"] == ["ooce/terminal/tmux", "ooce/util/screen", "ooce/util/tmux"]


def test_declared_updates_have_their_own_version_date_and_label(host: Host) -> None:
    publish(host, "curl")
    (new,) = (host.directory / CORE.format("r151054") / "pkg/web%2Fcurl").glob("8.14.1*")
    assert new.name.endswith("%3A20250508T120000Z")
    assert planned(host) == {"global": ["web/curl"], "zone:web01": []}
    assert command.run(host, ["pkg", "update"]).rc == 0
    assert host.path("/usr/share/curl").read_text() == "curl of r151054z\n"
    versions = sorted(path.name for path in (host.directory / CORE.format("r151048") / "pkg/web%2Fcurl").iterdir())
    assert versions == ["8.4.0%2C5.11-151048.0%3A20231106T120000Z", "8.4.0%2C5.11-151048.0%3A20231113T120000Z"]


def test_an_update_may_bring_a_repository(host: Host) -> None:
    publish(host, "ours")
    publish(host, "ours")  # once more changes nothing
    zone = ["pkg", "-R", "/zones/spare01/root"]
    assert command.run(host, [*zone, "set-publisher", "-g", "file:///repo/ours/", "ours"]).rc == 0
    assert command.run(host, [*zone, "install", "agent"]).rc == 0
    assert host.path("/zones/spare01/root/opt/agent").read_text() == "r151054-ours"


def test_from_the_command_line(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["publish", str(host.directory), "kernel"]) == 0
    assert __main__.main(["publish", str(host.directory), "nosuch"]) == 1
    refused = capsys.readouterr().err
    assert refused.startswith("testbed: there is no update nosuch: there are curl, driver, kernel, libraries, ")
    assert __main__.main(["publish", str(host.directory)]) == 2
