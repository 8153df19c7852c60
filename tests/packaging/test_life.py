"""A package's life on a gateway: installed, upgraded with work under way, removed, back, purged."""
import json
import os
import sqlite3

import pytest

from help_gateway import SITE_FILE, Gateway, base, this_deb
from sim import debian, previous, wait

EDITED = '{"site": "dc-sim-1", "log": {"level": "debug"}} // the site\'s own\n'


@pytest.fixture
def gateway(tmp_path):
    debian.need("mmdebstrap", "systemd-nspawn")
    place = Gateway(tmp_path, base())
    yield place
    place.end()


@pytest.fixture
def root(tmp_path):
    """Where the package can be installed, and nothing boots."""
    debian.need("mmdebstrap")
    place = debian.Root(tmp_path, base())
    place.put(this_deb())
    yield place
    place.end()


def schema_of(gateway):
    """The schema of its store, which nobody has open."""
    with sqlite3.connect("file:%s?mode=ro" % gateway.root.at("/var/lib/dray/dray.db"),
                         uri=True) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def version_of(deb):
    return os.path.basename(deb).split("_")[1].split("-")[0]


def test_from_the_release_before_to_nothing_left(gateway):
    """One machine goes through all of it: each step begins with what the step before has left."""
    old, new = previous.package("deb"), this_deb()

    # The release before, with a configuration that the site has edited, and work that can't be done.
    gateway.install(old)
    gateway.root.write("/etc/dray/dray.json", EDITED, 0o640)
    erp = gateway.cloud()
    gateway.configure(erp)
    gateway.boot()
    wait.until(gateway.is_active, 60, "drayd of the release before")
    erp.down()
    handheld = gateway.device()
    gateway.scan(handheld, 20)
    assert version_of(old) in gateway.machine.run("drayd", "--version")
    gateway.machine.run("systemctl", "stop", "drayd")
    before = schema_of(gateway)
    gateway.machine.run("systemctl", "start", "drayd")

    # The upgrade restarts it by itself; what was pending is delivered, and the edits are kept.
    pid = gateway.pid()
    gateway.install(new)
    gateway.wait_restarted(pid)
    assert version_of(new) in gateway.machine.run("drayd", "--version")
    assert gateway.root.read("/etc/dray/dray.json") == EDITED
    assert os.path.exists(gateway.root.at("/etc/dray/dray.json.dpkg-dist"))
    erp.up()
    gateway.scan(handheld)
    gateway.wait_delivered(erp)
    ledger = gateway.drayctl("ledger")
    assert ledger["closed"], ledger

    # Removed: the service is gone, what it knew and what the site said stay.
    erp.down()
    gateway.scan(handheld, 2)
    gateway.machine.run("dpkg", "--remove", "dray")
    assert gateway.machine.unit("LoadState") == "not-found"
    assert not os.path.exists(gateway.root.at("/usr/sbin/drayd"))
    assert schema_of(gateway) > before
    assert gateway.root.read("/etc/dray/dray.json") == EDITED
    assert json.loads(gateway.root.read(SITE_FILE))["site"] == "dc-sim-1"

    # Back: it goes on where it was.
    gateway.install(new)
    wait.until(gateway.is_active, 60, "drayd back")
    assert gateway.machine.unit("UnitFileState") == "enabled"
    erp.up()
    gateway.scan(handheld)
    gateway.wait_delivered(erp)

    # Purged: nothing is left but the user, whose number must not become another's.
    gateway.machine.run("dpkg", "--purge", "dray")
    for path in ("/var/lib/dray", "/etc/dray", "/usr/share/dray", "/run/dray"):
        assert not os.path.exists(gateway.root.at(path)), path
    assert "dray" not in gateway.machine.run("dpkg-query", "-W").split()
    assert "dray" in gateway.root.read("/etc/passwd")


DISK = """dpkg --install dray_*.deb
mount -t tmpfs disk /var/lib/dray
mkdir /var/lib/dray/backups
mount -t tmpfs backups /var/lib/dray/backups
touch /var/lib/dray/dray.db /var/lib/dray/.hidden /var/lib/dray/backups/one
"""


def test_a_purge_empties_a_disk_of_its_own_and_says_that_its_folder_stays(root):
    said = root.shell(DISK + "dpkg --purge dray\nfind /var/lib/dray; dpkg-query -W dray || true")
    assert "dray: /var/lib/dray is empty; the folder stays, for a disk is mounted there" in said
    assert said.endswith("\n/var/lib/dray\n/var/lib/dray/backups\n"
                         "dpkg-query: no packages found matching dray\n"), said
    assert not os.path.exists(root.at("/etc/dray"))


def test_a_purge_that_leaves_files_fails_and_says_so(root):
    said = root.shell(DISK + "mount -o remount,ro /var/lib/dray/backups\n"
                      "! dpkg --purge dray\nmount -o remount,rw /var/lib/dray/backups\n"
                      "dpkg --purge dray\nfind /var/lib/dray -type f")
    assert "dray: /var/lib/dray still has files: see above, and purge again" in said
    assert said.endswith("for a disk is mounted there\n"), said
