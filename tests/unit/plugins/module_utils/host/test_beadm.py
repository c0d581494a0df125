# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""beadm: its list, and its commands word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.host import beadm
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.be import (
    BootEnvironment,
    by_name,
    by_uuid,
    is_legal_name,
    next_boot,
    running_be,
)

# beadm(8), EXAMPLES
MANUAL = """\
BE2;;;;55296;static;1211397974
BE5;215b8387-4968-627c-d2d0-f4a011414bab;NR;/;7786206208;static;1221004384
"""
WORD = st.text("abcXYZ019_.:-/ ", max_size=12)
NUMBER = st.integers(0, 2**63)


def test_the_manual_s_example() -> None:
    plain, running = beadm.parse_list(MANUAL)
    assert plain == BootEnvironment("BE2", "", "", "", 55296, "static", 1211397974)
    assert (running.active_now, running.active_on_reboot, running.active_once) == (True, True, False)
    assert (running.mountpoint, running.space, running.created) == ("/", 7786206208, 1221004384)


@given(st.lists(st.builds(BootEnvironment, WORD, WORD, WORD, WORD, NUMBER, WORD, NUMBER)))
def test_what_is_printed_is_read(bes: list[BootEnvironment]) -> None:
    lines = [
        ";".join((be.name, be.uuid, be.active, be.mountpoint, str(be.space), be.policy, str(be.created))) for be in bes
    ]
    assert beadm.parse_list("".join(f"{line}\n" for line in lines)) == bes


@pytest.mark.parametrize(
    "line", ["BE2;;;;55296;static", "BE2;;;;5.2G;static;1", "BE2;;;;1;static;yesterday", "No boot environments found"]
)
def test_an_unknown_line_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="please report"):
        beadm.parse_list(MANUAL + line + "\n")


def test_which_comes_next() -> None:
    def made(*flags: str) -> list[BootEnvironment]:
        return [BootEnvironment(str(i), f"uuid{i}", flag, "", 0, "static", i) for i, flag in enumerate(flags)]

    for flags, name in ((("NR", ""), "0"), (("N", "R"), "1"), (("N", "R", "T"), "2"), (("NT", "R"), "0")):
        coming = next_boot(made(*flags))
        assert coming is not None
        assert coming.name == name
    assert next_boot(made("N", "")) is None
    assert running_be(made("R", "N")) == made("R", "N")[1]
    assert by_name(made("NR"), "1") is None
    assert by_uuid(made("NR"), "uuid0") == made("NR")[0]
    assert by_uuid([BootEnvironment("old", "", "", "", 0, "static", 0)], "") is None


@pytest.mark.parametrize("name", ["omnios-r151054", "a", "2026-11-21_10:00", "x" * 64, ".hidden"])
def test_legal_names(name: str) -> None:
    assert is_legal_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a/b", "a%b", "a@b", "x" * 65, ".", "..", "ü", "a\n"])
def test_names_that_beadm_does_not_take(name: str) -> None:
    assert not is_legal_name(name)


def test_commands() -> None:
    assert beadm.create("new") == ["beadm", "create", "new"]
    assert beadm.create("new", "old@then", "a title") == ["beadm", "create", "-d", "a title", "-e", "old@then", "new"]
    assert beadm.activate("new") == ["beadm", "activate", "new"]
    assert beadm.activate("new", once=True) == ["beadm", "activate", "-t", "new"]
    assert beadm.forget_once("new") == ["beadm", "activate", "-T", "new"]
    assert beadm.destroy("new") == ["beadm", "destroy", "-F", "new"]
    assert beadm.destroy("new", snapshots=True, force=True) == ["beadm", "destroy", "-F", "-s", "-f", "new"]
    assert beadm.mount("new", "/mnt") == ["beadm", "mount", "new", "/mnt"]
    assert beadm.unmount("new") == ["beadm", "unmount", "new"]
    assert beadm.unmount("new", force=True) == ["beadm", "unmount", "-f", "new"]
