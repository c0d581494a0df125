"""Package names and versions: pkg://PUBLISHER/STEM@RELEASE,BUILD-BRANCH:STAMP (pkg(7))."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote, unquote

Numbers = tuple[int, ...]


class Invalid(ValueError):
    """A text is no FMRI or no version."""


def _numbers(text: str) -> Numbers:
    try:
        return tuple(int(part) for part in text.split(".")) if text else ()
    except ValueError as error:
        raise Invalid(text) from error


@dataclass(frozen=True)
class Version:
    """``text`` is the version as written; the build release (`,5.11`) orders nothing."""

    text: str
    release: Numbers
    branch: Numbers
    stamp: str

    @property
    def key(self) -> tuple[Numbers, Numbers, str]:
        """Sorts versions of a stem as pkg does."""
        return (self.release, self.branch, self.stamp)

    @property
    def short(self) -> str:
        """Without build release, as `list -v` and `info` print it."""
        head, _, stamp = self.text.partition(":")
        release, _, branch = head.partition("-")
        text = release.partition(",")[0] + (f"-{branch}" if branch else "")
        return f"{text}:{stamp}" if stamp else text

    @property
    def plain(self) -> str:
        """Without build release and time stamp, as `list` prints it."""
        return self.short.partition(":")[0]

    def matches(self, wanted: Version) -> bool:
        """Is this what an incorporation of ``wanted`` (or a user naming it) allows?

        The release must begin with the wanted one; a wanted branch likewise, a wanted time stamp must be equal.
        """
        return (
            self.release[: len(wanted.release)] == wanted.release
            and self.branch[: len(wanted.branch)] == wanted.branch
            and wanted.stamp in ("", self.stamp)
        )


@cache
def version(text: str) -> Version:
    """Parse ``text``; raises Invalid."""
    head, _, stamp = text.partition(":")
    release, _, branch = head.partition("-")
    return Version(text, _numbers(release.partition(",")[0]), _numbers(branch), stamp)


@dataclass(frozen=True)
class Fmri:
    """A package name with what was given of publisher and version."""

    publisher: str
    stem: str
    version: Version | None
    anchored: bool = field(default=False, compare=False)
    """Written with `pkg:/` or `pkg://`: the stem is the whole name, not its end."""
    latest: bool = field(default=False, compare=False)
    """Written with `@latest`."""

    def __str__(self) -> str:
        """Full form, with the build release: the form of JSON plans and linked metadata."""
        return f"pkg://{self.publisher}/{self.stem}" + (f"@{self.version.text}" if self.version else "")

    @property
    def short(self) -> str:
        """As `list -v` prints it."""
        return f"pkg://{self.publisher}/{self.stem}" + (f"@{self.version.short}" if self.version else "")

    @property
    def plain(self) -> str:
        """Without the time stamp too, as solver messages print it."""
        return f"pkg://{self.publisher}/{self.stem}" + (f"@{self.version.plain}" if self.version else "")

    @property
    def known(self) -> Version:
        """The version of a complete FMRI."""
        if self.version is None:
            raise Invalid(str(self))
        return self.version

    def named_by(self, pattern: Fmri) -> bool:
        """Does a user's ``pattern`` mean this package (version aside)? `curl` means web/curl, `*` and `?` are wild."""
        if pattern.publisher and pattern.publisher != self.publisher:
            return False
        if is_wild(pattern.stem):
            return fnmatch.fnmatchcase(self.stem, pattern.stem)
        return self.stem == pattern.stem or (not pattern.anchored and self.stem.endswith(f"/{pattern.stem}"))


def is_wild(name: str) -> bool:
    """Has a name wildcards? Only such a pattern may mean several packages."""
    return "*" in name or "?" in name


@cache
def parse(text: str) -> Fmri:
    """Parse an FMRI or a pattern; raises Invalid."""
    publisher, anchored, rest = "", False, text
    if text.startswith(("pkg://", "//")):
        publisher, _, rest = text.partition("//")[2].partition("/")
        anchored = True
    elif text.startswith("pkg:/"):
        rest, anchored = text[5:], True
    elif text.startswith("/"):
        rest, anchored = text[1:], True
    stem, _, tail = rest.partition("@")
    if not stem:
        raise Invalid(text)
    latest = tail == "latest"
    return Fmri(publisher, stem, version(tail) if tail and not latest else None, anchored, latest)


def quoted(text: str) -> str:
    """A stem or version as a file name below var/pkg (`/`, `,` and `:` are percent-quoted)."""
    return quote(text, safe="")


def unquoted(text: str) -> str:
    return unquote(text)
