"""Which repositories a run of pkg tried to reach and what came of it: its warnings count these attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from testbed.ips.images.config import Publisher


@dataclass(frozen=True)
class Unreachable:
    """An origin that did not answer."""

    publisher: str
    uri: str
    origins: int
    """How many origins the publisher has."""
    answered: bool = False
    """There is a repository, but not of this publisher: refreshing the publisher ends there."""

    @property
    def error(self) -> str:
        """The transport's own line."""
        if self.answered:
            reason = f"No publisher matching '{self.publisher}' could be found."
            return f"file protocol error: code: E_TFTP_ILLEGAL (71) reason: {reason}"
        parts = urlsplit(self.uri)
        if parts.scheme == "file":
            path = parts.path.rstrip("/")
            reason = f"The path '{path}' does not contain a valid package repository."
            return f"file protocol error: code: E_HTTP_NOT_FOUND (22) reason: {reason}"
        reason = f"Could not resolve host: {parts.hostname}"
        return f"Framework error: code: E_COULDNT_RESOLVE_HOST (6) reason: {reason}"

    @property
    def failure(self) -> str:
        """The transport's words about one attempt."""
        return f"{self.error}\nRepository URL: '{self.uri.rstrip('/')}'.\n"

    @property
    def details(self) -> str:
        return (
            f"Unable to contact valid package repository: {self.uri}\n"
            f"Encountered the following error(s):\n  {self.failure}"
        )


@dataclass
class Tally:
    """Attempts at one publisher's origins."""

    total: int = 0
    failed: list[Unreachable] = field(default_factory=list)


class Contacts:
    """The attempts of one run.

    The first one makes pkg try each origin of all publishers that it has not begun with yet. Refreshing those tries
    them again: the warning then says `2 of 2 repositories` of a publisher with one origin (recording 26).
    """

    def __init__(self, publishers: Iterable[Publisher], reachable: Callable[[str], bool]) -> None:
        """``publishers``: the image's enabled ones."""
        self._publishers = list(publishers)
        self._reachable = reachable
        self._tried_all = False
        self.tallies: dict[str, Tally] = {}

    def attempt(self, publisher: Publisher, origin: str) -> Unreachable | None:
        """Try one origin; what failed."""
        tally = self.tallies.setdefault(publisher.name, Tally())
        tally.total += 1
        self.all()
        if self._reachable(origin):
            return None
        failed = Unreachable(publisher.name, origin, len(publisher.active_origins))
        tally.failed.append(failed)
        return failed

    def all(self) -> None:
        """Try every origin once, as pkg does before it fetches anything."""
        if self._tried_all:
            return
        self._tried_all = True
        for publisher in self._publishers:
            if publisher.name not in self.tallies:
                for origin in publisher.active_origins:
                    self.attempt(publisher, origin)

    @property
    def failed(self) -> dict[str, Tally]:
        """Publishers with failed attempts."""
        return {name: tally for name, tally in self.tallies.items() if tally.failed}
