"""The testbed's own command: `python -m testbed` makes hosts, enters them, and shows what ran on them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

if __package__ in (None, ""):  # started as a file, by the connection plugin: quicker than finding it as a module
    sys.path[:1] = [str(Path(__file__).resolve().parent.parent)]

from testbed import enter, faults, log
from testbed.host import Host

USAGE = """\
usage: python -m testbed declare FILE DIRECTORY       make the host that FILE (YAML; - is standard input) declares
       python -m testbed adopt TREE DIRECTORY         make a host of a directory tree with images that a real pkg wrote
       python -m testbed enter DIRECTORY [-- COMMAND] run a command (default: a shell) on the host
       python -m testbed log DIRECTORY [--changing]   the commands that ran on it, those they ran indented
       python -m testbed faults DIRECTORY [FILE]      from now on the faults in FILE (a YAML list; - is standard input);
                                                      without FILE none
       python -m testbed publish DIRECTORY UPDATE     its repositories get an update that was declared or is built in
       python -m testbed reboot DIRECTORY             boot it, also after a power cut
       python -m testbed power-off DIRECTORY          cut its power
       python -m testbed disconnect DIRECTORY         break the connections that Ansible has to it
       python -m testbed sshd DIRECTORY               serve it over ssh on the loopback, until it is ended
"""


def main(args: list[str]) -> int:
    """Exit codes: the command's (enter); else 0, 1 error, 2 usage."""
    actions = {
        "declare": _declare,
        "adopt": _adopt,
        "enter": _enter,
        "log": _log,
        "faults": _faults,
        "publish": _publish,
        "reboot": _reboot,
        "power-off": _power_off,
        "disconnect": _disconnect,
        "sshd": _sshd,
    }
    if len(args) < 2 or args[0] not in actions:
        sys.stderr.write(USAGE)
        return 2
    if args[0] not in ("declare", "adopt") and not Path(args[1], ".testbed", "state.json").is_file():
        return _fail(f"{args[1]} is not a host of the testbed: make one with `python -m testbed declare`")
    return actions[args[0]](args[1:])


def _fail(text: str) -> int:
    sys.stderr.write(f"testbed: {text}\n")
    return 1


def _declare(args: list[str]) -> int:
    import yaml

    from testbed import declare

    if len(args) != 2:
        sys.stderr.write(USAGE)
        return 2
    source, directory = args
    if Path(directory).exists():
        return _fail(f"{directory} is there already: remove it first, a host is made from nothing")
    try:
        made = declare.declare(directory, sys.stdin.read() if source == "-" else Path(source).read_text())
        enter.ready(made)
    except (declare.Invalid, yaml.YAMLError, OSError) as error:
        return _fail(str(error))
    return 0


def _adopt(args: list[str]) -> int:
    from testbed.adopt import adopt

    if len(args) != 2:
        sys.stderr.write(USAGE)
        return 2
    tree, directory = args
    if Path(directory).exists():
        return _fail(f"{directory} is there already: remove it first")
    if not Path(tree, "var/pkg/pkg5.image").is_file():
        return _fail(f"{tree} is no tree of a host: it has no var/pkg/pkg5.image")
    enter.ready(adopt(Path(tree), Path(directory)))
    return 0


def _enter(args: list[str]) -> int:
    command = args[2:] if args[1:2] == ["--"] else args[1:]
    try:
        enter.execute(args[0], command or ["/bin/sh", "-i"])
    except enter.Impossible as error:
        return _fail(str(error))
    except OSError as error:
        _fail(f"{command[0] if command else '/bin/sh'}: {error.strerror}")
        return 127


def _log(args: list[str]) -> int:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it quietly
    records = log.read(Path(args[0], ".testbed"))
    depth: dict[int, int] = {}
    for record in records:
        depth[record["n"]] = depth.get(record["parent"], -1) + 1
        if args[1:] == ["--changing"] and not (record["changed"] and record["parent"] is None):
            continue
        mark = "*" if record["changed"] else " "
        rc = "killed" if record["rc"] is None else record["rc"]
        print(f"{record['n']:5} {rc!s:>6} {mark} {'  ' * depth[record['n']]}{' '.join(record['argv'])}")
    return 0


def _faults(args: list[str]) -> int:
    import yaml

    text = "" if len(args) < 2 else sys.stdin.read() if args[1] == "-" else Path(args[1]).read_text()
    wanted = yaml.safe_load(text) or []
    if not isinstance(wanted, list) or not all(isinstance(fault, dict) for fault in wanted):
        return _fail("faults are a YAML list of mappings, as under `faults` in a declaration")
    host = Host(Path(args[0]).resolve())
    with host.locked():
        host.state.faults = wanted
    return 0


def _publish(args: list[str]) -> int:
    from testbed import updates

    if len(args) != 2:
        sys.stderr.write(USAGE)
        return 2
    host = Host(Path(args[0]).resolve())
    with host.locked():
        try:
            updates.publish(host, args[1])
        except updates.Unknown as error:
            return _fail(str(error))
    return 0


def _reboot(args: list[str]) -> int:
    from testbed import boot
    from testbed.command import Context

    host = Host(Path(args[0]).resolve())
    faults.end_processes(host)
    with host.locked():
        up = Context(host, ["power-on"], {})
        boot.power_on(up)
    said = up.result(0)
    sys.stdout.write(said.stdout)
    sys.stderr.write(said.stderr)
    return 0


def _power_off(args: list[str]) -> int:
    host = Host(Path(args[0]).resolve())
    faults.end_processes(host)
    with host.locked():
        host.state.powered = False
    return 0


def _disconnect(args: list[str]) -> int:
    faults.hang_up(Host(Path(args[0]).resolve()))
    return 0


def _sshd(args: list[str]) -> int:
    try:
        from testbed import sshd
    except ImportError as error:
        return _fail(f"{error}: the ssh server is asyncssh's, pip install asyncssh")
    sshd.serve(Path(args[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
