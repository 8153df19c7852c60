"""The database breaks: pages overwritten, files cut short or deleted, with drayd up or down.

Part of the events is delivered, part waits for an ERP that is down, many behind others with their
key. Whatever happens to the files: capture is on again within 5 s, what can be read comes back and is
applied once, in order; what can't is told as a number; and status says the same as the database.
"""
import os
import sqlite3

import pytest

from sim import wait
from sim.long import count
from sim.site import destination, receipt
from sim.wreck import Wreck

DELIVERED, WAITING = count(800, 5000), count(800, 5000)
AGAIN_S = 5
AT_MOST_UNKNOWN = 1000000
ALERT = "dray/v1/dc-sim-1/alert/critical"


class Scene:
    """A site in the midst of its work."""

    def __init__(self, site, **options):
        self.erp = site.cloud("erp")
        self.agent = site.agent({"erp": destination(self.erp, **options)})
        self.fleet = site.fleet(total=DELIVERED, devices=40, connections=4, window=4, resend_s=2)
        self.fleet.start()
        wait.until(lambda: self.fleet.is_done() and
                   self.erp.ledger()["applied"] == DELIVERED, 60, "the first part delivered")
        self.erp.down()
        self.fleet.total += WAITING
        wait.until(lambda: len(self.fleet.acked) == DELIVERED + WAITING, 60, "the rest stored")
        self.probe = site.device("probe", also=[ALERT])
        self.n_probes = 0
        self.wreck = Wreck(self.agent.config["state_dir"], site.folder)
        self.before = self.wreck.ids()
        assert len(self.before) == DELIVERED + WAITING

    def stop(self):
        """Ended in order: no WAL is left."""
        self.agent.stop()

    def kill(self):
        """What was committed last is in the WAL alone: no checkpoint has just been there."""
        for attempt in range(10):
            for n in range(6):
                name = "late-%d-%d" % (attempt, n)
                self.probe.send(receipt(name, document="PO-late"))
                self.probe.ack(name, "stored")
            self.agent.kill9()
            if self.wreck.is_ahead():
                break
            self.agent.start()
        self.before = self.wreck.ids()

    def is_captured_again(self):
        """An event is stored, within 5 s from now."""
        self.n_probes += 1
        name = "probe-%d" % self.n_probes
        self.probe.send(receipt(name, document="PO-probe"))
        self.probe.ack(name, "stored", seconds=AGAIN_S)

    def start(self):
        """drayd starts on what is there, and captures within 5 s from its start."""
        self.agent.spawn()
        self.is_captured_again()

    def salvage(self):
        return self.agent.ask("status")["salvage"]

    def finish(self):
        """The ERP is back, and all that can be delivered is. Returns what status says."""
        self.erp.up()
        said = wait.until(lambda: (self.salvage() or {}).get("state") in (
            "done", "unreadable", "lost") and self.salvage(), 60, "the end of the salvage")
        wait.until(lambda: self.pending() == 0, 60, "no delivery pending")
        wait.until(self.fleet.is_done, 60, "the handhelds done")
        return said

    def pending(self):
        erp = self.agent.ask("status")["destinations"][0]
        return sum(erp[state] for state in ("ready", "claimed", "waiting", "parked", "suspect"))

    def check(self, said, lost=None):
        """
        What came back, and what status says of it. `lost`: those that can't have come back, and no
        others; None: whatever is told.
        """
        sums, applied = self.erp.ledger(), set(self.erp.ids())
        assert sums["doubled"] == 0, sums["doubled_ids"]
        assert sums["key_conflicts"] == 0
        assert sums["out_of_order"] == 0
        self.agent.stop()
        after = Wreck(self.agent.config["state_dir"], self.agent.folder).ids()
        back = {who for who, seq in after.items() if seq < 10**12}
        gone = set(self.before) - set(after)
        if lost is not None:
            assert gone == set(lost)
        assert said["events"] == len(back)
        # A probe is among them where it came before the damage was noticed.
        assert all(after[who] == self.before.get(who, after[who]) for who in back)
        # In commits that are gone without a trace nobody can count: that is said.
        assert said["events_lost"] >= len(gone) or said["commits_lost"]
        # Where the index is lost as well, and no number behind the gap is known, it is told as a bound.
        assert said["events_lost"] <= len(gone) + 20 or said["events_lost"] == AT_MOST_UNKNOWN
        # Each event that is there was applied, once.
        assert set(after) - applied == set()
        self.check_told()
        return gone

    def check_all_gone(self):
        """Nothing came back; what is captured since is applied once, beside what was before."""
        self.agent.stop()
        after = Wreck(self.agent.config["state_dir"], self.agent.folder).ids()
        probes = {"/dc-sim-1/probe probe-%d" % (n + 1) for n in range(self.n_probes)}
        assert set(after) == probes
        assert self.erp.ledger()["doubled"] == 0
        assert probes <= set(self.erp.ids()) and len(self.erp.ids()) == DELIVERED + len(probes)
        self.check_told()

    def check_told(self):
        raised = self.probe.hear(lambda m: m.topic == ALERT and b'"raised"' in m.payload)
        cleared = self.probe.hear(lambda m: m.topic == ALERT and b'"cleared"' in m.payload)
        assert b'"kind":"store_broken"' in raised.payload
        assert b'"kind":"store_broken"' in cleared.payload
        self.agent.start()
        assert [row["kind"] for row in self.agent.exceptions()] == ["store"]
        assert self.agent.ask("ledger")["closed"]

    def who(self, seqs):
        return {who for who, seq in self.before.items() if seq in seqs}


@pytest.fixture
def scene(site):
    return Scene(site)


def is_aside(scene, word, number=1):
    return os.path.exists("%s.%s-%d" % (scene.wreck.path, word, number))


# --- with drayd down

def test_the_header_page_is_overwritten(scene):
    scene.stop()
    scene.wreck.overwrite([1])
    scene.start()
    said = scene.finish()
    assert said["state"] == "done" and is_aside(scene, "salvaged")
    scene.check(said, lost=())


def test_pages_of_the_events_are_overwritten(scene):
    scene.stop()
    leaves = scene.wreck.pages("event")
    hit = [leaves[len(leaves) // 4], leaves[len(leaves) // 2], leaves[-2]]
    lost = scene.who(scene.wreck.seqs_on(hit))
    assert 3 <= len(lost) < 60
    scene.wreck.overwrite(hit)
    scene.start()
    said = scene.finish()
    assert len(lost) <= said["events_lost"] < len(lost) + 10
    scene.check(said, lost)


def test_pages_of_the_deliveries_are_overwritten(scene):
    """Which were done is not known any more: the other side knows, by their keys."""
    scene.stop()
    leaves = scene.wreck.pages("delivery")
    scene.wreck.overwrite([leaves[0], leaves[-1]])
    scene.start()
    said = scene.finish()
    assert said["in_doubt"] > 0
    scene.check(said, lost=())


@pytest.mark.parametrize("index", ["sqlite_autoindex_event_1", "delivery_open", "delivery_key"])
def test_an_index_is_overwritten(scene, index):
    scene.stop()
    scene.wreck.overwrite(scene.wreck.pages(index) + scene.wreck.pages(index, "internal"))
    scene.start()
    scene.check(scene.finish(), lost=())


def test_the_wal_is_overwritten_in_its_midst(scene):
    """SQLite would have dropped what was committed behind it, without a word."""
    scene.kill()
    assert scene.wreck.frames() > 20
    scene.wreck.overwrite_frames([scene.wreck.frames() // 2])
    scene.start()
    said = scene.finish()
    assert len(scene.before) - said["events"] <= 20
    scene.check(said)


@pytest.mark.parametrize("part", [0, 0.2])
def test_the_wal_is_cut_short(scene, part):
    """What is left of it looks whole; only its index, left behind, knows better."""
    scene.kill()
    os.truncate(scene.wreck.wal, int(scene.wreck.wal_bytes() * part))
    scene.start()
    said = scene.finish()
    check_commits_lost(scene, said)


def check_commits_lost(scene, said):
    """What was open may have been delivered in the commits that are gone."""
    assert said["commits_lost"]
    assert said["in_doubt"] == said["deliveries"]
    assert "nobody knows how many" in scene.agent.exceptions("store")[0]["reason"]
    scene.check(said)


def test_the_wal_is_deleted(scene):
    scene.kill()
    os.unlink(scene.wreck.wal)
    scene.start()
    check_commits_lost(scene, scene.finish())


def test_the_database_is_cut_short(scene):
    scene.stop()
    scene.wreck.cut(scene.wreck.path, 0.6)
    scene.start()
    said = scene.finish()
    assert 0 < len(scene.check(said)) < 0.6 * len(scene.before)


def test_a_file_of_garbage_is_in_its_place(scene):
    scene.stop()
    os.truncate(scene.wreck.path, 0)
    with open(scene.wreck.path, "wb") as out:
        out.write(b"this is a text and no database\n" * 5000)
    scene.start()
    said = scene.finish()
    assert said["state"] == "unreadable" and is_aside(scene, "unreadable")
    assert said["events"] == 0
    scene.check_all_gone()


def test_the_database_is_deleted_and_its_wal_is_left(scene):
    scene.kill()
    os.unlink(scene.wreck.path)
    scene.start()
    said = scene.finish()
    assert said["state"] in ("done", "unreadable")
    scene.check(said)


def test_all_of_it_is_deleted(scene):
    scene.stop()
    os.unlink(scene.wreck.path)
    scene.start()
    assert scene.finish()["state"] == "lost"
    assert "is lost" in scene.agent.exceptions("store")[0]["reason"]
    scene.check_all_gone()


# --- with drayd up

def wait_noticed(scene):
    wait.until(lambda: "the database is broken" in scene.agent.log(), 60, "it is noticed")


@pytest.mark.parametrize("gone", [[""], ["-wal"], ["", "-wal"], ["", "-wal", "-shm"]],
                         ids=["database", "wal", "both", "all"])
def test_files_are_deleted_under_it(scene, gone):
    """Nothing is lost: the open files have it all. An ack says that it can be found again."""
    for suffix in gone:
        os.unlink(scene.wreck.path + suffix)
    scene.is_captured_again()
    scene.check(scene.finish(), lost=())


def test_pages_are_overwritten_under_it(scene):
    leaves = scene.wreck.pages("event")
    hit = leaves[len(leaves) // 2:len(leaves) // 2 + 40]
    scene.wreck.overwrite_everywhere(hit)
    scene.erp.up()
    wait_noticed(scene)
    scene.is_captured_again()
    said = scene.finish()
    assert 0 < len(scene.check(said)) <= 800


def test_the_wal_is_cut_short_under_it(scene):
    os.truncate(scene.wreck.wal, 0)
    scene.is_captured_again()
    check_commits_lost(scene, scene.finish())


def test_it_is_killed_while_it_salvages(scene):
    scene.stop()
    scene.wreck.overwrite([1])
    scene.agent.start()
    for _ in range(3):
        scene.agent.kill9()
        scene.start()
        scene.is_captured_again()
    scene.check(scene.finish(), lost=())
