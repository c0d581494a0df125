# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders of manifests; and each example of the page on the rules does what the page says."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.manifests import ManifestError
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.manifest_check import CODES, check

PAGE = Path(__file__).parents[5] / "docs" / "manifest-rules.md"
BOTH = "set name=variant.opensolaris.zone value=global value=nonglobal\n"


def sections() -> dict[str, str]:
    """The page's text on each rule."""
    parts = re.split(r"^### (\S+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples() -> list[tuple[str, str, str]]:
    """(code, Bad or Good, its manifests) of all sections."""
    block = re.compile(r"^(Bad|Good):\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(code, *found) for code, text in sections().items() for found in block.findall(text)]


def lay_out(folder: Path, text: str) -> None:
    """Write the files that an example names in its comments."""
    parts = re.split(r"^# (\S+\.(?:p5m|inc))$", text, flags=re.MULTILINE)
    for name, content in zip(parts[1::2], parts[2::2], strict=True):
        (folder / name).write_text(content)


def manifest(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def found(paths: list[Any], ignore: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """File name -> codes of its findings."""
    return {
        os.path.basename(entry["path"]): [finding["code"] for finding in entry["findings"]]
        for entry in check([str(path) for path in paths], ignore)
    }


def test_every_code_has_its_section() -> None:
    assert set(sections()) == CODES


def test_every_rule_has_a_bad_and_a_good_manifest() -> None:
    wanted = {(code, kind) for code in CODES - {"manifest-unreadable"} for kind in ("Bad", "Good")}
    assert {(code, kind) for code, kind, _text in examples()} == wanted


@pytest.mark.parametrize(("code", "kind", "text"), examples())
def test_an_example_of_the_page(code: str, kind: str, text: str, tmp_path: Path) -> None:
    lay_out(tmp_path, text)
    entries = check([str(tmp_path)])
    assert entries
    findings = [finding for entry in entries for finding in entry["findings"]]
    assert {finding["code"] for finding in findings} == ({code} if kind == "Bad" else set())
    severity = re.match(r"\s*(\w+)\.", sections()[code])
    assert severity is not None
    assert {finding["severity"] for finding in findings} <= {severity[1].lower()}
    assert [entry["findings"] for entry in check([str(tmp_path)], [code])] == [[]] * len(entries)


def test_a_finding_has_all_that_is_promised(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.p5m", "set name=pkg.fmri value=a@1\n" + BOTH + "\nfile path=kernel/drv/a\n")
    (entry,) = check([path])
    assert entry["path"] == path
    (finding,) = entry["findings"]
    assert set(finding) == {"code", "severity", "message", "remedy", "path", "line"}
    assert (finding["path"], finding["line"]) == (path, 4)


def test_a_folder_stands_for_the_manifests_below_it(tmp_path: Path) -> None:
    for name in ("a.p5m", "sub/b.mf", "sub/deeper/c.mog", "d.txt", ".git/e.p5m"):
        manifest(tmp_path, name, "set name=pkg.fmri value=x@1\n" + BOTH)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert found([tmp_path]) == {"a.p5m": [], "b.mf": [], "c.mog": []}


def test_a_file_given_twice_is_checked_once(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.p5m", "set name=pkg.fmri value=x@1\n")
    assert found([path, tmp_path]) == {"a.p5m": ["zone-variant-missing"]}


def test_parts_given_by_name_are_read_with_every_manifest(tmp_path: Path) -> None:
    manifest(tmp_path, "m/a.p5m", "set name=pkg.fmri value=a@$(V)\nfile path=kernel/drv/a\n")
    manifest(tmp_path, "m/local.mog", "<transform file -> drop>")
    common = manifest(tmp_path, "common", BOTH)
    tags = manifest(tmp_path, "tags", "<transform file path=kernel/ -> set variant.opensolaris.zone global>")
    assert found([tmp_path / "m"]) == {"a.p5m": ["zone-variant-missing", "kernel-not-global"], "local.mog": []}
    assert found([tmp_path / "m", common]) == {"a.p5m": ["kernel-not-global"], "local.mog": [], "common": []}
    assert found([common, tmp_path / "m", tags])["a.p5m"] == []


def test_a_part_makes_a_manifest_with_macros_whole(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.p5m", BOTH + "set name=pkg.fmri value=a@$(V)\nfile path=kernel/drv/a\n")
    part = manifest(tmp_path, "part", "<transform dir -> drop>")
    assert [finding["severity"] for finding in check([path])[0]["findings"]] == ["info"]
    assert [finding["severity"] for finding in check([path, part])[0]["findings"]] == ["warning"]


def test_what_a_part_leaves_open_is_said_of_the_part(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.p5m", "set name=pkg.fmri value=a@1\n")
    part = manifest(tmp_path, "m/part.mog", "<transform file path=$(X) -> drop>")
    assert found([path, part]) == {"a.p5m": [], "part.mog": ["transform-ignored"]}
    assert found([path, tmp_path / "m"]) == {"a.p5m": ["zone-variant-missing"], "part.mog": []}


@pytest.mark.parametrize("place", ["m/own.inc", "other/own.inc", "transforms/own.inc"])
def test_where_included_files_are_looked_for(tmp_path: Path, place: str) -> None:
    manifest(tmp_path, "m/a.p5m", "<include own.inc>\nset name=pkg.fmri value=a@1\n")
    manifest(tmp_path, "other/b.p5m", "set name=pkg.fmri value=b@1\n" + BOTH)
    assert found([tmp_path / "m", tmp_path / "other"])["a.p5m"] == ["include-unresolved"]
    manifest(tmp_path, place, BOTH)
    assert found([tmp_path / "m", tmp_path / "other"])["a.p5m"] == []


def test_an_included_file_that_is_no_text_is_a_finding(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.p5m", "<include own.inc>\nset name=pkg.fmri value=a@1\n")
    (tmp_path / "own.inc").write_bytes(b"\xff\xfe")
    (entry,) = check([path])
    assert [finding["code"] for finding in entry["findings"]] == ["include-unresolved"]
    assert "not text" in entry["findings"][0]["message"]


def test_what_cannot_be_read_in_a_folder_is_a_finding(tmp_path: Path) -> None:
    manifest(tmp_path, "good.p5m", "set name=pkg.fmri value=a@1\n" + BOTH)
    (tmp_path / "binary.p5m").write_bytes(b"\x7fELF\0")
    (tmp_path / "latin.p5m").write_bytes(b"set name=pkg.summary value=W\xfcrfel\n")
    (tmp_path / "gone.p5m").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "fifo.p5m")
    unreadable = ["manifest-unreadable"]
    assert found([tmp_path]) == {
        "good.p5m": [],
        "binary.p5m": unreadable,
        "latin.p5m": unreadable,
        "gone.p5m": unreadable,
        "fifo.p5m": unreadable,
    }


@pytest.mark.parametrize("name", ["nothing.p5m", "binary.p5m", "nu\0l"])
def test_a_path_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "binary.p5m").write_bytes(b"\x7fELF\0")
    with pytest.raises(ManifestError) as refused:
        check([str(tmp_path / name)])
    assert str(tmp_path) in str(refused.value)


def test_a_folder_without_manifests_is_an_error(tmp_path: Path) -> None:
    manifest(tmp_path, "a.txt", "set name=pkg.fmri value=a@1")
    with pytest.raises(ManifestError, match="has no manifests"):
        check([str(tmp_path)])


def test_a_transform_may_drop_what_names_the_package(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a.p5m", "set name=pkg.fmri value=a@1\n<transform set file -> drop>\n")
    assert found([path]) == {"a.p5m": ["zone-variant-missing"]}
