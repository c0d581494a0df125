"""ps(1): -e, -f, -o, -p, -z."""

from __future__ import annotations

from collections.abc import Callable

from testbed import options, processes
from testbed.command import Context
from testbed.options import Usage
from testbed.processes import Process

_COLUMNS: dict[str, tuple[str, Callable[[Process], str]]] = {
    "pid": ("PID", lambda process: str(process.pid)),
    "ppid": ("PPID", lambda process: "0" if process.args in ("/sbin/init", "zsched") else "1"),
    "zone": ("ZONE", lambda process: process.zone),
    "user": ("USER", lambda process: "root"),
    "uid": ("UID", lambda process: "0"),
    "args": ("COMMAND", lambda process: process.args),
    "comm": ("COMMAND", lambda process: process.args.split(" ")[0]),
    "fname": ("COMMAND", lambda process: process.args.split(" ")[0].rsplit("/", 1)[-1]),
}


def main(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0; 1 usage, or none of the processes asked for is there."""
    try:
        found = options.parse(args, "AaefjlLPyZ", "o:p:z:u:g:n:s:t:G:U:")
        columns = _asked(found)
    except Usage as usage:
        ctx.err(f"ps: {usage}\nusage: ps [ -aAdefHlcjLPyZ ] [ -o format ] [ -p proclist ] [ -z zonelist ]\n")
        return 1
    rows = [process for process in processes.listed(ctx.host) if _wanted(ctx, found, process)]
    cells = [[_COLUMNS[column][1](process) for column, _ in columns] for process in rows]
    header = [title for _, title in columns]
    widths = [max(len(row[place]) for row in [header, *cells]) for place in range(len(columns))]
    for row in [header, *cells] if any(header) else cells:
        padded = [
            text.rjust(width) if name in ("pid", "ppid", "uid") else text.ljust(width)
            for (name, _), text, width in zip(columns, row, widths, strict=True)
        ]
        ctx.out(" ".join([*padded[:-1], row[-1]]) + "\n")
    return 0 if rows or "p" not in found else 1


def _asked(found: options.Options) -> list[tuple[str, str]]:
    """(column, header); `name=` leaves the header out."""
    words: list[tuple[str, str]] = []
    for _, given in found.ordered("o"):
        for part in given.split(","):
            name, has_title, own = part.partition("=")
            if name not in _COLUMNS:
                raise Usage(f"unknown output format: -o {name}")
            words.append((name, own if has_title else _COLUMNS[name][0]))
    default = ["user", "pid", "ppid", "args"] if "f" in found else ["pid", "fname"]
    return words or [(name, _COLUMNS[name][0]) for name in default]


def _wanted(ctx: Context, found: options.Options, process: Process) -> bool:
    if ctx.zone not in ("global", process.zone):
        return False
    if "p" in found:
        return str(process.pid) in found.value("p").replace(",", " ").split()
    return "z" not in found or process.zone in found.value("z").replace(",", " ").split()
