"""What the real pkg wrote is read and written again without loss (images/FORMAT-v4.md, FORMAT-v5.md)."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from testbed.ips import config, image, v4, v5

from .conftest import FIXTURES

TREES = sorted(path.name.removesuffix(".tar.xz") for path in (FIXTURES / "images").glob("*.tar.xz"))


def roots(tree: Path) -> list[Path]:
    return sorted(path.parents[2] for path in tree.rglob("var/pkg/pkg5.image"))


def rows(database: Path) -> tuple[object, ...]:
    with sqlite3.connect(database) as connection:
        return tuple(
            sorted(connection.execute(f"SELECT {columns} FROM {tables}").fetchall())
            for columns, tables in (
                ("name, value", "meta"),
                ("pub, stem, version, sortkey, installed, base", "packages"),
                ("pub, stem, version, part, locale, acts", "packages JOIN actions ON pkg = id"),
            )
        )


def documents(directory: Path) -> dict[str, object]:
    return {path.name: json.loads(path.read_text()) for path in directory.iterdir() if path.name.startswith("catalog.")}


@pytest.mark.parametrize("name", TREES)
def test_trees_survive_reading_and_writing(name: str, tree, tmp_path: Path) -> None:
    found = roots(tree(name))
    assert found
    for number, root in enumerate(found[:3]):  # the twenty zones of bench-v5 are alike
        scratch = tmp_path / str(number)
        opened = image.open(root)
        assert config.text(opened.config) == (root / "var/pkg/pkg5.image").read_text()
        state = root / "var/pkg/state"
        if opened.format == 5:
            scratch.mkdir()
            v5.write(scratch / "catalog.db", opened.known)
            assert rows(scratch / "catalog.db") == rows(state / "catalog.db")
        else:
            for part in ("known", "installed"):
                v4.write(scratch / part, v4.read(state / part), signed=False)
                assert documents(scratch / part) == documents(state / part)
        for origin in (root / "var/pkg/publisher").glob("*/origins/*"):
            v4.write(scratch / origin.name, v4.read(origin), signed=True)
            for path in origin.iterdir():
                if path.name != "catalog.attrs":
                    assert (scratch / origin.name / path.name).read_text() == path.read_text()
            assert documents(scratch / origin.name) == documents(origin)


def test_a_database_beside_v4_catalogs_does_not_count__format_v5(tree) -> None:
    root = tree("v4-stale-db")
    known = {str(entry.fmri) for entry in v4.read(root / "var/pkg/state/known").entries}
    assert {str(entry.fmri) for entry in image.open(root).known.entries} == known
    assert {str(entry.fmri) for entry in v5.read(root / "var/pkg/state/catalog.db").entries} != known


@pytest.mark.parametrize("image_format", image.FORMATS)
def test_a_new_image_can_be_opened(image_format: int, tmp_path: Path) -> None:
    core = config.publisher("omnios", ["https://pkg.example.org/core/"])
    image.create(tmp_path, format=image_format, publishers=[core], variants={"variant.opensolaris.zone": "nonglobal"})
    opened = image.open(tmp_path)
    assert opened.format == image_format
    assert [(entry.name, entry.origins, entry.sticky) for entry in opened.enabled] == [
        ("omnios", ["https://pkg.example.org/core/"], True)
    ]
    assert opened.known.entries == []
