"""From what a user asks to what changes in one image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from testbed.ips import linked
from testbed.ips.fmri import Fmri
from testbed.ips.images.catalog import Entry
from testbed.ips.images.image import Image
from testbed.ips.images.settings import Settings
from testbed.ips.planning.explain import NoSolution
from testbed.ips.planning.selection import Refused, Selector
from testbed.ips.planning.solver import Needed, Solution, Solver
from testbed.ips.planning.space import Problem, Ranked

INSTALL, UPDATE, UNINSTALL, SYNC = "install", "update", "uninstall", "sync-linked"
EXACT_INSTALL = "exact-install"


@dataclass
class Plan:
    """What changes in an image; all empty: nothing to do."""

    add: list[Entry] = field(default_factory=list)
    change: list[tuple[Entry, Entry]] = field(default_factory=list)
    remove: list[Entry] = field(default_factory=list)
    manual: list[Entry] = field(default_factory=list)
    """Packages the user named, to be marked so."""
    avoided: set[str] | None = None
    """Stems that group dependencies are not to bring back afterwards; None: as before."""
    left_out: dict[str, str] | None = None
    """Others that they name in vain -> why."""
    affected: list[Entry] = field(default_factory=list)
    """Packages that stay and of which other actions count afterwards."""
    repeated: list[Entry] = field(default_factory=list)
    """Those of them that pkg has in its plan a second time."""
    dangling: dict[str, list[str]] = field(default_factory=dict)
    """Mediators chosen by the administrator -> targets of their links that go."""
    before: Settings | None = None
    after: Settings | None = None
    """The image's settings, where they change."""

    def __bool__(self) -> bool:
        return bool(self.add or self.change or self.remove or self.affected or self.after)

    @property
    def arriving(self) -> list[Entry]:
        return self.add + [new for _, new in self.change]


def plan(
    image: Image,
    operation: str,
    patterns: list[str],
    parent: Mapping[str, Fmri] | None,
    reject: Iterable[str] = (),
    ignore_missing: bool = False,
    root: Callable[[], Mapping[str, Entry]] = dict,
    full: bool = False,
    old: bool = False,
) -> Plan:
    """Plan ``operation``. ``parent``: the parent's packages by stem. Raises selection.Refused, explain.NoSolution.

    ``root``: what is installed in the running system's image; ``full``: explain with every rejection; ``old``: in the
    words of r151054's pkg.
    """
    installed = image.installed()
    known = image.known.by_stem()
    publishers = _publishers(image)
    selector = Selector(known, installed, image.variants, publishers)
    in_sync = operation == SYNC and parent is not None and linked.in_sync(image, parent)
    if in_sync and not selector.present(reject, ignore_missing=True):
        return Plan()
    rejected = selector.stems(reject)
    named: dict[str, list[Entry]] = {}
    removed: frozenset[str] = frozenset()
    if operation == UNINSTALL:
        removed = selector.present(patterns, ignore_missing)
    elif patterns:
        named = selector.versions(patterns, rejected, operation == UPDATE, ignore_missing)
    anew = operation == EXACT_INSTALL  # as if nothing were installed, avoided or frozen
    problem = Problem(
        known=known,
        installed={} if anew else installed,
        variants=image.variants,
        facets=image.facets,
        publishers=publishers,
        parent=parent,
        frozen=[] if anew else [(name, reason) for name, reason, _ in image.frozen().values()],
        named=named,
        sync=operation == SYNC,
        rejected=rejected,
        avoided=frozenset() if anew else frozenset(image.avoided() - named.keys()),
        root=root,
        full=full,
        old=old,
    )
    how: Callable[[Solver], Solution] = Solver.install
    if operation == UNINSTALL:
        how = partial(Solver.uninstall, stems=removed)
    elif operation == UPDATE and not patterns:
        how = Solver.update
    solution = _solve(image, problem, how)
    made = _difference(installed, solution.packages, {} if operation == UPDATE else named)  # an update marks nothing
    made.avoided, made.left_out = solution.avoided, solution.left_out
    return made


def _publishers(image: Image) -> dict[str, Ranked]:
    """Enabled publishers in their order, then those of installed packages: these hold nothing."""
    found = {entry.name: Ranked(rank, entry.sticky, True) for rank, entry in enumerate(image.enabled)}
    for entry in image.installed().values():
        found.setdefault(entry.publisher, Ranked(len(found), False, False))
    return found


def _solve(image: Image, problem: Problem, how: Callable[[Solver], Solution]) -> Solution:
    """Where an image is out of sync and the whole of it need not be brought in line, again without what is installed.

    So an image that diverged can be changed, and need not get worse (client/imageplan.py, __run_solver).
    """
    try:
        try:
            return how(Solver(problem))
        except NoSolution:
            last = linked.parent_packages(image)
            if how is Solver.update or problem.sync or last is None or linked.in_sync(image, last):
                raise
        return how(Solver(replace(problem, lenient=True)))
    except Needed as needed:
        head = f"Unable to remove '{_named(needed.package)}' due to the following packages that depend on it:\n"
        dependents = sorted(needed.dependents, key=lambda entry: entry.stem)
        raise Refused(head + "".join(f"  {_named(entry)}\n" for entry in dependents)) from None


def _named(entry: Entry) -> str:
    return f"{entry.stem}@{entry.fmri.known.plain}"


def _difference(installed: Mapping[str, Entry], solution: dict[str, Entry], named: Mapping[str, list[Entry]]) -> Plan:
    made = Plan(manual=[solution[stem] for stem in named if stem in solution])
    for stem in sorted(solution.keys() | installed.keys()):
        before, after = installed.get(stem), solution.get(stem)
        if before is None and after is not None:
            made.add.append(after)
        elif before is not None and after is None:
            made.remove.append(before)
        elif before is not None and after is not None and before.fmri != after.fmri:
            made.change.append((before, after))
    return made
