"""drayd as systemd holds it: told of, watched, started again, reloaded, given its secrets."""
import json
import signal

import pytest

from help_gateway import SITE_FILE, Gateway, base, this_deb
from sim import debian, wait

SECRET = "from-the-folder-of-credentials"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """Booted with dray installed and an ERP that asks for a token: the tests share it, in order."""
    debian.need("mmdebstrap", "systemd-nspawn")
    place = Gateway(tmp_path_factory.mktemp("gateway"), base())
    try:
        place.install(this_deb())
        place.erp = place.cloud()
        place.configure(place.erp, destinations={"erp": {
            "url": place.erp.url, "vars": {"path": "/events"}, "timeout": "20s",
            "auth": {"type": "bearer", "token": {"file": "erp-token"}},
            "retry": {"base": "100ms", "max": "1s"},
            "breaker": {"failures": 5, "probe": "500ms"}}})
        # Root's alone: drayd can have it from systemd only.
        place.root.run("install", "-d", "-m", "700", "/etc/dray/credentials")
        place.root.write("/etc/dray/credentials/erp-token", SECRET + "\n", 0o600)
        place.boot()
        place.handheld = place.device()
        yield place
    finally:
        place.end()


def send(gateway, signal_number):
    gateway.machine.run("systemctl", "kill", "--kill-whom=main",
                        "--signal=%d" % signal_number, "drayd")


def test_it_has_told_systemd_that_it_is_ready(gateway):
    wait.until(gateway.is_active, 60, "an active service")
    assert gateway.machine.unit("Type") == "notify"
    assert gateway.machine.unit("NRestarts") == "0"
    assert gateway.machine.unit("UnitFileState") == "enabled"
    assert gateway.machine.unit("User") == "dray"
    assert gateway.machine.unit("StatusText")


def test_it_captures_and_delivers_with_the_secret_that_root_alone_can_read(gateway):
    gateway.scan(gateway.handheld, 5)
    gateway.wait_delivered(gateway.erp)
    assert gateway.erp.requests()[-1]["headers"]["authorization"] == "Bearer " + SECRET


def test_killed_it_is_started_again_and_goes_on_where_it_was(gateway):
    gateway.erp.down()
    gateway.scan(gateway.handheld, 5)
    pid = gateway.pid()
    send(gateway, signal.SIGKILL)
    gateway.wait_restarted(pid)
    gateway.erp.up()
    gateway.scan(gateway.handheld)
    gateway.wait_delivered(gateway.erp)


def test_six_crashes_in_a_row_do_not_silence_it(gateway):
    before = int(gateway.machine.unit("NRestarts"))
    for _ in range(6):
        pid = wait.until(gateway.pid, 60, "a process", every=0.05)
        send(gateway, signal.SIGABRT)
        wait.until(lambda pid=pid: gateway.pid() not in (0, pid), 60, "the next", every=0.05)
    wait.until(gateway.is_active, 60, "an active service")
    assert int(gateway.machine.unit("NRestarts")) >= before + 6
    gateway.scan(gateway.handheld)
    gateway.wait_delivered(gateway.erp)


def test_a_reload_takes_a_change_and_refuses_a_bad_one_without_a_restart(gateway):
    pid = gateway.pid()
    good = json.loads(gateway.root.read(SITE_FILE))
    good["destinations"]["tms"] = dict(good["destinations"]["erp"])
    gateway.root.write(SITE_FILE, json.dumps(good))
    gateway.machine.run("systemctl", "reload", "drayd")
    names = lambda: {row["name"] for row in gateway.drayctl("destinations", "list")["items"]}
    wait.until(lambda: names() == {"erp", "tms"}, 60, "the new destination")
    bad = dict(good, destinations={"erp": {"url": "gopher://nowhere"}})
    gateway.root.write(SITE_FILE, json.dumps(bad))
    gateway.machine.run("systemctl", "reload", "drayd")
    wait.until(lambda: "destinations.erp" in gateway.machine.journal(), 60, "the reason")
    assert names() == {"erp", "tms"}
    gateway.root.write(SITE_FILE, json.dumps(good))
    assert gateway.pid() == pid and gateway.is_active()
    gateway.scan(gateway.handheld)
    gateway.wait_delivered(gateway.erp)


@pytest.mark.heavy
def test_the_watchdog_ends_one_that_hangs(gateway):
    assert gateway.machine.unit("WatchdogUSec") == "30s"
    pid = gateway.pid()
    send(gateway, signal.SIGSTOP)
    gateway.wait_restarted(pid)
    assert "watchdog" in gateway.machine.journal().lower()
    gateway.scan(gateway.handheld)
    gateway.wait_delivered(gateway.erp)
