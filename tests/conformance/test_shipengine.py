"""What connector shipengine sends is held against the vendor's own description of the API, and what
that describes as an answer is read."""
import copy
import json

import pytest

from sim import mapper, prism

KEY = {"API-Key": "anything"}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    description = prism.fixture("tms/shipengine-openapi.yaml")
    server = prism.Prism(description, str(tmp_path_factory.mktemp("prism") / "prism.log"))
    yield server
    server.end()


@pytest.fixture
def shipengine():
    connector = mapper.Connector("shipengine")
    yield connector
    connector.end()


def flaws(answer):
    """What is wrong with the request, says the mock. Its own examples have flaws too: not these."""
    told = json.loads(answer["headers"].get("sl-violations", "[]"))
    return [flaw["message"] for flaw in told if flaw["location"][0] == "request"]


def first_purchase(shipengine):
    return next(send for _, send in shipengine.requests() if send["path"] == "/v1/labels")


def test_every_request_of_the_cases_is_one_that_the_vendor_describes(api, shipengine):
    requests = list(shipengine.requests())
    assert {send["path"].rpartition("/")[0] for _, send in requests} == {
        "/v1", "/v1/labels", "/v1/labels/external_shipment_id"}
    for name, send in requests:
        answer = api.ask(send, KEY)
        assert answer["status"] == 200, (name, send, answer)
        assert not flaws(answer), (name, send)


@pytest.mark.parametrize("spoil", [
    lambda body: body["shipment"].pop("service_code"),
    lambda body: body["shipment"]["ship_to"].pop("state_province"),
    lambda body: body["shipment"]["packages"][0]["weight"].update(unit="KGM"),
    lambda body: body["shipment"]["packages"][0]["weight"].update(value="12.4"),
    lambda body: body["shipment"].update(external_shipment_id="x" * 51),
    lambda body: body["shipment"].update(reference="SH-501"),
])
def test_a_wrong_request_is_refused_so_the_others_mean_something(api, shipengine, spoil):
    send = copy.deepcopy(first_purchase(shipengine))
    spoil(send["body"])
    answer = api.ask(send, KEY)
    assert answer["status"] == 400
    assert flaws(answer)


def test_a_path_that_the_vendor_does_not_have_is_refused(api):
    send = {"method": "GET", "path": "/v1/labels/by_external_id/1"}
    assert api.ask(send, KEY)["status"] == 404


def test_a_request_without_the_key_is_refused(api, shipengine):
    assert api.ask(first_purchase(shipengine), {})["status"] == 401


def ask_about(shipengine, answer):
    case = shipengine.cases[0]
    return shipengine.ask(shipengine.question(case, {"response": answer}, {"step": "buy"}, "deliver"))


def test_the_label_that_the_vendor_describes_is_read(api, shipengine):
    answer = api.ask(first_purchase(shipengine), KEY)
    answer["body"]["status"] = "completed"
    done = ask_about(shipengine, answer)["done"]
    assert done["ref"] == answer["body"]["label_id"]
    booked, label = done["emit"]
    assert booked["type"] == "shipment.booked" and label["type"] == "shipment.label"
    assert booked["data"]["tracking"] == answer["body"]["tracking_number"]
    assert label["data"]["label_url"] == answer["body"]["label_download"]["pdf"]


def test_a_label_that_is_being_made_is_asked_for_again(api, shipengine):
    answer = api.ask(first_purchase(shipengine), KEY)
    answer["body"]["status"] = "processing"
    output = ask_about(shipengine, answer)
    assert output["retry"]["after_s"] == 5
    assert output["carry"]["label"] == answer["body"]["label_id"]


def test_a_refusal_is_told_in_the_vendors_own_words(api, shipengine):
    answer = api.ask(first_purchase(shipengine), {**KEY, "Prefer": "code=400"})
    assert answer["status"] == 400
    error = answer["body"]["errors"][0]
    reject = ask_about(shipengine, answer)["reject"]
    assert reject["code"] == error["error_code"]
    assert error["message"] in reject["message"]


def test_a_label_that_is_not_there_is_absent(api, shipengine):
    look = {"method": "GET", "path": "/v1/labels/external_shipment_id/none"}
    answer = api.ask(look, {**KEY, "Prefer": "code=404"})
    case = shipengine.cases[0]
    question = shipengine.question(case, {"response": answer}, {"step": "buy"}, "lookup")
    assert shipengine.ask(question) == {"absent": {}}
