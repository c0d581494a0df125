# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packaging guide's way to try a package in a zone ("Dealing with Zones"), as a plan and its execution.

A package that depends on itself in the parent goes into the global zone first, publisher and all, and then into the
zone; one without parent dependencies needs its publisher in the zone only, and is installed and updated there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Iterable, Mapping, Sequence

from ..host import pkg, pkg_publisher, smf, zlogin
from ..host.runner import CommandError, Result, Runner
from ..model.finding import Refusal, RunFailed, refuse
from ..model.fmri import Fmri
from ..model.image import ImageView
from ..model.parent import PUBLISHER_MISMATCH, SATISFIED, SELF, counts, judge, parse_action
from ..model.publisher import Publisher, is_legal_name, position_fault
from ..model.uri import mask
from ..model.zone import RUNNING
from . import parent_services
from .survey import Survey, ZoneSurvey, no_such_zone, survey

# What is shown of what the packager's command printed, lines of each stream.
_SHOWN_LINES = 100
_LIMIT_SECONDS = 4 * 3600.0
_ZONE_TYPE = "variant.opensolaris.zone"
_GONE = (("pkg.obsolete",), ("pkg.renamed",))


@dataclass(frozen=True)
class Options:
    """The module's options; `origins_were_said` is False if `origins` are those of a publisher that is there."""

    zone: str
    package: str
    publisher: str
    origins: Sequence[str] = ()
    command: str | None = None
    services: str = parent_services.AUTO
    accept_licenses: bool = False
    origins_were_said: bool = True


@dataclass(frozen=True)
class Package:
    """What a manifest says: the package's full FMRI and the parent dependencies that count in the zone."""

    fmri: Fmri
    dependencies: tuple[str, ...]

    @property
    def on_itself(self) -> bool:
        """True if the zone must have the version that the global zone has."""
        return any(Fmri.parse(dependency).stem in (SELF, self.fmri.stem) for dependency in self.dependencies)

    @property
    def kind(self) -> str:
        """`self`, `other` or `none`."""
        if self.on_itself:
            return "self"
        return "other" if self.dependencies else "none"


@dataclass(frozen=True)
class Step:
    """One changing command; `where` is "global" or the zone's name, `what` a sentence."""

    where: str
    what: str
    argv: tuple[str, ...]

    def as_result(self) -> dict[str, Any]:
        """Return the form that the module hands back."""
        return {"where": self.where, "what": self.what, "argv": [mask(word) for word in self.argv]}


def run(runner: Runner, options: Options, dry: bool) -> dict[str, Any]:
    """Return the module's result. Raises RunFailed."""
    result: dict[str, Any] = {"changed": False, "steps": [], "test": None}
    try:
        _try(runner, options, dry, result)
        result["actions"] = list(runner.actions)
        return result
    except (Refusal, CommandError) as exc:
        told = exc.diagnosis
    raise RunFailed(told.message, {**result, "diagnosis": told.as_result(), "actions": list(runner.actions)})


def _try(runner: Runner, options: Options, dry: bool, result: dict[str, Any]) -> None:
    _check(options)
    seen, zones = _look(runner)
    zone = _zone(zones, options)
    view = readable(zone)
    services = parent_services.look(runner, options.services, running=True)
    findings = [*services.global_findings(), *services.findings(zone)]
    result["findings"] = [finding.as_result() for finding in findings]
    if findings and (view.use_system_repo or options.services == parent_services.REQUIRE):
        first = findings[0]
        raise refuse(first.code, f"Packages do not reach zone {options.zone}: {first.message}", first.remedy)
    origins = options.origins or known_origins(options.publisher, view, seen.parent)
    package = _manifest(runner, options, origins, zone.root, view)
    # those of the zone must not be added to a publisher of the global zone that has its own, nor the reverse
    options = replace(options, origins=origins, origins_were_said=bool(options.origins))
    steps = plan(options, package, seen.parent, zones, zone)
    result.update(
        zone=options.zone,
        package=str(package.fmri),
        parent_dependencies=list(package.dependencies),
        dependency=package.kind,
        order=order(package, zone.standing.linked),
        steps=[step.as_result() for step in steps],
        services=services.as_result(),
        versions={"before": _versions(package, seen, view)},
        changed=bool(steps),
    )
    if dry:
        for step in steps:
            runner.planned(step.argv)
        if options.command:
            runner.planned(zlogin.command(options.zone, options.command))
        return
    result["changed"] = False
    for step in steps:
        _take(runner, step, result)
        seen, zones = _look(runner)
        zone = _zone(zones, options)
        _prove(step, options, package, seen.parent, zones, zone)
    result["versions"]["after"] = _versions(package, seen, readable(zone))
    if plan(options, package, seen.parent, zones, zone):
        raise refuse(
            "not-there",
            f"Zone {options.zone} does not have {package.fmri} although every command went well.",
            f"`pkg -R {zone.root} list -Hv {package.fmri.stem}` says what it has.",
        )
    if options.command:
        result["test"] = _test(runner, options)


def _check(options: Options) -> None:
    if not is_legal_name(options.publisher):
        raise refuse("bad-publisher", f"{options.publisher[:80]!r} is no name of a publisher.", "Correct `publisher`.")
    try:
        asked = Fmri.parse(options.package)
    except ValueError as exc:
        raise refuse("bad-package", f"`package` is {exc}.", "It takes a name, or a name with @VERSION.") from None
    if asked.publisher not in ("", options.publisher):
        raise refuse(
            "bad-package",
            f"`package` is from publisher {asked.publisher}, and `publisher` is {options.publisher}.",
            "Name the same one in both.",
        )


def _look(runner: Runner) -> tuple[Survey, list[ZoneSurvey]]:
    """Look at all zones: a publisher that the global zone gets concerns every linked one."""
    seen = survey(runner, "/", None)
    return seen, list(seen.zones)


def _zone(zones: Iterable[ZoneSurvey], options: Options) -> ZoneSurvey:
    for zone in zones:
        if zone.zone.name == options.zone:
            if options.command and zone.zone.state != RUNNING:
                raise refuse(
                    "not-running",
                    f"Zone {options.zone} is {zone.zone.state}, and `command` can run in a running zone only.",
                    f"`zoneadm -z {options.zone} boot`, or leave `command` out.",
                )
            return zone
    raise no_such_zone(options.zone)


def readable(zone: ZoneSurvey) -> ImageView:
    """Return a zone's image. Raises Refusal where it could not be read."""
    if zone.view is None:
        raise refuse(
            "image-unreadable",
            f"The image of zone {zone.zone.name} cannot be read: {zone.trouble}",
            f"`pkg -R {zone.root} list` must work.",
        )
    return zone.view


def _manifest(runner: Runner, options: Options, origins: Sequence[str], root: str, view: ImageView) -> Package:
    stem = Fmri.parse(options.package).stem
    _typed, at, version = options.package.partition("@")
    name = f"pkg://{options.publisher}/{stem}{at}{version}"
    try:
        result = runner.probe(pkg.remote_manifest(root, origins, name), ok=(0, 1))
    except CommandError as exc:
        if not pkg.lacks_system_repository(exc):
            raise
        raise refuse(
            "no-system-repository",
            f"Zone {options.zone} takes its packages from the system repository, and this host has none.",
            f"`svcadm enable {smf.SYSTEM_REPOSITORY}` in the global zone; where there is no such service, as on "
            f"OmniOS: `pkg -R {root} set-property use-system-repo False`, and give the zone its publishers.",
        ) from None
    if result.rc != 0:
        raise refuse(
            "no-such-package",
            f"{name} was not found at {mask(', '.join(origins))}.",
            "See that the repository can be reached from the global zone and has the package (`pkgrepo list -s URI`).",
            tuple(result.lines()),
        )
    return parse_manifest(result.stdout, view.variants, view.facets)


def known_origins(name: str, view: ImageView, parent: ImageView) -> Sequence[str]:
    """Return the origins that a publisher has in the zone, else in the global zone. Raises Refusal."""
    for image in (view, parent):
        for publisher in image.publishers:
            if publisher.name == name and publisher.origins:
                return publisher.origins
    raise refuse(
        "no-origin",
        f"Neither the zone nor the global zone has a publisher {name} with an origin.",
        "Say in `origins` where its repository is.",
    )


def parse_manifest(text: str, variants: Mapping[str, str], facets: Sequence[tuple[str, bool]] = ()) -> Package:
    """Return what a manifest as `pkg contents -m` prints it means for an image of these variants and facets.

    `facets` are in the order of `facet_order`. Raises Refusal.
    """
    names: list[str] = []
    zone_types: tuple[str, ...] = ()
    dependencies: list[str] = []
    for line in text.splitlines():
        try:
            action = parse_action(line)
        except ValueError as exc:
            raise refuse("bad-manifest", f"The package's manifest has what is {exc}.", "Publish it anew.") from None
        if action is None:
            continue
        if line.startswith("set") and action.values("name") == ("pkg.fmri",):
            names += action.values("value")
        elif line.startswith("set") and action.values("name") == (_ZONE_TYPE,):
            zone_types = action.values("value")
        elif line.startswith("set") and action.values("name") in _GONE and action.values("value") == ("true",):
            raise refuse(
                "gone-package",
                f"The newest version is {action.values('name')[0][len('pkg.') :]}: there is nothing in it to try.",
                "Name the package that took its place, or an older version with @VERSION.",
            )
        elif action.values("type") == ("parent",) and counts(action, variants, facets):
            dependencies += action.values("fmri")
    if len(names) != 1:
        raise refuse(
            "ambiguous-package",
            f"{len(names)} packages are meant: {', '.join(names[:5]) or 'none'}.",
            "Name one in full in `package`.",
        )
    if zone_types and variants.get(_ZONE_TYPE, "nonglobal") not in zone_types:
        raise refuse(
            "global-only",
            f"{names[0]} is tagged {_ZONE_TYPE}={','.join(zone_types)}: it cannot be installed in a zone.",
            "There is nothing to try in a zone; if that is not what you want, mend the tag in its manifest.",
        )
    return Package(Fmri.parse(names[0]), tuple(dependencies))


def order(package: Package, linked: bool) -> str:
    """Say in one sentence which order is right for the package."""
    stem = package.fmri.stem
    if package.dependencies and not linked:
        return (
            f"The zone is not linked, so {stem}'s parent dependencies do not count: publisher and package in the zone."
        )
    if package.on_itself:
        return f"{stem} depends on itself in the global zone: publisher and package there first, then the zone."
    if package.dependencies:
        return f"{stem} depends on {', '.join(package.dependencies)} in the global zone: that first, then the zone."
    return f"{stem} has no parent dependency: publisher in the zone, installed and updated there."


def plan(
    options: Options, package: Package, parent: ImageView, zones: Sequence[ZoneSurvey], zone: ZoneSurvey
) -> list[Step]:
    """Return the steps from what is there to the package in the zone, in the guide's order. Raises Refusal."""
    view = readable(zone)
    steps: list[Step] = []
    first = global_packages(package, parent) if zone.standing.linked else []
    handed_down = False
    if first:
        origins = lacking(options, parent)
        if origins:
            _refuse_broken_order(options.publisher, parent, zones)
            handed_down = not _publisher(parent, options.publisher)
            argv = pkg_publisher.add_origins("/", options.publisher, origins, recurse=handed_down)
            also = " and all linked zones" if handed_down else ""
            steps.append(Step("global", f"Give the global zone{also} the publisher {options.publisher}.", tuple(argv)))
        argv = pkg.install("/", first, options.accept_licenses)
        steps.append(Step("global", f"Install {', '.join(first)} in the global zone.", tuple(argv)))
    origins = lacking(options, view)
    if origins and not handed_down:
        argv = pkg_publisher.add_origins(zone.root, options.publisher, origins)
        steps.append(Step(options.zone, f"Give the zone the publisher {options.publisher}.", tuple(argv)))
    there = view.installed.get(package.fmri.stem)
    # an operation in the global zone brings a zone that has the package along (linked-images.md, section 3)
    follows = there is not None and bool(first) and package.on_itself
    if there != package.fmri and not follows:
        argv = pkg.install(zone.root, [str(package.fmri)], options.accept_licenses)
        steps.append(Step(options.zone, f"Install {package.fmri} in the zone.", tuple(argv)))
    return steps


def global_packages(package: Package, parent: ImageView) -> list[str]:
    """Return what the global zone must get first. Raises Refusal where that would not help."""
    wanted: list[str] = []
    for dependency in package.dependencies:
        outcome, there = judge(package.fmri, dependency, parent.installed)
        if outcome == SATISFIED:
            continue
        if outcome == PUBLISHER_MISMATCH:
            raise refuse(
                "parent-publisher",
                f"{package.fmri.stem} depends on {dependency} in the global zone, which has {there}.",
                f"`pkg uninstall {there.stem if there else dependency}` in the global zone, then run again.",
            )
        asked = Fmri.parse(dependency)
        if asked.stem in (SELF, package.fmri.stem):
            wanted.append(str(package.fmri))
        else:
            # any version from the one asked for on will do
            wanted.append(str(Fmri(asked.stem, asked.publisher)))
    return list(dict.fromkeys(wanted))


def lacking(options: Options, image: ImageView) -> list[str]:
    """Return which of the `origins` an image does not have of the publisher. Raises Refusal where it is disabled."""
    there = _publisher(image, options.publisher)
    if there is not None and not there.enabled:
        raise refuse(
            "publisher-disabled",
            f"Publisher {options.publisher} is there, but disabled.",
            f"`pkg set-publisher --enable {options.publisher}`, in the zone's image with -R, then run again.",
        )
    if there is not None and there.origins and not options.origins_were_said:
        return []
    have = [origin.rstrip("/") for origin in there.origins] if there else []
    return [origin for origin in options.origins if origin.rstrip("/") not in have]


def _publisher(image: ImageView, name: str) -> Publisher | None:
    return next((publisher for publisher in image.publishers if publisher.name == name), None)


def _refuse_broken_order(name: str, parent: ImageView, zones: Iterable[ZoneSurvey]) -> None:
    """A publisher comes last in the search order; where a zone has others behind the parent's, that breaks the rule."""
    for zone in zones:
        if not zone.standing.linked:
            continue
        view = readable(zone)
        fault = position_fault(_with(parent.publishers, name), _with(view.publishers, name))
        if fault and not view.use_system_repo:
            raise refuse(
                "publisher-order",
                f"With publisher {name} in the global zone, zone {zone.zone.name} would break pkg's rule that its "
                f"publishers begin with the global zone's: {fault.expected} is not at position {fault.position}.",
                f"Put {name} into the zone first, right behind the global zone's: `pkg -R {zone.root} set-publisher "
                f"-g URI --search-after {parent.publishers[-1].name if parent.publishers else 'PUBLISHER'} {name}`.",
            )


def _with(publishers: Sequence[Publisher], name: str) -> list[Publisher]:
    known = [publisher.name for publisher in publishers]
    return [*publishers, *([] if name in known else [Publisher(name)])]


def _take(runner: Runner, step: Step, result: dict[str, Any]) -> None:
    done = runner.change(step.argv, limit=_LIMIT_SECONDS)
    if done.rc == 0:
        result["changed"] = True
        return
    raise refuse(
        "pkg-failed",
        f"{step.what[:-1]}: that failed, {_telling(done)}",
        "The evidence has pkg's words, pkg_parent_check says whether a zone stands against it. What was done before "
        "stands; run again when it is mended.",
        tuple(done.lines()),
    )


def _telling(done: Result) -> str:
    # what is said before it is the same for every child that fails (linked-images.md, section 10)
    own_words = (done.stderr or done.stdout).rpartition("generated the following output:")[2]
    lines = [line.strip() for line in own_words.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith("Reason:")]
    return f"exit code {done.rc}: {(reasons or lines or ['no message'])[0]}"


def _prove(
    step: Step,
    options: Options,
    package: Package,
    parent: ImageView,
    zones: Sequence[ZoneSurvey],
    zone: ZoneSurvey,
) -> None:
    """Read a step back: it must be in no plan any more (`set-publisher -r` ends with 0 whatever children say)."""
    if step in plan(options, package, parent, zones, zone):
        raise refuse(
            "not-done", f"{step.what[:-1]}: exit code 0, but it was not done.", "Look at the image, run again."
        )
    if step.where == "global" and zone.standing.linked:
        for other in zones:
            view = other.view if other.standing.linked else None
            fault = position_fault(parent.publishers, view.publishers) if view and not view.use_system_repo else None
            if fault:
                raise refuse(
                    "publisher-missing",
                    f"Zone {other.zone.name} has not got publisher {fault.expected} at position {fault.position}, and "
                    "so every operation in the global zone fails.",
                    f"`pkg -R {other.root} copy-publishers-from /`.",
                )


def _versions(package: Package, seen: Survey, view: ImageView) -> dict[str, str | None]:
    stem = package.fmri.stem
    return {"global": seen.parent.version(stem), "zone": view.version(stem)}


def _test(runner: Runner, options: Options) -> dict[str, Any]:
    done = runner.change(zlogin.command(options.zone, options.command or ""), limit=_LIMIT_SECONDS)
    test = {
        "command": mask(options.command or ""),
        "rc": done.rc,
        "stdout_lines": done.stdout.splitlines()[-_SHOWN_LINES:],
        "stderr_lines": done.stderr.splitlines()[-_SHOWN_LINES:],
    }
    if done.rc != 0:
        raise refuse(
            "test-failed",
            f"The package is in zone {options.zone}, but `{options.command}` failed there with exit code {done.rc}.",
            "See the evidence for what it said.",
            tuple(done.lines()),
        )
    return test
