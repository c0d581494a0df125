"""Boot environments that pkg makes, and changes of packages that fail half-way, with and without a clone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from testbed import boot, command, layout, log
from testbed.conformance.packages import recording, setup, situations
from testbed.conformance.packages.recording import FIXTURES, Library
from testbed.host import Host, create
from testbed.ips.images import build, config, image
from testbed.ips.repositories import repository

CORE = "https://pkg.example.org/core/"
KERNEL = "pkg://omnios/system/kernel@0.5.11,5.11-151046.0:20230525T090000Z"
FIRST = "omnios-r151046"


@pytest.fixture(scope="module")
def library() -> Library:
    entry = json.loads((FIXTURES / "50-boot-environments.json").read_text())
    return recording.read_library(FIXTURES, entry)


@pytest.fixture
def host(tmp_path: Path, library: Library) -> Host:
    """A global zone with three linked zones, and updates for all of them: with weekly2 a kernel."""
    made = setup.make(tmp_path / "host", json.loads((FIXTURES / "50-boot-environments.json").read_text()), library)
    with made.locked():
        setup.publish(made, library, "weekly1")
    return made


def pkg(host: Host, *words: str) -> command.Result:
    return command.run(host, ["pkg", *words])


def happens(host: Host, library: Library, *words: str) -> None:
    with host.locked():
        situations.carry_out(host, library, list(words))


def environments(host: Host) -> dict[str, tuple[str, bool]]:
    """Name -> what beadm says of its activity, and whether it is mounted."""
    with host.locked():
        return {be.name: (be.active, bool(be.mounted)) for be in boot.listed(host)}


def version(host: Host, root: str, stem: str) -> str:
    return image.open(host.path(root)).installed()[stem].fmri.known.text.partition(":")[2]


def synced(host: Host) -> dict[str, str]:
    rows = pkg(host, "audit-linked", "-H", "-a").stdout.splitlines()
    return {name.strip(): verdict.strip() for name, verdict in (row.split("\t") for row in rows)}


# -- which ones are made -----------------------------------------------------------------------------------------------


def test_zones_are_updated_in_the_clone_and_the_running_system_stays(host: Host, library: Library) -> None:
    happens(host, library, "@publish", "weekly2")
    assert pkg(host, "update", "--be-name", "new").rc == 0
    assert environments(host) == {FIRST: ("N", True), "new": ("R", False)}
    assert version(host, "/", "system/kernel") == "20230503T120000Z"
    assert version(host, "/zones/web01/root", "SUNWcs") == "20230503T120000Z"
    happens(host, library, "@reboot")
    assert version(host, "/", "system/kernel") == "20230525T090000Z"
    assert version(host, "/zones/web01/root", "SUNWcs") == "20230518T090000Z"
    assert set(synced(host).values()) == {"synced"}


def test_a_backup_is_made_before_packages_change_and_none_for_an_installation(host: Host) -> None:
    assert pkg(host, "install", "ooce/util/bottom").rc == 0
    assert list(environments(host)) == [FIRST]
    assert pkg(host, "update", "web/curl").rc == 0
    assert pkg(host, "update").rc == 0
    assert list(environments(host)) == [FIRST, f"{FIRST}-backup-1", f"{FIRST}-backup-2"]


def test_a_dry_run_makes_none(host: Host) -> None:
    assert pkg(host, "update", "-n", "--be-name", "new").rc == 0
    assert list(environments(host)) == [FIRST]


def test_no_beadm_is_in_the_log(host: Host) -> None:
    pkg(host, "update", "--be-name", "new")
    assert [entry["argv"] for entry in log.read(host.private)] == [["pkg", "update", "--be-name", "new"]]


def test_the_next_boot_only(host: Host) -> None:
    assert pkg(host, "update", "-t", "--be-name", "new").rc == 0
    assert environments(host)["new"] == ("T", False)


def test_without_boot_environments_there_is_no_new_one(tmp_path: Path, library: Library) -> None:
    host = create(tmp_path / "bare")
    setup.publish(host, library, "base")
    build.build_image(
        host,
        "/",
        format=5,
        publishers=[config.publisher("omnios", ["file:///repo/r151046/core/"])],
        installed=["pkg://omnios/library/zlib@1.2.13-151046.0:20230503T120000Z"],
        variants={"variant.opensolaris.zone": "global", "variant.arch": "i386"},
    )
    host.save()
    result = pkg(host, "uninstall", "--require-new-be", "library/zlib")
    assert (result.rc, result.stderr) == (1, "pkg: Unable to clone the current boot environment.\n")
    assert pkg(host, "uninstall", "library/zlib").rc == 0


def test_a_new_release_names_the_boot_environment(tmp_path: Path) -> None:
    host = create(tmp_path / "host")
    manifests = {
        f"pkg://omnios/release/name@{version},5.11-{release}.0:20261121T055207Z": [
            f"set name=ooce.release value={release}",
            f"file {release} path=etc/release mode=0444 owner=root group=sys reboot-needed=true",
        ]
        for version, release in (("1", "151054"), ("2", "151056"))
    }
    payloads = {"151054": "r151054\n", "151056": "r151056\n"}
    repository.store(host, {CORE: {"publisher": "omnios", "fmris": list(manifests)}}, manifests, payloads)
    layout.make_pool(host, "omnios-r151054", "00000000-0000-4000-8000-000000000000")
    installed = [next(iter(manifests))]
    publishers = [config.publisher("omnios", [CORE])]
    build.build_image(
        host, "/", format=5, publishers=publishers, installed=installed, variants={"variant.opensolaris.zone": "global"}
    )
    host.save()
    assert pkg(host, "update").rc == 0
    assert environments(host) == {"omnios-r151054": ("N", True), "omnios-r151056": ("R", False)}


# -- what fails half-way -----------------------------------------------------------------------------------------------


def test_a_child_fails_in_the_running_system(host: Host, library: Library) -> None:
    happens(host, library, "@immutable", "zone:db01", "etc")
    result = pkg(host, "update")
    assert result.rc == 1
    assert "'sync-linked' operation failed for child 'zone:db01'" in result.stderr
    assert "pkg: Could not operate on /zones/db01/root/etc/tmp" in result.stderr
    assert "Find release notes" not in result.stdout
    assert version(host, "/", "SUNWcs") == "20230518T090000Z"
    assert synced(host) == {"zone:web01": "synced", "zone:db01": "diverged", "zone:build01": "diverged"}
    happens(host, library, "@mutable", "zone:db01", "etc")
    assert pkg(host, "update").rc == 0
    assert set(synced(host).values()) == {"synced"}


def test_a_child_fails_in_a_clone_that_stays_behind(host: Host, library: Library) -> None:
    happens(host, library, "@dir-to-link", "zone:db01", "etc")
    result = pkg(host, "update", "--be-name", "new")
    assert result.rc == 1
    assert "Cannot install '/tmp/tmp" in result.stderr
    assert "A clone of" not in result.stdout
    assert environments(host) == {FIRST: ("NR", True), "new": ("", True)}
    assert version(host, "/", "SUNWcs") == "20230503T120000Z"
    with host.locked():
        clone = boot.require(host, "new").mounted or ""
    assert version(host, clone, "SUNWcs") == "20230518T090000Z"


def test_another_boot_environment_does_not_inherit_immutable_directories(host: Host, library: Library) -> None:
    happens(host, library, "@immutable", "zone:db01", "etc")
    assert pkg(host, "update", "--require-new-be").rc == 0


def test_the_global_zone_fails_in_the_running_system(host: Host, library: Library) -> None:
    happens(host, library, "@immutable", "global", "etc")
    result = pkg(host, "update", "--no-backup-be")
    assert result.rc == 1
    assert f"The Boot Environment {FIRST} failed to be updated. A snapshot was taken before" in result.stderr
    assert environments(host) == {FIRST: ("NR", True), f"{FIRST}-1": ("", True)}
    assert version(host, "/zones/web01/root", "SUNWcs") == "20230503T120000Z"


def test_the_global_zone_fails_in_the_clone(host: Host, library: Library) -> None:
    happens(host, library, "@dir-to-link", "global", "etc")
    result = pkg(host, "update", "--be-name", "new")
    assert result.rc == 1
    assert "Modifications were only made to a clone (new) of the running system." in result.stderr
    assert environments(host) == {FIRST: ("NR", True), "new": ("", True)}


# -- release notes -----------------------------------------------------------------------------------------------------


@pytest.fixture
def noted(tmp_path: Path) -> Host:
    """An update with a note of its version, and a package with one for its first installation."""
    host = create(tmp_path / "host")
    note = "mode=0444 owner=root group=sys release-note=feature/pkg/self"
    manifests = {
        "pkg://omnios/web/curl@1,5.11-1:20261121T055207Z": [f"file one path=doc/curl {note}@1"],
        "pkg://omnios/web/curl@2,5.11-1:20261121T055207Z": [f"file two path=doc/curl {note}@2"],
        "pkg://omnios/web/new@1,5.11-1:20261121T055207Z": [f"file three path=doc/new {note}@0 must-display=true"],
    }
    payloads = {"one": "of 1\n", "two": "of 2\nand more\n", "three": "welcome\n"}
    repository.store(host, {CORE: {"publisher": "omnios", "fmris": list(manifests)}}, manifests, payloads)
    layout.make_pool(host, FIRST, "00000000-0000-4000-8000-000000000000")
    publishers = [config.publisher("omnios", [CORE])]
    variants = {"variant.opensolaris.zone": "global"}
    build.build_image(host, "/", format=5, publishers=publishers, installed=[next(iter(manifests))], variants=variants)
    host.save()
    return host


def test_notes_of_a_version_that_is_new_here(noted: Host) -> None:
    document = json.loads(pkg(noted, "update", "-n", "--parsable=0").stdout)
    assert document["release-notes"] == ["of 2", "and more"]
    assert "Release Notes:\n  of 2\n  and more\n" in pkg(noted, "update", "-n").stdout
    assert "Release notes can be viewed with 'pkg history -n 1 -N'\n" in pkg(noted, "update").stdout
    (kept,) = noted.path("/var/pkg/notes").iterdir()
    assert kept.read_text() == "of 2\nand more\n"


def test_notes_before_a_reboot(noted: Host) -> None:
    lines = pkg(noted, "update", "--require-new-be").stdout.splitlines()
    told = next(line for line in lines if line.startswith("Release notes can be found in "))
    assert noted.path(told.split()[6]).read_text() == "of 2\nand more\n"


def test_a_note_for_the_first_installation_must_be_shown(noted: Host) -> None:
    assert "Release Notes:\n  welcome\n" in pkg(noted, "install", "web/new").stdout
