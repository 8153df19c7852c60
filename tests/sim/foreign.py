#!/usr/bin/python3
"""Runs a command where programs of another architecture run, too: foreign.py ARCH COMMAND...

The kernel is told of qemu-user (binfmt_misc) in a user namespace alone, with mounts and processes of
its own; nothing of it is seen outside, and it ends with the command. Needs root, qemu-user-static
and Linux 6.7.
"""
import ctypes
import os
import signal
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
PR_SET_PDEATHSIG = 1
BINFMT = "/proc/sys/fs/binfmt_misc"
# The head of an ELF file: class, byte order, what is no matter, "executable", machine.
MAGIC = {"arm64": (r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00\xb7\x00", "aarch64"),
         "armhf": (r"\x7fELF\x01\x01\x01" + r"\x00" * 9 + r"\x02\x00\x28\x00", "arm")}
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"


def inside(arch, command):
    """The first process of the namespaces."""
    magic, machine = MAGIC[arch]
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    with open(BINFMT + "/register", "w") as register:
        # F: opened now, so that it runs where the chroot has none. C: as the program's owner says.
        register.write(":dray-%s:M::%s:%s:/usr/bin/qemu-%s-static:FC" % (
            machine, magic, MASK, machine))
    # Not in its place: one that becomes another user would no longer end with us.
    os._exit(subprocess.run(command).returncode & 0xff)


def main():
    arch, command = sys.argv[1], sys.argv[2:]
    is_apart, apart = os.pipe()
    is_mapped, mapped = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(mapped)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) != 0:
            os._exit(125)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # who ends us ends all that runs inside
        os.write(apart, b".")
        os.read(is_mapped, 1)
        first = os.fork()
        if first == 0:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            inside(arch, command)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]))
    os.close(apart)
    if os.read(is_apart, 1):
        for name in ("uid_map", "gid_map"):
            with open("/proc/%d/%s" % (pid, name), "w") as out:
                out.write("0 0 65536")
        os.write(mapped, b".")
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    main()
