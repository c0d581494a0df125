# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of manifests, as pkg(7) and pkgmogrify(1) describe it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.manifest import (
    INCLUDE_UNRESOLVED,
    SYNTAX,
    TRANSFORM_IGNORED,
    Action,
    Include,
    IncludeError,
    Parsed,
    logical_lines,
    parse,
    parse_action,
    quote,
    transformed,
)

KEYS = st.text(alphabet=string.ascii_lowercase + "._-", min_size=1).filter(lambda key: key != "path")
PIECES = st.sampled_from(
    [
        "<include a>",
        "<transform",
        " file",
        " path=.*",
        "->",
        " drop",
        " set a b",
        ">",
        "$(X)",
        "\\\n",
        "\n",
        '"',
        "'",
        " ",
        "file ",
    ]
)


def including(files: dict[str, str]) -> Include:
    def include(name: str, from_file: str) -> tuple[str, str]:
        if name not in files:
            raise IncludeError("there is no such file")
        return name, files[name]

    return include


def read(text: str, **files: str) -> Parsed:
    return parse("main", text, including(files))


def written(action: Action) -> str:
    """An action as one would write it, values in the order of their keys."""
    return " ".join([action.name, *(f"{key}={value}" for key, values in action.attributes.items() for value in values)])


def after(text: str, **files: str) -> list[str]:
    return [written(action) for action in transformed([read(text, **files)], "main")]


@given(st.lists(st.tuples(KEYS, st.text()), max_size=5))
def test_what_is_quoted_is_read_as_it_was(pairs: list[tuple[str, str]]) -> None:
    line = " ".join(["license license=a", *(f"{key}={quote(value)}" for key, value in pairs)])
    wanted: dict[str, tuple[str, ...]] = {"license": ("a",)}
    for key, value in pairs:
        wanted[key] = (*wanted.get(key, ()), value)
    assert parse_action(line) == ("license", wanted)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
def test_whatever_comes_is_read_or_a_finding(text: str) -> None:
    parsed = parse("main", text, including({"a": "file path=x\n<include b>", "b": "<include a>"}))
    transformed([parsed], "main")
    lines = text.count("\n") + 1
    assert all(1 <= finding.line <= max(lines, 2) for finding in parsed.findings)


@pytest.mark.parametrize(
    ("line", "attributes"),
    [
        ("file path=a", {"path": ("a",)}),
        ("file NOHASH path=a mode=0755", {"path": ("a",), "mode": ("0755",)}),
        ("file usr/src/$(X)/a path=a", {"path": ("a",)}),
        ("set name=x value=a value=b", {"name": ("x",), "value": ("a", "b")}),
        ("""set name="it's" value='a "b"'""", {"name": ("it's",), "value": ('a "b"',)}),
        (
            r"""set name="a \"b\" \\ \n \'" value='it\'s \"'""",
            {"name": ('a "b" \\ \\n \\\'',), "value": ("it's \\\"",)},
        ),
        ("set name=x value=a=b,c", {"name": ("x",), "value": ("a=b,c",)}),
        ('set name=x value=""', {"name": ("x",), "value": ("",)}),
        ('set name=x value=5"', {"name": ("x",), "value": ('5"',)}),
        ("set pkg.obsolete=true", {"name": ("pkg.obsolete",), "value": ("true",)}),
        ("dir path=/usr/bin", {"path": ("usr/bin",)}),
        ("driver name=e clone_perms='e 0666 root sys'", {"name": ("e",), "clone_perms": ("e 0666 root sys",)}),
    ],
)
def test_an_action(line: str, attributes: dict[str, tuple[str, ...]]) -> None:
    assert parse_action(line) == (line.split()[0], attributes)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "files path=a",
        "FILE path=a",
        'file path="a',
        "file path='a' 'b'",
        'file path="a"b',
        "file path=a b",
        'file a"b=c',
    ],
)
def test_what_is_no_action_is_refused_without_being_repeated(line: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 the text is what is looked at
        parse_action(line)
    assert not line or line not in str(refused.value)


def test_lines_are_joined_and_have_the_number_of_their_first() -> None:
    text = "# comment \\\n  still comment\n\nfile path=a \\\n    mode=0755\n\n  dir path=b\r\nlink path=c \\"
    assert list(logical_lines(text)) == [(4, "file path=a mode=0755"), (7, "dir path=b"), (8, "link path=c")]


def test_a_line_that_cannot_be_read_is_named_and_the_rest_is_read() -> None:
    parsed = read("file path=a\nroot:secret:0:0\n<nonsense>\n<transform file>\n<include a\ndir path=b")
    assert [(finding.code, finding.path, finding.line) for finding in parsed.findings] == [
        (SYNTAX, "main", number) for number in (2, 3, 4, 5)
    ]
    assert "secret" not in str(parsed.findings)
    assert [action.name for action in parsed.actions] == ["file", "dir"]


def test_a_macro_in_front_is_taken_off_and_others_stay() -> None:
    parsed = read(
        "$(i386_ONLY)$(X)file path=kernel/drv/$(ARCH64)/e\n$(NOTHING)\n$(X)# no\n$(X)<include a>", a="dir path=b"
    )
    assert [written(action) for action in parsed.actions] == ["file path=kernel/drv/$(ARCH64)/e", "dir path=b"]
    assert parsed.macros
    assert not read("# $(X)\nfile path=a").macros


def test_an_include_stands_where_it_is_named() -> None:
    parsed = read('file path=a\n<include "b">\nfile path=d', b="\nfile path=b\n<include c>", c="file path=c")
    assert [(action.first("path"), action.file, action.line) for action in parsed.actions] == [
        ("a", "main", 1),
        ("b", "b", 2),
        ("c", "c", 1),
        ("d", "main", 3),
    ]
    assert not parsed.incomplete


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no such file"),
        ({"a": "<include a>"}, "includes itself"),
        ({"a": "<include b>", "b": "<include a>"}, "includes itself"),
        ({"a": "<include main>", "main": ""}, "includes itself"),
        ({"a": "<include 0>", **{str(n): f"<include {n + 1}>" for n in range(20)}}, "nested deeper"),
    ],
)
def test_an_include_that_cannot_be_followed_is_a_finding(files: dict[str, str], why: str) -> None:
    parsed = parse("main", "<include a>\nfile path=x", including(files))
    assert [finding.code for finding in parsed.findings] == [INCLUDE_UNRESOLVED]
    assert why in parsed.findings[0].message
    assert parsed.incomplete
    assert [action.first("path") for action in parsed.actions] == ["x"]


def test_a_file_may_be_included_twice() -> None:
    assert after("<include a>\n<include a>", a="dir path=b") == ["dir path=b", "dir path=b"]


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("drop", []),
        ("set mode 0755", ["file path=lib/a.so tag=x tag=y mode=0755"]),
        ("set tag z", ["file path=lib/a.so tag=z"]),
        ("default tag z", ["file path=lib/a.so tag=x tag=y"]),
        ("default mode '0 5'", ["file path=lib/a.so tag=x tag=y mode=0 5"]),
        ("add tag z", ["file path=lib/a.so tag=x tag=y tag=z"]),
        ("delete tag x", ["file path=lib/a.so tag=y"]),
        ("delete tag .*", ["file path=lib/a.so"]),
        ("edit path lib usr/lib", ["file path=usr/lib/a.so tag=x tag=y"]),
        (r"edit path '(.)\.so' '\1.\1'", ["file path=lib/a.a tag=x tag=y"]),
        ("edit path lib/", ["file path=a.so tag=x tag=y"]),
        ("emit link path=%<1>/%(mode;notfound=1)", ["file path=lib/a.so tag=x tag=y"]),
        ("emit link path=/%<1> target=%(path)", ["file path=lib/a.so tag=x tag=y", "link path=a target=lib/a.so"]),
        ("emit", ["file path=lib/a.so tag=x tag=y"]),
        ("emit # words", ["file path=lib/a.so tag=x tag=y"]),
        ("emit link path=%<2>", ["file path=lib/a.so tag=x tag=y"]),
        ("set tag %(nothing)", ["file path=lib/a.so tag=x tag=y"]),
        ("set tag %(action.name)", ["file path=lib/a.so tag=file"]),
        ("print %(path)", ["file path=lib/a.so tag=x tag=y"]),
        ("exit 1 no", ["file path=lib/a.so tag=x tag=y"]),
    ],
)
def test_an_operation(operation: str, result: list[str]) -> None:
    assert after(f"<transform file path=lib/(.)\\. -> {operation}>\nfile path=lib/a.so tag=x tag=y") == result


@pytest.mark.parametrize(
    ("criteria", "matches"),
    [
        ("file", True),
        ("", True),
        ("dir link", False),
        ("dir file path=a", True),
        ("file path=b", False),
        ("file path=.*b$", True),
        ("file tag=[xy]", True),
        ("file tag=x", False),
        ("file mode=.*", False),
        ("file path=a tag=z", False),
        ("tag=.", True),
    ],
)
def test_what_a_transform_matches(criteria: str, matches: bool) -> None:
    assert (after(f"file path=a/b tag=x tag=y\n<transform {criteria} -> drop>") == []) is matches


def test_transforms_apply_in_their_order_to_all_that_is_read() -> None:
    text = "file path=a\n<include t>\nfile path=b\n<transform file tag=x -> set tag y>"
    assert after(text, t="<transform file path=a -> default tag x>") == ["file path=a tag=y", "file path=b"]


def test_the_package_itself_can_be_matched_and_is_not_written() -> None:
    text = "set name=pkg.obsolete value=true\n<transform pkg pkg.obsolete=true -> emit depend fmri=x>"
    assert after(text) == ["set name=pkg.obsolete value=true", "depend fmri=x"]


def test_what_is_emitted_goes_through_all_transforms_and_comes_to_an_end() -> None:
    assert after("file path=a\n<transform file -> emit link path=b>\n<transform link -> set path c>") == [
        "file path=a",
        "link path=c",
    ]
    assert len(after("file path=a\n<transform file -> emit file path=a>")) < 20


@pytest.mark.parametrize(
    "transform",
    [
        "<transform file path=$(X)/.* -> drop>",
        "<transform file path=( -> drop>",
        "<transform file path=a{99999999999} -> drop>",
        "<transform file -> emit depend fmri=%{pkg.fmri}>",
        "<transform file -> set path %(target;notfound=a)>",
        "<transform file -> set variant.opensolaris.zone>",
        "<transform file -> set path 'a>",
        "<transform file -> edit path ( b>",
        "<transform file -> edit>",
        "<transform file -> drop it>",
    ],
)
def test_a_transform_that_is_not_followed_is_said(transform: str) -> None:
    parsed = read(f"file path=a\n{transform}")
    assert [(finding.code, finding.line) for finding in parsed.findings] == [(TRANSFORM_IGNORED, 2)]
    assert parsed.incomplete
    assert [written(action) for action in transformed([parsed], "main")] == ["file path=a"]


def test_a_transform_of_what_no_rule_looks_at_is_left_out_silently() -> None:
    assert read("<transform file path=$(X)/.* -> set mode 0755>").findings == []
