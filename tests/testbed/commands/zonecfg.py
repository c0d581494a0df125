"""zonecfg(8): the configuration of a zone. Texts and exit codes, 0 with an error among them: zone-tools 4."""

from __future__ import annotations

from testbed import options
from testbed.command import Context
from testbed.zonesession import BAD_USAGE, ERROR, OK, USAGE, ZONE_NAME, Session


def main(ctx: Context, args: list[str]) -> int:
    if ctx.zone != "global":
        ctx.err("zonecfg can only be run from the global zone.\n")
        return ERROR
    try:
        given = options.parse(args, "", "f:R:z:")
    except options.Usage:
        ctx.err(USAGE)
        return BAD_USAGE
    if args == ["help"]:
        ctx.out(USAGE)
        return OK
    name = given.value("z")
    if not name:
        ctx.err(USAGE)
        return BAD_USAGE
    if not ZONE_NAME.fullmatch(name):
        ctx.err(f"{name}: Bogus zone name\n{USAGE}")
        return BAD_USAGE
    file = given.value("f")
    if file and file != "-":
        try:
            text = ctx.host.path(file).read_text()
        except OSError as error:
            ctx.err(f"could not open file {file}: {error.strerror}\n")
            return ERROR
    else:
        text = " ".join(given.rest) if given.rest else ctx.stdin()
    return Session(ctx, name, file if file != "-" else "", interactive=not given.rest and not file).run(text)
