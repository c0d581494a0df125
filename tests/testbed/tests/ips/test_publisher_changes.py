"""set-publisher: what it makes of a publisher and of the search order, and what stays if it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import command
from testbed.host import Host
from testbed.ips.cli.publisher_change import ALL, Change, Refused, applied
from testbed.ips.images import config, image
from testbed.ips.images.config import Publisher
from testbed.ips.repositories import uris
from testbed.ips.repositories.contacts import Contacts

from .linked_host import make

CORE, EXTRA, LOCAL = "file:///core/", "file:///extra/", "file:///local/"
URIS = st.lists(st.sampled_from([CORE, EXTRA, LOCAL]), unique=True)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make(tmp_path / "host")


def publisher(*origins: str) -> Publisher:
    return config.publisher("omnios", list(origins))


# -- the publisher itself ----------------------------------------------------------------------------------------------


@given(URIS, URIS)
def test_what_is_added_can_be_taken_away_again(have: list[str], more: list[str]) -> None:
    fresh = [uri for uri in more if uri not in have]
    changed = applied("omnios", publisher(*have), Change(add_origins=fresh, add_mirrors=more))
    assert changed.origins == have + fresh
    assert changed.mirrors == more
    back = applied("omnios", changed, Change(remove_origins=fresh, remove_mirrors=[ALL]))
    assert back.raw == publisher(*have).raw | {"uuid": changed.raw["uuid"]}


@given(URIS.filter(bool))
def test_an_origin_may_be_switched_off_alone__and_all_of_them_on_again(have: list[str]) -> None:
    changed = applied("omnios", publisher(*have), Change(add_origins=have[:1], switch_origins=have[:1], disable=True))
    assert (changed.origins, changed.active_origins, changed.enabled) == (have, have[1:], True)
    assert applied("omnios", changed, Change(switch_origins=[ALL], disable=False)).active_origins == have


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(add_origins=[CORE]), f"Origin '{CORE}' already exists"),
        (Change(remove_origins=[EXTRA]), f"Unknown repository origin '{EXTRA}'"),
        (Change(remove_mirrors=[EXTRA]), f"Unknown repository mirror '{EXTRA}'."),
        (Change(add_values={"list": ["one"]}), "Invalid value '['one']' for property 'property.list'"),
        (Change(remove_values={"list": ["one"]}), "because the property does not exist"),
        (Change(set_properties={"signature-policy": "require-names"}), "At least one name must be provided"),
        (Change(ssl_key="/etc/key"), "does not have any SSL-based origins"),
    ],
)
def test_what_is_refused(change: Change, words: str) -> None:
    with pytest.raises(Refused) as refused:
        applied("omnios", publisher(CORE), change)
    assert words in str(refused.value)


def test_the_old_one_is_left_alone() -> None:
    old = publisher(CORE)
    before = dict(old.raw)
    applied("omnios", old, Change(sticky=False, origin=EXTRA, set_properties={"a": "b"}))
    assert old.raw == before


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("/repo/local", "file:///repo/local/"),
        ("file:/repo/local/", "file:///repo/local/"),
        ("http://example.org", "http://example.org/"),
    ],
)
def test_a_path_becomes_a_uri_with_a_slash_at_its_end(text: str, uri: str) -> None:
    assert uris.parse(text) == uri == uris.parse(uri)


@pytest.mark.parametrize("text", ["ftp://x/", "http:///", "http://no_such/"])
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(uris.Invalid):
        uris.parse(text)


# -- attempts ----------------------------------------------------------------------------------------------------------


@given(st.sets(st.sampled_from("abcd"), min_size=1))
def test_refreshing_tries_the_first_publisher_once_and_the_others_twice__recording_26(names: set[str]) -> None:
    publishers = [config.publisher(name, [f"file:///{name}/"]) for name in sorted(names)]
    contacts = Contacts(publishers, lambda uri: False)
    for entry in publishers:
        contacts.attempt(entry, entry.origins[0])
    counted = [contacts.failed[entry.name].total for entry in publishers]
    assert counted == [1] + [2] * (len(publishers) - 1)


# -- on a host ---------------------------------------------------------------------------------------------------------


def opened(host: Host) -> image.Image:
    return image.open(host.path("/"))


def test_an_offered_publisher_is_added_in_its_place__one_that_is_there_keeps_its_place(host: Host) -> None:
    assert command.run(host, ["pkg", "unset-publisher", "omnios"]).rc == 0
    assert command.run(host, ["pkg", "set-publisher", "other"]).rc == 0
    result = command.run(host, ["pkg", "set-publisher", "-p", "/core", "-P", "--non-sticky"])
    assert result.stdout.endswith("pkg set-publisher:\n  Added publisher(s): omnios\n")
    assert [(entry.name, entry.sticky) for entry in opened(host).publishers] == [("omnios", False), ("other", True)]
    assert command.run(host, ["pkg", "set-publisher", "-P", "other"]).rc == 0
    result = command.run(host, ["pkg", "set-publisher", "-p", "/core", "-P", "--sticky"])
    assert result.stdout.endswith("pkg set-publisher:\n  Updated publisher(s): omnios\n")
    assert [(entry.name, entry.sticky) for entry in opened(host).publishers] == [("other", True), ("omnios", False)]


def test_an_origin_that_does_not_answer_leaves_all_as_it_was(host: Host) -> None:
    before = host.path("/var/pkg/pkg5.image").read_text()
    assert command.run(host, ["pkg", "set-publisher", "-g", "/nosuch", "omnios"]).rc == 1
    assert host.path("/var/pkg/pkg5.image").read_text() == before


def test_a_switched_off_origin_is_no_longer_known__and_what_is_installed_stays(host: Host) -> None:
    assert command.run(host, ["pkg", "set-publisher", "-d", "-g", "*", "omnios"]).rc == 0
    assert [entry.installed for entry in opened(host).known.entries].count(False) == 0
    assert "disabled" in command.run(host, ["pkg", "publisher", "-H"]).stdout


def test_what_is_installed_from_a_temporary_origin_brings_its_publisher__without_origins(host: Host) -> None:
    for argv in (["uninstall", "two"], ["unset-publisher", "omnios"], ["install", "-I", "-g", "/core", "two"]):
        assert command.run(host, ["pkg", *argv]).rc == 0
    assert [(entry.name, entry.origins) for entry in opened(host).publishers] == [("omnios", [])]
    assert "two" in opened(host).installed()
    assert command.run(host, ["pkg", "uninstall", "-I", "two"]).rc == 0
    assert "two" not in opened(host).known.by_stem()


def test_temporary_origins_are_refused_where_there_are_children(host: Host) -> None:
    result = command.run(host, ["pkg", "install", "-n", "-g", "/core", "two"])
    assert result.rc == 1
    assert "temporary origins were specified and this image has children" in result.stderr
