"""Has a run after a kill come to the right end? Every answer is a list of sentences, empty if it has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from walk import world
from walk.scenario import Scenario
from walk.world import Result


@dataclass(frozen=True)
class Reference:
    """The host before the switch and after one that nobody disturbed; the run state the zone ends in."""

    before: dict[str, Any]
    after: dict[str, Any]
    state: str


def finished(scenario: Scenario, directory: Path, result: Result, state: str, reference: Reference) -> list[str]:
    """``state``: the run state that the zone must be in now."""
    wrong = []
    if bool(result.get("failed")) != scenario.failed:
        wrong.append(f"the run {'failed' if result.get('failed') else 'did not fail'}: {result.get('msg', '')}")
    is_state = world.zone_state(directory, scenario.zone)
    if is_state != state:
        wrong.append(f"the zone is {is_state}, not {state}")
    wanted = reference.before if scenario.original else reference.after
    found = world.end(directory, scenario.zone, whole=scenario.original)
    if found["brand"] != scenario.brand:
        wrong.append(f"the zone has brand {found['brand']}, not {scenario.brand}")
    for key in wanted:
        if found[key] != wanted[key]:
            wrong.append(f"{key}: {difference(wanted[key], found[key])}")
    return wrong


def back_again(scenario: Scenario, directory: Path, result: Result, state: str, reference: Reference) -> list[str]:
    """Somebody changed his mind: the old brand, with the old packages or the new ones, and nothing lost."""
    wrong = [f"the run failed: {result.get('msg', '')}"] if result.get("failed") else []
    is_state = world.zone_state(directory, scenario.zone)
    wanted_state = "installed" if state == "configured" else state
    if is_state not in (state, wanted_state):
        wrong.append(f"the zone is {is_state}, not {state}")
    found = world.end(directory, scenario.zone, whole=False)
    if found["brand"] != reference.before["brand"]:
        wrong.append(f"the zone has brand {found['brand']}, not {reference.before['brand']}")
    strange = {*found["packages"]} - {*reference.before["packages"], *reference.after["packages"]}
    if strange or len(found["packages"]) != len(reference.before["packages"]):
        wrong.append(f"packages: is {found['packages']}")
    for key, wanted in (
        ("zones", reference.before["zones"]),
        ("tenant", reference.before["tenant"]),
        ("left_over", []),
    ):
        if found[key] != wanted:
            wrong.append(f"{key}: {difference(wanted, found[key])}")
    return wrong


def difference(wanted: Any, found: Any) -> str:
    """The first few places where two pictures differ."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        keys = [key for key in sorted({*wanted, *found}) if wanted.get(key) != found.get(key)]
        return "; ".join(f"{key} is {found.get(key)}, not {wanted.get(key)}" for key in keys[:3])
    return f"is {found}, not {wanted}"


def idle(again: Result, changing: list[list[str]]) -> list[str]:
    """A further run has nothing to do, and does nothing."""
    wrong = []
    if again.get("failed") or again.get("changed"):
        wrong.append(
            f"a further run {'failed' if again.get('failed') else 'changed something'}: {again.get('msg', '')}"
        )
    if changing:
        wrong.append(f"a further run ran {changing}")
    return wrong
