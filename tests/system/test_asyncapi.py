"""The AsyncAPI document and the agent: what it says is heard, what it shows is taken."""
import json
import os
import re

import pytest

from sim import agent as agents
from sim.contract import Contract
from sim.site import destination

DOCUMENT = Contract("asyncapi.yaml")
MESSAGES = DOCUMENT.document["components"]["messages"]
EVENTS = DOCUMENT.document["channels"]["event"]["messages"]
SITE = "dc-sim-1"


def words_of(path, pattern):
    with open(os.path.join(agents.ROOT, path)) as text:
        return re.findall(pattern, text.read(), re.M)


def test_it_names_the_types_and_the_reasons_that_the_agent_knows():
    assert sorted(EVENTS) == sorted(words_of("common/event_types.c", r'^\t\{ "([a-z.]+)", SHAPE'))
    reasons = words_of("common/problem.c", r'\[REASON_[A-Z_0-9]+\] = "([a-z_0-9]+)"')
    assert len(reasons) > 20
    schema = DOCUMENT.document["components"]["schemas"]["ack"]
    assert sorted(schema["properties"]["reason"]["enum"]) == sorted(set(reasons) - {"none"})


def test_every_reference_leads_somewhere_and_every_example_fits():
    for name, message in MESSAGES.items():
        assert message["examples"], name
        for example in message["examples"]:
            DOCUMENT.validate(example["payload"], message["payload"])
    for channel in DOCUMENT.document["channels"].values():
        for message in channel["messages"].values():
            assert DOCUMENT.resolve(message)["title"]
    for operation in DOCUMENT.document["operations"].values():
        assert DOCUMENT.resolve(operation["channel"])["address"]


def hear(device, condition, schema):
    message = device.hear(condition)
    said = json.loads(message.payload)
    DOCUMENT.validate(said, {"$ref": "#/components/schemas/" + schema})
    return said


@pytest.mark.heavy
def test_every_example_is_stored_and_what_dray_says_fits(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)}, sources={"handhelds": {"ack_delivered": True}})
    prefix = "dray/v1/%s/" % SITE
    device = site.device(also=[prefix + "status", prefix + "alert/#"])
    is_ack = lambda heard: heard.topic == device.ack_topic()
    assert hear(device, lambda heard: heard.topic == prefix + "status", "agent")["state"] == "online"
    n = 0
    for kind in EVENTS:
        for example in MESSAGES[kind]["examples"]:
            device.send(example["payload"], kind=kind)
            n += 1
    told = [hear(device, is_ack, "ack")["status"] for _ in range(2 * n)]
    assert sorted(told) == ["delivered"] * n + ["stored"] * n
    device.send("{")
    assert hear(device, is_ack, "ack")["reason"] == "bad_json"
    alert = hear(device, lambda heard: heard.topic == prefix + "alert/normal", "alert")
    assert alert["kind"] == "unparsable"
