"""The unit and component tests, and drayd before a real broker, on ARM under qemu-user."""
import glob
import os
import re
import subprocess

import pytest

from sim import package, wait
from sim.agent import ROOT
from sim.site import ALL, assert_ledger_closes, destination

pytestmark = pytest.mark.heavy

EMULATORS = {"arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}
SECONDS = 1800
WALLS = "qemu-user has no seccomp, and dray-map does not run without its walls"
UNABLE = {
    "component_test_credential_stages": WALLS,
    "component_test_mapper": WALLS,
    "component_test_mapper_child": WALLS,
    "component_test_mapper_overrun": WALLS,
    "component_test_mapper_sandbox": WALLS,
    "component_test_harden": "qemu-user has no seccomp, and shows its own process for ours",
}
FOLDERS = {arch: os.path.join(ROOT, "build/emulated", arch) for arch in EMULATORS}


def emulated(arch, program):
    """The command that runs a program of another architecture here."""
    return [EMULATORS[arch], "-L", os.path.join(ROOT, "build/sysroot", arch), program]


def programs():
    for arch, folder in FOLDERS.items():
        for path in sorted(glob.glob(folder + "/tests/unit_test_*") +
                           glob.glob(folder + "/tests/component_test_*")):
            yield pytest.param(arch, path, id="%s-%s" % (arch, os.path.basename(path)))


@pytest.mark.parametrize("arch, program", programs())
def test_a_program_of_tests_passes(arch, program):
    name = os.path.basename(program)
    if name in UNABLE:
        pytest.skip("%s: %s" % (name, UNABLE[name]))
    done = subprocess.run(emulated(arch, program), stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, timeout=SECONDS, errors="replace")
    failed = sorted(set(re.findall(r"^\[  FAILED  \] (\w+)$", done.stdout, re.M)))
    assert done.returncode == 0 and not failed, "%s\n%s" % (failed, done.stdout[-3000:])
    assert "[       OK ]" in done.stdout


@pytest.mark.parametrize("arch", EMULATORS)
def test_the_packages_own_programs_start(arch, tmp_path):
    """They are built for size, otherwise than the tests."""
    deb, = map(package.opened, package.paths("dray_*_%s.deb" % arch))
    drayd = os.path.join(package.unpack(deb, tmp_path), "usr/sbin/drayd")
    done = subprocess.run([*emulated(arch, drayd), "--version"], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, timeout=60)
    assert (done.returncode, done.stdout) == (0, "drayd %s\n" % deb.field("Version").split("-")[0])


@pytest.fixture(params=EMULATORS)
def foreign(request, tmp_path):
    """A folder with drayd and drayctl that run emulated, as if they had been built here."""
    arch = request.param
    if not os.path.exists(FOLDERS[arch] + "/drayd"):
        pytest.skip("nothing is built for " + arch)
    folder = tmp_path / arch
    folder.mkdir()
    for name in ("drayd", "drayctl"):
        script = folder / name
        script.write_text("#!/bin/sh\nexec %s \"$@\"\n" % " ".join(
            emulated(arch, os.path.join(FOLDERS[arch], name))))
        script.chmod(0o755)
    return str(folder)


def test_drayd_captures_delivers_and_loses_nothing_when_killed(site, foreign):
    erp, tms = site.cloud("erp"), site.cloud("tms")
    agent = site.make_agent({"erp": destination(erp), "tms": destination(tms, batch={"max": 20})})
    agent.use(foreign)
    agent.start(seconds=60)
    fleet = site.fleet(total=1500, rate=300, resend_s=5).start()
    for acks in (200, 600, 1000):
        wait.until(lambda acks=acks: len(fleet.acked) > acks, 120, "%d acks" % acks)
        agent.kill9()
        agent.start(seconds=60)
    assert_ledger_closes(fleet, {erp: ALL, tms: ALL}, 240)
    assert agent.ask("ledger")["closed"]
    assert agent.stop() == 0
