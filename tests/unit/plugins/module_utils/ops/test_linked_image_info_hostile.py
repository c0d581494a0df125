# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""linked_image_info and a zone that puts traps where its image was: a finding for it, answers for the others."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.linked_image_info import run

SECRET = "the global zone's secret"
Trap = Callable[[Path], None]
CONFIG, DATABASE, STATE = "var/pkg/pkg5.image", "var/pkg/state/catalog.db", "var/pkg/state"
JSON_FILES = {
    4: [f"{STATE}/installed/catalog.base.C", f"{STATE}/installed/catalog.dependency.C", f"{STATE}/frozen_dict"],
    5: [f"{STATE}/frozen_dict", "var/pkg/linked/linked_prop", "var/pkg/linked/linked_ppubs"],
}
FILES = {4: [CONFIG, *JSON_FILES[4], "var/pkg/linked/linked_prop"], 5: [CONFIG, DATABASE, *JSON_FILES[5]]}
TREES = {4: "v4-synced", 5: "v5-synced"}


def info(root: Path, zones: list[str] | None = None) -> dict[str, Any]:
    result = run(Runner(pytest.fail), str(root), zones)
    loaded: dict[str, Any] = json.loads(json.dumps(result).encode("ascii"))
    return loaded


@pytest.fixture(params=sorted(TREES))
def tree(request: pytest.FixtureRequest, unpacked: Callable[[str], Path], tmp_path: Path) -> tuple[int, Path]:
    """A copy of a recorded tree, and its format."""
    shutil.copytree(unpacked(TREES[request.param]), tmp_path / "tree", symlinks=True)
    return request.param, tmp_path / "tree"


def caught(top: Path) -> list[str]:
    """Look at the tree; the codes found for web01, which has no answer. The others must have theirs."""
    before = picture(top)
    seen = {zone["name"]: zone for zone in info(top)["zones"]}
    assert picture(top) == before
    assert seen["db01"]["audit"] == "synced"
    assert seen["db01"]["findings"] == []
    web01 = seen["web01"]
    assert SECRET not in json.dumps(web01)
    assert all(finding["message"] and finding["remedy"] and finding["zone"] == "web01" for finding in web01["findings"])
    assert not any("Traceback" in finding["message"] for finding in web01["findings"])
    if any(finding["code"].startswith("image-") for finding in web01["findings"]):
        assert (web01["linked"], web01["audit"]) == (True, "unreadable")
    return [finding["code"] for finding in web01["findings"]]


def picture(top: Path) -> list[tuple[str, int, int, int]]:
    """Everything below the tree with what would show a change; access times are left out."""
    seen = []
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            status = os.lstat(os.path.join(folder, name))
            seen.append((os.path.join(folder, name), status.st_mode, status.st_size, status.st_mtime_ns))
    return sorted(seen)


def clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def a_link_out(path: Path) -> None:
    """To a file, or a directory, that would do if it were followed."""
    kept = path.with_name("outside")
    path.rename(kept)
    path.symlink_to(kept)


def a_link_to_a_secret(path: Path) -> None:
    clear(path)
    secret = path.with_name("secret")
    secret.write_text(SECRET)
    path.symlink_to(secret)


def a_link_to_itself(path: Path) -> None:
    clear(path)
    path.symlink_to(path)


def a_fifo(path: Path) -> None:
    clear(path)
    os.mkfifo(path)


def a_device(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a device")
    clear(path)
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except OSError:
        pytest.skip("no device can be made here")


def a_socket(path: Path) -> None:
    clear(path)
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def a_directory(path: Path) -> None:
    clear(path)
    path.mkdir()


def a_huge_file(path: Path) -> None:
    clear(path)
    with path.open("wb") as stream:
        stream.truncate(2**40)


TRAPS = [a_link_out, a_link_to_a_secret, a_link_to_itself, a_fifo, a_device, a_socket, a_directory, a_huge_file]


@pytest.mark.parametrize("trap", TRAPS)
def test_something_else_in_place_of_a_file(trap: Trap, tree: tuple[int, Path]) -> None:
    image_format, top = tree
    root = top / "zones/web01/root"
    for place in FILES[image_format]:
        kept = top / "kept"
        shutil.copytree(root, kept, symlinks=True)
        (root / place).touch()
        trap(root / place)
        assert caught(top) == ["image-unreadable"], place
        shutil.rmtree(root)
        kept.rename(root)


@pytest.mark.parametrize("place", ["", "var", "var/pkg", "var/pkg/state"])
@pytest.mark.parametrize("trap", [a_link_out, a_link_to_itself, a_fifo, a_huge_file])
def test_something_else_in_place_of_a_directory(place: str, trap: Trap, tree: tuple[int, Path]) -> None:
    top = tree[1]
    trap(top / "zones/web01/root" / place)
    assert caught(top) == ["image-unreadable"]


@pytest.mark.parametrize("trap", TRAPS)
def test_something_else_in_place_of_the_release(trap: Trap, tree: tuple[int, Path]) -> None:
    top = tree[1]
    trap(top / "zones/web01/root/etc/release")
    assert caught(top) == ["release-unreadable"]


def test_no_image(tree: tuple[int, Path]) -> None:
    top = tree[1]
    shutil.rmtree(top / "zones/web01/root")
    assert caught(top) == ["image-missing"]
    (top / "zones/web01/root").mkdir()
    assert caught(top) == ["image-missing"]


NASTY = [
    b"",
    b"\0" * 100,
    b"\xff\xfe\xfd",
    b"{",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"9" * 2_000_000,
    b"[1e999, NaN, Infinity]",
    b'[1, {"x": ["pkg:/x@1", "c", Infinity]}]',
    b'[1, {"x": ["pkg:/x@1", 5, 1]}]',
    b'{"omnios": {"x": [{"version": "' + b"9" * 900_000 + b'"}]}}',
    b'{"omnios": {"x": [{"version": "1", "actions": ["depend type=parent fmri=\\"x"]}]}}',
    b'{"om nios": {"x": [{"version": "1"}]}}',
]


@pytest.mark.parametrize("content", NASTY, ids=range(len(NASTY)))
def test_broken_json(content: bytes, tree: tuple[int, Path]) -> None:
    image_format, top = tree
    root = top / "zones/web01/root"
    for place in JSON_FILES[image_format]:
        kept = (root / place).read_bytes() if (root / place).exists() else None
        (root / place).write_bytes(content)
        # Some say nothing wrong where they stand: a list is no linked_prop, and {} no list of packages.
        assert set(caught(top)) <= {"image-unreadable", "never-synced"}, place
        if kept is None:
            (root / place).unlink()
        else:
            (root / place).write_bytes(kept)


@pytest.mark.parametrize("content", NASTY, ids=range(len(NASTY)))
@pytest.mark.parametrize("place", [CONFIG, DATABASE])
def test_broken_configuration_and_database(place: str, content: bytes, tree: tuple[int, Path]) -> None:
    image_format, top = tree
    (top / "zones/web01/root" / place).write_bytes(content)
    # In format 4 a database is not looked at (FORMAT-v5.md).
    assert caught(top) == ([] if place == DATABASE and image_format == 4 else ["image-unreadable"])


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files(data: st.DataObject, unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    """Whatever a zone writes over a part of a file: no traceback, and the other zone is answered."""
    image_format = data.draw(st.sampled_from(sorted(TREES)))
    top = tmp_path / str(image_format)
    if not top.exists():
        shutil.copytree(unpacked(TREES[image_format]), top, symlinks=True)
    place = top / "zones/web01/root" / data.draw(st.sampled_from([p for p in FILES[image_format] if "frozen" not in p]))
    good = place.read_bytes()
    at = data.draw(st.integers(0, len(good)))
    place.write_bytes(good[:at] + data.draw(st.binary(max_size=40)) + good[at + data.draw(st.integers(0, 60)) :])
    try:
        caught(top)
    finally:
        place.write_bytes(good)


@contextlib.contextmanager
def changed(top: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(top / "zones/web01/root" / DATABASE)) as connection:
        connection.isolation_level = None
        yield connection


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i"


@pytest.mark.parametrize(
    "script",
    [
        f"DROP TABLE actions; CREATE VIEW actions AS {ENDLESS} AS pkg, 0 AS part, 'C' AS locale, '' AS acts FROM n;",
        "ALTER TABLE packages RENAME TO p; CREATE VIEW packages AS SELECT * FROM p;",
        "DROP TABLE packages;",
        "ALTER TABLE packages RENAME COLUMN version TO v;",
        "UPDATE packages SET version = zeroblob(10) WHERE stem = 'entire';",
        "UPDATE packages SET pub = x'ff';",
        "UPDATE packages SET stem = '../../etc/' || stem;",
        "UPDATE packages SET version = '1-' || hex(zeroblob(100000)) WHERE stem = 'entire';",
        "UPDATE actions SET acts = 'depend type=parent fmri=' || char(10) || 'depend type=parent fmri=\"';",
        "UPDATE actions SET acts = 'depend type=parent fmri=not an fmri';",
        "UPDATE actions SET acts = 'depend type=parent fmri=pkg:/x@1.2.3.zzz';",
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE TABLE packages (';",
    ],
)
def test_an_odd_database(script: str, unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    top = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), top, symlinks=True)
    with changed(top) as connection:
        connection.executescript(script)
    assert caught(top) == ["image-unreadable"]


def test_what_does_no_harm_in_a_database(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    top = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), top, symlinks=True)
    with changed(top) as connection:
        connection.executescript(
            "CREATE TRIGGER t AFTER INSERT ON packages BEGIN DELETE FROM packages; END;"
            f"CREATE VIEW endless AS {ENDLESS} FROM n; CREATE TABLE own (x); PRAGMA journal_mode = WAL;"
        )
    assert caught(top) == []


def test_many_rows_that_share_one_long_text(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    top = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), top, symlinks=True)
    with changed(top) as connection:
        connection.executescript(
            "DROP TABLE actions; CREATE TABLE actions (pkg, part, locale, acts);"
            "INSERT INTO actions SELECT id, 0, 'C', replace(hex(zeroblob(5000000)), '0', 'a') FROM packages LIMIT 1;"
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300) "
            "INSERT INTO packages SELECT 1000 + i, 'x', 'x' || i, '1', x'', 1, '' FROM n;"
            "UPDATE actions SET pkg = 1;"
            "CREATE TABLE same AS SELECT 1 AS id, pub, stem, version, installed FROM packages;"
            "DROP TABLE packages; ALTER TABLE same RENAME TO packages;"
        )
    assert caught(top) == ["image-unreadable"]


def test_an_image_that_pkg_is_writing(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    """It is waited for, once for all zones; the time is not real here."""
    top = tmp_path / "tree"
    shutil.copytree(unpacked("v5-synced"), top, symlinks=True)
    for zone in ("web01", "build01"):
        (top / "zones" / zone / "root" / f"{DATABASE}-journal").touch()
    now = [0.0]
    runner = Runner(pytest.fail, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    seen = {zone["name"]: zone for zone in run(runner, str(top), None)["zones"]}
    assert {name: zone["audit"] for name, zone in seen.items() if zone["linked"]} == {
        "web01": "unreadable",
        "db01": "synced",
        "build01": "unreadable",
    }
    assert "being changed" in seen["web01"]["findings"][0]["message"]
    assert now[0] <= 30


def test_texts_of_a_zone_are_shown_short_and_harmless(tree: tuple[int, Path]) -> None:
    top = tree[1]
    root = top / "zones/web01/root"
    config = (root / CONFIG).read_text()
    uri = "https://user:secret@example.org/\\x1b[2J\\ud800" + "a" * 100_000
    (root / CONFIG).write_text(config.replace("origins = [", f"origins = ['{uri}', ", 1))
    comment = json.dumps([1, {"x": ["pkg:/x@1", "\x1b[2J\ud800", 1]}])
    (root / STATE / "frozen_dict").write_text(comment)
    (root / "etc/release").write_bytes(b"OmniOS \x1b[2J r151054zz \xff\n" + b"x" * 1000)
    web01 = next(zone for zone in info(top)["zones"] if zone["name"] == "web01")
    text = json.dumps(web01)
    assert "secret" not in text
    assert "\\u001b" not in text
    assert "\\ud800" not in text.replace("\\\\ud800", "").replace("\\\\xd800", "")
    assert all(len(origin) <= 600 for publisher in web01["publishers"] for origin in publisher["origins"])


@pytest.mark.parametrize(
    ("place", "content", "message"),
    [
        ("etc/zones/index", "web01:running\n", "a line that is not known"),
        ("etc/zones/index", "web01:installed:/zones/../../etc:\n", "zonepath that is none"),
        ("etc/zones/index", "we b01:installed:/zones/web01:\n", "name of a zone that is none"),
        ("etc/zones/index", "nosuch:installed:/zones/nosuch:\n", "Zone nosuch has no configuration"),
        ("etc/zones/web01.xml", "<zone", "no XML"),
        ("etc/zones/web01.xml", "<zone name='web01'/>", "names no brand"),
        ("etc/zones/web01.xml", "<x brand='lipkg'/>", "names no brand"),
        ("etc/zones/web01.xml", "<!DOCTYPE zone [<!ENTITY a 'b'>]><zone brand='&a;'/>", "declares an entity"),
    ],
)
def test_a_broken_configuration_of_zones(place: str, content: str, message: str, tree: tuple[int, Path]) -> None:
    top = tree[1]
    (top / place).write_text(content)
    with pytest.raises(RunFailed, match=message):
        info(top)
