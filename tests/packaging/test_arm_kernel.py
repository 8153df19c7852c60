"""What qemu-user can't show: dray-map's walls, on a kernel of ARM's own (qemu-system, no disk)."""
import glob
import os
import re
import shutil
import subprocess

import pytest

from sim import debian
from sim.agent import ROOT
from test_emulated import FOLDERS, UNABLE

pytestmark = pytest.mark.heavy

SECONDS = 3600
# architecture: (triplet, Debian's kernel, qemu)
MACHINES = {"arm64": ("aarch64-linux-gnu", "linux-image-arm64",
                      ["qemu-system-aarch64", "-cpu", "cortex-a57"]),
            "armhf": ("arm-linux-gnueabihf", "linux-image-armmp",
                      ["qemu-system-arm", "-cpu", "cortex-a15"])}
INIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "arm_init.c")


def copy(top, path, source=None):
    """Into the machine, where it lies here or as `path`."""
    to = top + path
    os.makedirs(os.path.dirname(to), exist_ok=True)
    source = source or path
    if os.path.isdir(source):
        shutil.copytree(source, to)
    else:
        shutil.copy(source, to)


def make_disk(folder, arch, base, programs):
    """A cpio with an init, the libraries, the programs, and what they look at."""
    triplet, sysroot = MACHINES[arch][0], os.path.join(ROOT, "build/sysroot", arch)
    top, disk = str(folder / "disk"), str(folder / "disk.cpio.gz")
    for place in ("/lib", "/usr/lib"):
        os.makedirs(top + place, exist_ok=True)
        # A sysroot has names of libraries that lead out of it.
        for library in filter(os.path.exists, glob.glob("%s%s/%s/*.so*" % (sysroot, place, triplet))):
            copy(top, library[len(sysroot):], library)
    for loader in glob.glob(sysroot + "/lib/ld-linux*"):
        copy(top, loader[len(sysroot):], loader)
    # Tests call a shell, true and rm.
    copy(top, "/bin/busybox", base + "/bin/busybox")
    for name in ("sh", "true", "rm"):
        os.symlink("busybox", top + "/bin/" + name)
    debian.said(triplet + "-gcc", "--sysroot=" + sysroot, "-O1", "-o", top + "/init", INIT)
    for path in [os.path.join(FOLDERS[arch], "dray-map"), os.path.join(ROOT, "agent/connectors"),
                 "/usr/share/zoneinfo", "/etc/passwd", *programs]:
        copy(top, path)
    debian.said("sh", "-c", "find . | cpio -o -H newc --quiet | gzip -1 >%s" % disk, cwd=top)
    shutil.rmtree(top)
    return disk


@pytest.mark.parametrize("arch", MACHINES)
def test_the_mapper_is_closed_in_on_a_kernel_of_arm(arch, tmp_path):
    _, kernel, qemu = MACHINES[arch]
    debian.need(qemu[0], "mmdebstrap", "cpio")
    programs = [path for path in (FOLDERS[arch] + "/tests/" + name for name in UNABLE)
                if os.path.exists(path)]
    if not programs:
        pytest.skip("nothing is built for " + arch)
    base = debian.make_base(kernel, arch, [kernel, "busybox-static"], "extract")
    image, = glob.glob(base + "/boot/vmlinuz-*")
    done = subprocess.run(
        [*qemu, "-M", "virt", "-nic", "none", "-m", "1024", "-nographic", "-no-reboot",
         "-icount", "shift=0,sleep=off",  # its clock counts instructions: a busy host is not seen
         "-kernel", image, "-initrd", make_disk(tmp_path, arch, base, programs), "-append",
         "console=ttyAMA0 panic=-1 quiet rdinit=/init -- " + " ".join(programs)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", timeout=SECONDS)
    said = done.stdout.replace("\r", "")
    with open(os.path.join(ROOT, "build/log/arm-kernel-%s.log" % arch), "w") as log:
        log.write(said)
    ended = dict(re.findall(r"^\[  ENDED   \] (\S+) (\d+)$", said, re.M))
    failed = re.findall(r"^\[  FAILED  \] (\w+)$", said, re.M)
    assert ended == {os.path.basename(path): "0" for path in programs}, "%s\n%s" % (
        failed, said[-4000:])
