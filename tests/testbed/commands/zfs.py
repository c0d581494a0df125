"""zfs(8): arguments and texts; what it does is in testbed.zfs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from testbed import options, zfs
from testbed.command import Context
from testbed.options import Usage

SIZES = ("used", "available", "referenced", "written", "usedbysnapshots")
RIGHT = ("used", "available", "referenced", "written", "usedbysnapshots", "compressratio", "userrefs")


def main(ctx: Context, args: list[str]) -> int:
    """Exit codes: 0, 1 error, 2 usage (zfs(8))."""
    if not args:
        return _usage(ctx, "missing command\n")
    action = SUBCOMMANDS.get(args[0])
    if args[0] in MISSING:
        ctx.err(f"zfs {args[0]}: this simulated host does not have the subcommand\n")
        return 1
    if action is None:
        return _usage(ctx, f"unrecognized command '{args[0]}'\n")
    if ctx.zone != "global":
        ctx.err("Permission denied: this simulated host gives zones no ZFS of their own.\n")
        return 1
    try:
        return action(ctx, args[1:])
    except Usage as usage:
        return _usage(ctx, f"{usage}\n", args[0])
    except zfs.Error as error:
        ctx.err(f"{error}\n")
        return 1


def _usage(ctx: Context, problem: str, subcommand: str | None = None) -> int:
    ctx.err(problem)
    ctx.err(f"usage:\n\t{subcommand} ...\n" if subcommand else "usage: zfs command args ...\n")
    return 2


def _each(ctx: Context, names: Sequence[str], act: Callable[[str], None]) -> int:
    """Do it for every name; one that fails is reported and the rest still done."""
    rc = 0
    for name in names:
        try:
            act(name)
        except zfs.Error as error:
            ctx.err(f"{error}\n")
            rc = 1
    return rc


# -- list and get ----------------------------------------------------------------------------------------------------


def list_(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "Hpr", "d:o:t:s:S:")
    default = ["name", "used", "available", "referenced", "mountpoint"]
    columns = [zfs.ALIASES.get(each, each) for each in found.value("o").split(",")] if "o" in found else default
    _check_columns(columns)
    types = _types(found.value("t")) if "t" in found else {"filesystem"}
    names, rc = _select(ctx, found, types, found.rest)
    for letter, prop in reversed(found.ordered("sS")):
        names.sort(key=lambda name: _sort_key(ctx, name, prop), reverse=letter == "S")
    rows = [[_shown(ctx, name, column, "p" in found) for column in columns] for name in names]
    if "H" in found:
        ctx.out("".join("\t".join(row) + "\n" for row in rows))
    elif rows:
        _table(ctx, [_HEADERS.get(each, each.upper()) for each in columns], rows, [each in RIGHT for each in columns])
    elif rc == 0:
        ctx.err("no datasets available\n")
    return rc


_HEADERS = {"available": "AVAIL", "referenced": "REFER", "compressratio": "RATIO"}


def _check_columns(columns: Iterable[str]) -> None:
    for column in columns:
        if column != "name" and column not in zfs.PROPERTIES and not zfs.is_user_property(column):
            raise Usage(f"bad property list: invalid property '{column}'")


def _types(text: str) -> set[str]:
    known = {"fs": "filesystem", "snap": "snapshot", "vol": "volume", "filesystem": "filesystem"}
    known |= {"snapshot": "snapshot", "volume": "volume", "bookmark": "bookmark"}
    if text == "all":
        return {"filesystem", "snapshot", "volume"}
    for word in text.split(","):
        if word not in known:
            raise Usage(f"invalid type '{word}'")
    return {known[word] for word in text.split(",")}


def _select(ctx: Context, found: options.Options, types: set[str], wanted: Sequence[str]) -> tuple[list[str], int]:
    """The datasets meant, in zfs's order (by name, snapshots behind their filesystem), and the exit code so far."""
    host = ctx.host
    if "d" in found and not found.value("d").isdigit():
        raise Usage(f"invalid depth '{found.value('d')}'")
    depth = int(found.value("d")) if "d" in found else (10**6 if "r" in found or not wanted else 0)
    names: list[str] = []
    rc = 0
    for given in wanted or [name for name in sorted(host.state.datasets) if "/" not in name]:
        try:
            name = _named(ctx, given)
            zfs.require(host, name)
        except zfs.Error as error:
            ctx.err(f"{error}\n")
            rc = 1
            continue
        if "@" in name:
            names.append(name)
            continue
        # a snapshot counts as one level below its filesystem; `-t snapshot DS` without -r shows DS's own
        snap_depth = depth if depth or types != {"snapshot"} else 1
        for each in [name, *zfs.children(host, name)]:
            level = each.count("/") - name.count("/")
            if level <= depth and "filesystem" in types:
                names.append(each)
            if level + 1 <= snap_depth and "snapshot" in types:
                names += [snap.name for snap in zfs.snapshots(host, each)]
    unique = list(dict.fromkeys(names))
    return sorted(unique, key=lambda name: (name.split("@")[0].split("/"), _age(ctx, name))), rc


def _age(ctx: Context, name: str) -> int:
    snap = ctx.host.state.snapshots.get(name)
    return snap.created if snap else 0


def _named(ctx: Context, given: str) -> str:
    """A dataset may be given as a path in it (zfs_path_to_zhandle)."""
    if not given.startswith("/"):
        return given
    if not ctx.host.path(given).exists():
        raise zfs.Error(f"cannot open '{given}': No such file or directory")
    found = zfs.dataset_of(ctx.host, given)
    if found is None:
        raise zfs.Error(f"cannot open '{given}': not a ZFS filesystem")
    return found.name


def _sort_key(ctx: Context, name: str, prop: str) -> tuple[int, int, str]:
    value = name if prop == "name" else zfs.get(ctx.host, name, prop)[0]
    return (0, int(value), "") if value.isdigit() else (1, 0, value)


def _shown(ctx: Context, name: str, prop: str, exact: bool) -> str:
    if prop == "name":
        return name
    value = zfs.get(ctx.host, name, prop)[0]
    if exact or not value.isdigit():
        return value
    if zfs.ALIASES.get(prop, prop) in SIZES:
        return human(int(value))
    if prop == "creation":
        return time.strftime("%a %b %e %k:%M %Y", time.gmtime(int(value)))
    return value


def human(size: int) -> str:
    """A size as zfs_nicenum writes it: at most three digits and a letter."""
    letter, scaled = "", float(size)
    for next_letter in "KMGTPE":
        if scaled < 1024:
            break
        letter, scaled = next_letter, scaled / 1024
    if not letter:
        return str(size)
    for places in (2, 1, 0):
        text = f"{scaled:.{places}f}"
        if len(text) <= 4:
            break
    return text + letter


def _table(ctx: Context, header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    """Columns two blanks apart; a last column on the left is not padded (print_header in zfs_main.c)."""
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    for line in [header, *rows]:
        cells = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ]
        if not right[-1]:
            cells[-1] = line[-1]
        ctx.out("  ".join(cells) + "\n")


def get(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "Hpr", "d:o:t:s:")
    if not found.rest:
        raise Usage("missing property argument")
    fields = (found.value("o") if "o" in found else "name,property,value,source").split(",")
    if fields == ["all"]:
        fields = ["name", "property", "value", "received", "source"]
    for field in fields:
        if field not in ("name", "property", "value", "source", "received"):
            raise Usage(f"invalid column name '{field}'")
    sources = found.value("s").split(",") if "s" in found else []
    asked = found.rest[0].split(",")
    if asked != ["all"]:
        _check_columns(asked)
    types = _types(found.value("t")) if "t" in found else {"filesystem", "snapshot", "volume"}
    if "t" not in found and "r" not in found and "d" not in found:
        types = {"filesystem"}
    names, rc = _select(ctx, found, types, found.rest[1:])
    rows = []
    for name in names:
        for prop in zfs.properties_of(ctx.host, name) if asked == ["all"] else asked:
            source = "-" if prop == "name" else zfs.get(ctx.host, name, prop)[1]
            if sources and source.split(" ")[0].replace("-", "none") not in sources:
                continue
            value = _shown(ctx, name, prop, "p" in found)
            row = {"name": name, "property": prop, "value": value, "source": source, "received": "-"}
            rows.append([row[field] for field in fields])
    if "H" in found:
        ctx.out("".join("\t".join(row) + "\n" for row in rows))
    elif rows:
        _table(ctx, [field.upper() for field in fields], rows, [False] * len(fields))
    return rc


# -- properties ------------------------------------------------------------------------------------------------------


def set_(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "", "")
    pairs = [word for word in found.rest if "=" in word.split("/")[0] and "@" not in word.split("=")[0]]
    names = found.rest[len(pairs) :]
    if not pairs or pairs != found.rest[: len(pairs)]:
        raise Usage("missing property=value argument(s)")
    if not names:
        raise Usage("missing dataset name(s)")

    def apply(name: str) -> None:
        for pair in pairs:
            prop, _, value = pair.partition("=")
            zfs.set(ctx.host, name, zfs.ALIASES.get(prop, prop), value)

    return _each(ctx, names, apply)


def inherit(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "rS", "")
    if len(found.rest) < 2:
        raise Usage("missing property or dataset argument")
    prop = zfs.ALIASES.get(found.rest[0], found.rest[0])
    known = zfs.PROPERTIES.get(prop)
    if known is None and not zfs.is_user_property(prop):
        raise Usage(f"invalid property '{prop}'")
    if known and known.readonly:
        raise Usage(f"{prop} property is read-only")
    if known and not known.inherits and "S" not in found:
        ctx.err(f"'{prop}' property cannot be inherited\n")
        if prop in ("quota", "reservation", "refquota", "refreservation"):
            ctx.err(f"use 'zfs set {prop}=none' to clear\n")
        return 1

    def apply(name: str) -> None:
        zfs.inherit(ctx.host, name, prop)
        for child in zfs.children(ctx.host, name) if "r" in found else []:
            zfs.inherit(ctx.host, child, prop)

    return _each(ctx, found.rest[1:], apply)


# -- making and removing ---------------------------------------------------------------------------------------------


def _given_properties(found: options.Options) -> dict[str, str]:
    given: dict[str, str] = {}
    for _, pair in found.ordered("o"):
        prop, equals, value = pair.partition("=")
        if not equals:
            raise Usage(f"missing '=' for property=value argument '{pair}'")
        if prop in given:
            raise Usage(f"property '{prop}' specified multiple times")
        given[zfs.ALIASES.get(prop, prop)] = value
    return given


def _one(found: options.Options, what: str) -> str:
    if not found.rest:
        raise Usage(f"missing {what} argument")
    if len(found.rest) > 1:
        raise Usage("too many arguments")
    return found.rest[0]


def _two(found: options.Options, first: str, second: str) -> tuple[str, str]:
    if not found.rest:
        raise Usage(f"missing {first} argument")
    if len(found.rest) == 1:
        raise Usage(f"missing {second} argument")
    if len(found.rest) > 2:
        raise Usage("too many arguments")
    return found.rest[0], found.rest[1]


def create(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "pu", "o:")
    name = _one(found, "filesystem")
    if "p" in found and zfs.exists(ctx.host, name):
        return 0
    zfs.create(ctx.host, name, _given_properties(found), parents="p" in found)
    return 0


def snapshot(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "r", "o:")
    if not found.rest:
        raise Usage("missing snapshot argument")
    for name in found.rest:
        zfs.snapshot(ctx.host, name, "r" in found, _given_properties(found))
    return 0


def clone(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "p", "o:")
    origin, new = _two(found, "source dataset", "target dataset")
    if "p" in found and zfs.exists(ctx.host, new):
        return 0
    zfs.clone(ctx.host, origin, new, _given_properties(found), parents="p" in found)
    return 0


def destroy(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "dfnpRrv", "")
    name = _one(found, "dataset")
    recursive, clones_too = "r" in found, "R" in found
    if "n" in found:
        zfs.require(ctx.host, name)
        doomed = [*reversed(zfs.children(ctx.host, name)), name] if recursive and "@" not in name else [name]
        ctx.out("".join(f"would destroy {each}\n" for each in doomed if "v" in found))
        return 0
    zfs.destroy(ctx.host, name, recursive, clones_too, "d" in found, "f" in found)
    if "v" in found:
        ctx.out(f"will destroy {name}\n")
    return 0


def rollback(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "fRr", "")
    zfs.rollback(ctx.host, _one(found, "dataset"), "r" in found, "R" in found)
    return 0


def promote(ctx: Context, args: list[str]) -> int:
    zfs.promote(ctx.host, _one(options.parse(args, "", ""), "clone filesystem"))
    return 0


def rename(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "fpr", "")
    old, new = _two(found, "source dataset", "target dataset")
    if "@" in old and "@" not in new:
        new = f"{old.split('@')[0]}@{new}"
    zfs.rename(ctx.host, old, new, "p" in found, "r" in found)
    return 0


# -- mounts ----------------------------------------------------------------------------------------------------------


def mount(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "afOv", "o:")
    if "a" in found:
        errors = zfs.mount_all(ctx.host)
        ctx.err("".join(f"{error}\n" for error in errors))
        return 1 if errors else 0
    if not found.rest:
        ctx.out("".join(f"{dataset.name:<30}  {dataset.mounted}\n" for dataset in zfs.mounts(ctx.host)))
        return 0
    temporary = [word for _, given in found.ordered("o") for word in given.split(",")]
    zfs.mount(ctx.host, _one(found, "dataset"), options=temporary, overlay="O" in found)
    return 0


def unmount(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "af", "")
    if "a" in found:
        mounted = [dataset.name for dataset in reversed(zfs.mounts(ctx.host)) if dataset.mounted != "/"]
        ours = [name for name in mounted if zfs.get(ctx.host, name, "mountpoint")[0] != "legacy"]
        return _each(ctx, ours, lambda name: zfs.unmount(ctx.host, name, "f" in found))
    given = _one(found, "filesystem")
    if given.startswith("/"):
        at = zfs.dataset_at(ctx.host, given)
        if at is None:
            raise zfs.Error(f"cannot unmount '{given}': not a mountpoint")
        given = at.name
    zfs.unmount(ctx.host, given, "f" in found)
    return 0


# -- holds -----------------------------------------------------------------------------------------------------------


def _held(ctx: Context, name: str, recursive: bool) -> list[str]:
    if "@" not in name:
        raise zfs.Error(f"'{name}' is not a snapshot")
    holder, label = name.split("@", 1)
    holders = [holder, *zfs.children(ctx.host, holder)] if recursive else [holder]
    found = [f"{each}@{label}" for each in holders if zfs.exists(ctx.host, f"{each}@{label}")]
    if not found:
        raise zfs.Error(f"cannot open '{name}': dataset does not exist")
    return found


def _tag_and_names(args: list[str]) -> tuple[options.Options, str, list[str]]:
    """Arguments of hold and release: `[-r] TAG SNAPSHOT...`."""
    found = options.parse(args, "r", "")
    if len(found.rest) < 2:
        raise Usage("too few arguments")
    return found, found.rest[0], list(found.rest[1:])


def hold(ctx: Context, args: list[str]) -> int:
    found, tag, names = _tag_and_names(args)

    def apply(name: str) -> None:
        for each in _held(ctx, name, "r" in found):
            if tag in ctx.host.state.snapshots[each].holds:
                raise zfs.Error(f"cannot hold snapshot '{each}': tag already exists on this dataset")
            ctx.host.state.snapshots[each].holds.append(tag)
            ctx.host.changed = True

    return _each(ctx, names, apply)


def release(ctx: Context, args: list[str]) -> int:
    found, tag, names = _tag_and_names(args)

    def apply(name: str) -> None:
        for each in _held(ctx, name, "r" in found):
            if tag not in ctx.host.state.snapshots[each].holds:
                raise zfs.Error(f"cannot release hold from snapshot '{each}': no such tag on this dataset")
            zfs.release(ctx.host, each, tag)

    return _each(ctx, names, apply)


def holds(ctx: Context, args: list[str]) -> int:
    found = options.parse(args, "Hpr", "")
    rows = []
    stamp = time.strftime("%a %b %e %k:%M %Y", time.gmtime(zfs.EPOCH))
    for name in found.rest:
        for each in _held(ctx, name, "r" in found):
            rows += [[each, tag, stamp] for tag in ctx.host.state.snapshots[each].holds]
    if "H" in found:
        ctx.out("".join("\t".join(row) + "\n" for row in rows))
    elif rows:
        _table(ctx, ["NAME", "TAG", "TIMESTAMP"], rows, [False] * 3)
    return 0


MISSING = (
    *(
        "allow",
        "bookmark",
        "change-key",
        "diff",
        "groupspace",
        "load-key",
        "program",
        "projectspace",
        "receive",
        "recv",
    ),
    *("send", "share", "unallow", "unload-key", "unshare", "upgrade", "userspace"),
)
"""Subcommands of the real one that nothing here needs."""

SUBCOMMANDS: dict[str, Callable[[Context, list[str]], int]] = {
    "list": list_,
    "get": get,
    "set": set_,
    "inherit": inherit,
    "create": create,
    "snapshot": snapshot,
    "snap": snapshot,
    "clone": clone,
    "destroy": destroy,
    "rollback": rollback,
    "promote": promote,
    "rename": rename,
    "mount": mount,
    "unmount": unmount,
    "umount": unmount,
    "hold": hold,
    "release": release,
    "holds": holds,
}
