"""The adapters that ship: what they make of their vendors' payloads is sound, and the same each time."""
import json
import os
import random

import pytest

from sim import mapper

NAMES = sorted(name for name in os.listdir(mapper.CONNECTORS)
               if os.path.exists(os.path.join(mapper.CONNECTORS, name, "adapter.json")))
CASES = [(name, case) for name in NAMES for case in mapper.load(name, "adapter_cases.json")]
NO_TIME = {"text-scan", "shipengine"}  # the vendor may give neither id nor time


def test_there_is_one_for_every_vendor_that_the_guide_names():
    assert NAMES == ["business-central", "datawedge", "easypost", "impinj", "proglove",
                     "shipengine", "text-scan", "zebra-iotc", "zebra-rfd"]


@pytest.mark.heavy
def test_every_event_of_the_cases_is_stored(site):
    site.agent()
    device = site.device("listener", also=["dray/v1/dc-sim-1/ack/+"])
    told = 0
    for name, case in CASES:
        for event in case.get("events", []):
            who = event.get("device", "hook")
            topic = "dray/v1/dc-sim-1/%%s/%s" % who
            # Cases may use one id for different things: here each is another's.
            device.send({**event, "source": "case-%d" % told},
                        topic=topic % ("event/" + event["type"]))
            ack = json.loads(device.hear(lambda message: message.topic == topic % "ack").payload)
            assert ack["status"] == "stored", (name, case["name"], ack)
            told += 1
    assert told > 60


@pytest.mark.heavy
def test_what_a_device_publishes_is_acked_to_it_and_known_again(site):
    """The first case of each adapter that reads devices, through the daemon."""
    firsts = {name: mapper.load(name, "adapter_cases.json")[0] for name in NAMES
              if "device" in mapper.load(name, "adapter_cases.json")[0]["events"][0]}
    assert len(firsts) == 6
    site.agent(sources={name: {"topic": name + "/+", "adapter": name, "vars": case.get("vars", {})}
                        for name, case in firsts.items()})
    device = site.device("listener", also=["dray/v1/dc-sim-1/ack/+"])
    for name, case in firsts.items():
        expected, = case["events"]
        ack_topic = "dray/v1/dc-sim-1/ack/" + expected["device"]
        text = mapper.load(name, "adapter.json")["payload"] == "text"
        for status in "stored", "stored" if text else "duplicate":
            device.send(case["payload"], topic="%s/%s" % (name, expected["device"]))
            heard = device.hear(lambda message: message.topic == ack_topic, what=name)
            assert json.loads(heard.payload)["status"] == status, name


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_a_payload_that_comes_again_makes_the_same_events(name):
    """Later, and with its batch in another order where it is one."""
    adapter = mapper.Adapter(name)
    later = {"received": "2026-12-24T18:00:00.000Z"}
    asked = 0
    for case in adapter.cases:
        if "fails" in case:
            continue
        known = {key: case[key] for key in ("topic", "headers", "vars") if key in case}
        events = adapter.events(case["payload"], **known)
        again = adapter.events(case["payload"], **known, **later)
        if name in NO_TIME and any(event["time"] == later["received"] for event in again):
            continue
        assert again == events, case["name"]
        asked += bool(events)
    adapter.end()
    assert asked


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["zebra-iotc", "impinj"])
def test_the_order_of_a_batch_is_of_no_meaning(name):
    adapter = mapper.Adapter(name)
    batches = [case for case in adapter.cases
               if isinstance(case["payload"], list) and case.get("events")]
    for case in batches:
        known = {key: case[key] for key in ("topic", "vars") if key in case}
        assert adapter.events(case["payload"][::-1], **known) == case["events"], case["name"]
    adapter.end()
    assert len(batches) >= 2


@pytest.mark.heavy
def test_a_thousand_tags_are_a_thousand_and_no_event_has_more_lines_than_it_may():
    adapter = mapper.Adapter("zebra-iotc")
    tags = [{"type": "SIMPLE", "timestamp": "2026-11-21T14:04:05.194+0000",
             "data": {"idHex": "e28068940000400177%06x" % number}} for number in range(1000)]
    events = adapter.events(tags + tags[:200], topic="zebra/portal-1/tevents")
    adapter.end()
    lines = [event["data"]["lines"] for event in events]
    assert [len(each) for each in lines] == [500, 500]
    assert len({line["barcode"] for each in lines for line in each}) == 1000


ANYTHING = [None, True, 7, -1, 1e300, "", "x", "\u0000", [], {}, [[]], [None], {"x": None}, "9" * 400]


def spoiled(chance, value):
    """The value with one thing in it that is something else, or gone."""
    if chance.random() < 0.2 or not isinstance(value, (dict, list)) or not value:
        return chance.choice(ANYTHING)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    at = chance.choice(keys)
    if isinstance(value, dict):
        rest = {key: each for key, each in value.items() if key != at or chance.random() < 0.8}
    else:
        rest = list(value)
    if isinstance(rest, list) or at in rest:
        rest[at] = spoiled(chance, value[at])
    return rest


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_payload_has_in_it_the_answer_is_events_or_words(name):
    chance = random.Random(name)
    adapter = mapper.Adapter(name)
    is_text = adapter.declaration["payload"] == "text"
    kinds = set()
    for _ in range(400):
        case = chance.choice(adapter.cases)
        known = {key: case[key] for key in ("topic", "headers", "vars") if key in case}
        payload = case["payload"]
        if is_text:
            at = chance.randrange(len(payload) + 1)
            payload = payload[:at] + chance.choice(';"\n\t\x1d ,x') + payload[at:]
        else:
            payload = spoiled(chance, payload)
        kind, text = adapter.call(adapter.question(payload, **known))
        kinds.add(kind)
        if kind == mapper.OUTPUT:
            events = json.loads(text)
            assert isinstance(events, list) and all(isinstance(each, dict) for each in events)
        else:
            assert kind == mapper.FAILED and text.strip(), payload
    adapter.end()
    assert mapper.OUTPUT in kinds and (is_text or mapper.FAILED in kinds)
