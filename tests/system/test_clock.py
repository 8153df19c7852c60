"""The clock is wrong: jumps while drayd works, 1970 at boot, and what is shown meanwhile.

libfaketime sets drayd's wall clock and leaves its boot clock alone; a shim of ours says what the
kernel says of it, and which boot it is.
"""
import time

import pytest

from sim import wait
from sim.long import count
from sim.machine import FAKETIME, TO_1970_DAYS, Machine
from sim.site import ALL, assert_ledger_closes, destination, receipt, wait_applied
from sim.wreck import Wreck

pytestmark = pytest.mark.skipif(not FAKETIME, reason="needs libfaketime (package faketime)")


@pytest.fixture
def machine(site):
    return Machine(site.folder)


def clock_of(agent):
    return agent.ask("status")["clock"]


def assert_no_nonsense(agent):
    """Nothing that is shown as an age is older than the test."""
    assert agent.metric("dray_backlog_oldest_seconds") < 600
    assert agent.metric("dray_delivery_seconds_sum") <= \
        600 * agent.metric("dray_delivery_seconds_count")
    for row in agent.ask("queue")["items"]:
        assert (row["oldest_s"] or 0) < 600
        assert sum(row["ages"][age] for age in ("1h", "6h", "1d", "older")) == 0
    assert agent.ask("events", "list", "--since", "1h", "--limit", "1")["items"]


@pytest.mark.heavy
def test_an_event_is_known_for_as_long_as_it_is_retained_whatever_the_clock_says(site, machine):
    retain = 2.0
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, env=machine.env,
                       store={"retain": "%ds" % retain})
    handheld = site.device()
    sent, acked, seen, gone = {}, {}, {}, {}
    jumps = iter([(1, False), (-1, True), (40, True), (-40, False), (TO_1970_DAYS, True),
                  (0, True)] * count(1, 20))

    def look():
        began = time.monotonic()
        here = {row["id"] for row in agent.ask("events", "list", "--limit", "1000")["items"]}
        seen.update((event_id, began) for event_id in here)
        for event_id in set(acked) - here:
            gone.setdefault(event_id, time.monotonic())

    for n in range(count(40, 800)):
        sent["e%d" % n] = time.monotonic()
        handheld.send(receipt("e%d" % n))
        handheld.ack("e%d" % n, "stored")
        acked["e%d" % n] = time.monotonic()
        if n % 6 == 5:
            machine.set(*next(jumps))
        look()
        time.sleep(0.15)  # the pace of the floor, not a wait for anything
    wait.until(lambda: look() or len(gone) == len(acked), 60, "all events purged")
    # How long at most, how long at least: who looks late takes the one for longer, the other for shorter.
    at_most = {event_id: gone[event_id] - sent[event_id] for event_id in acked}
    at_least = {event_id: seen.get(event_id, acked[event_id]) - acked[event_id] for event_id in acked}
    assert min(at_most.values()) > retain - 0.1, at_most
    # The purge looks every `retain`.
    assert max(at_least.values()) < 2 * retain + 3, at_least
    assert not agent.exceptions()


@pytest.mark.heavy
def test_a_flood_through_every_jump_arrives_once_and_in_order(site, machine):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, retry={"base": "100ms", "max": "5s"})},
                       env=machine.env)
    handheld = site.device("known")
    handheld.send(receipt("known", document="PO-known"))
    handheld.ack("known", "stored")
    wait_applied(erp, ["known"])
    fleet = site.fleet(devices=8, rate=150).start()
    for days, is_vouched in [(1, False), (0, True), (-1, False), (0, True), (1, True), (0, True),
                             (-1, True), (0, True), (TO_1970_DAYS, False),
                             (0, True)] * count(1, 30):
        # Asked to wait, then gone, while the clock is set; then a crash, then back.
        before = len(fleet.acked)
        erp.faults({"do": "status", "status": 429, "headers": {"Retry-After": "1"}, "count": 3},
                   {"do": "status", "status": 503, "apply": True, "count": 3})
        wait.until(lambda: len(fleet.acked) > before + 30, 60, "events before the jump")
        machine.set(days, is_vouched)
        before = len(fleet.acked)
        wait.until(lambda: len(fleet.acked) > before + 30, 60, "events behind the jump")
        assert_no_nonsense(agent)
        erp.down()
        agent.kill9()
        agent.start()
        erp.up()
        handheld.send(receipt("known", document="PO-known"))
        handheld.ack("known", "duplicate")
    fleet.stop_publishing()
    wait.until(fleet.is_done, 60, "all events acked")
    wait.until(lambda: erp.ledger()["applied"] >= len(fleet.published) + 1, 60, "all applied")
    sums = erp.ledger()
    assert set(erp.ids()) == fleet.expected(ALL) | {"/dc-sim-1/known known"}
    assert (sums["doubled"], sums["out_of_order"], sums["key_conflicts"]) == (0, 0, 0)
    assert not agent.exceptions()
    assert clock_of(agent)["trusted"]


def today():
    """The days that a time shown to people may have, now."""
    return {time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago)) for ago in (0, 600)}


def test_a_site_whose_first_start_was_in_1970_shows_the_right_times(site, machine):
    machine.set(TO_1970_DAYS, False)
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, env=machine.env)
    handheld = site.device()
    handheld.send(receipt("first"))
    handheld.ack("first", "stored")
    machine.set(0, True)
    wait.until(lambda: agent.ask("status")["now"][:10] in today(), 60, "the clock is believed")
    handheld.send(receipt("second"))
    handheld.ack("second", "stored")
    handheld.send({"id": "bad", "type": "receipt", "time": "never", "data": {}})
    handheld.ack("bad", "rejected")
    wait_applied(erp, ["first", "second"])
    shown = agent.ask("events", "list", "--since", "1h")["items"]
    assert [row["id"] for row in shown] == ["second", "first"]
    assert {row["received_at"][:10] for row in shown} <= today()
    assert erp.events()[-1]["receivedtime"][:10] in today()
    assert agent.ask("status")["events"]["today"]["stored"] >= 1
    exception, = agent.exceptions()
    assert exception["opened_at"][:10] in today()
    due = time.strptime(exception["due_at"][:19], "%Y-%m-%dT%H:%M:%S")
    assert abs(time.mktime(due) - time.mktime(time.gmtime())) < 10 * 86400
    assert_no_nonsense(agent)


@pytest.mark.heavy
def test_1970_at_boot_and_right_later(site, machine):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, breaker={"failures": 1000})}, env=machine.env)
    handheld = site.device()
    handheld.send(receipt("before"))
    handheld.ack("before", "stored")
    wait_applied(erp, ["before"])
    # Applied, and the answer lost: a repeat is in question.
    erp.faults({"do": "hang", "apply": True, "id_part": "doubt"})
    handheld.send(receipt("doubt", document="PO-2"))
    wait_applied(erp, ["before", "doubt"])
    agent.kill9()
    repeats = len(erp.requests())
    machine.new_boot()
    machine.set(TO_1970_DAYS, False)
    agent.start()
    erp.faults()
    handheld.send(receipt("morning", document="PO-3"))
    handheld.ack("morning", "stored")
    wait_applied(erp, ["before", "doubt", "morning"])
    clock = clock_of(agent)
    assert not clock["trusted"] and clock["machine"].startswith("1970-")
    assert not clock["doubted_since"].startswith("1970-")
    assert agent.metric("dray_clock_trusted") == 0
    assert "not trusted" in agent.ctl("status").stdout
    assert len(erp.requests()) == repeats + 1  # the new one, and no repeat
    assert_no_nonsense(agent)
    agent.kill9()
    agent.start()
    machine.set(0, True)
    wait.until(lambda: clock_of(agent)["trusted"], 60, "the clock is believed")
    assert agent.metric("dray_clock_trusted") == 1
    wait.until(lambda: len(erp.requests()) == repeats + 2, 60, "the repeat")
    wait.until(lambda: agent.metric("dray_backlog") == 0, 60, "all of it settled")
    for event_id, document in (("before", "PO-1001"), ("doubt", "PO-2"), ("morning", "PO-3")):
        handheld.send(receipt(event_id, document=document))
        handheld.ack(event_id, "duplicate")
    # The stamps of the morning are right, now that the time is known.
    shown = agent.ask("events", "list", "--limit", "1")["items"][0]["received_at"]
    assert shown[:10] in today()
    assert_no_nonsense(agent)
    assert erp.ledger()["doubled"] == 0
    assert not agent.exceptions()


def test_a_database_that_breaks_where_the_next_boot_is_in_1970_comes_back_with_its_times(site, machine):
    """The power fails, the card has a bad page, there is no battery clock: all on one morning."""
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, retry={"base": "3s", "max": "3s"})},
                       env=machine.env)
    handheld = site.device()
    handheld.send(receipt("done", document="PO-1"))
    handheld.ack("done", "stored")
    wait_applied(erp, ["done"])
    erp.faults({"do": "status", "status": 429, "headers": {"Retry-After": "3"}})
    handheld.send(receipt("waits", document="PO-2"))
    handheld.ack("waits", "stored")
    wait.until(lambda: agent.metric("dray_backlog", 'state="waiting"') == 1, 60, "it waits")
    agent.stop()
    Wreck(agent.config["state_dir"], agent.folder).overwrite([1])
    machine.new_boot()
    machine.set(TO_1970_DAYS, False)
    agent.start()
    wait.until(lambda: (agent.ask("status")["salvage"] or {}).get("state") == "done", 60, "salvaged")
    assert not clock_of(agent)["trusted"]
    erp.faults()
    wait_applied(erp, ["done", "waits"])
    machine.set(0, True)
    wait.until(lambda: clock_of(agent)["trusted"], 60, "the clock is believed")
    shown = agent.ask("events", "list", "--limit", "10")["items"]
    assert {row["received_at"][:10] for row in shown} <= today()
    told, = agent.exceptions("store")
    assert told["opened_at"][:10] in today()
    assert_no_nonsense(agent)
