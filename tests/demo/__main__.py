"""`make demo`: the collection's main job on two simulated hosts, from nothing, told as it happens."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
HOSTS = ("gz1", "gz2")
OLD, NEW = "r151046", "r151054"
CONVERT = "illumos.linked_zones.convert"
AUDIT = "illumos.linked_zones.audit"
UPDATE = "illumos.linked_zones.update"
# what has been published meanwhile: libraries that zones must have as the global zone has them, and a kernel
UPDATES = ("libraries", "kernel")
# the attach of this zone runs out of disk space in the middle of its packages
FAULT = "[{match: ^pkg install --accept, effect: {error: ENOSPC, right_after_replacing: etc/release}}]"
Zones = dict[tuple[str, str], tuple[str, str, str, str]]  # (host, zone): state, brand, release, link
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def say(text: str) -> None:
    """Narrate."""
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def run(argv: list[str], stdin: str = "") -> str:
    """Return what a command of ours prints. A failure ends the demo with its words."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"demo: {' '.join(argv)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Demo:
    """The hosts below one temporary directory, and what is done with them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def testbed(self, action: str, name: str, *words: str, stdin: str = "") -> str:
        """Run `python -m testbed ACTION HOST ...`."""
        return run([sys.executable, "-m", "testbed", action, str(self.directory / name), *words], stdin)

    def on(self, name: str, command: str) -> str:
        """Return what a command prints on a host."""
        return self.testbed("enter", name, "--", *command.split())

    def declare(self) -> None:
        """Make the hosts."""
        for name in HOSTS:
            run([sys.executable, "-m", "testbed", "declare", str(HERE / f"{name}.yml"), str(self.directory / name)])

    def changing(self, but: str = "no such command") -> int:
        """Count the commands that have changed something, on both hosts; `but` is not counted."""
        lines = [line for name in HOSTS for line in self.testbed("log", name, "--changing").splitlines()]
        return len([line for line in lines if but not in line])

    def zones(self) -> Zones:
        """Return state, brand, release and link of every zone, by host and zone."""
        found: Zones = {}
        for name in HOSTS:
            linked = self.on(name, "pkg list-linked -H").split()
            for line in self.on(name, "zoneadm list -cpn").splitlines():
                zone, state, path, brand = (line.split(":")[field] for field in (1, 2, 3, 5))
                version = self.on(name, f"pkg -R {path}/root list -H entire").split()[-2]
                link = "linked" if f"zone:{zone}" in linked else "-"
                found[name, zone] = (state, brand, version.removeprefix("11-").split(".")[0], link)
        return found

    def play(self, *words: str, playbook: str = CONVERT, fails: bool = False) -> None:
        """Run a playbook. It is part of the story whether it fails."""
        print(f"{DIM}$ ansible-playbook {' '.join([playbook, *words])}{PLAIN}", flush=True)
        argv = ["ansible-playbook", "-i", str(HERE / "inventory.yml"), playbook, *words]
        env = {**os.environ, "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"), "DEMO_DIRECTORY": str(self.directory)}
        done = subprocess.run(argv, env=env, check=False)
        if (done.returncode != 0) != fails:
            sys.exit(f"demo: the playbook {'went through' if fails else 'failed'}, which is not how the story goes.")


def table(before: Zones, after: Zones) -> None:
    """Print what became of every zone."""
    row = "  {:6} {:10} {:28} {:28}"
    print(row.format("host", "zone", "before", "after"))
    for key, was in before.items():
        print(row.format(*key, " ".join(was), " ".join(after[key])))


def main() -> None:
    """Tell the story."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="linked_zones-demo.") as directory:
        demo = Demo(Path(directory))
        say(f"Two OmniOS hosts on {NEW}. Their zones are ipkg zones and were left behind on {OLD}.")
        demo.declare()
        before = demo.zones()
        for name in HOSTS:
            print(f"\n{name}# zoneadm list -cv\n{demo.on(name, 'zoneadm list -cv').rstrip()}")

        say("1. Look first, on gz1. Each zone is rehearsed on a throw-away clone while it runs; none is touched.")
        demo.play("--check", "--limit", "gz1")

        say("2. Switch them to lipkg, one after the other. In one of them pkg is going to fail half-way.")
        demo.testbed("faults", "gz2", "-", stdin=FAULT)
        demo.play(fails=True)
        failed = demo.zones()
        print(f"\nThe zone that failed is back as it was, running: mail01 {' '.join(failed['gz2', 'mail01'])}")

        say("3. The disk has space again. The same command once more.")
        demo.testbed("faults", "gz2")
        demo.play()

        say("4. And once more: there is nothing left to do, and nothing is done.")
        changes = demo.changing()
        demo.play()
        more = demo.changing() - changes
        print(f"\nCommands that changed anything in this run: {more}")

        say("5. Does every zone fit its global zone now? The one left alone would not, were it linked.")
        demo.play(playbook=AUDIT)

        say("6. A month later there are updates, one of them of the kernel. What would they do on gz1?")
        for update in UPDATES:
            demo.testbed("publish", "gz1", update)
        demo.play("--check", "--limit", "gz1", playbook=UPDATE)

        say("7. Update it with its zones: shut down, updated with it into a new boot environment, and running again.")
        demo.play("--limit", "gz1", playbook=UPDATE)

        say("8. And once more: nothing to do, and nothing is done.")
        changes = demo.changing(but="pkg update -n ")
        demo.play("--limit", "gz1", playbook=UPDATE)
        more += demo.changing(but="pkg update -n ") - changes
        print(f"\nCommands that changed anything in this run: {more}")

        say("What became of the zones")
        after = demo.zones()
        table(before, after)
    switched = sum(1 for key in before if before[key][1] != after[key][1])
    print(f"\n{switched} zones switched, 1 excluded, in {time.monotonic() - began:.0f} seconds.")
    if more or switched != len(before) - 1:
        sys.exit("demo: that is not how the story ends.")


if __name__ == "__main__":
    main()
