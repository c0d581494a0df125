"""fuser(8): who uses a file or a file system. Process ids go to stdout, all else to stderr."""

from __future__ import annotations

from testbed import options, processes
from testbed.command import Context
from testbed.options import Usage


def main(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, also if nobody uses it; 1 usage or no such file."""
    try:
        found = options.parse(args, "cfnu", "")
    except Usage:
        found = options.parse([], "", "")
    if not found.rest:
        ctx.err("Usage: fuser [-n] [-cf] [-u] files\n")
        return 1
    rc = 0
    for path in found.rest:
        if not ctx.host.path(path).exists():
            ctx.err(f"{path}: No such file or directory\n")
            rc = 1
            continue
        whole = "c" in found or any(dataset.mounted == path for dataset in ctx.host.state.datasets.values())
        ctx.err(f"{path}: ")
        for process in processes.using(ctx.host, path, whole and "f" not in found):
            ctx.out(f" {process.pid:7d}")
            ctx.err("c(root)" if "u" in found else "c")
        ctx.err("\n")
    return rc
