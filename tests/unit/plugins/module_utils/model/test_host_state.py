"""The note of a host's zones and services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model import host_state
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.host_state import Fault, Note
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.zone import Zone

STATES = st.sampled_from(["online", "disabled", "maintenance", "degraded", "offline", "uninitialized", "legacy_run"])
SERVICES = st.dictionaries(
    st.sampled_from(["global", "web01", "db01"]), st.dictionaries(st.text("ab", max_size=2), STATES)
)


def note(zones: dict[str, str], services: host_state.Services | None = None) -> Note:
    return Note("2026-11-21T02:00:00Z", "mark", "uuid", zones, services or {})


@given(SERVICES, st.dictionaries(st.text("abc", min_size=1), st.sampled_from(["running", "installed"])))
def test_a_note_reads_back_as_it_was_written(services: host_state.Services, zones: dict[str, str]) -> None:
    written = note(zones, services)
    assert Note.from_json(written.to_json()) == written


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version": 2}', '{"version": 1, "taken": ""}']
    + ['{"version": 1, "taken": "", "boot": "", "be_uuid": "", "zones": [], "services": {}}']
    + ['{"version": 1, "taken": "", "boot": "", "be_uuid": "", "zones": {}, "services": {"global": 1}}'],
)
def test_what_is_no_note_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"note|Expecting"):
        Note.from_json(text)


@given(SERVICES)
def test_nothing_is_worse_than_itself(services: host_state.Services) -> None:
    assert host_state.worse(services, services) == []


@given(SERVICES, SERVICES)
def test_what_is_online_is_never_worse_and_what_was_unhealthy_cannot_get_worse(
    before: host_state.Services, now: host_state.Services
) -> None:
    for fault in host_state.worse(before, now):
        assert fault.state != "online"
        assert fault.was not in host_state.UNHEALTHY


def test_worse_is_what_was_online_and_what_is_newly_broken() -> None:
    before = {"global": {"a": "online", "b": "disabled", "c": "maintenance", "d": "online"}, "gone": {"e": "online"}}
    now = {"global": {"a": "disabled", "b": "offline", "c": "offline", "new": "maintenance"}, "z": {"f": "offline"}}
    assert host_state.worse(before, now) == [
        Fault("global", "a", "disabled", "online"),
        Fault("global", "b", "offline", "disabled"),
        Fault("global", "new", "maintenance", None),
    ]


def test_zones_go_back_as_they_were() -> None:
    before = note({"up": "running", "down": "installed", "lost": "running", "same": "running"})
    now = [
        Zone(name, state, "/z", "lipkg")
        for name, state in {
            "up": "installed",
            "down": "running",
            "lost": "configured",
            "same": "running",
            "new": "running",
        }.items()
    ]
    assert host_state.to_boot(before, now) == ["up"]
    assert host_state.to_halt(before, now) == ["down"]
    assert host_state.missing(before, now) == ["lost"]
    assert [str(fault) for fault in host_state.silent(before, {"same": {}, "lost": {}})] == [
        "svc:/milestone/multi-user-server:default in zone up is without an answer (it was online)"
    ]
