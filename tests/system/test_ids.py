"""The same event twice, other content under the same id, the same id from two devices."""
import re

from sim import door
from sim.site import destination, receipt, wait_applied


def test_the_same_event_again_is_a_duplicate_and_is_delivered_once(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    handheld = site.device()
    event = receipt("twice")
    handheld.send(event)
    first = handheld.ack("twice")
    handheld.send(dict(event, senttime="2026-11-21T15:09:00Z"))
    again = handheld.ack("twice")
    assert (first["status"], again["status"]) == ("stored", "duplicate")
    assert again["seq"] == first["seq"]
    handheld.send(receipt("barrier"))
    handheld.ack("barrier", "stored")
    wait_applied(erp, ["twice", "barrier"])


def test_other_content_under_the_same_id_is_a_conflict_and_both_are_kept(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    handheld.send(receipt("one-id", dock="D1"))
    handheld.ack("one-id", "stored")
    handheld.send(receipt("one-id", dock="D2"))
    ack = handheld.ack("one-id")
    assert (ack["status"], ack["reason"]) == ("rejected", "id_conflict")
    wait_applied(erp, ["one-id"])
    row = agent.exceptions()[0]
    assert row["kind"] == "id_conflict"
    assert "D2" in agent.ctl("exceptions", "show", row["id"]).stdout


def test_two_devices_may_choose_the_same_id(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    left, right = site.device("left"), site.device("right")
    left.send(receipt("same", document="PO-1"))
    right.send(receipt("same", document="PO-2"))
    assert left.ack("same")["status"] == "stored"
    assert right.ack("same")["status"] == "stored"
    wait_applied(erp, ["same", "same"])
    keys = {request["headers"]["idempotency-key"] for request in erp.requests()}
    assert len(keys) == 2
    assert set(erp.ids()) == {"/dc-sim-1/left same", "/dc-sim-1/right same"}


def test_the_same_event_by_mqtt_and_by_http_is_one(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    handheld = site.device()
    handheld.send(receipt("both"))
    first = handheld.ack("both", "stored")
    again = door.post(agent, receipt("both"), token="tc52-0042")
    assert (again.status, again.json) == (200, [{"id": "both", "status": "duplicate",
                                                 "seq": first["seq"]}])
    other = door.post(agent, receipt("both", dock="D2"), token="tc52-0042")
    assert (other.status, other.json[0]["reason"]) == (422, "id_conflict")
    assert door.post(agent, receipt("by-http"), token="tc52-0042").status == 202
    handheld.send(receipt("by-http"))
    handheld.ack("by-http", "duplicate")


def test_an_event_without_an_id_is_given_the_same_one_each_time(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    handheld = site.device()
    event = receipt()
    del event["id"]
    handheld.send(event)
    first = handheld.hear(lambda m: b'"stored"' in m.payload)
    handheld.send(event)
    second = handheld.hear(lambda m: b'"duplicate"' in m.payload)
    given = [re.search(rb'"id":"([^"]+)"', m.payload).group(1) for m in (first, second)]
    assert given[0] == given[1]
    wait_applied(erp, [given[0].decode()])
