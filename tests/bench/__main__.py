"""`make bench`: what a host, a command on it, and a switch cost here. Medians in milliseconds."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOST = """
zones:
  - {name: web01, state: running, release: r151046}
  - {name: done01, brand: lipkg, state: running}
"""
COMMANDS = (
    "zonename",
    "zoneadm list -cp",
    "zonecfg -z web01 info brand",
    "zfs list -H -t filesystem -o name,mountpoint",
    "beadm list -H",
    "mount -p",
    "svcs -z web01 -H -o state svc:/milestone/multi-user-server:default",
    "pkg list-linked -H",
    "pkg publisher -H -F tsv",
    "pkg list -H entire",
)
REPEAT = 15
LIMIT_OF_A_COMMAND = 80


def run(argv: list[str]) -> None:
    """Run a command; its failure ends the bench with its words."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: {' '.join(argv)} failed: {done.stderr.strip() or done.stdout.strip()}")


def median(argv: list[str], repeat: int) -> float:
    """Run a command ``repeat`` times, return the median in milliseconds."""
    taken = []
    for _round in range(repeat):
        began = time.perf_counter()
        run(argv)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def row(what: str, milliseconds: float, note: str = "") -> None:
    """Print a line of the table."""
    print(f"{what:72} {milliseconds:8.0f} {note}".rstrip(), flush=True)


def main() -> None:
    """Print the table."""
    root = Path(__file__).resolve().parents[2]
    os.environ["ANSIBLE_CONNECTION_PLUGINS"] = str(root / "tests/testbed/ansible/plugins/connection")
    os.environ["ANSIBLE_PIPELINING"] = "1"
    with tempfile.TemporaryDirectory(prefix="bench.") as directory:
        work = Path(directory)
        declaration, host = work / "host.yml", work / "gz1"
        declaration.write_text(HOST)
        testbed = [sys.executable, "-m", "testbed"]
        row("declare a host with two zones", median([*testbed, "declare", str(declaration), str(host)], 1))
        enter = [*testbed, "enter", str(host), "--"]
        entering = median([*enter, "true"], REPEAT)
        row("enter a host", entering)
        for command in COMMANDS:
            cost = median([*enter, *command.split()], REPEAT) - entering
            row(command, cost, f"limit {LIMIT_OF_A_COMMAND}" + ("" if cost < LIMIT_OF_A_COMMAND else ", TOO SLOW"))
        inventory = work / "inventory.yml"
        inventory.write_text(f"all: {{hosts: {{gz1: {{ansible_connection: testbed, testbed_dir: {host}}}}}}}\n")
        ansible = ["ansible", "-i", str(inventory), "gz1", "-m", "illumos.linked_zones.zone_brand", "-a"]
        row("ansible zone_brand, nothing to do", median([*ansible, "zone=done01 brand=lipkg"], 3))
        row("ansible zone_brand, rehearsal", median([*ansible, "zone=web01 brand=lipkg", "--check"], 3))
        row("ansible zone_brand, switch", median([*ansible, "zone=web01 brand=lipkg"], 1))


if __name__ == "__main__":
    main()
