"""A Debian of its own to install into: a root to change, and a machine that boots it under systemd.

Roots are layers over one that is made once by mmdebstrap, from where this machine's own apt takes
Debian's packages. All mounts belong to the mount namespace that the tests were started in, and go
with it.
"""
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import zlib

import pytest

from sim import process, wait
from sim.agent import ROOT

PLACE = os.path.join(ROOT, "build/debian")
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
CLEAN_ENV = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
             "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
INTO = """root=$1; shift
mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" &&
mount -t tmpfs tmpfs "$root/run" && mount --rbind /dev "$root/dev" || exit 125
exec chroot "$root" "$@"
"""
CLONE_NEWNET, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8913, 0x8914, 1
SECONDS = 300
BASE_SECONDS = 1800  # emulated, on a busy machine


def need(*programs):
    """Skip with a word where no root can be made, entered or booted."""
    if os.geteuid() != 0:
        pytest.skip("a root to install into needs root")
    with open("/proc/self/mountinfo") as mounts:
        if any(line.split()[4] == "/" and " shared:" in line for line in mounts):
            pytest.skip("needs a mount namespace of its own: unshare -m --propagation private")
    for program in programs:
        if not shutil.which(program):
            pytest.skip("%s is not installed" % program)


def said(*command, **options):
    """What a command printed; its words when it failed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=options.pop("timeout", SECONDS), **options)
    if done.returncode:
        raise AssertionError("%s: exit %d: %s" % (" ".join(command), done.returncode,
                                                  done.stdout[-3000:]))
    return done.stdout


# --- roots ----------------------------------------------------------------------------------------

def sources(arch):
    """
    sources.list as this machine's own apt has Debian's lines. A mirror may lag behind with the
    security updates of other architectures: for tests the release is enough.
    """
    lines = said("apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)",
                 "Created-By: Packages", "Origin: Debian").splitlines()
    return "".join(sorted({line + "\n" for line in lines
                           if arch == NATIVE or "-security" not in line}))


def make_base(name, arch, packages, variant="minbase", within=()):
    """
    build/debian/NAME-…, a minimal Debian with these packages; made once.
    `within`: the words of a command that makes programs of `arch` run.
    """
    need("mmdebstrap")
    folder = os.path.join(PLACE, "%s-%08x" % (name, zlib.crc32(" ".join(packages).encode())))
    os.makedirs(PLACE, exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests may run side by side
        if os.path.exists(folder):
            return folder
        new = folder + ".new"
        shutil.rmtree(new, ignore_errors=True)
        said(*within, "mmdebstrap", "--quiet", "--variant=" + variant, "--architectures=" + arch,
             "--include=" + ",".join(packages), "bookworm", new, "-", input=sources(arch),
             timeout=BASE_SECONDS)
        os.rename(new, folder)
    return folder


class Root:
    """A copy of a base at .path that may be changed: a layer over it where the kernel can."""

    def __init__(self, folder, base):
        self.path = os.path.join(str(folder), "root")
        os.makedirs(self.path)
        layers = {name: os.path.join(str(folder), name) for name in ("upper", "work")}
        for layer in layers.values():
            os.makedirs(layer)
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s,"
                               "workdir=%s" % (base, layers["upper"], layers["work"]), self.path],
                              capture_output=True)
        self.is_layer = done.returncode == 0
        if not self.is_layer:
            said("cp", "-a", "--reflink=auto", base + "/.", self.path)
        shutil.copy("/etc/resolv.conf", self.at("/etc/resolv.conf"))

    def end(self):
        if self.is_layer:
            said("umount", "--lazy", self.path)

    def at(self, path):
        """A path of the root as this machine sees it."""
        return self.path + path

    def put(self, source, folder="/root"):
        shutil.copy(source, self.at(folder))

    def write(self, path, text, mode=0o644):
        with open(self.at(path), "w") as out:
            out.write(text)
        os.chmod(self.at(path), mode)

    def read(self, path):
        with open(self.at(path)) as text:
            return text.read()

    def command(self, *command):
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
                "sh", "-c", INTO, "sh", self.path, *CLEAN_ENV, *command]

    def run(self, *command, **options):
        return said(*self.command(*command), **options)

    def shell(self, words, **options):
        return self.run("sh", "-ec", "cd /root\n" + words, **options)


# --- a network of its own -------------------------------------------------------------------------

class Network:
    """Loopback and nothing else: ports are free there, and what was booted speaks to nobody else."""

    libc = ctypes.CDLL(None, use_errno=True)

    def __init__(self):
        with self._kept():
            if self.libc.unshare(CLONE_NEWNET) != 0:
                pytest.skip("no network namespace can be made here")
            self.file = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            with socket.socket() as any_socket:
                request = struct.pack("16sH14x", b"lo", 0)
                flags, = struct.unpack("16xH14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
                fcntl.ioctl(any_socket, SIOCSIFFLAGS,
                            struct.pack("16sH14x", b"lo", flags | IFF_UP))

    def end(self):
        os.close(self.file)

    @contextlib.contextmanager
    def _kept(self):
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            yield
        finally:
            self._enter(before)
            os.close(before)

    def _enter(self, file):
        if self.libc.setns(file, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    @contextlib.contextmanager
    def inside(self):
        """What this thread opens and starts meanwhile is in this network, and stays there."""
        with self._kept():
            self._enter(self.file)
            yield


# --- machines -------------------------------------------------------------------------------------

class ControlGroups:
    """Of a machine's own, in the hierarchies that systemd-nspawn uses: two at a time don't meet."""

    PLACES = {"name=systemd": ["/sys/fs/cgroup/systemd"],
              "": ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]}

    def __init__(self):
        self.folders = []
        with open("/proc/self/cgroup") as groups:
            mine = [line.rstrip("\n").split(":", 2)[1:] for line in groups]
        for controllers, path in mine:
            if controllers in self.PLACES:
                at = next(filter(os.path.isdir, self.PLACES[controllers]), None)
                folder = "%s%s/dray-machine-%d" % (at, path.rstrip("/"), os.getpid())
                with contextlib.suppress(OSError):
                    os.makedirs(folder, exist_ok=True)
                    self.folders.append(folder)

    def enter(self):
        for folder in self.folders:
            with open(folder + "/cgroup.procs", "w") as processes:
                processes.write("0")

    def end(self):
        for top in self.folders:
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)


class Machine:
    """A root with systemd as its first process (systemd-nspawn)."""

    def __init__(self, folder, root):
        need("systemd-nspawn")
        self.root = root
        self.console = os.path.join(str(folder), "console.log")
        self.process = self.leader = None

    def boot(self, seconds=180):
        self.groups = ControlGroups()
        with open(self.console, "a") as console:
            self.process = process.spawn(
                ["systemd-nspawn", "--quiet", "--directory", self.root.path, "--boot",
                 "--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off",
                 "--timezone=off", "--link-journal=no"],
                before=self.groups.enter, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        self.leader = wait.until(lambda: self._find_leader() or self.process.poll() is not None,
                                 seconds, "the machine's first process")
        if self.process.poll() is not None:
            self.end()
            pytest.skip("systemd-nspawn can't boot a machine here: " + self.said_at_boot())
        wait.until(lambda: self.state() in ("running", "degraded"), seconds,
                   "a booted machine; see " + self.console, every=0.2)
        return self

    def said_at_boot(self):
        with open(self.console, errors="replace") as console:
            return console.read()[-2000:]

    def _find_leader(self):
        """The descendant of systemd-nspawn that is the first of its own process namespace."""
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            try:
                with open("/proc/%d/status" % pid) as status:
                    fields = dict(line.rstrip("\n").split(":\t", 1) for line in status)
                with open("/proc/%d/task/%d/children" % (pid, pid)) as children:
                    waiting += map(int, children.read().split())
            except OSError:
                continue
            if fields["Name"] == "systemd" and fields["NSpid"].endswith("\t1"):
                return pid
        return None

    def command(self, *command):
        return ["nsenter", "--target", str(self.leader), "--all", "--wd=/proc/%d/root" % self.leader,
                *CLEAN_ENV, *command]

    def run(self, *command, **options):
        return said(*self.command(*command), **options)

    def shell(self, words, **options):
        return self.run("sh", "-ec", "cd /root\n" + words, **options)

    def state(self):
        return subprocess.run(self.command("systemctl", "is-system-running"), capture_output=True,
                              text=True, timeout=SECONDS).stdout.strip()

    def unit(self, what, unit="drayd.service"):
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", what, unit).strip()

    def journal(self, unit="drayd.service"):
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit)

    def end(self):
        if self.process is None:
            return
        if self.leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()
        self.groups.end()
        self.process = self.leader = None
