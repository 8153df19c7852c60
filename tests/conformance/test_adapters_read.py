"""Adapters held against what others wrote: a vendor's own bodies, and GS1's Tag Data Standard."""
import json
import random

import pytest

from sim import mapper, prism

MILESTONES = {"label_created", "accepted", "in_transit", "out_for_delivery", "available_for_pickup",
              "delivery_attempted", "delivered", "returning", "exception", "cancelled", "unknown"}


@pytest.fixture
def adapter(request):
    each = mapper.Adapter(request.param)
    yield each
    each.end()


def example(name):
    with open(prism.fixture("tms/easypost/%s.json" % name)) as text:
        return json.load(text)


# --- EasyPost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", ["easypost"], indirect=True)
def test_easyposts_own_event_becomes_its_newest_milestone(adapter):
    body = example("event-body")
    tracker = body["result"]
    event, = adapter.events(body)
    newest = max(tracker["tracking_details"], key=lambda detail: detail["datetime"])
    assert (event["type"], event["id"], event["time"]) == ("tracking", body["id"],
                                                         newest["datetime"])
    data = event["data"]
    assert data["tracking"] == tracker["tracking_code"]
    assert data["milestone"] == tracker["status"] and data["milestone"] in MILESTONES
    assert data["location"]["city"] == newest["tracking_location"]["city"]
    assert data["eta"] == tracker["est_delivery_date"]


@pytest.mark.parametrize("adapter", ["easypost"], indirect=True)
def test_every_tracker_of_easyposts_examples_is_read(adapter):
    for name in "trackers-create", "trackers-retrieve":
        body = {**example("event-body"), "result": example(name)}
        event, = adapter.events(body)
        assert event["data"]["tracking"] == body["result"]["tracking_code"]
        assert event["data"]["milestone"] in MILESTONES - {"unknown"}
        assert None not in event["data"].values()


@pytest.mark.parametrize("adapter", ["easypost"], indirect=True)
def test_easyposts_other_webhooks_make_no_event(adapter):
    assert adapter.events(example("batch-webhooks")) == []


# --- the Tag Data Standard ---------------------------------------------------------------------------

# Partition: bits and digits of the company prefix, bits and digits of the reference.
SGTIN = [(40, 12, 4, 1), (37, 11, 7, 2), (34, 10, 10, 3), (30, 9, 14, 4), (27, 8, 17, 5),
         (24, 7, 20, 6), (20, 6, 24, 7)]
SSCC = [(40, 12, 18, 5), (37, 11, 21, 6), (34, 10, 24, 7), (30, 9, 28, 8), (27, 8, 31, 9),
        (24, 7, 34, 10), (20, 6, 38, 11)]


def checked(digits):
    total = sum(int(digit) * (3, 1)[at % 2] for at, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def some(chance, digits, bits, least=0):
    """Ends of the range, what is beyond it, and what lies between."""
    return chance.choice([least, 10 ** digits - 1, min(10 ** digits, 2 ** bits - 1),
                          chance.randrange(least, 10 ** digits)])


def a_tag(chance):
    """(EPC in hex, what it says: GTIN and serial number, or SSCC, or None)"""
    is_sgtin = chance.random() < 0.5
    partition = chance.randrange(7)
    company_bits, company_digits, bits, digits = (SGTIN if is_sgtin else SSCC)[partition]
    company, reference = some(chance, company_digits, company_bits, 1), some(chance, digits, bits)
    serial = chance.choice([0, 2 ** 38 - 1, chance.randrange(2 ** 38)])
    rest = 38 if is_sgtin else 24
    epc = ((0x30 if is_sgtin else 0x31) << 88 | chance.randrange(8) << 85 | partition << 82
           | company << (82 - company_bits) | reference << rest | (serial if is_sgtin else 0))
    first, after = str(reference).zfill(digits)[0], str(reference).zfill(digits)[1:]
    key = checked(first + str(company).zfill(company_digits) + after)
    if company >= 10 ** company_digits or reference >= 10 ** digits:
        return "%024x" % epc, None
    return "%024x" % epc, (key, str(serial)) if is_sgtin else (key,)


def said(line):
    if "item" in line:
        return line["item"]["gtin"], line["serials"][0]
    return (line["sscc"],) if "sscc" in line else None


@pytest.mark.parametrize("adapter", ["zebra-iotc"], indirect=True)
def test_a_thousand_tags_say_what_the_standard_says(adapter):
    chance = random.Random(20261121)
    counts = {True: 0, False: 0}
    for _ in range(1000):
        epc, key = a_tag(chance)
        event, = adapter.events({"type": "SIMPLE", "timestamp": "2026-11-21T14:04:05.194+0000",
                                 "data": {"idHex": epc}}, topic="zebra/portal-1/tevents")
        line, = event["data"]["lines"]
        assert said(line) == key, epc
        if key is None:
            assert line["barcode"] == "urn:epc:raw:96.x" + epc.upper()
        counts[key is None] += 1
    assert min(counts.values()) > 100
