"""pkg mediator, set-mediator, unset-mediator."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.ips import action
from testbed.ips.acting import operations
from testbed.ips.cli import tabular
from testbed.ips.cli.change_options import read
from testbed.ips.cli.options import Options, parse, usage
from testbed.ips.images import settings
from testbed.ips.planning import mediation
from testbed.ips.planning.mediation import IMPLEMENTATION, VERSION
from testbed.ips.planning.varcets import SET_MEDIATOR, UNSET_MEDIATOR
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session

HEADS = {
    "mediator": "MEDIATOR",
    "version-source": "VER. SRC.",
    "version": "VERSION",
    "implementation-source": "IMPL. SRC.",
    "implementation": "IMPLEMENTATION",
}


def mediator(session: Session, args: list[str]) -> int:
    given = parse("mediator", args, "HaF:", "output-format=")
    form = tabular.chosen_format("mediator", given)
    entries = _available(session) if given.has("-a") else settings.of(session.image).mediators.items()
    rows = [_row(name, choice, form) for name, choice in entries]
    names = {row["mediator"] for row in rows}
    found = names & set(given.words) if given.words else names
    chosen = sorted((row for row in rows if row["mediator"] in found), key=lambda row: str(row["mediator"]))
    heads = HEADS if form == "default" else HEADS | {"implementation-version": "IMPL. VER."}
    if found or (not given.words and form == "default"):
        width = max([8, *(len(str(row["mediator"])) for row in rows)])
        version = max([7, *(len(row["version"] or "") for row in rows)])
        layout = f"{{:{width}}} {{:9}} {{:{version}}} {{:10}} {{}}"
        session.out(tabular.listing(chosen, heads, form, layout, headers=not given.has("-H"), escape=False))
    if given.words and not found:
        raise Exit(1, "pkg mediator: no matching mediators found\n" if form == "default" else "")
    return 3 if set(given.words) - found else 0


def _row(name: str, choice: Mapping[str, str], form: str) -> dict[str, str | None]:
    keys = (VERSION, f"{VERSION}-source", IMPLEMENTATION, f"{IMPLEMENTATION}-source", f"{IMPLEMENTATION}-version")
    row: dict[str, str | None] = {"mediator": name, **{key: choice.get(key) for key in keys}}
    if form == "default" and row[IMPLEMENTATION] and row[f"{IMPLEMENTATION}-version"]:
        row[IMPLEMENTATION] = f"{row[IMPLEMENTATION]}(@{row[f'{IMPLEMENTATION}-version']})"
    return row


def _available(session: Session) -> list[tuple[str, dict[str, str]]]:
    """What the installed packages offer, best first."""
    offered: dict[str, set[mediation.Mediation]] = {}
    image = session.image
    for entry in image.installed().values():
        for line in image.manifest(entry.fmri) or []:
            parsed = action.parse(line) if " mediator=" in line else None
            found = mediation.of(parsed) if parsed else None
            if parsed and found and action.counts(parsed, image.variants, image.facets):
                offered.setdefault(parsed.get("mediator"), set()).add(found)
    rows = []
    for name in sorted(offered):
        for each in mediation.ranked(offered[name]):
            row = {f"{what}-source": each.source for what in (VERSION, IMPLEMENTATION)}
            row |= {VERSION: each.version} if each.version else {}
            row |= {IMPLEMENTATION: each.implementation} if each.implementation else {}
            rows.append((name, row))
    return rows


def set_mediator(session: Session, args: list[str]) -> int:
    request, given = read(session, SET_MEDIATOR, args)
    _check_names(SET_MEDIATOR, given)
    wanted: dict[str, str | None] = {}
    for what, names in ((VERSION, ("-V", "--version")), (IMPLEMENTATION, ("-I", "--implementation"))):
        text = given.one(*names)
        if text is not None:
            wanted[what] = None if not text else "" if text == "None" else text
    if not any(given.all("-V", "--version", "-I", "--implementation")):
        reason = "a mediator version and/or implementation must be specified using -V and -I"
        raise usage(SET_MEDIATOR, reason)
    return _change(session, request, given, wanted)


def unset_mediator(session: Session, args: list[str]) -> int:
    request, given = read(session, UNSET_MEDIATOR, args)
    _check_names(UNSET_MEDIATOR, given)
    asked = {VERSION: given.has("-V", "--version"), IMPLEMENTATION: given.has("-I", "--implementation")}
    both = not any(asked.values())
    return _change(session, request, given, dict.fromkeys(what for what, named in asked.items() if named or both))


def _check_names(command: str, given: Options) -> None:
    if not given.words:
        raise usage(command, "at least one mediator must be specified")


def _change(session: Session, request: Request, given: Options, wanted: dict[str, str | None]) -> int:
    wrong = [
        line
        for name in given.words
        for line in mediation.invalid(name, wanted.get(VERSION) or "", wanted.get(IMPLEMENTATION) or "")
    ]
    if wrong:
        raise Exit(2, f"\npkg {request.operation}: " + "\n".join(wrong) + "\n")
    configured = settings.of(session.image).mediators
    request.mediators = {name: mediation.asked(configured, name, wanted) for name in given.words}
    request.refresh, request.ignored = False, []  # children have their own
    return operations.run(session, request)
