"""A disk that runs full, and one that refuses: nothing is acked that isn't stored, capture closes and
opens again, deliveries go on, and nothing is lost or doubled."""
import http.client
import json
import os
import signal
import socket
import sqlite3
import threading

import pytest

from sim import wait
from sim.site import ALL, assert_ledger_closes, destination, receipt


class Ears:
    """Somebody who hears every alert."""

    def __init__(self, site):
        self.device = site.device("ears", also=["dray/v1/dc-sim-1/alert/#"])

    def alarms(self, *kinds):
        """[(kind, state)] in the order they came."""
        with self.device.lock:
            heard = [json.loads(m.payload) for m in self.device.heard if "/alert/" in m.topic]
        return [(a["kind"], a["state"]) for a in heard if a.get("kind") in kinds]

    def wait_for(self, *alarms):
        kinds = {kind for kind, _ in alarms}
        wait.until(lambda: self.alarms(*kinds) == list(alarms), 60,
                   "alarms %s; heard %s" % (alarms, self.alarms(*kinds)))


def on_a_disk(site, kind="ext4", mib=64):
    """A small disk for the store alone, an ERP, and the agent between them."""
    disk, erp = site.disk(kind=kind, mib=mib), site.cloud()
    return disk, erp, site.agent({"erp": destination(erp)}, state_dir=disk.path)


def is_open(agent):
    return agent.metric("dray_capture_open") == 1


def is_closed(agent):
    return agent.metric("dray_capture_open") == 0


def wait_closed(agent, seconds=60):
    wait.until(lambda: is_closed(agent), seconds, "capture closed")


def wait_open(agent, seconds=60):
    wait.until(lambda: is_open(agent), seconds, "capture open")


def stored_ids(agent):
    """What is committed, as a reader of the file sees it."""
    path = os.path.join(agent.config["state_dir"], "dray.db")
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=10) as db:
        return {"%s %s" % row for row in db.execute("SELECT source, id FROM event")}


def post(agent, event):
    """(status, answer) of the control socket."""
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(agent.socket)
    try:
        connection.request("POST", "/v1/events", json.dumps(event),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.getheader("Content-Type")
    finally:
        connection.close()


def assert_nothing_is_acked_that_is_not_stored(fleet, agent):
    acked = set(fleet.acked)
    assert acked and acked <= stored_ids(agent)


def assert_says_so(agent, why):
    status, text = agent.get("/readyz")
    assert (status, why in text) == (503, True), text
    store = agent.ask("status")["store"]
    assert store["level"] == "none" and why in store["reason"]
    assert "capture is closed" in agent.ctl("status").stdout
    status, problem, kind = post(agent, receipt("too-late"))
    assert (status, problem["reason"], kind) == (503, "store_full", "application/problem+json")


def are_held(fleet, agent):
    """Some are with the broker alone: capture is closed, so what is not stored now nobody will ack."""
    return bool(set(list(fleet.published)) - stored_ids(agent))


def fill_drain_and_check(site, agent, erp, ears, why):
    """Our own events fill the store while the ERP is down; then it comes up."""
    erp.down()
    fleet = site.fleet(devices=40, window=4, ballast=3000).start()
    wait_closed(agent)
    wait.until(lambda: are_held(fleet, agent), 60, "events that the broker holds meanwhile")
    fleet.stop_publishing()
    assert_says_so(agent, why)
    assert_nothing_is_acked_that_is_not_stored(fleet, agent)
    assert fleet.sent, "the broker holds events meanwhile"
    erp.up()
    wait_open(agent)
    assert_ledger_closes(fleet, {erp: ALL})
    wait.until(lambda: agent.ask("ledger")["closed"], what="the agent's own ledger closed")
    ears.wait_for(("store_full", "raised"), ("store_full", "cleared"))
    assert agent.metric("dray_events_stripped_total") > 0
    wait.until(agent.is_ready, 60, "drayd ready")
    return fleet


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_disk_filled_by_our_own_events_drains_and_opens_again(site, kind):
    ears = Ears(site)
    _, erp, agent = on_a_disk(site, kind=kind, mib=32)
    fill_drain_and_check(site, agent, erp, ears, "the store's disk is full")


def test_a_store_that_reaches_max_bytes_drains_and_opens_again(site):
    erp = site.cloud()
    ears = Ears(site)
    agent = site.agent({"erp": destination(erp)}, store={"max_bytes": "12MiB"})
    fill_drain_and_check(site, agent, erp, ears, "the store is full")


class Hog:
    """Another process that takes the disk to the last byte, again and again, until it gives up."""

    def __init__(self, disk):
        self.disk = disk
        self.path = disk.fill()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._eat, daemon=True)
        self.thread.start()

    def _eat(self):
        while not self.is_over.wait(0.02):
            self.disk.fill()

    def give_up(self):
        self.is_over.set()
        self.thread.join()
        os.unlink(self.path)


def run_until(fleet, n):
    wait.until(lambda: len(fleet.acked) >= n, 60, "%d events acked" % n)


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_another_process_that_takes_the_last_byte_stops_capture_until_it_gives_up(site, kind):
    ears = Ears(site)
    disk, erp, agent = on_a_disk(site, kind=kind, mib=32)
    fleet = site.fleet(devices=40, ballast=1000).start()
    run_until(fleet, 500)
    hog = Hog(disk)
    wait_closed(agent)
    wait.until(lambda: disk.free_bytes() < 1 << 20, 60, "the reserve eaten as well")
    assert_says_so(agent, "the store's disk is full")
    assert_nothing_is_acked_that_is_not_stored(fleet, agent)
    assert len(agent.log()) < 50000, "the log is not flooded"
    hog.give_up()
    wait_open(agent)
    acked = len(fleet.acked)
    run_until(fleet, acked + 200)
    fleet.stop_publishing()
    assert_ledger_closes(fleet, {erp: ALL})
    ears.wait_for(("store_full", "raised"), ("store_full", "cleared"))


def test_deliveries_drain_on_a_disk_that_another_process_keeps_full(site):
    disk, erp, agent = on_a_disk(site)
    erp.down()
    fleet = site.fleet(devices=20, total=1000).start()
    wait.until(fleet.is_done, 60, "all acked")
    path = disk.fill()
    wait_closed(agent)
    erp.up()
    wait.until(lambda: erp.ledger()["applied"] == 1000, 60, "all delivered")
    wait.until(lambda: agent.metric("dray_backlog") == 0, 60, "all settled")
    assert is_closed(agent)
    os.unlink(path)
    wait_open(agent)
    assert_ledger_closes(fleet, {erp: ALL})


def test_drayd_starts_on_a_full_disk_delivers_and_opens_when_there_is_room(site):
    disk, erp, agent = on_a_disk(site)
    erp.down()
    fleet = site.fleet(devices=20, total=200).start()
    wait.until(fleet.is_done, 60, "all acked")
    agent.kill9()
    path = disk.fill()
    erp.up()
    agent.spawn()
    wait.until(agent.is_alive, 60, "drayd alive on a full disk")
    wait.until(lambda: erp.ledger()["applied"] == 200, 60, "all delivered")
    assert is_closed(agent)
    os.unlink(path)
    wait_open(agent)
    assert_ledger_closes(fleet, {erp: ALL})


@pytest.mark.heavy
def test_a_store_that_refuses_writes_for_a_while_loses_and_doubles_nothing(site):
    ears = Ears(site)
    disk, erp, agent = on_a_disk(site)
    fleet = site.fleet(devices=40).start()
    run_until(fleet, 500)
    disk.refuse("dray.db", "dray.db-wal")
    wait_closed(agent)
    assert_says_so(agent, "the disk refuses writes")
    assert_nothing_is_acked_that_is_not_stored(fleet, agent)
    poisoned = agent.metric("dray_turns_poisoned_total")
    wait.until(lambda: agent.metric("dray_attempts_total") and fleet.resent, 60, "some seconds")
    assert agent.metric("dray_turns_poisoned_total") == poisoned, "probes poison no turn"
    assert len(agent.log()) < 50000, "the log is not flooded"
    disk.take("dray.db", "dray.db-wal")
    wait_open(agent)
    acked = len(fleet.acked)
    run_until(fleet, acked + 200)
    fleet.stop_publishing()
    assert_ledger_closes(fleet, {erp: ALL})
    ears.wait_for(("store_refuses", "raised"), ("store_refuses", "cleared"))


def test_a_file_system_that_turns_read_only_under_load_loses_and_doubles_nothing(site):
    disk, erp, agent = on_a_disk(site)
    fleet = site.fleet(devices=40).start()
    run_until(fleet, 500)
    disk.turn_read_only()
    # What was written and can't be synced ends drayd at once; else it goes on and says so.
    wait.until(lambda: not agent.is_running() or "the disk refuses writes" in agent.get("/readyz")[1],
               30, "drayd ending, or saying why it isn't ready")
    agent.kill9()
    assert agent.process.returncode in (70, -signal.SIGKILL)
    assert agent.spawn().process.wait(60) == 1, "it can't start on a read-only disk"
    assert "Read-only file system" in agent.log().splitlines()[-1]
    disk.restore()
    agent.start()
    acked = len(fleet.acked)
    run_until(fleet, acked + 200)
    fleet.stop_publishing()
    assert_ledger_closes(fleet, {erp: ALL})
