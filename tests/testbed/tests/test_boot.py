"""beadm, reboot, svcs, svcadm, uname: zone-tools.md, sections 6, 7, 9."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed import boot, command, declare, log, zfs
from testbed.command import Context
from testbed.host import Host

from .machine import BE, DS, ROOT, UUID, ZBE, P, bare, ok, refused, run


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return bare(tmp_path / "host", autoboot=True)


def fields(host: Host, be: str) -> list[str]:
    lines = [line.split(";") for line in ok(host, "beadm list -H").splitlines()]
    return next(line for line in lines if line[0] == be)


# -- list


def test_H_has_seven_fields__zone_tools_6_1(host: Host) -> None:
    name, uuid, active, at, space, policy, created = fields(host, "omnios-r151054")
    assert (name, uuid, active, at, policy) == ("omnios-r151054", UUID, "NR", "/", "static")
    assert space.isdigit()
    assert created.isdigit()


def test_H_of_an_inactive_unmounted_be_has_empty_fields__zone_tools_6_1(host: Host) -> None:
    ok(host, "beadm create new")
    assert fields(host, "new")[2:4] == ["", ""]


def test_table_shows_dashes__zone_tools_6_1(host: Host) -> None:
    ok(host, "beadm create new")
    header, *lines = ok(host, "beadm list").splitlines()
    assert header.split() == ["BE", "Active", "Mountpoint", "Space", "Policy", "Created"]
    assert lines[1].split()[:3] == ["new", "-", "-"]


def test_once_is_marked_T__zone_tools_6_1(host: Host) -> None:
    ok(host, "beadm create new")
    ok(host, "beadm activate -t new")
    assert (fields(host, "new")[2], fields(host, "omnios-r151054")[2]) == ("T", "NR")
    ok(host, "beadm activate -T")
    assert fields(host, "new")[2] == ""


def test_a_and_d_exclude_each_other__zone_tools_6_1(host: Host) -> None:
    result = run(host, "beadm list -a -d")
    assert result.rc == 1
    assert result.stderr.startswith("Invalid options: -a and -d are mutually exclusive.\n")


def test_snapshots_only_have_five_fields__zone_tools_6_1(host: Host) -> None:
    ok(host, "beadm create new")
    [line] = ok(host, "beadm list -H -s").splitlines()
    assert len(line.split(";")) == 5


def test_no_be_is_163__zone_tools_6_1(tmp_path: Path) -> None:
    from testbed import host

    made = host.create(tmp_path / "empty")
    result = run(made, "beadm list -H")
    assert (result.rc, result.stderr) == (163, "No boot environments found on this system.\n")


# -- messages


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("create new", "Created successfully\n"),
        ("create -a new", "Activated successfully\n"),
        ("create", "Auto named BE: omnios-r151054-1\nCreated successfully\n"),
        ("activate omnios-r151054", "Activated successfully\n"),
    ],
)
def test_success__zone_tools_6_2(host: Host, line: str, text: str) -> None:
    assert ok(host, f"beadm {line}") == text


@pytest.mark.parametrize(
    ("line", "rc", "text"),
    [
        (
            "create omnios-r151054",
            173,
            "BE omnios-r151054 already exists\n.Please choose a different BE name.\n",
        ),
        (
            "activate no",
            163,
            "no does not exist or appear to be a valid BE.\n"
            "Please check that the name of the BE provided is correct.\n",
        ),
        (
            "destroy -F omnios-r151054",
            161,
            "omnios-r151054 is the currently active BE and cannot be destroyed.\n"
            "You must boot from another BE in order to destroy omnios-r151054.\n",
        ),
        (
            "unmount omnios-r151054",
            161,
            "omnios-r151054 is the currently active BE.\n"
            "It cannot be unmounted unless another BE is the currently active BE.\n",
        ),
    ],
)
def test_refusal__zone_tools_6_2(host: Host, line: str, rc: int, text: str) -> None:
    result = run(host, f"beadm {line}")
    assert (result.rc, result.stderr) == (rc, text)


def test_destroy_asks_and_no_answer_is_exit_0__zone_tools_6_2(host: Host) -> None:
    ok(host, "beadm create new")
    assert ok(host, "beadm destroy new").endswith("new has not been destroyed.\n")
    assert fields(host, "new")


def test_destroy_of_a_mounted_be__zone_tools_6_2(host: Host) -> None:
    ok(host, "beadm create new")
    assert ok(host, "beadm mount new /mnt") == "Mounted successfully on: '/mnt'\n"
    assert run(host, "beadm destroy -F new").stderr == (
        "Unable to destroy new.\n"
        "It is currently mounted and must be unmounted before it can be destroyed.\n"
        "Use 'beadm unmount new' to unmount the BE before destroying\n"
        "it or 'beadm destroy -f new'.\n"
    )
    assert ok(host, "beadm destroy -fF new") == "Destroyed successfully\n"


def test_mounted_twice__zone_tools_6_2(host: Host) -> None:
    ok(host, "beadm create new")
    ok(host, "beadm mount new /mnt")
    result = run(host, "beadm mount new /elsewhere")
    assert (result.rc, result.stderr) == (
        180,
        "new is already mounted.\nPlease unmount the BE before mounting it again.\n",
    )


# -- zone BEs


def test_a_be_that_a_process_is_in_is_unmounted_by_force_only(host: Host) -> None:
    ok(host, "beadm create new")
    ok(host, "beadm mount new /mnt")
    with host.locked():
        host.state.busy.append("/mnt/etc")
    refused = run(host, "beadm unmount new")
    assert (refused.rc, refused.stderr) == (164, "Unable to unmount new.\ncannot unmount '/mnt': Device busy\n")
    assert ok(host, "beadm list -H new").split(";")[3] == "/mnt"
    assert ok(host, "beadm unmount -f new") == "Unmounted successfully\n"
    assert ok(host, "beadm list -H new").split(";")[3] == ""


def test_create_clones_and_stamps_zone_bes__zone_tools_6_3(host: Host) -> None:
    ok(host, "beadm create new")
    uuid = fields(host, "new")[1]
    props = "origin,canmount,org.opensolaris.libbe:parentbe,org.opensolaris.libbe:active"
    assert ok(host, f"zfs get -H -o value {props} {ROOT}/zbe-1").split() == [f"{ZBE}@zbe-1", "noauto", uuid, "on"]
    assert uuid != UUID


@pytest.mark.parametrize("state", ["configured", "incomplete"])
def test_detached_and_incomplete_zones_are_not_cloned__zone_tools_6_3(host: Host, state: str) -> None:
    host.write("/etc/zones/index", f"global:installed:/\nweb01:{state}:{P}:\n")
    ok(host, "beadm create new")
    assert run(host, f"zfs list {ROOT}/zbe-1").rc == 1


def test_a_brand_that_libbe_does_not_know_is_not_cloned__zone_tools_6_3(host: Host) -> None:
    host.write("/etc/zones/web01.xml", f'<zone name="web01" zonepath="{P}" brand="lx"/>\n')
    ok(host, "beadm create new")
    assert run(host, f"zfs list {ROOT}/zbe-1").rc == 1


def test_no_active_root_fails_and_makes_no_be__zone_tools_6_3(host: Host) -> None:
    ok(host, f"zfs set org.opensolaris.libbe:active=off {ZBE}")
    assert "web01" in refused(host, "beadm create new")
    assert ok(host, "beadm list -H").count("\n") == 1


def test_two_active_roots_fail__zone_tools_6_3(host: Host) -> None:
    libbe = f"-o org.opensolaris.libbe:parentbe={UUID} -o org.opensolaris.libbe:active=on"
    ok(host, f"zfs create -o canmount=noauto {libbe} {ROOT}/zbe-7")
    assert "web01" in refused(host, "beadm create new")


def test_destroy_takes_the_zone_bes_along__zone_tools_6_3(host: Host) -> None:
    ok(host, "beadm create new")
    ok(host, "beadm destroy -F new")
    assert ok(host, f"zfs list -H -t all -o name -r {ROOT}").split() == [ROOT, ZBE]
    assert ok(host, f"zfs list -H -t all -o name -r {BE}").split() == [BE]


def test_destroy_of_the_origin_hands_over_to_its_clones(host: Host) -> None:
    ok(host, "beadm create -a new")
    run(host, "reboot")
    ok(host, "beadm destroy -Fs omnios-r151054")
    assert [line.split(";")[0] for line in ok(host, "beadm list -H").splitlines()] == ["new"]
    assert run(host, f"zfs list {ZBE}").rc == 1
    assert host.path(f"{P}/root/etc/release").read_text() == "r151054\n"


def test_activation_makes_it_a_clone_of_nothing__libbe_be_promote_ds_callback(host: Host) -> None:
    ok(host, "beadm create -a new")
    shown = ok(host, f"zfs get -H -o name,value origin rpool/ROOT/new {ROOT}/zbe-1 {BE} {ZBE}")
    origins = dict(line.split("\t") for line in shown.splitlines())
    assert (origins["rpool/ROOT/new"], origins[f"{ROOT}/zbe-1"]) == ("-", "-")
    assert (origins[BE].split("@")[0], origins[ZBE]) == ("rpool/ROOT/new", f"{ROOT}/zbe-1@zbe-1")


def test_destroy_looks_for_snapshots_before_it_hands_them_over__libbe_be_destroy(host: Host) -> None:
    ok(host, "beadm create old")
    ok(host, "beadm create -e old newer")
    assert "old: BE has snapshots." in run(host, "beadm destroy -F old").stderr
    ok(host, "beadm destroy -F -s old")
    assert fields(host, "newer")


def test_a_zone_be_with_a_snapshot_stops_it_half_way__libbe_be_destroy_callback(host: Host) -> None:
    ok(host, "beadm create old")
    ok(host, f"zfs snapshot {ROOT}/zbe-1@mine")
    assert run(host, "beadm destroy -F old").stderr.startswith("Unable to destroy")
    assert fields(host, "old")


def test_a_zone_detached_in_it_keeps_its_zone_be__libbe_be_destroy_zones(host: Host) -> None:
    ok(host, "beadm create -a new")
    host.write("/etc/zones/index", f"global:installed:/\nweb01:configured:{P}:\n")
    run(host, "reboot")
    ok(host, "beadm destroy -F omnios-r151054")
    assert ok(host, f"zfs list -H -o name {ZBE}").strip() == ZBE


@pytest.mark.parametrize("name", ["a/b", "a%b", "x" * 65])
def test_names_that_libbe_does_not_take(host: Host, name: str) -> None:
    result = run(host, f"beadm create {name}")
    assert (result.rc, result.stderr) == (176, f"Unable to create {name}.\nInvalid argument.\n")


def test_the_configuration_goes_back_with_the_be_the_zonepath_does_not__zone_tools_6_3(host: Host) -> None:
    ok(host, "beadm create old")
    host.write("/etc/zones/web01.xml", f'<zone name="web01" zonepath="{P}" brand="lipkg"/>\n')
    host.write(f"{P}/note", "outside of the zone BEs\n")
    host.write(f"{P}/root/written", "in the zone BE of the new one\n")
    ok(host, "beadm activate old")
    run(host, "reboot")
    assert 'brand="ipkg"' in host.path("/etc/zones/web01.xml").read_text()
    assert host.path(f"{P}/note").exists()
    assert not host.path(f"{P}/root/written").exists()
    ok(host, "beadm activate omnios-r151054")
    run(host, "reboot")
    assert 'brand="lipkg"' in host.path("/etc/zones/web01.xml").read_text()


def test_a_be_mounted_shows_its_zone_be_and_leaves_no_trace(host: Host) -> None:
    ok(host, "beadm create new")
    ok(host, "beadm mount new /mnt")
    assert host.path(f"/mnt{P}/root/etc/release").read_text() == "r151054\n"
    ok(host, "beadm unmount new")
    ok(host, "beadm activate new")
    assert run(host, "reboot").stderr == ""
    assert zfs.dataset_at(host, P) is not None


# -- the host comes up


def test_reboot_boots_autoboot_zones__zone_tools_3_7(host: Host) -> None:
    run(host, "reboot")
    records = log.read(host.private)
    start = next(record for record in records if record["argv"] == ["zoneadm", "-z", "web01", "boot"])
    assert start["parent"] is not None
    assert ok(host, "zoneadm list").split() == ["global", "web01"]


def test_reboot_runs_sysboot_for_the_other_installed_ones__zone_tools_3_7(tmp_path: Path) -> None:
    quiet = bare(tmp_path / "quiet")
    run(quiet, "reboot")
    assert ok(quiet, "zoneadm list").split() == ["global"]
    assert f"{ZBE} - {P}/root " in ok(quiet, "mount -p")


def test_reboot_ends_what_kept_paths_busy(host: Host) -> None:
    with host.locked():
        host.state.busy.append(P)
        host.state.locks.append(f"{P}/root")
    run(host, "reboot")
    assert (host.state.busy, host.state.locks) == ([], [])


def test_reboot_mounts_what_mounts_by_itself(host: Host) -> None:
    ok(host, "zfs create -o mountpoint=/export -o canmount=noauto rpool/export")
    ok(host, "zfs mount rpool/export")
    run(host, "reboot")
    assert ok(host, "zfs get -H -o value mounted rpool/export rpool/zones").split() == ["no", "yes"]


def test_once_comes_up_once(host: Host) -> None:
    ok(host, "beadm create new")
    ok(host, "beadm activate -t new")
    run(host, "reboot")
    assert fields(host, "new")[2] == "N"
    run(host, "reboot")
    assert fields(host, "omnios-r151054")[2] == "NR"


def test_what_a_zone_writes_after_the_clone_stays_in_the_old_be(host: Host) -> None:
    late = f"{P}/root/var/late"
    ok(host, "beadm create new")
    host.write(late, "written by the running zone\n")
    ok(host, "beadm activate new")
    run(host, "reboot")
    assert not host.path(late).exists()
    ok(host, "beadm activate omnios-r151054")
    run(host, "reboot")
    assert host.path(late).exists()


def test_after_a_power_cut_no_zone_runs_until_it_is_booted_again(host: Host) -> None:
    ok(host, "zoneadm -z web01 boot")
    with host.locked():
        host.state.powered = False
        boot.power_on(Context(host, ["power-on"], {}))
    assert host.state.powered
    assert ok(host, "zoneadm list").split() == ["global", "web01"]


def test_tmp_is_empty_after_a_reboot_var_tmp_is_not(host: Host) -> None:
    host.write("/tmp/x", "")
    host.write("/var/tmp/x", "")
    run(host, "reboot")
    assert (host.path("/tmp/x").exists(), host.path("/var/tmp/x").exists()) == (False, True)


@pytest.mark.parametrize("line", ["init 6", "shutdown -y -g0 -i6", "reboot"])
def test_ways_to_reboot(host: Host, line: str) -> None:
    assert run(host, line).rc == 0
    assert host.state.boots == 1
    assert host.went_down


@pytest.mark.parametrize("line", ["init 5", "init 0", "shutdown -y -g0 -i5"])
def test_ways_down(host: Host, line: str) -> None:
    assert run(host, line).rc == 0
    assert not host.state.powered


def test_shutdown_without_y_asks(host: Host) -> None:
    assert command.run(host, ["shutdown", "-i6"], stdin="n\n").rc == 1
    assert host.state.boots == 0


# -- SMF


def test_svcs_H_pads_the_state__zone_tools_7(host: Host) -> None:
    ok(host, "zoneadm -z web01 boot")
    line = ok(host, "svcs -z web01 -H -o state,fmri multi-user-server")
    assert line.split() == ["online", "svc:/milestone/multi-user-server:default"]
    assert line.startswith("online         svc:")


def test_a_star_while_in_transition__zone_tools_7(host: Host) -> None:
    with host.locked():
        host.state.settings["boot_polls"] = 2
    ok(host, "zoneadm -z web01 boot")
    states = [ok(host, "svcs -z web01 -H -o state multi-user-server").split()[0] for _ in range(3)]
    assert states == ["offline*", "offline*", "online"]


def test_nothing_matches__zone_tools_7(host: Host) -> None:
    ok(host, "zoneadm -z web01 boot")
    result = run(host, "svcs -H -z web01 nosuch")
    assert (result.rc, result.stderr) == (1, "svcs: Pattern 'nosuch' doesn't match any instances\n")


def test_a_zone_that_does_not_run_is_an_error__zone_tools_7(host: Host) -> None:
    assert run(host, "svcs -z web01 -H multi-user-server").rc == 1


def test_the_system_repository_is_not_shipped__zone_tools_7(host: Host) -> None:
    ok(host, "zoneadm -z web01 boot")
    assert run(host, "svcs -z web01 svc:/application/pkg/system-repository:default").rc == 1


def test_x_is_empty_while_all_is_well__zone_tools_7(host: Host) -> None:
    ok(host, "zoneadm -z web01 boot")
    assert ok(host, "svcs -x -z web01") == ""
    ok(host, "svcadm -z web01 mark maintenance ssh")
    assert "State: maintenance" in ok(host, "svcs -x -z web01")
    ok(host, "svcadm -z web01 clear ssh")
    assert ok(host, "svcs -x -z web01") == ""


def test_svcadm_enable_and_disable(host: Host) -> None:
    ok(host, "zoneadm -z web01 boot")
    ok(host, "svcadm -z web01 disable ssh")
    assert ok(host, "svcs -H -o state -z web01 ssh").split() == ["disabled"]
    ok(host, "svcadm -z web01 enable -s ssh")
    assert ok(host, "svcs -H -o state -z web01 ssh").split() == ["online"]
    assert refused(host, "svcadm -z web01 enable nosuch") == "svcadm: Pattern 'nosuch' doesn't match any instances\n"


def test_readings_are_not_changes(host: Host) -> None:
    with host.locked():
        host.state.settings["boot_polls"] = 1
    ok(host, "zoneadm -z web01 boot")
    run(host, "svcs -z web01 multi-user-server")
    assert log.read(host.private)[-1]["changed"] is False


# -- uname


def test_uname_says_sunos__zone_tools_9(host: Host) -> None:
    with host.locked():
        host.state.uname = {"version": "omnios-r151054-0123456789", "nodename": "gz1"}
    assert ok(host, "uname -s -r") == "SunOS 5.11\n"
    assert ok(host, "uname -v") == "omnios-r151054-0123456789\n"
    assert ok(host, "uname -a") == "SunOS gz1 5.11 omnios-r151054-0123456789 i86pc i386 i86pc\n"


def test_the_kernel_follows_the_be__zone_tools_9(host: Host) -> None:
    host.write("/etc/release", "  OmniOS v11 r151046\n")
    ok(host, "beadm create old")
    ok(host, "beadm activate old")
    run(host, "reboot")
    assert ok(host, "uname -v").startswith("omnios-r151046-")


def test_the_dataset_of_the_zonepath_is_never_cloned(host: Host) -> None:
    ok(host, "beadm create new")
    assert ok(host, f"zfs list -H -t snapshot -o name -d 1 {DS}") == ""


def test_a_host_may_be_a_zone_itself(tmp_path: Path) -> None:
    zone = declare.declare(tmp_path / "zone", "zonename: web01\nuname: {nodename: web01}\n")
    assert ok(zone, "zonename") == "web01\n"
    assert run(zone, "zoneadm -z web01 halt").rc == 1


def test_a_zone_declared_running_is_up_already(tmp_path: Path) -> None:
    text = "settings: {boot_polls: 2, zone_services: {web01: {'svc:/site/app:default': maintenance}}}\n"
    made = declare.declare(tmp_path / "host", text + "zones: [{name: web01, state: running}]\n")
    assert ok(made, "svcs -z web01 -H -o state multi-user-server").split() == ["online"]
    assert ok(made, "svcs -z web01 -H -o state app").split() == ["maintenance"]


def test_on_openindiana_ipkg_is_linked_and_nlipkg_is_not(tmp_path: Path) -> None:
    zones = "zones: [{name: web01, brand: ipkg}, {name: web02, brand: nlipkg}]\n"
    made = declare.declare(tmp_path / "host", "distribution: openindiana\n" + zones)
    assert [line.split()[0] for line in ok(made, "pkg list-linked -H").splitlines()] == ["-", "zone:web01"]
    assert "OpenIndiana" in made.path("/etc/release").read_text()
