"""Files of packages: delivered, replaced, kept where edited, never through a link; and what a failure leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import command, faults
from testbed.host import Host, create
from testbed.ips.images import build, config, image
from testbed.ips.repositories import repository

CORE = "https://pkg.example.org/core/"
ROOT = "/zones/web01/root"


def fmri(version: str) -> str:
    return f"pkg://omnios/SUNWcs@{version},5.11-151054.0:20261121T055207Z"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = create(tmp_path / "host")
    manifests = {
        fmri(version): [
            f"set name=pkg.fmri value={fmri(version)}",
            "dir path=etc mode=0755 owner=root group=sys",
            f"file {release} path=etc/release mode=0444 owner=root group=sys",
            f"file {motd} path=etc/motd mode=0644 owner=root group=sys preserve=true",
            f"link path=etc/link{version} target=release",
            f"file {release} path=etc/zz mode=0644 owner=root group=sys",
            f"license {release} license=lib/fonts",
        ]
        for version, release, motd in (("1", "r1", "m1"), ("2", "r2", "m2"))
    }
    payloads = {"r1": "release 1\n", "r2": "release 2\n", "m1": "motd 1\n", "m2": "motd 2\n"}
    repository.store(made, {CORE: {"publisher": "omnios", "fmris": list(manifests)}}, manifests, payloads)
    publishers = [config.publisher("omnios", [CORE])]
    for root, zone in (("/", "global"), (ROOT, "nonglobal")):
        variants = {"variant.opensolaris.zone": zone}
        build.build_image(made, root, format=4, publishers=publishers, installed=[fmri("1")], variants=variants)
    made.save()
    return made


def update(host: Host, *words: str) -> command.Result:
    return command.run(host, ["pkg", "-R", ROOT, "install", *words, "SUNWcs@2"])


def text(host: Host, path: str) -> str:
    return host.path(f"{ROOT}/{path}").read_text()


def version(host: Host) -> str:
    return image.open(host.path(ROOT)).installed()["SUNWcs"].fmri.known.plain


def test_an_update_replaces_files_and_removes_what_is_gone(host: Host) -> None:
    assert (text(host, "etc/release"), version(host)) == ("release 1\n", "1-151054.0")
    assert update(host).rc == 0
    assert (text(host, "etc/release"), version(host)) == ("release 2\n", "2-151054.0")
    assert text(host, "etc/motd") == "motd 2\n"
    assert host.path(f"{ROOT}/etc/link2").is_symlink()
    assert not host.path(f"{ROOT}/etc/link1").is_symlink()
    assert host.path(f"{ROOT}/etc/release").stat().st_mode & 0o777 == 0o444


def test_a_dry_run_changes_no_file(host: Host) -> None:
    assert update(host, "-n").rc == 0
    assert (text(host, "etc/release"), version(host)) == ("release 1\n", "1-151054.0")


def test_an_edited_file_with_preserve_is_kept(host: Host) -> None:
    host.path(f"{ROOT}/etc/motd").write_text("welcome\n")
    assert update(host).rc == 0
    assert text(host, "etc/motd") == "welcome\n"


def test_a_link_in_place_of_a_directory_is_not_followed(host: Host, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    host.path(f"{ROOT}/etc").rename(outside)
    host.path(f"{ROOT}/etc").symlink_to(outside)
    result = update(host)
    assert result.rc == 1
    assert f"Cannot install '{ROOT}/etc/link2'; parent directory {ROOT}/etc is a link to {outside}." in result.stderr
    assert (outside / "release").read_text() == "release 1\n"


def test_a_failure_half_way_leaves_new_files_and_the_old_catalog(host: Host) -> None:
    host.state.faults = [
        {"match": "pkg .*install", "rc": 1, "effect": {"error": "ENOSPC", "right_after_replacing": "etc/release"}}
    ]
    host.save()
    result = update(host)
    assert result.rc == 1
    assert result.stderr == "pkg: An unexpected error happened during install: [Errno 28] No space left on device\n"
    assert (text(host, "etc/release"), text(host, "etc/zz"), version(host)) == (
        "release 2\n",
        "release 1\n",
        "1-151054.0",
    )
    assert update(host).rc == 0
    assert (text(host, "etc/zz"), version(host)) == ("release 2\n", "2-151054.0")


def test_killed_half_way_it_can_be_run_again(host: Host) -> None:
    kill = {"target": "command", "when": "during", "right_after_replacing": "etc/release"}
    host.state.faults = [{"match": "pkg .*install", "kill": kill}]
    host.save()
    with pytest.raises(faults.Killed):
        update(host)
    assert (text(host, "etc/release"), version(host)) == ("release 2\n", "1-151054.0")
    assert update(host).rc == 0
    assert version(host) == "2-151054.0"


def test_an_unreachable_repository_stops_a_run_before_it_changes_anything(host: Host) -> None:
    host.state.offline = [CORE]
    host.save()
    result = update(host, "--no-refresh")
    assert result.rc == 1
    assert "Errors were encountered while attempting to retrieve package or file data" in result.stderr
    assert (text(host, "etc/release"), version(host)) == ("release 1\n", "1-151054.0")


def test_the_pkg_of_r151054_does_not_know_format_5__format_v5(host: Host) -> None:
    publishers = [config.publisher("omnios", [CORE])]
    variants = {"variant.opensolaris.zone": "nonglobal"}
    build.build_image(
        host, "/zones/new/root", format=5, publishers=publishers, installed=[fmri("1")], variants=variants
    )
    result = command.run(host, ["pkg", "-R", "/zones/new/root", "list"])
    assert result.rc == 99
    assert "UnsupportedImageError: The image rooted at /zones/new/root is invalid" in result.stderr


def test_the_image_keeps_the_text_of_a_licence(host: Host) -> None:
    kept = "var/pkg/license/SUNWcs/license.lib%2Ffonts"
    assert text(host, kept) == "release 1\n"
    assert update(host).rc == 0
    assert text(host, kept) == "release 2\n"


@pytest.mark.parametrize(("env", "flags"), [({}, "im-"), ({"PKG_AUTOINSTALL": "1"}, "i--")])
def test_what_the_attach_hook_installs_is_not_marked_as_asked_for(host: Host, env: dict[str, str], flags: str) -> None:
    assert command.run(host, ["pkg", "-R", ROOT, "uninstall", "SUNWcs"]).rc == 0
    assert command.run(host, ["pkg", "-R", ROOT, "install", "SUNWcs"], env).rc == 0
    assert command.run(host, ["pkg", "-R", ROOT, "list", "-H", "SUNWcs"]).stdout.split()[-1] == flags


def test_a_directory_where_a_file_belongs_is_kept_aside(host: Host) -> None:
    host.path(f"{ROOT}/etc/release").unlink()
    host.path(f"{ROOT}/etc/release").mkdir()
    host.path(f"{ROOT}/etc/release/mine").write_text("mine\n")
    assert update(host).rc == 0
    assert text(host, "etc/release") == "release 2\n"
    (kept,) = host.path(f"{ROOT}/var/pkg/lost+found/etc").iterdir()
    assert (kept / "mine").read_text() == "mine\n"


def test_a_file_behind_a_link_that_leads_out_of_the_image_is_not_removed(host: Host, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    host.path(f"{ROOT}/etc").rename(outside)
    host.path(f"{ROOT}/etc").symlink_to(outside)
    assert command.run(host, ["pkg", "-R", ROOT, "uninstall", "SUNWcs"]).rc == 0
    assert (outside / "release").read_text() == "release 1\n"
