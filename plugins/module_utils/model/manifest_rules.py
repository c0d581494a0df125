# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a package's manifest must say about zones: one function a rule, each explained in docs/manifest-rules.md.

Sources: the packaging guide's chapter "Dealing with Zones", and what pkg does with what it finds (the solver's and the
audit's rules as in model/parent.py; an action with a repeated variant counts nowhere; `driver` actions do nothing in a
zone, whatever their tag).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Iterable, Iterator, Mapping, Sequence

from .fmri import Fmri
from .manifest import ERROR, INFO, MACRO, WARNING, ZONE, Action, RuleFinding
from .parent import SELF

GLOBAL, NONGLOBAL = "global", "nonglobal"
_BOTH = frozenset((GLOBAL, NONGLOBAL))

PARENT_DEPENDENCY_MISSING = "parent-dependency-missing"
INTERFACE_SPANS_PACKAGES = "interface-spans-packages"
PARENT_DEPENDENCY_GLOBAL_ONLY = "parent-dependency-global-only"
PARENT_DEPENDENCY_FORM = "parent-dependency-form"
PARENT_NOT_IN_GLOBAL = "parent-not-in-global"
REQUIRES_GLOBAL_ONLY = "requires-global-only"
KERNEL_NOT_GLOBAL = "kernel-not-global"
ZONE_TAG_CONTRADICTION = "zone-tag-contradiction"
ZONE_TAG_UNDECLARED = "zone-tag-undeclared"
ZONE_VARIANT_MISSING = "zone-variant-missing"
CODES = (
    PARENT_DEPENDENCY_MISSING,
    INTERFACE_SPANS_PACKAGES,
    PARENT_DEPENDENCY_GLOBAL_ONLY,
    PARENT_DEPENDENCY_FORM,
    PARENT_NOT_IN_GLOBAL,
    REQUIRES_GLOBAL_ONLY,
    KERNEL_NOT_GLOBAL,
    ZONE_TAG_CONTRADICTION,
    ZONE_TAG_UNDECLARED,
    ZONE_VARIANT_MISSING,
)

_PAYLOAD = ("file", "hardlink", "link")
# Neither kmdb's modules nor configuration files talk to a zone.
_KERNEL = re.compile(r"(usr/)?(platform/[^/]+/)?kernel/(?!kmdb/|.*\.conf$)")
# What may talk to a kernel module: programs and shared objects. Debugger modules, makers of /dev links and the fault
# manager are the global zone's affair; consolidations leave the first in zones of a driver package.
_USERLAND = re.compile(
    r"(usr/|opt/([^/]+/)?)?(s?bin/|libexec/|lib/(?!devfsadm/|fm/|mdb/|svc/)(.*/)?([^./]+|[^/]*\.so[^/]*)$)"
)
_PUBLISHER_MACRO = re.compile(r"^(pkg:)?//\$\([^()]*\)/")
_LATER = (
    " The manifest still has macros, so pkgmogrify(1) may change this: give the files of the build's transforms in "
    "`manifests` too."
)


@dataclass(frozen=True)
class Package:
    """A manifest as the rules see it; `stem` is "" for a fragment, which is only a part of other manifests.

    `unfinished`: macros are left and the build's own transforms were not given, so tags may be added later.
    `incomplete`: an include or a transform could not be followed.
    """

    path: str
    stem: str
    actions: tuple[Action, ...]
    unfinished: bool = False
    incomplete: bool = False

    @cached_property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """The package's own attributes; several `set` actions of one name count together."""
        found: dict[str, tuple[str, ...]] = {}
        for action in self.actions:
            if action.name == "set":
                name = action.first("name")
                found[name] = (*found.get(name, ()), *action.values("value"))
        return found

    @cached_property
    def installable(self) -> frozenset[str]:
        """The kinds of zone in which the package can be installed; both if it does not say."""
        values = self.attributes.get(ZONE)
        if values is None or any(MACRO in value for value in values):
            return _BOTH
        return _BOTH & frozenset(values)

    @cached_property
    def kernel_side(self) -> list[Action]:
        """What the package gives to the kernel of the global zone."""
        return [
            action
            for action in self.actions
            if (action.name == "driver" or _is_kernel(action)) and GLOBAL in self.counts_in(action)
        ]

    @cached_property
    def zone_side(self) -> list[Action]:
        """The programs, libraries and services that the package delivers in a zone."""
        return [action for action in self.actions if _is_userland(action) and NONGLOBAL in self.counts_in(action)]

    @cached_property
    def parents(self) -> list[Action]:
        """The parent dependencies, whether they count or not."""
        return [action for action in self.actions if _is_parent(action)]

    @property
    def name(self) -> str:
        """The package in a sentence."""
        return self.stem if self.stem and MACRO not in self.stem else "The package"

    @property
    def replaced(self) -> bool:
        """Tell whether the package is obsolete or renamed, so that it delivers nothing."""
        return any("true" in self.attributes.get(name, ()) for name in ("pkg.obsolete", "pkg.renamed"))

    def counts_in(self, action: Action) -> frozenset[str]:
        """Return the kinds of zone in which an action counts; none for a tag that cannot be told or is repeated."""
        tags = action.values(ZONE)
        if not tags:
            return self.installable
        return self.installable & frozenset(tags) if len(tags) == 1 else frozenset()


# stem -> the packages among the given manifests that have it
Others = Mapping[str, Sequence[Package]]


def judge(package: Package, others: Others) -> list[RuleFinding]:
    """Return what all rules say about a package, in the order of their lines."""
    rules = CERTAIN if package.incomplete or not package.stem else (*CERTAIN, *WHOLE)
    found = [finding for rule in rules for finding in rule(package, others)]
    return sorted(found, key=lambda finding: (finding.path, finding.line, finding.code))


def parent_dependency_missing(package: Package, others: Others) -> Iterator[RuleFinding]:
    """Both sides of an interface with the kernel in one package, and nothing keeps their versions together."""
    if package.parents or not (package.kernel_side and package.zone_side):
        return
    kernel, zone = package.kernel_side[0], package.zone_side[0]
    yield _finding(
        zone,
        PARENT_DEPENDENCY_MISSING,
        WARNING,
        f"The package has a side in the global zone's kernel ({_shown(kernel)}, line {kernel.line}) and one in "
        f"zones ({_shown(zone)}), but no parent dependency: a zone can have another version than the global zone.",
        f"If the two talk to each other, add: depend fmri={SELF} type=parent {ZONE}={NONGLOBAL}",
    )


def interface_spans_packages(package: Package, others: Others) -> Iterator[RuleFinding]:
    """The zone side of an interface depends on the package with the global side, but not on the parent's one."""
    parents = {stem for action in package.parents for stem in _stems(action)}
    # With a dependency on itself the global zone has the same package, and with it all that this one requires.
    if not package.zone_side or SELF in parents:
        return
    for action in package.actions:
        if action.name != "depend" or action.first("type") != "require":
            continue
        for stem in _stems(action):
            if stem in parents or not _is_kernel_side(others, stem):
                continue
            yield _finding(
                action,
                INTERFACE_SPANS_PACKAGES,
                WARNING,
                f"The package delivers {_shown(package.zone_side[0])} in zones and requires {stem}, which is "
                "there for the global zone's kernel only, but has no parent dependency on it: nothing sees to it that "
                "the global zone has a version that fits.",
                f"If the two talk to each other, add: depend fmri=pkg:/{stem}@VERSION type=parent {ZONE}={NONGLOBAL}",
            )


def parent_dependency_global_only(package: Package, others: Others) -> Iterator[RuleFinding]:
    """A parent dependency that counts in no zone."""
    for action in package.parents:
        if NONGLOBAL not in package.installable:
            why = "the package cannot be installed in a zone"
            remedy = (
                f"Remove it, or say that zones can have the package: set name={ZONE} value={GLOBAL} value={NONGLOBAL}"
            )
        elif action.values(ZONE) == (GLOBAL,):
            why = "it is tagged for the global zone"
            remedy = f"Tag it {ZONE}={NONGLOBAL}"
        else:
            continue
        yield _finding(
            action,
            PARENT_DEPENDENCY_GLOBAL_ONLY,
            ERROR,
            f"This parent dependency never counts: only an image with a parent looks at it, and {why}.",
            remedy,
        )


def parent_dependency_form(package: Package, others: Others) -> Iterator[RuleFinding]:
    """A parent dependency that a repository refuses, or that the audit takes for another package."""
    for action in package.parents:
        fmris = action.values("fmri")
        if len(fmris) != 1:
            yield _finding(
                action,
                PARENT_DEPENDENCY_FORM,
                ERROR,
                f"A parent dependency names one FMRI, this one {len(fmris)}: a repository refuses to publish it.",
                "Write one depend action for each FMRI.",
            )
        elif fmris[0] != SELF and SELF in _stems(action):
            yield _finding(
                action,
                PARENT_DEPENDENCY_FORM,
                ERROR,
                f"A dependency on the package itself is written exactly {SELF}: `pkg audit-linked` takes any other "
                "form for another package, and calls every zone with this one diverged for ever.",
                f"Write fmri={SELF}",
            )


def parent_not_in_global(package: Package, others: Others) -> Iterator[RuleFinding]:
    """A parent dependency on what cannot be in a global zone."""
    for action in package.parents:
        for stem in _stems(action):
            own = stem in (SELF, package.stem)
            if own and (GLOBAL in package.installable or not package.stem):
                continue
            if not own and not _all(others, stem, _is_never_in_global):
                continue
            wanted = package.name if own else stem
            yield _finding(
                action,
                PARENT_NOT_IN_GLOBAL,
                ERROR,
                f"{wanted} cannot be installed in a global zone, so this parent dependency can never be satisfied: "
                "no zone can have the package.",
                f"Let {wanted} be installed in the global zone too, or remove the dependency.",
            )


def requires_global_only(package: Package, others: Others) -> Iterator[RuleFinding]:
    """A package that zones can have requires one that they cannot."""
    for action in package.actions:
        if action.name != "depend" or action.first("type") not in ("require", "require-any"):
            continue
        stems = _stems(action)
        if NONGLOBAL not in package.counts_in(action) or not stems:
            continue
        if not all(_all(others, stem, _is_never_in_zone) for stem in stems):
            continue
        yield _finding(
            action,
            REQUIRES_GLOBAL_ONLY,
            ERROR,
            f"{package.name} can be installed in a zone but requires {' or '.join(stems)}, which cannot: "
            "installing or updating a zone with it fails.",
            f"Tag the dependency {ZONE}={GLOBAL}",
        )


def kernel_not_global(package: Package, others: Others) -> Iterator[RuleFinding]:
    """Kernel modules that a zone gets too, where no kernel reads them."""
    wrong = [action for action in package.actions if _is_kernel(action) and NONGLOBAL in package.counts_in(action)]
    if not wrong:
        return
    rest = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    remedy = (
        f"Tag them {ZONE}={GLOBAL}; if zones need no part of the package: set name={ZONE} value={GLOBAL}"
        if package.zone_side
        else f"Say that zones need no part of it: set name={ZONE} value={GLOBAL}; or tag each of them {ZONE}={GLOBAL}"
    )
    yield _finding(
        wrong[0],
        KERNEL_NOT_GLOBAL,
        INFO if package.unfinished else WARNING,
        f"Kernel content is installed in zones too, where no kernel reads it: {_shown(wrong[0])}{rest}."
        + (_LATER if package.unfinished else ""),
        remedy,
    )


def zone_tag_contradiction(package: Package, others: Others) -> Iterator[RuleFinding]:
    """Actions tagged for a kind of zone in which the package, or any action, cannot be."""
    for action in package.actions:
        tags = action.values(ZONE)
        if not tags or any(MACRO in tag for tag in tags) or package.counts_in(action):
            continue
        # Other rules say more of a parent dependency.
        if _is_parent(action) and len(tags) == 1 and tags[0] in _BOTH:
            continue
        if len(tags) > 1:
            what = f"Two tags {ZONE} on one action cannot both be true"
            remedy = "Leave the tag out where the action is for global zone and zones."
        elif tags[0] not in _BOTH:
            what = f"No image has {ZONE}={tags[0][:80]}"
            remedy = f"The values are {GLOBAL} and {NONGLOBAL}; leave the tag out for both."
        else:
            what = f"It is tagged {ZONE}={tags[0]}, but the package cannot be installed there"
            remedy = f"Remove the action, or say: set name={ZONE} value={GLOBAL} value={NONGLOBAL}"
        yield _finding(action, ZONE_TAG_CONTRADICTION, ERROR, f"This action is never installed. {what}.", remedy)


def zone_tag_undeclared(package: Package, others: Others) -> Iterator[RuleFinding]:
    """Some actions are tagged, but the package does not say that it is for both kinds of zone."""
    if ZONE in package.attributes:
        return
    tagged = [action for action in package.actions if action.values(ZONE)]
    if not tagged:
        return
    yield _finding(
        tagged[0],
        ZONE_TAG_UNDECLARED,
        INFO if package.unfinished else WARNING,
        f"Actions are tagged with {ZONE}, but the package does not say for which zones it is."
        + (_LATER if package.unfinished else ""),
        f"Add: set name={ZONE} value={GLOBAL} value={NONGLOBAL}",
    )


def zone_variant_missing(package: Package, others: Others) -> Iterator[RuleFinding]:
    """The package does not say whether it is for zones."""
    if ZONE in package.attributes or package.replaced or any(action.values(ZONE) for action in package.actions):
        return
    yield RuleFinding(
        ZONE_VARIANT_MISSING,
        INFO,
        "The package does not say whether it is for zones; it can be installed in the global zone and in zones."
        + (_LATER if package.unfinished else ""),
        f"If it works in both, say so: set name={ZONE} value={GLOBAL} value={NONGLOBAL}",
        package.path,
        1,
    )


Rule = Callable[[Package, Others], Iterable[RuleFinding]]
# What they say holds whatever else there is; the others need all of the package.
CERTAIN: tuple[Rule, ...] = (
    parent_dependency_global_only,
    parent_dependency_form,
    parent_not_in_global,
    requires_global_only,
)
WHOLE: tuple[Rule, ...] = (
    zone_tag_contradiction,
    parent_dependency_missing,
    interface_spans_packages,
    kernel_not_global,
    zone_tag_undeclared,
    zone_variant_missing,
)


def _finding(action: Action, code: str, severity: str, message: str, remedy: str) -> RuleFinding:
    return RuleFinding(code, severity, message, remedy, action.file, action.line)


def _is_parent(action: Action) -> bool:
    return action.name == "depend" and "parent" in action.values("type")


def _is_kernel(action: Action) -> bool:
    return action.name in _PAYLOAD and _KERNEL.match(action.first("path")) is not None


def _is_userland(action: Action) -> bool:
    return action.name in ("file", "hardlink") and _USERLAND.match(action.first("path")) is not None


def _is_kernel_only(package: Package) -> bool:
    guarded = any(SELF in _stems(action) for action in package.parents)
    return bool(package.kernel_side) and not package.zone_side and not package.incomplete and not guarded


def _is_kernel_side(others: Others, stem: str) -> bool:
    """Tell whether a package is for the kernel alone; by its name where its manifest is not among the given."""
    return _all(others, stem, _is_kernel_only) if stem in others else stem.startswith("driver/")


def _is_never_in_global(package: Package) -> bool:
    return GLOBAL not in package.installable or "true" in package.attributes.get("pkg.obsolete", ())


def _is_never_in_zone(package: Package) -> bool:
    return NONGLOBAL not in package.installable


def _all(others: Others, stem: str, test: Callable[[Package], bool]) -> bool:
    """Tell whether the stem is among the given manifests, and what is asked is so for all that have it."""
    return stem in others and all(test(package) for package in others[stem])


def _stems(action: Action) -> list[str]:
    """Return the stems that a dependency names; what is no FMRI, or hangs on a macro, is left out."""
    return [stem for stem in map(stem_of, action.values("fmri")) if stem]


def stem_of(fmri: str) -> str:
    """Return the stem of an FMRI whose version and publisher may be macros still; "" if it cannot be told."""
    text = _PUBLISHER_MACRO.sub("pkg:/", fmri).partition("@")[0]
    try:
        return Fmri.parse(text).stem
    except ValueError:
        return ""


def _shown(action: Action) -> str:
    return f"{action.name} {(action.first('path') or action.first('name'))[:200]}"
