"""From the release before this one to this one, and back, with everything unfinished on the way."""
import os
import sqlite3

import pytest

from sim import previous, wait
from sim.agent import build_folder
from sim.site import ALL, assert_ledger_closes, destination, receipt, wait_applied

pytestmark = pytest.mark.heavy

ENDS = {"in an orderly way": lambda agent: agent.stop(), "kill -9": lambda agent: agent.kill9()}


def backlog(agent, name, state):
    return agent.metric("dray_backlog", 'destination="%s"' % name, 'state="%s"' % state)


def fill_every_state(agent, erp, tms):
    """Exceptions and who is parked behind them, waiting ones, batches whose answer is missing."""
    erp.faults({"do": "status", "status": 422, "count": 3})
    wait.until(lambda: len(agent.exceptions("rejected")) == 3, 60, "three refused events")
    erp.faults({"do": "status", "status": 503, "every": 2}, {"do": "slow", "ms": 50})
    tms.faults({"do": "hang", "apply": True, "every": 2}, {"do": "slow", "ms": 200})
    wait.until(lambda: all(backlog(agent, *place) > 0 for place in [
        ("erp", "exception"), ("erp", "parked"), ("erp", "waiting"), ("erp", "ready"),
        ("erp", "claimed"), ("tms", "claimed"), ("tms", "waiting")]), 60, "every state at once",
               every=0.005)


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_an_upgrade_under_load_loses_doubles_and_regroups_nothing(site, end):
    erp, tms = site.cloud("erp"), site.cloud("tms")
    agent = site.make_agent({"erp": destination(erp),
                             "tms": destination(tms, timeout="1s", batch={"max": 50})})
    agent.use(previous.build())
    agent.start()
    fleet = site.fleet(rate=1000, devices=60, connections=6, window=12, resend_s=2).start()
    wait.until(lambda: len(fleet.acked) > 1000, 60, "1000 acks")
    fill_every_state(agent, erp, tms)
    end(agent)
    agent.use(build_folder())
    agent.start()
    mark = len(fleet.acked) + 1000
    wait.until(lambda: len(fleet.acked) > mark, 60, "1000 acks of the new program")
    fleet.stop_publishing()
    erp.faults()
    tms.faults()
    rows = agent.exceptions()
    assert len(rows) == 3
    for row in rows:
        agent.ctl("exceptions", "retry", row["id"])
    assert_ledger_closes(fleet, {erp: ALL, tms: ALL})
    wait.until(lambda: agent.ask("ledger")["closed"], 60, "the agent's own ledger closing")
    assert agent.exceptions() == []
    assert tms.ledger()["repeats"] > 0  # batches in doubt went again, as they were


def schema_of(agent, raised_by=0):
    """The schema of a stopped agent's store; `raised_by`: from now on it claims to be newer."""
    path = os.path.join(agent.config["state_dir"], "dray.db")
    with sqlite3.connect(path) as db:
        schema = db.execute("PRAGMA user_version").fetchone()[0] + raised_by
        db.execute("PRAGMA user_version = %d" % schema)
    return schema


def test_the_older_program_refuses_a_newer_store_and_leaves_it_as_it_is(site):
    erp = site.cloud()
    agent = site.make_agent({"erp": destination(erp)})
    agent.use(previous.build())
    agent.start()
    agent.stop()
    old = schema_of(agent)
    agent.use(build_folder())
    agent.start()
    erp.down()
    handheld = site.device()
    handheld.send(receipt("waits"))
    handheld.ack("waits", "stored")
    agent.stop()
    raised_by = 1 if schema_of(agent) == old else 0  # no migration since: as if there were one
    new = schema_of(agent, raised_by)
    agent.use(previous.build())
    agent.spawn()
    assert agent.process.wait(60) == 1
    assert ("the database has schema %d, this program knows up to %d: install the newer version "
            "again, or restore a backup" % (new, old)) in agent.log()
    schema_of(agent, -raised_by)
    agent.use(build_folder())
    agent.start()
    erp.up()
    wait_applied(erp, ["waits"])
