# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `hold` means in a zone, and what stands against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import pkg_freeze
from ansible_collections.illumos.linked_zones.plugins.module_utils.host.image import Image
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.image import FROM_DISK, Frozen, ImageView
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.linked import BRAND, LINKED, Standing
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.parent import SELF
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.plan import Plan
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import ImagePlan, UpdatePlan
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.zone import Zone
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import update_hold
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.survey import ZoneSurvey
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops.update_hold import Hold

ROOT = "/zones/web01/root"
LIBRARY = Fmri.parse("pkg://omnios/system/library@0.5.11-151054.0:20250505T120000Z")
LIBRARY_2 = Fmri.parse("pkg://omnios/system/library@0.5.11-151054.0:20250512T120000Z")
CURL = Fmri.parse("pkg://omnios/web/curl@8.13-151054.0:20250505T120000Z")
CURL_2 = Fmri.parse("pkg://omnios/web/curl@8.14-151054.0:20250512T120000Z")
NGINX = Fmri.parse("pkg://extra.omnios/ooce/server/nginx-126@1.26.3-151054.0:20250505T120000Z")
NGINX_2 = Fmri.parse("pkg://extra.omnios/ooce/server/nginx-126@1.26.4-151054.0:20250512T120000Z")
AGENT = Fmri.parse("pkg://ours/ours/agent@1.0-151054.0:20250505T120000Z")
AGENT_2 = Fmri.parse("pkg://ours/ours/agent@2.0-151054.0:20250512T120000Z")


def view(*installed: Fmri, depend: tuple[tuple[Fmri, str], ...] = (), frozen: tuple[Frozen, ...] = ()) -> ImageView:
    return ImageView(
        source=FROM_DISK,
        format=5,
        installed={fmri.stem: fmri for fmri in installed},
        parent_dependencies=depend,
        publishers=(),
        use_system_repo=False,
        variants={},
        frozen=frozen,
        linked_name="zone:web01",
        parent_publishers=None,
        parent_packages=None,
    )


def web01(image: ImageView | None, linked: bool = True) -> ZoneSurvey:
    return ZoneSurvey(
        zone=Zone("web01", "running", "/zones/web01", "lipkg" if linked else "ipkg", "0"),
        root=ROOT,
        standing=Standing(linked, LINKED if linked else BRAND, "pkg does not link zones of brand ipkg."),
        view=image,
        trouble="" if image else "There is no pkg image at /zones/web01/root.",
        missing=image is None,
        userland=None,
        userland_trouble="",
    )


def update_plan(global_zone: Plan | None = None, web01: Plan | None = None) -> UpdatePlan:
    return UpdatePlan(images=(ImagePlan(None, global_zone or Plan()), ImagePlan("web01", web01 or Plan())))


def refused(work: Callable[[], Any]) -> Refusal:
    with pytest.raises(Refusal) as raised:
        work()
    return raised.value


@pytest.mark.parametrize(
    ("name", "stems"),
    [
        ("web/curl", ["web/curl"]),
        ("pkg:/web/curl", ["web/curl"]),
        ("curl", ["web/curl"]),
        ("server/nginx-126", ["ooce/server/nginx-126"]),
        ("nginx-*", ["ooce/server/nginx-126"]),
        ("*", ["ooce/server/nginx-126", "system/library", "web/curl"]),
    ],
)
def test_names_are_as_pkg_takes_them(name: str, stems: list[str]) -> None:
    held = update_hold.resolve([name], web01(view(LIBRARY, CURL, NGINX)))
    assert (held.zone, held.root, held.stems) == ("web01", ROOT, stems)


@pytest.mark.parametrize(
    ("name", "cause", "words"),
    [
        ("mysql", "hold-not-installed", "names mysql, which is not installed there"),
        ("pkg:/curl", "hold-not-installed", "pkg:/curl"),
        ("web/curl@8.13", "hold-pattern", "without publisher or version"),
        ("pkg://omnios/web/curl", "hold-pattern", "without publisher or version"),
        ("", "hold-pattern", "''"),
        ("agent", "hold-pattern", "may be ours/agent or theirs/agent"),
    ],
)
def test_a_name_that_holds_nothing_is_refused(name: str, cause: str, words: str) -> None:
    seen = web01(view(CURL, AGENT, Fmri.parse("pkg://ours/theirs/agent@1.0")))
    told = refused(lambda: update_hold.resolve([name], seen)).diagnosis
    assert told.cause == cause
    assert words in told.sentence
    assert "web01" in told.sentence


@given(st.text())
def test_any_text_is_a_name_or_refused(name: str) -> None:
    installed = view(CURL, NGINX)
    try:
        held = update_hold.resolve([name], web01(installed))
    except Refusal as refusal:
        cause, stems = refusal.diagnosis.cause, []
    else:
        cause, stems = "", held.stems
    assert bool(stems) is (cause not in ("hold-not-installed", "hold-pattern"))
    assert {*stems} <= {*installed.installed}


def test_a_zone_that_no_update_reaches_is_refused() -> None:
    seen = web01(view(CURL), linked=False)
    told = refused(lambda: update_hold.resolve(["web/curl"], seen)).diagnosis
    assert told.cause == "hold-not-linked"
    assert "brand ipkg" in told.sentence
    assert update_hold.resolve(["web/curl"], seen, linked_only=False).stems == ["web/curl"]


def test_an_image_that_cannot_be_read_is_refused() -> None:
    assert refused(lambda: update_hold.resolve(["x"], web01(None))).diagnosis.cause == "image-unreadable"


def test_freezes_of_the_administrator_stay_his() -> None:
    frozen = (
        Frozen("web/curl", "8", "do not touch", 1),
        Frozen("ooce/server/nginx-126", "1.26.3", pkg_freeze.COMMENT, 1),
    )
    held = update_hold.resolve(["*"], web01(view(LIBRARY, CURL, NGINX, frozen=frozen)))
    assert held.stems == ["ooce/server/nginx-126", "system/library"]
    assert held.frozen == (CURL,)


@pytest.mark.parametrize("frozen_by_him", [False, True])
def test_a_parent_dependency_that_the_plan_moves_is_refused(frozen_by_him: bool) -> None:
    image = view(LIBRARY, CURL, depend=((LIBRARY, SELF),))
    held = Hold("web01", ROOT, () if frozen_by_him else (LIBRARY,), (LIBRARY,) if frozen_by_him else ())
    parent = {"system/library": LIBRARY}
    moving = update_plan(global_zone=Plan(change=((LIBRARY, LIBRARY_2),)))
    told = refused(lambda: update_hold.check_parents(held, image, parent, moving)).diagnosis
    assert told.cause == "hold-parent-dependency"
    assert "parent dependency on itself" in told.sentence
    assert f"from {LIBRARY.version} to {LIBRARY_2.version}" in told.sentence
    assert told.evidence == (f"depend type=parent fmri={SELF}",)
    assert update_hold.followers(image, parent, moving) == {"system/library"}
    # What the global zone leaves alone may be held, and so may what has no parent dependency.
    update_hold.check_parents(held, image, parent, update_plan(global_zone=Plan(change=((CURL, CURL_2),))))
    update_hold.check_parents(Hold("web01", ROOT, (CURL,)), image, parent, moving)


def test_a_parent_dependency_on_another_package() -> None:
    """Newer ones satisfy it, so only its removal blocks."""
    image = view(AGENT, depend=((AGENT, "pkg:/system/library@0.5.11"),))
    held = Hold("web01", ROOT, (AGENT,))
    parent = {"system/library": LIBRARY}
    update_hold.check_parents(held, image, parent, update_plan(global_zone=Plan(change=((LIBRARY, LIBRARY_2),))))
    gone = update_plan(global_zone=Plan(remove=(LIBRARY,)))
    told = refused(lambda: update_hold.check_parents(held, image, parent, gone)).diagnosis
    assert "parent dependency on system/library (pkg:/system/library@0.5.11)" in told.sentence
    assert "which is not there then" in told.sentence


def test_what_must_follow_and_needs_another_version_is_refused() -> None:
    held = Hold("web01", ROOT, (CURL,))
    tied = [(LIBRARY_2, "incorporate", Fmri.parse("pkg:/web/curl@8.14"))]
    pairs = update_hold.against(held.packages, tied)
    assert pairs == [(LIBRARY_2, CURL)]
    told = refused(lambda: update_hold.check_ties(held, pairs, {"system/library"})).diagnosis
    assert told.cause == "hold-parent-dependency"
    assert "system/library there has a parent dependency" in told.sentence
    update_hold.check_ties(held, pairs, {"entire"})


@pytest.mark.parametrize(
    ("kind", "wanted", "goes"),
    [
        ("require", "pkg:/web/curl", True),
        ("require", "pkg:/web/curl@8.13", True),
        ("require", "pkg:/web/curl@8.14", False),
        ("optional", "pkg:/web/curl@8.14", False),
        ("incorporate", "pkg:/web/curl@8.13", True),
        ("incorporate", "pkg:/web/curl@8.12", False),
        ("incorporate", "pkg:/web/curl@8.13-151056", False),
        ("require", "pkg:/web/curlew@9", True),
    ],
)
def test_what_goes_with_a_held_package(kind: str, wanted: str, goes: bool) -> None:
    assert (update_hold.against([CURL], [(AGENT_2, kind, Fmri.parse(wanted))]) == []) is goes


def test_the_forecast_leaves_out_what_stays() -> None:
    held = Hold("web01", ROOT, (NGINX,))
    plan = update_plan(
        global_zone=Plan(change=((NGINX, NGINX_2),)),
        web01=Plan(change=((NGINX, NGINX_2), (CURL, CURL_2), (AGENT, AGENT_2))),
    )
    assert held.moved(plan.of("web01")) == [NGINX]
    foreseen = update_hold.forecast(plan, held, [*held.stems, "ours/agent"])
    assert foreseen.of("web01").change == ((CURL, CURL_2),)
    assert foreseen.of(None) == plan.of(None)
    assert held.moved(foreseen.of("web01")) == []


def test_commands() -> None:
    """Anchored: "curl" alone would be web/curl, too (recording 18-freeze; the comment is listed by `pkg freeze`)."""
    assert pkg_freeze.freeze(ROOT, ["web/curl"]) == [
        *["pkg", "-R", ROOT, "freeze", "-c", pkg_freeze.COMMENT],
        "pkg:/web/curl",
    ]
    assert pkg_freeze.unfreeze(ROOT, ["a", "b/c"]) == ["pkg", "-R", ROOT, "unfreeze", "pkg:/a", "pkg:/b/c"]


@pytest.mark.parametrize("name", ["v4-synced", "v5-synced"])
def test_what_stands_against_is_read_from_real_images(name: str, unpacked: Callable[[str], Path]) -> None:
    """entire incorporates what it does, and a plan that brings it does not go with another version of that."""
    root = str(unpacked(name) / "zones/web01/root")
    installed = Image(root).installed()
    entire = installed["entire"]
    named = {wanted.stem: wanted for package, wanted in Image(root).incorporations() if package == entire}
    stem = next(stem for stem in named if stem in installed and named[stem].version)
    plan = Plan(add=(entire,))
    assert update_hold.standing_against(root, [installed[stem]], plan) == []
    other = replace(installed[stem], version=CURL.version)
    assert update_hold.standing_against(root, [other], plan) == [(entire, other)]
