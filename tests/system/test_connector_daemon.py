"""Each connector in the daemon, as a site configures it, against a model of its system: an event is
booked once, also when the answer that said so is lost."""
import pytest

from sim import agent, mapper, vendors, wait

pytestmark = pytest.mark.heavy

KEY_FILE = {"file": "key"}
OAUTH2 = {"client_id": "dray", "client_secret": KEY_FILE}
# connector: the system, the event's case, what is booked, auth, what the system wants, the request
# that books among those that change something
SYSTEMS = {
    "business-central": (vendors.BusinessCentral, "a receipt", {"SKU-1": 12, "SKU-2": 2.5}, OAUTH2,
                         {"wants_token": True}, 4),
    "easypost": (vendors.EasyPost, "a ship", 1, {"token": KEY_FILE}, {}, 2),
    "shipengine": (vendors.ShipEngine, "a ship", 1, {"key": KEY_FILE}, {}, 1),
    "erpnext": (vendors.ErpNext, "a receipt", 1, {"key": KEY_FILE}, {}, 1),
    "netsuite": (vendors.NetSuite, "a receipt", 1, {"token": KEY_FILE}, {}, 1),
    "sap-s4": (vendors.Sap, "a receipt", 1, {"username": "dray", "password": KEY_FILE},
               {"wants_csrf": True}, 1),
    "epcis": (vendors.Epcis, "a receipt", 1, {}, {}, 1),
}


@pytest.fixture
def deliver(site, tmp_path):
    def begin(name, loses):
        make, case_name, booked, auth, wants, books = SYSTEMS[name]
        served = site.proxy(vendors.Served(make(), loses=books if loses else 0, **wants))
        (tmp_path / "key").write_text("k3y\n")
        (tmp_path / "key").chmod(0o600)
        case = next(case for case in mapper.load(name, "cases.json")
                    if case["name"].startswith(case_name))
        if auth is OAUTH2:
            auth = {**OAUTH2, "token_url": served.url + "/token"}
        there = agent.destination(served.url, connector=name, vars=None, settle="300ms", auth=auth)
        there["vars"] = case.get("vars", {})
        event = {part: case["events"][0][part] for part in ("id", "type", "time", "data")}
        daemon = site.agent({"there": there},
                            {"there": {"when": {"type": event["type"]}, "to": ["there"]}},
                            timezone="Europe/Berlin")
        site.device().send(event, event["type"])
        wait.until(lambda: is_settled(daemon), 40, "the delivery has settled; see drayd.log")
        assert daemon.exceptions() == [], daemon.log()
        return served.vendor.booked(), booked

    return begin


def is_settled(daemon):
    return daemon.metric("dray_deliveries_total") + len(daemon.exceptions()) > 0


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_event_is_booked(deliver, name):
    booked, wanted = deliver(name, loses=False)
    assert booked == wanted


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_event_whose_answer_is_lost_is_booked_once(deliver, name):
    booked, wanted = deliver(name, loses=True)
    assert booked == wanted
