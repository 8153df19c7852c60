"""Where an ack goes and what it carries."""
import json

import pytest

from sim.site import destination, receipt, wait_applied


def test_a_response_topic_outside_the_site_is_honoured_with_its_correlation_data(site):
    site.agent()
    handheld = site.device(also=["reply/here"])
    handheld.send(receipt("r-1"), response_topic="reply/here", correlation=b"\x01\x02c")
    heard = handheld.hear(lambda m: m.topic == "reply/here")
    assert b'"r-1"' in heard.payload and b'"stored"' in heard.payload
    assert heard.properties.CorrelationData == b"\x01\x02c"


def test_the_own_ack_topic_is_a_permitted_response_topic(site):
    site.agent()
    handheld = site.device()
    handheld.send(receipt("r-2"), response_topic=handheld.ack_topic(), correlation=b"k")
    heard = handheld.hear(lambda m: b'"r-2"' in m.payload)
    assert heard.properties.CorrelationData == b"k"


def test_another_devices_ack_topic_is_refused_as_a_response_topic(site):
    """A device must not make dray speak to another one, nor publish events in its name."""
    site.agent()
    victim = "dray/v1/dc-sim-1/ack/other"
    forged = "dray/v1/dc-sim-1/event/receipt/other"
    handheld = site.device(also=[victim, forged])
    for number, topic in enumerate((victim, forged)):
        name = "r-3-%d" % number
        handheld.send(receipt(name), response_topic=topic)
        handheld.ack(name, "stored")
    assert not [m for m in handheld.heard if m.topic in (victim, forged)]


def test_a_source_with_ack_delivered_tells_the_device_which_side_accepted(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)}, sources={
        "handhelds": {"topic": "dray/v1/+/event/#", "ack_delivered": True}})
    handheld = site.device()
    handheld.send(receipt("d-1"))
    handheld.ack("d-1", "stored")
    ack = handheld.ack("d-1", "delivered")
    assert (ack["destination"], ack["ref"]) == ("erp", "ERP-000001")
    wait_applied(erp, ["d-1"])


@pytest.mark.parametrize("reason", ["unknown item", "x" + "\u00fc" * 200])
def test_and_when_it_became_a_work_item(site, reason):
    """In the other side's words, as far as a small screen takes them."""
    erp = site.cloud()
    erp.faults({"do": "status", "status": 422, "body": reason})
    site.agent({"erp": destination(erp)}, sources={
        "handhelds": {"topic": "dray/v1/+/event/#", "ack_delivered": True}})
    handheld = site.device()
    handheld.send(receipt("x-1"))
    stored = handheld.ack("x-1", "stored")
    heard = handheld.hear(lambda m: b'"exception"' in m.payload)
    ack = json.loads(heard.payload.decode())
    assert (ack["id"], ack["seq"]) == ("x-1", stored["seq"])
    assert len(ack["message"]) >= 12 and reason.startswith(ack["message"])


def test_without_ack_delivered_stored_is_the_last_word(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    handheld = site.device()
    for name in ("q-1", "q-2"):
        handheld.send(receipt(name))
        handheld.ack(name, "stored")
        wait_applied(erp, ["q-1", "q-2"][:1 if name == "q-1" else 2])
    assert handheld.heard == []


def test_an_exception_is_told_on_the_alert_topic_as_it_opens(site):
    erp = site.cloud()
    erp.faults({"do": "status", "status": 422, "body": "unknown item"})
    site.agent({"erp": destination(erp)})
    handheld = site.device(also=["dray/v1/dc-sim-1/alert/#"])
    handheld.send(receipt("no-item"))
    alert = json.loads(handheld.hear(lambda m: m.topic.endswith("/alert/normal")).payload)
    assert (alert["kind"], alert["destination"], alert["id"]) == ("rejected", "erp", "no-item")
    assert alert["seq"] == 1 and "unknown item" in alert["message"]
    handheld.send(b"{ broken")
    alert = json.loads(handheld.hear(lambda m: m.topic.endswith("/alert/normal")).payload)
    assert (alert["kind"], alert["device"]) == ("unparsable", handheld.name)
