"""The steps of a recording that are no command of pkg: what somebody else does to the host (recordings/README.md)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from testbed import boot, zones
from testbed.command import Context
from testbed.conformance.packages import setup
from testbed.conformance.packages.recording import Library
from testbed.host import Host


class Unknown(Exception):
    """A step that this replay cannot carry out."""


def carry_out(host: Host, library: Library, words: list[str]) -> None:
    """Do what `@WORD ARGUMENT...` says. Raises Unknown."""
    name, *arguments = words
    if name == "@publish":
        if arguments[0] not in library.stages:
            raise Unknown(f"no stage {arguments[0]} in the repositories")
        setup.publish(host, library, arguments[0])
        return
    act = SITUATIONS.get(name)
    if act is None:
        raise Unknown(f"no such situation: {name}")
    act(host, *arguments)


def image_root(host: Host, who: str) -> str:
    """Root of the image of `global` or `zone:NAME`, as a path of the host."""
    return "/" if who == "global" else f"{_entry(host, who.removeprefix('zone:')).zonepath}/root"


def _entry(host: Host, name: str) -> zones.IndexEntry:
    for entry in zones.read_index(host):
        if entry.name == name:
            return entry
    raise Unknown(f"no zone {name}")


def _named(host: Host, who: str, path: str) -> str:
    return f"{image_root(host, who).rstrip('/')}/{path.strip('/')}"


def _inside(host: Host, who: str, path: str) -> Path:
    return host.path(_named(host, who, path))


def _offline(host: Host, directory: str) -> None:
    host.state.offline.append(f"file:///repo/{directory}/")


def _online(host: Host, directory: str) -> None:
    host.state.offline.remove(f"file:///repo/{directory}/")


def _lock(host: Host, who: str) -> None:
    host.state.locks.append(image_root(host, who))


def _unlock(host: Host, who: str) -> None:
    host.state.locks.remove(image_root(host, who))


def _remove_image(host: Host, who: str) -> None:
    shutil.rmtree(_inside(host, who, "var/pkg"))


def _remove_linked_metadata(host: Host, who: str) -> None:
    shutil.rmtree(_inside(host, who, "var/pkg/linked"))


def _zone_brand(host: Host, name: str, brand: str) -> None:
    setup.configure(host, name, brand, _entry(host, name).zonepath)


def _zone_add(host: Host, name: str, brand: str, state: str) -> None:
    zonepath = f"/zones/{name}"
    setup.configure(host, name, brand, zonepath)
    entry = zones.IndexEntry(name, "configured", zonepath, "")
    zones.write_index(host, [*zones.read_index(host), entry])
    setup.set_state(host, name, state)


def _zone_remove(host: Host, name: str) -> None:
    zones.write_index(host, [entry for entry in zones.read_index(host) if entry.name != name])
    host.state.kernel_zones.pop(name, None)


def _zonename(host: Host, name: str) -> None:
    host.state.zonename = name


def _dir_to_link(host: Host, who: str, path: str) -> None:
    place = _inside(host, who, path)
    place.rename(place.with_name(f"{place.name}.real"))
    place.symlink_to(f"{place.name}.real")


def _link_to_dir(host: Host, who: str, path: str) -> None:
    place = _inside(host, who, path)
    place.unlink()
    place.with_name(f"{place.name}.real").rename(place)


def _immutable(host: Host, who: str, path: str) -> None:
    host.state.immutable.append(_named(host, who, path))


def _mutable(host: Host, who: str, path: str) -> None:
    host.state.immutable.remove(_named(host, who, path))


def _write_file(host: Host, who: str, path: str, text: str) -> None:
    place = _inside(host, who, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def _remove_file(host: Host, who: str, path: str) -> None:
    _inside(host, who, path).unlink()


def _reboot(host: Host) -> None:
    """Nothing if the next boot environment is the running one. The recorded zoneadm showed the same states after it.

    On the recorded machine the one that booted was the active one from then on, also if activated for one boot only.
    """
    if (host.state.once_be or host.state.next_be) == host.state.current_be:
        return
    states = dict(host.state.kernel_zones)
    boot.reboot(Context(host, ["reboot"], {}))
    host.state.kernel_zones = states
    host.state.next_be = host.state.current_be


SITUATIONS: dict[str, Callable[..., None]] = {
    "@repo-offline": _offline,
    "@repo-online": _online,
    "@lock": _lock,
    "@unlock": _unlock,
    "@remove-image": _remove_image,
    "@remove-linked-metadata": _remove_linked_metadata,
    "@zone-state": setup.set_state,
    "@zone-brand": _zone_brand,
    "@zone-add": _zone_add,
    "@zone-remove": _zone_remove,
    "@zonename": _zonename,
    "@immutable": _immutable,
    "@mutable": _mutable,
    "@dir-to-link": _dir_to_link,
    "@link-to-dir": _link_to_dir,
    "@write-file": _write_file,
    "@remove-file": _remove_file,
    "@reboot": _reboot,
}
