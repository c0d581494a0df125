"""A host as it was when a recording of pkg began, from the recording's ``start`` alone."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from testbed import host, layout, zones
from testbed.conformance.packages.recording import Library, Recording
from testbed.host import Host
from testbed.ips import fmri, linked
from testbed.ips.images import build, config, image
from testbed.ips.repositories import repository
from testbed.state import KernelZone

DRAGGED = {
    4: "SUNWcs library/security/openssl-3 library/zlib package/pkg release/name runtime/python-312 system/library",
    5: "SUNWcsd library/security/openssl-3 library/zlib network/openssh ooce/library/pcre2 ooce/library/readline"
    " runtime/python-311 system/library system/library/gcc-runtime",
}
"""Image format -> what nobody asked for by name where the recordings were taken: ``start`` does not tell it."""
DRAGGED_GLOBAL = {4: "", 5: "package/pkg release/name shell/bash"}
"""The same, in the global zone only."""


def make(directory: Path, recording: Recording, library: Library) -> Host:
    """The host below ``directory``, which must not exist."""
    start, image_format = recording["start"], recording["image_format"]
    made = host.create(directory)
    with made.locked():
        be_uuid = str(uuid.uuid4())
        layout.make_pool(made, f"omnios-{start['release']}", be_uuid)
        if any("No libbe on the machine" in note for note in recording.get("notes", [])):
            made.state.settings["libbe"] = False
        made.state.settings["pkg_dialect"] = "r151054" if image_format == 4 else "master"
        made.mkdir("/etc/zones")
        publish(made, library, start["repositories"])
        _image(made, "/", start["global"], image_format)
        entries = [zones.IndexEntry("global", "installed", "/", "")]
        for zone in start["zones"]:
            configure(made, zone["name"], zone["brand"], zone["path"])
            layout.make_zone(made, zone["path"], be_uuid)
            entries.append(zones.IndexEntry(zone["name"], "installed", zone["path"], ""))
            if zone.get("installed"):
                _image(made, f"{zone['path']}/root", zone, image_format)
        zones.write_index(made, entries)
        for zone in start["zones"]:
            set_state(made, zone["name"], zone["state"])
        _sync(made, [zone for zone in start["zones"] if zone.get("synced")])
        if start["name"] in CHANGED_SINCE:
            image.open(made.path("/")).write_linked({"linked_prop": {"li-path": "/"}})
    return made


CHANGED_SINCE = ("base", "hbase")
"""Start states whose global zone has changed packages since it has children, so that its own linked metadata stand.

A start does not say so; sync-linked alone does not write them (images/FORMAT-v4.md).
"""


def publish(made: Host, library: Library, stage: str) -> None:
    """From now on the repositories have what they had at ``stage``."""
    offers = {
        uri: {"publisher": entry["publisher"], "fmris": entry["packages"]}
        for uri, entry in library.stages[stage].items()
    }
    repository.store(made, offers, library.manifests, library.payloads)


def configure(made: Host, name: str, brand: str, zonepath: str) -> None:
    text = f'<zone name="{name}" zonepath="{zonepath}" autoboot="false" brand="{brand}" ip-type="exclusive"/>\n'
    made.write(f"/etc/zones/{name}.xml", text)
    zones.install_brand(made, brand)


def set_state(made: Host, name: str, state: str) -> None:
    """The state that `zoneadm list -cp` shows of a configured zone."""
    entries = zones.read_index(made)
    for entry in entries:
        if entry.name == name:
            entry.state = "installed" if state in zones.KERNEL_STATES else state
    zones.write_index(made, entries)
    made.state.kernel_zones.pop(name, None)
    if state in zones.KERNEL_STATES:
        made.state.kernel_zones[name] = KernelZone(made.state.next_zone_id, state)
        made.state.next_zone_id += 1


def _asked_for(content: dict[str, Any], root: str, image_format: int) -> list[str]:
    """Stems that are marked as installed by name."""
    dragged = DRAGGED[image_format].split() + (DRAGGED_GLOBAL[image_format].split() if root == "/" else [])
    return [stem for stem in (fmri.parse(text).stem for text in content["installed"]) if stem not in dragged]


def _image(made: Host, root: str, content: dict[str, Any], image_format: int) -> None:
    if content.get("frozen"):
        raise ValueError("packages frozen at the start are not set up: no recording shows in which form they stand")
    written = build.build_image(
        made,
        root,
        format=image_format,
        publishers=_publishers(content["publishers"]),
        installed=content["installed"],
        variants={row["variant"]: row["value"] for row in content["variants"]},
        manual=_asked_for(content, root, image_format),
        facets={row["facet"]: row["value"] in (True, "True") for row in content.get("facets") or []},
    )
    for name, value in (content.get("properties") or {}).items():
        written.config["property"][name] = str(value)
    written.save_config()


def _publishers(rows: list[dict[str, str]]) -> list[config.Publisher]:
    """Rows of `publisher -F tsv`, one an origin or mirror."""
    named: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        named.setdefault(row["publisher"], []).append(row)
    return [
        config.publisher(
            name,
            [row["uri"] for row in own if row["type"] == "origin"],
            [row["uri"] for row in own if row["type"] == "mirror"],
            sticky=own[0]["sticky"] == "true",
            enabled=own[0]["enabled"] == "true",
        )
        for name, own in named.items()
    ]


def _sync(made: Host, synced: list[dict[str, Any]]) -> None:
    """What a sync-linked before the recording left: a zone's metadata."""
    parent = image.open(made.path("/"))
    for zone in synced:
        child = linked.Child(f"zone:{zone['name']}", f"{zone['path']}/root")
        wanted = linked.metadata(parent, child, linked.packages(parent))
        image.open(made.path(child.root)).write_linked(wanted)
