"""Planning a change of variants, facets and mediators in one image (client/imageplan.py, plan_change_varcets)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from testbed.ips import linked
from testbed.ips.action import Action
from testbed.ips.fmri import Fmri
from testbed.ips.images import facets, settings
from testbed.ips.images.catalog import Entry
from testbed.ips.images.image import Image
from testbed.ips.images.settings import Settings
from testbed.ips.planning.rules import variant_reason
from testbed.ips.request import Request

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
    before, now = current.effective(), after.effective()
    switched = {name for name, value in after.variants.items() if current.variants.get(name) != value}

    def tagged(found: Action) -> bool:
        return found.kind == "depend" and any(
            name in switched or (name.startswith("facet.") and facets.value(name, before) != facets.value(name, now))
            for name in found.attributes
        )

    return any(
        bool(variant_reason(entry, after.variants)) or any(map(tagged, entry.actions))
        for entry in image.installed().values()
    )


def unsupported(image: Image, after: Settings) -> list[str]:
    """Installed packages that are not for the new variants: they are removed."""
    return [_anchored(entry) for entry in image.installed().values() if variant_reason(entry, after.variants)]


def _anchored(entry: Entry) -> str:
    return f"pkg:/{entry.stem}"
