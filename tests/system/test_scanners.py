"""The example apps, in Python and in JavaScript, through what happens to a broker, an agent and an app."""
import os

import pytest

from sim import wait
from sim.site import destination

SCANS = 60

pytestmark = pytest.mark.heavy


def scan(app, numbers):
    for n in numbers:
        app.scan("receipt", {"document": {"type": "purchase_order", "id": "PO-%04d" % n},
                             "lines": [{"item": {"sku": "SKU-1"}, "quantity": 1, "uom": "EA"}]})


def documents(cloud):
    return sorted(event["data"]["document"]["id"] for event in cloud.events())


def expect(cloud, n):
    wait.until(lambda: cloud.ledger()["applied"] == n, 60, "%d receipts at the ERP" % n)
    assert documents(cloud) == ["PO-%04d" % i for i in range(n)]
    assert cloud.ledger()["doubled"] == 0


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_nothing_is_lost_whatever_ends(site, language):
    """The broker forgets all it has, drayd is killed, the app is killed with a full outbox."""
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    app = site.app(language)
    scan(app, range(SCANS))
    wait.until(lambda: app.count("stored", "duplicate") > 0, 60, "an ack")
    agent.kill9()
    scan(app, range(SCANS, 2 * SCANS))
    site.broker.kill()
    site.broker.forget()
    agent.spawn()
    scan(app, range(2 * SCANS, 3 * SCANS))
    outbox = app.command[-1]
    wait.until(lambda: has_all(outbox, SCANS), 60, "the last portion in the outbox")
    app.kill9()
    site.broker.start()
    app.start()
    scan(app, range(3 * SCANS, 4 * SCANS))
    assert app.finish(90) == 0
    assert app.count("rejected") == 0
    expect(erp, 4 * SCANS)


def has_all(outbox, n):
    """The last document of the third portion is written down."""
    wanted = b"PO-%04d" % (3 * n - 1)
    for name in (outbox, outbox + "-wal"):
        if os.path.exists(name):
            with open(name, "rb") as kept:
                if wanted in kept.read():
                    return True
    return False


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_what_is_refused_is_told_and_kept_back_no_longer(site, language):
    site.agent()
    app = site.app(language)
    app.scan("receipt", {"document": {"type": "purchase_order", "id": "PO-1"}, "lines": []})
    scan(app, [1])
    assert app.finish(30) == 0
    assert app.count("stored", "duplicate") == 1
    refused = [ack for ack in app.acks if ack["status"] == "rejected"]
    assert [(ack["reason"], ack["field"]) for ack in refused] == [("field_missing", "/data/lines")]
