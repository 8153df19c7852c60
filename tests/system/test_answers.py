"""What the other side can answer, and what must become of the event."""
import email.utils
import os
import re
import time

import pytest

from sim import agent as agents
from sim import wait
from sim.site import destination, receipt, wait_applied
from sim.tls import Certificates


def send_stored(handheld, *names):
    """Each on a document of its own, so that none waits for another."""
    for name in names:
        handheld.send(receipt(name, document="PO-" + name))
        handheld.ack(name, "stored")


# What passes: the event must be applied once in the end, and nobody is bothered.
PASSING = {
    "503 for a while": {"do": "status", "status": 503, "count": 4},
    "500 once": {"do": "status", "status": 500, "count": 1},
    "408 once": {"do": "status", "status": 408, "count": 1},
    "502 after applying": {"do": "status", "status": 502, "count": 1, "apply": True},
    "applied, then closed without an answer": {"do": "close", "count": 2, "apply": True},
    "applied, then reset": {"do": "close", "count": 1, "apply": True, "ms": 1},
    "closed without an answer, not applied": {"do": "close", "count": 2},
    "garbage": {"do": "garbage", "count": 2},
    "garbage after applying": {"do": "garbage", "count": 1, "apply": True},
    "hanging": {"do": "hang", "count": 1},
    "hanging after applying": {"do": "hang", "count": 1, "apply": True},
    "slow": {"do": "slow", "count": 1, "ms": 300},
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_what_passes_is_tried_again_until_it_is_applied_once(site, fault):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, timeout="500ms")})
    handheld = site.device()
    erp.faults(fault)
    send_stored(handheld, "e-1")
    wait_applied(erp, ["e-1"])
    send_stored(handheld, "e-2")
    wait_applied(erp, ["e-1", "e-2"])
    wait.until(lambda: agent.metric("dray_deliveries_total", 'outcome="done"') == 2,
               what="both deliveries done")
    assert agent.exceptions() == []
    keys = {}
    for request in erp.requests():
        keys.setdefault(request["headers"]["idempotency-key"], set()).add(request["body"])
    assert all(len(bodies) == 1 for bodies in keys.values()), "a retry sends the same bytes"
    assert len(keys) == 2


def test_a_connection_closed_between_requests_is_no_loss_and_no_double(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp, concurrency=1)})
    handheld = site.device()
    send_stored(handheld, "k-1")
    wait_applied(erp, ["k-1"])
    erp.faults({"do": "close", "kept_alive": True, "apply": True, "count": 1})
    send_stored(handheld, "k-2")
    wait_applied(erp, ["k-1", "k-2"])


@pytest.mark.parametrize("is_long", [False, True], ids=["short", "past the retries' pace"])
def test_an_api_that_refuses_connections_makes_the_queue_wait_without_burning_attempts(
        site, is_long):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, retry={"give_up": "1s"})})
    handheld = site.device()
    erp.down()
    names = ["down-%d" % n for n in range(20)]
    send_stored(handheld, *names)
    wait.until(lambda: agent.metric("dray_destination_up", 'destination="erp"') == 0,
               what="the destination counted as unreachable")
    if is_long:  # longer than give_up: an outage is nobody's fault
        deadline = time.monotonic() + 2.5
        wait.until(lambda: time.monotonic() > deadline, 5)
    assert agent.metric("dray_backlog", 'destination="erp"') == 20
    assert not agent.exceptions("gave_up")
    erp.up()
    wait_applied(erp, names)


def test_a_dead_destination_does_not_delay_another(site):
    erp, tms = site.cloud("erp"), site.cloud("tms")
    site.agent({"erp": destination(erp), "tms": destination(tms)})
    handheld = site.device()
    erp.down()
    send_stored(handheld, "x-1", "x-2")
    wait_applied(tms, ["x-1", "x-2"])
    assert erp.ledger()["applied"] == 0
    erp.up()
    wait_applied(erp, ["x-1", "x-2"])


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(site, form):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    handheld = site.device()
    asked_s, date = 2, int(time.time()) + 3
    value = str(asked_s) if form == "seconds" else email.utils.formatdate(date, usegmt=True)
    erp.faults({"do": "status", "status": 429, "count": 1, "headers": {"Retry-After": value}})
    handheld.send(receipt("limited"))
    wait_applied(erp, ["limited"])
    first, second = (request["at"] for request in erp.requests())
    # Never sooner than asked, by the other side's own clock; a date has come whoever was late.
    assert second >= (first + asked_s if form == "seconds" else date) - 0.01


def test_retry_after_is_obeyed_over_a_restart_and_shown(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    erp.faults({"do": "status", "status": 429, "count": 1, "headers": {"Retry-After": "1000"}})
    send_stored(site.device(), "limited")
    wait.until(lambda: agent.ask("destinations", "list")["items"][0]["state"] == "throttled",
               what="the wait settled")
    agent.kill9()
    agent.start()
    send_stored(site.device("tc52-0043"), "other")
    for command in (["destinations", "list"], ["status"], ["queue"]):
        assert re.search(r"erp +throttled until \d", agent.ctl(*command).stdout)
    assert agent.metric("dray_destination_up", 'destination="erp"') == 0
    assert erp.ledger()["requests"] == 1


def test_a_stale_token_is_read_anew_and_the_events_go_on(site, tmp_path):
    erp = site.cloud()
    token = tmp_path / "erp-token"
    token.write_text("old")
    token.chmod(0o600)
    agent = site.agent({"erp": destination(erp, auth={"type": "bearer",
                                                      "token": {"file": "erp-token"}})})
    handheld = site.device()
    erp.faults({"do": "auth", "value": "Bearer new"})
    send_stored(handheld, "t-1")
    wait.until(lambda: agent.exceptions("hold"), what="an exception that names the credentials")
    send_stored(handheld, "t-2")
    token.write_text("new")
    wait_applied(erp, ["t-1", "t-2"])
    wait.until(lambda: not agent.exceptions("hold"), what="the hold resolved by itself")
    assert agent.exceptions() == []
    assert "new" not in agent.ctl("destinations", "list").stdout.split()


@pytest.mark.parametrize("auth, header, value", [
    ({"type": "basic", "username": "dray", "password": {"file": "secret"}}, "authorization",
     "Basic ZHJheTpzM2NyM3Q="),
    ({"type": "api_key", "key": {"file": "secret"}}, "x-api-key", "s3cr3t"),
    ({"type": "bearer", "token": {"file": "secret"}}, "authorization", "Bearer s3cr3t"),
])
def test_credentials_come_from_files_and_show_nowhere(site, tmp_path, auth, header, value):
    (tmp_path / "secret").write_text("s3cr3t\n")
    os.chmod(tmp_path / "secret", 0o600)
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, auth=auth)})
    erp.faults({"do": "auth", "header": header, "value": value})
    send_stored(site.device(), "c-1")
    wait_applied(erp, ["c-1"])
    assert "s3cr3t" not in agent.log() + agent.get("/metrics")[1]
    assert "s3cr3t" not in agent.ctl("status", "--json").stdout


def test_404_for_all_holds_the_destination_and_404_no_more_lets_everything_go(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    erp.faults({"do": "status", "status": 404})
    names = ["h-%d" % n for n in range(6)]
    send_stored(handheld, *names)
    wait.until(lambda: agent.exceptions("hold"), what="the destination held")
    assert not agent.exceptions("rejected"), "a wrong path is not the events' fault"
    erp.faults()
    wait_applied(erp, names)
    wait.until(lambda: agent.exceptions() == [], what="the hold resolved by itself")


def test_404_for_one_event_rejects_that_one_and_the_rest_goes_on(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    erp.faults({"do": "status", "status": 404, "id_part": "poor"})
    send_stored(handheld, "poor", "rich-1", "rich-2", "rich-3")
    wait_applied(erp, ["rich-1", "rich-2", "rich-3"])
    wait.until(lambda: agent.exceptions("rejected"), what="the one event rejected")
    assert [row["event_id"] for row in agent.exceptions("rejected")] == ["poor"]
    wait.until(lambda: not agent.exceptions("hold"), what="no hold left")


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refused_event_is_an_exception_with_the_other_sides_words(site, status):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    erp.faults({"do": "status", "status": status, "id_part": "wrong",
                "body": '{"error":"no such purchase order"}'})
    send_stored(handheld, "wrong", "right")
    wait_applied(erp, ["right"])
    if status == 409:  # some sides say so of what is there already
        wait.until(lambda: agent.metric("dray_backlog", 'state="claimed"') == 0, what="settled")
        return
    row = wait.until(lambda: agent.exceptions("rejected"), what="an exception")[0]
    assert row["event_id"] == "wrong"
    assert "no such purchase order" in agent.ctl("exceptions", "show", row["id"]).stdout


def test_400_for_one_event_of_a_batch_costs_only_that_one(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, batch={"max": 10}, concurrency=1)})
    handheld = site.device()
    erp.down()
    names = ["b-%d" % n for n in range(10)]
    send_stored(handheld, *names, "b-wrong")
    erp.faults({"do": "status", "status": 400, "id_part": "wrong"})
    erp.up()
    wait_applied(erp, names)
    wait.until(lambda: agent.exceptions("rejected"), what="the one event rejected")
    assert [row["event_id"] for row in agent.exceptions("rejected")] == ["b-wrong"]


def test_an_exception_holds_its_own_document_only(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    erp.faults({"do": "status", "status": 422, "id_part": "first"})
    handheld.send(receipt("first", document="PO-1"))
    handheld.send(receipt("second", document="PO-1"))
    handheld.send(receipt("other", document="PO-2"))
    wait_applied(erp, ["other"])
    row = wait.until(lambda: agent.exceptions("rejected"), what="an exception")[0]
    assert agent.metric("dray_backlog", 'state="parked"') == 1
    erp.faults()
    agent.ctl("exceptions", "retry", row["id"])
    wait_applied(erp, ["first", "second", "other"])
    order = [event["id"] for event in erp.events() if event["id"] != "other"]
    assert order == ["first", "second"]


def test_a_destination_that_says_pass_lets_later_events_of_the_key_go_on(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp, on_exception="pass")})
    handheld = site.device()
    erp.faults({"do": "status", "status": 422, "id_part": "first"})
    handheld.send(receipt("first", document="PO-1"))
    handheld.send(receipt("second", document="PO-1"))
    wait_applied(erp, ["second"])


def test_past_give_up_an_event_is_an_exception_and_not_dropped(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, retry={"base": "50ms", "max": "100ms",
                                                       "give_up": "1s"},
                                           breaker={"failures": 1000})})
    handheld = site.device()
    erp.faults({"do": "status", "status": 503})
    send_stored(handheld, "late")
    row = wait.until(lambda: agent.exceptions("gave_up"), what="an exception")[0]
    erp.faults()
    agent.ctl("exceptions", "retry", row["id"])
    wait_applied(erp, ["late"])


def test_without_a_key_doubt_is_an_exception_and_never_a_blind_repeat(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, idempotency={"mode": "none"})})
    handheld = site.device()
    erp.faults({"do": "close", "apply": True, "count": 1})
    send_stored(handheld, "doubt")
    wait.until(lambda: agent.exceptions("unknown"), what="an exception of kind unknown")
    send_stored(handheld, "plain")
    wait_applied(erp, ["doubt", "plain"])
    assert "idempotency-key" not in erp.requests()[-1]["headers"]


def test_without_a_key_a_kept_alive_connection_that_dies_is_not_repeated_by_the_library(site):
    """libcurl sends a POST again by itself on a kept-alive connection that closed unanswered."""
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, idempotency={"mode": "none"}, concurrency=1)})
    handheld = site.device()
    send_stored(handheld, "n-1")
    wait_applied(erp, ["n-1"])
    erp.faults({"do": "close", "apply": True, "kept_alive": True})
    send_stored(handheld, "n-2", "n-3")
    wait_applied(erp, ["n-1", "n-2", "n-3"])
    assert agent.exceptions() == []


def test_an_api_with_a_private_ca_wants_our_client_certificate(site, tmp_path):
    tls = Certificates(tmp_path)
    erp = site.cloud(tls=tls)
    site.agent({"erp": destination(erp, tls={"ca": tls.ca, "cert": tls.client_cert,
                                             "key": {"file": tls.client_key}})})
    send_stored(site.device(), "https-1")
    wait_applied(erp, ["https-1"])


def test_an_api_whose_certificate_nobody_vouches_for_is_not_talked_to(site, tmp_path):
    erp = site.cloud(tls=Certificates(tmp_path))
    agent = site.agent({"erp": destination(erp)})
    send_stored(site.device(), "untold")
    wait.until(lambda: agent.metric("dray_destination_up", 'destination="erp"') == 0,
               what="the destination counted as unreachable")
    assert erp.ledger()["requests"] == 0


def test_the_rate_is_kept(site):
    erp = site.cloud()
    site.agent({"erp": agents.destination(erp.url, rate="10/s")})
    handheld = site.device()
    names = ["r-%d" % n for n in range(40)]
    began = time.monotonic()
    send_stored(handheld, *names)
    wait_applied(erp, names)
    # 40 at 10 a second, less what the bucket holds at first: never faster, noise makes it slower.
    assert time.monotonic() - began > 1.5


def test_the_cloudevents_connector_speaks_structured_mode(site):
    erp, bus = site.cloud("erp"), site.cloud("bus")
    site.agent({"erp": destination(erp, connector="cloudevents"),
                "bus": destination(bus, connector="cloudevents", batch={"max": 10})})
    send_stored(site.device(), "ce-1")
    wait_applied(erp, ["ce-1"])
    wait_applied(bus, ["ce-1"])
    assert erp.requests()[0]["headers"]["content-type"].startswith("application/cloudevents+json")
    assert bus.requests()[0]["headers"]["content-type"].startswith(
        "application/cloudevents-batch+json")
