"""Options of the subcommands that change packages, and what they ask for (client/options.py)."""

from __future__ import annotations

from testbed.ips.acting import boot_environments
from testbed.ips.cli.options import Options, clash, parse, required, usage
from testbed.ips.linked import Child
from testbed.ips.planning import patterns
from testbed.ips.request import Request
from testbed.ips.session import Exit, Session

_BE_LONG = (
    "no-be-activate temp-be-activate no-backup-be require-backup-be backup-be-name= deny-new-be require-new-be be-name="
)
_CHILDREN_LONG = "recurse norecurse stage= sync-actuators sync-actuators-timeout="
_MAIN_LONG = f"{_BE_LONG} concurrency= no-parent-sync accept licenses reject= no-index no-refresh parsable="
_MAIN, _CHILDREN = "tC:Ii:nvqg:", "rRz:Z:"

TABLES = {
    "install": (_MAIN + _CHILDREN, f"{_MAIN_LONG} {_CHILDREN_LONG}"),
    "change-facet": (_MAIN + _CHILDREN, f"{_MAIN_LONG} {_CHILDREN_LONG}"),
    "change-variant": (_MAIN + _CHILDREN, f"{_MAIN_LONG} {_CHILDREN_LONG}"),
    "update": (f"{_MAIN}{_CHILDREN}f", f"{_MAIN_LONG} {_CHILDREN_LONG} ignore-missing"),
    "uninstall": (
        f"tC:Ii:nvq{_CHILDREN}",
        f"{_BE_LONG} concurrency= no-parent-sync no-index parsable= {_CHILDREN_LONG} ignore-missing",
    ),
    "exact-install": (_MAIN, _MAIN_LONG),
    "set-mediator": ("tnvqI:V:", f"{_BE_LONG} no-index parsable= implementation= version="),
    "unset-mediator": ("tnvqIV", f"{_BE_LONG} no-index parsable= implementation version"),
}
TABLES["autoremove"] = TABLES["uninstall"]
TABLES["sync-linked"] = (f"{_MAIN}al:", f"{_MAIN_LONG} linked-md-only no-pkg-updates stage=")
TABLES["attach-linked"] = (f"{_MAIN}fcp", f"{_MAIN_LONG} linked-md-only no-pkg-updates prop-linked= allow-relink")
TABLES["set-property-linked"] = (f"{_MAIN}l:", f"{_MAIN_LONG} linked-md-only no-pkg-updates")
"""Subcommand -> short and long options."""

MEDIATION = ("set-mediator", "unset-mediator")
DEFAULT_RECURSE = ("update", "change-facet", "change-variant")
"""What the image property default-recurse makes recurse."""
STAGES = ("default", "plan", "prepare", "execute")
IGNORING = ("update", "uninstall", "autoremove")
"""What ignores missing packages where it recurses: not every image has each package."""


EXCEPTION = "pkg: Linked image exception(s):\n"


def read(session: Session, operation: str, args: list[str]) -> tuple[Request, Options]:
    """Raises Exit 2 with the usage."""
    short, long = TABLES[operation]
    if not session.host.state.settings.get("pkg_recursion", True):
        short, long = short.replace(_CHILDREN, ""), long.replace(_CHILDREN_LONG, "")
    given = parse(operation, args, short, long)
    return request(session, operation, given), given


def request(session: Session, operation: str, given: Options) -> Request:
    check_parsable(operation, given)
    properties = session.image.config["property"]
    boot = boot_environments.wanted(operation, given, properties.get("temp-be-activation") == "True")
    _check_integer(operation, given, "-C", "--concurrency")
    ignored = (
        ignored_children(session, operation, given) if operation not in ("set-mediator", "unset-mediator") else None
    )
    if given.has("-v") and given.has("-q"):
        raise clash(operation, "-v", "-q")
    if given.has("--parsable") and given.has("-v"):
        raise clash(operation, "-v", "--parsable")
    recurse = given.has("-r", "--recurse") or (
        operation in DEFAULT_RECURSE
        and properties.get("default-recurse", "False").lower() == "true"
        and not given.has("-R", "--norecurse")
    )
    chosen = chosen_children(session, operation, given, recurse)
    stage = given.one("--stage")
    if stage is not None and stage not in STAGES:
        raise usage(operation, f"invalid operation stage: '{stage}'")
    _check_integer(operation, given, "--sync-actuators-timeout")
    session.quiet = given.has("-q")
    return Request(
        operation=operation,
        dry_run=given.has("-n") or stage == "plan",
        verbose=given.has("-v"),
        parsable=given.has("--parsable"),
        refresh=not given.has("--no-refresh"),
        force=given.has("-f"),
        ignore_missing=given.has("--ignore-missing")
        or (operation in IGNORING and recurse and chosen != [] and bool(session.children)),
        accept=given.has("--accept"),
        licenses=given.has("--licenses"),
        recurse=recurse,
        chosen=chosen,
        ignored=ignored,
        reject=given.all("--reject"),
        origins=given.all("-g"),
        boot=boot,
    )


def check_parsable(operation: str, given: Options) -> None:
    """Only version 0 of the format is known."""
    value = given.one("--parsable")
    if value is not None and value.strip() != "0":
        reason = f"Argument '{value}' for option '--parsable' is invalid.\nSupported: None, 0"
        raise usage(operation, reason)


def check_patterns(operation: str, texts: list[str]) -> None:
    """Raises Exit 1 for patterns that are no FMRIs."""
    wrong = []
    for text in texts:
        try:
            patterns.parse(text)
        except patterns.Illegal as illegal:
            wrong.append(str(illegal))
    if wrong:
        raise Exit(1, f"pkg {operation}: " + "\n".join(wrong) + "\n")


def _check_integer(operation: str, given: Options, *names: str) -> None:
    value = given.one(*names)
    if value is not None and not value.strip().removeprefix("-").isdigit():
        raise usage(operation, f"value '{value}' invalid: {'/'.join(names)}")


def ignored_children(session: Session, operation: str, given: Options) -> list[str] | None:
    """Children left alone (-I, -i); see request.Request. Mediators' -I is another option."""
    if operation in MEDIATION:
        return None
    names = given.all("-i")
    for option in ("-I", "-i"):
        for other in ("-i", "-a", "-l") if option == "-I" else ("-a", "-l"):
            if given.has(option) and given.has(other):
                raise clash(operation, option, other)
    if given.has("-I"):
        return []
    refuse_repeated(operation, given, "-i")
    return [named_child(session, name).name for name in names] or None


def check_targets(operation: str, given: Options) -> None:
    """Raises Exit 2 for what does not go together with -a or -l, and for a word too many."""
    target = "-a" if given.has("-a") else "-l"
    if given.has("-a", "-l") and given.has("--no-parent-sync"):
        raise clash(operation, target, "--no-parent-sync")
    if given.has("-a") and given.has("-l"):
        raise clash(operation, "-a", "-l")
    for other in ("--no-be-activate", "--be-name", "--deny-new-be", "--require-new-be", "--reject", "-g"):
        if given.has("-a", "-l") and given.has(other):
            raise clash(operation, target, other)
    refuse_repeated(operation, given, "-l")


def refuse_repeated(operation: str, given: Options, option: str) -> None:
    """Raises Exit 2 if an option has the same value twice."""
    values = given.all(option)
    for place, value in enumerate(values):
        if value in values[:place]:
            raise usage(operation, f"Argument '{value}' for option '{option}' may not be repeated.")


def check_name(name: str) -> None:
    """Raises Exit 1 if this is no name of a linked image."""
    kind, _, rest = name.partition(":")
    if kind not in ("zone", "system") or not rest or ":" in rest:
        form = "'<linked_image plugin>:<linked_image name>'"
        text = f"Invalid linked image name '{name}'. Linked image names have the following format {form}"
        raise Exit(1, f"{EXCEPTION}{text}\n")


def named_child(session: Session, name: str) -> Child:
    """The child of a full name, zone:NAME. Raises Exit 1."""
    check_name(name)
    for entry in session.children:
        if entry.name == name:
            return entry
    raise Exit(1, f"{EXCEPTION}Unknown child linked image: {name}\n")


def chosen_children(session: Session, operation: str, given: Options, recurse: bool) -> list[str] | None:
    """Children with the full operation (-z, -Z), as often as they were named; see request.Request."""
    included, excluded = given.all("-z"), given.all("-Z")
    for option, values in (("-Z", excluded), ("-z", included)):
        if values and not recurse:
            raise required(operation, option, "-r/--recurse")
    if included and excluded:
        raise clash(operation, "-z", "-Z")
    names = [entry.name for entry in session.children]
    if included:
        return [_zone(operation, text, names) for text in included]
    for text in excluded:
        names.remove(_zone(operation, text, names))
    return names if excluded else None


def _zone(operation: str, text: str, names: list[str]) -> str:
    name = next((full for full in (text, f"zone:{text}") if full in names), None)
    if name is None:
        raise usage(operation, f"invalid linked image or zone name '{text}'.")
    return name
