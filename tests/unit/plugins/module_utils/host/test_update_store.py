# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update writes down is what it reads again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host.update_store import (
    Made,
    UpdateJournal,
    UpdateStore,
    planned,
)
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import Refusal
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.fmri import Fmri
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.plan import Plan
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.update import ImagePlan, UpdatePlan

fmris = st.builds(
    lambda stem, version: Fmri.parse(f"pkg://omnios/{stem}@{version}-151054.0:20250505T120000Z"),
    st.sampled_from(("entire", "web/curl", "ours/a")),
    st.integers(1, 9),
)
plans = st.builds(
    Plan,
    add=st.lists(fmris).map(tuple),
    change=st.lists(st.tuples(fmris, fmris)).map(tuple),
    remove=st.lists(fmris).map(tuple),
)
images = st.dictionaries(st.sampled_from((None, "web01", "db01")), plans).map(
    lambda found: tuple(ImagePlan(zone, plan) for zone, plan in found.items())
)


def journal(plan: UpdatePlan) -> UpdateJournal:
    return UpdateJournal(
        be_uuid="u1",
        be_name="old",
        bes=["u1", "u2"],
        images=planned(plan),
        new_be=plan.new_be,
        be_names=r"old-\d+",
        backup_be=plan.backup_be,
        backup_be_name=plan.backup_be_name,
        activate="always",
        keep_failed_be=False,
        unselected=["db01"],
        holds={"web01": ["ours/a"]},
    )


@given(found=images, new_be=st.booleans())
def test_a_plan_comes_back(found: tuple[ImagePlan, ...], new_be: bool) -> None:
    plan = UpdatePlan(found, new_be=new_be)
    assert journal(plan).plan() == plan


def test_files(tmp_path: Path) -> None:
    store = UpdateStore(str(tmp_path / "update"))
    assert (store.load(), store.made()) == (None, None)
    plan = UpdatePlan((ImagePlan(None, Plan(add=(Fmri.parse("pkg://omnios/a@1-1.0:20250505T120000Z"),))),))
    store.save(journal(plan))
    loaded = store.load()
    assert loaded == journal(plan)
    made = Made("u3", "next", "once", [{"zone": None, "status": "staged"}])
    store.save_made(made)
    assert store.made() == made
    store.remove()
    store.forget_made()
    assert (store.load(), store.made()) == (None, None)
    assert list((tmp_path / "update").iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": 1}', '{"version": 2}'])
def test_what_cannot_be_understood(content: str, tmp_path: Path) -> None:
    store = UpdateStore(str(tmp_path))
    (tmp_path / "journal.json").write_text(content)
    (tmp_path / "made.json").write_text(content)
    with pytest.raises(Refusal, match="remove the file"):
        store.load()
    with pytest.raises(Refusal, match="remove the file"):
        store.made()


@pytest.mark.parametrize("images_", [[["web01"]], [["web01", {}]], [["web01", {"add": ["@"]}]], 3])
def test_a_plan_that_cannot_be_understood(images_: object, tmp_path: Path) -> None:
    store = UpdateStore(str(tmp_path))
    store.save(journal(UpdatePlan(())))
    content = json.loads((tmp_path / "journal.json").read_text())
    (tmp_path / "journal.json").write_text(json.dumps({**content, "images": images_}))
    with pytest.raises(Refusal, match="remove the file"):
        store.load()
