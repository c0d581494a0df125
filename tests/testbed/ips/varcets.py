"""Planning a change of variants, facets and mediators in one image (client/imageplan.py, plan_change_varcets)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from testbed.ips import facets, linked, settings
from testbed.ips.action import Action
from testbed.ips.catalog import Entry
from testbed.ips.fmri import Fmri
from testbed.ips.image import Image
from testbed.ips.request import Request
from testbed.ips.rules import variant_reason
from testbed.ips.settings import Settings

CHANGE_FACET, CHANGE_VARIANT, SET_MEDIATOR, UNSET_MEDIATOR = (
    "change-facet",
    "change-variant",
    "set-mediator",
    "unset-mediator",
)
MEDIATION = (SET_MEDIATOR, UNSET_MEDIATOR)
OPERATIONS = (CHANGE_FACET, CHANGE_VARIANT, *MEDIATION)
"""Operations that name no packages."""


def wanted(current: Settings, request: Request, inherited: Mapping[str, bool]) -> Settings:
    """The settings asked for. ``inherited``: the parent's facets as it told them last."""
    made = replace(current, variants={**current.variants, **request.variants}, inherited=dict(inherited))
    return settings.with_facets(made, request.facets)


def solver_needed(image: Image, current: Settings, after: Settings, parent: Mapping[str, Fmri] | None) -> bool:
    """Without the solver go changes that touch no dependency, in an image that is in sync with its parent."""
    if parent is not None and not linked.in_sync(image, parent):
        return True
    return any(
        bool(variant_reason(entry, after.variants)) or any(_tagged(found, current, after) for found in entry.actions)
        for entry in image.installed().values()
    )


def _tagged(found: Action, current: Settings, after: Settings) -> bool:
    if found.kind != "depend":
        return False
    before, now = current.effective(), after.effective()
    for name in found.attributes:
        if name.startswith("facet.") and facets.value(name, before) != facets.value(name, now):
            return True
        if name.startswith("variant.") and current.variants.get(name) != after.variants.get(name):
            return True
    return False


def unsupported(image: Image, after: Settings) -> list[str]:
    """Installed packages that are not for the new variants: they are removed."""
    return [_anchored(entry) for entry in image.installed().values() if variant_reason(entry, after.variants)]


def _anchored(entry: Entry) -> str:
    return f"pkg:/{entry.stem}"
