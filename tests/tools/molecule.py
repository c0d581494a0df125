"""Run every molecule scenario, two at a time, each in a process of its own; print the output of those that fail.

Molecule's own workers share one `create` between scenarios; here each scenario declares its own hosts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "molecule"


def run(scenario: str) -> bool:
    """Run one scenario; its exit code decides, as the recap may say "Successful" of a step that failed."""
    log = LOGS / f"{scenario}.log"
    began = time.monotonic()
    with log.open("w") as stream:
        done = subprocess.run(
            ["molecule", "test", "-s", scenario],
            cwd=ROOT,
            env={**os.environ, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    verdict = "failed" if done.returncode else "passed"
    text = log.read_text() if done.returncode else ""
    print(f"{text}molecule {scenario}: {verdict} in {time.monotonic() - began:.0f} s ({log})", flush=True)
    return done.returncode == 0


def main() -> int:
    """Return 1 if a scenario failed. Arguments: names of scenarios, default all."""
    LOGS.mkdir(parents=True, exist_ok=True)
    known = sorted(found.parent.name for found in (ROOT / "extensions" / "molecule").glob("*/molecule.yml"))
    with ThreadPoolExecutor(max_workers=2) as pool:
        passed = list(pool.map(run, sys.argv[1:] or known))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
