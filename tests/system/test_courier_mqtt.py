"""Deliveries that are publishes: to Mosquitto, and to RabbitMQ's MQTT plugin."""
import os

import pytest

from sim import agent as agents
from sim import wait
from sim.broker import Broker
from sim.hub import Consumer
from sim.long import count
from sim.proxy import Proxy
from sim.rabbit import Rabbit, is_installed
from sim.site import receipt
from sim.tls import Certificates


def destination(port, scheme="mqtt", **more):
    return agents.merge({
        "kind": "mqtt", "connector": "cloudevents", "url": "%s://127.0.0.1:%d" % (scheme, port),
        "vars": {"topic": "dray/out"}, "timeout": "20s", "concurrency": 8, "order_by": "none",
        "retry": {"base": "50ms", "max": "200ms"},
        "breaker": {"failures": 5, "probe": "200ms"}}, more)


@pytest.fixture
def hub(site, tmp_path):
    """The broker in the cloud, beside the site's own."""
    folder = tmp_path / "hub"
    folder.mkdir()
    return lambda **options: site._keep(Broker(folder, **options), "kill").start()


@pytest.fixture
def consumer(site):
    return lambda port, **options: site._keep(Consumer(port, **options), "stop")


def send(handheld, names):
    for name in names:
        handheld.send(receipt(name, document="PO-" + name))
        handheld.ack(name, "stored")


def done(agent):
    return agent.metric("dray_deliveries_total", 'outcome="done"')


def wait_done(agent, number, seconds=60):
    wait.until(lambda: done(agent) == number, seconds, "%d deliveries done" % number)


def test_an_event_is_published_once_as_a_cloudevent(site, hub, consumer):
    broker = hub()
    reader = consumer(broker.port)
    agent = site.agent({"hub": destination(broker.port)})
    send(site.device(), ["e-1", "e-2", "e-3"])
    wait_done(agent, 3)
    reader.wait_for(["e-1", "e-2", "e-3"])
    for got in reader.messages():
        assert got.topic == "dray/out" and not got.retain and not got.dup
        assert got.content_type == "application/cloudevents+json"
        assert got.payload["specversion"] == "1.0"
        assert got.user_properties == []
    assert set(reader.counts().values()) == {1}
    assert broker.log().count("as drayd-dc-sim-1-to-hub") == 1, "one connection, and kept"
    assert agent.exceptions() == []


def test_an_event_of_a_trace_says_so_with_a_span_of_its_own(site, hub, consumer):
    broker = hub()
    reader = consumer(broker.port)
    site.agent({"hub": destination(broker.port)})
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-"
    handheld = site.device()
    handheld.send(receipt("e-1"), user_properties=[("traceparent", trace + "00f067aa0ba902b7-01")])
    handheld.ack("e-1", "stored")
    reader.wait_for(["e-1"])
    (name, value), = reader.messages()[0].user_properties
    assert name == "traceparent" and value.startswith(trace) and value.endswith("-01")
    assert "00f067aa0ba902b7" not in value


def test_one_that_comes_with_a_reload_is_connected_to_under_the_site_s_name(site, hub, consumer):
    broker = hub()
    reader = consumer(broker.port)
    agent = site.agent({"first": destination(broker.port, vars={"topic": "elsewhere"})})
    for name in ("second", "third"):  # what the start read is gone then
        config = agents.merge(agent.config, {"destinations": {name: destination(broker.port)},
                                             "routes": {"all": {"to": [name]}}})
        agent.reload(config)
        wait.until(lambda: agent.log().count("configuration reloaded") == ["second", "third"].index(name) + 1,
                   what="the reload")
    send(site.device(), ["e-1"])
    wait_done(agent, 1)
    reader.wait_for(["e-1"])
    assert "as drayd-%s-to-third " % agent.config["site"] in broker.log()


def test_over_tls_with_a_client_certificate(site, hub, consumer, tmp_path):
    tls = Certificates(tmp_path)
    broker = hub(tls=tls)
    reader = consumer(broker.port, tls=tls)
    key = tmp_path / "hub.key"
    key.write_text(open(tls.client_key).read())
    site.agent({"hub": destination(broker.port, scheme="mqtts", tls={
        "ca": tls.ca, "cert": tls.client_cert, "key": {"file": str(key)}})})
    send(site.device(), ["e-1"])
    reader.wait_for(["e-1"])


def test_a_server_with_an_unknown_certificate_gets_nothing(site, hub, tmp_path):
    tls = Certificates(tmp_path)
    broker = hub(tls=tls)
    agent = site.agent({"hub": destination(broker.port, scheme="mqtts")})
    send(site.device(), ["e-1"])
    wait.until(lambda: destination_row(agent)["state"] == "unreachable", what="it seen as unreachable")
    assert destination_row(agent)["reason"] == "TLS: certificate verify failed"
    assert "PUBLISH" not in broker.log()
    assert agent.exceptions() == []


def destination_row(agent, name="hub"):
    rows = agent.ask("destinations", "list")["items"]
    return next(row for row in rows if row["name"] == name)


def test_a_wrong_password_holds_until_it_is_right(site, hub, consumer, tmp_path):
    broker = hub(user=("dray", "right"))
    reader = consumer(broker.port, user=("dray", "right"))
    secret = tmp_path / "hub.password"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    agent = site.agent({"hub": destination(broker.port, auth={
        "type": "basic", "username": "dray", "password": {"file": str(secret)}})})
    send(site.device(), ["e-%d" % n for n in range(5)])
    wait.until(lambda: agent.exceptions("hold"), what="the destination held")
    assert reader.messages() == []
    secret.write_text("right\n")
    reader.wait_for(["e-%d" % n for n in range(5)])
    wait_done(agent, 5)
    assert agent.exceptions("rejected") == []
    assert set(reader.counts().values()) == {1}


def test_a_topic_that_is_not_allowed_is_no_permission(site, hub, consumer, tmp_path):
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite allowed/#\n")
    broker = hub(extra="acl_file %s\n" % acl)
    agent = site.agent({"hub": destination(broker.port)})
    send(site.device(), ["e-1", "e-2"])
    wait.until(lambda: agent.exceptions("hold"), what="the destination held")
    assert "ot authori" in agent.exceptions("hold")[0]["reason"]


def test_a_destination_without_a_topic_is_a_mistake_in_the_configuration(site, hub):
    agent = site.make_agent({"hub": destination(hub().port, vars={"topic": None})}).spawn()
    assert agent.process.wait(60) != 0
    assert "destinations.hub.vars.topic: required for kind mqtt" in agent.log()


def test_what_is_too_large_for_the_broker_is_rejected_and_the_rest_goes_on(site, hub, consumer):
    broker = hub(extra="max_packet_size 3000\n")
    reader = consumer(broker.port)
    agent = site.agent({"hub": destination(broker.port)})
    handheld = site.device()
    handheld.send(receipt("large", document="PO-large", note="n" * 4000))
    send(handheld, ["small"])
    wait.until(lambda: agent.exceptions("rejected"), what="the large one rejected")
    reader.wait_for(["small"])


def test_a_broker_that_takes_one_at_a_time_is_sent_one_at_a_time(site, hub, consumer):
    broker = hub(extra="max_inflight_messages 1\n")
    reader = consumer(broker.port)
    agent = site.agent({"hub": destination(broker.port)})
    names = ["e-%d" % n for n in range(100)]
    handheld = site.device()
    for name in names:
        handheld.send(receipt(name, document="PO-" + name))
    reader.wait_for(names)
    wait_done(agent, len(names))
    assert set(reader.counts().values()) == {1}
    assert "eceive maximum exceeded" not in broker.log()


def test_a_broker_that_is_away_is_waited_for(site, hub, consumer):
    broker = hub()
    reader = consumer(broker.port)
    agent = site.agent({"hub": destination(broker.port)})
    handheld = site.device()
    send(handheld, ["before"])
    wait_done(agent, 1)
    broker.stop()  # in order: it saves the consumer's session
    send(handheld, ["during-1", "during-2"])
    wait.until(lambda: destination_row(agent)["state"] == "unreachable",
               what="it seen as unreachable")
    assert agent.is_ready(), "the site's own broker is another one"
    broker.start()
    send(handheld, ["after"])
    wait_done(agent, 4)
    reader.wait_for({"before", "during-1", "during-2", "after"})
    assert set(reader.counts().values()) == {1}
    assert agent.exceptions() == []


def test_a_broker_that_says_nothing_is_no_reason_to_stand_still(site, hub):
    """It takes the connection and never answers the CONNECT."""
    door = site.proxy(Proxy(hub().port))
    door.mute()
    agent = site.agent({"hub": destination(door.port, timeout="500ms")})
    send(site.device(), ["e-1"])
    wait.until(lambda: destination_row(agent)["state"] == "unreachable", what="it seen as unreachable")
    door.resume()
    wait_done(agent, 1)
    assert agent.exceptions() == []


def test_what_was_not_acknowledged_is_published_again_once_and_not_by_the_library_too(
        site, hub, consumer):
    broker = hub()
    reader = consumer(broker.port)
    door = site.proxy(Proxy(broker.port))
    agent = site.agent({"hub": destination(door.port)})
    handheld = site.device()
    send(handheld, ["first"])
    wait_done(agent, 1)
    door.mute()
    lost = ["lost-%d" % n for n in range(8)]
    send(handheld, lost)
    reader.wait_for(["first"] + lost)
    cut(door)
    wait_done(agent, 9)
    counts = {key[1]: n for key, n in reader.counts().items()}
    assert counts == dict({name: 2 for name in lost}, first=1)
    assert agent.exceptions() == []


def test_an_acknowledgement_that_never_comes_breaks_the_connection(site, hub, consumer):
    broker = hub()
    reader = consumer(broker.port)
    door = site.proxy(Proxy(broker.port))
    agent = site.agent({"hub": destination(door.port, timeout="1s")})
    handheld = site.device()
    send(handheld, ["first"])
    wait_done(agent, 1)
    door.mute()
    send(handheld, ["silent"])
    wait.until(lambda: agent.metric("dray_attempts_total", 'outcome="retry"') >= 1,
               what="the time-out")
    door.resume()
    wait_done(agent, 2)
    reader.wait_for(["first", "silent"])
    assert agent.exceptions() == []


def cut(door):
    """The connection breaks, and what was held back on it is never heard."""
    door.cut()
    door.resume()


@pytest.mark.heavy
def test_a_connection_that_breaks_under_load_loses_nothing(site, hub, consumer):
    broker = hub()
    reader = consumer(broker.port)
    door = site.proxy(Proxy(broker.port))
    agent = site.agent({"hub": destination(door.port, breaker={"failures": 1000})})
    total, breaks = count(3000, 60000), count(6, 60)
    publisher = site.publisher(total, rate=1000)
    for part in range(breaks):
        wait.until(lambda: done(agent) >= part * total // (breaks + 1) + 1, 60,
                   "deliveries going on")
        door.cut()
    assert publisher.result(120)["acked"] == total
    wait_done(agent, total, 60)
    reader.wait_number(total)
    assert agent.exceptions() == []


@pytest.mark.heavy
def test_a_broker_killed_under_load_loses_nothing(site, hub, consumer):
    """
    Mosquitto acknowledges what is in its memory only: so whoever reads there is back before drayd.
    """
    broker = hub()
    reader = consumer(broker.port, qos=0)
    door = site.proxy(Proxy(broker.port))
    agent = site.agent({"hub": destination(door.port, breaker={"failures": 1000})})
    total = count(2000, 20000)
    publisher = site.publisher(total, rate=1000)
    for part in range(3):
        wait.until(lambda: done(agent) >= part * total // 4 + 1, 60, "deliveries going on")
        door.shut()
        broker.kill()
        reader.wait_lost()
        broker.start()
        reader.wait_ready()
        door.open()
    assert publisher.result(120)["acked"] == total
    wait_done(agent, total, 60)
    reader.wait_number(total)
    assert agent.exceptions() == []


def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(site, hub, consumer):
    broker = hub()
    reader = consumer(broker.port)
    door = site.proxy(Proxy(broker.port, refuse_v5=True))
    agent = site.agent({"hub": destination(door.port)})
    handheld = site.device()
    send(handheld, ["e-1"])
    wait_done(agent, 1)
    door.cut()
    send(handheld, ["e-2"])
    wait_done(agent, 2)
    reader.wait_for(["e-1", "e-2"])
    assert reader.messages()[0].content_type is None
    assert door.refused == 1, "what it speaks is remembered"
    assert agent.exceptions() == []


@pytest.mark.heavy
@pytest.mark.skipif(not is_installed(), reason="rabbitmq-server is not installed")
def test_rabbitmq_takes_what_drayd_publishes_and_is_waited_for_when_killed(site, tmp_path,
                                                                            consumer):
    rabbit = site._keep(Rabbit(tmp_path), "end").start()
    reader = consumer(rabbit.port, v311=True, user=("dray", "secret"))
    secret = tmp_path / "rabbit.password"
    secret.write_text("secret")
    secret.chmod(0o600)
    agent = site.agent({"hub": destination(rabbit.port, vars={"topic": "dray/dc-sim-1"}, auth={
        "type": "basic", "username": "dray", "password": {"file": str(secret)}})})
    total = count(500, 5000)
    publisher = site.publisher(total, rate=500)
    wait.until(lambda: done(agent) > total // 5, 60, "deliveries going on")
    rabbit.kill()
    reader.wait_lost()
    assert publisher.result(120)["acked"] == total
    rabbit.start()
    reader.wait_ready()
    wait_done(agent, total, 60)
    reader.wait_number(total, 90)
    assert agent.exceptions() == []
