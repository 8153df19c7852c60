"""Webhooks whose body is the partner's own: an adapter makes events of it before the partner is told."""
import json
import os

import pytest

from sim import agent as agents
from sim import door, mapper, partner, wait
from sim.site import destination, receipt, wait_applied

CLIENT_STATE = "client-state-0123456789"
PROGRAM = """
if .payload.spin then [range(1e9)] | length
elif .payload.bad then error("no order in it")
elif .payload.orders then
  . as $in | [.payload.orders[] | { id: ., type: "order.released", time: "2026-11-21T14:04:05Z",
    data: ({ document: { type: "sales_order", id: . }, lines: [], source: $in.source,
             plant: $in.vars.plant } + if $in.payload.show then { headers: $in.headers } else {} end) }]
else empty end
"""


@pytest.fixture
def vendor(site):
    """An adapter beside the configuration."""
    folder = site.folder / "connectors" / "vendor"
    folder.mkdir(parents=True)
    (folder / "adapter.json").write_text(json.dumps({
        "name": "vendor", "version": 1, "title": "A vendor of the test", "payload": "json",
        "vars": {"plant": {"required": True, "help": "whose orders these are"}}}))
    (folder / "adapter.jq").write_text(PROGRAM)
    (folder / "adapter_cases.json").write_text("[]")
    return {"adapter": "vendor", "vars": {"plant": "P1"}}


def counts(answer):
    return answer.json["stored"], answer.json["duplicate"], answer.json["rejected"]


def hooks(site, who, **options):
    return {"hooks": {"partner": who.hook(site.folder, **options)}}


def test_what_an_adapter_makes_is_stored_before_the_partner_is_told(site, vendor):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, listen=hooks(site, partner.STANDARD, **vendor))
    call = {"orders": ["SO-1", "SO-2"]}
    answer = partner.STANDARD.call(agent, call)
    assert (answer.status, counts(answer)) == (202, (2, 0, 0))
    again = partner.STANDARD.call(agent, call)
    assert (again.status, counts(again)) == (200, (0, 2, 0))
    wait_applied(erp, ["SO-1", "SO-2"])
    row = agent.ask("events", "show", "SO-1")
    assert (row["source"], row["device"]) == ("/dc-sim-1/partner", "partner")


def test_an_adapter_sees_the_headers_but_not_who_somebody_is(site, vendor):
    agent = site.agent(listen=hooks(site, partner.GITHUB, **vendor))
    partner.GITHUB.call(agent, {"orders": ["SO-1"], "show": True}, headers={
        "X-GitHub-Event": "push", "Authorization": "Bearer of-somebody", "Cookie": "a=b",
        "X-Long-" + "n" * 80: "x"})
    data = agent.ask("events", "show", "SO-1")["body"]["data"]
    assert data["headers"]["x-github-event"] == "push"
    assert data["headers"]["content-type"] == "application/json"
    assert not {"authorization", "cookie", "x-hub-signature-256"} & set(data["headers"])
    assert all(len(name) < 64 and name == name.lower() for name in data["headers"])
    assert (data["source"], data["plant"]) == ("partner", "P1")


def test_what_no_event_can_be_made_of_is_kept_and_not_asked_for_again(site, vendor):
    agent = site.agent(listen=hooks(site, partner.GITHUB, **vendor))
    bad = partner.GITHUB.call(agent, {"bad": True})
    assert (bad.status, counts(bad)) == (202, (0, 0, 1))
    nothing = partner.GITHUB.call(agent, {"beat": 1})
    assert (nothing.status, counts(nothing)) == (200, (0, 0, 0))
    broken = partner.GITHUB.call(agent, b'{"orders":')
    assert (broken.status, counts(broken)) == (202, (0, 0, 1))
    rows = agent.exceptions()
    assert {row["code"] for row in rows} == {"map_failed", "bad_json"}
    assert any("no order in it" in row["reason"] for row in rows)


def test_a_program_that_overruns_holds_nobody_else(site, vendor):
    listen = hooks(site, partner.GITHUB, **vendor)
    listen["hooks"]["other"] = partner.GITHUB.hook(site.folder)
    agent = site.agent(listen=listen)
    body = json.dumps({"spin": True}).encode()
    slow = door.connect(agent, timeout=30)
    slow.request("POST", "/v1/hooks/partner", body, partner.GITHUB.sign(body))
    assert partner.GITHUB.call(agent, receipt(), name="other").status == 202
    assert slow.getresponse().status == 202
    slow.close()
    assert agent.exceptions()[0]["code"] == "map_failed"


def test_a_partner_that_leaves_before_it_is_told_has_told_all_the_same(site, vendor):
    agent = site.agent(listen=hooks(site, partner.GITHUB, **vendor))
    body = json.dumps({"orders": ["SO-9"]}).encode()
    head = "POST /v1/hooks/partner HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n" % (
        len(body), "".join("%s: %s\r\n" % pair for pair in partner.GITHUB.sign(body).items()))
    with door.raw(agent) as leaving:
        leaving.sendall(head.encode() + body)
    wait.until(lambda: agent.ctl("events", "show", "SO-9", check=False).returncode == 0,
               what="the event stored")
    assert partner.GITHUB.call(agent, {"orders": ["SO-9"]}).status == 200


def test_what_an_adapter_made_is_there_after_a_kill(site, vendor):
    agent = site.agent(listen=hooks(site, partner.GITHUB, **vendor))
    for name in ("SO-%d" % n for n in range(4)):
        assert partner.GITHUB.call(agent, {"orders": [name]}).status == 202
        agent.kill9()
        agent.start()
        assert agent.ask("events", "show", name)["type"] == "order.released"


# --- partners as they are ----------------------------------------------------------------------------

def test_easypost_s_own_body_with_its_own_signature(site):
    fixtures = os.environ.get("DRAY_FIXTURES") or os.path.join(agents.ROOT, "../shared/fixtures")
    path = os.path.join(fixtures, "tms/easypost/event-body.json")
    if not os.path.exists(path):
        pytest.skip("needs the fixtures: " + path)
    with open(path, "rb") as text:
        body = text.read()
    agent = site.agent(listen=hooks(site, partner.EASYPOST, adapter="easypost"))
    answer = partner.EASYPOST.call(agent, body)
    assert (answer.status, counts(answer)) == (202, (1, 0, 0))
    row = agent.ask("events", "show", "evt_1")
    assert (row["type"], row["body"]["data"]["milestone"]) == ("tracking", "in_transit")
    again = partner.EASYPOST.call(agent, body)
    assert (again.status, counts(again)) == (200, (0, 1, 0))
    assert partner.EASYPOST.call(agent, body.rstrip(), sent=body).status == 401


def first_case(name):
    return mapper.load(name, "adapter_cases.json")[0]


def test_shipengine_is_known_by_a_header_of_ours(site):
    agent = site.agent(listen=hooks(site, partner.HEADER, adapter="shipengine"))
    case = first_case("shipengine")
    signed = {"x-shipengine-rsa-sha256-signature": "bm90IGxvb2tlZCBhdA==",
              "x-shipengine-timestamp": "2026-11-22T05:00:00Z"}
    answer = partner.HEADER.call(agent, case["payload"], headers=signed)
    assert (answer.status, counts(answer)) == (202, (1, 0, 0))
    assert counts(partner.HEADER.call(agent, case["payload"], headers=signed)) == (0, 1, 0)
    assert partner.HEADER.call(agent, case["payload"], secret="somebody-else-0123").status == 401


def test_business_central_s_changes_become_events(site):
    secret = door.write_secret(site.folder, "client-state", CLIENT_STATE)
    agent = site.agent(listen={"hooks": {"bc": {
        "scheme": "token", "member": "/value/*/clientState", "secret": secret,
        "adapter": "business-central"}}})
    case = first_case("business-central")
    for element in case["payload"]["value"]:
        element["clientState"] = CLIENT_STATE
    echo = door.ask(agent, "POST", "/v1/hooks/bc?validationToken=abc-123", b"")
    assert (echo.status, echo.body) == (200, b"abc-123")
    answer = door.ask(agent, "POST", "/v1/hooks/bc", json.dumps(case["payload"]))
    assert (answer.status, counts(answer)) == (202, (len(case["events"]), 0, 0))
    case["payload"]["value"][0]["clientState"] = "somebody-else-0123456"
    assert door.ask(agent, "POST", "/v1/hooks/bc", json.dumps(case["payload"])).status == 401
