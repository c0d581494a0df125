"""Prove that docs/testbed.md works as written: install the collection as built, make the page's files, run molecule.

A file is a line that is nothing but a path in backquotes, followed by a block of YAML.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = re.compile(r"^`(?P<path>[\w./-]+)`\n\n```yaml\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def install(collections: Path) -> Path:
    """Build the collection, install it below ``collections``, and return where it is."""
    build = ["ansible-galaxy", "collection", "build", "--output-path", str(collections), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    artifact = next(collections.glob("*.tar.gz"))
    put = ["ansible-galaxy", "collection", "install", "--offline", "-p", str(collections), str(artifact)]
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections)}
    subprocess.run(put, check=True, stdout=subprocess.DEVNULL, env=env)
    return collections / "ansible_collections" / "illumos" / "linked_zones"


def main() -> int:
    """Return molecule's exit code."""
    page = (ROOT / "docs" / "testbed.md").read_text()
    with tempfile.TemporaryDirectory(prefix="site.") as directory:
        site, collections = Path(directory, "site"), Path(directory, "collections")
        collections.mkdir()
        for found in FILE.finditer(page):
            path = site / found["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(found["text"])
        env = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "NO_COLOR": "1",
            "TESTBED": str(install(collections) / "tests" / "testbed"),
        }
        done = subprocess.run(["molecule", "test"], cwd=site, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr)
    print(f"docs/testbed.md: {'does not work' if done.returncode else 'works'} as written")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
