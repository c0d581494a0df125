"""Actions on one path: what may be there together, and what pkg says where it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.ips import fmri
from testbed.ips.images import catalog, image
from testbed.ips.images.image import Image
from testbed.ips.planning import conflicts
from testbed.ips.planning.planner import Plan

STAMP = "20261121T055207Z"


def make(root: Path, packages: dict[str, list[str]], installed: list[str]) -> Image:
    """An image that knows these packages ("a@1": manifest lines) and has their manifests."""
    manifests = {name(text): lines for text, lines in packages.items()}
    made = image.create(root, publishers=[], variants={}, known=catalog.from_manifests(manifests))
    for entry in made.known.entries:
        made.write_manifest(entry.fmri, manifests[entry.fmri])
        entry.set_state(catalog.INSTALLED, entry.fmri in [name(text) for text in installed])
    made.changed()
    return made


def name(text: str) -> fmri.Fmri:
    stem, _, version = text.partition("@")
    return fmri.parse(f"pkg://p/{stem}@{version},5.11-0:{STAMP}")


def adding(made: Image, *names: str) -> Plan:
    return Plan(add=[entry for entry in made.known.entries if entry.fmri in [name(text) for text in names]])


DIRECTORY = "dir group=bin mode=0755 owner=root path=etc/x"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DIRECTORY, DIRECTORY),
        ("link path=x target=y", "link path=x target=y"),
        ("link mediator=m mediator-version=1 path=x target=a", "link mediator=m mediator-version=2 path=x target=b"),
        ("file 1 path=x overlay=allow preserve=true", "file 2 path=x overlay=true preserve=true"),
        ("file 1 path=x", "file 2 path=y"),
    ],
)
def test_what_goes_together(tmp_path: Path, one: str, other: str) -> None:
    made = make(tmp_path, {"a@1": [one], "b@1": [other]}, ["a@1"])
    assert conflicts.find(made, made, adding(made, "b@1")) == ""


def test_a_file_is_delivered_once(tmp_path: Path) -> None:
    made = make(tmp_path, {"a@1": ["file 1 path=x"], "b@1": ["file 2 path=x"]}, ["a@1"])
    assert conflicts.find(made, made, adding(made, "b@1")) == (
        "The following packages all deliver file actions to x:\n\n"
        f"  {name('a@1')}\n  {name('b@1')}\n\n"
        "These packages cannot be installed together. Any non-conflicting subset\n"
        "of the above packages can be installed."
    )


def test_one_that_goes_is_not_in_the_way(tmp_path: Path) -> None:
    made = make(tmp_path, {"a@1": ["file 1 path=x"], "b@1": ["file 2 path=x"]}, ["a@1"])
    plan = adding(made, "b@1")
    plan.remove = [made.installed()["a"]]
    assert conflicts.find(made, made, plan) == ""


def test_kinds_and_attributes_must_agree(tmp_path: Path) -> None:
    packages = {"a@1": [DIRECTORY], "b@1": ["link path=etc/x target=y"], "c@1": [DIRECTORY.replace("0755", "0700")]}
    made = make(tmp_path, packages, ["a@1"])
    found = conflicts.find(made, made, adding(made, "b@1"))
    assert found.startswith("The following packages deliver conflicting action types to etc/x:\n\n  dir:\n")
    found = conflicts.find(made, made, adding(made, "c@1"))
    assert "for dir 'etc/x' with conflicting attributes:\n\n    1 package delivers 'dir group=bin mode=0700" in found
