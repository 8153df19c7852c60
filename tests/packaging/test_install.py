"""From nothing to a delivering agent: a bare Debian, and the words of the README."""
import os
import re

import pytest

from sim import debian, package
from sim.agent import ROOT
from sim.cloud import Cloud
from sim.device import Device
from sim.site import receipt, wait_applied

pytestmark = pytest.mark.heavy  # it fetches what a gateway fetches


def read_install_section():
    """(commands until the broker is there, the rest, the site's file) as the README has them."""
    with open(os.path.join(ROOT, "README.md")) as text:
        section = re.search(r"^## Install\n(.*?)^## ", text.read(), re.M | re.S).group(1)
    blocks = re.findall(r"^```\n(.*?)^```", section, re.M | re.S)
    files = [block for block in blocks if block.startswith("{")]
    commands = [block for block in blocks if not block.startswith("{")]
    assert len(files) == 1 and len(commands) == 3, "the README's section Install has changed"
    path = re.search(r"one file, `([^`]+)`", section).group(1)
    return commands, path, files[0]


@pytest.fixture
def gateway(tmp_path):
    """Debian with an init to boot, and nothing else."""
    root = debian.Root(tmp_path, debian.make_base("gateway", debian.NATIVE, ["systemd-sysv"]))
    yield root
    root.end()


@pytest.fixture
def network():
    own = debian.Network()
    yield own
    own.end()


def test_a_bare_debian_delivers_by_the_words_of_the_readme(gateway, network, tmp_path):
    commands, site_file, site = read_install_section()
    deb, = package.paths("dray_*_%s.deb" % debian.NATIVE)
    gateway.put(deb)
    gateway.shell(commands[0], input="y\n")
    with network.inside():
        machine = debian.Machine(tmp_path, gateway).boot()
        erp = Cloud("erp")
        try:
            assert machine.unit("ActiveState") == "active"
            machine.shell(commands[1])
            assert "https://erp.example.com/api" in site
            gateway.write(site_file, site.replace("https://erp.example.com/api", erp.url))
            gateway.write("/etc/dray/erp-token", "a-token\n")
            said = machine.shell(commands[2])
            assert "dc-muc-1" in said and "erp" in said
            handheld = Device(1883, site="dc-muc-1")
            handheld.send(receipt("first"))
            assert handheld.ack("first")["status"] == "stored"
            wait_applied(erp, ["first"])
            assert erp.requests()[-1]["headers"]["authorization"] == "Bearer a-token"
            handheld.close()
        finally:
            erp.stop()
            machine.end()
