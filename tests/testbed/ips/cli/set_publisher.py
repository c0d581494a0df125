"""pkg set-publisher and unset-publisher."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import replace

from testbed.ips import messages
from testbed.ips.acting.children import unopened
from testbed.ips.cli.change_options import chosen_children
from testbed.ips.cli.options import Options, parse, usage
from testbed.ips.cli.publisher_change import Change, NoSSL, Refused, applied
from testbed.ips.cli.set_publisher_options import change, check_words, read
from testbed.ips.images.config import Publisher
from testbed.ips.repositories import refresh, uris
from testbed.ips.repositories.contacts import Unreachable
from testbed.ips.session import Exit, Session


def set_publisher(session: Session, args: list[str]) -> int:
    given = read(args)
    default = session.image.config["property"].get("default-recurse") == "True"
    recurse = given.has("-r", "--recurse") or (default and not given.has("-R", "--norecurse"))
    chosen = chosen_children(session, session.command, given, recurse)
    check_words(given)
    said = _set(session, given)
    if recurse:
        _set_in_children(session, given, chosen)
    session.out(said)
    return 0


def _set_in_children(session: Session, given: Options, chosen: list[str] | None) -> None:
    """The same in the children; one that fails is passed over, and the exit code stays 0 (linked-images.md, 6)."""
    for entry in session.children:
        if chosen is not None and entry.name not in chosen:
            continue
        if given.has("-v"):
            session.out(f"Updating publisher on {entry.name}\n")
        if unopened(session, entry):
            session.err(f"pkg: No image rooted at '{entry.root}/'\n")
            continue
        with contextlib.suppress(Exit):
            _set(session.child(entry), given)


def _set(session: Session, given: Options) -> str:
    """Do what was asked for in one image; what it says on stdout. Raises Exit."""
    try:
        if given.has("-p"):
            return _from_repository(session, given)
        _apply(session, given.words[0], change(given), given, refreshing=not given.has("--no-refresh"))
        return ""
    except NoSSL as refused:
        raise usage("set-publisher", str(refused)) from None
    except Refused as refused:
        raise Exit(1, str(refused)) from None


def _from_repository(session: Session, given: Options) -> str:
    """-p: every publisher of a repository is added, or gets it as an origin; order and stickiness are for new ones."""
    try:
        origin = uris.parse(given.all("-p")[0])
    except uris.Invalid as invalid:
        raise Refused(f"\npkg set-publisher: {invalid}\n") from None
    if not session.repositories.reachable(origin):
        raise Refused(f"\npkg set-publisher: {Unreachable('', origin, 1).failure}")
    offered = session.repositories.at(origin).publishers
    wanted = given.words or offered
    if not set(wanted) <= set(offered):
        raise Refused(f"pkg: {_not_offered(origin, wanted[0], offered)}\n")
    asked = change(given)
    words: dict[str, list[str]] = {"Added": [], "Updated": []}
    failed = []
    for name in wanted:
        known = {entry.name: entry for entry in session.image.publishers}.get(name)
        add = [] if known and origin in known.origins else [origin]
        made = replace(asked, add_origins=add, sticky=None if known else asked.sticky)
        try:
            _apply(session, name, made, Options() if known else given, refreshing=False)
        except Refused as refused:
            failed.append(f"  {name}:\n{refused}")
            continue
        words["Updated" if known else "Added"].append(name)
    if failed:
        raise Refused("pkg set-publisher: failed to add or update one or more publishers\n" + "".join(failed))
    _refetch(session, [entry for entry in session.image.enabled if entry.name in wanted])
    session.image.save_config()
    said = [f"  {word} publisher(s): {', '.join(names)}\n" for word, names in words.items() if names]
    text = "pkg set-publisher:\n" + "".join(said)
    usable = [entry.name for entry in session.image.enabled]
    for name in wanted:
        if name not in usable:  # all is done, but for the refresh
            session.out(text)
            raise Refused(messages.DISABLED.format(name))
    return text


def _not_offered(origin: str, name: str, offered: list[str]) -> str:
    return (
        f"The repository at {origin} does not contain package data for {name}; only {', '.join(offered)}.\n\n"
        "This is either because the repository location is not valid, or because the provided publisher"
        " does not match those known by the repository."
    )


def _apply(session: Session, name: str, asked: Change, given: Options, refreshing: bool) -> None:
    """Change one publisher; ``given`` tells its place.

    Raises Refused. Then nothing is saved, but for the publisher itself where some catalogs came and others did not.
    """
    image = session.image
    old = {entry.name: entry for entry in image.publishers}.get(name)
    made = applied(name, old, asked)
    for path in given.all("--approve-ca-cert") if old else []:
        if not session.host.path(path).exists():
            raise Refused(f"\nCould not find {path}\n")
    try:
        session.lock()
    except Exit as failure:
        raise Refused(f"\n{failure.text.removeprefix('pkg: ')}") from None
    _check_certificate(session, made)
    order = _place(image.order if old else [*image.order, name], name, given)
    image.add_publisher(made)
    _update_catalogs(session, old, made, refreshing)
    image.order = order
    image.save_config()
    session.save()


def _check_certificate(session: Session, made: Publisher) -> None:
    for uri in [uri for uri in made.origins + made.mirrors if uri.startswith("https:")]:
        for word, key in (("key", "ssl_key"), ("certificate", "ssl_cert")):
            path = made.raw[key]
            if path and not session.host.path(path).exists():
                raise Refused(
                    f"\nUnable to locate {word} '{path}' for publisher '{made.name}' needed to access '{uri}'.\n"
                )


def _place(order: list[str], name: str, given: Options) -> list[str]:
    """The search order with the publisher where it was asked for. Raises Refused."""
    others = [other for other in order if other != name]
    anchor = given.one("--search-before", "--search-after")
    if given.has("-P"):
        return [name, *others]
    if anchor is None:
        return order
    if anchor == name:
        raise Refused("\nCannot search a repository before or after itself\n")
    if anchor not in others:
        raise Refused(f"\n{anchor} is an unknown publisher; no other publishers can be ordered relative to it.\n")
    place = others.index(anchor) + given.has("--search-after")
    return [*others[:place], name, *others[place:]]


def _update_catalogs(session: Session, old: Publisher | None, made: Publisher, refreshing: bool) -> None:
    """Fetch what is new, forget what is no longer wanted. Raises Refused."""
    image = session.image
    gone = old is not None and ((old.enabled and not made.enabled) or (old.origins and not made.origins))
    if gone:
        for part in ("origins", "catalog"):
            shutil.rmtree(image.meta / "publisher" / made.name / part, ignore_errors=True)
        refresh.rebuild(image)
        return
    before = set(old.active_origins) if old else set()
    fresh = [uri for uri in made.active_origins if uri not in before]
    stale = old is None or not old.enabled or before != set(made.active_origins) or image.catalogs(made.name).stale
    if not made.enabled or not stale:
        return
    if not refreshing:
        image.catalogs(made.name).make_directories()
        image.catalogs(made.name).mark_stale()
        return
    if fresh:
        _check_origins(session, made, fresh, new=old is None)
    if made.active_origins:
        _refetch(session, [made])


def _check_origins(session: Session, made: Publisher, fresh: list[str], new: bool) -> None:
    """All origins must answer, and the new ones must be the publisher's; of a ``new`` one all are told together."""
    for uri in made.active_origins:
        if not session.repositories.reachable(uri):
            raise Refused(messages.no_origin(made.name, Unreachable(made.name, uri, 1)))
    for uri in fresh:
        offered = session.repositories.at(uri).publishers
        if made.name in offered:
            continue
        raise Refused(f"\n{_others_only(made, offered) if new else _not_offered(uri, made.name, offered)}\n")


def _others_only(made: Publisher, offered: list[str]) -> str:
    return (
        "One or more of the repository origin(s) listed below contains package data for"
        f" {', '.join(offered)}; not {made.name}:\n\n" + "\n".join(made.active_origins) + "\n\n"
        "This is either because one of the repository origins is not valid for this publisher, or because the list of"
        " known publishers retrieved from the repository origin does not match the client."
    )


def _refetch(session: Session, publishers: list[Publisher]) -> None:
    missing = session.fetch(publishers)
    if missing:
        raise Refused(messages.refresh_failed(missing, len(publishers), messages.NOT_REFRESHED))


def unset_publisher(session: Session, args: list[str]) -> int:
    given = parse("unset-publisher", args, "")
    if not given.words:
        raise usage("unset-publisher", "at least one publisher must be specified")
    if session.unprivileged:
        text = "\n".join(f"Removal failed for '{name}': {messages.NOT_ROOT}" for name in given.words)
        raise Exit(1, f"\npkg unset-publisher: {text}\n")
    session.lock()
    failed = []
    for name in given.words:
        if name in session.image.order:
            session.image.remove_publisher(name)
        else:
            failed.append(name)
    if len(failed) < len(given.words):
        # the tracker's line is broken in two by what goes on meanwhile
        session.progress(" Startup: Updating package cache ... Startup: Caching catalogs ... Done\n Done\n")
        session.image.save_config()
        refresh.rebuild(session.image)
        session.save()
    if failed:
        text = "".join(f"\nRemoval failed for '{name}': Unknown publisher '{name}'.\n" for name in failed)
        raise Exit(1 if len(failed) == len(given.words) else 3, f"\npkg unset-publisher: {text.lstrip()}\n")
    return 0
