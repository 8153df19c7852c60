"""Disks that run full, turn read-only and lose their power. They need root and mounts."""
import fcntl
import os
import signal
import struct
import subprocess

import pytest

from sim import wait

EXT4_IOC_SHUTDOWN = 0x8004587d  # include/uapi/linux/ext4.h of Linux
NO_LOG_FLUSH = 2                # what was not synced is gone


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def need_mounts(folder):
    """Skip with a word where nothing can be mounted."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk needs root")
    probe = os.path.join(str(folder), "probe-mount")
    os.makedirs(probe, exist_ok=True)
    done = run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", probe)
    if done.returncode:
        pytest.skip("nothing can be mounted here: " + done.stderr.strip())
    run("umount", probe)
    os.rmdir(probe)


class Disk:
    """A small disk, mounted at .path: kind "tmpfs", or "ext4" on a loop device."""

    def __init__(self, folder, kind="ext4", mib=64, name="disk"):
        need_mounts(folder)
        self.kind = kind
        self.path = os.path.join(str(folder), name)
        self.image = self.path + ".img"
        self.is_mounted = False
        os.makedirs(self.path)
        if kind == "ext4":
            with open(self.image, "wb") as image:
                image.truncate(mib << 20)
            self._must("mkfs.ext4", "-q", "-m", "0", self.image)
            self.mount(or_skip=True)
        else:
            self._must("mount", "-t", "tmpfs", "-o", "size=%dm" % mib, "tmpfs", self.path)
            self.is_mounted = True

    @staticmethod
    def _must(*command):
        done = run(*command)
        if done.returncode:
            raise RuntimeError("%s: %s" % (" ".join(command), done.stderr.strip()))

    def mount(self, or_skip=False):
        """`or_skip`: what was never mounted may be what can't be here. Later it is a failure."""
        done = run("mount", "-o", "loop", self.image, self.path)
        if done.returncode and or_skip:
            pytest.skip("no loop device can be mounted here: " + done.stderr.strip())
        assert done.returncode == 0, done.stderr
        self.is_mounted = True

    def remount(self, mode):
        """"ro" or "rw". While nobody has a file of it open for writing."""
        self._must("mount", "-o", "remount," + mode, self.path)

    def turn_read_only(self):
        """As the kernel does to a file system that it has found broken, whoever has files open.
        The way back is restore(), when nobody has."""
        self._must("mount", "-o", "remount,errors=remount-ro", self.path)
        device = run("findmnt", "-n", "-o", "SOURCE", self.path).stdout.strip()
        switch = "/sys/fs/ext4/%s/trigger_fs_error" % os.path.basename(device)
        if not os.access(switch, os.W_OK):
            pytest.skip("no file system error can be set off here: " + switch)
        with open(switch, "w") as out:
            out.write("1")

    def refuse(self, *names):
        """These files take no more writes, open or not, until take()."""
        self._must("chattr", "+i", *(os.path.join(self.path, name) for name in names))

    def take(self, *names):
        self._must("chattr", "-i", *(os.path.join(self.path, name) for name in names))

    def cut_power(self, process):
        """From now on the disk takes nothing, and what it was not asked to sync is gone. `process`,
        who works on it, is killed; then restore().

        It is stopped first, wherever it is, in the midst of a sync as well: to a sync that is under
        way the cut disk may answer that all is well (a bare loop of write and fdatasync saw that in
        3 of 100 cuts, Linux 6.18), and a gateway without power tells nobody what it was answered.
        """
        fd = os.open(self.path, os.O_RDONLY)
        try:
            process.send_signal(signal.SIGSTOP)
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)
        process.kill()
        process.wait()

    def restore(self):
        """Power is back: mounted anew, the journal replayed."""
        # A process that another thread forks has our files open until it executes.
        wait.until(lambda: run("umount", self.path).returncode == 0, 10, "umount " + self.path)
        self.is_mounted = False
        self.mount()

    def free_bytes(self):
        about = os.statvfs(self.path)
        return about.f_bavail * about.f_frsize

    def fill(self, leave=0, name="somebody-else"):
        """Another process' data: everything but `leave` bytes."""
        path = os.path.join(self.path, name)
        want = max(self.free_bytes() - leave, 0)
        with open(path, "ab", buffering=0) as out:
            block = b"x" * 65536
            while want > 0:
                try:
                    want -= out.write(block[:want])
                except OSError:
                    break
        return path

    def end(self):
        if self.is_mounted:
            if run("umount", self.path).returncode:
                run("umount", "-l", self.path)
            self.is_mounted = False
