"""kill -9 at random moments, at full speed, batched and unbatched, with answers that get lost."""
import random
import time

from sim import wait
from sim.site import ALL, assert_ledger_closes, destination

EVENTS = 30000
KILLS = 30


def test_thirty_kills_over_thirty_thousand_events_lose_and_double_nothing(site):
    """ERP takes each event by itself, TMS in batches; both lose an answer now and then."""
    erp, tms = site.cloud("erp"), site.cloud("tms")
    agent = site.agent({"erp": destination(erp, concurrency=16),
                        "tms": destination(tms, batch={"max": 50})})
    lost_answer = {"do": "close", "apply": True, "every": 701}
    erp.faults(lost_answer)
    tms.faults(dict(lost_answer, every=37))
    rng = random.Random(20261121)
    fleet = site.fleet(total=EVENTS, devices=60, connections=6, window=12, resend_s=4).start()
    for n in range(KILLS):
        mark = int((n + rng.random()) * EVENTS / KILLS)
        wait.until(lambda: len(fleet.acked) >= mark, 120, "%d acks" % mark, every=0.001)
        # A moment within the turn, not only the one right after an ack.
        time.sleep(rng.random() * 0.03)
        agent.kill9()
        agent.spawn()
    assert_ledger_closes(fleet, {erp: ALL, tms: ALL}, seconds=180)
    assert fleet.statuses["rejected"] == 0
    wait.until(agent.is_ready, 30, "drayd ready in the end")
    wait.until(lambda: agent.ask("ledger")["closed"], 30, "the agent's own ledger closing")
    assert agent.exceptions() == []
    # The kills and the lost answers did strike: both sides saw repeats and knew them.
    assert fleet.statuses["duplicate"] > 0
    assert erp.ledger()["repeats"] > KILLS and tms.ledger()["repeats"] > 0


def test_kills_while_the_erp_is_down_and_comes_back(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    fleet = site.fleet(total=2000, devices=40, connections=4, window=10, resend_s=4).start()
    for n in range(6):
        mark = n * 300
        wait.until(lambda: len(fleet.acked) >= mark, 60, "%d acks" % mark)
        (erp.down if n % 2 == 0 else erp.up)()
        agent.kill9()
        agent.spawn()
    assert_ledger_closes(fleet, {erp: ALL})
