"""The laws of the turn at the MQTT edge: the real daemon, a real broker, a disk that says no.

Nobody sends again here but the broker: what is acknowledged to it too early is lost for good.
"""
import json
import random
import resource
import subprocess
import time

import paho.mqtt.client as mqtt

from sim import wait
from sim.site import destination, receipt, wait_applied


def acks(handheld):
    with handheld.lock:
        return [json.loads(message.payload) for message in handheld.heard]


def stored_acks(handheld):
    return {ack["id"] for ack in acks(handheld) if ack["status"] == "stored"}


class Forgetful:
    """Publishes without waiting, and never again what the broker has acknowledged."""

    def __init__(self, port, name):
        self.name, self.ids, self.told = name, [], 0
        self.client = mqtt.Client(client_id="forgetful-" + name, protocol=mqtt.MQTTv5)
        self.client.max_inflight_messages_set(1000)
        self.client.on_publish = self._on_publish
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def flood(self, n):
        for _ in range(n):
            event_id = "%s-%d" % (self.name, len(self.ids))
            self.ids.append(event_id)
            self.client.publish("dray/v1/dc-sim-1/event/receipt/" + self.name,
                                json.dumps(receipt(event_id, document="PO-" + event_id)), qos=1)

    def is_told(self):
        return self.told == len(self.ids)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def _on_publish(self, *_):
        self.told += 1


def test_what_a_disk_refuses_comes_again_from_the_broker(site):
    """For a while no file of drayd's may grow: turns are poisoned, in the middle of the flood."""
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, store={"reserve": "1MiB"})
    handheld = site.device()
    ids = ["e-%d" % n for n in range(3000)]
    for event_id in ids[:50]:
        handheld.send(receipt(event_id, document="PO-" + event_id))
    handheld.ack("e-49", "stored")
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (256 << 10, resource.RLIM_INFINITY))
    for event_id in ids[50:]:
        handheld.send(receipt(event_id, document="PO-" + event_id))
    wait.until(lambda: agent.metric("dray_turns_poisoned_total") > 0, 60, "a poisoned turn")
    assert agent.is_running()
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_applied(erp, ids, 60)
    assert agent.metric("dray_events_received_total") == len(ids)
    # Said once each: a second `stored` would mean that the first was said of a turn that was undone.
    wait.until(lambda: stored_acks(handheld) >= set(ids[:49] + ids[50:]), what="an ack for each")
    said = [ack["id"] for ack in acks(handheld) if ack["status"] == "stored"]
    assert len(said) == len(set(said))


def test_a_reload_that_connects_anew_acknowledges_nothing_early(site):
    """The connection's options change under a flood, and drayd is killed right after."""
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, batch={"max": 50})})
    handheld = site.device()
    ids = []
    for n in range(10):
        for _ in range(300):
            ids.append("e-%d" % len(ids))
            handheld.send(receipt(ids[-1], document="PO-" + ids[-1]))
        config = dict(agent.config)
        config["mqtt"] = dict(config["mqtt"], keepalive="%ds" % (20 + n))
        agent.reload(config)
        if n % 3 == 2:
            agent.kill9()
            agent.spawn()
    wait_applied(erp, ids, 90)


def test_an_ack_that_the_broker_refuses_keeps_no_other_from_being_heard(site):
    broker = site.make_broker(extra="max_packet_size 3000\n")
    broker.start()
    agent = site.agent()
    handheld, other = site.device(), site.device("tc52-0099")
    handheld.send(b"{", correlation=b"x" * 2880)
    other.send(receipt("heard"))
    other.ack("heard", "stored")
    handheld.send(receipt("heard-too"))
    handheld.ack("heard-too", "stored")
    assert agent.metric("dray_acks_dropped_total") == 1


def test_what_the_broker_was_told_is_stored_whenever_drayd_dies(site):
    """Publishers that forget an event on the broker's PUBACK, and twenty kills at random moments.

    drayd's own PUBACK is what lets the broker forget: sent before the commit, it would lose events
    that nobody sends again.
    """
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, batch={"max": 100}, concurrency=16)})
    publishers = [Forgetful(site.broker.port, "hh-%d" % n) for n in range(4)]
    rng = random.Random(20261121)
    try:
        for _ in range(20):
            for publisher in publishers:
                publisher.flood(300)
            time.sleep(rng.random() * 0.08)
            agent.kill9()
            agent.spawn()
            wait.until(lambda: all(p.is_told() for p in publishers), 60, "every PUBACK")
        ids = [event_id for p in publishers for event_id in p.ids]
        wait_applied(erp, ids, 60)
    finally:
        for publisher in publishers:
            publisher.close()


def test_check_names_a_tls_file_that_is_not_there(site):
    agent = site.make_agent(mqtt_port=1)
    config = dict(agent.config)
    config["mqtt"] = dict(config["mqtt"], tls={"ca": "/nonexistent/ca.pem"})
    agent.write_config(config)
    done = subprocess.run([agent.binary, "--config", agent.path, "--check"], capture_output=True,
                          text=True, timeout=240)
    assert done.returncode == 1
    assert "mqtt.tls.ca" in done.stderr and "/nonexistent/ca.pem" in done.stderr


def test_why_a_broker_is_not_reached_is_said(site):
    agent = site.make_agent(mqtt_port=wait.free_port())
    agent.spawn()
    wait.until(lambda: "Connection refused" in agent.log(), 60, "the reason in the log")


def test_a_source_that_is_gone_is_not_heard_after_a_restart(site):
    old = "plant/+/events"
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, sources={
        "handhelds": {"topic": "dray/v1/+/event/#"}, "plant": {"topic": old}})
    handheld = site.device()
    handheld.send(dict(receipt("before"), device="plc-1"), topic="plant/1/events")
    wait_applied(erp, ["before"])
    config = dict(agent.config, sources={"handhelds": {"topic": "dray/v1/+/event/#"}})
    agent.stop()
    agent.write_config(config)
    agent.start()
    handheld.send(dict(receipt("gone"), device="plc-1"), topic="plant/1/events")
    handheld.send(receipt("after"))
    handheld.ack("after", "stored")
    wait_applied(erp, ["before", "after"])
