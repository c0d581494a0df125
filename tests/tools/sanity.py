"""Run `ansible-test sanity` on a copy of this tree at .../ansible_collections/illumos/linked_zones.

ansible-test refuses to work anywhere else, and fetches a bootstrap of pip from a server of the Ansible project. Where
that server cannot be reached, a stand-in that uses Python's own ensurepip takes the place of the download.
`--prepare` only makes ansible-test's environments, so that later runs need no network.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "build" / "sanity" / "ansible_collections" / "illumos" / "linked_zones"
# Data; and programs that no Ansible loads, which ruff and mypy --strict look after: the rules of ansible-test forbid
# them `_` and the tabs of recorded texts.
LEFT_OUT = ("tests/fixtures/", "tests/integration/", "tests/testbed/", "tests/walk/", "tests/bench/")
# what ansible-core 2.18 and 2.19 fetch, and where they look first
PIP_VERSION = "24.2"
BOOTSTRAP_URL = f"https://ci-files.testing.ansible.com/ansible-test/get-pip-{PIP_VERSION}.py"
BOOTSTRAP = Path(f"~/.ansible/test/cache/get_pip_{PIP_VERSION.replace('.', '_')}.py").expanduser()
STAND_IN = '''\
"""Stand-in for get-pip.py, written by illumos.linked_zones because the real one could not be downloaded."""
import subprocess
import sys

wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *wanted], check=True)
'''


def provide_bootstrap() -> None:
    """Write the stand-in, only if nothing is cached and the download fails."""
    if BOOTSTRAP.exists():
        return
    try:
        with urllib.request.urlopen(BOOTSTRAP_URL, timeout=20):
            return
    except OSError as error:
        print(f"sanity: {BOOTSTRAP_URL} cannot be fetched ({error}); {BOOTSTRAP} will do without it")
    BOOTSTRAP.parent.mkdir(parents=True, exist_ok=True)
    BOOTSTRAP.write_text(STAND_IN)


def tree_files() -> list[str]:
    """Names of all files of this tree that git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        sys.exit(f"sanity: git cannot list the files of {ROOT}: {listed.stderr.strip()}")
    names = sorted(set(listed.stdout.split("\0")) - {""})
    return [name for name in names if not name.startswith(LEFT_OUT) and os.path.lexists(ROOT / name)]


def copy_tree() -> None:
    """Make the copy anew."""
    shutil.rmtree(COPY, ignore_errors=True)
    for name in tree_files():
        target = COPY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    # its own repository: ansible-test would take the one around the build folder, which ignores this copy
    subprocess.run(["git", "init", "-q"], cwd=COPY, check=True)


def search_path() -> str:
    """PATH with the real interpreter's folder before any shims, which ansible-test cannot see through."""
    folders = [str(Path(sys.executable).parent), str(Path(sys.executable).resolve().parent)]
    return os.pathsep.join([*folders, os.environ["PATH"]])


def main() -> int:
    """Return the exit code of ansible-test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepare", action="store_true", help="only make ansible-test's environments")
    parser.add_argument("arguments", nargs="*", help="passed on to ansible-test sanity, as --test pep8")
    options, passed_on = parser.parse_known_args()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    provide_bootstrap()
    copy_tree()
    command = ["ansible-test", "sanity", "--venv", "--python", python, "--color", "no", *options.arguments, *passed_on]
    if options.prepare:
        command.append("--prime-venvs")
    return subprocess.run(command, cwd=COPY, env={**os.environ, "PATH": search_path()}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
