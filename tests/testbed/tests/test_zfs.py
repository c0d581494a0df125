"""zfs and mount: properties, libzfs's rules for mounts, snapshots and clones, and the texts that are recorded."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from testbed import command, zfs
from testbed.host import Host

from .machine import DS, ROOT, ZBE, P, bare, ok, refused, run

OPTIONS = "rw,devices,setuid,nonbmand,exec,xattr,atime"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return bare(tmp_path / "host")


def value(host: Host, name: str, prop: str) -> list[str]:
    return ok(host, f"zfs get -H -o value,source {prop} {name}").rstrip("\n").split("\t")


def mounted(host: Host) -> list[str]:
    return [line.split()[2] for line in ok(host, "mount -p").splitlines() if line.split()[3] == "zfs"]


# -- properties


def test_a_mountpoint_is_inherited_with_the_path_below(host: Host) -> None:
    assert value(host, DS, "mountpoint") == [P, "inherited from rpool/zones"]


def test_legacy_is_inherited_as_it_is(host: Host) -> None:
    assert value(host, ZBE, "mountpoint") == ["legacy", f"inherited from {ROOT}"]


def test_canmount_is_not_inherited(host: Host) -> None:
    ok(host, f"zfs set canmount=noauto {DS}")
    ok(host, f"zfs create {DS}/data")
    assert value(host, f"{DS}/data", "canmount") == ["on", "default"]


def test_a_user_property_that_nobody_set_is_a_dash(host: Host) -> None:
    assert value(host, DS, "org.opensolaris.libbe:active") == ["-", "-"]


def test_a_user_property_is_inherited(host: Host) -> None:
    ok(host, f"zfs create {ZBE}/svc")
    assert value(host, f"{ZBE}/svc", "org.opensolaris.libbe:active") == ["on", f"inherited from {ZBE}"]


def test_sources_can_be_chosen(host: Host) -> None:
    assert ok(host, f"zfs get -H -s local -o property all {ROOT}").split() == ["mountpoint", "zoned"]


def test_list_as_the_hooks_ask_for_it__brand_scripts(host: Host) -> None:
    columns = "name,org.opensolaris.libbe:parentbe,org.opensolaris.libbe:active"
    assert ok(host, f"zfs list -H -r -t filesystem -o {columns} {ROOT}") == (
        f"{ROOT}\t-\t-\n{ZBE}\t7c1e0a9e-52d4-6b0f-93f1-c0ffee15105a\ton\n"
    )


def test_default_columns_and_constant_sizes__brand_scripts(host: Host) -> None:
    assert ok(host, f"zfs list -H -t filesystem {ROOT}") == f"{ROOT}\t412M\t52.1G\t410M\tlegacy\n"


def test_a_table_has_columns_two_blanks_apart__brand_scripts(host: Host) -> None:
    lines = ok(host, "zfs list -t filesystem -o name,mountpoint").splitlines()
    assert lines[0] == "NAME".ljust(len(ZBE)) + "  MOUNTPOINT"
    assert lines[-1] == f"{ZBE}  legacy"


def test_a_path_names_the_filesystem_that_holds_it(host: Host) -> None:
    assert ok(host, f"zfs list -H -o name {P}/root/etc") == f"{ZBE}\n"


def test_snapshots_are_listed_only_when_asked_for(host: Host) -> None:
    ok(host, f"zfs snapshot {ZBE}@a")
    ok(host, f"zfs snapshot {ZBE}@b")
    assert "@" not in ok(host, f"zfs list -H -r -o name {DS}")
    assert ok(host, f"zfs list -H -t snapshot -S creation -o name -r {DS}").split() == [f"{ZBE}@b", f"{ZBE}@a"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("zfs list rpool/no", "cannot open 'rpool/no': dataset does not exist\n"),
        (f"zfs set zoned=maybe {ZBE}", f"cannot set property for '{ZBE}': 'zoned' must be one of 'on | off'\n"),
        (f"zfs set type=x {ZBE}", f"cannot set property for '{ZBE}': 'type' is readonly\n"),
        (f"zfs set nosuch=x {ZBE}", f"cannot set property for '{ZBE}': invalid property 'nosuch'\n"),
        ("zfs send rpool@x", "zfs send: this simulated host does not have the subcommand\n"),
        (f"zfs create {DS}", f"cannot create '{DS}': dataset already exists\n"),
        ("zfs create rpool/a/b", "cannot create 'rpool/a/b': parent does not exist\n"),
        (f"zfs snapshot {DS}/no@x", f"cannot open '{DS}/no': dataset does not exist\n"),
        (f"zfs rollback {ZBE}@no", f"cannot open '{ZBE}@no': dataset does not exist\n"),
        (f"zfs destroy {ZBE}@no", "could not find any snapshots to destroy; check snapshot names.\n"),
        (f"zfs inherit canmount {ZBE}", "'canmount' property cannot be inherited\n"),
        (f"zfs mount {ZBE}", f"cannot mount '{ZBE}': legacy mountpoint\nuse mount(8) to mount this filesystem\n"),
        (f"zfs mount {DS}", f"cannot mount '{DS}': filesystem already mounted\n"),
    ],
)
def test_what_is_refused(host: Host, line: str, text: str) -> None:
    assert refused(host, line) == text


def test_usage_is_exit_2(host: Host) -> None:
    assert run(host, "zfs frobnicate").rc == 2
    assert run(host, f"zfs list -o nosuch {ZBE}").rc == 2
    assert run(host, "zfs set canmount=on").rc == 2


# -- mounts: libzfs's changelist


def test_mount_p_lines__brand_scripts(host: Host) -> None:
    assert ok(host, "mount -p").splitlines() == [
        f"rpool/ROOT/omnios-r151054 - / zfs - no {OPTIONS}",
        "/devices - /devices devfs - no rw",
        "swap - /tmp tmpfs - no rw,xattr",
        f"rpool - /rpool zfs - no {OPTIONS}",
        f"rpool/zones - /zones zfs - no {OPTIONS}",
        f"{DS} - {P} zfs - no {OPTIONS}",
        f"{ZBE} - {P}/root zfs - no {OPTIONS}",
    ]


def test_what_detach_does_keeps_the_root_mounted__brand_scripts(host: Host) -> None:
    for step in ("set zoned=off", "set canmount=on", f"set mountpoint={P}/root"):
        ok(host, f"zfs {step} {ZBE}")
        assert f"{P}/root" in mounted(host)
    assert value(host, ZBE, "mountpoint") == [f"{P}/root", "local"]


def test_what_attach_does_unmounts_and_mounts_again__brand_scripts(host: Host) -> None:
    for step in ("set zoned=off", "set canmount=on", f"set mountpoint={P}/root"):
        ok(host, f"zfs {step} {ZBE}")
    for step in (f"set zoned=off {ROOT}", f"set mountpoint=legacy {ROOT}", f"set zoned=on {ROOT}"):
        ok(host, f"zfs {step}")
    ok(host, f"zfs set canmount=noauto {ZBE}")
    ok(host, f"zfs inherit mountpoint {ZBE}")
    assert f"{P}/root" not in mounted(host)
    ok(host, f"zfs inherit zoned {ZBE}")
    ok(host, f"mount -F zfs {ZBE} {P}/root")
    assert host.path(f"{P}/root/etc/release").read_text() == "r151054\n"


def test_a_zoned_filesystem_is_left_alone(host: Host) -> None:
    ok(host, f"zfs set zoned=on {ROOT}")
    assert f"{P}/root" in mounted(host)


def test_setting_zoned_remounts_children_that_are_not(host: Host) -> None:
    ok(host, f"zfs set zoned=off {ZBE}")
    with host.locked():
        host.state.busy.append(f"{P}/root")
    assert refused(host, f"zfs set zoned=off {ROOT}") == f"cannot unmount '{P}/root': Device busy\n"
    assert value(host, ROOT, "zoned") == ["on", "local"]


def test_a_busy_child_leaves_all_as_it_was(host: Host) -> None:
    ok(host, "zfs create -o mountpoint=/export rpool/export")
    ok(host, "zfs create rpool/export/a")
    ok(host, "zfs create rpool/export/b")
    with host.locked():
        host.state.busy.append("/export/a")
    before = sorted(mounted(host))
    assert refused(host, "zfs set mountpoint=/data rpool/export") == "cannot unmount '/export/a': Device busy\n"
    assert sorted(mounted(host)) == before
    assert value(host, "rpool/export/a", "mountpoint") == ["/export/a", "inherited from rpool/export"]


def test_a_legacy_one_with_canmount_on_comes_up_with_a_path(host: Host) -> None:
    ok(host, f"umount {P}/root")
    ok(host, f"zfs set zoned=off {ZBE}")
    ok(host, f"zfs set canmount=on {ZBE}")
    assert f"{P}/root" not in mounted(host)
    ok(host, f"zfs set mountpoint={P}/root {ZBE}")
    assert f"{P}/root" in mounted(host)


def test_canmount_off_unmounts_the_other_values_do_not(host: Host) -> None:
    ok(host, "zfs set canmount=noauto rpool")
    assert "/rpool" in mounted(host)
    ok(host, "zfs set canmount=off rpool")
    assert "/rpool" not in mounted(host)


def test_mountpoint_of_a_zoned_one_cannot_be_inherited__brand_scripts(host: Host) -> None:
    assert refused(host, f"zfs inherit mountpoint {ZBE}") == (
        f"cannot inherit mountpoint for '{ZBE}': dataset is used in a non-global zone\n"
    )


def test_mount_F_zfs_wants_a_legacy_mountpoint__brand_scripts(host: Host) -> None:
    ok(host, f"umount {P}/root")
    ok(host, f"zfs set zoned=off {ZBE}")
    ok(host, f"zfs set mountpoint={P}/root {ZBE}")
    assert refused(host, f"mount -F zfs {ZBE} {P}/root") == (
        f"filesystem '{ZBE}' cannot be mounted using 'mount -F zfs'\n"
        f"Use 'zfs set mountpoint={P}/root' instead.\n"
        "If you must use 'mount -F zfs' or /etc/vfstab, use 'zfs set mountpoint=legacy'.\n"
        "See zfs(8) for more information.\n"
    )


def test_mount_on_a_busy_place__brand_scripts(host: Host) -> None:
    text = f"mount: {ZBE} is already mounted or {P}/root is busy\n"
    assert refused(host, f"mount -F zfs {ZBE} {P}/root") == text


def test_options_given_to_mount_win_over_the_properties(host: Host) -> None:
    ok(host, f"umount {P}/root")
    ok(host, f"mount -F zfs -o nosuid,nodevices {ZBE} {P}/root")
    line = ok(host, "mount -p").splitlines()[-1]
    assert line == f"{ZBE} - {P}/root zfs - no rw,nodevices,nosetuid,nonbmand,exec,xattr,atime"


def test_a_filesystem_with_another_in_it_is_busy(host: Host) -> None:
    assert refused(host, f"umount {P}") == f"cannot unmount '{P}': Device busy\n"


def test_the_covered_directory_comes_back(host: Host) -> None:
    ok(host, f"umount {P}/root")
    host.write(f"{P}/root/below", "seen only while nothing is mounted\n")
    ok(host, f"mount -F zfs {ZBE} {P}/root")
    assert not host.path(f"{P}/root/below").exists()
    ok(host, f"umount {P}/root")
    assert host.path(f"{P}/root/below").exists()


def test_fuser_c_names_the_processes_of_the_filesystem(host: Host) -> None:
    with host.locked():
        host.state.busy.append(f"{P}/root/etc")
    result = run(host, f"fuser -c {P}/root")
    assert (result.rc, result.stdout, result.stderr) == (0, "    2001", f"{P}/root: c\n")
    assert run(host, f"fuser -c {P}").stdout == ""
    assert ok(host, "ps -p 2001 -o pid=,zone=,args=") == "2001 global -bash\n"
    assert run(host, "ps -p 4711 -o pid=").rc == 1


# -- snapshots


def test_rollback_brings_contents_back_and_leaves_properties(host: Host) -> None:
    ok(host, f"zfs snapshot -r {DS}@pre")
    host.write(f"{P}/root/etc/release", "newer\n")
    host.write(f"{P}/root/new", "")
    ok(host, f"zfs set zoned=off {ZBE}")
    ok(host, f"zfs rollback {ZBE}@pre")
    assert host.path(f"{P}/root/etc/release").read_text() == "r151054\n"
    assert not host.path(f"{P}/root/new").exists()
    assert value(host, ZBE, "zoned") == ["off", "local"]


def test_rollback_of_the_zonepath_leaves_the_root_alone(host: Host) -> None:
    ok(host, f"zfs snapshot -r {DS}@pre")
    host.write(f"{P}/SUNWdetached.xml", "")
    host.write(f"{P}/root/etc/release", "newer\n")
    ok(host, f"zfs rollback {DS}@pre")
    assert not host.path(f"{P}/SUNWdetached.xml").exists()
    assert host.path(f"{P}/root/etc/release").read_text() == "newer\n"


def test_rollback_past_newer_snapshots__brand_scripts(host: Host) -> None:
    ok(host, f"zfs snapshot {ZBE}@pre")
    ok(host, f"zfs snapshot {ZBE}@zbe-1")
    assert refused(host, f"zfs rollback {ZBE}@pre") == (
        f"cannot rollback to '{ZBE}@pre': more recent snapshots or bookmarks exist\n"
        f"use '-r' to force deletion of the following snapshots and bookmarks:\n{ZBE}@zbe-1\n"
    )
    ok(host, f"zfs clone {ZBE}@zbe-1 {ROOT}/zbe-1")
    assert refused(host, f"zfs rollback -r {ZBE}@pre") == (
        f"cannot rollback to '{ZBE}@pre': clones of previous snapshots exist\n"
        f"use '-R' to force deletion of the following clones and dependents:\n{ROOT}/zbe-1\n"
    )
    ok(host, f"zfs destroy {ROOT}/zbe-1")
    ok(host, f"zfs rollback -r {ZBE}@pre")
    assert ok(host, f"zfs list -H -t snapshot -o name -r {ZBE}") == f"{ZBE}@pre\n"


def test_a_held_snapshot_is_not_destroyed(host: Host) -> None:
    ok(host, f"zfs snapshot {ZBE}@pre")
    ok(host, f"zfs hold keep {ZBE}@pre")
    assert ok(host, f"zfs get -H -o value userrefs {ZBE}@pre") == "1\n"
    assert refused(host, f"zfs destroy {ZBE}@pre") == f"cannot destroy snapshot {ZBE}@pre: dataset is busy\n"
    ok(host, f"zfs destroy -d {ZBE}@pre")
    ok(host, f"zfs release keep {ZBE}@pre")
    assert run(host, f"zfs list {ZBE}@pre").rc == 1


def test_a_clone_keeps_its_origin(host: Host) -> None:
    ok(host, f"zfs snapshot {ZBE}@a")
    ok(host, f"zfs clone -o canmount=noauto {ZBE}@a {ROOT}/zbe-1")
    assert refused(host, f"zfs destroy {ZBE}@a") == (
        f"cannot destroy '{ZBE}@a': snapshot has dependent clones\n"
        f"use '-R' to destroy the following datasets:\n{ROOT}/zbe-1\n"
    )
    ok(host, f"zfs promote {ROOT}/zbe-1")
    assert ok(host, f"zfs get -H -o value origin {ZBE}") == f"{ROOT}/zbe-1@a\n"


def test_destroy_wants_r_for_children(host: Host) -> None:
    assert refused(host, f"zfs destroy {DS}") == (
        f"cannot destroy '{DS}': filesystem has children\nuse '-r' to destroy the following datasets:\n{ROOT}\n{ZBE}\n"
    )
    ok(host, f"zfs destroy -r {DS}")
    assert run(host, f"zfs list {DS}").rc == 1
    assert not host.path(P).exists() or not list(host.path(P).iterdir())


class Sequences(RuleBasedStateMachine):
    """Whatever is typed: files are where the mounts say, nothing of a filesystem is lost, snapshots never change."""

    @initialize()
    def make(self) -> None:
        self.top = Path(tempfile.mkdtemp())
        self.host = bare(self.top / "host")
        self.written = "r151054\n"
        self.kept: dict[str, str] = {}

    def teardown(self) -> None:
        if hasattr(self, "top"):
            shutil.rmtree(self.top)

    @rule(
        name=st.sampled_from([DS, ROOT, ZBE]),
        pair=st.sampled_from(
            ["zoned=on", "zoned=off", "canmount=on", "canmount=off", "canmount=noauto", "mountpoint=legacy"]
            + ["mountpoint=none", f"mountpoint={P}/root", "mountpoint=/elsewhere"]
        ),
    )
    def set(self, name: str, pair: str) -> None:
        run(self.host, f"zfs set {pair} {name}")

    @rule(name=st.sampled_from([DS, ROOT, ZBE]), prop=st.sampled_from(["zoned", "mountpoint"]))
    def inherit(self, name: str, prop: str) -> None:
        run(self.host, f"zfs inherit {prop} {name}")

    @rule(
        line=st.sampled_from([f"mount -F zfs {ZBE} {P}/root", f"umount {P}/root", f"zfs mount {ZBE}", "zfs mount -a"])
    )
    def mount(self, line: str) -> None:
        run(self.host, line)

    @rule(label=st.sampled_from("abc"))
    def snapshot(self, label: str) -> None:
        if run(self.host, f"zfs snapshot -r {DS}@{label}").rc == 0:
            self.kept[label] = self.written

    @rule(label=st.sampled_from("abc"))
    def rollback(self, label: str) -> None:
        if run(self.host, f"zfs rollback {ZBE}@{label}").rc == 0:
            self.written = self.kept[label]

    @rule(label=st.sampled_from("abc"))
    def forget(self, label: str) -> None:
        if run(self.host, f"zfs destroy -r {DS}@{label}").rc == 0:
            del self.kept[label]

    @rule(text=st.text("xyz", max_size=3))
    def write(self, text: str) -> None:
        with self.host.locked():
            (zfs.content(self.host, ZBE) / "etc/release").write_text(text)
        self.written = text

    @invariant()
    def the_zone_has_its_files(self) -> None:
        with self.host.locked():
            assert (zfs.content(self.host, ZBE) / "etc/release").read_text() == self.written
            for dataset in self.host.state.datasets.values():
                assert zfs.content(self.host, dataset.name).is_dir()

    @invariant()
    def snapshots_are_as_they_were(self) -> None:
        with self.host.locked():
            for label, text in self.kept.items():
                key = self.host.state.snapshots[f"{ZBE}@{label}"].content
                assert (self.host.private / "snapshots" / key / "etc/release").read_text() == text

    @invariant()
    def no_reading_changes_anything(self) -> None:
        before = command.run(self.host, ["zfs", "get", "-H", "all"]).stdout
        assert command.run(self.host, ["zfs", "get", "-H", "all"]).stdout == before


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
