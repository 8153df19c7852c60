"""The judges are judged first: a cloud that can't see a double would prove nothing."""
import http.client
import json
import os
import subprocess
import time

import paho.mqtt.client as mqtt
import pytest

from sim import ports, process, wait
from sim.agent import ROOT
from sim.floor import Floor, check_digit
from sim.proxy import Proxy, connect_level


class Client:
    def __init__(self, cloud, timeout=20):
        self.connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=timeout)

    def post(self, events, key=None, **headers):
        if key:
            headers["Idempotency-Key"] = key
        self.connection.request("POST", "/events", json.dumps(events), headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()


class OtherRun:
    """Somebody else's tests, at the same time."""
    PROGRAM = """
from sim import ports, process, wait
from sim.agent import ROOT
while True:
    print(*(wait.free_port() for _ in range(int(input()))), flush=True)
"""

    def __init__(self):
        self.process = process.spawn(["/usr/bin/python3", "-c", self.PROGRAM], text=True,
                                     cwd=os.path.join(ROOT, "tests"), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)

    def ports(self, n):
        self.process.stdin.write("%d\n" % n)
        self.process.stdin.flush()
        return list(map(int, self.process.stdout.readline().split()))

    def end(self):
        self.process.kill()
        self.process.communicate()


def test_runs_side_by_side_are_given_ports_of_their_own_and_none_that_a_connection_takes(site):
    other = site._keep(OtherRun(), "end")
    given = []
    for _ in range(4):
        given += [wait.free_port() for _ in range(60)] + other.ports(60)
    assert len(set(given)) == len(given) == 480
    assert max(given) < ports.limit()


def event(name, nth=None):
    return {"id": name, "source": "/s/d", "type": "receipt",
            "data": {"document": {"type": "po", "id": "1"}, "nth": nth}}


def test_a_repeated_key_is_answered_as_before_and_not_applied_again(site):
    cloud = site.cloud()
    client = Client(cloud)
    first, again = client.post(event("a"), "k1"), client.post(event("a"), "k1")
    assert first == again == (201, '{"ref": "ERP-000001"}')
    sums = cloud.ledger()
    assert (sums["applied"], sums["repeats"], sums["doubled"]) == (1, 1, 0)


@pytest.mark.parametrize("keys", [(None, None), ("k1", "k2")], ids=["no key", "another key"])
def test_the_same_event_without_its_key_is_seen_as_doubled(site, keys):
    cloud = site.cloud()
    client = Client(cloud)
    client.post(event("a"), keys[0])
    client.post([event("b"), event("a")], keys[1])
    assert cloud.ledger()["doubled_ids"] == ["/s/d a"]
    assert cloud.ids() == {"/s/d a": 2, "/s/d b": 1}


def test_a_key_with_another_body_is_a_conflict(site):
    cloud = site.cloud()
    client = Client(cloud)
    client.post(event("a"), "k")
    assert client.post(event("b"), "k")[0] == 422
    assert cloud.ledger()["key_conflicts"] == 1


def test_an_event_under_another_key_is_seen_even_when_nothing_was_applied(site):
    cloud = site.cloud()
    cloud.faults({"do": "status", "status": 503, "count": 2})
    client = Client(cloud)
    client.post([event("a"), event("b")], "k1")
    client.post(event("a"), "k1")
    assert (cloud.ledger()["key_conflicts"], cloud.ledger()["rekeyed"]) == (1, 0)
    client.post([event("b"), event("c")], "k2")
    assert (cloud.ledger()["key_conflicts"], cloud.ledger()["rekeyed"]) == (1, 1)
    asked = cloud.asked()
    assert asked["/s/d a"] < asked["/s/d b"] == asked["/s/d c"] < time.monotonic()


def test_the_order_within_a_document_is_watched(site):
    cloud = site.cloud()
    client = Client(cloud)
    client.post([event("a", 1), event("b", 3)])
    assert cloud.ledger()["out_of_order"] == 0
    client.post(event("c", 2))
    assert cloud.ledger()["out_of_order"] == 1


def test_faults_are_used_up_and_match_what_they_say(site):
    cloud = site.cloud()
    cloud.faults({"do": "status", "status": 404, "id_part": "poor"},
                 {"do": "status", "status": 429, "count": 1, "headers": {"Retry-After": "7"}},
                 {"do": "auth", "value": "Bearer x"})
    client = Client(cloud)
    assert client.post(event("poor"))[0] == 404
    assert client.post(event("a"))[0] == 429
    assert client.post(event("a"))[0] == 401
    assert client.post(event("a"), Authorization="Bearer x")[0] == 201


@pytest.mark.parametrize("fault, error", [
    ({"do": "close"}, http.client.RemoteDisconnected),
    ({"do": "garbage"}, http.client.BadStatusLine),
    ({"do": "hang"}, TimeoutError),
])
def test_a_fault_may_apply_before_it_fails(site, fault, error):
    cloud = site.cloud()
    cloud.faults(dict(fault, apply=True, count=1), dict(fault, count=1))
    for name in ("applied", "not"):
        with pytest.raises(error):
            Client(cloud, timeout=1 if error is TimeoutError else 20).post(event(name), name)
    assert cloud.ids() == {"/s/d applied": 1}
    assert Client(cloud).post(event("applied"), "applied")[0] == 201
    assert cloud.ledger()["doubled"] == 0


def test_a_cloud_that_is_down_refuses_connections_until_it_is_up(site):
    cloud = site.cloud()
    client = Client(cloud)
    client.post(event("a"))
    cloud.down()
    with pytest.raises(OSError):
        Client(cloud).post(event("b"))
    cloud.up()
    assert Client(cloud).post(event("b"))[0] == 201


def test_the_proxy_refuses_level_5_and_lets_4_pass(site):
    proxy = site.proxy(Proxy(site.broker.port, refuse_v5=True))
    codes = {}
    for level in (mqtt.MQTTv5, mqtt.MQTTv311):
        client = mqtt.Client("probe-%d" % level, protocol=level)
        client.on_connect = lambda _c, _u, _f, code, *_: codes.setdefault(level, int(
            getattr(code, "value", code)))
        client.connect("127.0.0.1", proxy.port)
        client.loop_start()
        wait.until(lambda: level in codes or proxy.refused and level == mqtt.MQTTv5)
        client.loop_stop()
    assert proxy.refused > 0 and codes[mqtt.MQTTv311] == 0


def test_the_level_of_a_connect_packet_is_read():
    packet = bytes([0x10, 0x0d, 0, 4]) + b"MQTT" + bytes([5, 2, 0, 60, 0, 0, 0])
    assert connect_level(packet) == 5
    assert connect_level(packet[:7]) is None


def test_the_same_seed_makes_the_same_floor():
    runs = [[step for floor in (Floor("d", seed, start_ms=1000),) for _ in range(4)
             for step in floor.next_document()] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert [kind for kind, _ in runs[0][:10]] == ["receipt"] * 5 + ["pick"] * 4 + ["ship"]


def test_check_digits_are_those_of_gs1s_own_examples():
    assert check_digit("10614141234567890") == "8"
    assert check_digit("0950600013435") == "2"
