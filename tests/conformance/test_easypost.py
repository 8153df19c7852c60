"""The vendor's own example answers, read by connector easypost."""
import json

import pytest

from sim import mapper, prism


@pytest.fixture
def easypost():
    connector = mapper.Connector("easypost")
    yield connector
    connector.end()


def example(name):
    with open(prism.fixture("tms/easypost/%s.json" % name)) as text:
        return json.load(text)


def ask_about(easypost, body, carry, op="deliver", status=200, **variables):
    case = easypost.cases[0]
    question = easypost.question(case, {"response": {"status": status, "body": body}}, carry, op)
    question["vars"].update(services={}, **variables)
    return easypost.ask(question)


@pytest.mark.parametrize("service, price", [("Priority", "11.01"), ("Express", "51.20"),
                                            ("GroundAdvantage", "8.20")])
def test_the_rate_of_the_wanted_service_is_bought(easypost, service, price):
    shipment = example("shipments-create")
    output = ask_about(easypost, shipment, {"step": "create"}, service=service)
    rate = next(rate for rate in shipment["rates"] if rate["service"] == service)
    assert rate["rate"] == price
    assert output["send"] == {"path": "/v2/shipments/%s/buy" % shipment["id"],
                              "body": {"rate": {"id": rate["id"]}}}
    assert output["carry"] == {"shipment": shipment["id"], "rate": rate["id"], "step": "buy"}


@pytest.mark.parametrize("name", ["shipments-buy", "shipments-one-call-buy"])
def test_a_bought_shipment_is_done_with_tracking_and_label(easypost, name):
    shipment = example(name)
    carry = {"step": "buy", "shipment": shipment["id"], "rate": shipment["selected_rate"]["id"]}
    for op in "deliver", "lookup":
        done = ask_about(easypost, shipment, carry, op)["done"]
        assert done["ref"] == shipment["id"]
        booked, label = (event["data"] for event in done["emit"])
        assert booked["tracking"] == shipment["tracking_code"]
        assert booked["freight_cost"] == {"amount": shipment["selected_rate"]["rate"],
                                          "currency": "USD"}
        assert label["label_url"] == shipment["postage_label"]["label_url"]


def test_a_shipment_that_was_not_bought_is_absent(easypost):
    shipment = example("shipments-retrieve")
    carry = {"step": "buy", "shipment": shipment["id"], "rate": "rate_1"}
    assert ask_about(easypost, shipment, carry, "lookup") == {"absent": {}}


def test_what_is_no_shipment_is_never_taken_for_one(easypost):
    for name in "trackers-retrieve", "batches-retrieve", "shipments-list", "addresses-retrieve":
        answer = example(name)
        carry = {"step": "buy", "shipment": "shp_1", "rate": "rate_1"}
        assert set(ask_about(easypost, answer, carry)) == {"unknown"}, name
        assert set(ask_about(easypost, answer, carry, "lookup")) == {"unknown"}, name
        assert set(ask_about(easypost, answer, {"step": "create"})) == {"retry", "carry"}, name
