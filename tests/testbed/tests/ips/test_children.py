"""Children in what the global zone does: who is asked, in which order, what one that fails means."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from testbed import command
from testbed.command import Result
from testbed.host import Host
from testbed.ips import linked
from testbed.ips.images import image

from .linked_host import ROOT, add_zone, make


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = make(tmp_path / "host")
    for name in ("db01", "build01"):
        add_zone(made, name)
    assert command.run(made, ["pkg", "sync-linked", "-a"]).rc == 0
    return made


def pkg(host: Host, *args: str) -> Result:
    return command.run(host, ["pkg", *args])


def root_of(name: str) -> str:
    return f"/zones/{name}/root"


def files(host: Host, name: str) -> set[str]:
    """The linked metadata in a zone, without process ids."""
    return {path.name.split(".")[0] + path.suffix[:1] for path in host.path(root_of(name)).glob("var/pkg/linked/*")}


METADATA = {"linked_prop", "linked_ppkgs", "linked_ppubs", "linked_pfacets"}


def test_one_without_an_image_gives_51__two_of_them_1(host: Host) -> None:
    text = "Can't initialize child image (zone:{0}) at path: /zones/{0}/root/\n"
    shutil.rmtree(host.path(f"{ROOT}/var/pkg"))
    assert pkg(host, "update", "-n").rc == 51
    shutil.rmtree(host.path(f"{root_of('db01')}/var/pkg"))
    result = pkg(host, "update", "-n")
    both = text.format("db01") + text.format("web01")
    assert (result.rc, result.stderr) == (1, f"pkg: update failed (linked image exception(s)):\n{both}")
    assert pkg(host, "audit-linked", "-a").rc == 3
    assert pkg(host, "audit-linked", "-l", "zone:web01", "-l", "zone:db01").rc == 51


def test_all_whose_publishers_do_not_fit_are_named(host: Host) -> None:
    for name in ("db01", "web01"):
        assert pkg(host, "-R", root_of(name), "set-publisher", "--non-sticky", "omnios").rc == 0
    result = pkg(host, "install", "-n", "two")
    assert result.rc == 1
    assert result.stderr.count("A 'pubcheck-linked' operation failed for child") == 2
    assert result.stderr.count("PUBLISHER 0: omnios (non-sticky)") == 2
    assert pkg(host, "install", "-n", "-i", "zone:db01", "-i", "zone:web01", "two").rc == 4


def test_a_mere_change_of_the_order_never_reaches_a_child(host: Host) -> None:
    for args in (["other"], ["-r", "other"], ["-P", "other"]):
        assert pkg(host, "set-publisher", *args).rc == 0
    assert pkg(host, "sync-linked", "-a").rc == 1  # the children have other behind omnios, and were told so never
    parent, child = (image.open(host.path(root)) for root in ("/", ROOT))
    child.write_linked({"linked_ppubs": [["omnios", True], ["other", True]]})
    assert linked.publisher_mismatch(linked.told_publishers(parent, child), child) == ""


def test_any_value_of_nochild_leaves_a_publisher_out(host: Host) -> None:
    assert pkg(host, "set-publisher", "other").rc == 0
    assert pkg(host, "update", "-n").rc == 1
    assert pkg(host, "set-publisher", "--set-property", "nochild=false", "other").rc == 0
    assert pkg(host, "update", "-n").rc == 4


def test_a_child_holds_itself_to_what_it_was_told_last(host: Host) -> None:
    assert pkg(host, "-R", ROOT, "unset-publisher", "omnios").rc == 0
    for args in (["update", "-n"], ["install", "-n", "two"], ["pubcheck-linked"], ["sync-linked"]):
        result = pkg(host, "-R", ROOT, *args)
        assert result.rc == 1
        assert "Invalid child image publisher configuration." in result.stderr


def test_what_a_dry_run_wrote_stays__a_real_one_leaves_nothing(host: Host) -> None:
    assert files(host, "web01") == METADATA
    assert pkg(host, "uninstall", "-n", "one").rc == 0
    assert files(host, "web01") == METADATA | {"linked_ppkgs."}
    assert pkg(host, "uninstall", "one").rc == 0
    assert files(host, "db01") == METADATA | {"linked_ppkgs."}  # of the dry run
    told = json.loads(host.path(f"{ROOT}/var/pkg/linked/linked_ppkgs").read_text())
    assert not [name for name in told if "/one@" in name]


def test_the_last_child_is_asked_first__those_that_are_named_last(host: Host) -> None:
    result = pkg(host, "uninstall", "-n", "one")
    asked = [line.split("'")[1] for line in result.stdout.splitlines() if line.startswith("Planning: Linked image '")]
    assert asked == ["zone:web01", "zone:db01", "zone:build01"]
    result = pkg(host, "uninstall", "-nr", "-z", "web01", "one")
    asked = [line.split("'")[1] for line in result.stdout.splitlines() if line.startswith("Planning: Linked image '")]
    assert asked == ["zone:db01", "zone:build01", "zone:web01"]


def test_one_that_is_named_twice_ends_pkg__excluded_twice_it_is_not_known(host: Host) -> None:
    assert pkg(host, "uninstall", "-nr", "-z", "web01", "-z", "web01", "one").rc == 99
    assert pkg(host, "uninstall", "-nr", "-Z", "web01", "-Z", "web01", "one").rc == 2


def test_metadata_alone_need_no_lock(host: Host) -> None:
    assert pkg(host, "uninstall", "-I", "one").rc == 0
    host.state.locks = [ROOT]
    host.save()
    assert pkg(host, "sync-linked", "-a").rc == 3
    assert pkg(host, "sync-linked", "-l", "zone:web01").rc == 7
    assert pkg(host, "sync-linked", "--linked-md-only", "-n", "-l", "zone:web01").rc == 0
    assert pkg(host, "sync-linked", "--linked-md-only", "-a").rc == 0
    assert pkg(host, "sync-linked", "--linked-md-only", "-a").rc == 4


def test_a_repository_that_is_away_ends_json_of_children_that_change(host: Host) -> None:
    for name in ("web01", "db01"):
        assert pkg(host, "-R", root_of(name), "uninstall", "two").rc == 0
    assert pkg(host, "set-publisher", "--no-refresh", "-g", "/nosuch", "omnios").rc == 0
    assert pkg(host, "-R", ROOT, "set-publisher", "--no-refresh", "-g", "/nosuch", "omnios").rc == 0
    assert pkg(host, "install", "-nr", "two").rc == 0
    assert pkg(host, "install", "-nr", "-z", "db01", "--parsable=0", "two").rc == 0
    assert pkg(host, "install", "-nr", "--parsable=0", "two").rc == 99
