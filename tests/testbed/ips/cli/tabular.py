"""Listings in the formats that `-F` knows (facet, variant, mediator)."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence

from testbed.ips.cli.options import Options, usage

FORMATS = ("default", "tsv", "json", "json-formatted")
ESCAPED = "\\ \t\n'`;&()|^<>"


def chosen_format(command: str, given: Options) -> str:
    """Raises Exit 2."""
    form = given.one("-F", "--output-format")
    if form is not None and form not in FORMATS:
        option = "-F/--output-format"
        raise usage(command, f"Argument '{form}' for option '{option}' is invalid.\nSupported: {', '.join(FORMATS)}")
    return form or "default"


def listing(
    rows: Sequence[Mapping[str, str | None]],
    columns: Mapping[str, str],
    form: str,
    layout: str,
    headers: bool,
    escape: bool = True,
) -> str:
    """``columns``: key -> head, in order; JSON has all keys of the rows. ``layout``: of the format default."""
    if form.startswith("json"):
        content = [{key: str(value) for key, value in row.items()} for row in rows]
        if form == "json":
            return json.dumps(content, separators=(",", ":"), sort_keys=True)
        return json.dumps(content, indent=2, sort_keys=True) + "\n"
    line = "\t".join(["{}"] * len(columns)) if form == "tsv" else layout
    lines = [line.format(*columns.values())] if headers else []
    lines += [line.format(*(_cell(row.get(key), form, escape) for key in columns)) for row in rows]
    return "".join(f"{text}\n" for text in lines)


def _cell(value: str | None, form: str, escape: bool) -> str:
    if value is None:
        return ""
    if not value:
        return '""'
    if not escape:
        return value
    text = value.replace("\t", " " * 8) if form == "tsv" else value
    return "".join(f"\\{letter}" if letter in ESCAPED else letter for letter in text)


def matching(prefix: str, names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Names that one of the patterns means, with or without ``prefix``; all if there are no patterns."""
    full = [text if text.startswith(prefix) else prefix + text for text in wanted]
    return [name for name in names if not wanted or any(fnmatch.fnmatchcase(name, text) for text in full)]


def plain(prefix: str, wanted: Sequence[str]) -> set[str]:
    """Full names of the patterns without wildcards: they are listed though nothing sets or uses them."""
    names = (text if text.startswith(prefix) else prefix + text for text in wanted)
    return {name for name in names if "*" not in name and "?" not in name}
