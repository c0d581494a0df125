"""What pkg refuses to attach and detach by hand, and what a child loses that detaches itself (recordings 34 and 35)."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import command
from testbed.host import Host
from testbed.ips.images import image

from .linked_host import ROOT, make

ZONE = ["-R", ROOT]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make(tmp_path / "host")


def pkg(host: Host, *args: str) -> command.Result:
    return command.run(host, ["pkg", *args])


@pytest.mark.parametrize(
    ("args", "rc", "text"),
    [
        (["detach-linked"], 53, "Current image is not a linked child: /"),
        ([*ZONE, "detach-linked"], 54, f"Parent linked to child, can not detach child: {ROOT}/"),
        (["detach-linked", "-a"], 99, "RuntimeError: dictionary changed size during iteration"),
        (["detach-linked", "-l", "web01"], 1, "Invalid linked image name 'web01'."),
        (["detach-linked", "-a", "-l", "zone:web01"], 2, "The '-a' and '-l' options may not be combined."),
        (["attach-linked", "-c", "zone:new", "/zones"], 1, "Linked image type does not support child attach: zone"),
        (["attach-linked", "-fc", "zone:new", "zones"], 1, "Child path not absolute: zones"),
        (["attach-linked", "-c", "system:new", ROOT], 1, f"Image already a linked child: {ROOT}/"),
        (["attach-linked", "-c", "system:new", "/zones"], 51, "Can't initialize child image at path: /zones"),
        (["attach-linked", "-p", "system:new", "/nosuch"], 51, "Can't access parent image at path: /nosuch"),
        ([*ZONE, "attach-linked", "-p", "zone:x", "/"], 1, f"Current image already a linked child: {ROOT}/"),
        (["attach-linked", "zone:new", "/"], 2, "Either '-p' or '-c' must be specified"),
        (["set-property-linked", "li-recurse=true"], 53, "Current image is not a linked child: /"),
    ],
)
def test_refusals(host: Host, args: list[str], rc: int, text: str) -> None:
    before = image.open(host.path(ROOT)).linked()
    result = pkg(host, *args)
    assert (result.rc, text in result.stderr) == (rc, True)
    assert image.open(host.path(ROOT)).linked() == before


def test_a_child_that_insists_is_detached__until_the_next_sync(host: Host) -> None:
    assert pkg(host, *ZONE, "detach-linked", "-fn").rc == 0
    assert pkg(host, *ZONE, "audit-linked").rc == 0
    assert pkg(host, *ZONE, "detach-linked", "-f").rc == 0
    assert pkg(host, *ZONE, "audit-linked").rc == 53
    assert pkg(host, "sync-linked", "-a").rc == 0
    assert pkg(host, *ZONE, "audit-linked").rc == 0


def test_where_zonename_prints_something_else_there_are_no_children(host: Host) -> None:
    host.state.zonename = "web01"
    host.save()
    assert pkg(host, "list-linked").stdout == ""
    assert pkg(host, *ZONE, "list-linked", "-H").stdout.startswith("zone:web01")
    assert pkg(host, "update", "-n").rc == 0, "the parent's own linked metadata are to be removed"
    assert pkg(host, "update").rc == 0
    assert pkg(host, "update", "-n").rc == 4
