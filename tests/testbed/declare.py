"""A host from its declaration in YAML. README.md describes the format with examples.

Keys of a declaration, all optional::

    distribution: omnios          or openindiana: ipkg is linked and nlipkg is not
    release: r151054              of the global zone; built in are those of releases.yml
    image_format: 4               4 or 5; default the release's
    boot_environment: NAME        the running one, default omnios-RELEASE
    other_boot_environments: [NAME, ...]   made as `beadm create` would, in this order
    publishers: [PUBLISHER, ...]  default: omnios and extra.omnios of the release
    origins: {PUBLISHER: URI}     where the built-in repositories are, `{release}` is replaced; see releases.yml
    packages: {add: [STEM[@RELEASE], ...], remove: [STEM, ...]}
    repositories: [{uri, publisher, release, packages: [PACKAGE, ...]}]    PACKAGE: see packages.py
    updates: {NAME: [PART, ...]}  what repositories get later, see updates.py
    zones: [ZONE, ...]
    files: {PATH: TEXT}           further files of the global zone
    uname: {nodename: gz1}        fields of uname that differ from a usual host's
    zonename: global              another name: the host itself is a zone of that name
    settings, faults, offline, locks, immutable, busy, vnics: see state.py, zones.py, faults.py

PUBLISHER: {name, origins: [URI], mirrors: [URI], sticky: true, enabled: true}.

ZONE::

    name: web01
    brand: ipkg
    state: installed              or configured (detached), incomplete, ready, running, shutting_down, down, mounted
    zonepath: /zones/NAME
    release: RELEASE              default the host's; also of its publishers
    image_format: 4               default the host's if it declares one, else the release's
    publishers, packages          as above
    autoboot: false
    linked: true                  has the parent's metadata; default: if the brand is linked and the zone not detached
    delegated: [DATASET, ...]     datasets made, given to the zone and mounted nowhere
    files: {PATH: TEXT}           in its root, written by the tenant
    xml: TEXT                     elements of its configuration (<network .../>) as they stand in the file
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from testbed import boot, host, layout, packages, smf, updates, zfs, zones
from testbed.host import Host
from testbed.ips import fmri, linked
from testbed.ips.fmri import Fmri
from testbed.ips.images import build, config
from testbed.ips.images.config import Publisher
from testbed.ips.images.image import Image
from testbed.ips.repositories import repository
from testbed.ips.repositories.repository import Repositories
from testbed.packages import BuiltIn, Offer
from testbed.state import KernelZone
from testbed.zones import IndexEntry

OPENINDIANA_LINKED = ["ipkg", "sparse", "pkgsrc"]
"""There nlipkg is the brand that is not linked."""
GLOBAL_DIRECTORIES = ("etc/zones", "var/tmp", "var/log", "var/run", "tmp", "root", "export", "dev", "proc")


class Invalid(ValueError):
    """The declaration cannot be made a host; the message says what to change."""


def declare(directory: Path | str, text: str) -> Host:
    """Make the host that the YAML ``text`` declares, in ``directory``, which must not exist. Raises Invalid."""
    wanted: dict[str, Any] = yaml.safe_load(text) or {}
    _check_keys("the host", wanted, HOST_KEYS)
    for entry in wanted.get("zones", []):
        _check_keys(f"zone {entry.get('name', '?')}", entry, ZONE_KEYS)
    made = host.create(directory)
    with made.locked():
        _Builder(made, wanted).build()
        made.changed = False
    return made


HOST_KEYS = {"release", "image_format", "boot_environment", "other_boot_environments", "publishers", "packages"}
HOST_KEYS |= {
    "origins",
    "repositories",
    "updates",
    "zones",
    "files",
    "settings",
    "faults",
    "offline",
    "locks",
    "busy",
    "vnics",
}
HOST_KEYS |= {"uname", "zonename", "distribution", "immutable"}
ZONE_KEYS = {"name", "brand", "state", "zonepath", "release", "image_format", "publishers", "packages", "autoboot"}
ZONE_KEYS |= {"linked", "delegated", "files", "xml"}


def _check_keys(what: str, given: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise Invalid(f"{what} has unknown keys: {', '.join(unknown)}; known are {', '.join(sorted(known))}")


class _Builder:
    def __init__(self, made: Host, wanted: dict[str, Any]) -> None:
        self.host = made
        self.wanted = wanted
        self.built_in: BuiltIn = packages.built_in(wanted.get("origins", {}))
        self.release: str = wanted.get("release", "r151054")
        self.be: str = wanted.get("boot_environment", f"omnios-{self.release}")
        self.be_uuid = str(uuid.uuid4())
        self.repos = Repositories(made)

    def build(self) -> None:
        state = self.host.state
        dialect = "master" if self._format({}, self.release) == 5 else "r151054"  # which cannot read format 5
        state.settings = {"pkg_dialect": dialect, **self.wanted.get("settings", {})}
        self._repositories()
        layout.make_pool(self.host, self.be, self.be_uuid)
        for name in GLOBAL_DIRECTORIES:
            self.host.mkdir(f"/{name}")
        parent = self._global_image()
        if self.wanted.get("distribution", "omnios") == "openindiana":
            self._openindiana()
        self._files("", self.wanted.get("files", {}))
        self._zones(parent)
        state.uname = {"version": f"omnios-{self.release}-0123456789", **self.wanted.get("uname", {})}
        state.zonename = self.wanted.get("zonename", "global")
        smf.zone_booted(self.host, state.zonename)
        for name in self.wanted.get("other_boot_environments", []):
            boot.create_be(self.host, name)
        for key in ("offline", "locks", "immutable", "busy", "vnics"):
            setattr(state, key, list(self.wanted.get(key, [])))
        state.faults = [dict(fault) for fault in self.wanted.get("faults", [])]

    # -- repositories -------------------------------------------------------------------------------------------------

    def _repositories(self) -> None:
        offer = Offer()
        repositories: dict[str, dict[str, Any]] = {}
        for release in self.built_in.releases.values():
            for package in self.built_in.raw["packages"]:
                publisher = package.get("publisher", "omnios")
                entry = repositories.setdefault(
                    self.built_in.origin(publisher, release.name), {"publisher": publisher, "fmris": []}
                )
                entry["fmris"].append(offer.add(package, release))
        for declared in self.wanted.get("repositories", []):
            release = self.built_in.releases[declared.get("release", self.release)]
            entry = repositories.setdefault(declared["uri"], {"publisher": declared["publisher"], "fmris": []})
            for package in declared["packages"]:
                entry["fmris"].append(offer.add({"publisher": declared["publisher"], **package}, release))
        repository.store(self.host, repositories, offer.manifests, offer.payloads)
        updates.declare(self.host, self.built_in, self.wanted, self.release)

    def _publishers(self, declared: list[dict[str, Any]] | None, release: str) -> list[Publisher]:
        if declared is None:
            names = self.built_in.raw["origins"]
            return [config.publisher(name, [self.built_in.origin(name, release)]) for name in names]
        made = []
        for entry in declared:
            made.append(
                config.publisher(
                    entry["name"],
                    [repository.uri(text) for text in entry.get("origins", [])],
                    [repository.uri(text) for text in entry.get("mirrors", [])],
                    entry.get("sticky", True),
                    entry.get("enabled", True),
                )
            )
        return made

    def _packages(self, stems: Iterable[str], change: dict[str, Any], release: str) -> list[Fmri]:
        chosen = [stem for stem in stems if stem not in change.get("remove", [])] + list(change.get("add", []))
        return [self._package(text, release) for text in chosen]

    def _package(self, text: str, release: str) -> Fmri:
        """STEM or STEM@RELEASE, of the built-in packages or a declared repository."""
        stem, _, named = text.partition("@")
        package = self.built_in.package(stem)
        if package is not None:
            return fmri.parse(packages.fmri(package, self.built_in.releases[named or release]))
        found = [name for name in self.repos.all() if name.stem == stem]
        if not found:
            raise Invalid(f"no declared repository has the package {stem}")
        return max(found, key=lambda name: name.known.key)

    def _known(self, publishers: list[Publisher]) -> list[Fmri]:
        return [name for entry in publishers for uri in entry.origins for name in self.repos.offered(uri)]

    def _image(self, root: str, declared: dict[str, Any], release: str, stems: Iterable[str], zone: str) -> Image:
        publishers = self._publishers(declared.get("publishers"), release)
        return build.build_image(
            self.host,
            root,
            format=self._format(declared, release),
            publishers=publishers,
            installed=[str(each) for each in self._packages(stems, declared.get("packages", {}), release)],
            known=[str(each) for each in self._known(publishers)],
            variants={
                "variant.arch": "i386",
                "variant.opensolaris.imagetype": "full",
                "variant.opensolaris.zone": zone,
            },
        )

    def _format(self, declared: dict[str, Any], release: str) -> int:
        """An image is in the format of the pkg that made it: the release's, unless the declaration has one for all."""
        wanted = self.wanted.get("image_format", self.built_in.releases[release].image_format)
        return int(declared.get("image_format", wanted))

    # -- the global zone -----------------------------------------------------------------------------------------------

    def _global_image(self) -> Image:
        stems = [*self.built_in.raw["default"], *self.built_in.raw["default_global"]]
        return self._image("/", self.wanted, self.release, stems, "global")

    def _openindiana(self) -> None:
        self.host.state.settings.setdefault("linked_brands", OPENINDIANA_LINKED)
        self.host.write("/etc/release", "             OpenIndiana Hipster 2025.10 (powered by illumos)\n")
        zones.install_brand(self.host, "nlipkg")

    # -- zones ---------------------------------------------------------------------------------------------------------

    def _zones(self, parent: Image) -> None:
        entries = [IndexEntry("global", "installed", "/", "")]
        for declared in self.wanted.get("zones", []):
            entries.append(self._zone(declared, parent))
        zones.write_index(self.host, entries)
        for declared in self.wanted.get("zones", []):
            if declared.get("state") in zones.KERNEL_STATES:
                self._kernel_zone(declared["name"], declared["state"], declared.get("brand", "ipkg"))

    def _kernel_zone(self, name: str, state: str, brand: str) -> None:
        self.host.state.kernel_zones[name] = KernelZone(self.host.state.next_zone_id, state, brand)
        self.host.state.next_zone_id += 1
        if state == "running":
            smf.zone_booted(self.host, name)
            for instance in self.host.state.services[name].values():
                instance.polls = 0  # it came up long ago

    def _zone(self, declared: dict[str, Any], parent: Image) -> IndexEntry:
        name = declared["name"]
        zonepath = declared.get("zonepath", f"/zones/{name}")
        state = declared.get("state", "installed")
        brand = declared.get("brand", "ipkg")
        root = f"{zonepath}/root"
        self._zone_xml(declared, name, zonepath, brand)
        dataset = layout.make_zone(self.host, zonepath, self.be_uuid)
        self.host.path(zonepath).chmod(0o700)
        release = declared.get("release", self.release)
        made = self._image(root, declared, release, self.built_in.raw["default"], "nonglobal")
        if state != "configured" and declared.get("linked", brand in linked.brands(self.host)):
            child = linked.Child(f"zone:{name}", root)
            made.write_linked(linked.metadata(parent, child, linked.packages(parent)))
        self._files(root, declared.get("files", {}))
        for delegated in declared.get("delegated", []):
            zfs.create(self.host, delegated, {"zoned": "on"}, parents=True)
        if state == "configured":
            self._detached(name, zonepath, dataset)
        kept = "installed" if state in zones.KERNEL_STATES else state
        return IndexEntry(name, kept, zonepath, "" if kept == "configured" else zones.new_uuid())

    def _zone_xml(self, declared: dict[str, Any], name: str, zonepath: str, brand: str) -> None:
        element = ElementTree.fromstring(f"<zone>{declared.get('xml', '')}</zone>")
        element.set("name", name)
        element.set("zonepath", zonepath)
        element.set("autoboot", "true" if declared.get("autoboot") else "false")
        element.set("brand", brand)
        element.set("ip-type", "exclusive")
        element.set("debugid", str(self.host.state.tick()))
        for delegated in declared.get("delegated", []):
            ElementTree.SubElement(element, "dataset", name=delegated)
        zones.write_xml(self.host, name, element)

    def _detached(self, name: str, zonepath: str, zbe: str) -> None:
        """As the detach hook leaves a zone."""
        for prop, value in (("zoned", "off"), ("canmount", "on"), ("mountpoint", f"{zonepath}/root")):
            zfs.set(self.host, zbe, prop, value)
        text = self.host.path(zones.xml_path(name)).read_text()
        self.host.write(f"{zonepath}/SUNWdetached.xml", text)

    def _files(self, root: str, files: dict[str, str]) -> None:
        for path, text in files.items():
            self.host.write(f"{root}/{path.lstrip('/')}", text)
