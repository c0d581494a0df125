"""pkg facet, change-facet."""

from __future__ import annotations

from testbed.ips import action
from testbed.ips.acting import operations
from testbed.ips.cli import tabular
from testbed.ips.cli.change_options import check_patterns, read
from testbed.ips.cli.options import clash, parse, usage
from testbed.ips.cli.variants import check_names
from testbed.ips.images import facets, settings
from testbed.ips.planning.varcets import CHANGE_FACET
from testbed.ips.session import Exit, Session

LAYOUT = "{:64} {:5} {}"
LAYOUT_MASKED = "{:57} {:5} {:6} {}"
VALUES = {"TRUE": True, "FALSE": False, "NONE": None}
VERSION_LOCK = "facet.version-lock.*"


def facet(session: Session, args: list[str]) -> int:
    given = parse("facet", args, "HaimF:", "output-format=")
    form = tabular.chosen_format("facet", given)
    if given.has("-a") and given.has("-i"):
        raise clash("facet", "-a", "-i")
    current = settings.of(session.image)
    ordered = current.effective()
    names = packaged(session) if given.has("-a", "-i") else set()
    if not given.has("-i"):
        names |= set(ordered) | tabular.plain("facet.", given.words)
    rows = []
    listed = tabular.matching("facet.", sorted(names), given.words)
    for name in listed:
        found = current.values(name) or [(facets.value(name, ordered), current.source(name), False)]
        for value, source, masked in found:
            shown = name.removeprefix("facet.") if form == "default" else name
            row = {"facet": shown, "value": str(value), "src": source, "masked": str(masked)}
            rows += [row] if given.has("-m") or not masked else []
    heads = {"facet": "FACET", "value": "VALUE", "src": "SRC"} | ({"masked": "MASKED"} if given.has("-m") else {})
    layout = LAYOUT_MASKED if given.has("-m") else LAYOUT
    session.out(tabular.listing(rows, heads, form, layout, headers=not given.has("-H")))
    if not listed and given.words:
        raise Exit(1, "pkg facet: no matching facets found\n" if form == "default" else "")
    return 0


def packaged(session: Session) -> set[str]:
    """The facets of installed packages' actions, other variants' left out."""
    found: set[str] = set()
    image = session.image
    for entry in image.installed().values():
        for line in image.manifest(entry.fmri) or []:
            if "facet." in line:
                parsed = action.parse(line)
                names = [name for name in parsed.attributes if name.startswith("facet.")]
                if action.counts(parsed, image.variants, dict.fromkeys(names, True)):
                    found |= set(names)
    return found


def change_facet(session: Session, args: list[str]) -> int:
    request, given = read(session, CHANGE_FACET, args)
    check_patterns(CHANGE_FACET, request.reject)
    if not given.words:
        raise usage("", f"{CHANGE_FACET}: no facets specified")
    for text in given.words:
        form = "facets must to be of the form 'facet....=[True|False|None]'"
        name, equals, value = text.partition("=")
        if not equals or "=" in value:
            raise usage("", f"{CHANGE_FACET}: {form}")
        if value.upper() not in VALUES:
            raise usage("", f"{CHANGE_FACET}: {form}.")
        request.facets[name if name.startswith("facet.") else f"facet.{name}"] = VALUES[value.upper()]
    lock = request.facets.get(VERSION_LOCK)
    if lock is not None:
        raise Exit(1, f"pkg {CHANGE_FACET}: Changing '{VERSION_LOCK}' to '{lock}' is not supported.\n")
    check_names(CHANGE_FACET, list(request.facets))
    return operations.run(session, request)
