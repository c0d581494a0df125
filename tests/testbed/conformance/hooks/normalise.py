"""What of a text counts: time stamps, random names and uuids made alike, texts of other people's tools left out."""

from __future__ import annotations

import re

STAMP = re.compile(r"\[[A-Z][a-z]+ \d{1,2}, \d{4} at \d\d:\d\d:\d\d [AP]M [A-Z]+\]")
ATTACH_LOG = re.compile(r"(\.attach_log\.)\w{6}")
LEFT_OVER = re.compile(r"(linked_p\w+)\.\d+")
"""Files that `pkg audit-linked` leaves in a zone carry its process id."""
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
RUNNING = re.compile(r"^(?:\d+|-)(:[^:]+:(?:running|ready|mounted|shutting_down|down):)", re.MULTILINE)
"""The recorded zoneadm shows no id of a zone that was booted in the recording."""
BE_SIZE = re.compile(r"^([^;\n]+;[-0-9a-f]+;[^;]*;[^;]*);\d+;static;\d+$", re.MULTILINE)
"""Space and date of a boot environment (`beadm list -H`)."""

PROGRESS = (" Startup:", "Planning:", "Download:", " Actions:", "Finalize:", "Linked images:")
"""Lines of pkg's progress: which of them appear depends on timing (recordings/README.md, "Comparing")."""
TOOLS = re.compile(
    r"^(?:/usr)?(?:/bin/)?(?:cp|rm|mv|rmdir|mkdir|chmod|chown|touch|cat|grep|egrep|mktemp|cpio|find): "
    r"|: -\S+: (?:unknown option|argument expected)$"
    r"|^\d+ blocks$"
)
"""Lines of cp, rm, cpio and the like (GNU's in the recordings) and of the shell's getopts."""
SIZES = re.compile(r"^(.*(?:Estimated space|Create boot|Create backup|Rebuild boot).*?:).*$", re.MULTILINE)


class Normaliser:
    """One per recording and side. Uuids that were not there at the start are numbered as they appear."""

    def __init__(self, known: str) -> None:
        self._names: dict[str, str] = {uuid: uuid for uuid in UUID.findall(known)}

    def text(self, text: str) -> str:
        """A text word for word but for stamps, random names, and lines of other people's tools."""
        text = STAMP.sub("[STAMP]", text)
        text = ATTACH_LOG.sub(r"\1XXXXXX", text)
        text = LEFT_OVER.sub(r"\1.PID", text)
        text = BE_SIZE.sub(r"\1", text)
        text = RUNNING.sub(r"ID\1", text)
        lines = [line for line in text.split("\n") if not TOOLS.search(line)]
        return UUID.sub(self._uuid, "\n".join(lines))

    def output(self, text: str) -> str:
        """What a command printed: as `text`, and without pkg's progress, column padding and blank lines."""
        text = SIZES.sub(r"\1", self.text(text))
        lines = [line.rstrip() for line in text.split("\n") if not line.startswith(PROGRESS)]
        return "\n".join(re.sub(r"[ \t]+", " ", line) for line in lines if line)

    def _uuid(self, match: re.Match[str]) -> str:
        return self._names.setdefault(match[0], f"uuid-{len(self._names)}")


def usage_cut(stderr: str) -> str:
    """Of zoneadm's usage the recordings have the first line only, and it comes last."""
    before, mark, usage = stderr.rpartition("usage:\t")
    return before + mark + usage.split("\n")[0] if mark else stderr
