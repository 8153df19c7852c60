"""CloudEvents in binary mode: attributes in user properties, the payload is the data."""
import json

import pytest

from sim import wait
from sim.site import destination, receipt, wait_applied


def attributes(event_id, **more):
    """Of a receipt; None leaves one out."""
    said = {"specversion": "1.0", "id": event_id, "type": "receipt",
            "time": "2026-11-21T15:04:05Z", **more}
    return [(name, value) for name, value in said.items() if value is not None]


def send(handheld, event_id, data=None, content_type="application/json", **more):
    handheld.send(receipt(event_id)["data"] if data is None else data, content_type=content_type,
                  user_properties=attributes(event_id, **more))


def test_an_event_in_binary_mode_is_stored_as_one_in_structured_mode(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    send(handheld, "b-1", operator="u117")
    handheld.ack("b-1", "stored")
    handheld.send(dict(receipt("s-1"), time="2026-11-21T15:04:05Z", operator="u117",
                       specversion="1.0", datacontenttype="application/json"))
    handheld.ack("s-1", "stored")
    wait_applied(erp, ["b-1", "s-1"])
    bodies = []
    for event_id in ("b-1", "s-1"):
        row = agent.ask("events", "list", "--id", event_id)["items"][0]
        body = agent.ask("events", "show", row["seq"])["body"]
        bodies.append({**body, "id": "", "receivedtime": ""})
    assert bodies[0] == bodies[1]


def test_the_content_type_may_be_left_out_or_have_parameters(site):
    site.agent()
    handheld = site.device()
    for number, content_type in enumerate((None, "application/json; charset=utf-8")):
        send(handheld, "b-%d" % number, content_type=content_type)
        handheld.ack("b-%d" % number, "stored")


def test_a_resend_in_the_other_mode_is_a_duplicate(site):
    site.agent()
    handheld = site.device()
    send(handheld, "b-1")
    handheld.ack("b-1", "stored")
    handheld.send(dict(receipt("b-1"), time="2026-11-21T15:04:05Z"))
    handheld.ack("b-1", "duplicate")


@pytest.mark.parametrize("change, reason, field", [
    ({"data": b"{"}, "bad_json", "/data"),
    ({"data": b"{}{}"}, "bad_json", "/data"),
    ({"data": b'{"a":"\xff"}'}, "bad_utf8", "/data"),
    ({"content_type": "text/plain"}, "field_range", "/datacontenttype"),
    ({"specversion": "2.0"}, "field_range", "/specversion"),
    ({"type": None, "data": b"{}"}, "field_missing", "/data/lines"),
    ({"time": "noon"}, "time_invalid", "/time"),
    ({"Operator": "x"}, "field_range", ""),
    ({"data": b""}, "field_missing", "/data"),
])
def test_what_is_wrong_is_refused_with_the_events_id(site, change, reason, field):
    agent = site.agent()
    handheld = site.device()
    send(handheld, "b-1", **change)
    ack = handheld.ack("b-1", "rejected")
    assert (ack["reason"], ack.get("field") or "") == (reason, field)
    assert len(agent.exceptions()) == 1


def test_of_what_can_not_be_joined_the_attributes_are_kept_too(site):
    agent = site.agent()
    handheld = site.device()
    send(handheld, "x" + "\u00e9" * 100, data=b"{")
    wait.until(lambda: agent.exceptions("unparsable"), what="the exception")
    number = agent.exceptions("unparsable")[0]["id"]
    raw = json.loads(agent.ask("exceptions", "show", str(number))["raw"])
    assert raw["id"] == "x" + "\u00e9" * 100 and raw["specversion"] == "1.0"
    assert raw["data_base64"] == "ew=="
    assert handheld.ack(None, "rejected")["reason"] == "bad_json"


def test_a_structured_event_may_carry_user_properties(site):
    site.agent()
    handheld = site.device()
    event = dict(receipt("s-1"), specversion="1.0")
    handheld.send(json.dumps(event), content_type="application/cloudevents+json",
                  user_properties=[("specversion", "1.0"), ("anything", "else")])
    handheld.ack("s-1", "stored")
    handheld.send(receipt("s-2"), user_properties=[("Some-Thing", "else")])
    handheld.ack("s-2", "stored")


def test_an_event_of_more_attributes_than_are_seen_is_refused_and_not_stored_without_them(site):
    agent = site.agent()
    handheld = site.device()
    for number, status in ((32, "stored"), (33, "rejected")):
        event = receipt("b-%d" % number)
        attributes = [("specversion", "1.0"), ("id", event["id"]), ("type", event["type"]),
                      ("time", event["time"])]
        attributes += [("x%d" % n, str(n)) for n in range(number - len(attributes))]
        handheld.send(event["data"], user_properties=attributes)
        ack = handheld.ack(event["id"], status)
    assert (ack["reason"], ack["message"]) == ("too_large", "more than 32 attributes")
    row, = agent.exceptions("unparsable")
    assert "x27" in agent.ask("exceptions", "show", row["id"])["raw"]


def test_of_very_many_properties_the_first_are_seen(site):
    site.agent()
    handheld = site.device()
    handheld.send(receipt("s-1"), user_properties=[("n%d" % n, "x" * 100) for n in range(200)])
    handheld.ack("s-1", "stored")
