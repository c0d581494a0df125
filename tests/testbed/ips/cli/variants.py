"""pkg variant, change-variant."""

from __future__ import annotations

import re

from testbed.ips import action
from testbed.ips.acting import operations
from testbed.ips.cli import tabular
from testbed.ips.cli.change_options import check_patterns, read
from testbed.ips.cli.options import clash, parse, usage
from testbed.ips.planning.varcets import CHANGE_VARIANT
from testbed.ips.session import Exit, Session

LAYOUT = "{:70} {}"


def variant(session: Session, args: list[str]) -> int:
    given = parse("variant", args, "HaivF:", "output-format=")
    form = tabular.chosen_format("variant", given)
    if given.has("-a") and given.has("-i"):
        raise clash("variant", "-a", "-i")
    values = session.image.variants
    used = packaged(session) if given.has("-a", "-i", "-v") else {}
    names = set(used) if given.has("-i") else set(values) | tabular.plain("variant.", given.words)
    if given.has("-a"):
        names |= set(used)
    rows = []
    listed = tabular.matching("variant.", sorted(names), given.words)
    for name in listed:
        shown = name.removeprefix("variant.") if form == "default" else name
        possible = sorted(used.get(name, ())) if given.has("-v") else [values.get(name, "false")]
        rows += [{"variant": shown, "value": value} for value in possible]
    heads = {"variant": "VARIANT", "value": "VALUE"}
    session.out(tabular.listing(rows, heads, form, LAYOUT, headers=not given.has("-H")))
    if not listed and given.words:
        raise Exit(1, "pkg variant: no matching variants found\n" if form == "default" else "")
    return 0


def packaged(session: Session) -> dict[str, set[str]]:
    """The variants that installed packages speak of, with the values they name."""
    found: dict[str, set[str]] = {}
    for entry in session.image.installed().values():
        for line in session.image.manifest(entry.fmri) or []:
            if "variant." not in line:
                continue
            parsed = action.parse(line)
            if parsed.kind == "set" and parsed.get("name").startswith("variant."):
                found.setdefault(parsed.get("name"), set()).update(parsed.all("value"))
            for name, values in parsed.attributes.items():
                if name.startswith("variant."):
                    found.setdefault(name, set()).update(values)
    return found


def change_variant(session: Session, args: list[str]) -> int:
    request, given = read(session, CHANGE_VARIANT, args)
    check_patterns(CHANGE_VARIANT, request.reject)
    if not given.words:
        raise usage("", f"{CHANGE_VARIANT}: no variants specified")
    for text in given.words:
        name, equals, value = text.partition("=")
        if not equals or "=" in value:
            raise usage("", f"{CHANGE_VARIANT}: variants must to be of the form '<name>=<value>'.")
        name = name if name.startswith("variant.") else f"variant.{name}"
        if name in request.variants:
            raise usage("", f"{CHANGE_VARIANT}: duplicate variant specified: {name}")
        request.variants[name] = value.lower() if value.lower() in ("true", "false") else value
    if any("*" in name or "?" in name for name in request.variants):
        raise Exit(1, f"pkg {CHANGE_VARIANT}: Globbing is not supported for variants.\n")
    check_names(CHANGE_VARIANT, list(request.variants))
    return operations.run(session, request)


def check_names(command: str, names: list[str]) -> None:
    """Raises Exit 1."""
    wrong = [name for name in names if re.search(r"\s", name)]
    if wrong:
        reason = "are not valid variant/facet names; variant/facet names cannot contain whitespace."
        raise Exit(1, f"pkg {command}: {', '.join(wrong)} {reason}\n")
