"""Image trees of the real pkg, unpacked once."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[3] / "fixtures"


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory):
    """A function: name of an image archive -> directory it is unpacked in (shared: do not change it)."""
    done: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            with tarfile.open(FIXTURES / "images" / f"{name}.tar.xz") as archive:
                # an attribute, for the argument is unknown to the Python 3.11.2 of Debian 12
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                archive.extractall(done[name])
        return done[name]

    return unpack
