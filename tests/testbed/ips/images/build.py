"""Images as declared: for hosts from YAML and for replays of recordings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from testbed.host import Host
from testbed.ips.acting import deliver
from testbed.ips.acting.tree import Tree
from testbed.ips.fmri import Fmri
from testbed.ips.images import catalog, config, image, settings, v4
from testbed.ips.images.catalog import Catalog
from testbed.ips.images.config import Publisher
from testbed.ips.images.files import stamp
from testbed.ips.images.image import Image
from testbed.ips.planning import settle
from testbed.ips.planning.planner import Plan
from testbed.ips.repositories import refresh
from testbed.ips.repositories.repository import Repositories


def build_image(
    host: Host,
    root: str,
    *,
    format: int,
    publishers: list[Publisher],
    installed: Iterable[str],
    variants: Mapping[str, str],
    known: Iterable[str] | None = None,
    facets: Mapping[str, bool] | None = None,
    manual: Iterable[str] | None = None,
    files: bool = True,
) -> Image:
    """Make an image at ``root`` (a path of the host) with these FMRIs installed and their files delivered.

    The repositories must have been stored. ``known``: what the image knows without a refresh (default: what its
    publishers offer now). ``manual``: stems marked as asked for by name (default: all that no other package requires,
    and entire). Raises KeyError for an FMRI that no repository's manifests have.
    """
    repositories = Repositories(host)
    names = [repositories.complete(text) for text in installed]
    made = image.create(host.path(root), format=format, publishers=publishers, variants=dict(variants))
    if facets:
        made.config["facet"] = {name: str(value) for name, value in facets.items()}
        made.save_config()
    if known is None:
        refresh.fetch(made, repositories, made.enabled)
    else:
        _write_catalogs(made, repositories, [repositories.complete(text) for text in known])
    present = {entry.fmri for entry in made.known.entries}
    made.known.entries += repositories.entries([name for name in names if name not in present])
    wanted = set(names)
    arriving = [entry for entry in made.known.entries if entry.fmri in wanted]
    for entry in arriving:
        made.write_manifest(entry.fmri, repositories.manifest(entry.fmri))
    asked = set(manual) if manual is not None else _asked_for(arriving)
    plan = Plan(add=arriving, manual=[entry for entry in arriving if entry.stem in asked])
    settle.settle(made, plan, lambda entry: repositories.manifest(entry.fmri), settings.of(made))
    if files:
        changes = deliver.changes(made, plan, lambda entry: repositories.manifest(entry.fmri))
        Tree(host, root, repositories).carry_out(changes)
    deliver.record(made, plan)
    refresh.rebuild(made)
    made.save()
    host.changed = True
    return made


def _write_catalogs(made: Image, repositories: Repositories, known: list[Fmri]) -> None:
    """Cached catalogs with exactly these packages, as of the first origin of each publisher."""
    for publisher in made.publishers:
        made.catalogs(publisher.name).make_directories()
        entries = repositories.entries([name for name in known if name.publisher == publisher.name])
        if publisher.origins and entries:
            content = Catalog(entries, v4.new_attributes(stamp(True), signed=True), feature=False)
            made.catalogs(publisher.name).write_only(publisher.origins[0], content)
    rest = [name for name in known if name.publisher not in made.order]
    made.known.entries += repositories.entries(rest)
    refresh.rebuild(made)


def _asked_for(entries: Iterable[catalog.Entry]) -> set[str]:
    required = {
        action.get("fmri").partition("@")[0]
        for entry in entries
        for action in entry.actions
        if action.get("type") == "require"
    }
    return {entry.stem for entry in entries if entry.stem not in required or entry.stem == "entire"}


def from_tsv(lines: Iterable[str]) -> list[Publisher]:
    """Publishers from the rows of `publisher -F tsv`, header included or not."""

    uris: dict[str, dict[str, Any]] = {}
    for line in lines:
        name, sticky, _, enabled, kind, _, text, _ = line.split("\t")
        if name == "PUBLISHER":
            continue
        entry = uris.setdefault(name, {"sticky": sticky == "true", "origin": [], "mirror": []})
        entry["enabled"] = enabled == "true"
        if kind in ("origin", "mirror"):
            entry[kind].append(text)
    return [
        config.publisher(name, entry["origin"], entry["mirror"], sticky=entry["sticky"], enabled=entry["enabled"])
        for name, entry in uris.items()
    ]
