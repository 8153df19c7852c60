"""The OpenAPI document and the daemon: every path, every example, every answer."""
import http.client
import json
import os
import re
import socket

import jsonschema
import pytest

from sim import agent as agents
from sim import wait
from sim.contract import Contract
from sim.site import destination, receipt

DOCUMENT = Contract("openapi.yaml")
PATHS = DOCUMENT.document["paths"]


def shape(path):
    return re.sub(r"\{[^}]*\}", "{}", path)


def routes():
    """(path, method): names of its query, as the daemon's own table has them."""
    with open(os.path.join(agents.ROOT, "agent/ops/api.c")) as text:
        found = re.findall(r'^\t\{ "(/[^"]*)",\s*(NULL|"[^"]*"),\s*\w+,\s*(READING|CHANGE)',
                           text.read(), re.M)
    assert len(found) > 20
    return {(path, "get" if kind == "READING" else "post"):
            sorted(query.strip('"').split()) if query != "NULL" else []
            for path, query, kind in found}


def operations():
    for path, item in PATHS.items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_document_has_the_daemons_paths_and_no_others():
    documented = {}
    for path, method, operation in operations():
        parameters = [DOCUMENT.resolve(parameter) for parameter in operation.get("parameters", ())]
        in_path = [p["name"] for p in parameters if p["in"] == "path"]
        assert in_path == re.findall(r"\{([^}]*)\}", path), path
        documented[shape(path), method] = sorted(p["name"] for p in parameters if p["in"] == "query")
    assert documented == routes()


def test_every_reference_leads_somewhere_and_every_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(DOCUMENT.whole(
        {"$defs": DOCUMENT.document["components"]["schemas"]}))
    for path, method, operation in operations():
        assert operation["operationId"] and operation["summary"], (path, method)
        for response in DOCUMENT.whole(operation["responses"]).values():
            assert response["description"]


class Asking:
    """Calls over the control socket, each answer held against the document."""

    def __init__(self, agent):
        self.socket = agent.socket
        self.seen = set()

    def ask(self, method, path, as_path, body=None, kind="application/json"):
        connection = http.client.HTTPConnection("drayd", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(self.socket)
            data = None if body is None else json.dumps(body)
            connection.request(method.upper(), path, data, {"Content-Type": kind} if data else {})
            answer = connection.getresponse()
            status, said = answer.status, answer.read().decode()
            told = answer.getheader("Content-Type").split(";")[0]
        finally:
            connection.close()
        self.check(method, as_path, status, told, said)
        return status, said

    def check(self, method, as_path, status, told, said):
        responses = PATHS[as_path][method.lower()]["responses"]
        assert str(status) in responses, "%s %s: %d is not documented: %s" % (
            method, as_path, status, said)
        content = DOCUMENT.resolve(responses[str(status)])["content"]
        assert told in content, (as_path, told)
        if told.endswith("json"):
            DOCUMENT.validate(json.loads(said), content[told]["schema"])
        self.seen.add((as_path, method.lower()))


@pytest.mark.heavy
def test_every_example_works_and_every_answer_fits(site):
    erp, picky = site.cloud(), site.cloud("picky")
    picky.faults({"do": "status", "status": 422, "body": "unknown item"})
    (site.folder / "hook-token").write_text("a-token-of-the-partner\n")
    agent = site.agent({"erp": destination(erp), "picky": destination(picky)}, listen={"hooks": {
        "partner": {"scheme": "token", "parameter": "token", "secret": {"file": "hook-token"}}}},
        fleet={"allow": ["log"]})
    device = site.device()
    device.send(receipt("e1"))
    device.ack("e1", "stored")
    device.send("{")
    device.send(b"\xff\xfe")
    wait.until(lambda: len(agent.ask("exceptions", "list")["items"]) == 3, what="three work items")
    asking = Asking(agent)
    for path, method, operation in operations():
        body = DOCUMENT.resolve(operation.get("requestBody", {}))
        for kind, content in body.get("content", {}).items():
            for example in content.get("examples", {}).values():
                if "{" not in path:
                    asking.ask(method, path, path, example["value"], kind)
    asking.ask("post", "/v1/events", "/v1/events", {"type": "receipt"})
    for item in agent.ask("exceptions", "list")["items"]:
        asking.ask("get", "/v1/exceptions/%d" % item["id"], "/v1/exceptions/{id}")
    newest = agent.ask("exceptions", "list")["items"][0]["id"]
    for verb in ("retry", "discard"):
        as_path = "/v1/exceptions/{id}/" + verb
        for at in (newest, 4711):
            asking.ask("post", "/v1/exceptions/%d/%s" % (at, verb), as_path, {"why": "looked at"})
    for verb in ("pause", "resume"):
        as_path = "/v1/destinations/{name}/" + verb
        asking.ask("post", "/v1/destinations/erp/" + verb, as_path, {"why": "an upgrade"})
        asking.ask("post", "/v1/destinations/none/" + verb, as_path, {})
    hook = "/v1/hooks/{name}"
    for path in ("/v1/hooks/partner?token=a-token-of-the-partner", "/v1/hooks/partner",
                 "/v1/hooks/partner?token=a-token-of-the-partner", "/v1/hooks/none"):
        asking.ask("post", path, hook, receipt("of-a-hook"))
    asking.ask("get", "/v1/events/e1", "/v1/events/{event}")
    asking.ask("get", "/v1/events/none", "/v1/events/{event}")
    for item in ("SKU-1", "none"):
        asking.ask("get", "/v1/reference/item/" + item, "/v1/reference/{kind}/{id}")
    for answer in (200, 422):  # to the good one; there is none before it
        assert asking.ask("post", "/v1/config/rollback", "/v1/config/rollback")[0] == answer
    assert asking.ask("post", "/v1/config/reload", "/v1/config/reload")[0] == 200
    asking.ask("post", "/v1/config/apply", "/v1/config/apply", {"site": "elsewhere"})
    asking.ask("post", "/v1/backup", "/v1/backup", {"path": str(site.folder / "copy.db")})
    asking.ask("post", "/v1/backup", "/v1/backup", {"path": "relative"})
    for path, method, operation in operations():
        if method == "get" and "{" not in path:
            asking.ask("get", path, path)
            if any("limit" in str(p) for p in operation.get("parameters", ())):
                asking.ask("get", path + "?limit=none", path)
    missing = {(path, method) for path, method, _ in operations()} - asking.seen
    assert not missing, missing
