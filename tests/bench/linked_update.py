"""What linked_update costs beside the pkg commands that it runs, typed on a host that is the same."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from testbed import log, updates
from testbed.host import Host
from walk import over_processes, world

ZONES = (1, 5, 20)
# Repositories of files, which a lent pkg can use, too (tests/testbed/README.md).
DECLARATION = {
    "release": "r151060",
    "origins": {"omnios": "file:///repo/{release}/core/", "extra.omnios": "file:///repo/{release}/extra/"},
}
BARE = """
import json, subprocess, sys
for argv in json.loads(sys.argv[1]):
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""


def table(directory: Path, lent: str | None) -> None:
    """Print a line for each number of zones and each act; `directory` is for the hosts, `lent` a pkg to run on them."""
    environment = {**over_processes.ENVIRONMENT, **({"TESTBED_PKG": lent} if lent else {})}
    print(f"\n{'linked_update':<42}{'started':>8}{'pkg':>6}{'seconds':>9}{'pkg alone':>11}{'ratio':>7}{'s/zone':>8}")
    for number in ZONES:
        pair = [directory / f"update-{number}-{who}" for who in ("ours", "bare")]
        zones = [{"name": f"z{i:02}", "brand": "lipkg"} for i in range(number)]
        for host in pair:
            world.build(host, json.dumps({**DECLARATION, "zones": zones}))
        line(pair, environment, number, "nothing to do", {})
        for host in pair:
            updates.publish(Host(host), "libraries")
        line(pair, environment, number, "plan (check mode)", {"_ansible_check_mode": True})
        line(pair, environment, number, "update", {})


def line(pair: list[Path], environment: dict[str, str], zones: int, act: str, options: dict[str, object]) -> None:
    """Run the module on the first host and its pkg commands on the second."""
    ours, bare = pair
    over_processes.install(ours, options, "linked_update")
    world.clear_log(ours)
    seconds, said = timed(ours, environment, ["/usr/bin/python3", over_processes.PAYLOAD])
    result = json.loads(said.strip().splitlines()[-1])
    started = log.typed(log.read(ours / ".testbed"))
    commands = [argv for argv in started if argv[0] == "pkg"]
    alone, _ = timed(bare, environment, ["/usr/bin/python3", "-c", BARE, json.dumps(commands)])
    numbers = f"{len(started):>8}{len(commands):>6}{seconds:>9.2f}{alone:>11.2f}{seconds / alone:>7.2f}"
    wrong = f"  FAILED: {result.get('msg')}" if result.get("failed") else ""
    print(f"{f'{zones} zones, {act}':<42}{numbers}{seconds / zones:>8.2f}{wrong}")


def timed(directory: Path, environment: dict[str, str], argv: list[str]) -> tuple[float, str]:
    """Return how many seconds a command takes on a host, entering left in, and what it prints."""
    enter = [sys.executable, "-m", "testbed", "enter", str(directory), "--", *argv]
    began = time.perf_counter()
    done = subprocess.run(enter, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return time.perf_counter() - began, done.stdout
