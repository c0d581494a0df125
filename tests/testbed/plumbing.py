"""What a host directory needs so that programs run in it: tools of the machine, Python, the testbed's own commands.

Everything is a link into `/.testbed`, where enter.py shows the machine's /usr, Python and this package. A command of
illumos is either one of the testbed's or, where it has none, one that says so; the machine's other programs are absent.
"""

from __future__ import annotations

import glob
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from testbed.command import COMMANDS
from testbed.host import Host

LINUX = "/.testbed/linux"
PYTHON = "/.testbed/python"
CODE = "/.testbed/code"
RUN = "/.testbed/bin/run"
ABSENT = "/.testbed/bin/absent"

TOOLS = """
    [ awk base64 basename cat chgrp chmod chown cksum cmp cp cut date dd diff dirname echo env expr false find
    fold gawk getent gettext grep egrep fgrep gzip gunzip head id join ksh ln ls md5sum mkdir mkfifo mktemp mv nawk nl
    od paste printf pwd readlink realpath rm rmdir sed seq sh bash sha1sum sha256sum sha512sum sleep sort split
    stat sum sync tail tar tee test touch tr true tty uniq wc which whoami xargs yes
"""
"""Programs of the machine that scripts and Ansible need and that behave alike enough on illumos."""

MISSING = """
    /usr/sbin: acctadm add_drv arp auditconfig bootadm cfgadm chroot clri coreadm cryptoadm devfsadm dladm
    dlstat dtrace flowadm flowstat format fsck fstyp groupadd groupdel groupmod halt iostat ipadm ipf ipfstat
    ipnat iscsiadm itadm labelit logadm lofiadm mdb mkfs modinfo modload modunload mountall mpathadm ndd nscd
    nwamadm pooladm poolcfg poolbind poweroff projadd psradm prtpicl psrset rctladm rem_drv route routeadm
    rpcinfo sasinfo savecore sbdadm share shareall sharemgr snoop stmfadm svccfg swapadd sysdef syseventadm
    tcpdump traceroute trapstat ttyadm umountall unshare update_drv useradd userdel usermod vndadm vndstat zdb
    zinject zonep2vchk zpool zstreamdump inetadm inetconv dhcpagent in.routed keyserv killall lockstat intrstat
    wall whodo
    /usr/bin: at atq auths cpustat cputrack crle crontab ctrun ctstat curl digest domainname elfdump file finger
    ftp git ipcs ldd login logger logins lp mail mailx make man mpstat newgrp nfsstat nohup pagesize passwd
    pargs pcred pfexec pfiles pflags pgrep ping pkgadd pkginfo pkgrepo pkgsend pkgsign pkgdepend pkglint
    pkgmogrify pkgmerge pkgrecv pkill pldd plimit pmap ppriv prctl preap priocntl profiles projects prstat prun
    psig pstack pstop ptime ptree pvs pwait pwdx roles rsync scp sftp ssh ssh-keygen su sudo svcprop tip top
    truss vmstat w wget zcat zonestat netstat df du more less perl nc openssl
"""
"""Commands of a real OmniOS host that this one has not: each says so and exits 127."""

_FILES = {
    "/etc/passwd": "root:x:0:0:Super-User:/root:/bin/sh\ndaemon:x:1:1::/:\nnobody:x:60001:60001::/:\n",
    "/etc/group": "root::0:\nother::1:root\nbin::2:root\nsys::3:root\ndaemon::4:root\nnobody::60001:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "/etc/hosts": "127.0.0.1 localhost loghost\n",
}
_SITE = '''\
"""The kernel's name as programs on this host see it."""
import os


def uname():
    import json

    with open("/.testbed/state.json") as stream:
        said = json.load(stream)["uname"]
    usual = {"sysname": "SunOS", "nodename": "omnios", "release": "5.11", "version": "", "machine": "i86pc"}
    return os.uname_result([said.get(key, usual[key]) for key in usual])


os.uname = uname
'''
_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
_RUN = f"""\
#!{PYTHON}/bin/python{_VERSION} -IS
import sys
sys.path.insert(0, "{CODE}")
from testbed.command import %s
%s()
"""


def install(host: Host) -> None:
    """Put the links and files there, unless those of this version are there already."""
    stamp = host.private / "plumbing"
    current = f"{_digest()} {host.state.current_be}"
    if stamp.exists() and stamp.read_text() == current:
        return
    for name in ("linux", "python", "code", "proc", "bin"):
        (host.private / name).mkdir(exist_ok=True)
    for path in ("/usr/bin", "/usr/sbin", "/usr/lib", "/lib", "/root", "/tmp", "/var/tmp", "/dev", "/proc", "/etc"):
        host.path(path).mkdir(parents=True, exist_ok=True)
    host.path("/tmp").chmod(0o1777)
    host.path("/var/tmp").chmod(0o1777)
    for name, function in (("run", "main"), ("absent", "absent")):
        script = host.private / "bin" / name
        script.write_text(_RUN % (function, function))
        script.chmod(0o755)
    for link, target in _links():
        _link(host.path(link), target)
    for name, text in _FILES.items():
        if not host.path(name).exists():
            host.path(name).write_text(text)
    host.path("/usr/pyvenv.cfg").write_text(f"home = {PYTHON}/bin\n")
    site = host.path(f"/usr/lib/python{_VERSION}/site-packages")
    site.mkdir(parents=True, exist_ok=True)
    (site / "sitecustomize.py").write_text(_SITE)
    _compile()
    stamp.write_text(current)


def _digest() -> str:
    own = Path(__file__).read_text() + " ".join(COMMANDS)
    return hashlib.sha256("".join([own, sys.base_prefix, sys.version]).encode()).hexdigest()


def _link(path: Path, target: str) -> None:
    if path.is_symlink():
        path.unlink()
    if not path.exists():
        path.symlink_to(target)


def _links() -> Iterator[tuple[str, str]]:
    """(path on the host, what it points to)."""
    yield "/repo", "/.testbed/repo"
    yield "/bin", "usr/bin"
    yield "/sbin", "usr/sbin"
    yield "/usr/lib/locale", f"{LINUX}/lib/locale"
    for path in _loader_paths():
        yield path, LINUX + path.removeprefix("/usr")
    for name in TOOLS.split():
        program = _program(name)
        if program:
            yield f"/usr/bin/{name}", LINUX + program.removeprefix("/usr")
    directory = ""
    for word in MISSING.split():
        if word.endswith(":"):
            directory = word[:-1]
        else:
            yield f"{directory}/{word}", ABSENT
    yield "/usr/bin/python3", f"{PYTHON}/bin/python{_VERSION}"
    yield f"/usr/bin/python{_VERSION}", "python3"
    for path in COMMANDS:
        yield path, RUN


def _loader_paths() -> list[str]:
    """Where the dynamic loader of the machine's programs looks without its cache."""
    patterns = ("/lib64", "/usr/lib64", "/lib/*-linux-gnu*", "/usr/lib/*-linux-gnu*", "/lib/ld-linux*", "/lib/ld-musl*")
    return [path for pattern in patterns for path in sorted(glob.glob(pattern))]


def _program(name: str) -> str | None:
    """The machine's program, links resolved (awk is one into /etc/alternatives)."""
    for candidate in {"nawk": ["original-awk", "nawk", "awk"], "gawk": ["gawk", "awk"]}.get(name, [name]):
        for directory in ("/usr/bin", "/usr/sbin", "/bin"):
            found = os.path.realpath(f"{directory}/{candidate}")
            if found.startswith("/usr/") and os.access(found, os.X_OK):
                return found
    return None


def _compile() -> None:
    """Byte code next to the sources, where it can be written: commands start in half the time."""
    import compileall

    compileall.compile_dir(str(Path(__file__).parent), quiet=2)
