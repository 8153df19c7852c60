"""kill -9 at random moments, at full speed, while clouds are hostile and the broker comes and goes."""
import random
import time

import pytest

from sim import wait
from sim.long import count
from sim.site import ALL, assert_ledger_closes, destination

SEED = 20261121
EVENTS = count(200000, 1000000)
KILLS = count(200, 1000)
BROKER_RESTARTS = count(20, 100)

# What a request may meet, always, one in so many.
TEMPER = [
    {"do": "close", "apply": True, "every": 397},                 # the answer is lost
    {"do": "status", "status": 500, "apply": True, "every": 449}, # error, but applied
    {"do": "hang", "apply": True, "every": 1999},                 # no answer in time, but applied
    {"do": "hang", "every": 2003},
    {"do": "status", "status": 429, "every": 499},
    {"do": "garbage", "every": 997},
    {"do": "slow", "ms": 40, "every": 101},
]
# What comes over a cloud for a while; None: it is not there.
MOODS = [
    None,
    [],
    [{"do": "status", "status": 503, "count": 20}],
    [{"do": "status", "status": 429, "count": 1, "headers": {"Retry-After": "1"}}],
    [{"do": "slow", "ms": 100, "count": 100}],
    [{"do": "close", "apply": True, "count": 10}],
]


def sour(rng, cloud, often):
    """The script anew. `often`: events in a request of this cloud, which so sees fewer of them."""
    mood = rng.choice(MOODS)
    (cloud.down if mood is None else cloud.up)()
    cloud.faults(*(mood or ()), *(dict(fault, every=max(2, fault["every"] // often))
                                  for fault in TEMPER))


@pytest.mark.heavy
@pytest.mark.slow
def test_two_hundred_kills_over_two_hundred_thousand_events_lose_and_double_nothing(site):
    """ERP takes each event by itself, TMS in batches."""
    erp, tms = site.cloud("erp"), site.cloud("tms")
    agent = site.agent({"erp": destination(erp, concurrency=16, timeout="1s"),
                        "tms": destination(tms, timeout="1s", batch={"max": 50})})
    rng = random.Random(SEED)
    fleet = site.fleet(total=EVENTS, devices=60, connections=6, window=12, resend_s=3).start()
    for n in range(KILLS):
        mark = int((n + rng.random()) * EVENTS / KILLS)
        wait.until(lambda: len(fleet.acked) >= mark, 120, "%d acks, before kill %d of seed %d" % (
            mark, n, SEED), every=0.001)
        # A moment within the turn, not only the one right after an ack.
        time.sleep(rng.random() * 0.03)
        agent.kill9()
        agent.spawn()
        if n % 4 == 0:
            sour(rng, erp, 1)
            sour(rng, tms, 20)
        if n % (KILLS // BROKER_RESTARTS) == 5:
            # The orderly end saves its sessions; the other one forgets what it told the handhelds.
            rng.choice([site.broker.stop, site.broker.kill])()
            site.broker.start()
    for cloud in (erp, tms):
        cloud.up()
        cloud.faults()
    assert_ledger_closes(fleet, {erp: ALL, tms: ALL}, seconds=300)
    assert fleet.statuses["rejected"] == 0
    wait.until(agent.is_ready, 60, "drayd ready in the end")
    wait.until(lambda: agent.ask("ledger")["closed"], 60, "the agent's own ledger closing")
    assert agent.exceptions() == []
    # The kills and the lost answers did strike: both sides saw repeats and knew them.
    assert fleet.statuses["duplicate"] > 0
    assert erp.ledger()["repeats"] > KILLS and tms.ledger()["repeats"] > KILLS
