"""What a host's repositories get later: declared with the host, published while it runs.

An update is a list of parts under ``updates: {NAME: [PART, ...]}`` of a declaration (or of releases.yml)::

    uri: URI                 of the repository, default the built-in one of publisher and release
    publisher: omnios        default omnios
    release: RELEASE         whose branch the packages get; default the host's
    days: 7                  so long after the release they were made; default 7
    label: r151054a          what `{release}` stands for in their files; default RELEASE-NAME
    packages: [PACKAGE, ...] as packages.py has it, or the name of a package that the release has already: the same
                             with a new time stamp. What a mapping does not say is taken from that package, too
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from testbed.host import Host
from testbed.ips import fmri
from testbed.ips.repositories import repository
from testbed.ips.repositories.repository import Repositories
from testbed.packages import BuiltIn, Offer, Release

Part = dict[str, Any]
STAMP = "%Y%m%dT%H%M%SZ"


class Unknown(ValueError):
    """No such update; the message names those there are."""


def declare(host: Host, built_in: BuiltIn, wanted: dict[str, Any], release: str) -> None:
    """Keep the updates of a host of this release: the built-in ones and those that its declaration adds."""
    stages = {
        name: [{"release": each, **part, "label": each + part["label"]} for each in built_in.releases for part in parts]
        for name, parts in built_in.raw["updates"].items()
    }
    stages |= {
        name: [{"release": release, **part} for part in parts] for name, parts in wanted.get("updates", {}).items()
    }
    known = _packages(built_in, wanted)
    content = {name: [_offer(name, part, built_in, known) for part in parts] for name, parts in stages.items()}
    (host.private / "repos/updates.json").write_text(json.dumps(content))


def _packages(built_in: BuiltIn, wanted: dict[str, Any]) -> dict[tuple[str, str], Part]:
    """Every package offered from the start, by publisher and name."""
    found = {(entry.get("publisher", "omnios"), entry["name"]): entry for entry in built_in.raw["packages"]}
    for declared in wanted.get("repositories", []):
        for entry in declared["packages"]:
            found[(declared["publisher"], entry["name"])] = entry
    return found


def _offer(stage: str, part: Part, built_in: BuiltIn, known: dict[tuple[str, str], Part]) -> Part:
    """``uri``, ``publisher``, ``manifests`` and ``payloads`` of one part."""
    publisher = part.get("publisher", "omnios")
    release = built_in.releases[part["release"]]
    later = _later(release, part.get("days", 7), part.get("label", f"{release.name}-{stage}"))
    offer = Offer()
    for entry in part["packages"]:
        given = {"name": entry} if isinstance(entry, str) else entry
        before = known.get((publisher, given["name"]), {})
        offer.add({**before, "publisher": publisher, **given}, later)
    uri = part.get("uri") or built_in.origin(publisher, release.name)
    return {"uri": uri, "publisher": publisher, "manifests": offer.manifests, "payloads": offer.payloads}


def _later(release: Release, days: int, label: str) -> Release:
    date = datetime.strptime(release.stamp, STAMP) + timedelta(days=days)
    return replace(release, stamp=date.strftime(STAMP), label=label)


def publish(host: Host, name: str) -> None:
    """Publish an update: from now on the repositories have it. Once more changes nothing. Raises Unknown."""
    stages = json.loads((host.private / "repos/updates.json").read_text())
    if name not in stages:
        raise Unknown(f"there is no update {name}: there are {', '.join(sorted(stages))}")
    repositories = Repositories(host)
    for part in stages[name]:
        place = repositories.at(part["uri"])
        if not place.exists:
            place.create(part["publisher"])
        manifests = {fmri.parse(text): lines for text, lines in part["manifests"].items()}
        fresh = {package: lines for package, lines in manifests.items() if not place.has(package)}
        repository.publish(place, fresh, part["payloads"])
