"""Bad days of the broker and of the line to it."""
import json
import os

import pytest

from sim import wait
from sim.floor import SITE
from sim.proxy import Proxy
from sim.site import ALL, assert_ledger_closes, destination, receipt, wait_applied
from sim.tls import Certificates


def test_a_broker_that_is_absent_at_start_is_waited_for(site):
    erp = site.cloud()
    broker = site.make_broker()
    agent = site.make_agent({"erp": destination(erp)}, mqtt_port=broker.port).spawn()
    wait.until(lambda: agent.get("/healthz")[0] == 200, what="drayd alive without a broker")
    assert agent.get("/readyz")[0] == 503
    broker.start()
    wait.until(agent.is_ready, 60, "drayd ready once the broker is there")
    handheld = site.device()
    handheld.send(receipt("early"))
    handheld.ack("early", "stored")
    wait_applied(erp, ["early"])


@pytest.mark.parametrize("is_forgetful", [False, True], ids=["session kept", "session lost"])
def test_a_broker_that_goes_and_comes_back_costs_nothing(site, is_forgetful):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    fleet = site.fleet(total=600, rate=300, resend_s=2).start()
    wait.until(lambda: len(fleet.acked) > 100, what="100 acks")
    if is_forgetful:
        site.broker.kill()
        site.broker.forget()
    else:
        site.broker.stop()
    wait.until(lambda: not agent.is_ready(), what="drayd noticing that the broker is gone")
    assert agent.get("/healthz")[0] == 200
    site.broker.start()
    assert_ledger_closes(fleet, {erp: ALL})
    assert agent.is_running()


def test_events_that_came_while_the_agent_was_away_are_in_the_brokers_queue(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    agent.stop()
    names = ["away-%d" % n for n in range(1500)]  # more than Mosquitto's default queue of 1000
    for name in names:
        handheld.client.publish(handheld.event_topic("receipt"), json.dumps(receipt(name)), qos=1)
    handheld.send(receipt("last"))
    agent.start()
    wait_applied(erp, names + ["last"], 60)


@pytest.mark.heavy
def test_acks_survive_partial_socket_writes(site):
    """The line towards the broker stalls until drayd's socket is full, then trickles."""
    erp = site.cloud()
    proxy = site.proxy(Proxy(site.broker.port, small=True))
    agent = site.agent({"erp": destination(erp, batch={"max": 50})}, mqtt_port=proxy.port)
    fleet = site.fleet(total=6000, devices=40, connections=4, window=50, resend_s=60)
    proxy.stall()
    fleet.start()
    wait.until(lambda: agent.metric("dray_events_received_total") >= 1000, what="1000 events in")
    proxy.resume()
    assert_ledger_closes(fleet, {erp: ALL})
    assert set(fleet.statuses) <= {"stored", "duplicate"}


@pytest.mark.parametrize("refuse_v5", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
def test_a_retained_event_is_not_taken_twice_on_resubscribe(site, refuse_v5):
    erp = site.cloud()
    proxy = site.proxy(Proxy(site.broker.port, refuse_v5=refuse_v5))
    agent = site.agent({"erp": destination(erp)}, mqtt_port=proxy.port)
    handheld = site.device()
    handheld.send(receipt("kept"), retain=True)
    handheld.ack("kept", "stored")
    proxy.cut()
    wait.until(agent.is_ready, 60, "drayd back")
    agent.stop()
    # Another client id is another session: it subscribes anew.
    agent.config["mqtt"]["client_id"] = "drayd-again"
    agent.write_config(agent.config)
    agent.start()
    handheld.send(receipt("fresh"))
    handheld.ack("fresh", "stored")
    wait_applied(erp, ["kept", "fresh"])


def test_a_retained_scan_is_not_counted_anew_with_each_connection(site):
    """MQTT 3.1.1 knows no way to leave it with the broker; and a scan without a time is a new one each time."""
    proxy = site.proxy(Proxy(site.broker.port, refuse_v5=True))
    agent = site.agent(mqtt_port=proxy.port, sources={
        "belt": {"topic": "belt/+", "adapter": "text-scan", "vars": {"type": "count"}}})
    handheld = site.device("belt-1")
    handheld.send("4006381333931", topic="belt/belt-1", retain=True)
    handheld.hear(lambda heard: b'"stored"' in heard.payload)
    proxy.cut()
    wait.until(agent.is_ready, 30, "drayd back")
    agent.stop()
    agent.start()
    handheld.send("4006381333931", topic="belt/belt-1")
    handheld.hear(lambda heard: b'"stored"' in heard.payload)
    agent.stop()
    agent.start()
    assert len(agent.ask("events", "list")["items"]) == 2


def test_mqtt_3_1_1_is_spoken_where_the_broker_knows_no_5(site):
    erp = site.cloud()
    proxy = site.proxy(Proxy(site.broker.port, refuse_v5=True))
    site.agent({"erp": destination(erp)}, mqtt_port=proxy.port)
    assert proxy.refused > 0
    fleet = site.fleet(total=300).start()
    assert_ledger_closes(fleet, {erp: ALL})


def test_a_cut_line_costs_nothing(site):
    erp = site.cloud()
    proxy = site.proxy(Proxy(site.broker.port))
    site.agent({"erp": destination(erp)}, mqtt_port=proxy.port)
    fleet = site.fleet(total=1000, rate=500, resend_s=2).start()
    for mark in (200, 400, 600):
        wait.until(lambda: len(fleet.acked) > mark, what="%d acks" % mark)
        proxy.cut()
    assert_ledger_closes(fleet, {erp: ALL})


def test_tls_with_a_client_certificate_and_a_password(site, tmp_path):
    erp = site.cloud()
    tls = Certificates(tmp_path)
    user = ("drayd", "s3cret pass")
    broker = site.make_broker(tls=tls, user=user).start()
    with open(tmp_path / "mqtt-password", "w") as out:
        out.write(user[1] + "\n")
    os.chmod(tmp_path / "mqtt-password", 0o600)
    site.agent({"erp": destination(erp)}, mqtt_port=broker.port, mqtt={
        "username": user[0], "password": {"file": "mqtt-password"},
        "tls": {"ca": tls.ca, "cert": tls.client_cert, "key": {"file": tls.client_key}}})
    handheld = site.device(tls=tls, user=user)
    names = ["tls-%d" % n for n in range(200)]
    for name in names:
        handheld.client.publish(handheld.event_topic("receipt"), json.dumps(receipt(name)), qos=1)
    for name in names:
        assert handheld.ack(name)["status"] == "stored"
    wait_applied(erp, names)


def test_a_wrong_password_is_said_and_not_fatal(site, tmp_path):
    broker = site.make_broker(user=("drayd", "right")).start()
    with open(tmp_path / "mqtt-password", "w") as out:
        out.write("wrong-one")
    os.chmod(tmp_path / "mqtt-password", 0o600)
    agent = site.make_agent(mqtt_port=broker.port, mqtt={
        "username": "drayd", "password": {"file": "mqtt-password"}}).spawn()
    wait.until(lambda: "refus" in agent.log() or "not authori" in agent.log().lower(),
               what="the refusal in the log")
    assert agent.is_running() and agent.get("/readyz")[0] == 503
    assert "wrong-one" not in agent.log()


def test_several_sources_are_heard(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)}, sources={
        "handhelds": {"topic": "dray/v1/+/event/#"},
        "old-app": {"topic": "legacy/scans/#"}})
    handheld = site.device()
    handheld.send(receipt("new"))
    handheld.ack("new", "stored")
    old = dict(receipt("old"), site=SITE, device="tc52-0042")
    handheld.send(old, topic="legacy/scans/dock-4")
    handheld.ack("old", "stored")
    wait_applied(erp, ["new", "old"])


def test_the_status_topic_says_online_and_the_last_will_says_offline(site):
    topic = "dray/v1/%s/status" % SITE
    agent = site.agent()
    watcher = site.device("watcher", also=[topic])

    def is_state(state):
        return lambda m: m.topic == topic and json.loads(m.payload)["state"] == state
    online = json.loads(watcher.hear(is_state("online")).payload)
    assert {"version", "backlog", "oldest_s", "exceptions", "config_revision"} <= set(online)
    agent.kill9()
    watcher.hear(is_state("offline"))
    agent.start()
    watcher.hear(is_state("online"))
    agent.stop()
    watcher.hear(is_state("offline"))
