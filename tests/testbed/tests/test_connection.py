"""Ansible reaches a host by the connection plugin: tasks, files, facts, reboot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import testbed
from testbed import enter, faults, log
from testbed.__main__ import main
from testbed.host import Host

from .machine import bare

PLUGINS = Path(testbed.__file__).parent / "ansible/plugins/connection"
ANSIBLE = Path(sys.executable).with_name("ansible-playbook")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = bare(tmp_path / "gz1", autoboot=True)
    made.write("/etc/release", "  OmniOS v11 r151054\n")
    enter.ready(made)
    return made


def play(
    tmp_path: Path,
    tasks: list[dict[str, object]],
    facts: bool = False,
    variables: dict[str, object] | None = None,
) -> list[dict[str, object]]:
    """The result of every task (facts first, if they were asked for)."""
    variables = variables or {
        "ansible_connection": "testbed",
        "testbed_dir": str(tmp_path / "gz1"),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": {"gz1": variables}}}))
    (tmp_path / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": facts, "tasks": tasks}]))
    env = {
        **os.environ,
        "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS),
        "ANSIBLE_STDOUT_CALLBACK": "json_lines",
        "ANSIBLE_CALLBACK_PLUGINS": str(tmp_path),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
    }
    (tmp_path / "json_lines.py").write_text(CALLBACK)
    argv = [str(ANSIBLE), "-i", str(tmp_path / "hosts.json"), str(tmp_path / "play.json")]
    done = subprocess.run(argv, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


CALLBACK = """
import json
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = "name: json_lines\\ntype: stdout\\nshort_description: one result a line\\ndescription: for tests"


class CallbackModule(CallbackBase):
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "json_lines"
    CALLBACK_VERSION = 2.0

    def tell(self, result, **kwargs):
        print(json.dumps(result._result if hasattr(result, "_result") else result.result, default=str))

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_unreachable = tell
"""


def test_commands_and_files(host: Host, tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(b"\x00\xff bytes\n")
    copied, shown, fetched = play(
        tmp_path,
        [
            {"ansible.builtin.copy": {"src": str(tmp_path / "src"), "dest": "/root/it's here", "mode": "0600"}},
            {"ansible.builtin.command": {"argv": ["zoneadm", "list", "-c"]}},
            {"ansible.builtin.fetch": {"src": "/root/it's here", "dest": f"{tmp_path}/back", "flat": True}},
        ],
    )
    assert copied["changed"] is True
    assert shown["stdout_lines"] == ["global", "web01"]
    assert fetched["changed"] is True
    assert (tmp_path / "back").read_bytes() == b"\x00\xff bytes\n"
    assert host.path("/root/it's here").stat().st_mode & 0o777 == 0o600


def test_facts_say_omnios(host: Host, tmp_path: Path) -> None:
    facts = play(tmp_path, [], facts=True)[0]["ansible_facts"]
    assert isinstance(facts, dict)
    said = {key: facts[f"ansible_{key}"] for key in ("system", "distribution", "os_family", "service_mgr", "pkg_mgr")}
    assert said == {
        "system": "SunOS",
        "distribution": "OmniOS",
        "os_family": "Solaris",
        "service_mgr": "smf",
        "pkg_mgr": "pkg5",
    }
    assert facts["ansible_distribution_version"] == "r151054"


def test_reboot_and_what_is_there_afterwards(host: Host, tmp_path: Path) -> None:
    _, rebooted, zones = play(
        tmp_path,
        [
            {"ansible.builtin.command": {"argv": ["beadm", "create", "-a", "new"]}},
            {"ansible.builtin.reboot": {"reboot_timeout": 120}},
            {"ansible.builtin.command": {"argv": ["beadm", "list", "-H", "new"]}},
        ],
    )
    assert rebooted["rebooted"] is True
    assert str(zones["stdout"]).split(";")[2] == "NR"
    assert ["zoneadm", "-z", "web01", "boot"] in [record["argv"] for record in log.read(host.private)]


def test_a_reboot_in_a_task_is_a_lost_connection(host: Host, tmp_path: Path) -> None:
    lost, back = play(
        tmp_path,
        [
            {"ansible.builtin.command": {"argv": ["init", "6"]}, "ignore_unreachable": True},
            {"ansible.builtin.wait_for_connection": {"timeout": 60}},
        ],
    )
    assert lost["unreachable"] is True
    assert "the host went down" in str(lost["msg"])
    assert "unreachable" not in back


def declare_fault(host: Host, **fault: object) -> None:
    with host.locked():
        host.state.faults = [fault]


def test_a_connection_lost_before_a_command(host: Host, tmp_path: Path) -> None:
    declare_fault(host, match="beadm create", kill={"target": "connection", "when": "before"})
    create: dict[str, object] = {"ansible.builtin.command": {"argv": ["beadm", "create", "new"]}}
    lost, again = play(tmp_path, [create | {"ignore_unreachable": True}, create])
    assert lost["unreachable"] is True
    assert "the connection was lost while the command ran" in str(lost["msg"])
    assert again["rc"] == 0
    tried = [record["rc"] for record in log.read(host.private) if record["argv"][0] == "beadm"]
    assert tried == [None, 0]
    assert list((host.private / "connections").iterdir()) == []


def test_work_in_a_session_of_its_own_goes_on(host: Host, tmp_path: Path) -> None:
    """As ssh with a terminal: what the session runs gets SIGHUP, what left it lives on."""
    declare_fault(host, match="beadm create", kill={"target": "connection", "when": "before"})
    script = tmp_path / "detach"  # without .py: with it, ansible takes it for a callback plugin
    script.write_text(DETACH)
    lost, waited, made = play(
        tmp_path,
        [
            {"ansible.builtin.script": {"cmd": str(script)}, "ignore_unreachable": True},
            {"ansible.builtin.wait_for": {"path": "/root/done", "timeout": 20}},
            {"ansible.builtin.command": {"argv": ["beadm", "list", "-H", "new"]}},
        ],
    )
    assert lost["unreachable"] is True
    assert waited["state"] == "file"
    assert made["rc"] == 0
    assert not host.path("/root/foreground").exists()


DETACH = """\
#!/usr/bin/python3
import os, subprocess, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    open("/root/done.new", "w").write(str(subprocess.call(["beadm", "create", "new"], stdout=subprocess.DEVNULL)))
    os.rename("/root/done.new", "/root/done")
    os._exit(0)
time.sleep(60)
open("/root/foreground", "w")
"""


def test_an_asynchronous_task_lives_on(host: Host, tmp_path: Path) -> None:
    declare_fault(host, match="beadm create", hang=1)
    started, found = play(
        tmp_path,
        [
            {
                "ansible.builtin.command": {"argv": ["beadm", "create", "new"]},
                "async": 60,
                "poll": 0,
                "register": "started",
            },
            {
                "ansible.builtin.async_status": {"jid": "{{ started.ansible_job_id }}"},
                "register": "job",
                "until": "job is finished",
                "retries": 60,
                "delay": 1,
            },
        ],
    )
    assert started["started"]
    assert found["stdout"] == "Created successfully"


def test_an_asynchronous_task_ends_with_the_power(host: Host, tmp_path: Path) -> None:
    declare_fault(host, match="beadm create", hang=60)
    play(tmp_path, [{"ansible.builtin.command": {"argv": ["beadm", "create", "new"]}, "async": 60, "poll": 0}])
    assert faults.processes(host.directory)
    assert main(["power-off", str(host.directory)]) == 0
    assert faults.processes(host.directory) == []


def test_what_is_no_host_is_said(tmp_path: Path) -> None:
    (tmp_path / "gz1").mkdir()
    [result] = play(tmp_path, [{"ansible.builtin.ping": {}}])
    assert result["unreachable"] is True
    assert f"{tmp_path}/gz1 is not a simulated host: make it with" in str(result["msg"])
