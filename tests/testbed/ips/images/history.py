"""What was done to an image, one file an operation below var/pkg/history (client/history.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from testbed import boot
from testbed.ips.images.files import stamp
from testbed.ips.images.image import Image

if TYPE_CHECKING:
    from testbed.ips.session import Session

NOTHING = "None"
SUCCEEDED = ("Succeeded", NOTHING)
CANCELED = ("Canceled", NOTHING)
_SAME = (
    "install uninstall update exact-install change-facet change-variant set-mediator unset-mediator sync-linked fix"
    " freeze avoid unavoid set-property unset-property add-property-value remove-property-value purge-history"
)
RECORDED = {name: name for name in _SAME.split()} | {
    "autoremove": "uninstall",
    "unfreeze": "freeze",
    "set-publisher": "update-publisher",
    "unset-publisher": "remove-publisher",
    "copy-publishers-from": "add-publisher",
}
"""Subcommand -> how the history names what it does."""
CONSTRAINED = ("No matching version of", "must be uninstalled or upgraded", "pkg avoid:")
BAD_REQUEST = ("did not match any", "matches no installed packages", "Removal failed for", "only matched packages")
TRANSPORT = ("Transport errors", "Errors were encountered while attempting to retrieve")
"""By what a failure is told; all others are `Unknown`."""
UNTOLD = ("due to the following packages that depend on it", "currently in use by another package client.\n")
"""What fails before an operation has begun."""


@dataclass
class Operation:
    """``result``: outcome and reason. Times are pkg's (20261121T060453Z), ``command`` is argv."""

    name: str
    start: str
    command: list[str]
    result: tuple[str, str] = SUCCEEDED
    end: str = field(default_factory=lambda: stamp(False))
    be: tuple[str, str] = ("", "")
    """Name and UUID of the boot environment, if the image is the running system's."""
    new_be: tuple[str, str] = ("", "")
    user: tuple[str, str] = ("root", "0")
    errors: list[str] = field(default_factory=list)


def record(
    session: Session, *, name: str = "", result: tuple[str, str] = SUCCEEDED, error: str = "", new_be: str = ""
) -> None:
    """Record what the session did to its image; ``new_be``: name of the boot environment in which it was done."""
    session.recorded = session.recorded or not name
    running = session.host.state.current_be
    done = Operation(name or RECORDED.get(session.command, session.command), session.started, _typed(session), result)
    if session.live or new_be:
        done.be = (running, _uuid(session, running))
        done.new_be = (new_be, _uuid(session, new_be)) if new_be else done.new_be
    done.errors = [error] if error else []
    write(session.image, done)
    session.host.changed = True


def _uuid(session: Session, name: str) -> str:
    found = boot.find(session.host, name)
    return found.uuid if found else ""


def _typed(session: Session) -> list[str]:
    if session.is_child:
        return ["/usr/bin/pkg", "-R", f"{session.root}/", "remote"]
    return ["/usr/bin/pkg", *session.ctx.argv[1:]]


def ended(session: Session, rc: int, error: str = "") -> None:
    """Record how a subcommand ended, if that is to be told and was not."""
    if session.recorded or session.command not in RECORDED or rc in (2, 4, 7, 53, 54) or session.unprivileged:
        return
    if rc == 0:
        if session.locked:
            record(session)
        return
    if "No image rooted at" in error or any(text in error for text in UNTOLD):
        return
    reasons = {"Constrained": CONSTRAINED, "Bad Request": BAD_REQUEST, "Transport": TRANSPORT}
    reason = next((word for word, texts in reasons.items() if any(text in error for text in texts)), "Unknown")
    record(session, error=error, result=("Failed", reason))


def write(image: Image, done: Operation) -> None:
    root = ElementTree.Element("history")
    client = ElementTree.SubElement(root, "client", name="pkg", version="unknown")
    arguments = ElementTree.SubElement(client, "args")
    for word in done.command:
        ElementTree.SubElement(arguments, "arg").text = word
    attributes = {"name": done.name, "username": done.user[0], "userid": done.user[1]}
    attributes |= {"result": ", ".join(done.result), "start_time": done.start, "end_time": done.end}
    for key, (name, uuid) in (("be", done.be), ("new_be", done.new_be)):
        attributes |= {key: name, f"{key}_uuid": uuid} if name else {}
    operation = ElementTree.SubElement(root, "operation", attributes)
    for state in ("start_state", "end_state"):
        ElementTree.SubElement(operation, state).text = NOTHING
    if done.errors:
        errors = ElementTree.SubElement(operation, "errors")
        for text in done.errors:
            ElementTree.SubElement(errors, "error").text = text
    directory = _place(image)
    directory.mkdir(exist_ok=True)
    ElementTree.ElementTree(root).write(_free(directory, done.start), encoding="utf-8", xml_declaration=True)


def _place(image: Image) -> Path:
    return image.meta / "history"


def _free(directory: Path, start: str) -> Path:
    number = 1
    while (path := directory / f"{start}-{number:02d}.xml").exists():
        number += 1
    return path


def read(image: Image) -> list[Operation]:
    """All operations, the oldest first."""
    directory = _place(image)
    return [_read(path) for path in sorted(directory.glob("*.xml"))] if directory.is_dir() else []


def _read(path: Path) -> Operation:
    root = ElementTree.parse(path).getroot()
    found = root.find("operation")
    assert found is not None, f"{path} holds no operation"
    outcome, _, reason = found.get("result", "").partition(", ")
    return Operation(
        found.get("name", ""),
        found.get("start_time", ""),
        [word.text or "" for word in root.iter("arg")],
        (outcome, reason or NOTHING),
        found.get("end_time", ""),
        (found.get("be", ""), found.get("be_uuid", "")),
        (found.get("new_be", ""), found.get("new_be_uuid", "")),
        (found.get("username", ""), found.get("userid", "")),
        [entry.text or "" for entry in found.iter("error")],
    )


def purge(image: Image) -> None:
    for path in _place(image).glob("*.xml"):
        path.unlink()
