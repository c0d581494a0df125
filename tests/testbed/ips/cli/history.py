"""pkg history and purge-history."""

from __future__ import annotations

import calendar
import time

from testbed.ips.cli.options import Options, parse, usage
from testbed.ips.images import history
from testbed.ips.images.files import stamp
from testbed.ips.images.history import Operation
from testbed.ips.session import Exit, Session

COLUMNS = {
    "be": ("BE", 20),
    "be_uuid": ("BE UUID", 41),
    "client": ("CLIENT", 19),
    "client_ver": ("VERSION", 15),
    "command": ("COMMAND", 0),
    "finish": ("FINISH", 25),
    "id": ("ID", 10),
    "new_be": ("NEW BE", 20),
    "new_be_uuid": ("NEW BE UUID", 41),
    "operation": ("OPERATION", 25),
    "outcome": ("OUTCOME", 12),
    "reason": ("REASON", 10),
    "release_notes": ("RELEASE NOTES", 12),
    "snapshot": ("SNAPSHOT", 20),
    "start": ("START", 25),
    "time": ("TIME", 10),
    "user": ("USER", 10),
}
"""Name of a column -> its head and width."""
LAST = ("command", "reason")
"""Columns that only the last one can be."""
CLASHES = (("-H", "-l"), ("-o", "-l"), ("-n", "-t"), ("-o", "-N"), ("-l", "-N"))
PKG_TIME = "%Y%m%dT%H%M%SZ"
TYPED_TIME = "%Y-%m-%dT%H:%M:%S"


def show(session: Session, args: list[str]) -> int:
    given = parse("history", args, "HNln:o:t:")
    columns = _columns(given)
    _check_number(given)
    for one, other in CLASHES:
        if given.has(one) and given.has(other):
            raise usage("history", f"{one} and {other} may not be combined")
    table = not given.has("-l", "-N")
    if table and not given.has("-H"):
        session.out(_row(columns, {name: head for name, (head, _) in COLUMNS.items()}))
    for done in _chosen(session, given):
        cells = _cells(done)
        if given.has("-N"):
            session.out(f"{cells['start']}: Release notes: None\n")
        else:
            session.out(_row(columns, cells) if table else _described(done, cells))
    return 0


def _columns(given: Options) -> list[str]:
    """Raises Exit 2."""
    columns = given.all("-o")[-1].split(",") if given.has("-o") else ["start", "operation", "client", "outcome"]
    if all(name in columns for name in LAST):
        raise Exit(2, "'command' and 'reason' columns cannot be used together.\n")
    for name in LAST:
        if name in columns[:-1]:
            raise Exit(2, f"The '{name}' column must be the last item in the -o list\n")
    for name in columns:
        if name not in COLUMNS:
            raise Exit(2, f"Unknown output column '{name}'\n")
    doubled = {name for name in columns if columns.count(name) > 1}
    if doubled:
        raise Exit(2, "".join(f"Duplicate column specified: {name}\n" for name in doubled))
    return columns


def _check_number(given: Options) -> None:
    for text in given.all("-n"):
        if not text.strip().lstrip("+-").isdigit():
            raise Exit(2, "Argument to -n must be numeric\n")
        if int(text) <= 0:
            raise Exit(2, "Argument to -n must be positive\n")


def _chosen(session: Session, given: Options) -> list[Operation]:
    """Raises Exit 1."""
    entries = history.read(session.image)
    if not given.has("-t"):
        return entries[-int(given.one("-n") or len(entries) or 1) :]
    found: dict[int, Operation] = {}
    for text in [part for value in given.all("-t") for part in value.split(",")]:
        first, last = _span(text)
        within = [entry for entry in entries if first <= entry.start <= last]
        if not within:
            raise Exit(1, f"pkg history: No history entries found for {text}\n")
        found |= {id(entry): entry for entry in within}
    return [entry for entry in entries if id(entry) in found]


def _span(text: str) -> tuple[str, str]:
    """What -t means: a time, or two with `-` between them."""
    now = text.startswith("now-")
    if now or len(text) > 20:
        first, last = (text[:3], text[4:]) if now else (text[:19], text[20:])
        span = (_time(first), _time(last))
        if span[0] > span[1]:
            raise Exit(1, f"pkg history: Start time must be older than finish time: {text}\n")
        return span
    return _time(text), _time(text)


def _time(text: str) -> str:
    if text == "now":
        return stamp(False)
    try:
        return time.strftime(PKG_TIME, time.gmtime(time.mktime(time.strptime(text, TYPED_TIME))))
    except ValueError:
        raise Exit(1, f"pkg history: time data '{text}' does not match format '{TYPED_TIME}'\n") from None


def _local(text: str) -> tuple[str, int]:
    """A time of pkg's as it is shown, and in seconds."""
    seconds = calendar.timegm(time.strptime(text, PKG_TIME))
    return time.strftime(TYPED_TIME, time.localtime(seconds)), seconds


def _cells(done: Operation) -> dict[str, str]:
    (start, first), (finish, last) = _local(done.start), _local(done.end)
    minutes, seconds = divmod(last - first, 60)
    return {
        "be": done.be[0] or "(Unknown)",
        "be_uuid": done.be[1] or "(Unknown)",
        "client": "pkg",
        "client_ver": "unknown",
        "command": " ".join(done.command),
        "finish": finish,
        "id": done.user[1],
        "new_be": done.new_be[0] or "None",
        "new_be_uuid": done.new_be[1] or "(None)",
        "operation": done.name,
        "outcome": done.result[0],
        "reason": done.result[1],
        "release_notes": "No",
        "snapshot": "(None)",
        "start": start,
        "time": f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}",
        "user": done.user[0],
    }


def _row(columns: list[str], cells: dict[str, str]) -> str:
    padded = [f"{cells[name]:{COLUMNS[name][1] or 1}}" for name in columns[:-1]]
    return "".join([*padded, cells[columns[-1]]]) + "\n"


def _described(done: Operation, cells: dict[str, str]) -> str:
    rows = [
        ("Operation", cells["operation"]),
        ("Outcome", cells["outcome"]),
        ("Reason", cells["reason"]),
        ("Client", cells["client"]),
        ("Version", cells["client_ver"]),
        ("User", f"{cells['user']} ({cells['id']})"),
        ("Boot Env.", cells["be"]),
        ("Boot Env. UUID", cells["be_uuid"]),
        ("New Boot Env.", cells["new_be"]),
        ("New Boot Env. UUID", cells["new_be_uuid"]),
        ("Snapshot", cells["snapshot"]),
        ("Start Time", cells["start"]),
        ("End Time", cells["finish"]),
        ("Total Time", cells["time"]),
        ("Command", cells["command"]),
        ("Release Notes", cells["release_notes"]),
        ("Start State", "\n" + history.NOTHING),
        ("End State", "\n" + history.NOTHING),
    ]
    rows += [("Errors", "\n" + "\n".join(done.errors))] if done.errors else []
    return "".join(f"{label:>18}: {value}\n" for label, value in rows) + "\n"


def purge(session: Session, args: list[str]) -> int:
    parse("purge-history", args, "")
    if session.unprivileged:
        text = "pkg: An error was encountered while attempting to purge client history.\n"
        raise Exit(1, f"{text}pkg: [Errno 13] Permission denied\n")
    history.purge(session.image)
    history.record(session)
    session.out("History purged.\n")
    return 0
