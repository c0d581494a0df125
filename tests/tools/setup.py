"""Make .venv: the pinned tools, and this checkout linked in as the collection illumos.linked_zones.

Runs on the system's Python, so it says a sentence where that one is too old or came without its venv module.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LINK = VENV / "collections" / "ansible_collections" / "illumos" / "linked_zones"
OLDEST = (3, 11)


def stop(sentence):
    """End with one sentence for whoever typed make."""
    sys.exit("make setup: " + sentence)


def check_python():
    """Stop if this Python is older than the pinned tools bear."""
    if sys.version_info < OLDEST:
        have = sys.version.split()[0]
        stop(
            f"Python 3.11 or newer is needed, {sys.executable} is {have}: "
            "name another one, as in make PYTHON=python3.12 setup."
        )


def provide_venv_module():
    """Debian ships venv without ensurepip until python3-venv is installed."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not (os.geteuid() == 0 and os.environ.get("CI")):
        stop(f"Python's venv module is incomplete here: run apt-get install {package} (as root), then make again.")
    subprocess.run(["apt-get", "install", "-y", "-q", package], check=True)


def link_collection():
    """Ansible finds a collection only below ansible_collections/NAMESPACE/NAME."""
    LINK.parent.mkdir(parents=True, exist_ok=True)
    if LINK.is_symlink():
        LINK.unlink()
    LINK.symlink_to(os.path.relpath(ROOT, LINK.parent))


def main():
    """Do what is still missing; a .venv that is there already is reused."""
    check_python()
    python = VENV / "bin" / "python"
    if not python.exists():
        provide_venv_module()
        print("make setup: creating .venv")
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    print("make setup: installing what requirements-dev.txt pins")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "-r", str(ROOT / "requirements-dev.txt")], check=False)
    if done.returncode:
        stop("pip could not install the pinned tools (its words stand above); the first set-up needs a package index.")
    link_collection()
    (VENV / ".installed").touch()


if __name__ == "__main__":
    main()
