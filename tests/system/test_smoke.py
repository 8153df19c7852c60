"""The main job: scan in, ERP out."""
import re

import pytest

from sim import wait
from sim.site import ALL, assert_ledger_closes, destination, wait_applied

RECEIPT = (
    '{"id":"01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11","type":"receipt",'
    '"time":"2026-11-21T15:04:05.123+01:00","operator":"u117",\n'
    ' "data":{"document":{"type":"purchase_order","id":"PO-1001"},"supplier":{"id":"ACME"},'
    '"dock":"D4","final":false,\n'
    '  "lines":[{"line":1,"item":{"sku":"SKU-1","gtin":"09506000134352"},"quantity":12,'
    '"uom":"EA","lot":"L77","expiry":"2027-03-31"},\n'
    '           {"line":2,"item":{"sku":"SKU-2"},"quantity":"2.50","uom":"KGM",'
    '"condition":"damaged","reason":"wet"}]}}')
CANONICAL = (
    '{"specversion":"1.0","id":"01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11",'
    '"source":"/dc-muc-1/tc52-0042","type":"receipt","subject":"purchase_order/PO-1001",'
    '"time":"2026-11-21T14:04:05.123Z","datacontenttype":"application/json","site":"dc-muc-1",'
    '"device":"tc52-0042","operator":"u117","correlationid":"PO-1001","receivedtime":"…",'
    '"data":{"document":{"type":"purchase_order","id":"PO-1001"},"supplier":{"id":"ACME"},'
    '"dock":"D4","final":false,"lines":[{"line":1,"item":{"sku":"SKU-1","gtin":"09506000134352"},'
    '"quantity":"12","uom":"EA","lot":"L77","expiry":"2027-03-31"},{"line":2,'
    '"item":{"sku":"SKU-2"},"quantity":"2.5","uom":"KGM","condition":"damaged",'
    '"reason":"wet"}]}}')


@pytest.mark.smoke
def test_a_receipt_is_stored_acked_and_reaches_the_erp_byte_for_byte(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)}, site="dc-muc-1")
    handheld = site.device(site="dc-muc-1")
    handheld.send(RECEIPT)
    ack = handheld.ack("01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11")
    assert ack["status"] == "stored" and ack["seq"] >= 1
    wait_applied(erp, ["01937f3e-6c1a-7b55-9f0e-2f6f3f0c9b11"])
    request = erp.requests()[-1]
    body = re.sub(r'"receivedtime":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"',
                  '"receivedtime":"…"', request["body"])
    assert body == CANONICAL
    assert (request["method"], request["path"]) == ("POST", "/events")
    assert request["headers"]["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                        request["headers"]["idempotency-key"])


@pytest.mark.smoke
def test_the_ledger_closes_for_receipts_picks_and_ships_at_two_sides(site):
    erp, tms = site.cloud("erp"), site.cloud("tms")
    site.agent({"erp": destination(erp), "tms": destination(tms, batch={"max": 20})},
               {"receipts": {"when": {"type": "receipt"}, "to": ["erp"], "lane": "critical"},
                "shipping": {"when": {"type": ["pick", "ship"]}, "to": ["erp", "tms"]}})
    fleet = site.fleet(total=600).start()
    assert_ledger_closes(fleet, {erp: ALL, tms: {"pick", "ship"}})
    assert fleet.statuses["rejected"] == 0
    assert tms.ledger()["requests"] < tms.ledger()["applied"]
    assert all(request["body"].startswith("[") for request in tms.requests())


@pytest.mark.smoke
def test_a_killed_agent_takes_up_where_it_was(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    fleet = site.fleet(total=600, rate=400).start()
    wait.until(lambda: len(fleet.acked) > 150, what="150 acks")
    agent.kill9()
    agent.start()
    assert_ledger_closes(fleet, {erp: ALL})
