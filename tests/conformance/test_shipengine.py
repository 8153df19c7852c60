"""What connector shipengine sends is held against the vendor's own description of the API, and what
that describes as an answer is read."""
import copy
import http.server
import json
import threading

import pytest

from sim import agent, mapper, prism, wait

KEY = {"API-Key": "anything"}
STATES = """      enum:
        - processing
        - completed
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The mock answers with the first value of an enumeration: here a label that is ready."""
    folder = tmp_path_factory.mktemp("prism")
    with open(prism.fixture("tms/shipengine-openapi.yaml")) as text:
        description = text.read()
    assert description.count(STATES) == 1
    lines = STATES.splitlines(True)
    (folder / "api.yaml").write_text(
        description.replace(STATES, lines[0] + lines[2] + lines[1]))
    server = prism.Prism(str(folder / "api.yaml"), str(folder / "prism.log"))
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


# --- the daemon itself ----------------------------------------------------------------------------


class Line:
    """Between drayd and the mock. It loses the first answer to a purchase, when told to."""

    def __init__(self, api, loses_answer=False):
        self.asked = []
        line = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                send = {"method": self.command, "path": self.path}
                if body:
                    send["body"] = json.loads(body)
                answer = api.ask(send, {"API-Key": self.headers.get("API-Key", "")})
                line.asked.append((self.command, self.path, answer["status"], flaws(answer)))
                if loses_answer and len(line.asked) == 1:
                    self.close_connection = True
                    return
                text = json.dumps(answer["body"]).encode()
                self.send_response(answer["status"])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def book(site, line, tmp_path):
    """A ship goes out; what the TMS answered comes to the ERP as events."""
    (tmp_path / "key").write_text("TEST_key\n")
    (tmp_path / "key").chmod(0o600)
    erp = site.cloud()
    case = mapper.load("shipengine", "cases.json")[0]
    tms = agent.destination(line.url, connector="shipengine", vars=None, settle="300ms",
                            auth={"key": {"file": str(tmp_path / "key")}})
    tms["vars"] = case["vars"]
    daemon = site.agent(
        {"tms": tms, "erp": agent.destination(erp.url)},
        {"ships": {"when": {"type": "ship"}, "to": ["tms"]},
         "answers": {"when": {"type": ["shipment.booked", "shipment.label"]}, "to": ["erp"]}})
    event = {"id": "ev-1", "type": "ship", "time": "2026-11-21T14:04:05Z",
             "data": case["events"][0]["data"]}
    site.device().send(event, "ship")
    wait.until(lambda: len(erp.events()) == 2, 30, "both answers at the ERP; see drayd.log")
    assert daemon.exceptions() == []
    return {event["type"]: event["data"] for event in erp.events()}


def test_a_ship_is_booked_by_the_daemon_and_its_tracking_told_on(site, api, tmp_path):
    line = site.proxy(Line(api))
    told = book(site, line, tmp_path)
    assert line.asked == [("POST", "/v1/labels", 200, [])]
    assert told["shipment.booked"]["tracking"]
    assert told["shipment.label"]["label_url"].startswith("http")


def test_a_lost_answer_is_looked_up_and_no_second_label_bought(site, api, tmp_path):
    line = site.proxy(Line(api, loses_answer=True))
    told = book(site, line, tmp_path)
    (_, purchase, _, _), (method, look, status, wrong) = line.asked
    assert purchase == "/v1/labels"
    assert method == "GET" and look.startswith("/v1/labels/external_shipment_id/")
    assert status == 200 and not wrong
    assert told["shipment.booked"]["tracking"]
