# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What publishers are to become, and that the changes bring them there and no other way would be shorter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.publisher import (
    Publisher,
    counting,
    position_fault,
    told,
)
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.publisher_plan import (
    Change,
    Edit,
    Wanted,
    applied,
    brought,
    declared,
    edit,
    placed,
    properties_of,
    proxy_of,
)

NAMES = ["omnios", "extra", "ours", "theirs", "local"]
URIS = ["file:///repo/a/", "https://h/b/", "https://h/c/"]
PROXIES = ["", "http://p:1", "http://p:2"]


def reached(uris: Iterable[str]) -> list[str]:
    return [uri for uri in uris if not uri.startswith("file:")]


def settings(proxy: str, properties: dict[str, str], origins: list[str]) -> tuple[tuple[str, str], ...]:
    found = {f"property.{name}": value for name, value in properties.items()}
    if proxy and reached(origins):
        found["proxy"] = ", ".join([proxy] * len(reached(origins)))
    return tuple(sorted(found.items()))


@st.composite
def a_publisher(draw: st.DrawFn, name: str) -> Publisher:
    origins = draw(st.lists(st.sampled_from(URIS), unique=True))
    properties = draw(st.dictionaries(st.sampled_from(["signature-policy", "x"]), st.sampled_from(["1", "2"])))
    return Publisher(
        name=name,
        origins=tuple(origins),
        mirrors=tuple(draw(st.lists(st.sampled_from(URIS), unique=True))),
        sticky=draw(st.booleans()),
        enabled=draw(st.booleans()),
        nochild=draw(st.booleans()),
        settings=settings(draw(st.sampled_from(PROXIES)), properties, origins),
    )


@st.composite
def images(draw: st.DrawFn) -> list[Publisher]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return [draw(a_publisher(name)) for name in names]


@st.composite
def wishes(draw: st.DrawFn) -> list[Wanted]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    uris = st.none() | st.lists(st.sampled_from(URIS), unique=True).map(tuple)
    pairs = st.dictionaries(st.sampled_from(["signature-policy", "x"]), st.none() | st.sampled_from(["1", "2"]))
    yes_or_no = st.none() | st.booleans()
    return [
        Wanted(
            name=name,
            origins=draw(uris),
            mirrors=draw(uris),
            sticky=draw(yes_or_no),
            enabled=draw(yes_or_no),
            proxy=draw(st.none() | st.sampled_from(PROXIES)),
            properties=tuple(draw(pairs).items()) + draw(st.sampled_from([(), (("nochild", "true"),)])),
        )
        for name in names
    ]


def after_pkg(publishers: list[Publisher], done: Edit) -> list[Publisher]:
    """What pkg makes of it (`_add_update_pub` in client_api.py): one command after the other, new ones at the end."""
    there = {publisher.name: publisher for publisher in publishers}
    order = list(there)
    for change in done.changes:
        old = there.get(change.name, Publisher(change.name))
        if change.name not in there:
            order.append(change.name)
        assert set(change.remove_origins) <= set(old.origins), "pkg refuses what is not there"
        assert set(change.remove_mirrors) <= set(old.mirrors)
        kept = [uri for uri in old.origins if uri not in change.remove_origins]
        assert not set(kept) & set(change.add_origins), "pkg refuses what is there already"
        origins = [*kept, *change.add_origins]
        assert not change.proxy or reached(change.add_origins) == list(change.add_origins), "pkg refuses it for files"
        assert not change.proxy or reached(change.add_mirrors) == list(change.add_mirrors)
        proxies = dict(zip(reached(old.origins), dict(old.settings).get("proxy", "").split(", "), strict=False))
        proxies.update(dict.fromkeys(change.add_origins, change.proxy))
        values = {**dict(old.settings), **{f"property.{name}": text for name, text in change.set_properties}}
        for name in change.unset_properties:
            values.pop(f"property.{name}", None)
        values["proxy"] = ", ".join(p for p in (proxies.get(uri, "") for uri in origins) if p)
        values.pop("property.nochild", None)
        nochild = old.nochild and "nochild" not in change.unset_properties
        there[change.name] = replace(
            old,
            origins=tuple(origins),
            mirrors=(*(uri for uri in old.mirrors if uri not in change.remove_mirrors), *change.add_mirrors),
            sticky=old.sticky if change.sticky is None else change.sticky,
            enabled=old.enabled if change.enabled is None else change.enabled,
            nochild=nochild or "nochild" in dict(change.set_properties),
            settings=tuple(sorted((key, value) for key, value in values.items() if value)),
        )
        if change.after is not None:
            order.remove(change.name)
            order.insert(order.index(change.after) + 1 if change.after else 0, change.name)
    assert set(done.removed) <= set(order)
    return [there[name] for name in order if name not in done.removed]


def as_sets(publishers: list[Publisher]) -> list[Publisher]:
    return [replace(p, origins=tuple(sorted(p.origins)), mirrors=tuple(sorted(p.mirrors))) for p in publishers]


@given(images(), wishes(), st.booleans())
def test_changes_bring_an_image_to_what_is_declared(now: list[Publisher], asked: list[Wanted], remove: bool) -> None:
    target = declared(now, asked, remove)
    found = after_pkg(now, edit(now, target))
    assert as_sets(found) == as_sets(target)
    assert not edit(found, target)
    assert as_sets(declared(found, asked, remove)) == as_sets(found)


@given(images(), wishes())
def test_every_wish_is_met_and_nothing_else_is_changed(now: list[Publisher], asked: list[Wanted]) -> None:
    target = {publisher.name: publisher for publisher in declared(now, asked, False)}
    for wish in asked:
        got = target[wish.name]
        assert wish.origins is None or set(got.origins) == set(wish.origins)
        assert wish.mirrors is None or set(got.mirrors) == set(wish.mirrors)
        assert wish.sticky in (None, got.sticky)
        assert wish.enabled in (None, got.enabled)
        assert wish.proxy is None or not reached(got.origins) or proxy_of(got) == wish.proxy
        assert all(properties_of(got).get(name) == text for name, text in wish.properties)
    untouched = [publisher for publisher in now if publisher.name not in [wish.name for wish in asked]]
    assert [target[publisher.name] for publisher in untouched] == untouched


@given(images(), images(), wishes(), st.sets(st.sampled_from(NAMES)), st.booleans())
def test_a_zone_begins_with_the_global_zones(
    parent: list[Publisher], child: list[Publisher], own: list[Wanted], gone: set[str], synced: bool
) -> None:
    stored = [(publisher.name, publisher.sticky) for publisher in reversed(counting(parent))] if synced else None
    own = [wish for wish in own if wish.name not in [publisher.name for publisher in counting(parent)]]
    gone -= {publisher.name for publisher in parent} | {wish.name for wish in own}
    target = brought(parent, child, stored, own, gone)
    assert position_fault(told(parent, stored), target) is None
    found = after_pkg(child, edit(child, target))
    assert as_sets(found) == as_sets(target)
    assert as_sets(brought(parent, found, stored, own, gone)) == as_sets(found)
    names = [publisher.name for publisher in target]
    assert set(names) >= {publisher.name for publisher in child} - gone
    first = len(counting(parent))
    kept = [publisher.name for publisher in child if publisher.name in names[first:]]
    wished = [wish.name for wish in own]
    assert [name for name in names[first:] if name not in wished] == [name for name in kept if name not in wished]


@given(st.permutations(NAMES), st.permutations(NAMES))
def test_as_few_as_possible_are_moved(now: list[str], wanted: list[str]) -> None:
    done = edit([Publisher(name) for name in now], [Publisher(name) for name in wanted])
    fewest = next(
        moved
        for moved in range(len(now))
        for chosen in combinations(now, moved)
        if [name for name in now if name not in chosen] == [name for name in wanted if name not in chosen]
    )
    assert len(done.changes) == fewest


@pytest.mark.parametrize(
    ("order", "names", "expected"),
    [
        (["omnios", "extra"], ["ours"], ["omnios", "extra", "ours"]),
        (["omnios", "extra"], ["omnios", "ours"], ["omnios", "extra", "ours"]),
        (["omnios", "extra"], ["ours", "extra"], ["omnios", "ours", "extra"]),
        (["omnios", "local", "extra"], ["extra", "omnios"], ["extra", "local", "omnios"]),
        (["omnios"], ["a", "b", "omnios", "c", "d"], ["a", "b", "omnios", "c", "d"]),
        ([], ["a", "b"], ["a", "b"]),
    ],
)
def test_places(order: list[str], names: list[str], expected: list[str]) -> None:
    assert placed(order, names) == expected
    assert placed(expected, names) == expected


def test_a_publisher_is_enabled_after_and_disabled_before_its_origins_change() -> None:
    """`--enable` beside `-g` would enable the origin (opts_table_cb_pub_opts in options.py)."""
    old = Publisher("ours", ("file:///a/",), enabled=False)
    new = replace(old, origins=("file:///b/",), enabled=True)
    origins = Change("ours", add_origins=("file:///b/",), remove_origins=("file:///a/",))
    assert edit([old], [new]).changes == (origins, Change("ours", enabled=True))
    back = Change("ours", add_origins=("file:///a/",), remove_origins=("file:///b/",))
    assert edit([new], [old]).changes == (Change("ours", enabled=False), back)
    assert edit([], [old]).changes == (Change("ours", enabled=False), Change("ours", add_origins=("file:///a/",)))


def test_what_is_there_stays_as_it_is_written() -> None:
    there = Publisher("omnios", ("file:///repo/core", "https://Pkg.Example.org/x/"))
    asked = Wanted("omnios", origins=("https://pkg.example.org/x/", "file:///repo/core/"))
    assert not edit([there], [applied(there, asked)])


def test_origins_by_different_proxies_are_left_alone() -> None:
    there = Publisher("omnios", tuple(URIS[1:]), settings=(("proxy", "http://p:1, http://p:2"),))
    assert not edit([there], [applied(there, Wanted("omnios", proxy=None))])
    assert edit([there], [applied(there, Wanted("omnios", proxy="http://p:1"))])


def test_a_publisher_without_origins_is_made() -> None:
    assert edit([], [Publisher("ours")]).changes == (Change("ours"),)
    assert edit([], [Publisher("ours")]).sentences == ["Publisher ours: make it."]
