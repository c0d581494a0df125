"""What set-publisher asks for, and a publisher changed that way (client/client_api.py, client/publisher.py)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field

from testbed.ips.images import config
from testbed.ips.images.config import Publisher
from testbed.ips.repositories import uris

NAME = re.compile(r"[A-Za-z0-9-][A-Za-z0-9.-]*")
ALL = "*"


class Refused(Exception):
    """The message is pkg's, without anything around it."""


class NoSSL(Refused):
    """Keys and certificates where no URI takes them: a usage error."""


@dataclass
class Change:
    """``None`` leaves something as it is. URIs are parsed; ALL stands for those that there are."""

    origin: str | None = None
    add_origins: list[str] = field(default_factory=list)
    remove_origins: list[str] = field(default_factory=list)
    add_mirrors: list[str] = field(default_factory=list)
    remove_mirrors: list[str] = field(default_factory=list)
    switch_origins: list[str] = field(default_factory=list)
    """Origins to which ``disable`` applies; empty: to the publisher."""
    disable: bool | None = None
    sticky: bool | None = None
    reset_uuid: bool = False
    ssl_key: str | None = None
    ssl_cert: str | None = None
    proxy: str = ""
    set_properties: dict[str, str] = field(default_factory=dict)
    add_values: dict[str, list[str]] = field(default_factory=dict)
    remove_values: dict[str, list[str]] = field(default_factory=dict)
    unset_properties: list[str] = field(default_factory=list)

    @property
    def needs_publisher(self) -> bool:
        """It can only apply to a publisher that exists."""
        changes = self.remove_origins or self.remove_mirrors or self.remove_values or self.add_mirrors
        return not self.origin and not self.add_origins and bool(changes or self.switch_origins)


def applied(name: str, old: Publisher | None, change: Change) -> Publisher:
    """The publisher as it is after the change; ``old`` is left alone. Raises Refused."""
    if old is None and change.needs_publisher:
        raise Refused(f"Unknown publisher '{name}'.\n")
    if old is None and not NAME.fullmatch(name):
        raise Refused(f"\n'{name}' is not a valid publisher name.\n")
    made = Publisher(name, dict(old.raw)) if old else config.publisher(name, [])
    if change.reset_uuid and old:
        made.raw["uuid"] = str(uuid.uuid1())
    if change.sticky is not None:
        made.raw["sticky"] = str(change.sticky)
    mirrors = _edited("mirror", made.mirrors, change.add_mirrors, change.remove_mirrors)
    start = [change.origin] if change.origin else made.origins
    origins = _edited("origin", start, change.add_origins, change.remove_origins, bool(change.switch_origins))
    disabled = {}
    if change.disable is not None and change.switch_origins:
        chosen = origins if ALL in change.switch_origins else change.switch_origins
        disabled = dict.fromkeys(chosen, change.disable)
    elif change.disable is not None:
        made.raw["disabled"] = str(change.disable)
    fresh = [uri for uri in (change.origin, *change.add_origins, *change.add_mirrors) if uri]
    made.set_uris(origins, mirrors, dict.fromkeys(fresh, change.proxy), disabled)
    _set_ssl(made, change)
    _set_properties(made, change)
    return made


def _edited(kind: str, have: list[str], added: list[str], removed: list[str], again: bool = False) -> list[str]:
    """``again``: one that is there may be named as if it were new."""
    kept = [] if ALL in removed else list(have)
    for uri in removed if ALL not in removed else []:
        if uri not in kept:
            raise Refused(f"\nUnknown repository {kind} '{uri}'{'.' if kind == 'mirror' else ''}\n")
        kept.remove(uri)
    for uri in added:
        if uri not in kept:
            kept.append(uri)
        elif not again:
            raise Refused(f"\n{kind.capitalize()} '{uri}' already exists for the specified publisher.\n")
    return kept


def _set_ssl(made: Publisher, change: Change) -> None:
    if change.ssl_key is None and change.ssl_cert is None:
        return
    if (change.ssl_key or change.ssl_cert) and not any(u.startswith("https:") for u in made.origins + made.mirrors):
        raise NoSSL(f"Publisher '{made.name}' does not have any SSL-based origins or mirrors.")
    for key, value in (("ssl_key", change.ssl_key), ("ssl_cert", change.ssl_cert)):
        if value is not None:
            made.raw[key] = value


POLICIES = ("ignore", "verify", "require-signatures", "require-names")


def _set_properties(made: Publisher, change: Change) -> None:
    """Unset, set, values added, values removed: in this order."""
    values = {name: value for name, value in made.properties.items() if name not in change.unset_properties}
    values |= change.set_properties
    for name, added in change.add_values.items():
        present = values.setdefault(name, [])
        if not isinstance(present, list):
            raise Refused(
                "\nCannot add a value to a single valued property, The property name is"
                f" '{name}' and the current value is '{present}'\n"
            )
        values[name] = present + added
    for name, removed in change.remove_values.items():
        values[name] = _without(name, values, removed)
    policy = values.get("signature-policy", "ignore")
    if policy not in POLICIES:
        raise Refused(f"\n{policy} is not a valid value for this property:signature-policy\n")
    if policy == "require-names" and not values.get("signature-required-names"):
        raise Refused("\nAt least one name must be provided for the signature-required-names policy.\n")
    for name, value in values.items():
        if isinstance(value, list) and name not in config.LIST_PROPERTIES:
            where = f"property 'property.{name}' in section 'authority_{made.name}'"
            raise Refused(f"\nInvalid value '{value}' for {where}.\n")
    made.properties = values


def _without(name: str, values: dict[str, str | list[str]], removed: list[str]) -> list[str]:
    if name not in values:
        raise Refused(f"\nCannot remove a value from the property {name} because the property does not exist.\n")
    present = values[name]
    if not isinstance(present, list):
        raise Refused(
            "\nCannot remove a value from a single valued property, unset must be used. The property name is"
            f" '{name}' and the current value is '{present}'\n"
        )
    kept = list(present)
    for value in removed:
        if value not in kept:
            raise Refused(
                f"\nCannot remove the value {value} from the property {name} because the value is not in the"
                " property's list.\n"
            )
        kept.remove(value)
    return kept


def parsed(texts: list[str]) -> list[str]:
    """URIs, ALL kept. Raises Refused."""
    try:
        return [text if text == ALL else uris.parse(text) for text in texts]
    except uris.Invalid as invalid:
        raise Refused(f"\n{invalid}\n") from None
