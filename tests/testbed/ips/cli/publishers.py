"""pkg publisher: the publishers of an image, in a table or one by one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from testbed.ips.cli.info import date
from testbed.ips.cli.options import Options, parse, usage
from testbed.ips.images.config import Publisher
from testbed.ips.images.files import stamp
from testbed.ips.images.image import Image
from testbed.ips.session import Exit, Session

FORMATS = ("default", "tsv")
COLUMNS = ["PUBLISHER", "STICKY", "SYSPUB", "ENABLED", "TYPE", "STATUS", "URI", "PROXY"]


@dataclass
class Row:
    """A URI of a publisher; all empty for a publisher without any."""

    kind: str = ""
    status: str = ""
    uri: str = ""
    proxy: str = ""
    enabled: bool = True

    def tsv(self, entry: Publisher) -> str:
        words = (str(word).lower() for word in (entry.sticky, False, self.enabled))
        return "\t".join([entry.name, *words, self.kind, self.status, self.uri, self.proxy])

    def line(self, entry: Publisher) -> str:
        words = [word for word, on in (("non-sticky", not entry.sticky), ("disabled", not entry.enabled)) if on]
        proxied = "" if not self.uri else "F" if self.proxy == "-" else "T"
        return _line(entry.name, f"({', '.join(words)})" if words else "", self.kind, self.status, proxied, self.uri)


def publisher(session: Session, args: list[str]) -> int:
    given = parse("publisher", args, "HPnF:", "output-format=")
    form = given.one("-F", "--output-format") or "default"
    if form not in FORMATS:
        reason = f"Argument '{form}' for option '-F/--output-format' is invalid.\nSupported: {', '.join(FORMATS)}"
        raise usage("publisher", reason)
    if given.words:
        return _details(session, given.words)
    rows = [(entry, row) for entry in _shown(session.image, given) for row in _rows(entry)]
    if form == "tsv":
        lines = ["\t".join(COLUMNS), *(row.tsv(entry) for entry, row in rows)]
    else:
        head = _line("PUBLISHER", "", "TYPE", "STATUS", "P", "LOCATION")
        lines = [head, *(row.line(entry) for entry, row in rows)]
    session.out("".join(f"{line}\n" for line in (lines[1:] if given.has("-H") else lines)))
    return 0


def _line(*cells: str) -> str:
    return "{:14} {:12} {:8} {:2} {} {}".format(*cells)


def _shown(image: Image, given: Options) -> list[Publisher]:
    if given.has("-P"):
        return image.publishers[:1]
    return image.enabled if given.has("-n") else image.publishers


def _rows(entry: Publisher) -> list[Row]:
    """Origins sorted, mirrors in their order; whether a mirror is enabled is what was said last of an origin."""
    rows = [
        Row("origin", "online" if on else "disabled", uri, entry.proxy(uri) or "-", on)
        for uri, on in ((uri, entry.origin_enabled(uri)) for uri in sorted(entry.origins))
    ]
    last = rows[-1].enabled if rows else entry.enabled
    rows += [Row("mirror", "online", uri, entry.proxy(uri) or "-", last) for uri in entry.mirrors]
    return rows or [Row(enabled=entry.enabled)]


def _details(session: Session, names: list[str]) -> int:
    found = [_named(session.image, name) for name in names]
    for entry in found:
        labels = [("Publisher", entry.name), ("Alias", entry.raw["alias"])]
        for uri in entry.origins:
            status = "Online" if entry.origin_enabled(uri) else "Disabled"
            labels += [("Origin URI", uri), ("Origin Status", status), *_access(entry, uri)]
        for uri in entry.mirrors:
            labels += [("Mirror URI", uri), ("Mirror Status", "Online"), *_access(entry, uri)]
        labels += [("Client UUID", entry.raw["uuid"]), ("Catalog Updated", _updated(session.image, entry))]
        labels.append(("Publisher enabled", "Yes" if entry.enabled else "No"))
        text = "\n" + "".join(f"{label:>21}: {value}\n" for label, value in labels)
        properties = {key: value for key, value in sorted(entry.properties.items()) if value}
        if properties:
            text += "           Properties:\n"
            text += "".join(f"{key:>27} = {_listed(value)}\n" for key, value in properties.items())
        session.out(text)
    return 0


def _named(image: Image, name: str) -> Publisher:
    for entry in image.publishers:
        if name in (entry.name, entry.raw["alias"]):
            return entry
    raise Exit(1, f"pkg: Unknown publisher '{name}'.\n")


def _access(entry: Publisher, uri: str) -> list[tuple[str, str]]:
    """How a URI is reached; keys and certificates are for https only."""
    proxy = entry.proxy(uri)
    secure = uri.startswith("https:")
    keys = [(label, (entry.raw[key] if secure else "") or "None") for label, key in SSL]
    return [*([("Proxy", proxy)] if proxy else []), *keys]


SSL = (("SSL Key", "ssl_key"), ("SSL Cert", "ssl_cert"))


def _updated(image: Image, entry: Publisher) -> str:
    """When the newest package came into the publisher's catalogs; now, where there are none."""
    path = image.meta / "publisher" / entry.name / "catalog/catalog.attrs"
    return date(json.loads(path.read_text())["last-modified"] if path.exists() else stamp(True))


def _listed(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(sorted(value))
