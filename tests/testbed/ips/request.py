"""What was asked of pkg on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """What was asked for of boot environments; None: pkg decides."""

    new: bool | None = None
    name: str | None = None
    backup: bool | None = None
    backup_name: str | None = None
    activate: bool | str = True


@dataclass
class Request:
    """What was asked for on the command line."""

    operation: str
    patterns: list[str] = field(default_factory=list)
    dry_run: bool = False
    verbose: bool = False
    parsable: bool = False
    refresh: bool = True
    force: bool = False
    """Update although pkg itself is out of date."""
    ignore_missing: bool = False
    accept: bool = False
    licenses: bool = False
    recurse: bool = False
    chosen: list[str] | None = None
    """Children that get the full operation with ``recurse``; None: all."""
    ignored: list[str] | None = None
    """Children left alone; None: none, empty: all."""
    reject: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    """Repositories to be used in this run besides those of the image."""
    facets: dict[str, bool | None] = field(default_factory=dict)
    """Facets to set; None takes one away."""
    variants: dict[str, str] = field(default_factory=dict)
    mediators: dict[str, dict[str, str]] = field(default_factory=dict)
    """Local choices of mediators; an empty one takes the choice away."""
    metadata_only: bool = False
    package_updates: bool = True
    boot: Wanted = Wanted()
