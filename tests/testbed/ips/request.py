"""What was asked of pkg on the command line."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    metadata_only: bool = False
    package_updates: bool = True
