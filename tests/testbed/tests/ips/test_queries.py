"""list, info, contents, property, history, verify: what only looks, on an image small enough to see through."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import command
from testbed.command import Result
from testbed.host import Host, create
from testbed.ips import action
from testbed.ips.images import build, config, generated, history, image
from testbed.ips.images.catalog import Entry
from testbed.ips.planning import patterns
from testbed.ips.repositories import repository

STAMP = "20260101T000000Z"
TEXT = "wrapper of a tool"


def fmri(name: str, version: str, publisher: str = "main") -> str:
    return f"pkg://{publisher}/{name}@{version},5.11-0:{STAMP}"


MANIFESTS = {
    fmri("set", "1"): ["depend fmri=app/tool@1 type=incorporate", "depend fmri=app/lib@1 type=require"],
    fmri("app/lib", "1"): [],
    fmri("app/tool", "1"): ["file 1111 path=opt/tool mode=0555 pkg.size=5 facet.doc=true"],
    fmri("app/tool", "2"): [],
    fmri("app/old", "1"): ["set name=pkg.renamed value=true", "depend fmri=app/tool@1 type=require"],
    fmri("app/gone", "1"): [],
    fmri("app/gone", "2"): ["set name=pkg.obsolete value=true"],
    fmri("zone/only", "1"): ["set name=variant.opensolaris.zone value=nonglobal"],
    fmri("app/tool", "3", "other"): [],
}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = create(tmp_path / "host")
    manifests = {name: [f"set name=pkg.fmri value={name}", *lines] for name, lines in MANIFESTS.items()}
    offers = {
        f"file:///{publisher}/": {
            "publisher": publisher,
            "fmris": [name for name in manifests if name.startswith(f"pkg://{publisher}/")],
        }
        for publisher in ("main", "other")
    }
    repository.store(made, offers, manifests, {"1111": TEXT})
    build.build_image(
        made,
        "/",
        format=5,
        publishers=[config.publisher(name, [f"file:///{name}/"]) for name in ("main", "other")],
        installed=[fmri("set", "1"), fmri("app/lib", "1"), fmri("app/gone", "1")],
        variants={"variant.opensolaris.zone": "global"},
        manual=["set"],
    )
    made.save()
    return made


def pkg(host: Host, *args: str) -> Result:
    return command.run(host, ["pkg", *args])


def names(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_list_a_offers_what_incorporations_and_variants_allow(host: Host) -> None:
    assert names(pkg(host, "list", "-Ha")) == [
        "app/gone 1-0 i--",
        "app/lib 1-0 i--",
        "app/old 1-0 --r",
        "app/tool 1-0 ---",
        "set 1-0 im-",
    ]


def test_list_n_is_the_newest_of_each_publisher(host: Host) -> None:
    assert names(pkg(host, "list", "-Hn")) == [
        "app/gone 2-0 --o",
        "app/lib 1-0 i--",
        "app/old 1-0 --r",
        "app/tool 2-0 ---",
        "app/tool (other) 3-0 ---",
        "set 1-0 im-",
    ]


def test_list_r_leaves_out_what_others_need(host: Host) -> None:
    assert names(pkg(host, "list", "-Hr")) == ["app/gone 1-0 i--", "set 1-0 im-"]


def test_list_of_a_pattern_that_matches_nothing_names_it_and_exits_with_3_beside_others(host: Host) -> None:
    result = pkg(host, "list", "-H", "set", "nosuch")
    assert (result.rc, names(result)) == (3, ["set 1-0 im-"])
    assert result.stderr == " \npkg list: no packages matching the following patterns are installed:\n  nosuch\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["list", "-au"], "The '-a' and '-u' options may not be combined."),
        (["list", "-f"], "'-f' may only be used with '-a'."),
        (["list", "-aa"], "Option '-a' may not be repeated."),
        (["list", "-F", "x"], "Argument 'x' for option '-F/--output-format' is invalid."),
        (["contents", "-m", "-H"], "-m and -H may not be specified at the same time"),
        (["info", "-lr", "set"], "The '-l' and '-r' options may not be combined."),
        (["audit-linked", "x"], "illegal argument -- x"),
    ],
)
def test_wrong_options_are_told_with_the_usage(host: Host, words: list[str], reason: str) -> None:
    result = pkg(host, *words)
    assert result.rc == 2
    assert result.stderr.startswith(f"pkg {words[0]}: {reason}\n")
    assert f"        pkg {words[0]} " in result.stderr


def test_contents_adds_what_pkg_keeps_beside_a_manifest_to_actions_of_kind_set(host: Host) -> None:
    result = pkg(host, "contents", "-rHt", "set", "-o", "name,value", "app/tool@1")
    assert names(result) == [
        "name pkg.variant",
        "pkg.facet.common doc",
        f"pkg.fmri {fmri('app/tool', '1')}",
        "pkg.sizes.bda9727649f493b79b630e6baf5b35a59f22533b ['csz=0', 'sz=5']",
        "pkg.sizes.common ['csz=0', 'sz=0']",
    ]


def test_info_r_wants_packages(host: Host) -> None:
    result = pkg(host, "info", "-r")
    assert (result.rc, result.stdout) == (2, "")
    assert result.stderr.startswith("pkg info: must request remote info for specific packages\n")


def test_a_property_that_is_not_known_becomes_a_text_or_a_list_that_the_next_pkg_takes_for_a_text(host: Host) -> None:
    assert pkg(host, "add-property-value", "mine", "a").rc == 0
    assert pkg(host, "property", "-H", "mine").stdout == "mine     ['a']\n"
    result = pkg(host, "add-property-value", "mine", "b")
    assert (result.rc, "doesn't allow multiple values" in result.stderr) == (1, True)
    assert pkg(host, "unset-property", "mine").rc == 0
    assert pkg(host, "property", "mine").stderr == "pkg property: no such property: mine\n"


def test_help_goes_to_stderr_and_a_mistyped_subcommand_is_guessed(host: Host) -> None:
    assert pkg(host, "help").stdout == ""
    assert pkg(host, "list", "--help").rc == 0
    assert "Did you mean:\n    list\n" in pkg(host, "lst").stderr


def test_all_but_root_may_look_and_nothing_else(host: Host) -> None:
    for words, rc in ((["list", "-H"], 0), (["refresh"], 1), (["set-property", "be-policy", "default"], 1)):
        result = command.run(host, ["pkg", *words], user=60001)
        assert result.rc == rc
        assert ("privileged user" in result.stderr) == (rc == 1)


def test_fix_delivers_again_what_verify_finds(host: Host) -> None:
    assert pkg(host, "install", "app/tool").rc == 0
    host.path("/opt/tool").write_text("broken")
    assert "ERROR: Hash: " in pkg(host, "verify", "tool").stdout
    assert pkg(host, "fix", "tool").rc == 0
    assert host.path("/opt/tool").read_text() == TEXT


def test_history_says_what_was_changed_and_how_it_ended(host: Host) -> None:
    assert pkg(host, "purge-history").rc == 0
    assert pkg(host, "install", "app/tool").rc == 0
    assert pkg(host, "install", "app/tool").rc == 4
    assert pkg(host, "install", "nosuch").rc == 1
    told = names(pkg(host, "history", "-Ho", "operation,outcome,reason"))
    assert told == ["purge-history Succeeded None", "install Succeeded None", "install Failed Bad Request"]
    assert pkg(host, "history", "-Ho", "command", "-n", "1").stdout == "/usr/bin/pkg install nosuch\n"


numbers = st.lists(st.integers(0, 99), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@given(stem=st.sampled_from(["web/curl", "curl", "a/b/c"]), release=numbers, branch=numbers)
def test_a_package_is_meant_by_its_name_with_any_beginning_of_its_version(stem: str, release: str, branch: str) -> None:
    entry = Entry("p", stem, f"{release},5.11-{branch}:{STAMP}")
    ends = [
        "",
        f"@{release.split('.')[0]}",
        f"@{release}",
        f"@{release}-{branch}",
        f"@{entry.version}",
        "@*",
        "@latest",
    ]
    for head in (stem, stem.rpartition("/")[2], f"pkg:/{stem}", f"//p/{stem}", f"pkg://p/{stem}", "*"):
        for end in ends:
            pattern = patterns.parse(head + end)
            assert pattern.names(entry)
            assert pattern.allows(entry.fmri.known)
    assert not patterns.parse(f"{stem}@{release}.1").allows(entry.fmri.known)
    assert not patterns.parse(f"pkg://q/{stem}").names(entry)


@pytest.mark.parametrize("text", ["", "@1", "a b", "a@1.x", "a@01", "a@1-", "a@1:yesterday", "a@?"])
def test_a_text_that_is_no_pattern_is_told_as_pkg_does(text: str) -> None:
    with pytest.raises(patterns.Illegal, match="Illegal FMRI '.*': ."):
        patterns.parse(text)


letters = st.characters(codec="ascii", categories=["L", "N", "P", "Zs"], exclude_characters="\\")
values = st.text(letters, min_size=1).filter(str.strip)


@given(
    st.dictionaries(st.sampled_from(["path", "value", "owner"]), st.lists(values, min_size=1, max_size=2), min_size=1)
)
def test_an_action_as_pkg_prints_it_is_read_as_the_same(attributes: dict[str, list[str]]) -> None:
    printed = generated.line(action.Action("set", "", {name: tuple(held) for name, held in attributes.items()}, ""))
    assert {name: list(held) for name, held in action.parse(printed).attributes.items()} == attributes


def test_an_operation_is_read_as_it_was_written(host: Host) -> None:
    opened = image.open(host.path("/"))
    done = history.Operation("install", STAMP, ["/usr/bin/pkg", "install", "<&>"], ("Failed", "Locked"), STAMP)
    done.errors = ["a\nb"]
    history.purge(opened)
    history.write(opened, done)
    history.write(opened, done)
    assert history.read(opened) == [done, done]
