"""What strangers and tired apps send: refused with a reason and a field, kept, and harmless."""
import json

from sim import wait
from sim.site import destination, receipt, wait_applied


def with_line(**fields):
    event = receipt("bad")
    event["data"]["lines"][0].update(fields)
    return event


def without(event, *names):
    return {name: value for name, value in event.items() if name not in names}


def nested(depth):
    return '{"id":"bad","type":"receipt","time":"2026-11-21T15:04:05Z","data":%s1%s}' % (
        '{"x":' * depth, "}" * depth)


LINES = [{"line": 1, "item": {"sku": "S"}, "quantity": 1, "uom": "EA"}]
TEXT = json.dumps(receipt("bad"))

# name: (payload, id in the ack, reason, field); field None: whichever
CASES = {
    "empty": (b"", None, "bad_json", None),
    "blank": (b" \n\t ", None, "bad_json", None),
    "truncated": (TEXT[:-20], None, "bad_json", None),
    "not JSON": (b"\x00\x01\x02", None, "bad_json", None),
    "a number": (b"42", None, None, None),
    "1 MB": (json.dumps(receipt("bad", note="x" * 2**20)), None, "too_large", None),
    "deep": (nested(60), None, "too_deep", None),
    "very deep": ("[" * 200000, None, "too_deep", None),
    "invalid UTF-8": (TEXT.replace("SKU-1", "\udcff").encode("utf-8", "surrogateescape"), None,
                      "bad_utf8", None),
    "lone surrogate": (TEXT.replace("SKU-1", "\\ud800"), None, None, None),
    "duplicate keys": (TEXT.replace('"id": "bad"', '"id": "bad", "id": "worse"'), None,
                       "bad_json", None),
    "id is a number": (dict(receipt(), id=17), None, "field_type", "/id"),
    "data is a list": (dict(receipt("bad"), data=[1]), "bad", "field_type", "/data"),
    "lines is an object": (receipt("bad", lines={}), "bad", "field_type", "/data/lines"),
    "a line is text": (receipt("bad", lines=["x"]), "bad", "field_type", "/data/lines/0"),
    "item is text": (with_line(item="SKU-1"), "bad", "field_type", "/data/lines/0/item"),
    "unknown type": (dict(receipt("bad"), type="teleport"), "bad", "type_unknown", "/type"),
    "no type": (without(receipt("bad"), "type", "data"), "bad", "field_missing", None),
    "neither id nor time": (without(receipt(), "id", "time"), None, "field_missing", None),
    "bad time": (dict(receipt("bad"), time="yesterday"), "bad", "time_invalid", "/time"),
    "quantity 1e999": (TEXT.replace('"quantity": 12', '"quantity": 1e999'), "bad",
                       "quantity_invalid", "/data/lines/0/quantity"),
    "quantity NaN": (with_line(quantity="NaN"), "bad", "quantity_invalid",
                     "/data/lines/0/quantity"),
    "quantity of 19 digits": (with_line(quantity="1234567890123456789"), "bad",
                              "quantity_invalid", "/data/lines/0/quantity"),
    "501 lines": (receipt("bad", lines=LINES * 501), "bad", "too_many_lines", "/data/lines"),
    "another device in the body": (dict(receipt("bad"), device="tc52-0001"), "bad",
                                   "topic_mismatch", "/device"),
    "another site in the body": (dict(receipt("bad"), site="elsewhere"), "bad",
                                 "topic_mismatch", "/site"),
}


def test_whatever_is_refused_says_why_and_is_kept_and_the_rest_goes_on(site):
    """One daemon for all cases: the same process must still be there at the end."""
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    pid = agent.pid
    handheld = site.device()
    good = []
    for name, (payload, event_id, reason, field) in CASES.items():
        kind = "teleport" if name == "unknown type" else "receipt"
        handheld.send(payload, kind)
        ack = handheld.ack(event_id)
        assert ack["status"] == "rejected", (name, ack)
        assert reason in (None, ack["reason"]), (name, ack)
        assert field in (None, ack.get("field")), (name, ack)
        assert ack["message"], (name, ack)
        good.append("good-%d" % len(good))
        handheld.send(receipt(good[-1]))
        assert handheld.ack(good[-1])["status"] == "stored", name
        handheld.forget()  # an array that never ends is told so once more
    wait_applied(erp, good)
    assert agent.is_running() and agent.pid == pid
    kept = agent.exceptions()
    assert len(kept) >= len(CASES) - 5  # the same bytes again only raise a count
    assert {row["kind"] for row in kept} <= {"unparsable", "invalid"}


def test_a_body_that_speaks_for_another_type_is_refused(site):
    site.agent()
    handheld = site.device()
    handheld.send(receipt("wrong"), kind="pick")
    ack = handheld.ack("wrong")
    assert (ack["status"], ack["reason"], ack["field"]) == ("rejected", "topic_mismatch", "/type")


def test_a_topic_of_another_site_is_refused(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device(also=["dray/v1/elsewhere/ack/tc52-0042"])
    topic = "dray/v1/elsewhere/event/receipt/tc52-0042"
    handheld.send(receipt("far"), topic=topic)
    ack = handheld.ack("far")  # at the device's own site: we don't speak for another
    assert (ack["status"], ack["reason"], ack["field"]) == ("rejected", "topic_mismatch", "/site")
    row, = agent.exceptions()
    assert (row["kind"], row["code"], row["origin"]) == ("invalid", "topic_mismatch", topic)
    handheld.send(receipt("near"))
    handheld.ack("near", "stored")
    wait_applied(erp, ["near"])


def test_on_a_topic_that_names_no_device_nobody_speaks_for_one(site):
    """The broker's rules bind a device to its own topic; a topic beside it must not be a way around."""
    agent = site.agent()
    handheld = site.device(also=["dray/v1/dc-sim-1/ack/victim", "reply/here"])
    root = "dray/v1/dc-sim-1/event"
    topics = [root, root + "/receipt", root + "/receipt/tc52-0042/more", root + "/receipt/tc 52",
              "dray/v1/else where/event/receipt/tc52-0042"]
    for topic in topics:
        handheld.send(dict(receipt("forged"), device="victim"), topic=topic,
                      response_topic="reply/here")
        ack = handheld.ack(None, "rejected", topic="reply/here")
        assert ack["reason"] == "topic_mismatch" and "/event/TYPE/DEVICE" in ack["message"]
    assert {row["origin"] for row in agent.exceptions()} == set(topics)
    handheld.send(receipt("near"))
    handheld.ack("near", "stored")
    assert not handheld.heard and not agent.ask("events", "list", "--device", "victim")["items"]


def test_what_could_not_be_parsed_is_kept_raw(site):
    agent = site.agent()
    handheld = site.device()
    handheld.send(b'{"id":"x", oh no')
    handheld.ack(None, "rejected")
    row = agent.exceptions()[0]
    assert row["kind"] == "unparsable"
    assert "oh no" in agent.ctl("exceptions", "show", row["id"]).stdout


def test_an_array_with_one_bad_event_loses_only_that_one(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    handheld = site.device()
    bad = receipt("a-2")
    bad["data"]["lines"][0]["quantity"] = "many"
    handheld.send([receipt("a-1"), bad, receipt("a-3")])
    assert handheld.ack("a-1")["status"] == "stored"
    refused = handheld.ack("a-2")
    assert (refused["status"], refused["reason"]) == ("rejected", "quantity_invalid")
    assert refused["field"] == "/data/lines/0/quantity"
    assert handheld.ack("a-3")["status"] == "stored"
    wait_applied(erp, ["a-1", "a-3"])


def test_several_objects_in_one_message_are_several_events(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    handheld = site.device()
    handheld.send("\n".join(json.dumps(receipt(name)) for name in ("s-1", "s-2", "s-3")))
    for name in ("s-1", "s-2", "s-3"):
        assert handheld.ack(name)["status"] == "stored"
    wait_applied(erp, ["s-1", "s-2", "s-3"])


def test_one_refused_line_refuses_its_event_whole(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    handheld = site.device()
    event = receipt("half", lines=LINES + [dict(LINES[0], quantity=-1e30)])
    handheld.send(event)
    ack = handheld.ack("half")
    assert (ack["status"], ack["field"]) == ("rejected", "/data/lines/1/quantity")
    handheld.send(receipt("after"))
    handheld.ack("after", "stored")
    wait_applied(erp, ["after"])


def test_a_source_that_accepts_stores_what_it_can_and_opens_an_exception(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, sources={
        "handhelds": {"topic": "dray/v1/+/event/#", "on_invalid": "accept"}})
    handheld = site.device()
    handheld.send(with_line(quantity="many"))
    ack = handheld.ack("bad")
    assert ack["status"] == "stored"
    wait.until(lambda: any(key.endswith(" bad") for key in erp.ids()), what="the event as it is at the ERP")
    found = wait.until(lambda: agent.exceptions(), what="an exception")
    assert found[0]["kind"] == "invalid" and found[0]["code"] == "quantity_invalid"
