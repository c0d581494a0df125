"""A host with a global zone and one linked zone, and packages with facets, mediators and a parent dependency."""

from __future__ import annotations

from pathlib import Path

from testbed import command, zones
from testbed.host import Host, create
from testbed.ips import build, config, repository

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
    for root, chosen, zone in (("/", PACKAGES, "global"), (ROOT, ("base", "doc", "one", "two"), "nonglobal")):
        build.build_image(
            made,
            root,
            format=5,
            publishers=[config.publisher("omnios", ["file:///core/"])],
            installed=[names[stem] for stem in chosen],
            variants={"variant.opensolaris.zone": zone},
        )
    made.mkdir("/etc/zones")
    text = '<zone name="web01" zonepath="/zones/web01" autoboot="false" brand="sparse" ip-type="exclusive"/>\n'
    made.write("/etc/zones/web01.xml", text)
    entries = [("global", "/"), ("web01", "/zones/web01")]
    zones.install_brand(made, "sparse")
    zones.write_index(made, [zones.IndexEntry(name, "installed", path, "") for name, path in entries])
    made.save()
    assert command.run(made, ["pkg", "sync-linked", "-a"]).rc == 0
    assert command.run(made, ["pkg", "update"]).rc == 0  # writes the parent's own linked metadata
    return made
