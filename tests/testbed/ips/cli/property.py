"""pkg property, set-property, unset-property, add-property-value, remove-property-value."""

from __future__ import annotations

from collections.abc import Callable

from testbed.ips.cli.options import parse, usage
from testbed.ips.images import properties
from testbed.ips.session import Exit, Session


def show(session: Session, args: list[str]) -> int:
    given = parse("property", args, "H")
    have = properties.every(session.image)
    for name in given.words:
        if name not in have:
            raise Exit(1, f"pkg property: no such property: {name}\n")
    rows = [(name, have[name]) for name in given.words or sorted(have)]
    width = max(8, *(len(name) for name, _ in rows))
    if not given.has("-H"):
        rows.insert(0, ("PROPERTY", "VALUE"))
    session.out("".join(f"{name:{width}} {value}\n" for name, value in rows))
    return 0


def change(session: Session, args: list[str]) -> int:
    words = parse("set-property", args, "").words
    if len(words) < 2:
        raise usage("set-property", "requires a property name and at least one value")
    name, values = words[0], words[1:]
    if name != "signature-policy":
        return _save(session, properties.change, name, values)
    policy, names = values[0], values[1:]
    if names and policy != "require-names":
        raise usage("set-property", f"Signature-policy {policy} doesn't allow additional parameters.")

    if policy == "require-names":
        _save(session, properties.change, "signature-required-names", names)
    return _save(session, properties.change, name, [policy])


def unset(session: Session, args: list[str]) -> int:
    """Those before one that fails are unset."""
    names = parse("unset-property", args, "").words
    if not names:
        raise usage("unset-property", "requires at least one property name")
    for name in names:
        _save(session, properties.unset, name)
    return 0


def add_value(session: Session, args: list[str]) -> int:
    name, value = _pair(session, args)
    return _save(session, properties.add_value, name, value)


def remove_value(session: Session, args: list[str]) -> int:
    name, value = _pair(session, args)
    return _save(session, properties.remove_value, name, value)


def _pair(session: Session, args: list[str]) -> tuple[str, str]:
    words = parse(session.command, args, "").words
    if len(words) != 2:
        raise usage(session.command, "requires a property name and value")
    return words[0], words[1]


def _save(session: Session, act: Callable[..., None], *args: str | list[str]) -> int:
    """Do it under the image's lock and write the configuration; raises Exit 1, also for a lock."""
    head = f"pkg {session.command}: "
    try:
        session.lock()
        act(session.image, *args)
    except Exit as failure:
        raise Exit(1, failure.text.replace("pkg: ", head, 1)) from None
    except properties.Wrong as wrong:
        raise Exit(1, f"{head}{wrong}\n") from None
    session.image.save_config()
    session.host.changed = True
    return 0
