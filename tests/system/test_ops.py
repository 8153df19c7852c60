"""What operators and their tools see and do."""
import json
import os
import shutil
import socket
import subprocess
import time

import pytest

from sim import wait
from sim.site import ALL, assert_ledger_closes, destination, receipt, wait_applied


def test_metrics_pass_promtool_and_count_what_happened(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    names = ["m-%d" % n for n in range(5)]
    for name in names:
        handheld.send(receipt(name))
        handheld.ack(name, "stored")
    handheld.send("nonsense")
    handheld.ack(None, "rejected")
    wait_applied(erp, names)
    wait.until(lambda: agent.metric("dray_deliveries_total", 'outcome="done"') == 5,
               what="five deliveries counted")
    assert agent.metric("dray_events_received_total", 'type="receipt"') == 5
    assert agent.metric("dray_events_rejected_total", 'reason="bad_json"') == 1
    assert agent.metric("dray_destination_up", 'destination="erp"') == 1
    assert agent.metric("dray_exceptions_open", 'kind="unparsable"') == 1
    assert agent.metric("dray_event_ack_seconds_count") >= 5
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([promtool, "check", "metrics"], input=agent.get("/metrics")[1],
                          capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and done.stderr == "", done.stderr + done.stdout


def test_counts_survive_a_kill(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    for name in ("c-1", "c-2"):
        handheld.send(receipt(name))
        handheld.ack(name, "stored")
    wait_applied(erp, ["c-1", "c-2"])
    agent.kill9()
    agent.start()
    assert agent.metric("dray_events_received_total") == 2


def test_healthz_and_readyz(site):
    agent = site.agent()
    assert agent.get("/healthz")[0] == 200
    assert agent.get("/readyz")[0] == 200
    assert agent.get("/no-such-thing")[0] == 404
    site.broker.stop()
    wait.until(lambda: agent.get("/readyz")[0] == 503, what="not ready without a broker")
    assert "broker" in agent.get("/readyz")[1]
    assert agent.get("/healthz")[0] == 200


def hear_words(notify, words, seconds=60):
    """What was said to the notify socket until all these words were; pings don't prolong it."""
    said, deadline = set(), time.monotonic() + seconds
    while not words <= said:
        left = deadline - time.monotonic()
        assert left > 0, "%s not said within %g s, but %s" % (words - said, seconds, said)
        notify.settimeout(left)
        try:
            said |= set(notify.recv(4096).decode().split("\n"))
        except TimeoutError:
            pass
    return said


def test_systemd_is_told_ready_and_the_watchdog_is_fed(site):
    path = str(site.folder / "notify.sock")
    if len(path) > 100:
        path = "/tmp/dray-notify-%d.sock" % os.getpid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        agent = site.make_agent(env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"})
        agent.spawn()
        said = hear_words(notify, {"READY=1", "WATCHDOG=1"})
        agent.reload()
        said |= hear_words(notify, {"RELOADING=1"})
        agent.stop()
        said |= hear_words(notify, {"STOPPING=1"})
    os.unlink(path)
    assert any(line.startswith("STATUS=") for line in said)


def test_sigterm_is_an_orderly_end(site):
    agent = site.agent()
    assert agent.stop() == 0


def test_a_paused_destination_waits_and_a_resumed_one_goes_on(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    agent.ctl("destinations", "pause", "erp")
    handheld.send(receipt("paused"))
    handheld.ack("paused", "stored")
    row = agent.ask("destinations", "list")["items"][0]
    assert row["name"] == "erp" and row["state"] == "paused"
    agent.kill9()
    agent.start()  # the hand that paused it meant it for longer than one process
    assert erp.ledger()["requests"] == 0
    agent.ctl("destinations", "resume", "erp")
    wait_applied(erp, ["paused"])


def test_an_exception_is_discarded_with_a_reason_and_frees_its_document(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    erp.faults({"do": "status", "status": 422, "id_part": "wrong"})
    handheld.send(receipt("wrong", document="PO-9"))
    handheld.send(receipt("behind", document="PO-9"))
    row = wait.until(lambda: agent.exceptions("rejected"), what="an exception")[0]
    assert agent.ctl("exceptions", "discard", row["id"], check=False).returncode == 2
    agent.ctl("exceptions", "discard", row["id"], "--why", "counted twice by hand")
    wait_applied(erp, ["behind"])
    assert agent.exceptions() == []
    assert agent.ask("ledger")["closed"] is True


def test_drayctl_lists_shows_and_sends_events(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    handheld = site.device()
    handheld.send(receipt("seen", document="PO-77"))
    handheld.ack("seen", "stored")
    wait_applied(erp, ["seen"])
    assert [row["id"] for row in agent.ask("events", "list")["items"]] == ["seen"]
    assert "PO-77" in agent.ctl("events", "show", "seen").stdout
    path = site.folder / "event.json"
    path.write_text(json.dumps(dict(receipt("by-hand"), device="desk-1")))
    agent.ctl("events", "send", path)
    wait_applied(erp, ["seen", "by-hand"])


def test_status_queue_and_destinations_have_tables_and_json(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)})
    erp.down()
    handheld = site.device()
    handheld.send(receipt("stuck"))
    handheld.ack("stuck", "stored")
    for words in (("status",), ("queue",), ("destinations", "list"), ("ledger",)):
        table = agent.ctl(*words).stdout
        assert "erp" in table and "\033[" not in table
        assert isinstance(agent.ask(*words), dict)


def test_drayctl_exits_as_its_page_says(site):
    agent = site.agent()
    assert agent.ctl("status", check=False).returncode == 0
    assert agent.ctl("events", "show", "no-such-event", check=False).returncode == 1
    assert agent.ctl("no-such-command", check=False).returncode == 2
    agent.stop()
    assert agent.ctl("status", check=False).returncode == 3


def test_the_control_socket_is_for_its_group_only(site):
    agent = site.agent()
    assert os.stat(agent.socket).st_mode & 0o777 == 0o660


def test_the_agents_own_ledger_closes_as_the_clouds_do(site):
    erp, tms = site.cloud("erp"), site.cloud("tms")
    agent = site.agent({"erp": destination(erp), "tms": destination(tms)},
                       {"receipts": {"when": {"type": "receipt"}, "to": ["erp"]},
                        "shipping": {"when": {"type": ["pick", "ship"]}, "to": ["erp", "tms"]}})
    fleet = site.fleet(total=400).start()
    assert_ledger_closes(fleet, {erp: ALL, tms: {"pick", "ship"}})

    def balance():
        return {row["destination"]: row["delivered"] for row in
                agent.ask("ledger")["by_destination"]}
    wait.until(lambda: balance() == {"erp": 400, "tms": tms.ledger()["applied"]},
               what="the agent's ledger saying so too")
    ledger = agent.ask("ledger")
    assert ledger["closed"] is True and ledger["accepted"] == 400


def test_an_event_that_no_route_wants_is_stored_and_counted(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, {"ships": {"when": {"type": "ship"},
                                                             "to": ["erp"]}})
    handheld = site.device()
    handheld.send(receipt("homeless"))
    handheld.ack("homeless", "stored")
    wait.until(lambda: agent.metric("dray_events_unrouted_total") == 1, what="counted as unrouted")
    assert agent.ask("ledger")["closed"] is True


def test_traceparent_is_taken_from_the_user_property_kept_and_sent_on_with_a_span_of_its_own(site):
    erp = site.cloud()
    site.agent({"erp": destination(erp)})
    handheld = site.device()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    handheld.send(receipt("traced"), user_properties=[
        ("traceparent", "00-%s-00f067aa0ba902b7-01" % trace)])
    handheld.ack("traced", "stored")
    wait_applied(erp, ["traced"])
    assert trace in erp.requests()[0]["body"]
    version, same, span, flags = erp.requests()[0]["headers"]["traceparent"].split("-")
    assert (version, same, flags) == ("00", trace, "01")
    assert span != "00f067aa0ba902b7" and int(span, 16) > 0
