"""zonecfg: its language, what `info` and `export` print, and the errors that exit 0."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import log, zoneconfig, zones
from testbed.command import run as run_on

FULL = """\
set autoboot=true; set limitpriv="default,sys_time"; set max-lwps=2000
add fs; set dir=/opt/data; set special=/tank/data; set type=lofs; add options ro; add options nodevices; end
add net; set physical=web0; set global-nic=auto; set allowed-address=10.0.0.5/24; set defrouter=10.0.0.1; end
add device; set match=/dev/zvol/rdsk/rpool/vm1; end
add dedicated-cpu; set ncpus=1-4; set importance=10; end
add capped-cpu; set ncpus=2; end
add capped-memory; set physical=1G; set swap=2G; end
add attr; set name=dns-domain; set type=string; set value="example.org two"; end
add dataset; set name=tank/delegated; end
add admin; set user=fred; set auths=login,manage; end
add rctl; set name=zone.max-stack; add value (priv=privileged,limit=20,action=none); end
add security-flags; set default=aslr; set lower=none; set upper=all; end
"""

INFO = """\
zonename: db01
zonepath: /zones/db01
brand: lipkg
autoboot: true
bootargs:~
pool:~
limitpriv: default,sys_time
scheduling-class:~
ip-type: exclusive
hostid:~
fs-allowed:~
[max-lwps: 2000]
fs:
	dir: /opt/data
	special: /tank/data
	raw not specified
	type: lofs
	options: [ro,nodevices]
net:
	address not specified
	allowed-address: 10.0.0.5/24
	physical: web0
	mac-addr not specified
	vlan-id not specified
	global-nic: auto
	defrouter: 10.0.0.1
device:
	match: /dev/zvol/rdsk/rpool/vm1
dedicated-cpu:
	ncpus: 1-4
	importance: 10
capped-cpu:
	[ncpus: 2.00]
capped-memory:
	[physical: 1G]
	[swap: 2G]
attr:
	name: dns-domain
	type: string
	value: "example.org two"
dataset:
	name: tank/delegated
admin:
	user: fred
	auths: login,manage
rctl:
	name: zone.max-stack
	value: (priv=privileged,limit=20,action=none)
security-flags:
	default: aslr
	lower: none
	upper: all
""".replace("~", " ")
"""An empty property has a blank behind the colon, here `~`."""

EXPORTED = """\
create -b
set zonepath=/zones/db01
set brand=lipkg
set autoboot=true
set limitpriv=default,sys_time
set ip-type=exclusive
add fs
set dir="/opt/data"
set special="/tank/data"
set type="lofs"
add options ro
add options nodevices
end
add net
set allowed-address="10.0.0.5/24"
set physical="web0"
set global-nic="auto"
set defrouter="10.0.0.1"
end
add device
set match="/dev/zvol/rdsk/rpool/vm1"
end
"""


def xml(host, name):
    return host.path(f"/etc/zones/{name}.xml").read_text()


def test_info_in_the_order_and_form_of_zonecfg__zone_tools_4_5(run):
    assert run("zonecfg -z db01", FULL).rc == 0
    assert run("zonecfg -z db01 info").stdout == INFO
    assert run("zonecfg -z db01 info brand").stdout == "brand: lipkg\n"
    assert run("zonecfg -z db01 info attr name=dns-domain").stdout.splitlines()[3] == '\tvalue: "example.org two"'
    assert run("zonecfg -z db01 info attr name=nosuch").stdout == "No such attr resource.\n"
    assert run("zonecfg -z web01 info attr") == run("zonecfg -z web01 info fs")


def test_export_quotes_what_is_in_resources_and_knows_no_caps__zone_tools_4_6(run):
    run("zonecfg -z db01", FULL)
    text = run("zonecfg -z db01 export").stdout
    assert text.startswith(EXPORTED)
    assert "capped" not in text
    limit = "add value (priv=privileged,limit=1073741824,action=deny)"
    assert f'add rctl\nset name="zone.max-physical-memory"\n{limit}\nend\n' in text
    assert text.endswith("add security-flags\nset lower=none\nset default=aslr\nset upper=all\nend\n")


def test_what_export_prints_makes_the_same_zone(host, run):
    run("zonecfg -z db01", FULL)
    text = run("zonecfg -z db01 export").stdout
    assert run("zonecfg -z copy", text.replace("/zones/db01", "/zones/copy")).rc == 0
    assert run("zonecfg -z copy export").stdout == text.replace("/zones/db01", "/zones/copy")
    assert zones.read_index(host)[-1] == zones.IndexEntry("copy", "configured", "/zones/copy", "")


def test_the_xml_is_written_in_zonecfgs_form(host, run):
    before = xml(host, "old01")
    run("zonecfg -z old01 set brand=lipkg")
    assert xml(host, "old01") == before.replace('brand="ipkg"', 'brand="lipkg"')
    run("zonecfg -z old01", 'add attr; set name=a; set type=string; set value="x & <y>"; end')
    assert '  <attr name="a" type="string" value="x &amp; &lt;y&gt;"/>\n</zone>\n' in xml(host, "old01")


# -- state and set --


@pytest.mark.parametrize("what", ["brand=ipkg", "zonepath=/zones/other"])
def test_set_brand_on_installed_exits_0_and_changes_nothing__zone_tools_4_2(host, run, what):
    before = xml(host, "db01")
    for name in ("db01", "web01"):
        result = run(f"zonecfg -z {name} set {what}")
        text = f"Zone {name} already installed; set {what.partition('=')[0]} not allowed.\n"
        assert (result.rc, result.stdout, result.stderr) == (0, "", text)
    assert xml(host, "db01") == before
    assert log.changing(log.read(host.private)) == []


@pytest.mark.parametrize("state", ["configured", "incomplete"])
def test_set_brand_is_silent_below_installed__zone_tools_4_2(run, put, state):
    put("old01", state)
    result = run("zonecfg -z old01 set brand=lipkg")
    assert (result.rc, result.stdout, result.stderr) == (0, "", "")
    assert run("zonecfg -z old01 info brand").stdout == "brand: lipkg\n"


def test_an_unknown_brand_is_found_at_the_commit__zone_tools_4_2(host, run):
    result = run("zonecfg -z old01 set brand=bogus")
    assert (result.rc, result.stderr) == (
        1,
        "old01: unknown brand.\n\nold01: Invalid document\nConfiguration not saved.\n",
    )
    assert 'brand="ipkg"' in xml(host, "old01")


def test_a_brand_without_its_package_stops_even_info__zone_tools_4_1(host, run):
    host.path("/usr/lib/brand/lipkg/config.xml").unlink()
    for command in ("info", "set brand=ipkg", "export"):
        result = run(f"zonecfg -z db01 {command}")
        text = 'Zone db01 uses non-existent brand "lipkg".  Unable to continue\n'
        assert (result.rc, result.stderr) == (1, text)


def test_rename_takes_file_and_index_with_it(host, run):
    assert run("zonecfg -z old01 set zonename=new01").rc == 0
    assert not host.path("/etc/zones/old01.xml").exists()
    assert 'name="new01"' in xml(host, "new01")
    assert run("zonecfg -z new01 set zonename=web01").stderr == "web01: Zone name already in use\n"


# -- create, delete, revert, files --


def test_create_of_what_is_there__zone_tools_4_3(run):
    installed = run("zonecfg -z db01 create -b")
    assert (installed.rc, installed.stderr) == (0, "Zone db01 already installed; create not allowed.\n")
    configured = run("zonecfg -z old01 create -b")
    assert (configured.rc, configured.stderr.splitlines()) == (
        1,
        ["Zone exists, input not from terminal and -F not specified:", "create command ignored, exiting."],
    )
    forced = run("zonecfg -z old01", "create -F -b; set zonepath=/zones/old01")
    assert (forced.rc, forced.stdout) == (0, "Zone old01 already exists; overwriting.\n")


def test_create_from_templates_and_a_detached_zone__zone_tools_4_3(host, run):
    assert run("zonecfg -z a", "create; set zonepath=/zones/a").rc == 0
    assert 'brand="lipkg" ip-type="exclusive"' in xml(host, "a")
    assert run("zonecfg -z b create -t foo").stderr == "OMNIfoo: No such zone configured\n"
    assert run("zonecfg -z c create -a /nothere").stderr == "invalid path to detached zone\n"
    assert run("zonecfg -z c create -a /zones/old01").rc == 0
    assert run("zonecfg -z c info zonepath").stdout == "zonepath: /zones/old01\n"


def test_delete__zone_tools_4_3(host, run):
    refused = run("zonecfg -z old01 delete")
    assert (refused.rc, refused.stderr.splitlines()) == (
        1,
        ["Input not from terminal and -F not specified:", "delete command ignored, exiting."],
    )
    assert run("zonecfg -z web01 delete -F").stderr == "web01: Zone state is invalid for the requested operation\n"
    assert run("zonecfg -z old01 delete -F").rc == 0
    assert not host.path("/etc/zones/old01.xml").exists()
    assert run("zonecfg -z old01 info").stderr == "old01: No such zone configured\n"


def test_revert_and_verify__zone_tools_4_3(run):
    assert run("zonecfg -z db01 revert").stderr == "No changes to revert.\n"
    assert run("zonecfg -z db01", "set autoboot=false; revert -F; verify; info autoboot").stdout == "autoboot: true\n"
    shared = run("zonecfg -z db01", "set ip-type=shared; add net; set physical=x; set allowed-address=1.2.3.4; end")
    assert shared.rc == 1
    assert shared.stderr.startswith("net: allowed-address cannot be specified for a shared IP type\nZone db01 failed")
    assert run("zonecfg -z fresh create -b").stderr.startswith("zonepath cannot be empty.\n")


def test_a_file_stops_at_the_error_and_saves_what_came_before__zone_tools_11_13(host, run):
    with host.locked():
        host.write("/root/commands", "set autoboot=false\nset autoboot=maybe\nset pool=never\n")
    result = run("zonecfg -z db01 -f /root/commands")
    assert result.rc == 1
    assert result.stderr == "On line 2 of /root/commands:\nautoboot value must be 'true' or 'false'.\n"
    assert 'autoboot="false"' in xml(host, "db01")
    assert "pool" not in xml(host, "db01")


def test_an_unfinished_resource_is_not_saved(host, run):
    before = xml(host, "db01")
    result = run("zonecfg -z db01", "add net; set physical=x")
    assert (result.rc, result.stderr) == (1, "Resource incomplete.\n")
    result = run("zonecfg -z db01", "add net; end")
    assert (result.rc, result.stderr) == (1, "physical not specified\nResource incomplete.\nResource incomplete.\n")
    assert xml(host, "db01") == before


def test_select_remove_and_doubles__zone_tools_4_4(run):
    run("zonecfg -z db01", FULL)
    assert run("zonecfg -z db01", "select net physical=web0; set defrouter=10.0.0.9; end").rc == 0
    assert "defrouter: 10.0.0.9" in run("zonecfg -z db01 info net").stdout
    double = run("zonecfg -z db01", "add attr; set name=dns-domain; set type=string; set value=x; end")
    assert double.stderr.startswith("An attr resource with the name 'dns-domain' already exists.\n")
    assert run("zonecfg -z db01 select net physical=nosuch").stderr == "select net: No such resource with that id\n"
    run("zonecfg -z db01", "add net; set physical=web1; end")
    assert run("zonecfg -z db01 remove net").stderr.startswith("There are multiple instances of this resource.")
    assert run("zonecfg -z db01 remove -F net").rc == 0
    assert run("zonecfg -z db01", "remove fs dir=/opt/data; remove capped-memory").rc == 0
    assert run("zonecfg -z db01", "info net; info fs; info capped-memory").stdout == ""


@pytest.mark.parametrize(
    ("line", "rc", "start"),
    [
        ("zonecfg", 2, "usage:"),
        ("zonecfg -z -bad info", 2, "-bad: Bogus zone name\n"),
        ("zonecfg -z nosuch info", 1, "nosuch: No such zone configured\n"),
        ("zonecfg -z db01 bogus", 1, "syntax error at 'bogus'\nusage:"),
        ("zonecfg -z db01 info nosuch", 1, "nosuch: No such resource type\n"),
        ("zonecfg -z db01 set physical=x", 1, "Cannot set a resource-specific property from the global scope.\n"),
        ("zonecfg -z db01 end", 1, "The command only makes sense in a resource scope.\n"),
    ],
)
def test_errors__zone_tools_4_1(run, line, rc, start):
    result = run(line)
    assert result.rc == rc
    assert result.stderr.startswith(start)


def test_only_from_the_global_zone__zone_tools_4_1(run):
    result = run("zonecfg -z web01 info", zone="web01")
    assert (result.rc, result.stderr) == (1, "zonecfg can only be run from the global zone.\n")


# -- the language --

VALUE = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"], exclude_characters='"'), min_size=1)


@given(VALUE)
def test_a_quoted_value_may_hold_anything_but_a_quote__zone_tools_4_6(value):
    (command,) = zoneconfig.parse(f'set value="{value}"')
    assert (command.words, command.pairs) == (["set"], [("value", value)])


@given(st.dictionaries(st.sampled_from(["name", "type", "value"]), VALUE), VALUE)
def test_the_xml_keeps_every_value(attributes, text):
    zone = ElementTree.Element("zone", {"name": text})
    ElementTree.SubElement(zone, "attr", attributes)
    again = ElementTree.fromstring(zones.XML_HEAD.encode() + zones.element_text(zone).encode())
    assert (again.attrib, again[0].attrib) == (zone.attrib, attributes)


@given(st.text(st.sampled_from('set brand=lipkg;"\n()[],=# add net end')))
def test_no_text_breaks_the_parser(text):
    try:
        commands = list(zoneconfig.parse(text))
    except zoneconfig.SyntaxMistake:
        return
    assert all(command.words or command.pairs for command in commands)


@given(st.integers(0, 2**50))
def test_sizes_come_back(size):
    assert zoneconfig.to_bytes(zoneconfig.human(size)) == size


def test_comments_and_lines_are_counted():
    commands = list(zoneconfig.parse("# a comment\nset a=b\n\nset c=(x=1,y=[2])"))
    assert [command.line for command in commands] == [2, 4]


def test_an_index_line_comes_back(host):
    for zonepath in ("/zones/a", "/zones/a:b", "/zones/with blank"):
        with host.locked():
            zones.write_index(host, [zones.IndexEntry("z", "installed", zonepath, "uuid")])
            assert zones.read_index(host) == [zones.IndexEntry("z", "installed", zonepath, "uuid")]


def test_the_log_shows_one_typed_command(host):
    run_on(host, ["zonecfg", "-z", "db01", "info"])
    assert re.match("zonecfg", log.typed(log.read(host.private))[-1][0])
