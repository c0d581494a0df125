"""Publishers copied from the global zone, and what becomes of the zone's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import command
from testbed.host import Host, create
from testbed.ips.images import build, config, image
from testbed.ips.repositories import repository

ROOT = "/zones/web01/root"
NAMES = ("omnios", "extra", "local", "old")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = create(tmp_path / "host")
    packages = {name: f"pkg://{name}/tool/{name}@1,5.11-0:20261121T055207Z" for name in NAMES}
    manifests = {package: [f"set name=pkg.fmri value={package}"] for package in packages.values()}
    offers = {f"file:///{name}/": {"publisher": name, "fmris": [packages[name]]} for name in NAMES}
    repository.store(made, offers, manifests)
    publishers = {name: config.publisher(name, [f"file:///{name}/"], enabled=name != "old") for name in NAMES}
    for root, chosen in (("/", ("omnios", "extra", "old")), (ROOT, ("local", "extra", "omnios"))):
        build.build_image(
            made,
            root,
            format=5,
            publishers=[publishers[name] for name in chosen],
            installed=[],
            variants={"variant.opensolaris.zone": "global" if root == "/" else "nonglobal"},
        )
    made.save()
    return made


def known(host: Host) -> set[str]:
    return {entry.publisher for entry in image.open(host.path(ROOT)).known.entries}


def test_the_first_comes_first_the_others_last_disabled_ones_disabled__recording_17(host: Host) -> None:
    assert command.run(host, ["pkg", "-R", ROOT, "copy-publishers-from", "/"]).rc == 0
    opened = image.open(host.path(ROOT))
    assert opened.order == ["omnios", "local", "extra", "old"]
    assert [entry.name for entry in opened.enabled] == ["omnios", "local", "extra"]
    assert known(host) == {"omnios", "local", "extra"}


def test_what_cannot_be_reached_is_no_longer_known_and_nothing_says_so__brand_scripts_15(host: Host) -> None:
    host.state.offline = ["file:///extra/"]
    host.save()
    result = command.run(host, ["pkg", "copy-publishers-from", "/"], {"PKG_IMAGE": ROOT})
    assert (result.rc, result.stderr) == (0, "")
    assert known(host) == {"omnios", "local"}


def test_a_mirror_of_the_zones_own_is_lost(host: Host) -> None:
    command.run(host, ["pkg", "-R", ROOT, "set-publisher", "-m", "file:///local/", "omnios"])
    assert "mirror" in command.run(host, ["pkg", "-R", ROOT, "publisher", "-H", "-F", "tsv"]).stdout
    command.run(host, ["pkg", "-R", ROOT, "copy-publishers-from", "/"])
    assert "mirror" not in command.run(host, ["pkg", "-R", ROOT, "publisher", "-H", "-F", "tsv"]).stdout


def test_put_behind_another_one_the_order_is_the_parents_again(host: Host) -> None:
    command.run(host, ["pkg", "-R", ROOT, "copy-publishers-from", "/"])
    assert command.run(host, ["pkg", "-R", ROOT, "set-publisher", "--search-after", "extra", "local"]).rc == 0
    assert image.open(host.path(ROOT)).order == ["omnios", "extra", "local", "old"]


def test_refresh_names_the_publisher_that_is_away__exit_3_and_1(host: Host) -> None:
    host.state.offline = ["file:///extra/"]
    host.save()
    some = command.run(host, ["pkg", "-R", ROOT, "refresh"])
    assert some.rc == 3
    assert some.stderr.startswith("pkg: 2/3 catalogs successfully updated:\n\n1/1 repositories for publisher 'extra'")
    host.state.offline += ["file:///omnios/", "file:///local/"]
    host.save()
    assert command.run(host, ["pkg", "-R", ROOT, "refresh"]).rc == 1


def test_locked_it_is_7_for_most_and_1_for_set_publisher(host: Host) -> None:
    host.state.locks = [ROOT]
    host.save()
    codes = {
        words[0]: command.run(host, ["pkg", "-R", ROOT, *words]).rc
        for words in (
            ["copy-publishers-from", "/"],
            ["set-publisher", "--non-sticky", "extra"],
            ["refresh"],
            ["install", "-n", "extra"],
            ["publisher"],
            ["list", "-a"],
        )
    }
    expected = {"copy-publishers-from": 7, "set-publisher": 1, "refresh": 7, "install": 7, "publisher": 0, "list": 0}
    assert codes == expected
