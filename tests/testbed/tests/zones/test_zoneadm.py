"""zoneadm: list in all forms, what is legal in which state, what goes into index and XML."""

from __future__ import annotations

import re

import pytest

from testbed import log, zones

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def index_of(host):
    return host.path("/etc/zones/index").read_text()


def states(run):
    """{zone: state} as `zoneadm list -cp` shows it."""
    fields = [line.split(":") for line in run("zoneadm list -cnp").stdout.splitlines()]
    return {field[1]: field[2] for field in fields}


# -- list --


def test_list_shows_active_zones_i_installed_c_all__zone_tools_1_1(run, put):
    put("old01", "incomplete")
    assert run("zoneadm list").stdout.split() == ["global", "web01"]
    assert run("zoneadm list -i").stdout.split() == ["global", "web01", "db01"]
    assert run("zoneadm list -c").stdout.split() == ["global", "web01", "db01", "old01"]
    assert run("zoneadm list -cin").stdout.split() == ["web01", "db01", "old01"]


def test_list_p_has_eight_fields_and_no_uuid_when_configured__zone_tools_1_1(run):
    lines = [line.split(":") for line in run("zoneadm list -cp").stdout.splitlines()]
    assert ["0", "global", "running", "/", "", "ipkg", "shared", "0"] in lines
    web01, db01, old01 = lines[1:]
    assert web01[:4] == ["1", "web01", "running", "/zones/web01"]
    assert web01[5:7] == ["ipkg", "excl"]
    assert UUID.fullmatch(db01[4])
    assert db01[0] == "-"
    assert old01[2:6] == ["configured", "/zones/old01", "", "ipkg"]


def test_list_p_escapes_a_colon_in_the_zonepath_only__zone_tools_1_1(host, run):
    with host.locked():
        entries = zones.read_index(host)
        entries[2].zonepath = "/zones/a:b\\c"
        zones.write_index(host, entries)
    assert ':"/zones/a:b\\c":' in index_of(host)
    assert "/zones/a\\:b\\c" in run("zoneadm -z db01 list -p").stdout


def test_list_v_pads_and_never_cuts__zone_tools_1_1(run):
    lines = run("zoneadm list -v").stdout.splitlines()
    assert lines == [
        "  ID NAME             STATUS     PATH                           BRAND    IP    ",
        "   0 global           running    /                              ipkg     shared",
        "   1 web01            running    /zones/web01                   ipkg     excl  ",
    ]


@pytest.mark.parametrize(
    ("line", "rc", "stderr"),
    [
        ("zoneadm list -p -v", 1, "zoneadm: list -p and -v are mutually exclusive.\n"),
        ("zoneadm -z nosuch list", 1, "zoneadm: nosuch: No such zone configured\n"),
        ("zoneadm -z nosuch boot", 1, "zoneadm: nosuch: No such zone configured\n"),
        ("zoneadm -R relative list", 1, "zoneadm: root path must be absolute.\n"),
        ("zoneadm -R /nothere list", 1, "zoneadm: root path must be a directory.\n"),
        ("zoneadm -R / -z web01 boot", 1, "zoneadm: cannot boot zone in alternate root\n"),
        (
            "zoneadm -z global halt",
            1,
            "zoneadm: zone 'global': halt operation is invalid for the global zone.\n",
        ),
    ],
)
def test_errors_before_any_subcommand__zone_tools_1(run, line, rc, stderr):
    assert (run(line).rc, run(line).stderr) == (rc, stderr)


@pytest.mark.parametrize("line", ["zoneadm", "zoneadm bogus", "zoneadm -z web01 list -c", "zoneadm -q list"])
def test_bad_usage_exits_2__zone_tools_1(run, line):
    assert run(line).rc == 2
    assert "usage:" in run(line).stderr


def test_a_number_is_first_the_id_of_an_active_zone__zone_tools_1(run):
    assert ":web01:" in run("zoneadm -z 1 list -p").stdout
    assert run("zoneadm -z 77 list -p").stderr == "zoneadm: 77: No such zone configured\n"


def test_an_unreadable_zone_is_skipped_with_exit_0__zone_tools_1_1(host, run):
    host.path("/etc/zones/db01.xml").write_text("no xml")
    result = run("zoneadm list -c")
    assert (result.rc, result.stdout.split()) == (0, ["global", "web01", "old01"])
    assert result.stderr.startswith("zoneadm: db01: could not get")
    assert run("zoneadm -z db01 list").rc == 1


def test_without_the_brand_package_every_subcommand_fails__zone_tools_1(host, run):
    host.path("/usr/lib/brand/lipkg/config.xml").unlink()
    for subcommand in ("list", "boot", "detach"):
        result = run(f"zoneadm -z db01 {subcommand}")
        assert (result.rc, result.stderr) == (1, "zoneadm: zone 'db01': missing or invalid brand\n")


def test_alternate_root_prefixes_zonepaths_and_knows_no_kernel_states__zone_tools_1_1(host, run):
    alternate = host.path("/mnt")
    for name in ("index", "web01.xml"):
        target = alternate / "etc/zones" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(host.path(f"/etc/zones/{name}").read_text())
    lines = run("zoneadm -R /mnt list -cp").stdout.splitlines()
    assert lines[0].startswith("0:global:running:/mnt:")
    assert lines[1].startswith("-:web01:installed:/mnt/zones/web01:")


def test_a_zone_sees_only_itself__zone_tools_1_1(run):
    assert run("zoneadm list -cp", zone="web01").stdout == "1:web01:running:/::ipkg:excl:0\n"
    assert run("zoneadm -z db01 list", zone="web01").stderr == "zoneadm: db01: No such zone configured\n"
    assert "use halt(8) to halt this zone." in run("zoneadm -z web01 halt", zone="web01").stderr
    assert "must be in the global zone to boot a zone." in run("zoneadm -z web01 boot", zone="web01").stderr
    assert run("zonename", zone="web01").stdout == "web01\n"


# -- what is legal in which state --

PREFIX = "zoneadm: zone 'web01': "
DAEMON = "zone 'web01': "
FAILED = f"{PREFIX}call to zoneadmd failed\n"
KERNEL = ("ready", "running", "shutting_down", "down", "mounted")
ILLEGAL = [
    *[
        (command, state, 1, f"{PREFIX}must be installed before {command.split()[0]}.\n")
        for command in ("boot", "ready", "detach", "move /zones/x", "mount")
        for state in ("configured", "incomplete")
    ],
    *[
        (command, state, 1, f"{PREFIX}not running\n")
        for command in ("shutdown", "reboot")
        for state in ("configured", "incomplete", "installed")
    ],
    *[
        (command, state, 1, f"{PREFIX}{command.split()[0]} operation is invalid for {state} zones.\n")
        for command in ("install", "clone db01", "attach", "detach", "move /zones/x", "uninstall -F", "mark incomplete")
        for state in KERNEL
    ],
    *[
        (command, "incomplete", 1, f"{PREFIX}zone is incomplete; uninstall required.\n")
        for command in ("install", "clone db01", "attach", "verify")
    ],
    *[(command, "installed", 1, f"{PREFIX}is already installed.\n") for command in ("install", "clone db01", "attach")],
    *[
        (command, state, 1, f"{DAEMON}{command} operation is invalid for zones in state '{state}'\n{FAILED}")
        for command, state in [
            ("boot", "mounted"),
            ("ready", "mounted"),
            ("halt", "mounted"),
            ("halt", "incomplete"),
            ("shutdown", "ready"),
            ("shutdown", "mounted"),
            ("reboot", "ready"),
            ("mount", "running"),
            ("mount", "ready"),
            ("mount", "mounted"),
        ]
    ],
    *[
        ("unmount", state, 1, f"{PREFIX}must be mounted before unmount.\n")
        for state in ("configured", "incomplete", "installed", "ready", "running")
    ],
    *[("boot", state, 0, f"{DAEMON}zone is already booted\n") for state in ("running", "shutting_down", "down")],
    ("halt", "installed", 0, f"{DAEMON}zone is already halted\n"),
    ("ready", "ready", 0, f"{DAEMON}zone is already ready\n"),
    ("uninstall -F", "configured", 1, f"{PREFIX}is already in state 'configured'.\n"),
    (
        "halt",
        "configured",
        1,
        f"{DAEMON}cannot manage a zone which is in state 'configured'\n{PREFIX}could not start zoneadmd\n",
    ),
    ("boot -f", "installed", 1, f"{PREFIX}must be incomplete before boot.\n"),
    ("sysboot", "configured", 1, f"{PREFIX}must be installed before sysboot.\n"),
    ("mark bogus", "installed", 2, ""),
    ("mark configured", "installed", 2, ""),
]


@pytest.mark.parametrize(("command", "state", "rc", "stderr"), ILLEGAL)
def test_refused_and_nothing_changed__zone_tools_2(host, run, put, command, state, rc, stderr):
    put("web01", state)
    before = index_of(host)
    result = run(f"zoneadm -z web01 {command}")
    assert (result.rc, result.stdout, result.stderr) == (rc, "", stderr)
    assert index_of(host) == before
    assert log.changing(log.read(host.private)) == []


LEGAL = [
    ("boot", "installed", "running"),
    ("boot", "ready", "running"),
    ("ready", "installed", "ready"),
    ("ready", "running", "ready"),
    ("halt", "running", "installed"),
    ("halt", "ready", "installed"),
    ("halt", "down", "installed"),
    ("shutdown", "running", "installed"),
    ("shutdown -r", "running", "running"),
    ("reboot", "running", "running"),
    ("mount", "installed", "mounted"),
    ("mount -f", "incomplete", "mounted"),
    ("unmount", "mounted", "installed"),
    ("mark incomplete", "installed", "incomplete"),
    ("mark incomplete", "configured", "incomplete"),
    ("mark -F configured", "installed", "configured"),
    ("mark -F installed", "configured", "installed"),
    ("detach", "installed", "configured"),
    ("uninstall -F", "installed", "configured"),
    ("uninstall -F", "incomplete", "configured"),
    ("move /zones/elsewhere", "installed", "installed"),
    ("sysboot", "installed", "installed"),
    ("verify", "running", "running"),
]


@pytest.mark.parametrize(("command", "before", "after"), LEGAL)
def test_done_without_a_word__zone_tools_2(run, put, command, before, after):
    put("web01", before)
    result = run(f"zoneadm -z web01 {command}")
    assert (result.rc, result.stdout, result.stderr) == (0, "", "")
    assert states(run)["web01"] == after


# -- attach and detach --


def test_detach_wipes_the_uuid_and_attach_gives_a_new_one__zone_tools_2(host, run):
    before = run("zoneadm -z db01 list -p").stdout.split(":")[4]
    assert run("zoneadm -z db01 detach").rc == 0
    assert "db01:configured:/zones/db01:\n" in index_of(host)
    assert host.path("/zones/db01/SUNWdetached.xml").read_text() == host.path("/etc/zones/db01.xml").read_text()
    assert run("zoneadm -z db01 attach").rc == 0
    after = run("zoneadm -z db01 list -p").stdout.split(":")[4]
    assert UUID.fullmatch(after)
    assert after != before
    assert not host.path("/zones/db01/SUNWdetached.xml").exists()


def test_detach_n_prints_the_configuration_in_any_state__zone_tools_3_1(host, run):
    for name in ("web01", "db01", "old01"):
        result = run(f"zoneadm -z {name} detach -n")
        assert (result.rc, result.stdout) == (0, host.path(f"/etc/zones/{name}.xml").read_text())
    assert log.changing(log.read(host.private)) == []


def test_attach_F_runs_no_hook_and_renames_the_file__zone_tools_3_2(host, run):
    assert run("zoneadm -z old01 attach -F").rc == 0
    assert host.path("/zones/old01/SUNWattached.xml").exists()
    assert not host.path("/zones/old01/SUNWdetached.xml").exists()
    assert states(run)["old01"] == "installed"
    assert [entry["argv"] for entry in log.read(host.private) if entry["parent"]] == []
    result = run("zoneadm -z old01 attach -n /etc/zones/old01.xml -F")
    assert result.stderr == "zoneadm: zone 'old01': -F and -n flags are mutually exclusive\n"


def test_attach_of_an_older_zone_needs_u_and_says_so_only_in_its_log__zone_tools_3_2(host, run):
    result = run("zoneadm -z old01 attach")
    assert (result.rc, result.stderr, states(run)["old01"]) == (1, "", "configured")
    (written,) = host.path("/var/tmp").glob("old01.attach_log.*")
    assert "Packages in zone old01 are out of sync with the global zone." in written.read_text()
    assert written.stat().st_mode & 0o777 == 0o600
    assert run("zoneadm -z old01 attach -u").rc == 0
    assert "r151054" in host.path("/zones/old01/root/etc/release").read_text()


def test_the_hook_is_that_of_the_brand_now_in_the_xml__zone_tools_3_2(host, run):
    run("zonecfg -z old01 set brand=lipkg")
    assert run("zoneadm -z old01 attach -u").rc == 0
    assert ":lipkg:" in run("zoneadm -z old01 list -p").stdout


@pytest.mark.parametrize(("signal", "trapped"), [(9, False), (15, True)])
def test_only_a_signal_that_can_be_caught_runs_the_exit_trap__ways_back_B(host, run, signal, trapped):
    kill = {"target": "hook", "when": "after", "signal": signal}
    with host.locked():
        host.state.faults = [{"match": "^mount -F zfs", "kill": kill}]
    result = run("zoneadm -z old01 attach -u")
    assert (result.rc, result.stdout, result.stderr, states(run)["old01"]) == (1, "", "", "configured")
    (written,) = host.path("/var/tmp").glob("old01.attach_log.*")
    assert ("Result: Attach Failed." in written.read_text()) is trapped
    zbe = host_dataset(host, "rpool/zones/old01/ROOT/zbe")
    assert (zbe.local.get("mountpoint") == "/zones/old01/root") is trapped


def host_dataset(host, name):
    with host.locked():
        return host.state.datasets[name]


def test_two_active_datasets_stop_detach_before_anything_changes__zone_tools_3_1(host, run):
    assert run("zfs snapshot rpool/zones/db01/ROOT/zbe@x").rc == 0
    assert run("zfs clone rpool/zones/db01/ROOT/zbe@x rpool/zones/db01/ROOT/zbe-1").rc == 0
    uuid = run("zfs get -H -o value org.opensolaris.libbe:parentbe rpool/zones/db01/ROOT/zbe").stdout.strip()
    run(f"zfs set org.opensolaris.libbe:parentbe={uuid} rpool/zones/db01/ROOT/zbe-1")
    run("zfs set org.opensolaris.libbe:active=on rpool/zones/db01/ROOT/zbe-1")
    result = run("zoneadm -z db01 detach")
    assert (result.rc, result.stderr) == (1, "ERROR: multiple active datasets.\n")
    assert host.path("/tmp/zone.log").read_text().endswith("] ERROR: multiple active datasets.\n")
    assert states(run)["db01"] == "installed"


def test_a_zonepath_with_a_blank_breaks_in_the_hooks__zone_tools_1(host, run):
    run("zoneadm -z db01 move", "/zones/my zone")
    result = run("zoneadm -z db01 detach")
    assert result.rc == 1
    assert "the zonepath must be a ZFS dataset." in result.stderr


def test_a_built_in_brand_refuses_detach_with_its_root_mounted__zone_tools_3_1(host, run):
    with host.locked():
        zones.install_brand(host, "lx")
    run("zoneadm -z db01 mark -F configured")
    run("zonecfg -z db01 set brand=lx")
    run("zoneadm -z db01 mark -F installed")
    result = run("zoneadm -z db01 detach")
    assert (result.rc, result.stderr.splitlines()) == (
        1,
        ["These file systems are mounted on subdirectories of /zones/db01.", "\t/zones/db01/root"],
    )
    assert run("umount /zones/db01/root").rc == 0
    assert run("zoneadm -z db01 detach").rc == 0
    assert run("zoneadm -z db01 attach").rc == 0


def test_xml_and_index_must_name_the_same_zonepath__zone_tools_2(host, run):
    file = host.path("/etc/zones/db01.xml")
    file.write_text(file.read_text().replace("/zones/db01", "/zones/other"))
    result = run("zoneadm -z db01 boot")
    assert result.rc == 1
    assert result.stderr.startswith("The XML repository has zonepath '/zones/other',\nbut the index file has zonepath")
    assert result.stderr.endswith("zoneadm: zone db01 failed to verify\n")


def test_verify_of_a_detached_zone_fails__zone_tools_3_3(run):
    result = run("zoneadm -z old01 verify")
    assert result.rc == 1
    assert "Cannot verify detached zone.\nUse attach or remove /zones/old01 directory." in result.stderr


# -- boot, shutdown, halt --


def test_a_slow_shutdown_gives_up_and_the_zone_goes_down_later__zone_tools_3_7(host, run):
    with host.locked():
        host.state.settings["slow_shutdown"] = {"web01": {"state": "shutting_down", "polls": 2}}
    result = run("zoneadm -z web01 shutdown")
    assert (result.rc, result.stderr) == (1, "zone 'web01': unable to shutdown zone\n")
    seen = [states(run)["web01"] for _ in range(3)]
    assert seen == ["shutting_down", "shutting_down", "installed"]
    assert log.changing(log.read(host.private)) == [["zoneadm", "-z", "web01", "shutdown"]]


def test_a_zone_that_never_shuts_down_can_be_halted__zone_tools_3_7(host, run):
    with host.locked():
        host.state.settings["slow_shutdown"] = {"web01": {"state": "running", "polls": None}}
    assert run("zoneadm -z web01 shutdown").rc == 1
    assert states(run)["web01"] == "running"
    assert run("zoneadm -z web01 halt").rc == 0
    assert states(run)["web01"] == "installed"


def test_a_zone_that_stays_down_needs_a_reboot_of_the_host(host, run):
    with host.locked():
        host.state.settings["stuck_down"] = ["web01"]
    assert run("zoneadm -z web01 halt").rc == 1
    assert states(run)["web01"] == "down"
    run("reboot")
    assert states(run)["web01"] == "installed"


def test_each_boot_has_a_new_id_and_no_subcommand_boots_by_itself__zone_tools_11(run):
    run("zoneadm -z web01 reboot")
    assert run("zoneadm -z web01 list -p").stdout.split(":")[0] == "2"
    assert run("zoneadm -z db01 detach").rc == 0
    assert run("zoneadm -z db01 attach").rc == 0
    assert states(run)["db01"] == "installed"


# -- install and clone --


def test_a_zone_is_configured_installed_booted_and_cloned__zone_tools_3_4(host, run):
    run("zonecfg -z new01", "create -t ipkg; set zonepath=/zones/new01")
    result = run("zoneadm -z new01 install")
    assert result.rc == 0
    assert result.stdout.startswith("A ZFS file system has been created for this zone.\n")
    assert "       Image: Preparing at /zones/new01/root.\n" in result.stdout
    assert run("pkg -R /zones/new01/root list -H entire").rc == 0
    assert run("zoneadm -z new01 boot").rc == 0
    run("zonecfg -z cl01", "create -t ipkg; set zonepath=/zones/cl01")
    running = run("zoneadm -z cl01 clone new01")
    assert running.stderr == "zoneadm: zone 'cl01': clone operation is invalid for running zones.\n"
    run("zoneadm -z new01 halt")
    assert run("zoneadm -z cl01 clone new01").rc == 0
    assert states(run)["cl01"] == "installed"
    assert host.path("/zones/cl01/root/etc/release").exists()


def test_uninstall_asks_where_there_is_nobody_to_answer__zone_tools_3_6(run):
    result = run("zoneadm -z db01 uninstall")
    text = "Input not from terminal and -F not specified: uninstall not done."
    assert (result.rc, result.stderr) == (1, f"zoneadm: zone 'db01': {text}\n")
    assert states(run)["db01"] == "installed"


def test_nothing_of_the_machine_is_touched(run, tmp_path):
    run("zoneadm -z db01 detach")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["host"]
