"""What README.md shows works as it is written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import testbed
from testbed import command, declare
from testbed.host import Host

from .machine import bare, run

README = (Path(testbed.__file__).parent / "README.md").read_text()
MAIN = Path(testbed.__file__).parent / "__main__.py"


def block(kind: str, starting: str) -> str:
    """The fenced block of that kind that starts so."""
    blocks: list[str] = re.findall(rf"```{kind}\n(.*?)```", README, re.S)
    return next(text for text in blocks if text.startswith(starting))


def test_the_declaration_with_every_key(tmp_path: Path) -> None:
    text = block("yaml", "distribution:")
    assert set(yaml.safe_load(text)) == declare.HOST_KEYS
    made = declare.declare(tmp_path / "gz1", text)
    assert command.run(made, ["zoneadm", "list"]).stdout.split() == ["global", "web01"]
    assert command.run(made, ["zfs", "get", "-H", "-o", "value", "zoned", "rpool/data/web01"]).stdout == "on\n"


def test_every_key_of_a_zone_is_shown() -> None:
    [zone] = yaml.safe_load(block("yaml", "distribution:"))["zones"]
    assert declare.ZONE_KEYS - set(zone) == {"image_format"}


def test_the_faults_strike(tmp_path: Path) -> None:
    made: Host = bare(tmp_path / "host")
    with made.locked():
        made.state.faults = yaml.safe_load(block("yaml", "faults:"))["faults"]
    assert run(made, "zoneadm -z web01 boot").stderr == "zoneadm: zone 'web01': call to zoneadmd failed\n"


def test_five_minutes(tmp_path: Path) -> None:
    session = block("", r"$ cat > gz1.yml")
    text = re.search(r"<<'END'\n(.*?)END\n", session, re.S)
    assert text
    (tmp_path / "gz1.yml").write_text(text[1])

    def say(*args: str) -> str:
        argv = [sys.executable, str(MAIN), *args]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False).stdout

    say("declare", "gz1.yml", "gz1")
    listed = say("enter", "gz1", "--", "zoneadm", "list", "-cv")
    if not listed:
        pytest.skip("no private mount namespace here")
    assert [line.split() for line in listed.splitlines()] == [
        line.split() for line in session.split("list -cv\n")[1].splitlines()[:3]
    ]
    say("enter", "gz1", "--", "sh", "-c", "zoneadm -z web01 halt && zoneadm -z web01 detach")
    shown = session.split("--changing\n")[1].splitlines()
    changing = say("log", "gz1", "--changing").splitlines()
    assert [line.split()[1:] for line in changing] == [line.split()[1:] for line in shown]


def test_the_python_example(tmp_path: Path) -> None:
    text = block("python", "from testbed import command").replace("/var/tmp/gz1", str(tmp_path / "gz1"))
    names: dict[str, object] = {}
    exec(text, names)
    assert names["result"] == command.Result(0, "", "")
