"""A killed run's zoneadm goes on by itself. The next run, which may come at once, waits for it before it looks."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import zoneadm
from testbed import command
from testbed.host import Host
from walk import in_process

from .conftest import MakeMachine


@pytest.mark.parametrize(
    ("subcommand", "lock_timeout", "said"),
    [
        ("attach -u", 600, None),
        ("detach", 600, None),
        ("detach", 1, "Another zoneadm is at work on zone web01 and has not ended within 1 seconds."),
    ],
)
def test_it_ends_before_anything_is_looked_at(
    machine: MakeMachine, subcommand: str, lock_timeout: int, said: str | None
) -> None:
    host = machine()
    its_own = f"zoneadm -z web01 {subcommand}"
    host.run_until(its_own)

    def work() -> dict[str, Any]:
        here = Host("/")
        ended: list[str] = []
        readings = iter([True, True])

        def is_busy(zone: str) -> bool:
            if next(readings, False):
                return True
            if not ended:
                command.run(here, its_own.split())
                ended.append(zone)
            return False

        zoneadm.is_busy = is_busy  # in this process, which is a child and ends here
        return in_process.module(here, {"zone": "web01", "brand": "lipkg", "lock_timeout": lock_timeout})

    outcome = host.enter(work)
    looked = ["zonename", "zoneadm list -cp"]
    if said:
        assert (outcome.cause, outcome.typed) == ("zoneadm-busy", looked)
        assert outcome.message.startswith(said)
    else:
        assert outcome.typed[:4] == [*looked, its_own, "zoneadm list -cp"]
        assert outcome.typed.count(its_own) == 1
        assert host.zone() == ("running", "lipkg")
