"""The packages for ARM, installed where the programs are ARM's, the maintainer scripts' shell included."""
import json
import os
import subprocess

import pytest

from help_gateway import SITE_FILE, depends_of
from sim import debian, package, process, wait
from sim.agent import ROOT
from sim.cloud import Cloud
from sim.device import Device
from sim.site import receipt, wait_applied

pytestmark = pytest.mark.heavy

FOREIGN = ["/usr/bin/python3", os.path.join(ROOT, "tests/sim/foreign.py")]
INTO = """root=$1; shift
mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/run" &&
mount --rbind /dev "$root/dev" || exit 125
exec chroot "$root" "$@"
"""
# As systemd would: broker and agent under users of their own.
START = """mosquitto -d -p 1883
install -d -o dray -g dray /run/dray
exec setpriv --reuid dray --regid dray --clear-groups --no-new-privs drayd
"""


class ForeignRoot(debian.Root):
    def __init__(self, folder, base, arch):
        super().__init__(folder, base)
        self.arch = arch

    def command(self, *command):
        return [*FOREIGN, self.arch, "sh", "-c", INTO, "sh", self.path, *debian.CLEAN_ENV, *command]


@pytest.fixture(params=["arm64"])
def root(request, tmp_path):
    debian.need("mmdebstrap", "qemu-aarch64-static")
    arch = request.param
    if subprocess.run([*FOREIGN, arch, "true"], capture_output=True).returncode:
        pytest.skip("the kernel has no binfmt_misc for a user namespace (Linux 6.7)")
    found = package.paths("dray_*_%s.deb" % arch)
    if not found:
        pytest.skip("there is no package for " + arch)
    base = debian.make_base("essential-" + arch, arch, [
        "mosquitto", "passwd", *depends_of(found[0])], "essential", [*FOREIGN, arch])
    place = ForeignRoot(tmp_path, base, arch)
    place.put(found[0])
    yield place
    place.end()


def ask_for_ack(handheld, event_id):
    """None: drayd has not yet told the broker what it wants to hear; a handheld sends again."""
    handheld.send(receipt(event_id))
    try:
        return handheld.ack(event_id, seconds=5)
    except AssertionError:
        return None


def test_the_deb_for_arm_installs_checks_starts_and_delivers(root):
    deb = os.path.basename(package.paths("dray_*_%s.deb" % root.arch)[0])
    assert root.run("dpkg", "--print-architecture").strip() == root.arch
    root.run("dpkg", "-i", "/root/" + deb)
    assert deb.split("_")[1].split("-")[0] in root.run("drayd", "--version")
    network = debian.Network()
    with network.inside():
        erp = Cloud("erp")
        root.write(SITE_FILE, json.dumps({"site": "dc-sim-1", "routes": {"all": {"to": ["erp"]}},
                                          "destinations": {"erp": {
                                              "url": erp.url, "vars": {"path": "/events"}}}}))
        root.run("drayd", "--check")
        with open(root.path + ".log", "w") as log:
            agent = process.spawn(root.command("sh", "-ec", START), stdout=log, stderr=log)
        try:
            wait.until(lambda: wait.is_listening(1883), 60, "the broker")
            handheld = Device(1883)
            ack = wait.until(lambda: ask_for_ack(handheld, "first"), 120, "an ack")
            assert ack["status"] in ("stored", "duplicate")
            wait_applied(erp, ["first"], 60)
            handheld.close()
        finally:
            agent.kill()
            agent.wait()
            erp.stop()
    network.end()
