"""The power fails: a disk that takes nothing more and forgets what it was not asked to sync.

Only the store is on that disk. What handhelds, broker and clouds know is elsewhere, and is the judge:
what was said `stored` is applied once, what was said `delivered` is never asked for again, batches stay
what they were, documents keep their order.
"""
import concurrent.futures
import contextlib
import os
import random
import sqlite3
import time

import pytest

from sim import wait
from sim.long import count
from sim.site import ALL, Site, assert_ledger_closes, destination

SEED = 20261121
LIVES_AT_ONCE = 4
WAL_HEADER, WAL_FRAME = 32, 24 + 4096

pytestmark = pytest.mark.heavy


def tear(path, rng):
    """What a disk may also make of the frames that were being written: some of it, out of order.

    Behind the last commit of the WAL (https://sqlite.org/fileformat2.html#walformat) nothing was
    promised: there a frame begins as a true one does, and ends in noise.
    """
    with open(path, "r+b") as wal:
        bytes_of = wal.read()
        if len(bytes_of) < WAL_HEADER + WAL_FRAME:
            return
        salts, end = bytes_of[16:24], WAL_HEADER
        for at in range(WAL_HEADER, len(bytes_of) - WAL_FRAME + 1, WAL_FRAME):
            if bytes_of[at + 8:at + 16] != salts:
                break
            if bytes_of[at + 4:at + 8] != bytes(4):
                end = at + WAL_FRAME
        true_part = bytes_of[WAL_HEADER:][:rng.randrange(WAL_FRAME)]
        wal.seek(end)
        wal.write(true_part + rng.randbytes(rng.randrange(3 * WAL_FRAME)))


class House:
    """drayd on a disk that will lose its power. ERP takes events one by one, TMS in batches."""

    def __init__(self, site, fleet, **more):
        self.site = site
        self.disk = site.disk(mib=1024)
        self.erp, self.tms = site.cloud("erp"), site.cloud("tms")
        self.state = os.path.join(self.disk.path, "state")
        self.agent = site.make_agent(
            {"erp": destination(self.erp), "tms": destination(self.tms, batch={"max": 50})},
            state_dir=self.state, **dict(more, sources={
                "handhelds": {"topic": "dray/v1/+/event/#", "ack_delivered": True}}))
        self.fleet = self.new_fleet(**fleet)

    def new_fleet(self, **options):
        return self.site.fleet(**dict({"devices": 40, "connections": 4, "resend_s": 1}, **options))

    def database(self):
        return os.path.join(self.state, "dray.db")

    def cut(self, phase, seed, moment):
        """Wait for the moment, and let drayd find what the disk kept."""
        rng = random.Random(seed)
        moment(rng)
        self.disk.cut_power(self.agent.process)
        print("power cut in %s, seed %r, at %.3f, %d acked" % (
            phase, seed, time.time(), len(self.fleet.acked)))
        self.disk.restore()
        if os.path.exists(self.database() + "-wal") and rng.random() < 0.5:
            tear(self.database() + "-wal", rng)
        self.agent.start()

    def check(self):
        """Nothing lost, nothing doubled, nothing asked for again that was told to be settled."""
        self.erp.faults()
        self.tms.faults()
        assert_ledger_closes(self.fleet, {self.erp: ALL, self.tms: ALL}, seconds=60)
        assert self.fleet.delivered
        asked = {"erp": self.erp.asked(), "tms": self.tms.asked()}
        again = [(name, who) for (name, who), told_at in list(self.fleet.delivered.items())
                 if asked[name][who] > told_at]
        assert again == [], "asked for again after it was said to be delivered"
        wait.until(lambda: self.agent.ask("ledger")["closed"], what="drayd's own ledger closing")
        assert self.agent.exceptions() == []
        assert self.agent.stop() == 0
        with sqlite3.connect(self.database()) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def a_little_later(rng, seconds):
    """Any moment within a turn, not only the one that follows what was waited for."""
    time.sleep(rng.random() * seconds)


def test_power_cuts_in_a_flood_of_events(site):
    house = House(site, {"window": 12})
    house.agent.start()
    house.erp.down()
    house.tms.down()
    house.fleet.start()

    def moment(rng):
        mark = len(house.fleet.acked) + 300
        wait.until(lambda: len(house.fleet.acked) >= mark, 60, "300 more acks", every=0.001)
        a_little_later(rng, 0.05)

    for n in range(count(5, 50)):
        house.cut("capture", "%d/capture/%d" % (SEED, n), moment)
    house.fleet.stop_publishing()
    house.erp.up()
    house.tms.up()
    house.check()


def test_power_cuts_in_delivery(site):
    """A backlog drains into clouds that are slow, and lose answers, while more events come."""
    house = House(site, {"window": 12})
    house.agent.start()
    house.erp.faults({"do": "close", "apply": True, "every": 29}, {"do": "slow", "ms": 10})
    house.tms.faults({"do": "close", "apply": True, "every": 5}, {"do": "slow", "ms": 30})
    house.fleet.start()

    def moment(rng):
        mark = len(house.fleet.delivered) + 300
        wait.until(lambda: len(house.fleet.delivered) >= mark, 60, "300 more told to be delivered",
                   every=0.001)
        a_little_later(rng, 0.05)

    for n in range(count(5, 50)):
        house.cut("delivery", "%d/delivery/%d" % (SEED, n), moment)
    house.fleet.stop_publishing()
    house.check()
    assert house.erp.ledger()["repeats"] > 0 and house.tms.ledger()["repeats"] > 0


def test_power_cuts_in_a_checkpoint(site):
    """Big events fill the WAL; only a checkpoint writes to the database file."""
    house = House(site, {"devices": 10, "connections": 2, "ballast": 200000})
    house.agent.start()
    house.fleet.start()

    def written_at():
        return os.stat(house.database()).st_mtime_ns

    def moment(rng):
        before = written_at()
        wait.until(lambda: written_at() != before, 60, "a checkpoint", every=0.0002)
        a_little_later(rng, 0.02)

    for n in range(count(5, 50)):
        house.cut("checkpoint", "%d/checkpoint/%d" % (SEED, n), moment)
    house.fleet.stop_publishing()
    house.check()


@contextlib.contextmanager
def place(folder):
    folder.mkdir()
    site = Site(folder)
    try:
        yield site
    finally:
        site.end()


def test_power_cuts_in_the_very_first_start(tmp_path):
    """The file is being made, the tables are being made, the first events come."""
    for n in range(count(5, 50)):
        with place(tmp_path / str(n)) as site:
            house = House(site, {"total": 800, "resend_s": 0.05})
            house.erp.down()
            house.tms.down()

            def moment(rng):
                house.agent.spawn()
                wait.until(lambda: os.path.exists(house.database()), what="the file being made",
                           every=0.0002)
                a_little_later(rng, 0.15)

            house.fleet.start()
            house.cut("the first start", "%d/first start/%d" % (SEED, n), moment)
            house.erp.up()
            house.tms.up()
            house.check()


def test_power_cuts_in_retention(tmp_path):
    """A minute after its start drayd purges for the first time: several live through it at once."""
    def live(n):
        with place(tmp_path / str(n)) as site:
            house = House(site, {"rate": 100}, store={"retain": "20s"}, log={"level": "debug"})

            def moment(rng):
                wait.until(lambda: "purged finished events" in house.agent.log(), 90,
                           "the purge", every=0.002)
                a_little_later(rng, 0.05)

            house.agent.start()
            house.fleet.start()
            house.cut("retention", "%d/retention/%d" % (SEED, n), moment)
            house.fleet.stop_publishing()
            house.check()

    with concurrent.futures.ThreadPoolExecutor(LIVES_AT_ONCE) as lives:
        list(lives.map(live, range(count(3, 20))))
