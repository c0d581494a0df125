"""The install hook: a new zone BE with a new image, filled with the global zone's release (zone-tools 3.4)."""

from __future__ import annotations

import time

from testbed.hooks import media
from testbed.hooks.base import INCOMPLETE, Exit, Hook, getopts

USAGE_TEXT = "\nbrand-specific usage: install [-a archive] [-d dir] [-e extrapkg] [-p] [-s] [-u] [-v]\n"
BASE = ("SUNWcs", "package/pkg", "system/library")
"""What a zone gets besides `entire`."""


def install(hook: Hook) -> None:
    hook.zone, hook.zonepath = hook.args[0], hook.args[1]
    options, _ = getopts(hook, hook.args[2:], "a:c:d:e:hk:P:psuv", USAGE_TEXT)
    started = time.monotonic()
    media.create(hook)
    if "a" in options or "d" in options:
        hook.logfile = f"{hook.root}/var/log/{hook.zone}.install.log"
        letter = "d" if "d" in options else "a"
        media.fill(hook, letter, options[letter])
        return
    hook.out("Sanity Check: Looking for 'entire' incorporation.\n")
    hook.out(f"       Image: Preparing at {hook.root}.\n")
    _new_image(hook)
    publisher = hook.run(["pkg", "publisher", "-H", "-F", "tsv"], {"PKG_IMAGE": "/"}).stdout.splitlines()[0].split("\t")
    hook.out(f"   Publisher: Using {publisher[0]} ({publisher[6]}).\n")
    hook.out("       Cache: Using /var/pkg/publisher.\n")
    hook.out("  Installing: Packages (output follows)\n")
    extra = [options["e"]] if "e" in options else []
    if hook.show(["pkg", "install", "--accept", *_entire(hook), *BASE, *extra], {"PKG_IMAGE": hook.root}).rc != 0:
        hook.err("ERROR: failed to install package\n")
        raise Exit(INCOMPLETE)
    hook.out(" Postinstall: Copying SMF seed repository ... done.\n")
    hook.out(f"        Done: Installation completed in {time.monotonic() - started:.3f} seconds.\n\n")


def _new_image(hook: Hook) -> None:
    """An empty image with the global zone's format and publishers; `pkg image-create` is not simulated."""
    from testbed.ips.images import image

    parent = image.open(hook.host.path("/"))
    variants = {**parent.variants, "variant.opensolaris.zone": "nonglobal"}
    image.create(hook.host.path(hook.root), format=parent.format, publishers=list(parent.publishers), variants=variants)
    hook.host.changed = True


def _entire(hook: Hook) -> list[str]:
    """`entire` at the version of the global zone, if it has one."""
    from testbed.hooks.attach import installed_version

    version = installed_version(hook, "entire", "/")
    return [f"entire@{version}"] if version else []
