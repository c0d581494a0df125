"""pkg publisher, set-publisher, unset-publisher, copy-publishers-from, refresh."""

from __future__ import annotations

import contextlib
import re
import shutil
from urllib.parse import urlsplit

from testbed.ips import config, image, messages, refresh
from testbed.ips.cli_query import date
from testbed.ips.config import Publisher
from testbed.ips.contacts import Unreachable
from testbed.ips.options import Options, parse, usage
from testbed.ips.repository import uri
from testbed.ips.session import Exit, Session

COLUMNS = ["PUBLISHER", "STICKY", "SYSPUB", "ENABLED", "TYPE", "STATUS", "URI", "PROXY"]


def publisher(session: Session, args: list[str]) -> int:
    given = parse("publisher", args, "HPnF:", "format=")
    if given.words:
        return _details(session, given.words)
    shown = [entry for entry in session.image.publishers if entry.enabled or not given.has("-n")]
    if given.has("-P"):
        shown = shown[:1]
    form = given.one("-F", "--format")
    if form not in (None, "tsv"):
        raise usage("publisher", f"Unrecognized format {form}. Supported formats: ['tsv']")
    rows = [row for entry in shown for row in (_tsv(entry) if form else _columns(entry))]
    head = [] if given.has("-H") else [COLUMNS if form else ["PUBLISHER", "", "TYPE", "STATUS", "P", "LOCATION"]]
    for row in [*head, *rows]:
        session.out(
            "\t".join(row) + "\n" if form else f"{row[0]:<14} {row[1]:<12} {row[2]:<8} {row[3]:<6} {row[4]} {row[5]}\n"
        )
    return 0


def _uris(entry: Publisher) -> list[tuple[str, str]]:
    return [("origin", text) for text in entry.origins] + [("mirror", text) for text in entry.mirrors]


def _tsv(entry: Publisher) -> list[list[str]]:
    """One row per URI; ENABLED is the origin's, not the publisher's (linked-images.md, section 6)."""
    head = [entry.name, str(entry.sticky).lower(), "false"]
    rows = [
        [*head, str(entry.origin_enabled(text)).lower(), kind, "online", text, entry.proxy(text) or "-"]
        for kind, text in _uris(entry)
    ]
    return rows or [[*head, "true", "", "", "", ""]]


def _columns(entry: Publisher) -> list[list[str]]:
    words = [word for word, on in (("non-sticky", not entry.sticky), ("disabled", not entry.enabled)) if on]
    note = f"({', '.join(words)})" if words else ""
    rows = [[entry.name, note, kind, "online", "T" if entry.proxy(text) else "F", text] for kind, text in _uris(entry)]
    return rows or [[entry.name, note, "", "", "", ""]]


def _details(session: Session, names: list[str]) -> int:
    known = {entry.name: entry for entry in session.image.publishers}
    for name in names:
        if name not in known:
            raise Exit(1, f"pkg: Unknown publisher '{name}'.\n")
        entry = known[name]
        rows = [("Publisher", name), ("Alias", entry.raw.get("alias", ""))]
        for kind, text in _uris(entry):
            rows += [(f"{kind.capitalize()} URI", text), (f"{kind.capitalize()} Status", "Online")]
            rows += [("SSL Key", entry.raw["ssl_key"] or "None"), ("SSL Cert", entry.raw["ssl_cert"] or "None")]
        rows.append(("Client UUID", entry.raw["uuid"]))
        refreshed = session.image.meta / "publisher" / name / "last_refreshed"
        if refreshed.exists():
            rows.append(("Catalog Updated", date(refreshed.read_text())))
        rows += [("Publisher enabled", "Yes" if entry.enabled else "No")]
        session.out("\n" + "".join(f"{label:>22}: {value}\n" for label, value in rows))
        if entry.properties:
            session.out("            Properties:\n")
            session.out("".join(f"{key:>26} = {value}\n" for key, value in sorted(entry.properties.items())))
    return 0


def set_publisher(session: Session, args: list[str]) -> int:
    long = (
        "add-origin= remove-origin= add-mirror= remove-mirror= search-after= search-before= search-first sticky"
        " non-sticky disable enable no-refresh set-property= unset-property= proxy= reset-uuid"
    )
    given = parse("set-publisher", args, "Pdeg:G:m:M:O:k:c:p:nrz:Z:", long)
    session.image.format  # noqa: B018 - no image at all is said first
    if given.has("-p"):
        return _from_repository(session, given)
    if len(given.words) != 1:
        raise usage("set-publisher", "requires a publisher name" if not given.words else "only one publisher name")
    _set(session, given.words[0], given)
    if given.has("-r"):
        _set_in_children(session, given.words[0], given)
    return 0


def _set_in_children(session: Session, name: str, given: Options) -> None:
    """The same in the children; one that fails is passed over, and the exit code stays 0 (linked-images.md, 6)."""
    listed = {f"zone:{value.removeprefix('zone:')}" for value in given.all("-z", "-Z")}
    for entry in session.children:
        if not listed or (entry.name in listed) == given.has("-z"):
            child = session.child(entry)
            with contextlib.suppress(Exit):
                _set(child, name, given)


def _from_repository(session: Session, given: Options) -> int:
    origin = uri(given.all("-p")[0])
    if not session.repositories.reachable(origin):
        raise Exit(1, f"pkg set-publisher: {messages.no_origin('', Unreachable('', origin, 1))}")
    name = session.repositories.publisher(origin)
    given.values["-g"] = [origin]
    word = "Updated" if name in session.image.order else "Added"
    _set(session, name, given)
    session.out(f"pkg set-publisher:\n  {word} publisher(s): {name}\n")
    return 0


def _set(session: Session, name: str, given: Options) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise Exit(1, f"\n'{name}' is not a valid publisher name.\n")
    try:
        session.lock()
    except Exit as failure:
        raise Exit(1, f"\n{failure.text.removeprefix('pkg: ')}") from None
    known = {entry.name: entry for entry in session.image.publishers}
    entry = known.get(name) or config.publisher(name, [])
    was_enabled = name in known and entry.enabled
    origins = _origins(session, name, entry, given)
    mirrors = _edited(entry.mirrors, given.all("-m", "--add-mirror"), given.all("-M", "--remove-mirror"))
    fetch = (origins != entry.origins or given.has("-p")) and entry.enabled
    for flag, key, value in (
        ("--sticky", "sticky", "True"),
        ("--non-sticky", "sticky", "False"),
        ("-d", "disabled", "True"),
        ("--disable", "disabled", "True"),
        ("-e", "disabled", "False"),
        ("--enable", "disabled", "False"),
    ):
        if given.has(flag):
            entry.raw[key] = value
    _check_search(session, name, given)
    entry.set_uris(origins, mirrors)
    for text in given.all("--set-property"):
        key, _, value = text.partition("=")
        entry.raw[f"property.{key}"] = value
    for key in given.all("--unset-property"):
        entry.raw.pop(f"property.{key}", None)
    for option, key in (("-k", "ssl_key"), ("-c", "ssl_cert")):
        if given.has(option):
            entry.raw[key] = given.one(option) or ""
    session.image.add_publisher(entry)
    _place(session, name, given)
    session.image.save_config()
    session.host.changed = True
    if entry.enabled and (fetch or not was_enabled) and not given.has("--no-refresh"):
        session.fetch([entry])
    elif entry.enabled != was_enabled or fetch:
        refresh.rebuild(session.image)
        session.save()


def _origins(session: Session, name: str, entry: Publisher, given: Options) -> list[str]:
    exact = given.all("-O")
    removed = given.all("-G", "--remove-origin")
    added = exact or given.all("-g", "--add-origin")
    for text in removed:
        if text != "*" and uri(text) not in entry.origins:
            raise Exit(1, f"\nUnknown repository origin '{text}'\n")
    for text in added:
        scheme = urlsplit(text).scheme
        if scheme not in ("file", "http", "https") and not text.startswith("/"):
            raise Exit(
                1,
                f"\nThe URI '{text}' uses the unsupported scheme '{scheme}'."
                "  Supported schemes are file://, http://, and https://.\n",
            )
        if given.has("--no-refresh"):
            continue
        if not session.repositories.reachable(text):
            raise Exit(1, messages.no_origin(name, Unreachable(name, uri(text), 1)))
        offered = session.repositories.publisher(text)
        if offered != name:
            raise Exit(
                1,
                f"\nThe repository at {uri(text)} does not contain package data for {name}; only {offered}.\n\n"
                "This is either because the repository location is not valid, or because the provided publisher"
                " does not match those known by the repository.\n",
            )
    return _edited([] if exact else entry.origins, added, removed)


def _edited(have: list[str], added: list[str], removed: list[str]) -> list[str]:
    gone = {uri(text) for text in removed}
    kept = [] if "*" in removed else [text for text in have if text not in gone]
    return kept + [uri(text) for text in added if uri(text) not in kept]


def _check_search(session: Session, name: str, given: Options) -> None:
    for other in given.all("--search-before", "--search-after"):
        if other not in session.image.order or other == name:
            raise Exit(1, f"\n{other} is an unknown publisher; no other publishers can be ordered relative to it.\n")


def _place(session: Session, name: str, given: Options) -> None:
    order = [other for other in session.image.order if other != name]
    if given.has("-P", "--search-first"):
        order.insert(0, name)
    elif given.has("--search-before"):
        order.insert(order.index(given.all("--search-before")[0]), name)
    elif given.has("--search-after"):
        order.insert(order.index(given.all("--search-after")[0]) + 1, name)
    else:
        return
    session.image.order = order


def unset_publisher(session: Session, args: list[str]) -> int:
    given = parse("unset-publisher", args, "")
    if not given.words:
        raise usage("unset-publisher", "requires at least one publisher name")
    session.lock()
    failed = []
    for name in given.words:
        if name in session.image.order:
            session.image.remove_publisher(name)
        else:
            failed.append(name)
    session.progress(" Startup: Updating package cache ... Done\n")
    if len(failed) < len(given.words):
        session.image.save_config()
        refresh.rebuild(session.image)
        session.save()
    if failed:
        text = "".join(f"Removal failed for '{name}': Unknown publisher '{name}'.\n" for name in failed)
        raise Exit(1 if len(failed) == len(given.words) else 3, f"\npkg unset-publisher: {text}\n")
    return 0


def copy_publishers_from(session: Session, args: list[str]) -> int:
    """Every publisher of the other image is removed and added anew: its first as first, others as last.

    Disabled ones come disabled (recording 17, step 19). What was cached of them is gone, then all that are enabled are
    refreshed, and exit 0 does not mean that they were reached (brand-scripts, 4 and 15).
    """
    if len(args) != 1:
        raise Exit(
            2,
            "pkg copy-publishers-from: directory to copy from must be specified\n"
            "Private subcommand usage, options subject to change at any time:\n"
            "        pkg copy-publishers-from <dir>\n",
        )
    try:
        source = image.open(session.host.path(args[0]))
    except image.NoImage:
        raise Exit(1, f"pkg: No image rooted at '{args[0]}'\n") from None
    session.lock()
    target = session.image
    order = target.order
    for entry in source.publishers:
        shutil.rmtree(target.meta / "publisher" / entry.name / "origins", ignore_errors=True)
        raw = dict(entry.raw)
        if entry.name in order:
            raw["uuid"] = target.config[f"authority_{entry.name}"]["uuid"]
            order.remove(entry.name)
            session.progress(" Startup: Caching catalogs ... Done\n")
        target.add_publisher(Publisher(entry.name, raw))
        order.append(entry.name)
    target.order = order
    refresh.fetch(target, session.repositories, target.enabled)
    for entry in target.enabled:
        session.progress(f" Startup: Refreshing catalog '{entry.name}' ... Done\n")
    session.progress(" Startup: Caching catalogs ... Done\n")
    target.order = source.order[:1] + [name for name in order if name not in source.order[:1]]
    target.save_config()
    session.save()
    return 0


def refresh_catalogs(session: Session, args: list[str]) -> int:
    given = parse("refresh", args, "q", "full")
    session.quiet = given.has("-q")
    wanted = session.image.enabled
    if given.words:
        known = {entry.name: entry for entry in session.image.publishers}
        for name in given.words:
            if name not in known:
                text = f"pkg: Unknown publisher '{name}'.\npkg: 'pkg publisher' will show a list of publishers.\n"
                raise Exit(1, text)
        wanted = [known[name] for name in given.words]
    session.lock()
    missing = session.fetch(wanted, prefix="")
    if not missing:
        return 0
    failed = {entry.publisher for entry in missing}
    raise Exit(1 if len(failed) == len(wanted) else 3, messages.refresh_failed(missing, len(wanted)))
