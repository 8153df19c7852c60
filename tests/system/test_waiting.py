"""A destination has been down for as long as it takes a million events to come.

They are put there by the store's own functions (tests/bench/fill.c), which a test holds against what
drayd makes of the same events.
"""
import json
import os
import sqlite3
import statistics
import time

import pytest

from sim import agent as agents
from sim import wait
from sim.load import Vitals, fill
from sim.long import count
from sim.site import destination

WAITING = count(1_000_000, 10_000_000)
PSS_MAX_MB = 14
READY_MAX_S = 1.0

# What drayd derives from an event; the clock's own columns are left out.
EVENT = ("SELECT source, id, revision, type, document, device, correlation, origin, occurred_at_ms,"
         " sent_at_ms, digest, json_remove(body, '$.receivedtime'), raw FROM event ORDER BY seq")
WAITS = ("SELECT state, batch, attempts, due_at_ms > 0, claimed_at_ms > 0, doubt_at_ms > 0,"
         " settled_at_ms, last_status, ref, carry, c.connector, c.digest, c.text, a.attempt, a.outcome, a.status"
         " FROM delivery AS d JOIN connector_revision AS c ON c.id = d.connector_revision"
         " JOIN attempt AS a USING (destination, seq) WHERE state = 3 ORDER BY d.seq LIMIT 1")


def rows(path, sql):
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as db:
        return db.execute(sql).fetchall()


def as_sent(body):
    """The words of bench/receipt.h, from the canonical form."""
    event = json.loads(body)
    text = json.dumps({"id": event["id"], "type": "receipt", "time": event["time"],
                       "operator": "u117", "data": event["data"]}, separators=(",", ":"))
    return text.replace('"quantity":"12"', '"quantity":12').replace('"2.5"', '"2.50"')


def send_all(site, path):
    for device, body in rows(path, "SELECT device, body FROM event ORDER BY seq"):
        handheld = site.device(device)
        handheld.send(as_sent(body))
        handheld.ack(json.loads(body)["id"], "stored")
        handheld.close()


def test_the_filled_store_is_what_drayd_makes_of_the_same_events(site):
    path = str(site.folder / "filled.db")
    fill(path, 102, handhelds=3)
    erp = site.cloud()
    erp.faults({"do": "status", "status": 503})
    down = destination(erp, retry={"base": "1h", "max": "1h"}, breaker={"failures": 1000})
    agent = site.agent({"down": dict(down, concurrency=1)})
    agent.ctl("destinations", "pause", "down")
    send_all(site, path)
    made = os.path.join(agent.config["state_dir"], "dray.db")
    keys = "SELECT destination, seq, state = 4, held_key FROM delivery ORDER BY seq"
    sums = ("SELECT source, device, type, destination, outcome, detail, sum(n) FROM tally"
            " GROUP BY 1, 2, 3, 4, 5, 6")
    for sql in (EVENT, keys, sums):
        assert rows(made, sql) == rows(path, sql)
    # Nothing was claimed: ready and waiting together.
    depths = "SELECT destination, min(state, 3 * (state / 3)), sum(n) FROM depth GROUP BY state = 4"
    assert [row[2] for row in rows(made, depths)] == [row[2] for row in rows(path, depths)]
    agent.ctl("destinations", "resume", "down")
    wait.until(lambda: rows(made, WAITS), what="a delivery that was answered 503")
    assert rows(made, WAITS) == rows(path, WAITS)


# --- a million of them --------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def backlog(tmp_path_factory):
    """The folder of a store in which they wait. The tests below take it from one another."""
    folder = tmp_path_factory.mktemp("waiting")
    found = fill(folder / "dray.db", WAITING)
    print("\nfilled with %d in %.0f s" % (found["events"], found["seconds"]))
    yield str(folder)
    for name in os.listdir(folder):
        os.unlink(folder / name)


def start(site, backlog, **more):
    """drayd on the backlog: `down` refuses connections, `up` takes what is published."""
    sink = site.sink()
    options = dict(destination(sink, concurrency=16))
    closed = dict(options, url="http://127.0.0.1:%d" % wait.free_port())
    agent = site.make_agent({"down": closed, "up": options}, {"all": {"to": ["up"]}},
                            state_dir=backlog, **more)
    _ = site.broker
    began = time.monotonic()
    agent.spawn()
    wait.until(lambda: agent.get("/healthz")[0] == 200, 60, "alive", every=0.002)
    alive_s = time.monotonic() - began
    wait.until(agent.is_ready, 60, "ready", every=0.002)
    return agent, sink, alive_s, time.monotonic() - began


def waiting_for(agent, name="down"):
    """In one look: meanwhile they go from state to state."""
    look = agent.metrics()
    return sum(agents.total(look, "dray_backlog", 'destination="%s"' % name, 'state="%s"' % state)
               for state in ("ready", "parked", "waiting", "claimed"))


@pytest.mark.heavy
@pytest.mark.alone
def test_it_starts_within_a_second_and_stays_small(site, backlog):
    agent, sink, alive_s, ready_s = start(site, backlog)
    vitals = Vitals(agent.pid)
    at_rest = vitals.pss_mb()
    result = site.publisher(count(20_000, 100_000)).result()
    under_load = vitals.pss_mb()
    print("\n%d waiting: alive after %.3f s, ready after %.3f s; PSS %.1f MB at rest, %.1f MB under "
          "load; acks p50 %.1f, p99 %.1f ms" % (WAITING, alive_s, ready_s, at_rest, under_load,
                                                result["p50_ms"], result["p99_ms"]))
    assert ready_s < READY_MAX_S
    assert max(at_rest, under_load) <= PSS_MAX_MB
    assert result["stored"] == result["published"]
    wait.until(lambda: sink.events() >= result["published"], 60, "all at the one that is up")
    assert sink.events() == result["published"]
    assert waiting_for(agent) == WAITING


QUESTIONS = [("status",), ("queue",), ("ledger",), ("events", "list"),
             ("events", "list", "--limit", "1000"), ("events", "list", "--document", "PO-7777777"),
             ("exceptions", "list"), ("exceptions", "list", "--kind", "rejected", "--all"),
             ("destinations", "list")]


@pytest.mark.heavy
@pytest.mark.alone
def test_no_question_holds_the_loop(site, backlog):
    """What the API answers takes milliseconds, and acks don't wait for it."""
    agent, _, _, _ = start(site, backlog)
    seconds = 6
    asked = site.publisher(200 * seconds, rate=200)
    took = {}
    while not asked.is_over():
        for path in ("/v1/status", "/v1/queue", "/v1/ledger", "/v1/events?device=none", "/v1/events",
                     "/v1/exceptions", "/v1/deliveries?state=parked", "/metrics"):
            began = time.monotonic()
            status, _ = agent.ask_control(path)
            took.setdefault(path, []).append(time.monotonic() - began)
            assert status == 200
    for words in QUESTIONS:
        assert agent.ctl(*words, check=False).returncode in (0, 1)
    result = asked.result()
    quiet = site.publisher(200 * seconds, rate=200).result()
    agent.reload(dict(agent.config, log={"level": "debug"}))
    wait.until(lambda: "configuration reloaded" in agent.log(), 60, "the reload")
    print("\nacks p50 %.1f, p99 %.1f, longest %.1f ms while asked; %.1f, %.1f, %.1f ms when not"
          % tuple(r[k] for r in (result, quiet) for k in ("p50_ms", "p99_ms", "max_ms")))
    for path, times in took.items():
        print("%-32s median %.1f ms of %d" % (path, 1e3 * statistics.median(times), len(times)))
        assert statistics.median(times) < 0.015
    assert result["stored"] == quiet["stored"] == 200 * seconds
    assert result["p99_ms"] < 50


@pytest.mark.heavy
@pytest.mark.alone
def test_it_drains_in_order_and_takes_nothing_twice(site, backlog):
    erp = site.cloud()
    agent = site.agent({"down": destination(erp, concurrency=16)}, {}, state_dir=backlog)
    wait.until(lambda: erp.ledger()["applied"] >= 3000, 60, "three thousand made up for")
    assert agent.stop() == 0
    sums = erp.ledger()
    assert sums["doubled"] == 0 and sums["out_of_order"] == 0 and sums["key_conflicts"] == 0
    left = dict(rows(os.path.join(backlog, "dray.db"), "SELECT state, n FROM depth WHERE destination = 1"))
    assert left[7] == sums["applied"]
    assert sum(left.values()) == WAITING
