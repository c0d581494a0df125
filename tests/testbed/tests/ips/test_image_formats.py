"""What the real pkg wrote is read and written again without loss (images/FORMAT-v4.md, FORMAT-v5.md)."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from testbed import command, updates
from testbed.declare import declare
from testbed.host import create
from testbed.ips import fmri
from testbed.ips.fmri import Fmri
from testbed.ips.images import config, image, v4, v5

from .conftest import FIXTURES

TREES = sorted(path.name.removesuffix(".tar.xz") for path in (FIXTURES / "images").glob("*.tar.xz"))


def roots(tree: Path) -> list[Path]:
    return sorted(path.parents[2] for path in tree.rglob("var/pkg/pkg5.image"))


def rows(database: Path) -> tuple[list[tuple[Any, ...]], ...]:
    with sqlite3.connect(database) as connection:
        return tuple(
            sorted(connection.execute(f"SELECT {columns} FROM {tables}").fetchall())
            for columns, tables in (
                ("name, value", "meta"),
                ("pub, stem, version, sortkey, installed, base", "packages"),
                ("pub, stem, version, part, locale, acts", "packages JOIN actions ON pkg = id"),
            )
        )


def parsed(path: Path) -> object:
    """What a file of an image says, whatever order JSON objects and rows are in."""
    if path.is_symlink():
        return path.readlink()
    if path.name == "catalog.db":
        return rows(path)
    text = path.read_text()
    return json.loads(text) if text.startswith(("{", "[")) and path.name != "pkg5.image" else text


def files(root: Path) -> dict[str, Path]:
    """All files below var/pkg but licences, which packages deliver, and a database that is out of date."""
    meta = root / "var/pkg"
    found = {str(path.relative_to(meta)): path for path in meta.rglob("*") if path.is_symlink() or path.is_file()}
    if not has_database(root):
        found.pop("state/catalog.db", None)
    return {name: path for name, path in found.items() if not name.startswith("license/")}


def has_database(root: Path) -> bool:
    """Whether the image has a database that counts: one beside v4 catalogs does if it is in step (FORMAT-v5.md)."""
    state = root / "var/pkg/state"
    if not (state / "catalog.db").exists():
        return False
    dates = dict(rows(state / "catalog.db")[0])
    attributes = state / "known/catalog.attrs"
    return not attributes.exists() or json.loads(attributes.read_text())["last-modified"] == dates["last-modified"]


def rewrite(read: image.Image, root: Path) -> None:
    """Write all that was read into a new image at ``root``."""
    image.create(root, format=read.format, publishers=read.publishers, variants={})
    written = image.Image(root, read.config, read.known)
    written.installed_attributes = read.installed_attributes
    written.save_config()
    written.write(both=has_database(read.root))
    if read.linked():
        written.write_linked(read.linked())
    if read.frozen():
        written.write_frozen(read.frozen())
    for publisher in read.publishers:
        for uri in publisher.origins:
            written.catalogs(publisher.name).write_only(uri, v4.read(read.catalogs(publisher.name).origin(uri)))
        date = f"publisher/{publisher.name}/last_refreshed"
        (written.meta / date).write_text((read.meta / date).read_text())
    for path in (read.meta / "publisher").glob("*/pkg/*/*"):
        name = Fmri(path.parts[-4], fmri.unquoted(path.parts[-2]), fmri.version(fmri.unquoted(path.name)))
        lines = read.manifest(name)
        assert lines is not None
        written.write_manifest(name, lines)


@pytest.mark.parametrize("name", TREES)
def test_trees_survive_reading_and_writing(name: str, tree, tmp_path: Path) -> None:
    found = roots(tree(name))
    assert found
    for number, root in enumerate(found[:3]):  # the twenty zones of bench-v5 are alike
        opened = image.open(root)
        rewrite(opened, tmp_path / str(number))
        before, after = files(root), files(tmp_path / str(number))
        assert set(before) == set(after)
        for path in before:
            assert parsed(before[path]) == parsed(after[path]), path


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


def test_an_image_is_upgraded_when_asked_to_be(tree, tmp_path: Path) -> None:
    made = create(tmp_path / "host")
    shutil.copytree(tree("v4-diverged"), made.directory, symlinks=True, dirs_exist_ok=True)
    made.state.settings["pkg_dialect"] = "master"
    made.save()
    before = command.run(made, ["pkg", "list", "-Hafv"])
    assert (before.rc, command.run(made, ["pkg", "update-format"]).rc) == (0, 0)
    assert image.open(made.path("/")).format == 5
    assert command.run(made, ["pkg", "list", "-Hafv"]).stdout == before.stdout
    again = command.run(made, ["pkg", "update-format"])
    assert (again.rc, again.stdout) == (4, "Image format already current.\n")
    zone = made.path("/zones/web01/root")
    assert image.open(zone).format == 4  # a zone is not converted with the global zone
    assert command.run(made, ["pkg", "-R", "/zones/web01/root", "update-format"]).rc == 0
    assert image.open(zone).format == 5


def test_an_older_pkg_cannot_read_format_5(tree, tmp_path: Path) -> None:
    made = create(tmp_path / "host")
    shutil.copytree(tree("v5-synced"), made.directory, symlinks=True, dirs_exist_ok=True)
    made.state.settings["pkg_dialect"] = "r151054"
    made.save()
    refused = command.run(made, ["pkg", "list"])
    assert refused.rc == 99
    assert "UnsupportedImageError" in refused.stderr


def test_who_changes_an_older_image_is_told_so__format_v4(tmp_path: Path) -> None:
    """The real pkg of master printed this on a v4 host with a v4 zone."""
    text = "release: r151054\nsettings: {pkg_dialect: master}\nzones: [{name: web01, brand: lipkg}]"
    made = declare(tmp_path / "host", text)
    updates.publish(made, "libraries")
    lines = command.run(made, ["pkg", "update", "-r"]).stdout.splitlines()
    note = ["", "NOTE: The format of this image is out of date."]
    note.append("Run 'pkg update-format' to update to the latest format and improve performance.")
    assert lines[-3:] == note
    begins = lines.index("Finalize: Linked image 'zone:web01' output:")
    assert lines[begins + 1 : begins + 5] == [*(f"| {line}" for line in note), "`"]
    assert "NOTE" not in command.run(made, ["pkg", "update", "-r"]).stdout
