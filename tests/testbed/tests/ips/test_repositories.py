"""Repositories on disk: as pkgrepo(1) writes them, read, written and published to."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from testbed import command
from testbed.host import Host, create
from testbed.ips import fmri
from testbed.ips.images import build, config, image
from testbed.ips.repositories import repository
from testbed.ips.repositories.file_repository import FileRepository, described
from testbed.ips.repositories.repository import Repositories

from .conftest import FIXTURES

RECORDINGS = FIXTURES / "recordings"
CORE, EXTRA = "file:///repo/r151046/core/", "file:///repo/r151046/extra/"


def document(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text())


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded repositories of stage `base`, as the real tools wrote them."""
    place = tmp_path_factory.mktemp("real")
    with tarfile.open(RECORDINGS / "repositories-base.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(place)
    return place


def offers(stage: str) -> dict[str, Any]:
    return {
        uri: {"publisher": entry["publisher"], "fmris": entry["packages"]}
        for uri, entry in document("repositories.json")[stage].items()
    }


def make_image(host: Host, stems: list[str], root: str = "/") -> None:
    names = [name for offer in offers("base").values() for name in offer["fmris"]]
    build.build_image(
        host,
        root,
        format=5,
        publishers=[config.publisher("omnios", [CORE]), config.publisher("extra.omnios", [EXTRA])],
        installed=[name for name in names if fmri.parse(name).stem in stems and "151046" in name],
        variants={"variant.opensolaris.zone": "global"},
    )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with the repositories of stage `base` and an image that has zlib from them."""
    made = create(tmp_path / "host")
    publish(made, "base")
    make_image(made, ["library/zlib"])
    return made


def publish(host: Host, stage: str) -> None:
    repository.store(host, offers(stage), document("manifests.json"), document("payloads.json"))


def undated(content: Any) -> Any:
    """Without times, and without the signatures that hold them."""
    if isinstance(content, list):
        return [undated(entry) for entry in content]
    if not isinstance(content, dict):
        return content
    kept = {key: value for key, value in content.items() if key not in ("_SIGNATURE", "op-time", "last-modified")}
    if "last-modified" in content:
        kept.pop("signature-sha-1", None)
    return {key: undated(value) for key, value in kept.items() if key not in ("created", "updates")}


def test_what_the_testbed_writes_is_what_the_real_tools_wrote(host: Host, real: Path) -> None:
    recorded = {path.relative_to(real) for path in real.rglob("*") if path.is_file() and "update." not in path.name}
    place = host.private
    written = {path.relative_to(place) for path in (place / "repo").rglob("*") if path.is_file()}
    assert recorded == {path for path in written if "update." not in path.name}
    for path in recorded:
        if path.parent.name == "catalog":
            both = [undated(json.loads((top / path).read_text())) for top in (place, real)]
            assert both[0] == both[1], path
        else:
            assert (place / path).read_bytes() == (real / path).read_bytes(), path


def test_the_update_log_is_that_of_the_real_tools(host: Host, real: Path) -> None:
    both = []
    for top in (host.private, real):
        (log,) = (top / "repo/r151046/core/publisher/omnios/catalog").glob("update.*")
        both.append(undated(json.loads(log.read_text())))
    assert both[0] == both[1]


def test_a_repository_of_the_real_tools_is_used_as_it_lies_there(tmp_path: Path, real: Path) -> None:
    made = create(tmp_path / "host")
    image.create(made.path("/"), format=5, publishers=[], variants={"variant.opensolaris.zone": "global"})
    (made.private / "repo").symlink_to(real / "repo")
    assert command.run(made, ["pkg", "set-publisher", "-g", CORE, "omnios"]).rc == 0
    done = command.run(made, ["pkg", "install", "library/zlib"])
    assert (done.rc, done.stderr) == (0, "")
    assert made.path("/opt/ul/zlib/zlib").read_text() == "# opt/ul/zlib/zlib\nversion 1.2.13\n"


def test_what_is_published_later_is_seen_at_the_next_refresh(host: Host) -> None:
    known = host.path("/var/pkg/publisher/omnios/catalog/catalog.base.C")
    before = known.stat().st_mtime_ns
    assert command.run(host, ["pkg", "refresh"]).rc == 0
    assert known.stat().st_mtime_ns == before  # nothing new: not fetched again
    publish(host, "weekly2")
    assert command.run(host, ["pkg", "list", "-u"]).rc == 1
    assert command.run(host, ["pkg", "refresh"]).rc == 0
    assert command.run(host, ["pkg", "list", "-Hu"]).stdout.split()[0] == "library/zlib"
    attributes = json.loads((host.private / "repo/r151046/core/publisher/omnios/catalog/catalog.attrs").read_text())
    assert attributes["created"] < attributes["last-modified"]
    logs = {path.name for path in (host.private / "repo/r151046/core/publisher/omnios/catalog").glob("update.*")}
    assert logs == set(attributes["updates"])


def test_a_repository_that_offers_less_is_made_anew(host: Host) -> None:
    publish(host, "weekly1")
    publish(host, "base")
    found = {str(name) for name in Repositories(host).offered(CORE)}
    assert found == set(offers("base")[CORE]["fmris"])


def test_one_repository_may_have_several_publishers(tmp_path: Path) -> None:
    made = create(tmp_path / "host")
    names = [f"pkg://{publisher}/tool@1,5.11-0:20261121T055207Z" for publisher in ("b", "a", "c")]
    manifests = {name: [f"set name=pkg.fmri value={name}"] for name in names}
    repository.store(made, {CORE: {"publisher": "b", "fmris": names}}, manifests)
    opened = Repositories(made).at(CORE)
    assert opened.publishers == ["b", "a", "c"]
    assert {str(name) for name in Repositories(made).offered(CORE)} == set(names)


@pytest.mark.parametrize("broken", ["away", "not a repository"])
def test_where_no_repository_lies_nothing_is_reached(host: Host, broken: str) -> None:
    place = host.private / "repo/r151046/core"
    (place if broken == "away" else place / "pkg5.repository").rename(place.with_name("away"))
    result = command.run(host, ["pkg", "refresh"])
    assert result.rc == 3
    assert "The path '/repo/r151046/core' does not contain a valid package repository." in result.stderr


def test_payloads_are_compressed_as_pkg_does(real: Path) -> None:
    opened = FileRepository(real / "repo/r151046/core")
    name = next(entry.fmri for entry in opened.catalog("omnios").entries if entry.stem == "library/zlib")
    lines = [line for line in opened.manifest(name) if line.startswith("file ")]
    assert lines

    for line in lines:
        payload = opened.payload(line.split()[1])
        assert payload is not None
        found = described(payload)
        assert found["hash"] == line.split()[1]
        for key in ("chash", "pkg.content-hash", "pkg.csize", "pkg.size"):
            assert f" {key}={found[key]}" in line
