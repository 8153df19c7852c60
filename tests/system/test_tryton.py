"""The connector `tryton` against a real Tryton, which says itself that each quantity is there once."""
import datetime
import os
import random
import threading

import pytest

from sim import agent as agents
from sim import tryton as trytons
from sim import wait
from sim.long import count
from sim.site import Site

pytestmark = [pytest.mark.heavy, pytest.mark.slow, pytest.mark.xdist_group("tryton")]

POSTS = count(("shipment.in.create", "shipment.in.receive", "out.pick", "out.done"),
              ("create", "write", "receive", "done", "assign_try", "pick", "pack"))


@pytest.fixture(scope="module")
def the_tryton():
    if not os.path.exists(trytons.script()):
        pytest.skip("no %s" % trytons.script())
    server = trytons.Tryton()
    try:
        yield server.start()
    except RuntimeError as why:
        pytest.skip("Tryton can't be had here: %s" % why)
    finally:
        server.destroy()


@pytest.fixture
def erp(the_tryton):
    the_tryton.reset()
    return the_tryton


@pytest.fixture
def line(site, erp):
    return site._keep(trytons.Line(erp.facts), "close")


def start(site, line, erp, **more):
    secret = site.folder / "tryton-password"
    secret.write_text(erp.facts["password"])
    secret.chmod(0o600)
    return site.agent({"tryton": agents.merge({
        "url": line.url, "connector": "tryton",
        "auth": {"type": "session", "username": erp.facts["login"],
                 "password": {"file": "tryton-password"}},
        "vars": {"units": {"CS": ["cs12", "cs6"]}},
        "timeout": "3s", "settle": "1s", "retry": {"base": "100ms", "max": "500ms"},
        "idempotency": {"mode": "lookup"}, "looks": 50,
        "breaker": {"failures": 5, "probe": "200ms"}}, more)})


# --- what the floor says -----------------------------------------------------------------------------------

def line_of(sku, quantity, uom="EA", **more):
    return {"item": {"sku": sku}, "quantity": quantity, "uom": uom, **more}


def send(handheld, kind, document, lines=None, **data):
    numbered = [{"line": number, **line} for number, line in enumerate(lines or [], 1)]
    event_id = "ev-%d" % next(Site.numbers)
    # Tryton takes no date that is yet to come.
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    handheld.send({
        "id": event_id, "type": kind, "time": now,
        "data": {"document": {"type": "purchase_order" if kind == "receipt" else "sales_order",
                              "id": document}, **({"lines": numbered} if lines else {}), **data}},
        kind=kind)
    handheld.ack(event_id, "stored")


def wait_done(agent, count, seconds=60):
    wait.until(lambda: agent.metric("dray_deliveries_total", 'outcome="done"') == count
               or agent.exceptions(), seconds, "%d deliveries done" % count)
    assert [row["reason"] for row in agent.exceptions()] == []


def receipts_by_what_they_hold(erp):
    """Tryton's word for word, under the references that it has: `check` sees to it that each is one
    shipment. Sorted by what was received."""
    return sorted(({product: q for product, q in r["received"].items()}
                   for r in erp.ledger()["receipts"] if r["received"]), key=repr)


def check(erp, receipts, shipments):
    """Each receipt's quantities once under a reference of its own, each shipment's once, nothing else,
    nothing left half way."""
    assert receipts_by_what_they_hold(erp) == sorted(receipts, key=repr)
    references = {r["reference"]: r["received"] for r in erp.ledger()["receipts"] if r["received"]}
    assert erp.check(receipts=references, shipments=shipments, finished=True) is None


FLOOR = [
    ("receipt", "PO0001", [line_of("JUICE-1L", 6, "CS"), line_of("RICE-5KG", 40),
                           line_of("FLOUR-BULK", "100.25", "KGM")], {}),
    ("receipt", "PO0001", [line_of("JUICE-1L", 48)], {}),
    ("receipt", "PO0002", [line_of("YOGURT-500", 50, lot="L-77"), line_of("OIL-75CL", 4, "CS")], {}),
    ("pick", "SO0001", [line_of("JUICE-1L", 24), line_of("RICE-5KG", 5)], {}),
    ("ship", "SO0001", None, {"packages": [
        {"sscc": "395060001343500004", "lines": [line_of("JUICE-1L", 20), line_of("RICE-5KG", 5)]},
        {"sscc": "395060001343500011", "lines": [line_of("JUICE-1L", 4)]}]}),
    ("pick", "SO0002", [line_of("FLOUR-BULK", 20, "KGM", requested="30.25"),
                        line_of("JUICE-1L", 12)], {}),
    ("ship", "SO0002", None, {"packages": [{"sscc": "395060001343500028", "lines": [
        line_of("FLOUR-BULK", 20, "KGM"), line_of("JUICE-1L", 12)]}]}),
]
RECEIVED = [{"JUICE-1L": 72, "RICE-5KG": 40, "FLOUR-BULK": 100.25}, {"JUICE-1L": 48},
            {"YOGURT-500": 50, "OIL-75CL": 24}]
SHIPPED = {"OUT0001": {"JUICE-1L": 24, "RICE-5KG": 5}, "OUT0002": {"FLOUR-BULK": 20, "JUICE-1L": 12}}


def send_all(handheld):
    for kind, document, lines, data in FLOOR:
        send(handheld, kind, document, lines, **data)


# --- good days and bad ones ---------------------------------------------------------------------------------

def test_receipts_picks_and_shipments_over_a_session_that_ends(site, line, erp):
    agent = start(site, line, erp)
    handheld = site.device()
    ended = []

    def on_request(method):
        if method.endswith(".create") and not ended:
            ended.append(method)
            erp.do("expire-sessions")
    line.on_request = on_request
    send_all(handheld)
    wait_done(agent, len(FLOOR))
    check(erp, RECEIVED, SHIPPED)
    assert line.asked.count("common.db.login") >= 2


def test_what_tryton_refuses_is_an_exception_in_its_own_words(site, line, erp):
    agent = start(site, line, erp)
    send(site.device(), "receipt", "PO0001", [line_of("JUICE-1L", 7)])
    [refused] = wait.until(lambda: agent.exceptions("rejected"), what="the exception")
    assert 'The number of digits in the value "0.583333"' in refused["reason"]
    check(erp, [], {})


def test_paused_past_the_time_out_it_does_later_what_was_given_up(site, line, erp):
    """The ghost: the create is on its way when everything stops, and lands after it was repeated."""
    agent = start(site, line, erp)
    paused = []

    def on_request(method):
        if method.endswith("stock.shipment.in.create") and not paused:
            paused.append(threading.Timer(5, erp.resume))
            erp.pause()
            paused[0].start()
    line.on_request = on_request
    send_all(site.device())
    wait_done(agent, len(FLOOR))
    paused[0].join()
    check(erp, RECEIVED, SHIPPED)


def test_killed_between_each_post_and_its_answer(site, line, erp):
    """One request at a time, and none given up while Tryton is at it: what an order has left it works out
    behind a commit, and a kill in just that moment of another request is a matter between it and its own
    worker."""
    agent = start(site, line, erp, concurrency=1, timeout="60s")
    killed = set()

    def on_answer(method):
        if method.endswith(POSTS) and method not in killed:
            killed.add(method)
            erp.crash()
            return "lose"
        return None
    line.on_answer = on_answer
    send_all(site.device())
    wait_done(agent, len(FLOOR), 120)
    assert len(killed) >= len(POSTS), killed
    check(erp, RECEIVED, SHIPPED)


def test_the_agent_is_killed_instead(site, line, erp):
    """Between a request and its answer, and started again: what was out is looked up."""
    agent = start(site, line, erp)
    killed = set()
    reached, may_go_on = threading.Event(), threading.Event()

    def on_answer(method):
        if method.endswith((".create", ".receive", ".pick")) and method not in killed:
            killed.add(method)
            reached.set()
            may_go_on.wait(30)
            may_go_on.clear()
            return "lose"
        return None
    line.on_answer = on_answer
    send_all(site.device())
    for _ in range(3):
        assert reached.wait(60), "no request; done so far: %s" % killed
        reached.clear()
        agent.kill9()
        may_go_on.set()
        agent.start()
    wait.until(lambda: agent.metric("dray_backlog") == 0 or agent.exceptions(), 60, "all carried")
    assert [row["reason"] for row in agent.exceptions()] == []
    check(erp, RECEIVED, SHIPPED)


@pytest.mark.parametrize("seed", range(count(0, 20)))
def test_whatever_happens_whenever_each_quantity_is_there_once(site, line, erp, seed):
    agent = start(site, line, erp, concurrency=1)
    draw, timers, ends = random.Random(seed), [], [0]

    def on_request(method):
        fault = draw.random()
        if fault < 0.05:
            erp.pause()
            timers.append(threading.Timer(draw.choice([1, 4, 7]), erp.resume))
            timers[-1].start()
        elif fault < 0.10 and line.at_work == 0:
            erp.crash()
        elif fault < 0.15 and len(line.asked) > ends[-1] + 10:
            # Not twice in a row: a session that was just made and is refused holds the destination.
            ends.append(len(line.asked))
            erp.do("expire-sessions")

    def on_answer(method):
        fault = draw.random()
        if fault < 0.05 and line.at_work == 0:
            erp.crash()
        return "lose" if fault < 0.15 else None
    line.on_request, line.on_answer = on_request, on_answer
    send_all(site.device())
    wait_done(agent, len(FLOOR), 300)
    for timer in timers:
        timer.join()
    check(erp, RECEIVED, SHIPPED)
