"""What pkg_parent_check costs as zones grow, on the large recorded image: a GZ with 800 packages, zones with 450."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

ARCHIVE = Path(__file__).resolve().parents[1] / "fixtures" / "images" / "bench-v5.tar.xz"
RECORDED = 20
ZONES = (1, 5, 20, 100)
# Run in a process of its own: the peak of memory is a process's.
MEASURE = """
import json, sys, time
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.runner import Runner
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.parent_check import Options, run
began = time.perf_counter()
result = run(Runner(print), Options(root=sys.argv[1]))
seconds = time.perf_counter() - began
# Not getrusage: what that says begins with the peak of the process that started this one.
(high,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM:")]
peak = int(high.split()[1]) // 1024
print(json.dumps([len(result["zones"]), len(result["actions"]), seconds, peak]))
"""


def table(directory: Path) -> None:
    """Print a line for each format and number of zones; `directory` is for the images."""
    recorded = directory / "recorded"
    with tarfile.open(ARCHIVE) as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)
        archive.extractall(recorded)
    real = os.environ.get("TESTBED_PKG")
    columns = f"{'started':>8}{'seconds':>9}{'s/zone':>9}{'MB':>6}"
    print(
        f"\n{'pkg_parent_check, 800 packages and 450 in each zone':<52}{columns}" + ("  pkg contents" if real else "")
    )
    for image_format in (5, 4):
        if image_format == 4:
            for root in [recorded, *recorded.glob("zones/z*/root")]:
                to_format_4(root)
        for number in ZONES:
            top = directory / f"format-{image_format}-{number}"
            grow(recorded, top, number)
            line = measured(top, f"format {image_format}, {number} zones")
            print(line + (f"{asked(real, top):>13.1f} s" if real and image_format == 5 else ""))


def grow(recorded: Path, top: Path, number: int) -> None:
    """Make a tree with so many zones, files shared with the recorded one."""
    link(recorded / "var", top / "var")
    (top / "etc/zones").mkdir(parents=True)
    index = ["global:installed:/"]
    for i in range(number):
        name = f"zone{i + 1:03}"
        index.append(f"{name}:installed:/zones/{name}")
        (top / f"etc/zones/{name}.xml").write_text(f'<zone name="{name}" zonepath="/zones/{name}" brand="lipkg"/>\n')
        link(recorded / f"zones/z{i % RECORDED + 1:02}", top / f"zones/{name}")
    (top / "etc/zones/index").write_text("\n".join(index) + "\n")


def link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, copy_function=os.link)


def measured(top: Path, what: str) -> str:
    given = subprocess.run([sys.executable, "-c", MEASURE, str(top)], capture_output=True, text=True, check=True)
    zones, started, seconds, peak = json.loads(given.stdout)
    return f"{what:<52}{started:>8}{seconds:>9.3f}{seconds / zones:>9.4f}{peak:>6}"


def asked(pkg: str, top: Path) -> float:
    """Seconds that the real pkg takes to tell the parent dependencies of all zones, one after the other."""
    began = time.perf_counter()
    for root in sorted(top.glob("zones/*/root")):
        argv = [pkg, "-R", str(root), "contents", "-H", "-t", "depend", "-a", "type=parent", "-o", "pkg.fmri,fmri"]
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def to_format_4(root: Path) -> None:
    """Write an image's database as the JSON catalogs of format 4."""
    state = root / "var/pkg/state"
    parts: dict[str, dict[str, Any]] = {"base": {}, "dependency": {}}
    with contextlib.closing(sqlite3.connect(state / "catalog.db")) as connection:
        for publisher, stem, version, acts in connection.execute(
            "SELECT pub, stem, version, acts FROM packages LEFT JOIN actions ON pkg = id AND part = 0 WHERE installed"
        ):
            entry = {"version": version, "metadata": {"states": [0, 2]}}
            parts["base"].setdefault(publisher, {}).setdefault(stem, []).append(entry)
            if acts:
                depend = {"version": version, "actions": acts.split("\n")}
                parts["dependency"].setdefault(publisher, {}).setdefault(stem, []).append(depend)
    (state / "installed").mkdir(exist_ok=True)
    for part, content in parts.items():
        (state / f"installed/catalog.{part}.C").write_text(json.dumps(content))
    (state / "installed/catalog.attrs").write_text("{}")
    (state / "catalog.db").unlink()
    config = root / "var/pkg/pkg5.image"
    text = config.read_text().replace("version = 5", "version = 4")
    config.unlink()
    config.write_text(text)
