"""The road is cut: by a kill at each of its steps, by power, by a full disk, by a database that breaks.

Whatever it is, drayd starts again and ends, without a hand, in the good configuration or in the new one,
confirmed; and the ERP's own ledger has every event once.
"""
import os
import random
import time

import pytest

from sim import shims, wait
from sim.long import count
from sim.road import LONG, SHORT, Road, fleet
from sim.site import destination, receipt, wait_applied

KINDS = ["fine", "poison"]
STEPS = 5  # open, write, fsync, rename, fsync of the folder

pytestmark = pytest.mark.heavy


class House:
    def __init__(self, site, kind, probation=None, **more):
        self.site = site
        self.erp = site.cloud("erp")
        self.erp.faults({"do": "status", "status": 404, "path_part": "/wrong"})
        # A poison that is sent something is rolled back long before the end.
        probation = probation or (SHORT if kind == "fine" else LONG)
        self.agent = site.make_agent({"erp": destination(self.erp)}, fleet=fleet(**probation), **more)
        self.road = Road(self.agent)
        self.device = site.device()
        self.sent = []

    def apply(self, kind):
        """Offer it; drayd may be gone before it answers."""
        poison = {"url": self.erp.url + "/wrong"}
        patch = {"destinations": {"erp": {"concurrency": 2} if kind == "fine" else poison}}
        try:
            self.road.apply(1, patch)
        except (OSError, ValueError):
            pass

    def send(self, n=1):
        for _ in range(n):
            event = receipt(document="PO-%d" % len(self.sent))
            self.sent.append(event["id"])
            self.device.send(event)

    def ends(self, *revisions):
        """Nothing is on trial and nothing is to be mended, and one of these revisions is in force."""
        def is_over():
            file = self.road.file()
            return file["trial"] is None and file["mends"] is None
        wait.until(is_over, 60, "the end of the road", every=0.05)
        assert self.road.show()["revision"] in revisions, self.road.history()
        self.send(2)
        wait_applied(self.erp, self.sent)


def chosen(steps):
    """Each in a long run, one a write in a short one: test_road_cut.c takes each, on fake rooms."""
    return range(count(3, 1), steps + 1, count(STEPS, 1))


CUTS = [("fine", step) for step in chosen(2 * STEPS)] + \
    [("poison", step) for step in chosen(3 * STEPS)]  # staged, rolled back, mended


@pytest.mark.parametrize("kind, step", CUTS)
def test_killed_at_a_step_it_ends_in_a_whole_configuration(site, tmp_path, kind, step):
    house = House(site, kind)
    house.agent.start()
    house.send(2)
    house.agent.stop()
    house.agent.env.update(shims.preload(tmp_path, "road_cut.c"), ROAD_CUT_AT=str(step))
    house.agent.start()
    house.send()
    house.apply(kind)
    house.send()
    wait.until(lambda: not house.agent.is_running(), 60, "the cut at step %d" % step)
    del house.agent.env["LD_PRELOAD"]
    house.agent.start()
    house.send()
    house.ends(*([None, 1] if kind == "fine" else [None]))


@pytest.mark.parametrize("seed", range(count(1, 20)))
@pytest.mark.parametrize("kind", KINDS)
def test_after_a_power_cut_it_ends_in_a_whole_configuration(site, kind, seed):
    disk = site.disk(mib=128)
    house = House(site, kind, state_dir=os.path.join(disk.path, "state"))
    house.agent.start()
    house.send(2)
    wait_applied(house.erp, house.sent)
    house.apply(kind)
    house.send(2)
    time.sleep(random.Random(seed).random() * 1.5)  # the moment is what is drawn
    disk.cut_power(house.agent.process)
    disk.restore()
    house.agent.start()
    house.ends(1 if kind == "fine" else None)


def test_a_disk_that_is_full_in_probation_is_not_the_configuration_s_fault(site):
    disk = site.disk(mib=64)
    house = House(site, "fine", state_dir=os.path.join(disk.path, "state"))
    house.agent.start()
    house.apply("fine")
    filler = disk.fill()
    house.send(4)
    wait.until(lambda: house.agent.metric("dray_capture_open") == 0, 60, "capture closed")
    # Its record may find room in what drayd has kept in reserve, or wait for some.
    wait.until(lambda: house.road.history()[0] == (1, "confirmed") or
               "a configuration that has proved good can't be confirmed" in house.agent.log(), 60,
               "the end of its probation")
    os.unlink(filler)
    house.ends(1)
    assert house.road.history()[0] == (1, "confirmed")


def test_a_step_back_needs_no_room(site):
    disk = site.disk(mib=64)
    house = House(site, "poison", state_dir=os.path.join(disk.path, "state"))
    house.agent.start()
    house.apply("poison")
    house.send(2)
    filler = disk.fill()
    wait.until(lambda: "in force again" in house.agent.log(), 60, "the good one in force")
    os.unlink(filler)
    house.ends(None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_breaks_in_probation_changes_nothing_on_the_road(site, kind):
    # The broker is left alone for a moment: less than its half.
    house = House(site, kind, {"probation": "8s"} if kind == "fine" else None)
    house.agent.start()
    house.send(2)
    house.apply(kind)
    house.send(2)
    for name in os.listdir(house.agent.config["state_dir"]):
        if name.startswith("dray.db"):
            os.unlink(os.path.join(house.agent.config["state_dir"], name))
    wait.until(lambda: "a fresh one has taken its place" in house.agent.log(), 60, "another one")
    house.ends(1 if kind == "fine" else None)
