"""Every refusal: its cause, words that an administrator can act on, and nothing touched."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from integration.conftest import MakeMachine
from integration.machine import JOURNALS, Machine, Outcome
from testbed.host import Host
from walk import in_process

CORE_46 = {"name": "omnios", "origins": ["https://pkg.example.org/r151046/core/"]}
EXTRA_46 = {"name": "extra.omnios", "origins": ["https://pkg.example.org/r151046/extra/"]}
SECRET = "https://admin:geheim@pkg.example.org/ours/"
OURS = {"uri": SECRET, "publisher": "ours", "packages": [{"name": "ours/agent", "version": "1"}]}
MIRRORED = {**CORE_46, "mirrors": ["https://admin:geheim@mirror.example.org/"], "sticky": False}
STUCK = {
    "uri": "https://pkg.example.org/stuck/",
    "publisher": "omnios",
    "release": "r151046",
    "packages": [
        {"name": "old/thing", "version": "1", "lines": ["depend fmri=SUNWcs@0.5.11,5.11-151046.0 type=incorporate"]}
    ],
}
ZBE = "rpool/zones/web01/ROOT/zbe"
CONFIG = "/zones/web01/root/var/pkg/pkg5.image"


@dataclass(frozen=True)
class Refused:
    """`says` are parts of the message."""

    cause: str
    says: tuple[str, ...]
    host: dict[str, Any] = field(default_factory=dict)
    zone: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    before: Callable[[Machine], object] = lambda machine: None


def _several_active(machine: Machine) -> None:
    uuid = machine.command(f"zfs get -H -o value org.opensolaris.libbe:parentbe {ZBE}").stdout.strip()
    machine.command(f"zfs snapshot {ZBE}@x")
    machine.command(f"zfs clone -o canmount=noauto -o mountpoint=legacy {ZBE}@x {ZBE}-1")
    machine.command(f"zfs set org.opensolaris.libbe:active=on {ZBE}-1")
    machine.command(f"zfs set org.opensolaris.libbe:parentbe={uuid} {ZBE}-1")


def _foreign_dataset(machine: Machine) -> None:
    machine.command("umount /zones/web01/root")
    machine.command("zfs create -o mountpoint=legacy rpool/foreign")
    machine.command("mount -F zfs rpool/foreign /zones/web01/root")


def _journal(text: str) -> Callable[[Machine], None]:
    def write(machine: Machine) -> None:
        machine.path(JOURNALS).mkdir(parents=True)
        machine.journal().write_text(text)

    return write


def _other_guid(machine: Machine) -> None:
    machine.run_until("zoneadm -z web01 shutdown")
    noted = json.loads(machine.journal().read_text())
    machine.journal().write_text(json.dumps({**noted, "guid": "17"}))


def _gone(machine: Machine) -> None:
    machine.run_until("zoneadm -z web01 shutdown")
    machine.journal().rename(machine.path(f"{JOURNALS}/web02.json"))


def _image(old: str, new: str) -> Callable[[Machine], object]:
    return lambda machine: machine.path(CONFIG).write_text(machine.path(CONFIG).read_text().replace(old, new))


def _cache_elsewhere(machine: Machine) -> None:
    """pkg, as root in the global zone, would write into the global zone's /etc."""
    cache = machine.path("/zones/web01/root/var/pkg/cache")
    shutil.rmtree(cache, ignore_errors=True)
    cache.symlink_to("/etc")


def _symlink(machine: Machine) -> None:
    var = machine.path("/zones/web01/root/var")
    var.rename(var.with_name("var.real"))
    var.symlink_to("/var")


def _fails(command: str, text: str, rc: int = 1, stdout: str = "") -> dict[str, Any]:
    return {"faults": [{"match": command, "nth": "every", "rc": rc, "stderr": text, "stdout": stdout}]}


REFUSED: dict[str, Refused] = {
    "absent": Refused("absent", ("no zone web02", "zoneadm list -cv"), options={"zone": "web02"}),
    "absent, a switch of it begun": Refused(
        "absent",
        ("no zone web02", f"{JOURNALS}/web02.json", "remove the file"),
        options={"zone": "web02"},
        before=_gone,
    ),
    "illegal name": Refused("bad-zone-name", ("'-x'", "begins with a letter or digit"), options={"zone": "-x"}),
    "global zone": Refused("bad-zone-name", ("'global'",), options={"zone": "global"}),
    "incomplete": Refused(
        "incomplete", ("web01 is incomplete", "uninstall -F", "mark -F installed"), zone={"state": "incomplete"}
    ),
    "mounted": Refused("mounted", ("web01 is mounted", "zoneadm -z web01 unmount"), zone={"state": "mounted"}),
    "brand package missing": Refused(
        "brand-missing",
        ("Brand lipkg", "pkg install system/zones/brand/lipkg"),
        host={"packages": {"remove": ["system/zones/brand/lipkg"]}},
    ),
    "release without lipkg": Refused(
        "release-without-lipkg",
        ("r151012 has no brand lipkg", "Upgrade the global zone"),
        host={
            "packages": {"remove": ["system/zones/brand/lipkg"]},
            "files": {"/etc/release": "  OmniOS v11 r151012\n"},
        },
    ),
    "no system/zones": Refused(
        "no-system-zones", ("never links", "pkg install system/zones"), host={"packages": {"remove": ["system/zones"]}}
    ),
    "no entire": Refused("no-entire", ("entire", "pkg install entire"), host={"packages": {"remove": ["entire"]}}),
    "no global zone": Refused(
        "not-global-zone", ("non-global zone web99", "host of the global zone"), host={"zonename": "web99"}
    ),
    "brand of another platform": Refused(
        "wrong-platform", ("nlipkg does not exist on omnios", "ipkg and lipkg"), options={"brand": "nlipkg"}
    ),
    "lipkg on OpenIndiana": Refused(
        "wrong-platform", ("lipkg does not exist on openindiana",), {"distribution": "openindiana"}, {"brand": "nlipkg"}
    ),
    "no solution": Refused(
        "no-matching-version",
        ("rehearsal of attaching zone web01", "No version of entire"),
        host={"repositories": [STUCK]},
        zone={
            "publishers": [{**CORE_46, "origins": [*CORE_46["origins"], STUCK["uri"]]}],
            "packages": {"add": ["old/thing"], "remove": ["ooce/util/tmux"]},
        },
        options={"replace_publishers": True},
    ),
    "repository away": Refused(
        "publisher-unreachable",
        ("publisher extra.omnios", "zone web01", "pkg refresh"),
        host={"offline": ["https://pkg.example.org/r151054/extra/"]},
    ),
    "the zone's own repository away": Refused(
        "publisher-unreachable",
        ("publisher ours could not be reached",),
        host={"repositories": [OURS], "offline": [SECRET]},
        zone={"publishers": [CORE_46, EXTRA_46, {"name": "ours", "origins": [SECRET]}]},
    ),
    "image too new": Refused(
        "image-format", ("format 5", "cannot read", "Update the global zone's pkg"), zone={"image_format": 5}
    ),
    "image of a global zone": Refused(
        "wrong-variant", ("zone web01 is not that of a non-global zone",), before=_image("nonglobal", "global")
    ),
    "image gone": Refused(
        "image-unreadable",
        ("no pkg image at /zones/web01/root", "pkg -R /zones/web01/root list"),
        before=lambda machine: machine.path(CONFIG).unlink(),
    ),
    "image broken": Refused("image-unreadable", ("/zones/web01/root",), before=_image("[image]", "[[[")),
    "var is a symlink": Refused("image-unreadable", ("/zones/web01/root",), before=_symlink),
    "a symlink out of var/pkg": Refused(
        "image-unreadable",
        ("'./cache' in var/pkg below /zones/web01/root is neither a file nor a directory",),
        before=_cache_elsewhere,
    ),
    "zone newer": Refused(
        "downgrade",
        ("web01 is newer", "entire 11-151054.0", "allow_downgrade: true"),
        {"release": "r151046"},
        {"release": "r151054"},
    ),
    "zone newer, without a rehearsal": Refused(
        "downgrade", ("web01 is newer",), {"release": "r151046"}, {"release": "r151054"}, {"rehearse": False}
    ),
    "what sync-linked cannot take back": Refused(
        "parent-dependency",
        ("web01", "system/network", "older version", "in the global zone"),
        {"release": "r151046"},
        {"release": "r151054"},
        {"allow_downgrade": True},
    ),
    "root busy": Refused(
        "root-busy", ("/zones/web01/root busy", "2001 -bash", "End them"), host={"busy": ["/zones/web01/root/etc"]}
    ),
    "no active dataset": Refused(
        "no-active-dataset",
        ("no active dataset", "zfs get -r"),
        before=lambda machine: machine.command(f"zfs set org.opensolaris.libbe:active=off {ZBE}"),
    ),
    "several active datasets": Refused(
        "several-active-datasets", (ZBE, f"{ZBE}-1", "active=off"), before=_several_active
    ),
    "another dataset on the root": Refused(
        "foreign-dataset", ("rpool/foreign is mounted",), zone={"state": "configured"}, before=_foreign_dataset
    ),
    "below rpool/ROOT": Refused(
        "zonepath-in-rpool-root",
        ("inside a boot environment", "zoneadm -z web01 move"),
        zone={"zonepath": "/ROOT/omnios-r151054/zones/web01"},
    ),
    "zonepath with a blank": Refused(
        "zonepath-characters", ("'/zones/my zone'", "zoneadm -z web01 move"), zone={"zonepath": "/zones/my zone"}
    ),
    "publisher settings": Refused(
        "publisher-settings",
        ("omnios mirrors: https://********@mirror.example.org/", "omnios sticky", "replace_publishers: true"),
        zone={"publishers": [MIRRORED, EXTRA_46]},
    ),
    "update: false": Refused("out-of-sync", ("web01", "6 would have to change", "`update`"), options={"update": False}),
    "journal broken": Refused(
        "journal-unreadable", ("zone web01", f"{JOURNALS}/web01.json", "remove the file"), before=_journal("{")
    ),
    "journal of another format": Refused(
        "journal-unreadable", ("not a journal of this format",), before=_journal('{"version": 99}')
    ),
    "journal of another dataset": Refused(
        "journal-does-not-fit", (f"{JOURNALS}/web01.json", "guid 17", "not followed"), before=_other_guid
    ),
    "a complaint of zoneadm list": Refused(
        "probe-failed",
        ("could not open index file", "/etc/zones"),
        host=_fails("zoneadm list -cp", "zoneadm: could not open index file\n", 0, "0:global:running:/::ipkg:shared:0"),
    ),
    "another zone's configuration broken": Refused(
        "probe-failed",
        ("other", "/etc/zones"),
        host={"zones": [{"name": "web01", "state": "running", "release": "r151046"}, {"name": "other"}]},
        before=lambda machine: machine.path("/etc/zones/other.xml").write_text("<zone"),
    ),
    "a line of zoneadm list that is not known": Refused(
        "probe-failed", ("not known", "please report"), host=_fails("zoneadm list -cp", "", 0, "1:web01:flying:/x\n")
    ),
    "beadm fails": Refused("probe-failed", ("`beadm list -H` failed", "no pool"), host=_fails("beadm list", "no pool")),
    "no boot environment is active": Refused(
        "no-boot-environment",
        ("exactly one boot environment",),
        host=_fails("beadm list", "", 0, "be;uuid;R;-;1;static;1\n"),
    ),
    "zfs fails": Refused("probe-failed", ("zfs list", "ZFS library"), host=_fails("zfs list", "no ZFS library")),
    "fuser fails": Refused("probe-failed", ("fuser -c", "cannot open"), host=_fails("^fuser", "cannot open\n")),
    "no room for the rehearsal": Refused(
        "no-space",
        ("no space left", "Make room"),
        host=_fails("zfs snapshot", f"cannot create snapshot '{ZBE}@x': out of space\n"),
    ),
    "the clone cannot be mounted": Refused(
        "unknown", ("mount -F zfs", "cannot mount 'x': no"), host=_fails("^mount -F", "cannot mount 'x': no\n")
    ),
    "refresh fails in another way": Refused(
        "unknown", ("Refreshing the catalogs of zone web01 failed: pkg: odd",), host=_fails("refresh$", "pkg: odd\n")
    ),
    "a traceback of pkg": Refused(
        "unknown",
        ("rehearsal of attaching zone web01", "AssertionError: x"),
        host=_fails("install -n", "Traceback\nAssertionError: x\n", 99),
    ),
    "a plan that is not JSON": Refused(
        "plan-unreadable", ("not JSON", "please report", "rehearse: false"), host=_fails("install -n", "", 0, "{no\n")
    ),
    "a plan of another form": Refused(
        "plan-unreadable", ("not of the known form",), host=_fails("install -n", "", 0, "{}\n")
    ),
}
for _brand, _why in (("sparse", "overlay"), ("pkgsrc", "overlay"), ("lx", "runs Linux"), ("bhyve", "virtual machine")):
    REFUSED[f"a {_brand} zone"] = Refused(
        "brand-not-convertible", (f"brand {_brand}", _why, "Install a new zone"), zone={"brand": _brand}
    )


def in_words(outcome: Outcome, cause: str, says: tuple[str, ...]) -> None:
    """The diagnosis is complete, the message has sentence and remedy, and no secret is anywhere."""
    told = outcome.result["diagnosis"]
    assert (outcome.result["failed"], told["cause"]) == (True, cause), outcome.message
    for part in says:
        assert part in outcome.message
    assert told["message"] in outcome.message
    assert told["remedy"] in outcome.message
    assert told["remedy"].endswith((".", ")"))
    assert re.search(r"[.!]$", outcome.message)
    assert not re.search(r"Traceback|Errno|\.\.", outcome.message)
    assert "geheim" not in json.dumps(outcome.result)


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
@pytest.mark.parametrize("name", list(REFUSED))
def test_refused(machine: MakeMachine, name: str, check: bool) -> None:
    wanted = REFUSED[name]
    host = machine(wanted.host, **wanted.zone)
    wanted.before(host)
    before = host.picture()
    outcome = host.run(check=check, **wanted.options)
    in_words(outcome, wanted.cause, wanted.says)
    assert host.picture() == before
    assert outcome.beyond_rehearsal == []
    assert outcome.result["changed"] is False
    assert outcome.result["rolled_back"] is False


def test_the_plan_comes_with_a_refusal(machine: MakeMachine) -> None:
    outcome = machine().run(update=False)
    changes = {entry["name"]: entry["to"] for entry in outcome.result["plan"]["change"]}
    assert changes["entire"] == "11-151054.0:20250505T120000Z"


def test_settings_of_publishers_are_in_plan_and_diff(machine: MakeMachine) -> None:
    outcome = machine(publishers=[MIRRORED, EXTRA_46]).run(check=True)
    lost = {entry["setting"]: (entry["zone"], entry["global_zone"]) for entry in outcome.result["plan"]["publishers"]}
    assert lost == {"mirrors": ("https://********@mirror.example.org/", "none"), "sticky": ("False", "True")}
    assert "publisher omnios mirrors: https://********@mirror.example.org/" in outcome.result["diff"]["before"]


def test_not_root(machine: MakeMachine) -> None:
    host = machine()

    def work() -> dict[str, Any]:
        os.seteuid(65534)
        return in_process.module(Host("/"), {"zone": "web01", "brand": "lipkg"})

    outcome = host.enter(work)
    in_words(outcome, "not-root", ("must run as root", "become: true"))
    assert outcome.typed == []


def test_a_name_of_digits_that_is_the_id_of_an_active_zone(machine: MakeMachine) -> None:
    zones = [{"name": "1", "release": "r151046"}, {"name": "web01", "state": "running"}]
    host = machine({"zones": zones})
    before = host.picture()
    outcome = host.run(zone="1")
    in_words(outcome, "name-is-zone-id", ("id of the active zone web01",))
    assert host.picture() == before
    host.command("zoneadm -z web01 halt")
    assert host.run(zone="1").cause is None
    assert host.zone("1") == ("installed", "lipkg")
    assert host.zone() == ("installed", "ipkg")


@pytest.mark.parametrize("name", ["a.b_c-1", "0x", "A" * 63, "web01.json", "x-"])
def test_odd_but_legal_names(machine: MakeMachine, name: str) -> None:
    host = machine({"zones": [{"name": name, "state": "running", "release": "r151046"}]})
    assert host.run(zone=name).cause is None
    assert host.zone(name) == ("running", "lipkg")


def test_the_lock_of_another_run(machine: MakeMachine) -> None:
    host = machine()
    host.path(JOURNALS).mkdir(parents=True)
    before = host.picture()
    with host.path(f"{JOURNALS}/web01.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        outcome = host.run(lock_timeout=30)
    in_words(outcome, "locked", ("zone web01", "30 seconds", "lock_timeout"))
    assert outcome.typed == ["zonename"]
    assert host.picture() == before


def test_down_after_one_halt(machine: MakeMachine) -> None:
    host = machine({"settings": {"stuck_down": ["web01"]}}, state="down")
    before = host.picture()
    outcome = host.run()
    in_words(outcome, "down", ("web01 does not come down", "only a reboot of the host"))
    assert outcome.beyond_rehearsal == ["zoneadm -z web01 halt"]
    assert host.picture() == before


def test_a_shutdown_that_does_not_begin(machine: MakeMachine) -> None:
    host = machine({"settings": {"slow_shutdown": {"web01": {"state": "running", "polls": None}}}})
    before = host.picture()
    outcome = host.run(shutdown_timeout=20)
    in_words(outcome, "shutdown-timeout", ("within 20 seconds", "still runs and nothing was touched", "force_halt"))
    assert outcome.beyond_rehearsal == ["zoneadm -z web01 shutdown"]
    assert host.picture() == before


def test_a_shutdown_that_ends_too_late(machine: MakeMachine) -> None:
    host = machine({"settings": {"slow_shutdown": {"web01": {"state": "shutting_down", "polls": 30}}}})
    before = host.picture()
    outcome = host.run(shutdown_timeout=20)
    in_words(outcome, "shutdown-timeout", ("came down only after that and was booted again",))
    assert host.zone() == ("running", "ipkg")
    assert {**host.picture(), "running": None} == {**before, "running": None}


def test_a_shutdown_that_never_ends(machine: MakeMachine) -> None:
    """It cannot be taken back; the next run boots the zone again or finishes."""
    host = machine({"settings": {"slow_shutdown": {"web01": {"state": "shutting_down", "polls": None}}}})
    outcome = host.run(shutdown_timeout=20)
    in_words(outcome, "shutdown-timeout", ("it is shutting_down now, and may still come down", "run again"))
    assert host.journal().exists()
    host.change(settings={"shutting_down": {"web01": 1}})
    assert host.run().cause is None
    assert host.zone() == ("running", "lipkg")


def test_the_global_zone_s_own_trouble_does_not_stop_a_switch_to_a_brand_that_is_not_linked(
    machine: MakeMachine,
) -> None:
    host = machine({"packages": {"remove": ["system/zones"]}}, brand="lipkg")
    outcome = host.run(brand="ipkg")
    assert (outcome.cause, outcome.result["audit"]) == (None, "not-linked")
