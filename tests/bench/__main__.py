"""Print what a command of the testbed costs and what the modules start: `make bench`.

With TESTBED_PKG=/path/to/pkg (tests/testbed/README.md) pkg_parent_check is held beside that pkg, asked zone by zone,
and linked_update runs it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import linked_update, parent_check
from testbed import adopt, log
from walk import over_processes, world

IMAGES = Path(__file__).parents[1] / "fixtures" / "images"
RUNS = 9
ZONES = (1, 5, 20, 50)

DECLARATION = "zones: [{name: web01, state: running, release: r151046}]"
COMMANDS = [
    ["/usr/bin/true"],
    ["/usr/bin/zonename"],
    ["/usr/sbin/zoneadm", "list", "-cp"],
    ["/usr/sbin/zonecfg", "-z", "web01", "info"],
    ["/usr/sbin/zfs", "list", "-H"],
    ["/usr/sbin/mount", "-p"],
    ["/usr/sbin/beadm", "list", "-H"],
    ["/usr/bin/pkg", "list-linked", "-H"],
    ["/usr/bin/pkg", "-R", "/zones/web01/root", "list", "-H"],
]
LARGE = [
    ["/usr/bin/pkg", "list", "-H"],
    ["/usr/bin/pkg", "-R", "/zones/z01/root", "contents", "-H", "-t", "depend", "-o", "pkg.fmri,fmri"],
    ["/usr/bin/pkg", "sync-linked", "-n", "-a", "--linked-md-only"],
]
"""Asked of a real image with 800 packages and its 20 zones with 450 each (images/bench-v5)."""
TIMER = """
import subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(time.perf_counter() - began)
"""


def main() -> None:
    # All else is the testbed's own: a lent pkg cannot reach its repositories.
    lent = over_processes.ENVIRONMENT.pop("TESTBED_PKG", None)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name) / "host"
        world.build(directory, DECLARATION)
        print(f"{RUNS} runs of each on {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
        print(f"{'milliseconds':<52}{'least':>8}{'median':>8}")
        row("enter the host, run nothing", lambda: timed(enter(directory, ["/usr/bin/true"])))
        for argv in COMMANDS:
            row(" ".join(argv), partial(inside, directory, argv))
        large = Path(name) / "large"
        with tarfile.open(IMAGES / "bench-v5.tar.xz") as archive:
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(Path(name) / "tree")
        adopt.adopt(Path(name) / "tree", large)
        for argv in LARGE:
            row(" ".join(argv), partial(inside, large, argv))
        head("zone_brand")
        run(directory, "zone_brand", "check mode", {"zone": "web01", "brand": "lipkg", "_ansible_check_mode": True})
        run(directory, "zone_brand", "ipkg to lipkg, running zone", {"zone": "web01", "brand": "lipkg"})
        run(directory, "zone_brand", "nothing to do", {"zone": "web01", "brand": "lipkg"})
        options = {"zone": "web01", "brand": "ipkg", "rehearse": False}
        run(directory, "zone_brand", "lipkg to ipkg, not rehearsed", options)
        head("linked_image_info")
        for number in ZONES:
            many = Path(name) / f"zones-{number}"
            zones = ", ".join(f"{{name: z{i}, brand: {'lipkg' if i % 2 else 'ipkg'}}}" for i in range(number))
            world.build(many, f"zones: [{zones}]")
            run(many, "linked_image_info", f"{number} zones", {})
        head("pkg_parent_check")
        for number in ZONES:
            run(Path(name) / f"zones-{number}", "pkg_parent_check", f"{number} zones", {})
        parent_check.table(Path(name))
        linked_update.table(Path(name), lent)


def enter(directory: Path, argv: list[str]) -> list[str]:
    return [sys.executable, "-m", "testbed", "enter", str(directory), "--", *argv]


def timed(argv: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, env=over_processes.ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def inside(directory: Path, argv: list[str]) -> float:
    """Seconds that a command takes on the host, entering left out."""
    there = enter(directory, ["/usr/bin/python3", "-c", TIMER, *argv])
    given = subprocess.run(there, env=over_processes.ENVIRONMENT, capture_output=True, text=True, check=True)
    return float(given.stdout)


def row(what: str, measure: Callable[[], float]) -> None:
    times = [measure() * 1000 for _ in range(RUNS)]
    print(f"{what:<52}{min(times):>8.0f}{statistics.median(times):>8.0f}")


def head(module: str) -> None:
    print(f"\n{module:<52}{'seconds':>8}{'started':>8}{'pkg':>8}{'changing':>9}")


def run(directory: Path, module: str, what: str, options: dict[str, object]) -> None:
    over_processes.install(directory, options, module)
    world.clear_log(directory)
    began = time.perf_counter()
    result = over_processes.run(directory)
    seconds = time.perf_counter() - began
    records = log.read(directory / ".testbed")
    typed = log.typed(records)
    pkg = sum(argv[0] == "pkg" for argv in typed)
    said = "" if result and not result.get("failed") else f"  FAILED: {result and result.get('msg')}"
    print(f"{what:<52}{seconds:>8.1f}{len(typed):>8}{pkg:>8}{len(log.changing(records)):>9}{said}")


if __name__ == "__main__":
    main()
