"""Sources with an adapter: a vendor's payload comes in by a real broker, events and acks come out."""
import base64
import json
import resource
import subprocess

import pytest

from sim import long, wait
from sim.site import destination, receipt, wait_applied

# A tag is an event of its own device. What is wrong, it says or does.
PROGRAM = """
if type != "object" or (.payload | type) != "object" then error("no object")
elif .payload.spin then last(range(1; 1e15)) | { id: "never" }
elif .payload.fail then error("no tag in it")
elif .payload.twice then (1, 2)
elif .payload.says then .payload.says
else . as $in | [(.payload.tags // [])[] | { id: ., type: "receipt", device: $in.vars.reader,
  time: ($in.payload.at // "2026-11-21T15:04:05Z"),
  data: { document: { type: "purchase_order", id: ("PO-" + .) }, dock: $in.topic,
          via: $in.source, lines: [{ line: 1, item: { sku: . }, quantity: 1, uom: "EA" }] } }]
end
"""
DECLARATION = {"name": "gate", "version": 1, "title": "Acme's gate", "payload": "json",
               "vars": {"reader": {"default": "portal-1"}, "dock": {"help": "its dock"}}}
TOPIC = "gate/7/tags"
KILLS = long.count(2, 20)
SOURCES = {"handhelds": {"topic": "dray/v1/+/event/#"},
           "portal": {"topic": "gate/+/tags", "adapter": "gate"}}


def put_adapter(site, name="gate", declaration=None, program=PROGRAM, cases=None):
    folder = site.folder / "connectors" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter.json").write_text(json.dumps({**DECLARATION, **(declaration or {})}))
    (folder / "adapter.jq").write_text(program)
    if cases is not None:
        (folder / "adapter_cases.json").write_text(json.dumps(cases))
    return folder


@pytest.fixture
def gate(site):
    """A device that hears the acks of the reader portal-1."""
    put_adapter(site)
    return site.device("portal-1", also=["dray/v1/dc-sim-1/alert/#"])


def tags(*ids):
    return {"tags": list(ids)}


def event(agent, event_id):
    seq = agent.ask("events", "list", "--id", event_id)["items"][0]["seq"]
    return agent.ask("events", "show", seq)


def test_a_tag_becomes_an_event_and_its_device_hears_of_it(site, gate):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, sources=SOURCES)
    gate.send(tags("T1", "T2"), topic=TOPIC)
    assert gate.ack("T1", "stored") and gate.ack("T2", "stored")
    wait_applied(erp, ["T1", "T2"])
    body = event(agent, "T1")["body"]
    assert (body["device"], body["source"]) == ("portal-1", "/dc-sim-1/portal-1")
    assert (body["data"]["dock"], body["data"]["via"]) == (TOPIC, "portal")


def test_the_message_is_kept_with_the_first_event_that_was_made_of_it(site, gate):
    agent = site.agent(sources=SOURCES)
    sent = json.dumps(tags("T1", "T2"), indent=3)
    gate.send(sent, topic=TOPIC)
    gate.ack("T2", "stored")
    assert event(agent, "T1")["raw"] == sent
    assert "raw" not in event(agent, "T2") and "raw_base64" not in event(agent, "T2")


def test_values_one_behind_the_other_are_asked_each(site, gate):
    agent = site.agent(sources=SOURCES)
    gate.send('{"tags":["T1"]}\n{"tags":["T2"]}{"fail":1}{"tags":["T3"]', topic=TOPIC)
    for tag in ("T1", "T2"):
        gate.ack(tag, "stored")
    wait.until(lambda: len(agent.exceptions("unparsable")) == 2, what="both flaws")
    assert {row["code"] for row in agent.exceptions()} == {"map_failed", "bad_json"}
    assert event(agent, "T2")["raw"] == '{"tags":["T2"]}'


def test_events_without_an_id_are_told_apart_by_their_place(site, gate):
    """The same content in two values of a message is two events, and on a resend the same two."""
    agent = site.agent(sources=SOURCES)
    said = {"says": {key: value for key, value in receipt("x").items() if key != "id"}}
    said["says"]["device"] = "portal-1"
    for status in ("stored", "duplicate"):
        gate.send(json.dumps(said) * 2, topic=TOPIC)
        for _ in range(2):
            gate.hear(lambda m: status in str(m.payload), what=status)
    assert len(agent.ask("events", "list")["items"]) == 2


def test_nothing_is_made_of_a_heartbeat_and_nobody_hears_of_it(site, gate):
    agent = site.agent(sources=SOURCES)
    gate.send({"beat": 1}, topic=TOPIC)
    gate.send(tags("T1"), topic=TOPIC)
    gate.ack("T1", "stored")
    assert agent.exceptions() == []
    assert [m for m in gate.heard if "/ack/" in m.topic] == []


@pytest.mark.parametrize("said, words", [
    ({"fail": 1}, "adapter gate: no tag in it"),
    ({"twice": 1}, "adapter gate: "),
    ({"says": "text"}, "neither an event nor an array"),
    ({"says": [[]]}, "something else than events"),
    ([1], "adapter gate: no object"),
])
def test_what_no_event_can_be_made_of_is_kept_as_it_came(site, gate, said, words):
    agent = site.agent(sources=SOURCES)
    sent = json.dumps(said)
    for _ in range(2):
        gate.send(sent, topic=TOPIC)
    wait.until(lambda: [row["repeats"] for row in agent.exceptions()] == [1], what="it, twice")
    row = agent.ask("exceptions", "show", str(agent.exceptions()[0]["id"]))
    assert (row["kind"], row["code"], row["raw"]) == ("unparsable", "map_failed", sent)
    assert words in row["reason"] and row["origin"] == TOPIC
    assert agent.metric("dray_events_rejected_total", 'reason="map_failed"') == 2
    alert = json.loads(gate.hear(lambda m: "/alert/" in m.topic).payload)
    assert alert["kind"] == "unparsable" and words in alert["message"]


def test_an_event_that_is_wrong_is_refused_by_itself_and_its_device_hears_why(site, gate):
    agent = site.agent(sources=SOURCES)
    good, bad = receipt("good"), receipt("bad")
    bad["data"]["lines"][0]["quantity"] = "many"
    sent = json.dumps({"says": [dict(bad, device="portal-1"), dict(good, device="portal-1")]})
    gate.send(sent, topic=TOPIC)
    ack = gate.ack("bad", "rejected")
    assert (ack["reason"], ack["field"]) == ("quantity_invalid", "/data/lines/0/quantity")
    gate.ack("good", "stored")
    row = agent.ask("exceptions", "show", str(agent.exceptions("invalid")[0]["id"]))
    assert row["raw"] == sent and event(agent, "good")["raw"] == sent


@pytest.mark.parametrize("kind, reason", [("recipt", "type_unknown"), ("pick", "not_allowed")])
def test_a_device_that_only_the_event_names_hears_why_it_is_refused(site, gate, kind, reason):
    agent = site.agent(sources={**SOURCES, "portal": {**SOURCES["portal"], "types": ["receipt"]}})
    gate.send({"says": {**receipt("bad"), "type": kind, "device": "portal-1"}}, topic=TOPIC)
    ack = gate.ack("bad", "rejected")
    assert (ack["reason"], ack["field"]) == (reason, "/type")
    alert = json.loads(gate.hear(lambda m: "/alert/" in m.topic).payload)
    assert (alert["device"], alert["origin"]) == ("portal-1", TOPIC)
    assert "portal-1" in agent.ctl("exceptions", "list").stdout


def test_a_text_where_json_belongs_is_one_exception_and_says_where_it_came_from(site, gate):
    agent = site.agent(sources=SOURCES)
    gate.send("hello, this, is, no JSON", topic=TOPIC)
    gate.send(tags("T1"), topic=TOPIC)
    gate.ack("T1", "stored")
    row, = agent.exceptions("unparsable")
    shown = agent.ask("exceptions", "show", str(row["id"]))
    assert (row["code"], shown["raw"]) == ("bad_json", "hello, this, is, no JSON")
    assert row["reason"].startswith("adapter gate: not JSON: ")
    alert = json.loads(gate.hear(lambda m: "/alert/" in m.topic).payload)
    assert alert["origin"] == TOPIC and "device" not in alert
    assert TOPIC in agent.ctl("exceptions", "list").stdout


def test_what_is_published_again_and_still_wrong_says_what_is_wrong_now(site, gate):
    """No serial is no device called null; then the reason changes, and the exception says so."""
    program = "{ id: .payload.id, type: .payload.type, device: (.payload.serial | device_name) }"
    put_adapter(site, program=program)
    agent = site.agent(sources=SOURCES)
    gate.send({"id": "1", "type": "receipt", "serial": ""}, topic=TOPIC)
    wait.until(lambda: agent.exceptions("invalid"), what="the exception")
    row, = agent.exceptions()
    assert (row["code"], row["field"]) == ("field_missing", "/device")
    put_adapter(site, program=program.replace(".payload.type", '"recipt"')
                .replace("(.payload.serial | device_name)", '"portal-1"'))
    agent.reload()
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload")
    gate.send({"id": "1", "type": "receipt", "serial": ""}, topic=TOPIC)
    gate.ack("1", "rejected")
    row, = agent.exceptions()
    assert (row["code"], row["field"], row["repeats"]) == ("type_unknown", "/type", 1)
    assert row["reason"] == "there is no event type recipt" and row["device"] == "portal-1"


def test_what_was_kept_is_taken_again_by_a_mended_adapter(site, gate):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, sources=SOURCES)
    gate.send({"fail": True, "tags": ["T1", "T2"]}, topic=TOPIC)
    wait.until(lambda: agent.exceptions("unparsable"), what="the exception")
    row, = agent.exceptions()
    again = agent.ctl("exceptions", "retry", row["id"], check=False)
    assert again.returncode == 1 and "no tag in it" in again.stderr
    still, = agent.exceptions()
    assert (still["id"], still["repeats"]) == (row["id"], 1)
    put_adapter(site, program=PROGRAM.replace("elif .payload.fail", "elif .payload.broken"))
    agent.reload()
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload")
    said = agent.ctl("exceptions", "retry", "--kind", "unparsable", "--why", "mended").stdout
    assert "2 stored" in said and "0 refused" in said
    assert not agent.exceptions()
    wait_applied(erp, ["T1", "T2"])
    assert event(agent, "T1")["received_at"][:19] == row["opened_at"][:19]
    shown = agent.ask("exceptions", "show", row["id"])
    assert shown["state"] == "resolved" and shown["resolution"].endswith(": mended")
    gate.send({"fail": True, "tags": ["T1", "T2"]}, topic=TOPIC)
    for name in ("T1", "T2"):
        gate.ack(name, "duplicate")
    done = agent.ctl("exceptions", "retry", row["id"], check=False)
    assert done.returncode == 1 and "resolved already" in done.stderr


def test_what_is_wrong_in_another_way_when_it_is_taken_again_is_another_exception(site, gate):
    agent = site.agent(sources=SOURCES)
    gate.send({"fail": True}, topic=TOPIC)
    wait.until(lambda: agent.exceptions("unparsable"), what="the exception")
    row, = agent.exceptions()
    put_adapter(site, program='{id: "e-1", type: "recipt", device: "portal-1"}')
    agent.reload()
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload")
    again = agent.ctl("exceptions", "retry", row["id"], check=False)
    assert again.returncode == 1 and "1 refused: see drayctl exceptions list" in again.stdout
    other, = agent.exceptions()
    assert (other["kind"], other["code"]) == ("invalid", "type_unknown")
    assert agent.ask("exceptions", "show", row["id"])["state"] == "resolved"


def is_mapping(agent):
    """The mapper computes."""
    with open("/proc/%d/task/%d/children" % (agent.pid, agent.pid)) as children:
        for child in children.read().split():
            with open("/proc/%s/stat" % child) as stat:
                if stat.read().rpartition(")")[2].split()[0] == "R":
                    return True
    return False


def test_a_message_that_its_adapter_has_is_an_exception_until_it_is_taken(site, gate):
    agent = site.agent(sources=SOURCES)
    gate.send({"fail": True, "tags": ["T1"]}, topic=TOPIC)
    wait.until(lambda: agent.exceptions("unparsable"), what="the exception")
    row, = agent.exceptions()
    put_adapter(site, program="last(range(1; 1e15)) | {}")
    agent.reload()
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload")
    asking = subprocess.Popen([agent.drayctl, "--socket", agent.socket, "exceptions", "retry",
                               str(row["id"])], stderr=subprocess.DEVNULL)
    wait.until(lambda: is_mapping(agent), what="the program at it", every=0.005)
    agent.kill9()
    asking.wait(20)
    put_adapter(site, program=PROGRAM.replace("elif .payload.fail", "elif .payload.broken"))
    agent.start()
    assert [open_one["id"] for open_one in agent.exceptions()] == [row["id"]]
    agent.ctl("exceptions", "retry", row["id"])
    assert not agent.exceptions() and event(agent, "T1")


def test_the_ack_of_a_failure_goes_to_the_device_that_the_topic_names(site):
    put_adapter(site)
    site.agent(sources={"apps": {"topic": "dray/v1/+/event/#", "adapter": "gate"}})
    handheld = site.device()
    handheld.send({"fail": 1})
    ack = handheld.ack(None, "rejected")
    assert ack["reason"] == "map_failed" and "no tag in it" in ack["message"]
    handheld.send({"says": {key: value for key, value in receipt("short").items()
                            if key != "type"}})
    handheld.ack("short", "stored")


def test_a_response_topic_is_honoured_when_the_answer_comes(site, gate):
    site.agent(sources=SOURCES)
    asker = site.device("asker", also=["reply/here"])
    asker.send(tags("T1"), topic=TOPIC, response_topic="reply/here", correlation=b"\x01c")
    heard = asker.hear(lambda m: m.topic == "reply/here")
    assert b'"T1"' in heard.payload and heard.properties.CorrelationData == b"\x01c"


def test_text_is_told_as_it_is_and_must_be_utf8(site, gate):
    put_adapter(site, declaration={"payload": "text"}, program="""
        .payload | split("\\n") | map({ id: ., type: "receipt", device: "portal-1",
          time: "2026-11-21T15:04:05Z", data: { document: { type: "asn", id: . },
          lines: [{ line: 1, item: { sku: . }, quantity: 1, uom: "EA" }] } })""")
    agent = site.agent(sources=SOURCES)
    gate.send("T1\nT2", topic=TOPIC)
    gate.ack("T1", "stored")
    gate.ack("T2", "stored")
    gate.send(b"T\xff1", topic=TOPIC)
    wait.until(lambda: agent.exceptions("unparsable"), what="the exception")
    row = agent.ask("exceptions", "show", str(agent.exceptions()[0]["id"]))
    assert row["code"] == "bad_utf8" and base64.b64decode(row["raw_base64"]) == b"T\xff1"


def test_bytes_are_told_in_base64(site, gate):
    put_adapter(site, declaration={"payload": "bytes"}, program="""
        { id: .payload, type: "receipt", device: "portal-1", time: "2026-11-21T15:04:05Z",
          data: { document: { type: "asn", id: "A" },
          lines: [{ line: 1, item: { sku: "S" }, quantity: 1, uom: "EA" }] } }""")
    site.agent(sources=SOURCES)
    gate.send(b"\x00\xff\x01", topic=TOPIC)
    gate.ack("AP8B", "stored")


def test_a_shared_subscription_brings_what_its_filter_does(site, gate):
    agent = site.agent(sources={"handhelds": {"topic": "$share/dock/dray/v1/+/event/#"},
                                "portal": {"topic": "$share/dock/gate/+/tags", "adapter": "gate"}})
    gate.send(tags("t-1"), topic=TOPIC)
    gate.ack("t-1", "stored")
    gate.send(receipt("r-1"))
    gate.ack("r-1", "stored")
    origins = {row["id"]: row["origin"] for row in agent.ask("events", "list")["items"]}
    assert origins == {"t-1": "portal", "r-1": "handhelds"}


def test_messages_of_quality_0_are_taken_as_well(site, gate):
    site.agent(sources=SOURCES)
    gate.client.publish(TOPIC, json.dumps(tags("T1")), qos=0)
    gate.ack("T1", "stored")


def test_a_message_beyond_the_bound_is_kept_and_refused(site, gate):
    agent = site.agent(sources=SOURCES, limits={"max_message": "4KiB"})
    gate.send(tags("T" * 5000), topic=TOPIC)
    wait.until(lambda: agent.exceptions("unparsable"), what="the exception")
    assert agent.exceptions()[0]["code"] == "too_large"


def test_a_program_that_overruns_keeps_no_other_device_waiting(site, gate):
    agent = site.agent(sources=SOURCES)
    handheld = site.device(also=["dray/v1/dc-sim-1/alert/#"])
    for number in range(2):
        gate.send({"spin": number + 1}, topic=TOPIC)
    handheld.send(receipt("beside"))
    wait.until(lambda: len(agent.exceptions()) == 2, what="its end")
    assert "longer than 1000 ms" in agent.exceptions()[0]["reason"]
    wait.until(lambda: len(handheld.heard) == 3, what="two alerts and an ack")
    last = handheld.heard[-1].topic
    assert "/alert/" in last, "the ack came while it still ran"
    gate.send(tags("T1"), topic=TOPIC)
    gate.ack("T1", "stored")


@pytest.mark.heavy
def test_a_held_program_loses_nothing_and_holds_up_nobody(site, gate):
    agent = site.agent(sources=SOURCES)
    handheld = site.device()
    for number in range(3):
        gate.send({"spin": number + 1}, topic=TOPIC)
    wait.until(lambda: len(agent.exceptions()) == 3, 60, "three strikes")
    gate.send(tags("T1"), topic=TOPIC)
    wait.until(lambda: len(agent.exceptions()) == 4, what="what came while it is held")
    row = agent.ask("exceptions", "show", str(agent.exceptions()[0]["id"]))
    assert "held after 3 strikes" in row["reason"] and row["raw"] == json.dumps(tags("T1"))
    handheld.send(receipt("beside"))
    handheld.ack("beside", "stored")
    # Another version is another program: nothing holds it.
    put_adapter(site, program=PROGRAM + "# better")
    agent.reload()
    wait.until(lambda: agent.log().count("configuration reloaded") == 1, what="the reload")
    gate.send(tags("T2"), topic=TOPIC)
    gate.ack("T2", "stored")


def test_a_reload_changes_what_later_messages_become(site, gate):
    agent = site.agent(sources=SOURCES)
    gate.send(tags("T1"), topic=TOPIC)
    gate.ack("T1", "stored")
    config = dict(agent.config, sources={**SOURCES, "portal": {
        "topic": "gate/+/tags", "adapter": "gate", "vars": {"reader": "portal-2"}}})
    agent.reload(config)
    wait.until(lambda: "configuration reloaded" in agent.log(), what="the reload")
    gate.send(tags("T2"), topic=TOPIC)
    wait.until(lambda: agent.ask("events", "list", "--device", "portal-2")["items"], what="T2")


# --- what the broker is told ---------------------------------------------------------------------------


def test_what_an_adapter_has_not_answered_the_broker_still_has(site, gate):
    """kill -9 between a message and its adapter's answer: the broker sends it again.

    An ack of an event that came behind it shows that drayd has it. Its PUBACK, sent before the
    commit, would lose it for good: nobody else sends it again.
    """
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, sources=SOURCES)
    for number in range(KILLS):
        gate.send({"spin": number}, topic=TOPIC)  # the broker has it before the next is sent
        gate.send(tags("T%d" % number), topic=TOPIC)
        gate.send(receipt("behind-%d" % number))
        gate.ack("behind-%d" % number, "stored")
        agent.kill9()
        put_adapter(site, program=PROGRAM.replace(".payload.spin", ".payload.spun"))
        agent.start()
        gate.ack("T%d" % number, "stored")
        agent.kill9()
        put_adapter(site)
        agent.start()
    wait_applied(erp, ["T%d" % n for n in range(KILLS)] + ["behind-%d" % n for n in range(KILLS)])


def test_a_stop_acknowledges_nothing_that_an_adapter_still_has(site, gate):
    agent = site.agent(sources=SOURCES)
    gate.send({"spin": 1}, topic=TOPIC)
    gate.send(tags("T1"), topic=TOPIC)
    gate.send(receipt("behind"))
    gate.ack("behind", "stored")
    assert agent.stop() == 0
    put_adapter(site, program=PROGRAM.replace(".payload.spin", ".payload.spun"))
    agent.start()
    gate.ack("T1", "stored")


def test_the_broker_is_told_once_all_is_answered(site, gate):
    """What was acknowledged does not come again: no duplicate after a restart."""
    agent = site.agent(sources=SOURCES)
    for number in range(300):
        gate.send(tags("T%d" % number), topic=TOPIC)
    gate.ack("T299", "stored")
    agent.stop()
    agent.start()
    gate.send(tags("last"), topic=TOPIC)
    gate.ack("last", "stored")
    assert agent.metric("dray_events_duplicate_total") == 0


@pytest.mark.heavy
def test_what_a_disk_refuses_comes_again_and_is_adapted_again(site, gate):
    """For a while no file of drayd's may grow: the turns that hold the answers are poisoned."""
    agent = site.agent(sources=SOURCES, store={"reserve": "1MiB"})
    ids = ["T%d" % number for number in range(1500)]
    for tag in ids[:10]:
        gate.send(tags(tag), topic=TOPIC)
    gate.ack("T9", "stored")
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (256 << 10, resource.RLIM_INFINITY))
    for tag in ids[10:]:
        gate.send(tags(tag), topic=TOPIC)
    wait.until(lambda: agent.metric("dray_turns_poisoned_total") > 0, 60, "a poisoned turn")
    resource.prlimit(agent.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait.until(lambda: agent.metric("dray_events_received_total") == len(ids), 60, "each tag")
    assert agent.exceptions("unparsable") == []


# --- configuration ---------------------------------------------------------------------------------------


def check(agent, **sources):
    agent.write_config(dict(agent.config, sources=sources))
    return subprocess.run([agent.binary, "--config", agent.path, "--check"], capture_output=True,
                          text=True, timeout=240)


@pytest.mark.heavy
def test_check_names_what_is_wrong_with_an_adapter(site):
    put_adapter(site, declaration={"vars": {"dock": {"required": True, "help": "its dock"}}})
    agent = site.make_agent(mqtt_port=1)
    portal = {"topic": "gate/+/tags", "adapter": "gate", "vars": {"dock": "D4"}}
    assert check(agent, portal=portal).returncode == 0
    for change, words in (
            ({"adapter": "nobody"}, "sources.portal.adapter: there is no adapter \"nobody\""),
            ({"vars": {}}, "sources.portal.vars.dock: required by the adapter: its dock"),
            ({"vars": "D4"}, "sources.portal.vars: must be an object"),
            ({"vars": {"dock": "D4", "x": 1}}, "sources.portal.vars.x: the adapter has no such")):
        done = check(agent, portal={**portal, **change})
        assert done.returncode == 1 and words in done.stderr, done.stderr
    put_adapter(site, declaration={"payload": "xml"})
    assert "payload" in check(agent, portal=portal).stderr


@pytest.mark.heavy
def test_check_runs_an_adapters_cases(site):
    put_adapter(site, cases=[{"name": "a heartbeat", "payload": {}, "events": []}])
    agent = site.make_agent(mqtt_port=1)
    portal = {"topic": "gate/+/tags", "adapter": "gate"}
    assert check(agent, portal=portal).returncode == 0
    put_adapter(site, cases=[{"name": "a heartbeat", "payload": tags("T1"), "events": []}])
    done = check(agent, portal=portal)
    assert done.returncode == 1 and "gate: 1 of 1 cases failed" in done.stderr
    assert "drayctl connector test gate shows more" in done.stderr
    put_adapter(site, program="if", cases=[{"name": "x", "payload": 1, "fails": "compile"}])
    put_adapter(site, program="if")
    (site.folder / "connectors/gate/adapter_cases.json").unlink()
    done = check(agent, portal=portal)
    assert done.returncode == 1 and "doesn't compile" in done.stderr
