# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edges of the rules; each rule's plain case stands in docs/manifest-rules.md and is tested with that page."""

from __future__ import annotations

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.manifest import Include, IncludeError, parse
from ansible_collections.illumos.linked_zones.plugins.module_utils.model.manifest_rules import (
    CODES,
    Package,
    judge,
    stem_of,
)

BOTH = "set name=variant.opensolaris.zone value=global value=nonglobal\n"
GLOBAL = "set name=variant.opensolaris.zone value=global\n"
NONGLOBAL = "set name=variant.opensolaris.zone value=nonglobal\n"
IN_GZ = " variant.opensolaris.zone=global\n"
IN_ZONE = " variant.opensolaris.zone=nonglobal\n"
MODULE = "file path=kernel/drv/amd64/dice" + IN_GZ
LIBRARY = "file path=usr/lib/libdice.so.1\n"
SELF = "depend fmri=feature/package/dependency/self type=parent" + IN_ZONE


def nothing() -> Include:
    def include(name: str, from_file: str) -> tuple[str, str]:
        raise IncludeError("there is none")

    return include


def package(text: str, stem: str = "dice", unfinished: bool = False, incomplete: bool = False) -> Package:
    parsed = parse(stem, text, nothing())
    assert parsed.findings == []
    return Package(stem, stem, tuple(parsed.actions), unfinished, incomplete)


def codes(text: str, **others: str) -> list[str]:
    return [f.code for f in judge(package(text), {stem: [package(given, stem)] for stem, given in others.items()})]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(MODULE + "file path=usr/sbin/diceadm" + IN_GZ, id="no side in zones"),
        pytest.param(
            MODULE + "file path=usr/share/man/man4d/dice.4d\nfile path=usr/include/sys/dice.h\n", id="documentation"
        ),
        pytest.param(MODULE + "file path=usr/lib/mdb/kvm/amd64/dice.so\n", id="debugger"),
        pytest.param(MODULE + "file path=usr/lib/devfsadm/linkmod/SUNW_dice_link.so\n", id="device links"),
        pytest.param(MODULE + "file path=usr/lib/fm/fmd/plugins/dice.so\n", id="fault manager"),
        pytest.param(MODULE + "file path=usr/lib/dice/words.txt\nfile path=lib/svc/method/dice\n", id="data, methods"),
        pytest.param(MODULE + "link path=usr/lib/libdice.so target=libdice.so.1\n", id="a link alone"),
        pytest.param(LIBRARY + "file path=usr/kernel/drv/dice.conf" + IN_GZ, id="configuration of a driver"),
        pytest.param(LIBRARY + "file path=kernel/kmdb/amd64/dice" + IN_GZ, id="kernel debugger"),
        pytest.param(MODULE + LIBRARY + SELF, id="dependency on itself"),
        pytest.param(MODULE + LIBRARY + "depend fmri=pkg:/other@1 type=parent" + IN_ZONE, id="on another"),
    ],
)
def test_what_does_not_cross_the_boundary(text: str) -> None:
    assert codes(BOTH + text) == []


@pytest.mark.parametrize(
    "text",
    [
        MODULE + LIBRARY,
        "driver name=dice\n" + LIBRARY,
        "file path=platform/i86pc/kernel/drv/amd64/dice" + IN_GZ + "file path=opt/dice/bin/roll\n",
        MODULE + "hardlink path=sbin/dice target=../usr/bin/x\n",
        MODULE + "file path=usr/lib/fs/dice/mount\n",
        MODULE + "file path=usr/lib/dice" + IN_ZONE,
    ],
)
def test_what_crosses_the_boundary(text: str) -> None:
    assert codes(BOTH + text) == ["parent-dependency-missing"]


def test_a_package_for_one_kind_of_zone_crosses_nothing() -> None:
    assert codes(GLOBAL + MODULE + LIBRARY) == []
    assert codes(NONGLOBAL + "driver name=dice\n" + LIBRARY) == []


@pytest.mark.parametrize(
    ("zone_side", "kernel_side", "spans"),
    [
        (LIBRARY + "depend fmri=driver type=require\n", MODULE, True),
        (LIBRARY + "depend fmri=pkg://$(PUBLISHER)/driver@$(V) type=require\n", MODULE, True),
        (LIBRARY + "depend fmri=driver type=require" + IN_GZ, MODULE, True),
        (LIBRARY + "depend fmri=driver type=incorporate\n", MODULE, False),
        (LIBRARY + "depend fmri=driver type=require\n" + SELF, MODULE, False),
        (LIBRARY + "depend fmri=driver type=require\n", MODULE + SELF, False),
        (LIBRARY + "depend fmri=driver type=require\n", MODULE + LIBRARY, False),
        (LIBRARY + "depend fmri=driver type=require\n", LIBRARY, False),
        (LIBRARY + "depend fmri=elsewhere type=require\n", MODULE, False),
        (LIBRARY + "depend fmri=driver/elsewhere type=require\n", MODULE, True),
        ("file path=usr/share/dice\ndepend fmri=driver type=require\n", MODULE, False),
    ],
)
def test_an_interface_over_two_packages(zone_side: str, kernel_side: str, spans: bool) -> None:
    assert codes(BOTH + zone_side, driver=BOTH + kernel_side) == ["interface-spans-packages"] * spans


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (BOTH + "depend fmri=a type=parent" + IN_GZ, ["parent-dependency-global-only"]),
        (GLOBAL + "depend fmri=a type=parent\n", ["parent-dependency-global-only"]),
        (GLOBAL + "depend fmri=a type=parent" + IN_ZONE, ["parent-dependency-global-only"]),
        (BOTH + "depend fmri=a type=parent\n", []),
        (BOTH + "depend fmri=a type=parent variant.opensolaris.zone=$(ZONE)\n", []),
        (BOTH + "depend fmri=a fmri=b type=parent" + IN_ZONE, ["parent-dependency-form"]),
        (BOTH + "depend fmri=feature/package/dependency/self@1 type=parent" + IN_ZONE, ["parent-dependency-form"]),
        (NONGLOBAL + SELF, ["parent-not-in-global"]),
        (NONGLOBAL + "depend fmri=dice@1 type=parent\n", ["parent-not-in-global"]),
    ],
)
def test_a_parent_dependency(text: str, found: list[str]) -> None:
    assert codes(text) == found


@pytest.mark.parametrize(
    ("other", "never"),
    [
        (NONGLOBAL, True),
        (BOTH + "set name=pkg.obsolete value=true", True),
        (GLOBAL, False),
        (BOTH, False),
        ("set name=variant.opensolaris.zone value=$(ZONES)", False),
    ],
)
def test_a_parent_dependency_on_another_package(other: str, never: bool) -> None:
    text = BOTH + "depend fmri=pkg:/other@1 type=parent" + IN_ZONE
    assert codes(text, other=other) == ["parent-not-in-global"] * never


@pytest.mark.parametrize(
    ("dependency", "refused"),
    [
        ("depend fmri=driver type=require\n", True),
        ("depend fmri=driver type=require" + IN_ZONE, True),
        ("depend fmri=driver type=require" + IN_GZ, False),
        ("depend fmri=driver type=incorporate\n", False),
        ("depend fmri=driver type=optional\n", False),
        ("depend fmri=driver fmri=other type=require-any\n", True),
        ("depend fmri=driver fmri=unknown type=require-any\n", False),
        ("depend fmri=__TBD type=require\n", False),
    ],
)
def test_what_a_zone_cannot_have(dependency: str, refused: bool) -> None:
    assert codes(BOTH + dependency, driver=GLOBAL, other=GLOBAL) == ["requires-global-only"] * refused
    assert codes(GLOBAL + dependency.replace("nonglobal", "global"), driver=GLOBAL, other=GLOBAL) == []


def test_of_two_packages_of_one_name_both_must_be_so() -> None:
    dice = package(BOTH + "depend fmri=driver type=require\n")
    assert judge(dice, {"driver": [package(GLOBAL), package(BOTH)]}) == []


def test_kernel_content_counts_the_files() -> None:
    text = BOTH + "driver name=dice\nfile path=kernel/drv/amd64/dice\nlink path=usr/kernel/drv/d target=x\n" + MODULE
    (finding,) = judge(package(text), {})
    assert finding.code == "kernel-not-global"
    assert "file kernel/drv/amd64/dice and 1 more" in finding.message
    assert finding.line == 3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (BOTH + "file path=a variant.opensolaris.zone=non-global\n", "No image has"),
        (BOTH + "file path=a variant.opensolaris.zone=global variant.opensolaris.zone=nonglobal\n", "Two tags"),
        (GLOBAL + "file path=a" + IN_ZONE, "cannot be installed there"),
        (NONGLOBAL + "file path=a" + IN_GZ, "cannot be installed there"),
    ],
)
def test_an_action_that_is_never_installed(text: str, found: str) -> None:
    (finding,) = judge(package(text), {})
    assert finding.code == "zone-tag-contradiction"
    assert found in finding.message


def test_a_tag_that_agrees_or_hangs_on_a_macro_is_no_contradiction() -> None:
    assert codes(GLOBAL + "file path=a" + IN_GZ) == []
    assert codes(BOTH + "file path=a variant.opensolaris.zone=$(ZONE)\n") == []


def test_the_build_may_still_tag_what_has_macros() -> None:
    text = "file path=kernel/drv/dice\nfile path=a" + IN_GZ
    assert [(f.code, f.severity) for f in judge(package(text, unfinished=True), {})] == [
        ("kernel-not-global", "info"),
        ("zone-tag-undeclared", "info"),
    ]
    assert [f.severity for f in judge(package(text), {})] == ["warning", "warning"]


@pytest.mark.parametrize("kept_back", [{"incomplete": True}, {"stem": ""}])
def test_nothing_is_concluded_from_what_may_stand_elsewhere(kept_back: dict[str, object]) -> None:
    everything_missing = MODULE + LIBRARY + "file path=kernel/drv/x\nfile path=a variant.opensolaris.zone=__OWN\n"
    assert judge(package(everything_missing, **kept_back), {}) == []  # type: ignore[arg-type]
    assert len(judge(package(everything_missing), {})) == 4
    self_in_gz = package("depend fmri=a type=parent" + IN_GZ, **kept_back)  # type: ignore[arg-type]
    assert [finding.code for finding in judge(self_in_gz, {})] == ["parent-dependency-global-only"]


def test_what_replaces_a_package_need_not_say_for_which_zones() -> None:
    assert codes("set name=pkg.renamed value=true\ndepend fmri=other type=require\n") == []


@pytest.mark.parametrize(
    ("fmri", "stem"),
    [
        ("pkg:/a/b@1.0", "a/b"),
        ("a/b", "a/b"),
        ("pkg://$(PUBLISHER)/a@$(VERSION)", "a"),
        ("//$(PUBLISHER)/a", "a"),
        ("pkg:/$(NAME)@1", ""),
        ("__TBD", ""),
        ("", ""),
    ],
)
def test_the_stem_of_an_fmri_with_macros(fmri: str, stem: str) -> None:
    assert stem_of(fmri) == stem


def test_no_code_stands_for_two_rules() -> None:
    assert len(CODES) == len(set(CODES)) == 10
