#!/usr/bin/python3
"""Run a program behind the system-call filters of a unit, and without capabilities, without systemd.

  cage.py UNIT PROGRAM [ARGUMENT...]

Of the unit are obeyed, as systemd.exec(5) says them: SystemCallFilter= (lists of what is permitted),
SystemCallErrorNumber=EPERM, RestrictAddressFamilies=, MemoryDenyWriteExecute=. What the calls are that
a group permits is asked of systemd-analyze.
"""
import ctypes
import errno
import os
import socket
import subprocess
import sys

ALLOW, REFUSE = 0x7fff0000, 0x00050000
EQUAL, MASKED = 4, 7
FAMILIES_MAX = 64
PROT_WRITE, PROT_EXEC = 2, 4
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24


class Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int),
                ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def settings(unit, key):
    """All values of a key, line by line."""
    with open(unit) as lines:
        return [line.split("=", 1)[1].split() for line in lines if line.startswith(key + "=")]


def calls_of(group):
    """A group's calls, and those of the groups in it."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True,
                          capture_output=True, text=True).stdout
    names = {line.strip() for line in said.splitlines()
             if line.startswith("    ") and not line.strip().startswith("#")}
    return {call for name in names for call in (calls_of(name) if name[0] == "@" else [name])}


def permitted(unit):
    """Each line adds to the list or, with ~, takes from it."""
    calls = calls_of("@default")
    for line in settings(unit, "SystemCallFilter"):
        taken = line[0].startswith("~")
        for word in [line[0].lstrip("~")] + line[1:]:
            named = calls_of(word) if word[0] == "@" else {word}
            calls = calls - named if taken else calls | named
    return calls


class Filter:
    def __init__(self, otherwise):
        self.lib = ctypes.CDLL("libseccomp.so.2")
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.seccomp_init(ctypes.c_uint32(otherwise)))

    def say(self, action, call, *compare):
        number = self.lib.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return  # another machine's
        array = (Compare * len(compare))(*compare)
        status = self.lib.seccomp_rule_add_array(self.context, ctypes.c_uint32(action), number,
                                                 len(compare), array)
        if status < 0:
            raise OSError(-status, "seccomp: " + call)

    def load(self):
        status = self.lib.seccomp_load(self.context)
        if status < 0:
            raise OSError(-status, "seccomp_load")


def drop_capabilities():
    """What root executes gets none any more."""
    libc, right = ctypes.CDLL(None), 0
    while libc.prctl(PR_CAPBSET_READ, right, 0, 0, 0) >= 0:
        libc.prctl(PR_CAPBSET_DROP, right, 0, 0, 0)
        right += 1


def close(unit):
    """The filters of the unit, for this process and what it becomes."""
    families = {int(getattr(socket, name)) for line in settings(unit, "RestrictAddressFamilies")
                for name in line}
    inner = Filter(ALLOW)
    for family in set(range(FAMILIES_MAX)) - families:
        inner.say(REFUSE | errno.EAFNOSUPPORT, "socket", Compare(0, EQUAL, family, 0))
    if settings(unit, "MemoryDenyWriteExecute") == [["yes"]]:
        both = PROT_WRITE | PROT_EXEC
        inner.say(REFUSE | errno.EPERM, "mmap", Compare(2, MASKED, both, both))
        inner.say(REFUSE | errno.EPERM, "mprotect", Compare(2, MASKED, PROT_EXEC, PROT_EXEC))
    outer = Filter(REFUSE | errno.EPERM)
    for call in permitted(unit):
        outer.say(ALLOW, call)
    drop_capabilities()
    inner.load()
    outer.load()


if __name__ == "__main__":
    close(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
