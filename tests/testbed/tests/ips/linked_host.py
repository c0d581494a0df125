"""A host with a global zone and one linked zone, and packages with facets, mediators and a parent dependency."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from testbed import command, zones
from testbed.host import Host, create
from testbed.ips.images import build, config
from testbed.ips.repositories import repository

ROOT = "/zones/web01/root"
STAMP = "5.11-0:20261121T055207Z"
SELF = "depend type=parent fmri=feature/package/dependency/self variant.opensolaris.zone=nonglobal"
PACKAGES = {
    "system/zones": [],
    "base": [SELF],
    "lock": ["depend type=incorporate fmri=base@1 facet.version-lock.base=true"],
    "doc": ["file a path=opt/doc facet.doc.man=true mode=0444", "file b path=opt/all mode=0444"],
    "one": ["link path=opt/tool target=one mediator=tool mediator-version=1"],
    "two": ["file c path=opt/two mode=0555", "link path=opt/tool target=two mediator=tool mediator-version=2"],
}


def make(directory: Path) -> Host:
    made = create(directory)
    made.state.settings["pkg_dialect"] = "master"
    names = {stem: f"pkg://omnios/{stem}@1,{STAMP}" for stem in PACKAGES}
    manifests = {name: [f"set name=pkg.fmri value={name}", *PACKAGES[stem]] for stem, name in names.items()}
    repository.store(made, {"file:///core/": {"publisher": "omnios", "fmris": list(names.values())}}, manifests)
    _image(made, "/", PACKAGES, "global")
    made.mkdir("/etc/zones")
    zones.install_brand(made, "sparse")
    zones.write_index(made, [zones.IndexEntry("global", "installed", "/", "")])
    add_zone(made, "web01")
    made.save()
    assert command.run(made, ["pkg", "sync-linked", "-a"]).rc == 0
    assert command.run(made, ["pkg", "update"]).rc == 0  # writes the parent's own linked metadata
    return made


def add_zone(made: Host, name: str) -> None:
    """One more linked zone, not yet synced."""
    path = f"/zones/{name}"
    text = f'<zone name="{name}" zonepath="{path}" autoboot="false" brand="sparse" ip-type="exclusive"/>\n'
    made.write(f"/etc/zones/{name}.xml", text)
    _image(made, f"{path}/root", ("base", "doc", "one", "two"), "nonglobal")
    zones.write_index(made, [*zones.read_index(made), zones.IndexEntry(name, "installed", path, "")])
    made.save()


def _image(made: Host, root: str, stems: Iterable[str], zone: str) -> None:
    build.build_image(
        made,
        root,
        format=5,
        publishers=[config.publisher("omnios", ["file:///core/"])],
        installed=[f"pkg://omnios/{stem}@1,{STAMP}" for stem in stems],
        variants={"variant.opensolaris.zone": zone},
    )
