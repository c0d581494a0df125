# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image reader against image trees of the real pkg, with pkg's own verdicts."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import catalog as module
from ansible_collections.illumos.linked_zones.plugins.module_utils.host import safe
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.image import Image, ImageError, linked_name
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.parent import judge

IMAGES = Path(__file__).resolve().parents[4] / "fixtures" / "images"
CASES = [
    (path.name.split(".")[0], zone)
    for path in sorted(IMAGES.glob("*.expected.json"))
    if not path.name.startswith("bench")
    for zone, verdict in json.loads(path.read_text())["zones"].items()
    if verdict.get("installed") and verdict.get("outcomes")
]


@pytest.mark.parametrize(("name", "zone"), CASES)
def test_reads_as_pkg_does(name: str, zone: str, unpacked: Callable[[str], Path]) -> None:
    top = unpacked(name)
    expected = json.loads((IMAGES / f"{name}.expected.json").read_text())["zones"][zone]
    image = Image(str(top / "zones" / zone / "root"))
    installed = image.installed()
    assert sorted(map(str, installed.values())) == sorted(expected["installed"])
    assert [p.name for p in image.config.publishers] == expected["publisher_order"]
    parent = Image(str(top)).installed()
    outcomes = {
        (str(package), dependency, judge(package, dependency, parent)[0])
        for package, dependency in image.parent_dependencies(list(installed.values()))
    }
    assert outcomes == {(o["package"], o["dependency"], o["outcome"]) for o in expected["outcomes"]}
    assert (linked_name(image.root) == f"zone:{zone}") is bool(expected.get("synced_metadata", linked_name(image.root)))


def test_a_symlink_out_of_the_zone_is_not_followed(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "var").mkdir(parents=True)
    os.symlink(unpacked("v4-synced") / "var" / "pkg", root / "var" / "pkg")
    with pytest.raises(ImageError, match="safely|no directory"):
        Image(str(root))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[image]\nversion = 6\n", "format 6"),
        ("no section", "cannot be understood"),
        ("[image]\nversion = four\n", "cannot be understood"),
        ("[image]\nversion = 4\n[authority_x]\norigins = __import__('os')\n", "cannot be understood"),
        ("[image]\nversion = 4\n[authority_x]\nprefix = --mirror=x\norigins = []\n", "not the name of a publisher"),
        ("[image]\nversion = 4\n[authority_a b]\norigins = []\n", "not the name of a publisher"),
        ("[image]\nversion = 4\n[property]\npublisher-search-order = " + "[" * 5000, "cannot be understood"),
    ],
)
def test_a_hostile_configuration_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "var/pkg").mkdir(parents=True)
    (tmp_path / "var/pkg/pkg5.image").write_text(text)
    with pytest.raises(ImageError, match=message):
        Image(str(tmp_path))


def test_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no pkg image"):
        Image(str(tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        '{"omnios": {"x": [{"version": "1", "more": [' + "[]," * 400_000 + "[]]}]}}",
        "[]",
        '{"omnios": 1}',
        '{"omnios": {"x": [1]}}',
        "{",
        '{"omnios": {"a b": [{"version": "1"}]}}',
    ],
)
def test_a_hostile_catalog_is_refused(content: str, tmp_path: Path) -> None:
    for part in ("installed", "known"):
        (tmp_path / f"var/pkg/state/{part}").mkdir(parents=True)
        (tmp_path / f"var/pkg/state/{part}/catalog.base.C").write_text(content)
        (tmp_path / f"var/pkg/state/{part}/catalog.dependency.C").write_text("{}")
    (tmp_path / "var/pkg/pkg5.image").write_text("[image]\nversion = 4\n")
    with pytest.raises(ImageError):
        Image(str(tmp_path)).installed()


def test_a_database_is_read_alike_where_python_cannot_deserialize_it(
    unpacked: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image(str(unpacked("v5-diverged")))
    in_memory = image.known()
    monkeypatch.setattr(module, "_DESERIALIZE", None)
    assert image.known() == in_memory


def test_a_database_in_use_is_an_error(unpacked: Callable[[str], Path], tmp_path: Path) -> None:
    source = unpacked("v5-synced") / "var/pkg"
    (tmp_path / "var/pkg/state").mkdir(parents=True)
    for name in ("pkg5.image", "state/catalog.db"):
        (tmp_path / "var/pkg" / name).write_bytes((source / name).read_bytes())
    assert Image(str(tmp_path)).installed()
    (tmp_path / "var/pkg/state/catalog.db-journal").write_text("")
    with pytest.raises(ImageError, match="being changed"):
        Image(str(tmp_path)).installed()


def test_keys_that_were_approved_for_a_publisher_count_as_settings(tmp_path: Path) -> None:
    (tmp_path / "var/pkg").mkdir(parents=True)
    (tmp_path / "var/pkg/pkg5.image").write_text(
        "[image]\nversion = 4\n[authority_x]\napproved_ca_certs = ['1a2b']\nrevoked_ca_certs = []\n"
        "repo.description = of the repository\n"
    )
    (publisher,) = Image(str(tmp_path)).config.publishers
    assert publisher.settings == (("approved_ca_certs", "['1a2b']"),)


@pytest.mark.parametrize("name", sorted({name for name, _zone in CASES}))
def test_real_images_hold_nothing_that_leads_out(name: str, unpacked: Callable[[str], Path]) -> None:
    for image in [unpacked(name), *unpacked(name).glob("zones/*/root")]:
        if (image / "var/pkg").is_dir():
            safe.check_tree(str(image), "var/pkg")


def database(path: Path, schema: str) -> Image:
    (path / "var/pkg/state").mkdir(parents=True)
    (path / "var/pkg/pkg5.image").write_text("[image]\nversion = 5\n")
    with contextlib.closing(sqlite3.connect(path / "var/pkg/state/catalog.db")) as connection:
        connection.executescript(schema)
    return Image(str(path))


ACTIONS = "CREATE TABLE actions (pkg, part, locale, acts);"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i"
PACKAGES = "CREATE TABLE packages (id, pub, stem, version, installed);"


@pytest.mark.parametrize(
    "schema",
    [
        f"{ACTIONS} CREATE VIEW packages AS {ENDLESS} AS id, 'x' AS pub, 'x' AS stem, '1' AS version, 1 AS installed"
        " FROM n;",
        f"{ACTIONS} CREATE TABLE packages (id, pub, stem, installed, version AS (hex(zeroblob(500000000))));",
        f"{PACKAGES} CREATE VIRTUAL TABLE actions USING fts5(pkg, part, locale, acts);",
        f"{PACKAGES}",
    ],
)
def test_a_database_that_computes_is_refused(schema: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not of the known form"):
        database(tmp_path, schema).installed()


def test_a_database_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "INSERT INTO packages WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) "
    rows = f"{many} SELECT 1, 'x', 'x', '1', 1 FROM n; INSERT INTO actions SELECT 1, 1, 'C', '' FROM packages;"
    image = database(tmp_path, PACKAGES + ACTIONS + "CREATE INDEX i ON actions (pkg);" + rows)
    monkeypatch.setattr(module, "_MOST_PACKAGES", 2999)
    with pytest.raises(ImageError, match="more than 2999 packages"):
        image.installed()
    monkeypatch.undo()
    monkeypatch.setattr(module, "_MOST_STEPS", 2)
    with pytest.raises(ImageError, match="interrupted"):
        image.known()


def test_a_schema_that_is_no_text_is_refused(tmp_path: Path) -> None:
    broken = "PRAGMA writable_schema = ON; UPDATE sqlite_master SET name = CAST(x'82' AS TEXT), sql = 'x';"
    with pytest.raises(ImageError, match="catalog.db of the image"):
        database(tmp_path, PACKAGES + ACTIONS + broken).installed()


@pytest.mark.parametrize(
    ("lines", "message"),
    [(60_000, "more than 50000 parent dependencies"), (300_000, "dependencies of one package are longer than")],
)
def test_dependencies_without_end_are_refused(lines: int, message: str, tmp_path: Path) -> None:
    claimed = "depend fmri=pkg:/x@1 type=parent\n" * lines
    rows = f"INSERT INTO packages VALUES (1, 'x', 'x', '1', 1); INSERT INTO actions VALUES (1, 0, 'C', '{claimed}');"
    with pytest.raises(ImageError, match=message):
        database(tmp_path, PACKAGES + ACTIONS + rows).view()


@pytest.mark.parametrize("name", ["v4-synced", "v5-synced"])
def test_an_image_too_large_for_the_memory(
    name: str, unpacked: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image(str(unpacked(name)))

    def too_large(root: str, path: str, limit: int = 0) -> bytes:
        raise MemoryError

    monkeypatch.setattr(safe, "read", too_large)
    with pytest.raises(ImageError, match=r"cannot be read: this host has not enough memory for it\."):
        image.installed()


def test_actions_of_another_type(tmp_path: Path) -> None:
    for part in ("installed", "known"):
        (tmp_path / f"var/pkg/state/{part}").mkdir(parents=True)
        (tmp_path / f"var/pkg/state/{part}/catalog.base.C").write_text('{"omnios": {"x": [{"version": "1"}]}}')
    depend = tmp_path / "var/pkg/state/known/catalog.dependency.C"
    (tmp_path / "var/pkg/pkg5.image").write_text("[image]\nversion = 4\n")
    image = Image(str(tmp_path))
    depend.write_text('{"omnios": {"x": [{"version": "1", "actions": [1, null, {}]}]}}')
    assert image.parent_dependencies(image.known()) == []
    depend.write_text('{"omnios": {"x": [{"version": "1", "actions": 1}]}}')
    with pytest.raises(ImageError, match="not of the known form"):
        image.parent_dependencies([Fmri.parse("pkg://omnios/x@1")])
