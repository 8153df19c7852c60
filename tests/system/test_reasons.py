"""Every reason of EVENTS.md, provoked by a handheld over MQTT and read from its ack."""
import json
import os
import re

import pytest

from sim import agent as agents
from sim.site import receipt

ITEM = {"kind": "item", "id": "SKU-1", "uom": "EA", "gtins": ["09506000134352"], "packs": {"CS": "12"}}


def event(**line):
    """A receipt whose only line is changed so; a member that is None goes."""
    made = receipt("e-1")
    merged = {**made["data"]["lines"][0], **line}
    made["data"]["lines"][0] = {name: value for name, value in merged.items() if value is not None}
    return made


def without(*names):
    return {name: value for name, value in receipt("e-1").items() if name not in names}


# reason, field, what is sent, and by which type's topic
PROVOKED = [
    ("bad_json", None, '{"id":"e-1",', "receipt"),
    ("bad_utf8", None, b'{"id":"\xff\xfe"}', "receipt"),
    ("too_large", None, '{"id":"%s"}' % ("x" * 300000), "receipt"),
    ("too_deep", None, '{"id":"e-1","data":%s%s}' % ("[" * 40, "]" * 40), "receipt"),
    ("too_many_lines", "/data/lines",
     dict(receipt("e-1"), data=dict(receipt("e-1")["data"], lines=event()["data"]["lines"] * 501)),
     "receipt"),
    ("type_unknown", "/type", dict(receipt("e-1"), type="parcel"), "parcel"),
    ("field_missing", "/time", without("time"), "receipt"),
    ("field_type", "/data/lines/0/lot", event(lot=7), "receipt"),
    ("field_range", "/data/lines/0/condition", event(condition="lovely"), "receipt"),
    ("quantity_invalid", "/data/lines/0/quantity", event(quantity="a few"), "receipt"),
    ("time_invalid", "/time", dict(receipt("e-1"), time="2026-11-21T15:04:05"), "receipt"),
    ("topic_mismatch", "/device", dict(receipt("e-1"), device="tc52-0099"), "receipt"),
    ("id_conflict", "/id", dict(receipt("taken"), time="2026-11-21T16:00:00Z"), "receipt"),
    ("barcode_invalid", "/data/lines/0/barcode", event(barcode="]C10109506000134353", item=None),
     "receipt"),
    ("barcode_conflict", "/data/lines/0/lot", event(barcode="(01)09506000134352(10)L77", lot="L78"),
     "receipt"),
    ("item_unknown", "/data/lines/0/item/sku", event(item={"sku": "SKU-9"}), "receipt"),
    ("uom_unknown", "/data/lines/0/uom", event(uom="BOX9"), "receipt"),
    ("uom_inexact", "/data/lines/0/quantity", event(uom="CS", quantity="0.3"), "receipt"),
    ("not_allowed", "/type", dict(receipt("e-1"), type="count"), "count"),
]


def reasons():
    with open(os.path.join(agents.ROOT, "common/problem.c")) as text:
        return set(re.findall(r'\[REASON_[A-Z_0-9]+\] = "([a-z_0-9]+)"', text.read()))


def test_each_reason_has_a_case_here():
    assert {row[0] for row in PROVOKED} | {"map_failed", "store_full"} == reasons()


@pytest.fixture
def agent(site):
    make_adapter(site.folder)
    agent = site.agent(sources={
        "handhelds": {"topic": "dray/v1/+/event/+/tc52-0042", "types": ["receipt", "pick", "ship"]},
        "portal": {"topic": "dray/v1/+/event/+/portal-1", "adapter": "portal"}})
    (site.folder / "items.jsonl").write_text(json.dumps(ITEM) + "\n")
    agent.ctl("reference", "import", site.folder / "items.jsonl")
    return agent


def make_adapter(folder):
    """One whose program makes nothing of what it is given."""
    place = folder / "connectors" / "portal"
    place.mkdir(parents=True)
    (place / "adapter.json").write_text(json.dumps(
        {"name": "portal", "version": 1, "title": "a portal", "payload": "json"}))
    (place / "adapter.jq").write_text('error("no tag in it")')


def test_a_handheld_reads_each_reason_and_its_field(site, agent):
    device = site.device()
    device.send(receipt("taken"))
    device.ack("taken", "stored")
    for reason, field, body, kind in PROVOKED:
        device.forget()
        device.send(body, kind=kind)
        ack = json.loads(device.hear(lambda heard: heard.topic == device.ack_topic(),
                                     what="an ack that says %s" % reason).payload)
        assert (ack["status"], ack["reason"]) == ("rejected", reason), (reason, ack)
        assert ack.get("field") == field, (reason, ack)
        assert 0 < len(ack["message"]) < 200
    portal = site.device("portal-1")
    portal.send({"tag": "unknown"})
    ack = portal.ack(None, "rejected")
    assert ack["reason"] == "map_failed" and "no tag in it" in ack["message"]
    kept = {item["code"] for item in agent.ask("exceptions", "list", "--limit", "1000")["items"]}
    assert kept >= {row[0] for row in PROVOKED} | {"map_failed"}
