"""Events by HTTP: what is taken, what is refused, and that an answer is true."""
import http.client
import json
import signal

import pytest

from sim import door, wait
from sim.site import destination, receipt, wait_applied


@pytest.fixture
def agent(site):
    return site.agent(listen={"tokens": door.tokens(site.folder)})


def test_events_sent_by_http_reach_the_cloud_and_the_answer_tells_of_each(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, listen={"tokens": door.tokens(site.folder)})
    good, other = receipt("h-1"), receipt("h-2")
    answer = door.post(agent, [good, {"id": "h-bad", "type": "no-such"}, other])
    assert answer.status == 202
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.acks == [("h-1", "stored"), ("h-bad", "rejected"), ("h-2", "stored")]
    assert answer.json[1]["reason"] == "type_unknown" and answer.json[1]["field"] == "/type"
    wait_applied(erp, ["h-1", "h-2"])
    row = agent.ask("events", "show", "h-1")
    assert row["device"] == "wms" and row["source"] == "/dc-sim-1/wms"


def test_all_duplicates_are_200_and_all_refused_422(agent):
    assert door.post(agent, receipt("d-1")).status == 202
    again = door.post(agent, receipt("d-1"))
    assert (again.status, again.acks) == (200, [("d-1", "duplicate")])
    refused = door.post(agent, {"id": "d-2", "type": "no-such"})
    assert (refused.status, refused.acks) == (422, [("d-2", "rejected")])
    assert door.post(agent, "nonsense").json[0]["reason"] == "bad_json"
    assert {row["kind"] for row in agent.exceptions()} == {"invalid", "unparsable"}


def test_many_come_at_once(agent):
    a, b = (json.dumps(receipt("m-%d" % n)) for n in (1, 2))
    for kind, body in (("application/json", a + "\n" + b),
                       ("application/json; charset=UTF-8", "[%s, %s]" % (a, b)),
                       ('Application/CloudEvents-Batch+JSON; charset="utf-8"', "[%s,%s]" % (a, b))):
        answer = door.post(agent, body, kind=kind)
        assert [name for name, _ in answer.acks] == ["m-1", "m-2"], kind
        assert answer.status in (200, 202)


def test_a_structured_cloudevent_is_taken(agent):
    event = dict(receipt("s-1"), specversion="1.0", source="/dc-sim-1/wms",
                 datacontenttype="application/json")
    assert door.post(agent, event, kind="application/cloudevents+json").status == 202
    assert agent.ask("events", "show", "s-1")["id"] == "s-1"


DATA = {"document": {"type": "purchase_order", "id": "PO-7"},
        "lines": [{"line": 1, "item": {"sku": "SKU-1"}, "quantity": "1.5", "uom": "KGM"}]}


def binary(agent, data=None, kind="application/json", token="wms", **attributes):
    """In binary mode; attribute=None leaves it out."""
    attributes = dict({"specversion": "1.0", "id": "b-1", "type": "receipt",
                       "source": "/dc-sim-1/wms", "time": "2026-11-21T15:04:05.123+01:00"},
                      **attributes)
    headers = {"ce-" + name: value for name, value in attributes.items() if value is not None}
    if kind:
        headers["Content-Type"] = kind
    body = json.dumps(DATA) if data is None else data
    return door.ask(agent, "POST", "/v1/events", body, token, headers)


def test_a_cloudevent_in_binary_mode_is_the_same_event_as_in_structured_mode(agent):
    answer = binary(agent)
    assert (answer.status, answer.acks) == (202, [("b-1", "stored")])
    structured = {"specversion": "1.0", "id": "b-1", "type": "receipt", "source": "/dc-sim-1/wms",
                  "time": "2026-11-21T14:04:05.123Z", "data": DATA}
    again = door.post(agent, structured, kind="application/cloudevents+json")
    assert (again.status, again.acks) == (200, [("b-1", "duplicate")])
    assert binary(agent, kind=None).acks == [("b-1", "duplicate")]


def test_headers_of_binary_mode_are_decoded(agent):
    assert binary(agent, id="%62-%32", Operator="\"u 117\"", correlationid="PO%2D%E2%82%AC",
                  device="tc52-0001", source=None).status == 202
    body = agent.ask("events", "show", "b-2")["body"]
    assert body["operator"] == "u 117" and body["correlationid"] == "PO-\u20ac"
    assert body["device"] == "tc52-0001"


def test_what_is_wrong_in_binary_mode_is_refused_and_kept(agent):
    for options, reason, field in (
            ({"data": "{"}, "bad_json", None),
            ({"data": json.dumps(DATA) + "{}"}, "bad_json", None),
            ({"data": b'{"a": "\xff"}'}, "bad_utf8", None),
            ({"operator": "%C0%A0"}, "bad_utf8", "/operator"),
            ({"type": "no-such"}, "type_unknown", "/type"),
            ({"site": "dc-ber-9"}, "topic_mismatch", "/site"),
            ({"an_attribute": "x", "data": json.dumps(dict(DATA, n=1))}, "field_range", None)):
        before = len(agent.exceptions())
        answer = binary(agent, **options)
        assert answer.status == 422 and answer.acks == [("b-1", "rejected")], options
        assert answer.json[0]["reason"] == reason, options
        assert answer.json[0].get("field") == field or field is None
        assert len(agent.exceptions()) == before + 1, options


def test_a_header_that_cannot_be_read_is_400(agent):
    for value in ("\"no end", "a%00b"):
        answer = binary(agent, subject=value)
        assert answer.status == 400 and "ce-subject" in answer.json["detail"]
    many = {"x%d" % n: "1" for n in range(70)}
    assert binary(agent, **many).status == 400
    assert agent.exceptions() == []


def test_what_cannot_be_read_is_415_and_says_what_can(agent):
    for headers, word in (
            ({"kind": "text/plain"}, "application/json"),
            ({"kind": "application/x-www-form-urlencoded"}, "application/json"),
            ({"kind": "application/cloudevents+avro"}, "application/json"),
            ({"kind": "json"}, "Content-Type"),
            ({"kind": None}, "Content-Type"),
            ({"kind": "application/json; charset=latin-1"}, "utf-8"),
            ({"kind": "application/json", "Content_Encoding": "gzip"}, "identity")):
        answer = door.post(agent, receipt(), **headers)
        assert answer.status == 415, headers
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert word in answer.json["detail"], headers
    assert agent.exceptions() == []


def test_a_device_speaks_for_itself_only(agent):
    own = door.post(agent, receipt("own"), token="tc52-0042")
    assert own.status == 202
    assert agent.ask("events", "show", "own")["device"] == "tc52-0042"
    other = door.post(agent, dict(receipt("other"), device="tc52-0001"), token="tc52-0042")
    assert (other.status, other.json[0]["reason"]) == (422, "topic_mismatch")
    asked = door.ask(agent, "POST", "/v1/events?device=tc52-0001", json.dumps(receipt("q")),
                     "tc52-0042", {"Content-Type": "application/json"})
    assert asked.status == 403
    # A token that is bound to none speaks for any device, but of this site.
    assert door.post(agent, dict(receipt("any"), device="tc52-0001")).status == 202
    assert agent.ask("events", "show", "any")["device"] == "tc52-0001"
    away = door.post(agent, dict(receipt("away"), site="dc-ber-9"))
    assert (away.status, away.json[0]["reason"]) == (422, "topic_mismatch")


def test_a_trace_goes_with_the_event(agent):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    door.post(agent, receipt("t-1"), traceparent=trace)
    assert agent.ask("events", "show", "t-1")["body"]["traceparent"] == trace
    assert door.post(agent, receipt("t-2"), traceparent="nonsense").status == 202


def test_an_event_is_there_behind_a_kill_right_after_its_answer(agent):
    for n in range(4):
        assert door.post(agent, receipt("k-%d" % n)).status == 202
        agent.kill9()
        agent.start()
        assert door.post(agent, receipt("k-%d" % n)).acks == [("k-%d" % n, "duplicate")]


def test_a_large_body_is_413_and_an_event_beyond_its_own_bound_too_large(agent):
    large = receipt("large", note="x" * 300_000)
    answer = door.post(agent, large)
    assert (answer.status, answer.json[0]["reason"]) == (422, "too_large")
    many = [receipt("many-%d" % n, note="x" * 4_000) for n in range(500)]
    assert len(json.dumps(many)) > 2_000_000
    assert door.post(agent, many).status == 202
    for megabytes in (4.5, 6, 30):
        answer = door.post(agent, " " * int(megabytes * 1024 * 1024))
        assert answer.status == 413, megabytes
    assert agent.exceptions("unparsable") != []  # the large one, and none of what was never read
    assert len(agent.exceptions()) == 1


def test_a_chunked_body_is_read_like_another(agent):
    connection = door.connect(agent)
    body = json.dumps(receipt("c-1")).encode()
    connection.request("POST", "/v1/events", iter([body[:20], body[20:]]),
                       dict(door.bearer("wms"), **{"Content-Type": "application/json"}),
                       encode_chunked=True)
    assert door.Answer(connection.getresponse()).acks == [("c-1", "stored")]
    connection.close()


def test_who_expects_100_continue_is_told_to_go_on(agent):
    body = json.dumps(receipt("e-1", note="x" * 100_000)).encode()
    head = (b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n")
    authorization = door.bearer("wms")["Authorization"].encode()
    with door.raw(agent) as line, line.makefile("rb") as stream:
        line.sendall(head % (authorization, len(body)))
        assert stream.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert stream.readline() == b"\r\n"
        line.sendall(body)
        assert json.loads(read_answer(stream))[0]["status"] == "stored"
    with door.raw(agent) as line, line.makefile("rb") as stream:
        line.sendall(head % (authorization, 30_000_000))
        # Refused in words that come before the body would, or behind it; never a reset.
        line.sendall(b" " * 30_000_000)
        assert b" 413 " in stream.readline()


def test_what_could_be_read_as_two_requests_is_not_read(agent):
    for head in ("Transfer-Encoding: gzip, chunked\r\n",
                 "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                 "Content-Length: 5\r\nContent-Length: 0\r\n",
                 "Content-Length: +5\r\n",
                 "Content-Length : 5\r\n",
                 "Transfer-Encoding\t: chunked\r\nContent-Length: 5\r\n"):
        with door.raw(agent) as line:
            line.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\n" + head.encode() +
                         b"\r\n0\r\n\r\n")
            answer = http.client.HTTPResponse(line)
            answer.begin()
            assert answer.status == 400 and answer.headers["Connection"] == "close"


def test_requests_behind_one_another_are_answered_in_order(agent):
    bodies = [json.dumps(receipt("p-%d" % n)).encode() for n in range(20)]
    requests = b"".join(
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: %s\r\nContent-Length: %d\r\n\r\n%s"
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" %
        (door.bearer("wms")["Authorization"].encode(), len(body), body) for body in bodies)
    with door.raw(agent) as line:
        # In many pieces: what comes while a reply is being made must wait, not break anything.
        for at in range(0, len(requests), 97):
            line.sendall(requests[at:at + 97])
        with line.makefile("rb") as stream:
            acks = [read_answer(stream) for _ in range(40)]
    assert [json.loads(ack)[0]["id"] for ack in acks[::2]] == ["p-%d" % n for n in range(20)]
    assert acks[1::2] == [b"ok\n"] * 20


def read_answer(stream):
    length = 0
    for line in iter(stream.readline, b"\r\n"):
        assert line, "the connection was closed"
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return stream.read(length)


def test_too_much_at_once_is_429_and_nothing_of_it_is_lost(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)},
                       store={"max_turn_events": 1})
    lines = [door.raw(agent) for _ in range(30)]
    agent.process.send_signal(signal.SIGSTOP)  # whoever is slow here, there they come at once
    for n, line in enumerate(lines):
        body = json.dumps(receipt("f-%d" % n)).encode()
        line.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Authorization: %s\r\nContent-Length: %d\r\n\r\n%s" %
                     (door.bearer("wms")["Authorization"].encode(), len(body), body))
    agent.process.send_signal(signal.SIGCONT)
    statuses = []
    for line in lines:
        answer = http.client.HTTPResponse(line)
        answer.begin()
        statuses.append(answer.status)
        if answer.status == 429:
            assert answer.headers["Retry-After"] == "1"
        line.close()
    assert set(statuses) == {202, 429}
    stored = {row["id"] for row in agent.ask("events", "list")["items"]}
    assert len(stored) == statuses.count(202)


@pytest.mark.heavy
def test_a_store_without_room_says_503_store_full(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)},
                       store={"max_bytes": "16MiB", "reserve": "1MiB"})

    def send_more():
        events = [receipt(None, note="x" * 9_000) for _ in range(100)]
        answer = door.post(agent, events)
        return answer if answer.status != 202 else None
    answer = wait.until(send_more, 60, "the store to be full", every=0)
    assert answer.status == 503 and answer.json["reason"] == "store_full"
    assert answer.headers["Retry-After"]
