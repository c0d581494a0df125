"""var/pkg/pkg5.image: INI with Python literals as lists, read and written without loss (images/FORMAT-v4.md)."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Sections = dict[str, dict[str, str]]
PROPERTY = "property."
LIST_PROPERTIES = ("signature-required-names",)
"""Properties of a publisher with several values."""


@dataclass
class Publisher:
    """A publisher as configured. ``raw`` is its section of pkg5.image; the properties below are views of it."""

    name: str
    raw: dict[str, str] = field(default_factory=dict)

    @property
    def origins(self) -> list[str]:
        return literal(self.raw["origins"])

    @property
    def mirrors(self) -> list[str]:
        return literal(self.raw["mirrors"])

    @property
    def active_origins(self) -> list[str]:
        """Those that are not disabled by themselves."""
        return [uri for uri in self.origins if self.origin_enabled(uri)]

    @property
    def sticky(self) -> bool:
        return self.raw["sticky"] == "True"

    @property
    def enabled(self) -> bool:
        return self.raw["disabled"] == "False"

    @property
    def properties(self) -> dict[str, str | list[str]]:
        """What `set-publisher --set-property` and the like set; LIST_PROPERTIES have lists."""
        found = {key.removeprefix(PROPERTY): value for key, value in self.raw.items() if key.startswith(PROPERTY)}
        return {name: literal(value) if name in LIST_PROPERTIES else value for name, value in found.items()}

    @properties.setter
    def properties(self, values: Mapping[str, str | list[str]]) -> None:
        for key in [key for key in self.raw if key.startswith(PROPERTY)]:
            del self.raw[key]
        self.raw |= {f"{PROPERTY}{name}": str(value) for name, value in values.items()}

    def proxy(self, uri: str) -> str:
        return str(self._info(uri).get("proxy") or "")

    def origin_enabled(self, uri: str) -> bool:
        return str(self._info(uri).get("disabled", "false")).lower() == "false"

    def _info(self, uri: str) -> dict[str, Any]:
        for entry in literal(self.raw.get("origin_info", "")) + literal(self.raw.get("mirror_info", "")):
            if entry["uri"] == uri:
                found: dict[str, Any] = entry
                return found
        return {}

    def set_uris(
        self,
        origins: list[str],
        mirrors: list[str],
        proxies: Mapping[str, str] | None = None,
        disabled: Mapping[str, bool] | None = None,
    ) -> None:
        """``proxies``, ``disabled``: by URI; what is not named in them stays as it is."""
        for kind, uris in (("origin", origins), ("mirror", mirrors)):
            info = []
            for uri in uris:
                off = (disabled or {}).get(uri, not self.origin_enabled(uri))
                proxy = (proxies or {}).get(uri, self.proxy(uri))
                info.append({"uri": uri, "proxy": proxy, "disabled": str(off).lower()})
            self.raw[f"{kind}_info"] = str(info)
        self.raw["origins"], self.raw["mirrors"] = str(origins), str(mirrors)


def literal(text: str) -> list[Any]:
    """A list value; nothing after `= ` is an empty list."""
    value: list[Any] = ast.literal_eval(text) if text else []
    return value


def publisher(
    name: str, origins: list[str], mirrors: list[str] | None = None, sticky: bool = True, enabled: bool = True
) -> Publisher:
    """A newly configured publisher."""
    import uuid  # costs 10 ms, and most commands configure none

    raw = {"alias": "", "prefix": name, "disabled": str(not enabled), "sticky": str(sticky)}
    raw |= {"uuid": str(uuid.uuid1()), "last_uuid": "", "mirrors": "[]", "mirror_info": "[]", "origins": "[]"}
    raw |= {"origin_info": "[]", "ssl_cert": "", "ssl_key": "", "property.signature-required-names": "[]"}
    raw |= {f"{kind}_certs": "[]" for kind in ("intermediate", "approved_ca", "revoked_ca", "signing_ca")}
    raw |= {"repo.collection_type": "core", "repo.description": "", "repo.legal_uris": "[]", "repo.name": ""}
    raw |= {"repo.refresh_seconds": "14400", "repo.registered": "False", "repo.registration_uri": ""}
    raw |= {"repo.related_uris": "[]", "repo.sort_policy": "priority"}
    made = Publisher(name, raw)
    made.set_uris(origins, mirrors or [])
    return made


def read(path: Path) -> Sections:
    sections: Sections = {}
    current: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip()[1:-1], {})
        elif line.strip():
            key, _, value = line.partition("=")
            current[key.strip()] = value.strip()
    return sections


def text(sections: Sections) -> str:
    lines = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {value}" for key, value in values.items()]
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


def new(image_format: int, variants: dict[str, str], publishers: list[Publisher]) -> Sections:
    """The configuration of a new image."""
    properties = {"preferred-authority": "", "publisher-search-order": str([entry.name for entry in publishers])}
    properties |= {"be-policy": "default", "content-update-policy": "default", "mirror-discovery": "False"}
    properties |= {"flush-content-cache-on-success": "True", "send-uuid": "True", "use-system-repo": "False"}
    properties |= {"ca-path": "/etc/ssl/certs", "signature-required-names": "[]", "dehydrated": "[]"}
    properties |= {"check-certificate-revocation": "False", "exclude-patterns": "[]", "exclude-policy": "warn"}
    properties |= {"key-files": "[]", "default-recurse": "False", "recursion-concurrency": "1"}
    properties |= {"auto-be-name": "omnios-r%r", "temp-be-activation": "False"}
    return {
        "image": {"version": str(image_format)},
        "property": properties,
        **{f"authority_{entry.name}": entry.raw for entry in publishers},
        "variant": dict(variants),
        "CONFIGURATION": {"version": "3"},
    }
