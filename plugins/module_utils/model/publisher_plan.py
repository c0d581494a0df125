# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image's publishers are to become, and the fewest changes that bring them there."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Collection, Mapping, Sequence

from .publisher import Publisher, told
from .uri import canonical, mask

_NOCHILD = "nochild"
_PROPERTY = "property."


@dataclass(frozen=True)
class Wanted:
    """What is asked of one publisher: None leaves a setting as it is. URIs are canonical.

    `properties` are (name, text) pairs, (name, None) for one that is not to be there.
    """

    name: str
    origins: tuple[str, ...] | None = None
    mirrors: tuple[str, ...] | None = None
    sticky: bool | None = None
    enabled: bool | None = None
    proxy: str | None = None
    properties: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True)
class Change:
    """One `pkg set-publisher`. `after` is the publisher to stand right behind, "" to be the first, None to stay.

    `enabled` never goes with `add_origins`: pkg would take it for the origins' (options.py, opts_table_cb_pub_opts).
    """

    name: str
    add_origins: tuple[str, ...] = ()
    remove_origins: tuple[str, ...] = ()
    add_mirrors: tuple[str, ...] = ()
    remove_mirrors: tuple[str, ...] = ()
    sticky: bool | None = None
    enabled: bool | None = None
    proxy: str = ""
    set_properties: tuple[tuple[str, str], ...] = ()
    unset_properties: tuple[str, ...] = ()
    after: str | None = None

    @property
    def of_origins(self) -> bool:
        """True if pkg must look at repositories for it."""
        return bool(self.add_origins or self.remove_origins)

    @property
    def sentence(self) -> str:
        """Say what is done, passwords masked."""
        again = set(self.add_origins) & set(self.remove_origins)
        parts = [
            *(f"remove origin {uri}" for uri in self.remove_origins if uri not in again),
            *(f"add origin {uri}" for uri in self.add_origins if uri not in again),
            *(f"remove mirror {uri}" for uri in self.remove_mirrors),
            *(f"add mirror {uri}" for uri in self.add_mirrors),
        ]
        if self.proxy or again:
            parts.append(f"reach it through proxy {self.proxy}" if self.proxy else "reach it without a proxy")
        if self.sticky is not None:
            parts.append("make it sticky" if self.sticky else "make it non-sticky")
        if self.enabled is not None:
            parts.append("enable it" if self.enabled else "disable it")
        parts += [f"set property {name} to {value}" for name, value in self.set_properties]
        parts += [f"unset property {name}" for name in self.unset_properties]
        if self.after is not None:
            parts.append(f"put it behind {self.after}" if self.after else "put it first")
        return mask(f"Publisher {self.name}: {', '.join(parts) or 'make it'}.")


@dataclass(frozen=True)
class Edit:
    """All that is to be done in one image: `changes` in this order, then `removed` at once."""

    changes: tuple[Change, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.removed)

    @property
    def sentences(self) -> list[str]:
        """Say what is done, one sentence for each command."""
        removal = [f"Remove publisher {', '.join(self.removed)}."] if self.removed else []
        return [change.sentence for change in self.changes] + removal


def proxy_of(publisher: Publisher) -> str | None:
    """Return the proxy by which all origins but files are reached, "" for none, None if they are not reached alike."""
    proxies = [proxy for proxy in dict(publisher.settings).get("proxy", "").split(", ") if proxy]
    if not proxies:
        return ""
    alike = len(set(proxies)) == 1 and len(proxies) == len(_reached(publisher.origins))
    return proxies[0] if alike else None


def properties_of(publisher: Publisher) -> dict[str, str]:
    """Return the publisher's properties, `nochild` included."""
    properties = {key[len(_PROPERTY) :]: value for key, value in publisher.settings if key.startswith(_PROPERTY)}
    return {**properties, **({_NOCHILD: "true"} if publisher.nochild else {})}


def applied(publisher: Publisher, wanted: Wanted) -> Publisher:
    """Return the publisher with what is wanted of it."""
    origins = _uris(publisher.origins, wanted.origins)
    settings = dict(publisher.settings)
    properties = {**properties_of(publisher), **dict(wanted.properties)}
    for name, value in wanted.properties:
        settings.pop(_PROPERTY + name, None)
        if value and name != _NOCHILD:
            settings[_PROPERTY + name] = value
    proxy = proxy_of(publisher) if wanted.proxy is None else wanted.proxy
    if proxy is not None:
        settings.pop("proxy", None)
        if proxy and _reached(origins):
            settings["proxy"] = ", ".join([proxy] * len(_reached(origins)))
    return replace(
        publisher,
        origins=origins,
        mirrors=_uris(publisher.mirrors, wanted.mirrors),
        sticky=publisher.sticky if wanted.sticky is None else wanted.sticky,
        enabled=publisher.enabled if wanted.enabled is None else wanted.enabled,
        nochild=bool(properties.get(_NOCHILD)),
        settings=tuple(sorted(settings.items())),
    )


def as_wanted(publisher: Publisher) -> Wanted:
    """Return a publisher of the global zone as what is wanted of a zone's."""
    texts = {name: value for name, value in properties_of(publisher).items() if not value.startswith("[")}
    return Wanted(
        name=publisher.name,
        origins=publisher.origins,
        mirrors=publisher.mirrors,
        sticky=publisher.sticky,
        enabled=publisher.enabled,
        proxy=proxy_of(publisher),
        # one that is not to count in a zone is no publisher that it is given, so it must not have it there
        properties=tuple(sorted({**texts, _NOCHILD: None}.items())),
    )


def declared(now: Sequence[Publisher], wanted: Sequence[Wanted], remove_unlisted: bool) -> list[Publisher]:
    """Return an image's publishers with those that are declared, in search order.

    The declared ones stand in the order in which they are declared, at the places that they have; a new one stands
    before the next that is declared and there, else at the end. All others keep their places, or are removed.
    """
    there = {publisher.name: publisher for publisher in now}
    wishes = {one.name: one for one in wanted}
    order = [name for name in there if name in wishes] if remove_unlisted else list(there)
    made = {name: applied(there.get(name, Publisher(name)), wish) for name, wish in wishes.items()}
    return [made.get(name) or there[name] for name in placed(order, list(wishes))]


def placed(order: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the search order with `names` in their order, new ones as far behind as that allows."""
    known = iter([name for name in names if name in order])
    result = [next(known) if name in names else name for name in order]
    following: str | None = None
    for name in reversed(names):
        if name not in result:
            result.insert(len(result) if following is None else result.index(following), name)
        following = name
    return result


def brought(
    parent: Sequence[Publisher],
    child: Sequence[Publisher],
    stored: Sequence[tuple[str, bool]] | None,
    own: Sequence[Wanted],
    gone: Collection[str],
) -> list[Publisher]:
    """Return what a linked zone's publishers are to be where the global zone has `parent`.

    First those of the global zone that count, in the order by which pkg judges the zone (`told`, with `stored`), then
    the zone's own. `own` is what is declared for the zone; it also overrides what the global zone's publishers have.
    One that is disabled in the global zone is disabled in a zone that has it. `gone` are the names to be removed.
    """
    there = {publisher.name: publisher for publisher in child}
    wishes = {one.name: one for one in own}
    first: dict[str, Publisher] = {}
    for publisher in told(parent, stored):
        made = applied(there.get(publisher.name, Publisher(publisher.name)), as_wanted(publisher))
        wish = wishes.pop(publisher.name, None)
        first[publisher.name] = applied(made, wish) if wish else made
    off = {publisher.name for publisher in parent if not publisher.enabled and not publisher.nochild}
    rest = [
        replace(publisher, enabled=False) if publisher.name in off and publisher.name not in wishes else publisher
        for publisher in child
        if publisher.name not in first and publisher.name not in gone
    ]
    return [*first.values(), *declared(rest, list(wishes.values()), remove_unlisted=False)]


def edit(now: Sequence[Publisher], target: Sequence[Publisher]) -> Edit:
    """Return the changes from `now` to `target`, both in search order; false if there are none."""
    there = {publisher.name: publisher for publisher in now}
    names = [publisher.name for publisher in target]
    moves = _moves([name for name in there if name in names], names)
    changes = [change for publisher in target for change in _changes(there.get(publisher.name), publisher, moves)]
    return Edit(tuple(changes), tuple(name for name in there if name not in names))


def _changes(old: Publisher | None, new: Publisher, moves: Mapping[str, str]) -> list[Change]:
    was = old or Publisher(new.name)
    add, remove = _differing(was.origins, new.origins)
    add_mirrors, remove_mirrors = _differing(was.mirrors, new.mirrors)
    proxy = proxy_of(new)
    if proxy is not None and proxy != proxy_of(was):
        # pkg sets a proxy only with a URI that it adds
        again = [uri for uri in _reached(was.origins) if uri not in remove]
        add, remove = (*add, *again), (*remove, *again)
    had, has = properties_of(was), properties_of(new)
    change = Change(
        name=new.name,
        add_origins=add,
        remove_origins=remove,
        add_mirrors=add_mirrors,
        remove_mirrors=remove_mirrors,
        sticky=None if was.sticky == new.sticky else new.sticky,
        enabled=None if was.enabled == new.enabled else new.enabled,
        proxy=(proxy or "") if _reached(add) or _reached(add_mirrors) else "",
        set_properties=tuple((name, value) for name, value in has.items() if had.get(name) != value),
        unset_properties=tuple(name for name in had if name not in has),
        after=moves.get(new.name),
    )
    if old is not None and change == Change(new.name):
        return []
    return [part for half in _switch_apart(change, old is None) for part in _files_apart(half)]


def _switch_apart(change: Change, is_new: bool) -> list[Change]:
    """Return the change with `enabled` by itself where it must be; the publisher is disabled while origins change."""
    if change.enabled is None or not change.add_origins:
        return [change]
    switched = Change(change.name, enabled=change.enabled, after=change.after)
    rest = replace(change, enabled=None, after=None)
    return [rest, switched] if change.enabled and not is_new else [switched, rest]


def _files_apart(change: Change) -> list[Change]:
    """Return the change with URIs of files by themselves where there is a proxy, which pkg refuses for them."""
    origins, mirrors = _files(change.add_origins), _files(change.add_mirrors)
    if not change.proxy or not (origins or mirrors):
        return [change]
    rest = replace(change, add_origins=_reached(change.add_origins), add_mirrors=_reached(change.add_mirrors))
    return [rest, Change(change.name, add_origins=origins, add_mirrors=mirrors)]


def _moves(current: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return name -> what it must be put behind ("": first) to bring `current` to `names`, the most left in place.

    To be done in the order of `names`. `current` has some of `names`; the others come in at the end, as pkg does it.
    """
    staying = _longest_ascent(current, names)
    order = list(current)
    moves: dict[str, str] = {}
    for previous, name in zip(["", *names], names):
        if name in staying:
            continue
        if name not in order:
            order.append(name)
        place = order.index(previous) + 1 if previous else 0
        if order[place : place + 1] == [name]:
            continue
        order.remove(name)
        order.insert(order.index(previous) + 1 if previous else 0, name)
        moves[name] = previous
    return moves


def _longest_ascent(current: Sequence[str], names: Sequence[str]) -> set[str]:
    """Return the most of `current` that stand in the order of `names`."""
    rank = {name: i for i, name in enumerate(names)}
    ends: list[int] = []
    tails: list[str] = []
    before: dict[str, str | None] = {}
    for name in current:
        i = bisect_left(ends, rank[name])
        ends[i : i + 1] = [rank[name]]
        tails[i : i + 1] = [name]
        before[name] = tails[i - 1] if i else None
    chosen: set[str] = set()
    last: str | None = tails[-1] if tails else None
    while last is not None:
        chosen.add(last)
        last = before[last]
    return chosen


def _uris(now: tuple[str, ...], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the URIs that are wanted; one that is there stays as it is written."""
    if wanted is None:
        return now
    add, remove = _differing(now, wanted)
    return (*(uri for uri in now if uri not in remove), *dict.fromkeys(add))


def _differing(old: Sequence[str], new: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the URIs to be added and those to be removed."""
    had, has = {_form(uri) for uri in old}, {_form(uri) for uri in new}
    return tuple(uri for uri in new if _form(uri) not in had), tuple(uri for uri in old if _form(uri) not in has)


def _files(uris: Sequence[str]) -> tuple[str, ...]:
    return tuple(uri for uri in uris if uri.startswith("file:"))


def _reached(uris: Sequence[str]) -> tuple[str, ...]:
    """Return the URIs that are reached by a network."""
    return tuple(uri for uri in uris if not uri.startswith("file:"))


def _form(uri: str) -> str:
    try:
        return canonical(uri)
    except ValueError:
        return uri  # whatever stands in an image
