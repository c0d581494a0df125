"""A simulated host, zone_brand run on it in a child of this process, and what can be seen of it before and after."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed import command, log, zfs, zones
from testbed.conformance import picture
from testbed.host import Host
from walk import in_process, world

JOURNALS = world.JOURNALS
# Written by every run of a probe or of pkg, and by no switch.
_CHURN = (".testbed", "dev", "proc", "var/run", "var/tmp", "tmp", "var/pkg/lock", "var/pkg/history")


@dataclass(frozen=True)
class Outcome:
    """What one run handed back (`result`), and the commands that it typed, each as one line."""

    result: dict[str, Any]
    typed: list[str]
    changing: list[str]

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))

    @property
    def cause(self) -> str | None:
        told = self.result["diagnosis"]
        return told["cause"] if told else None

    @property
    def actions(self) -> list[str]:
        return [" ".join(action["argv"]) for action in self.result["actions"]]

    @property
    def beyond_rehearsal(self) -> list[str]:
        """Commands that changed something else than the throw-away clone and its snapshot."""
        return [line for line in self.changing if "rehearsal" not in line]


class Machine:
    """One host in ``directory``, made from a declaration in YAML."""

    def __init__(self, directory: Path, declaration: str) -> None:
        self.directory = directory
        world.build(directory, declaration)

    @property
    def host(self) -> Host:
        return Host(self.directory)

    def path(self, absolute: str) -> Path:
        return self.host.path(absolute)

    def run(self, zone: str = "web01", brand: str = "lipkg", check: bool = False, **options: Any) -> Outcome:
        """Run zone_brand once."""
        return self.enter(lambda: in_process.module(Host("/"), {"zone": zone, "brand": brand, **options}, check))

    def enter(self, work: Callable[[], Any]) -> Outcome:
        """Call ``work``, which returns the module's result, on the host."""
        before = len(log.read(self.host.private))
        result = world.in_child(self.directory, work)
        records = log.read(self.host.private)[before:]
        return Outcome(
            result, [" ".join(argv) for argv in log.typed(records)], [" ".join(argv) for argv in log.changing(records)]
        )

    def run_until(self, start: str, zone: str = "web01", brand: str = "lipkg", **options: Any) -> None:
        """Run zone_brand and kill it right before the command it types that begins with ``start``."""

        def work() -> dict[str, Any]:
            host = Host("/")

            def starting(ctx: command.Context) -> None:
                if ctx.parent is None and " ".join(ctx.argv).startswith(start):
                    os._exit(9)

            host.starting = starting
            return in_process.module(host, {"zone": zone, "brand": brand, **options})

        try:
            result = world.in_child(self.directory, work)
        except RuntimeError:
            return
        raise AssertionError(f"no command begins with {start!r}: {[' '.join(a['argv']) for a in result['actions']]}")

    def command(self, line: str) -> command.Result:
        """Run one command on the host from outside; blanks separate its words."""
        return command.run(self.host, line.split())

    def zone(self, name: str = "web01") -> tuple[str, str]:
        """State and brand."""
        host = self.host
        with host.locked():
            return next((found.state, found.brand) for found in zones.listed(host) if found.name == name)

    def picture(self, skip: tuple[str, ...] = ()) -> dict[str, Any]:
        """All that a run that touches nothing must leave as it is."""
        host = self.host
        with host.locked():
            return {
                "zones": picture.zone_states(host),
                "running": {name: zone.id for name, zone in host.state.kernel_zones.items()},
                "datasets": picture.datasets(host),
                "mounted": sorted(f"{d.name} on {d.mounted}" for d in zfs.mounts(host)),
                "files": {
                    name: what
                    for name, what in picture.walk(self.directory, (*_CHURN, *skip)).items()
                    if not name.endswith(".lock") and name not in ("var/lib", JOURNALS.lstrip("/"))
                },
            }

    def faults(self, *entries: dict[str, Any]) -> None:
        """From now on these faults, and no others."""
        self.change(faults=[dict(entry) for entry in entries])

    def change(self, **state: Any) -> None:
        """Set fields of the host's state."""
        host = self.host
        with host.locked():
            for name, value in state.items():
                setattr(host.state, name, value)

    def publishers(self, root: str = "/zones/web01/root") -> list[str]:
        lines = self.command(f"pkg -R {root} publisher -H -F tsv").stdout.splitlines()
        return list(dict.fromkeys(line.split("\t")[0] for line in lines))

    def packages(self, root: str = "/zones/web01/root") -> dict[str, str]:
        """Stem -> version of what is installed."""
        lines = self.command(f"pkg -R {root} list -Hv").stdout.splitlines()
        named = [line.split()[0].removeprefix("pkg://").split("/", 1)[1] for line in lines]
        return dict(name.split("@", 1) for name in named)

    def journal(self, zone: str = "web01") -> Path:
        return self.path(f"{JOURNALS}/{zone}.json")
