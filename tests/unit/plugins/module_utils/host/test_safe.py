# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files below a root that is not trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import safe


def test_a_link_in_the_middle_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "var").symlink_to(outside)
    with pytest.raises(safe.UnsafePath):
        safe.read(str(root), "var/file")
    (root / "etc").mkdir()
    (root / "etc/file").symlink_to(outside / "file")
    with pytest.raises(safe.UnsafePath):
        safe.read(str(root), "etc/file")


def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(safe.UnsafePath, match="not a regular file"):
        safe.read(str(tmp_path), "fifo")


def test_size_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 11)
    with pytest.raises(safe.UnsafePath, match="larger than 10"):
        safe.read(str(tmp_path), "big", limit=10)


def test_remove_tree_removes_links_not_targets(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("stays")
    tree = tmp_path / "root" / "var" / "pkg" / "linked"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "link").symlink_to(outside)
    safe.remove_tree(str(tmp_path / "root"), "var/pkg/linked")
    safe.remove_tree(str(tmp_path / "root"), "var/pkg/linked")
    assert not tree.exists()
    assert (outside / "file").read_text() == "stays"


def test_unlink_a_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("stays")
    (tmp_path / "SUNWdetached.xml").symlink_to(tmp_path / "target")
    safe.unlink(str(tmp_path), "SUNWdetached.xml")
    safe.unlink(str(tmp_path), "SUNWdetached.xml")
    assert sorted(os.listdir(tmp_path)) == ["target"]


def test_tail_takes_no_link(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\n")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    assert safe.tail(str(tmp_path / "log"), 4) == "two\n"
    assert safe.tail(str(tmp_path / "link")) == ""
    assert safe.tail(str(tmp_path / "none")) == ""


def test_only_files_of_one_s_own_count_as_logs(tmp_path: Path) -> None:
    mine = tmp_path / "web01.attach_log.abc"
    mine.write_text("")
    (tmp_path / "web01.attach_log.link").symlink_to(mine)
    (tmp_path / "web01.attach_log.dir").mkdir()
    (tmp_path / "web02.attach_log.abc").write_text("")
    somebody_s = tmp_path / "web01.attach_log.xyz"
    somebody_s.write_text("")
    if os.geteuid() == 0:
        os.chown(somebody_s, 4711, 4711)
    else:
        somebody_s.unlink()
    assert list(safe.files_of_mine(str(tmp_path), "web01.attach_log.")) == [str(mine)]
    assert safe.files_of_mine(str(tmp_path / "none"), "x") == {}


@pytest.mark.parametrize("target", ["catalog.attrs", "../origins/1a2b/catalog.attrs", "../../state", "./x"])
def test_links_that_stay_inside(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "var/pkg/publisher/catalog"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(target)
    safe.check_tree(str(tmp_path), "var/pkg")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../log", "x/../../../../..", "../x/../../..", "/"])
def test_links_that_may_lead_out(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "var/pkg/publisher/catalog"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(target)
    with pytest.raises(safe.UnsafePath, match="publisher/catalog/link"):
        safe.check_tree(str(tmp_path), "var/pkg")


def test_a_fifo_in_a_tree(tmp_path: Path) -> None:
    (tmp_path / "var/pkg").mkdir(parents=True)
    os.mkfifo(tmp_path / "var/pkg/lock")
    with pytest.raises(safe.UnsafePath, match="neither a file nor a directory"):
        safe.check_tree(str(tmp_path), "var/pkg")


def test_a_tree_with_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe, "_MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).touch()
    with pytest.raises(safe.UnsafePath, match="more than 2 files"):
        safe.check_tree(str(tmp_path), "")
