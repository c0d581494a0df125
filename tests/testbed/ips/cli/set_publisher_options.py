"""The options of set-publisher: which go together, and what they ask for (client/options.py)."""

from __future__ import annotations

from testbed.ips.cli.options import Options, clash, parse, usage
from testbed.ips.cli.publisher_change import ALL, Change, parsed

COMMAND = "set-publisher"
_LONG = (
    "search-first sticky non-sticky enable disable no-refresh reset-uuid recurse norecurse origin-uri= add-origin="
    " remove-origin= add-mirror= remove-mirror= enable-origins= disable-origins= search-before= search-after="
    " approve-ca-cert= revoke-ca-cert= unset-ca-cert= set-property= add-property-value= remove-property-value="
    " unset-property= proxy="
)
SPELLINGS = {
    "-P": "--search-first",
    "-e": "--enable",
    "-d": "--disable",
    "-O": "--origin-uri",
    "-g": "--add-origin",
    "-G": "--remove-origin",
    "-m": "--add-mirror",
    "-M": "--remove-mirror",
}
_CLASHES = [
    ("-d", "-e"),
    ("--sticky", "--non-sticky"),
    ("-O", "-g"),
    ("-O", "-G"),
    *(("-p", other) for other in ("-g", "-m", "-G", "-M", "-d", "-e", "--no-refresh", "--reset-uuid")),
]
_SEARCH = [("--search-before", "--search-after"), ("--search-before", "-P"), ("--search-after", "-P")]
_URIS = ("-g", "-m", "-G", "-M", "-p")
"""What --proxy needs one of."""


def read(args: list[str]) -> Options:
    """Options by their short names. Raises Exit 2."""
    given = parse(COMMAND, args, "Pdek:c:O:G:g:M:m:p:rRz:Z:v", _LONG)
    for short, long in SPELLINGS.items():
        given.flags = [short if flag == long else flag for flag in given.flags]
        if long in given.values:
            given.values[short] = given.values.get(short, []) + given.values.pop(long)
    for option in given.flags:
        if option in ("-P", "-e", "-d", "-O", "-p") and given.flags.count(option) > 1:
            raise usage(COMMAND, f"Option '{_shown(option)}' may not be repeated.")
    _refuse(given, _CLASHES)
    if given.has("--proxy") and not given.has(*_URIS):
        some = ", ".join(map(_shown, _URIS[:-1]))
        raise usage(COMMAND, f"'--proxy' may only be used with '{some}' or {_URIS[-1]}.")
    if ALL in given.all("-g") and not given.has("-e", "-d"):
        raise usage(COMMAND, f"Either '{_shown('-e')}' or '{_shown('-d')}' must be specified")
    _properties(given)
    _refuse(given, _SEARCH)
    return given


def check_words(given: Options) -> None:
    """Raises Exit 2."""
    if len(given.words) > 1:
        raise usage(COMMAND, "only one publisher name may be specified")
    if not given.words and not given.has("-p"):
        raise usage(COMMAND, "requires a publisher name")


def _refuse(given: Options, pairs: list[tuple[str, str]]) -> None:
    for one, other in pairs:
        if given.has(one) and given.has(other):
            raise clash(COMMAND, _shown(one), _shown(other))


def _shown(option: str) -> str:
    return f"{option}/{SPELLINGS[option]}" if option in SPELLINGS else option


def _properties(given: Options) -> tuple[dict[str, str], dict[str, list[str]], dict[str, list[str]]]:
    """Properties to set, values to add, values to remove."""
    wanted: dict[str, str] = {}
    for text in given.all("--set-property"):
        name, value = _pair(text, "properties to be set")
        if name in wanted:
            raise usage(COMMAND, f"a property may only be set once in a command. {name} was set twice")
        wanted[name] = value
    lists: list[dict[str, list[str]]] = []
    for option, word in (("--add-property-value", "added"), ("--remove-property-value", "removed")):
        found: dict[str, list[str]] = {}
        for text in given.all(option):
            name, value = _pair(text, f"property values to be {word}")
            found.setdefault(name, []).append(value)
        lists.append(found)
    return wanted, lists[0], lists[1]


def _pair(text: str, what: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise usage(COMMAND, f"{what} must be of the form '<name>=<value>'. This is what was given: {text}")
    return name, value


def change(given: Options) -> Change:
    """Raises Refused for a URI."""
    added = [text for text in given.all("-g") if text != ALL]
    switched = given.all("-g") if given.has("-e", "-d") else []
    wanted, more, less = _properties(given)
    return Change(
        origin=parsed(given.all("-O"))[0] if given.has("-O") else None,
        add_origins=parsed(added),
        remove_origins=parsed(given.all("-G")),
        add_mirrors=parsed(given.all("-m")),
        remove_mirrors=parsed(given.all("-M")),
        switch_origins=parsed(switched),
        disable=True if given.has("-d") else False if given.has("-e") else None,
        sticky=True if given.has("--sticky") else False if given.has("--non-sticky") else None,
        reset_uuid=given.has("--reset-uuid"),
        ssl_key=given.one("-k"),
        ssl_cert=given.one("-c"),
        proxy=given.one("--proxy") or "",
        set_properties=wanted,
        add_values=more,
        remove_values=less,
        unset_properties=given.all("--unset-property"),
    )
