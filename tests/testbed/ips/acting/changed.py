"""How a change of variants, facets and mediators is shown (client/plandesc.py)."""

from __future__ import annotations

from typing import Any

from testbed.ips.images import settings
from testbed.ips.images.files import stamp
from testbed.ips.planning.mediation import IMPLEMENTATION, VERSION
from testbed.ips.planning.planner import Plan

Row = tuple[str, str]


def rows(plan: Plan) -> list[Row]:
    """Counts for the plan's table, behind those of packages."""
    varcets = len(variants(plan)) + len(facets(plan))
    word = "change" if varcets or mediators(plan) else "fix"
    counts = [
        (f"Packages to {word}", len(plan.affected + plan.repeated)),
        ("Mediators to change", len(mediators(plan))),
    ]
    return [(name, str(number)) for name, number in [*counts, ("Variants/Facets to change", varcets)] if number]


def document(plan: Plan) -> dict[str, Any]:
    """The keys of --parsable=0."""
    told = {"item-messages": {"warnings": {"messages": [_message(plan)]}}} if plan.dangling else {}
    return {
        **told,
        "affect-packages": sorted(str(entry.fmri) for entry in plan.affected + plan.repeated),
        "change-facets": facets(plan),
        "change-mediators": mediators(plan),
        "change-variants": variants(plan),
    }


DANGLING = "The following mediated link targets do not exist, please reset the links via pkg set-mediator:\n"


def dangling(plan: Plan) -> str:
    """What is said of links whose targets go; empty if there are none."""
    if not plan.dangling:
        return ""
    rows = [("MEDIATOR", ["REMOVED PATH(S)"]), *plan.dangling.items()]
    return DANGLING + "".join(f"  {name:24} {', '.join(paths)}\n" for name, paths in rows)


def _message(plan: Plan) -> dict[str, Any]:
    common = {"msg_time": stamp(False), "msg_level": "warning", "msg_type": "general", "msg_stage": 1}
    return {**common, "msg_text": dangling(plan)}


def variants(plan: Plan) -> list[list[str]]:
    return settings.changed_variants(plan.before, plan.after) if plan.before and plan.after else []


def facets(plan: Plan) -> list[list[Any]]:
    return settings.changed_facets(plan.before, plan.after) if plan.before and plan.after else []


def mediators(plan: Plan) -> list[list[Any]]:
    """Rows of `change-mediators`: name, version and its source before and after, implementation likewise."""
    if not plan.before or not plan.after:
        return []
    old, new = plan.before.mediators, plan.after.mediators
    found = []
    for name in sorted({*old, *new}):
        pairs = [[_value(choices.get(name, {}), what) for choices in (old, new)] for what in (VERSION, IMPLEMENTATION)]
        if any(before != after for before, after in pairs):
            found.append([name, *pairs])
    return found


def _value(choice: Any, what: str) -> list[str | None]:
    """A component of a mediator and its source."""
    text = choice.get(what)
    if what == IMPLEMENTATION and text and f"{what}-version" in choice:
        text += f"(@{choice[f'{what}-version']})"
    return [text, choice.get(f"{what}-source")]


def verbose(plan: Plan) -> str:
    """What -v adds in front of the changed packages."""
    text = ""
    if mediators(plan):
        text += "\nChanged mediators:\n" + "".join(_mediator(*row) for row in mediators(plan))
    lines = [f"  variant {name[8:]}: {value}\n" for name, value in variants(plan)]
    for name, new, old, source, was_masked, masked in facets(plan):
        marks = [" (masked)" if mark else "" for mark in (was_masked, masked)]
        lines.append(f"    facet {name[6:]} ({source}): {old}{marks[0]} -> {new}{marks[1]}\n")
    return text + ("\nChanged variants/facets:\n" + "".join(lines) if lines else "")


def _mediator(name: str, version: list[list[str]], implementation: list[list[str]]) -> str:
    text = f"  mediator {name}:\n"
    for label, ((old, old_source), (new, new_source)) in ((VERSION, version), (IMPLEMENTATION, implementation)):
        if old or new:
            before = f"{old} ({old_source} default)" if old else "None"
            after = f"{new} ({new_source} default)" if new else "None"
            text += f"{label:>18}: {before} -> {after}\n"
    return f"{text}\n"
