"""What Ansible's `setup` asks a SunOS host for: fixed answers of a small machine, so that facts come without noise."""

from __future__ import annotations

import time

from testbed.command import Context
from testbed.commands.uname import FIELDS

UP_SINCE = 1746189120
"""When a host came up for the first time; each boot is an hour later."""

_CPU = """\
module: cpu_info                        instance: 0
name:   cpu_info0                       class:    misc
\tbrand                           Simulated CPU
\tchip_id                         0
\tclock_MHz                       2400
\timplementation                  x86 (Simulated CPU)

"""


def booted(ctx: Context) -> int:
    """When the host came up, in seconds since 1970."""
    return UP_SINCE + 3600 * ctx.host.state.boots


def kstat(ctx: Context, args: list[str]) -> int:
    """`kstat cpu_info`, `kstat -p unix:0:system_misc:boot_time`; nothing else is kept."""
    if args == ["cpu_info"]:
        ctx.out(_CPU)
    elif args[-1:] == ["unix:0:system_misc:boot_time"]:
        ctx.out(f"unix:0:system_misc:boot_time\t{booted(ctx)}\n")
    else:
        return 1
    return 0


def prtconf(ctx: Context, args: list[str]) -> int:
    ctx.out("System Configuration:  OmniOS  i86pc\nMemory size: 8192 Megabytes\n")
    return 0


def prtdiag(ctx: Context, args: list[str]) -> int:
    ctx.out("System Configuration: QEMU Simulated illumos host\n")
    return 0


def swap(ctx: Context, args: list[str]) -> int:
    """`swap -s`."""
    ctx.out("total: 524288k bytes allocated + 131072k reserved = 655360k used, 4194304k available\n")
    return 0


def ifconfig(ctx: Context, args: list[str]) -> int:
    """`ifconfig -a`: loopback only."""
    ctx.out(
        "lo0: flags=2001000849<UP,LOOPBACK,RUNNING,MULTICAST,IPv4,VIRTUAL> mtu 8232 index 1\n"
        "\tinet 127.0.0.1 netmask ff000000 \n"
    )
    return 0


def hostname(ctx: Context, args: list[str]) -> int:
    ctx.out(ctx.host.state.uname.get(*FIELDS["n"]) + "\n")
    return 0


def who(ctx: Context, args: list[str]) -> int:
    """`who -b`: the time of the last boot, from which a reboot is recognised."""
    if args == ["-b"]:
        stamp = time.strftime("%b %e %H:%M", time.gmtime(booted(ctx)))
        ctx.out(f"   .       system boot  {stamp}\n")
    return 0
