"""linked_publisher on simulated hosts: exact commands, their order, what it refuses, what it leaves alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.finding import RunFailed
from ansible_collections.illumos.linked_zones.plugins.module_utils.ops import publishers, survey
from integration.conftest import MakeMachine
from integration.machine import Machine, Outcome
from integration.test_ansible import RESULTS, play
from testbed import command
from testbed.host import Host
from walk.in_process import HostRunner

CORE = "https://pkg.example.org/r151054/core/"
EXTRA = "https://pkg.example.org/r151054/extra/"
OURS = "https://pkg.example.org/ours/"
THEIRS = "https://pkg.example.org/theirs/"
WEB01 = {"name": "web01", "brand": "lipkg", "state": "running"}
DB01 = {"name": "db01", "brand": "lipkg", "state": "installed"}
OWN01 = {"name": "own01", "brand": "ipkg", "state": "running"}
WEB = "pkg -R /zones/web01/root"
DB = "pkg -R /zones/db01/root"
OMNIOS = {"name": "omnios"}
EXTRAS = {"name": "extra.omnios"}
OUR = {"name": "ours", "origins": [OURS]}
THEIR = {"name": "theirs", "origins": [THEIRS]}
DEFAULTS: dict[str, Any] = {"publishers": None, "zone_publishers": {}, "remove_unlisted": False, "zones": None}


def make(machine: MakeMachine, zones: list[dict[str, Any]], **declared: Any) -> Machine:
    repositories = [
        {"uri": uri, "publisher": name, "release": "r151054", "packages": [{"name": f"{name}/app", "version": "1.0"}]}
        for name, uri in (("ours", OURS), ("theirs", THEIRS))
    ]
    return machine({"zones": zones, "repositories": repositories, **declared})


def attempt(host: Machine, check: bool = False, lock_timeout: float = 0, **options: Any) -> Outcome:
    """Run it once."""

    def work() -> dict[str, Any]:
        runner = HostRunner(Host("/"), lock_timeout)
        try:
            result = publishers.run(runner, {**DEFAULTS, **options}, check)
        except RunFailed as failure:
            result = {**failure.result, "failed": True, "msg": str(failure)}
        return {**result, "warnings": runner.warnings}

    return host.enter(work)


def done(outcome: Outcome) -> Outcome:
    assert not outcome.result.get("failed"), (outcome.message, outcome.result.get("diagnosis"))
    return outcome


def run_all(host: Machine, expected: list[str], **options: Any) -> Outcome:
    """Check mode, run, check mode, second run: the same commands are foreseen and run, then none; pkg agrees."""
    before = host.picture()
    foreseen = done(attempt(host, check=True, **options))
    assert foreseen.typed == ["zoneadm list -cp"]
    assert host.picture() == before
    assert foreseen.actions == ["zoneadm list -cp", *expected]
    ran = done(attempt(host, **options))
    assert ran.changing == expected
    assert ran.typed == ["zoneadm list -cp", *expected]
    assert foreseen.result["changed"] is ran.result["changed"] is bool(expected)
    for key in ("images", "diff"):
        assert foreseen.result[key] == ran.result[key]
    settled = host.picture()
    for check in (True, False):
        again = done(attempt(host, check=check, **options))
        assert (again.typed, again.result["changed"], again.result["diff"]) == (["zoneadm list -cp"], False, [])
    assert host.picture() == settled
    pkg_agrees(host)
    return ran


def pkg_agrees(host: Machine) -> None:
    answer = host.command("pkg update -n")
    assert answer.rc in (0, 4), answer.stderr


def entry(outcome: Outcome, zone: str) -> dict[str, Any]:
    (found,) = [image for image in outcome.result["images"] if image["zone"] == zone]
    return dict(found)


def names(publishers_of: list[dict[str, Any]]) -> list[str]:
    return [publisher["name"] for publisher in publishers_of]


def test_nothing_to_do_starts_no_pkg(machine: MakeMachine) -> None:
    ran = run_all(make(machine, [WEB01, DB01, OWN01]), [])
    assert [(image["zone"], image["status"]) for image in ran.result["images"]] == [
        ("global", "unchanged"),
        ("web01", "unchanged"),
        ("db01", "unchanged"),
    ]


@pytest.mark.parametrize("image_format", [4, 5])
def test_a_new_publisher_reaches_the_zones_first(image_format: int, machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01, OWN01], image_format=image_format)
    ran = run_all(
        host,
        [
            f"{WEB} set-publisher -g {OURS} ours",
            f"{DB} set-publisher -g {OURS} ours",
            f"pkg set-publisher -g {OURS} ours",
        ],
        publishers=[OMNIOS, EXTRAS, OUR],
    )
    assert host.publishers() == host.publishers("/") == ["omnios", "extra.omnios", "ours"]
    assert host.publishers("/zones/own01/root") == ["omnios", "extra.omnios"]
    assert ran.result["diff"][0] == {
        "before_header": "publishers of global",
        "after_header": "publishers of global",
        "before": f"omnios\n  origin {CORE}\nextra.omnios\n  origin {EXTRA}\n",
        "after": f"omnios\n  origin {CORE}\nextra.omnios\n  origin {EXTRA}\nours\n  origin {OURS}\n",
    }


def test_a_zone_that_lacks_one_is_healed(machine: MakeMachine) -> None:
    """A publisher that the global zone has and a zone has not breaks every operation; the position is named."""
    host = make(machine, [WEB01, DB01])
    assert host.command(f"{WEB} unset-publisher extra.omnios").rc == 0
    assert host.command(f"{WEB} set-publisher -g {OURS} ours").rc == 0
    assert host.command("pkg update -n").rc == 1
    ran = run_all(host, [f"{WEB} set-publisher -g {EXTRA} --search-after omnios extra.omnios"])
    fault = entry(ran, "web01")["fault"]
    assert (fault["position"], fault["expected"], fault["found"], fault["reason"]) == (
        1,
        "extra.omnios",
        "ours",
        "missing",
    )
    assert fault["sentence"].startswith("At position 1 the global zone has extra.omnios; the zone has ours")
    assert host.publishers() == ["omnios", "extra.omnios", "ours"]


def test_a_zones_own_publisher_is_put_behind_in_one_move(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    assert host.command(f"{WEB} set-publisher -g {OURS} -P ours").rc == 0
    ran = run_all(host, [f"{WEB} set-publisher --no-refresh --search-after extra.omnios ours"])
    assert entry(ran, "web01")["fault"]["reason"] == "order"


def test_stickiness_and_enabling(machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01])
    assert host.command("pkg set-publisher --non-sticky extra.omnios").rc == 0
    assert host.command(f"{DB} set-publisher --disable extra.omnios").rc == 0
    ran = run_all(
        host,
        [
            f"{WEB} set-publisher --no-refresh --non-sticky extra.omnios",
            f"{DB} set-publisher --non-sticky --enable extra.omnios",
        ],
    )
    assert entry(ran, "db01")["fault"]["reason"] == "disabled"
    assert entry(ran, "web01")["fault"]["reason"] == "stickiness"


def test_origins_mirrors_and_properties_are_the_global_zones(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    assert host.command(f"{WEB} set-publisher -G * -g {OURS} -m {THEIRS} --no-refresh extra.omnios").rc == 0
    assert host.command("pkg set-publisher --set-property signature-policy=ignore extra.omnios").rc == 0
    run_all(
        host,
        [
            f"{WEB} set-publisher -G {OURS} -g {EXTRA} -M {THEIRS} --set-property signature-policy=ignore extra.omnios",
        ],
    )


def test_spelling_does_not_count(machine: MakeMachine) -> None:
    """A slash at the end, the order of origins, capitals of scheme and host."""
    host = make(machine, [WEB01], publishers=[{"name": "omnios", "origins": [CORE]}])
    spelled = {"name": "omnios", "origins": ["HTTPS://PKG.example.org/r151054/core"]}
    run_all(host, [], publishers=[spelled], remove_unlisted=True)


def test_a_publisher_disabled_from_the_start_never_counts(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    ran = run_all(
        host,
        ["pkg set-publisher --no-refresh --disable ours", f"pkg set-publisher -g {OURS} ours"],
        publishers=[{**OUR, "enabled": False}],
    )
    assert names(entry(ran, "web01")["after"]) == ["omnios", "extra.omnios"]


def test_one_that_is_disabled_in_the_global_zone_is_disabled_in_zones(machine: MakeMachine) -> None:
    """It is the last that counts: first the global zone, which then asks for less."""
    host = make(machine, [WEB01])
    run_all(
        host,
        [
            "pkg set-publisher --no-refresh --disable extra.omnios",
            f"{WEB} set-publisher --no-refresh --disable extra.omnios",
        ],
        publishers=[{**EXTRAS, "enabled": False}],
    )
    run_all(
        host,
        [f"{WEB} set-publisher --enable extra.omnios", "pkg set-publisher --enable extra.omnios"],
        publishers=[{**EXTRAS, "enabled": True}],
    )


def test_nochild(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    run_all(
        host,
        [f"pkg set-publisher -g {OURS} --set-property nochild=true -P ours"],
        publishers=[{**OUR, "properties": {"nochild": True}}, OMNIOS],
    )
    run_all(
        host,
        [f"{WEB} set-publisher -g {OURS} -P ours", "pkg set-publisher --no-refresh --unset-property nochild ours"],
        publishers=[{"name": "ours", "properties": {"nochild": False}}],
    )
    assert host.publishers() == host.publishers("/") == ["ours", "omnios", "extra.omnios"]


def test_zone_publishers_come_behind(machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01, OWN01])
    run_all(
        host,
        [
            f"pkg -R /zones/own01/root set-publisher -g {OURS} -P ours",
            f"{WEB} set-publisher -g {THEIRS} --non-sticky theirs",
        ],
        zone_publishers={
            "own01": [OUR, OMNIOS],
            "web01": [{**THEIR, "sticky": False}],
        },
    )
    assert host.publishers() == ["omnios", "extra.omnios", "theirs"]
    assert host.publishers("/zones/db01/root") == ["omnios", "extra.omnios"]
    run_all(host, [f"{WEB} unset-publisher theirs"], zone_publishers={"web01": []}, remove_unlisted=True)


def test_a_zone_may_have_origins_of_its_own(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    mirror = {"name": "extra.omnios", "mirrors": [THEIRS]}
    run_all(host, [f"{WEB} set-publisher --no-refresh -m {THEIRS} extra.omnios"], zone_publishers={"web01": [mirror]})
    run_all(host, [f"{WEB} set-publisher --no-refresh -M {THEIRS} extra.omnios"])


def test_removing_the_last_begins_in_the_global_zone(machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01])
    assert host.command(f"{WEB} set-publisher -g {THEIRS} theirs").rc == 0
    run_all(
        host,
        [
            "pkg unset-publisher extra.omnios",
            f"{WEB} unset-publisher extra.omnios",
            f"{DB} unset-publisher extra.omnios",
        ],
        publishers=[OMNIOS],
        remove_unlisted=True,
    )
    assert host.publishers() == ["omnios", "theirs"]


def test_a_new_order_alone_is_not_told_to_zones(machine: MakeMachine) -> None:
    """pkg goes on judging by the order of the last sync (`__push_data` in linkedimage/common.py)."""
    host = make(machine, [WEB01])
    ran = run_all(
        host, ["pkg set-publisher --no-refresh --search-after extra.omnios omnios"], publishers=[EXTRAS, OMNIOS]
    )
    assert host.publishers() == ["omnios", "extra.omnios"]
    assert "told at its last sync: omnios, extra.omnios" in entry(ran, "web01")["note"]


def test_a_new_first_one(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    run_all(
        host,
        [f"{WEB} set-publisher -g {OURS} -P ours", f"pkg set-publisher -g {OURS} -P ours"],
        publishers=[OUR, OMNIOS, EXTRAS],
    )


def test_proxy(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    through = {"name": "extra.omnios", "proxy": "http://proxy.example.org:3128"}
    added = f"set-publisher -G {EXTRA} -g {EXTRA} --proxy http://proxy.example.org:3128 extra.omnios"
    ran = run_all(host, [f"{WEB} {added}", f"pkg {added}"], publishers=[through])
    assert entry(ran, "web01")["after"][1]["proxy"] == "http://proxy.example.org:3128"
    without = f"set-publisher -G {EXTRA} -g {EXTRA} extra.omnios"
    run_all(host, [f"{WEB} {without}", f"pkg {without}"], publishers=[{**EXTRAS, "proxy": ""}])


def test_passwords_are_masked(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    through = {"name": "extra.omnios", "proxy": "http://user:hush@proxy.example.org:3128"}
    ran = done(attempt(host, publishers=[through]))
    assert "hush" not in str(ran.result)
    assert entry(ran, "web01")["after"][1]["proxy"] == "http://********@proxy.example.org:3128"
    assert attempt(host, publishers=[through]).changing == []


@pytest.mark.parametrize(
    ("options", "cause", "words"),
    [
        ({"zones": ["nosuch"]}, "no-such-zone", "nosuch"),
        ({"zones": ["own01"]}, "not-linked", "zone_publishers"),
        ({"zones": ["web01"], "zone_publishers": {"db01": [OUR]}}, "bad-zone", "db01"),
        ({"publishers": [{"name": "ours"}]}, "no-origin", "ours"),
        ({"zone_publishers": {"web01": [{"name": "ours"}]}}, "no-origin", "zone web01"),
        ({"publishers": [{**OUR, "origins": ["ours"]}]}, "bad-publishers", "'ours'"),
        ({"publishers": [{**OUR, "origins": ["https://u:hush@h/"]}]}, "bad-publishers", "https://********@h/"),
        ({"publishers": [OUR, OUR]}, "bad-publishers", "twice"),
        ({"publishers": []}, "bad-publishers", "empty"),
        ({"zone_publishers": {"web01": [{**OUR, "origin": [OURS]}]}}, "bad-publishers", "origin"),
        ({"zone_publishers": {"web01": [{**OMNIOS, "sticky": False}]}}, "breaks-rule", "position 0"),
        ({"zone_publishers": {"web01": [{**OMNIOS, "enabled": False}]}}, "breaks-rule", "disabled"),
        ({"zones": ["db01"], "publishers": [OUR]}, "zone-left-out", "web01"),
    ],
)
def test_refused(options: dict[str, Any], cause: str, words: str, machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01, OWN01])
    refused = attempt(host, **options)
    assert (refused.cause, refused.changing) == (cause, [])
    assert words in refused.message


def test_an_unreachable_repository_leaves_the_global_zone_alone(machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01])
    gone = {"name": "ours", "origins": ["https://pkg.example.org/nowhere/"]}
    failed = attempt(host, publishers=[gone])
    assert failed.cause == "repository-unreachable"
    assert host.publishers("/") == host.publishers() == ["omnios", "extra.omnios"]
    assert [image["status"] for image in failed.result["images"]] == ["not-reached", "failed", "failed"]
    assert "Zone web01 is not as it should be (Publisher ours: add origin" in failed.message
    assert "Left as it was for that: the global zone." in failed.message
    assert failed.result["changed"] is False
    pkg_agrees(host)


def test_a_locked_zone_is_named_and_the_rest_is_finished_by_the_next_run(machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01])
    words = {
        "rc": 1,
        "stderr": "pkg: The image cannot be modified as it is currently in use by another package client.\n",
    }
    host.faults({"match": f"{WEB} set-publisher", "nth": "every", **words})
    failed = attempt(host, publishers=[OUR])
    assert failed.cause == "locked"
    assert "Zone web01" in failed.message
    assert "At position 2 it is to have ours, and has none." in failed.message
    assert failed.typed[1:] == [f"{WEB} set-publisher -g {OURS} ours", f"{DB} set-publisher -g {OURS} ours"]
    pkg_agrees(host)
    host.faults()
    finished = done(attempt(host, publishers=[OUR]))
    assert finished.changing == [f"{WEB} set-publisher -g {OURS} ours", f"pkg set-publisher -g {OURS} ours"]


def test_what_would_stop_pkg_is_put_back(machine: MakeMachine) -> None:
    """No order of the work keeps the rule where one comes first; the zone that went before goes back."""
    host = make(machine, [WEB01, DB01])
    host.faults({"match": f"{DB} set-publisher", "nth": "every", "rc": 1, "stderr": "pkg: (disk full)\n"})
    failed = attempt(host, publishers=[OUR, OMNIOS, EXTRAS])
    assert failed.cause == "pkg-failed"
    assert failed.typed[1:] == [
        f"{WEB} set-publisher -g {OURS} -P ours",
        f"{DB} set-publisher -g {OURS} -P ours",
        f"{WEB} unset-publisher ours",
    ]
    assert [image["status"] for image in failed.result["images"]] == ["not-reached", "taken-back", "failed"]
    assert "Put back as it was, so that pkg works in the global zone: zone web01." in failed.message
    assert failed.result["changed"] is False
    pkg_agrees(host)


@pytest.mark.parametrize(
    ("options", "command", "statuses", "zone"),
    [
        ({"publishers": [OMNIOS], "remove_unlisted": True}, "pkg unset-publisher", ["failed", "not-reached"], 2),
        ({"publishers": [OUR]}, "pkg set-publisher", ["failed", "changed"], 3),
        ({"publishers": [OUR, OMNIOS]}, "pkg set-publisher", ["failed", "taken-back"], 2),
    ],
)
def test_the_global_zone_fails(
    options: dict[str, Any], command: str, statuses: list[str], zone: int, machine: MakeMachine
) -> None:
    """Zones that came first keep what does not stop pkg; zones that come after it are left alone."""
    host = make(machine, [WEB01])
    host.faults({"match": command, "nth": "every", "rc": 1, "stderr": "pkg: (disk full)\n"})
    failed = attempt(host, **options)
    assert [image["status"] for image in failed.result["images"]] == statuses
    assert "The global zone is not as it should be" in failed.message
    assert len(host.publishers()) == zone
    pkg_agrees(host)
    host.faults()
    done(attempt(host, **options))
    pkg_agrees(host)


def test_what_cannot_be_put_back_is_told(machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01])
    host.faults({"match": f"{DB} set-publisher", "nth": "every", "rc": 1}, {"match": f"{WEB} unset-publisher", "rc": 1})
    failed = attempt(host, publishers=[OUR, OMNIOS, EXTRAS])
    assert "Until that is mended, pkg fails in the global zone on zone web01." in failed.message
    assert host.command("pkg update -n").rc == 1
    host.faults()
    done(attempt(host, publishers=[OUR, OMNIOS, EXTRAS]))
    pkg_agrees(host)


def test_what_no_command_can_name_ends_in_a_sentence(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    path = host.path("/zones/web01/root/var/pkg/pkg5.image")
    text = path.read_text()
    assert f"['{EXTRA}']" in text
    path.write_text(text.replace(f"['{EXTRA}']", "['x\\x00y']"))
    failed = attempt(host)
    assert failed.cause == "image-unreadable"
    assert failed.typed == ["zoneadm list -cp"]
    assert "Publisher extra.omnios of zone web01" in failed.message


def test_exit_0_is_not_believed(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    host.faults({"match": f"{WEB} set-publisher", "nth": "every", "rc": 0})
    failed = attempt(host, publishers=[OUR])
    assert failed.cause == "not-done"
    assert "Zone web01 is not as it should be (Publisher ours: add origin" in failed.message
    assert host.publishers("/") == ["omnios", "extra.omnios"]


def test_a_zone_without_an_image(machine: MakeMachine) -> None:
    host = make(machine, [WEB01, DB01])
    host.path("/zones/db01/root/var/pkg").rename(host.path("/zones/db01/root/var/pkg.away"))
    refused = attempt(host)
    assert (refused.cause, refused.changing) == ("image-missing", [])
    assert "db01" in refused.message
    run_all_without_pkg = done(attempt(host, zones=["web01"]))
    assert run_all_without_pkg.typed == ["zoneadm list -cp"]


def kill_at(host: Machine, number: int, **options: Any) -> None:
    """Run it, and kill it right before its `number`th command (from 1)."""

    def work() -> dict[str, Any]:
        here = Host("/")
        started = 0

        def starting(ctx: command.Context) -> None:
            nonlocal started
            started += ctx.parent is None
            if started == number:
                os._exit(9)

        here.starting = starting
        return publishers.run(HostRunner(here, 0), {**DEFAULTS, **options}, False)

    with pytest.raises(RuntimeError, match="died"):
        host.enter(work)


@pytest.mark.parametrize("number", range(2, 11))
def test_killed_before_any_command_it_is_finished_by_the_next_run(number: int, machine: MakeMachine) -> None:
    """One publisher goes, one comes, one changes in every way, one is a zone's own: nine commands."""
    host = make(machine, [WEB01, DB01])
    assert host.command(f"{WEB} set-publisher -g {THEIRS} theirs").rc == 0
    options: dict[str, Any] = {
        "publishers": [
            {"name": "omnios", "sticky": False, "mirrors": [EXTRA]},
            {**OUR, "properties": {"signature-policy": "ignore"}},
        ],
        "remove_unlisted": True,
    }
    assert len(done(attempt(host, check=True, **options)).actions) == 10
    kill_at(host, number, **options)
    done(attempt(host, **options))
    for root, own in (("/", []), ("/zones/web01/root", ["theirs"]), ("/zones/db01/root", [])):
        assert host.publishers(root) == ["omnios", "ours", *own]
    assert attempt(host, **options).typed == ["zoneadm list -cp"]
    pkg_agrees(host)


def test_check_names_what_every_operation_fails_on(machine: MakeMachine) -> None:
    """What other modules ask before they start."""
    host = make(machine, [WEB01, DB01, OWN01])
    assert host.command(f"{DB} unset-publisher omnios").rc == 0
    assert host.command("pkg -R /zones/own01/root unset-publisher omnios").rc == 0

    def work() -> dict[str, Any]:
        seen = survey.survey(HostRunner(Host("/"), 0), "/", None)
        found = publishers.check(seen.parent, seen.zones)
        return {"found": [(one.zone, one.fault.position, one.sentence, one.remedy) for one in found]}

    ((zone, position, sentence, remedy),) = host.enter(work).result["found"]
    assert (zone, position) == ("db01", 0)
    assert sentence.startswith("Zone db01: At position 0 the global zone has omnios;")
    mending = f"{DB} set-publisher -g {CORE} -P omnios"
    assert remedy == f"Run linked_publisher for zone db01, or `{mending}`."
    assert host.command(mending).rc == 0
    pkg_agrees(host)


def test_a_global_zone_that_recurses_by_itself(machine: MakeMachine) -> None:
    """With the property default-recurse pkg does again in zones what was done there before."""
    host = make(machine, [WEB01, DB01])
    assert host.command("pkg set-property default-recurse True").rc == 0
    assert host.command(f"{WEB} set-publisher -g {THEIRS} theirs").rc == 0
    commands = [
        f"{WEB} set-publisher -g {OURS} --search-after extra.omnios ours",
        f"{DB} set-publisher -g {OURS} ours",
        f"pkg set-publisher -g {OURS} ours",
    ]
    run_all(host, commands, publishers=[OUR])
    assert host.publishers() == ["omnios", "extra.omnios", "ours", "theirs"]
    nearer = {"web01": [{"name": "ours", "mirrors": [EXTRA]}]}
    done(attempt(host, zone_publishers=nearer))
    ran = done(attempt(host, zone_publishers=nearer, publishers=[{**OUR, "mirrors": [CORE]}]))
    assert ran.changing == [
        f"{DB} set-publisher --no-refresh -m {CORE} ours",
        f"pkg set-publisher --no-refresh -m {CORE} ours",
        f"{WEB} set-publisher --no-refresh -M {CORE} ours",
    ]
    assert attempt(host, zone_publishers=nearer).typed == ["zoneadm list -cp"]


def test_a_zone_of_the_system_repository_is_left_alone(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    assert host.command(f"{WEB} set-property use-system-repo True").rc == 0
    ran = done(attempt(host, publishers=[OUR]))
    assert ran.changing == [f"pkg set-publisher -g {OURS} ours"]


def test_a_client_certificate_cannot_be_handed_on(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    for name in ("key", "cert"):
        host.path(f"/root/{name}").parent.mkdir(exist_ok=True)
        host.path(f"/root/{name}").write_text(name)
    assert host.command(f"pkg set-publisher -k /root/key -c /root/cert -g {OURS} ours").rc == 0
    refused = attempt(host)
    assert (refused.cause, refused.changing) == ("client-certificate", [])
    assert f"{WEB} set-publisher -k KEY -c CERTIFICATE -g {OURS} ours" in refused.message


def test_inside_a_zone(machine: MakeMachine) -> None:
    host = make(machine, [WEB01])
    host.change(zonename="web01")
    refused = attempt(host)
    assert (refused.cause, refused.changing) == ("not-global-zone", [])


def test_as_a_task(machine: MakeMachine, tmp_path: Path) -> None:
    """Check, run, check, run, then something else asked for, each by Ansible itself; no password is in any result."""
    host = make(machine, [WEB01])
    through = "http://user:hush@proxy.example.org:3128"
    first = {"publishers": [OMNIOS, {**EXTRAS, "proxy": through}, OUR], "zone_publishers": {"web01": [THEIR]}}
    second = {"publishers": [OMNIOS, {**EXTRAS, "proxy": ""}], "remove_unlisted": True}
    steps = [(True, first), (False, first), (True, first), (False, first), (True, second), (False, second)]
    tasks: list[dict[str, Any]] = [
        {"illumos.linked_zones.linked_publisher": options, "check_mode": check, "register": f"step{number}"}
        for number, (check, options) in enumerate(steps)
    ]
    names = ", ".join(f"step{number}" for number in range(len(steps)))
    copy = {"content": "{{ [" + names + "] | to_json }}", "dest": RESULTS}
    played = play(host, tmp_path, [*tasks, {"ansible.builtin.copy": copy, "diff": False}])
    assert played.returncode == 0, played.stdout + played.stderr
    results = json.loads(host.path(RESULTS).read_text())
    assert [result["changed"] for result in results] == [True, True, False, False, True, True]
    for foreseen, ran in ((0, 1), (2, 3), (4, 5)):
        argvs = [[action["argv"] for action in results[number]["actions"]] for number in (foreseen, ran)]
        assert argvs[0] == argvs[1]
        assert results[foreseen]["images"] == results[ran]["images"]
    assert "hush" not in json.dumps(results) + played.stdout
    assert "+ours" in played.stdout
    assert host.publishers("/") == ["omnios", "extra.omnios"]
    assert host.publishers() == ["omnios", "extra.omnios", "theirs"]
