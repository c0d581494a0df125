"""Whatever the catalogue: a solution meets every dependency, and what has none is explained."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.ips import fmri
from testbed.ips.images.catalog import Entry
from testbed.ips.planning.dependency import CONSTRAINING
from testbed.ips.planning.explain import NoSolution
from testbed.ips.planning.solver import Needed, Solver
from testbed.ips.planning.space import Candidate, Dependency, Problem, Ranked, Space

STEMS = "abcde"
VERSIONS = (1, 2, 3)
KINDS = ("require", "incorporate", "optional", "exclude", "require-any", "conditional")
Known = dict[str, list[Entry]]


@st.composite
def line(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(KINDS))
    count = 2 if kind == "require-any" else 1
    targets = [f"{draw(st.sampled_from(STEMS))}@{draw(st.sampled_from(VERSIONS))}" for _ in range(count)]
    predicate = f" predicate={draw(st.sampled_from(STEMS))}@1" if kind == "conditional" else ""
    return f"depend type={kind}{predicate}" + "".join(f" fmri={target}" for target in targets)


@st.composite
def catalogues(draw: st.DrawFn) -> Known:
    known: Known = {}
    for stem in STEMS:
        for version in draw(st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=2, unique=True)):
            lines = draw(st.lists(line(), max_size=2))
            known.setdefault(stem, []).append(Entry("p", stem, f"{version},5.11-0:20261121T055207Z", {}, lines))
    return known


def problem(known: Known, installed: dict[str, Entry], named: str = "") -> Problem:
    wanted = {named: sorted(known[named], key=lambda entry: entry.fmri.known.key)} if named else {}
    return Problem(known, installed, {}, {}, {"p": Ranked(0, True, True)}, named=wanted)


def holds(found: Candidate, dependency: Dependency, chosen: dict[str, Entry]) -> bool:
    """Is this dependency met by these packages? Read off pkg(7), not off the solver."""

    def newer(target: fmri.Fmri) -> bool:
        have, want = chosen.get(target.stem), target.version
        return have is not None and (want is None or have.fmri.known.key >= want.key)

    target = dependency.targets[0]
    have, want = chosen.get(target.stem), target.version
    if dependency.kind in ("require", "require-any"):
        return any(newer(each) for each in dependency.targets)
    if dependency.kind == "conditional":
        return dependency.predicate is None or not newer(dependency.predicate) or newer(target)
    assert dependency.kind in CONSTRAINING
    assert want is not None
    if have is None:
        return True
    if dependency.kind == "incorporate":
        return have.fmri.known.matches(want)
    return newer(target) == (dependency.kind == "optional")


def consistent(chosen: dict[str, Entry]) -> bool:
    space = Space(problem({stem: [entry] for stem, entry in chosen.items()}, chosen))
    return all(holds(found, each, chosen) for found in space.installed.values() for each in found.dependencies)


def possible(known: Known, must: set[str]) -> bool:
    """Is there any choice of versions with these packages?"""
    choices = [[*known[stem], *([] if stem in must else [None])] for stem in STEMS]
    return any(consistent({entry.stem: entry for entry in choice if entry}) for choice in product(*choices))


def solved(known: Known, installed: dict[str, Entry], named: str = "") -> dict[str, Entry] | str:
    solver = Solver(problem(known, installed, named))
    try:
        return (solver.install() if named else solver.update()).packages
    except NoSolution as failure:
        return str(failure)


@settings(max_examples=150, deadline=None)
@given(catalogues(), st.sampled_from(STEMS), st.sampled_from(STEMS))
def test_install_then_another_then_update(known: Known, first: str, second: str) -> None:
    installed = solved(known, {}, first)
    if isinstance(installed, str):
        assert installed
        assert not possible(known, {first})
        return
    assert first in installed
    assert consistent(installed)
    more = solved(known, installed, second)
    if isinstance(more, str):
        assert more
    else:
        assert more.keys() >= {second, *installed}
        assert consistent(more)
        installed = more
    newest = solved(known, installed)
    assert not isinstance(newest, str), "what is installed may stay as it is"
    assert newest.keys() >= installed.keys()
    assert consistent(newest)
    assert all(newest[stem].fmri.known.key >= entry.fmri.known.key for stem, entry in installed.items())


@settings(max_examples=100, deadline=None)
@given(catalogues(), st.sampled_from(STEMS), st.sampled_from(STEMS))
def test_uninstall_leaves_nothing_broken(known: Known, first: str, gone: str) -> None:
    installed = solved(known, {}, first)
    if isinstance(installed, str) or gone not in installed:
        return
    rest = taken_out(known, installed, gone)
    if not isinstance(rest, str):
        assert gone not in rest
        assert consistent(rest)


def taken_out(known: Known, installed: dict[str, Entry], gone: str) -> dict[str, Entry] | str:
    try:
        return Solver(problem(known, installed)).uninstall([gone]).packages
    except Needed as needed:
        return f"{needed.package.stem} is needed by {needed.dependents}"
    except NoSolution as failure:
        return str(failure)


def entries(packages: dict[str, list[str]]) -> Known:
    known: Known = {}
    for name, lines in packages.items():
        stem, _, version = name.partition("@")
        known.setdefault(stem, []).append(Entry("p", stem, f"{version},5.11-0:20261121T055207Z", {}, lines))
    return known


def test_a_summary_names_each_root_cause_once() -> None:
    known = entries(
        {
            "a@1": ["depend type=require fmri=b"],
            "a@2": ["depend type=require fmri=c"],
            "b@1": ["depend type=require fmri=gone"],
            "c@1": ["depend type=require fmri=b"],
        }
    )
    assert solved(known, {}, "a") == (
        "No matching version of a can be installed.\n\n"
        "This is due to the following root cause(s):\n\n"
        "  Package: pkg://p/b@1-0\n"
        "  Reason:  No version for 'require' dependency on gone can be found\n\n"
        "The above led to the rejection of 4 package versions in total.\n"
        "Re-run the operation with the -v option to see all of the rejected\npackages and detailed reasons.\n"
    )


def test_a_tree_tells_every_rejection_below_what_it_brings_about() -> None:
    known = entries({"a@1": ["depend type=require fmri=b"], "b@1": ["depend type=require fmri=gone"]})
    asked = problem(known, {}, "a")
    asked.full = True
    rule = "-" * 40
    try:
        Solver(asked).install()
        text = ""
    except NoSolution as failure:
        text = str(failure)
    assert text == (
        "No matching version of a can be installed:\n"
        "  Reject:  pkg://p/a@1-0\n"
        "  Reason:  No version matching 'require' dependency b can be installed\n"
        f"    {rule}\n"
        "    Reject:  pkg://p/b@1-0\n"
        "    Reason:  No version for 'require' dependency on gone can be found\n"
        f"    {rule}\n"
    )


def test_versions_that_exclude_each_other_are_no_solution() -> None:
    known = entries(
        {
            "a@1": ["depend type=require fmri=b", "depend type=require fmri=c"],
            "b@1": ["depend type=incorporate fmri=d@1", "depend type=require fmri=d"],
            "c@1": ["depend type=incorporate fmri=d@2", "depend type=require fmri=d"],
            "d@1": [],
            "d@2": [],
        }
    )
    text = solved(known, {}, "a")
    assert isinstance(text, str)
    assert text.startswith("No solution was found to satisfy constraints\n\nmaintained incorporations: None\n")
