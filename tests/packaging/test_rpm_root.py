"""The rpm on a machine that has none: installed, upgraded with an edited configuration, erased."""
import os

import pytest

from help_gateway import Gateway, base
from sim import debian, package, previous, wait

CONFIG = "/etc/dray/dray.json"
EDITED = '{"site": "dc-sim-1", "log": {"level": "debug"}} // the site\'s own\n'

pytestmark = pytest.mark.heavy


@pytest.fixture
def gateway(tmp_path):
    """Debian's libraries, and rpm with a database of its own."""
    debian.need("mmdebstrap", "systemd-nspawn")
    place = Gateway(tmp_path, base("rpm"))
    try:
        place.boot()
        place.rpm = lambda *words: place.machine.run("rpm", "--force-debian", *words)
        yield place
    finally:
        place.end()


def at(rpm):
    """Where it lies on the machine."""
    return "/root/" + os.path.basename(rpm)


def test_an_rpm_is_installed_upgraded_and_erased(gateway):
    old, (new,) = previous.package("rpm"), package.paths("dray-[0-9]*.x86_64.rpm")

    # rpm knows nothing of what dpkg has installed here: the libraries are there.
    gateway.root.put(old)
    gateway.root.put(new)
    gateway.rpm("-i", "--nodeps", at(old))
    assert "dray:" in gateway.root.read("/etc/passwd")
    assert gateway.machine.unit("UnitFileState") == "enabled"  # as this machine's presets say
    gateway.root.write(CONFIG, EDITED, 0o640)
    erp = gateway.cloud()
    gateway.configure(erp)
    gateway.machine.run("systemctl", "start", "drayd")
    erp.down()
    handheld = gateway.device()
    gateway.scan(handheld, 5)

    pid = gateway.pid()
    gateway.rpm("-U", "--nodeps", at(new))
    gateway.wait_restarted(pid)
    assert os.path.basename(new).split("-")[1] in gateway.machine.run("drayd", "--version")
    assert gateway.root.read(CONFIG) == EDITED
    assert os.path.exists(gateway.root.at(CONFIG + ".rpmnew"))
    erp.up()
    gateway.scan(handheld)
    gateway.wait_delivered(erp)
    changed = gateway.machine.shell("rpm --force-debian -V --nodeps dray || true").splitlines()
    assert changed == ["S.5....T.  c " + CONFIG]

    gateway.rpm("-e", "dray")
    wait.until(lambda: gateway.machine.unit("LoadState") == "not-found", 60, "no service")
    assert not os.path.exists(gateway.root.at("/usr/sbin/drayd"))
    assert os.path.exists(gateway.root.at("/var/lib/dray/dray.db"))
    assert gateway.root.read(CONFIG + ".rpmsave") == EDITED
