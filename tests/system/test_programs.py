"""The programs of a configuration are compiled before any of it is taken into use."""
import contextlib
import glob
import json
import os
import pathlib
import signal
import socket

import pytest

from sim import partner, wait
from sim.site import destination, receipt, wait_applied
from test_adapters import SOURCES, TOPIC, put_adapter, tags

BROKEN = "nope"
WORDS = "the program doesn't compile: nope/0 is not defined, line 1"
# The compiler looks through all that stands behind each definition: ten times the bound of a call.
SLOW = "def f: 1; " * 5000 + "1" + ", 1" * 20000
PORTAL = {"topic": "gate/+/tags", "adapter": "gate"}
POST = '{send: {method: "POST", path: "/events", body: .events[0]}}'
DELIVER = 'if .response == null then %s else {done: {}} end' % POST


def put_connector(site, program):
    folder = site.folder / "connectors/acme"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "connector.json").write_text(json.dumps(
        {"name": "acme", "version": 1, "kind": "http", "idempotency": {"mode": "natural"}}))
    (folder / "connector.jq").write_text(program)


def wait_logged(agent, words, count=1):
    wait.until(lambda: agent.log().count(words) >= count, 60, "%d times: %s" % (count, words))


@pytest.fixture
def gate(site):
    put_adapter(site)
    return site.device("portal-1")


# --- start -------------------------------------------------------------------------------------------


def portal(site):
    return {"sources": {"portal": PORTAL}}


def hook(site):
    return {"listen": {"hooks": {"gun": partner.GITHUB.hook(site.folder, adapter="gate")}}}


def erp(site):
    return {"destinations": {"erp": {"kind": "http", "connector": "acme",
                                     "url": "http://127.0.0.1:1"}}}


@pytest.mark.parametrize("use, where", [
    (portal, "sources.portal.adapter: gate: "),
    (hook, "listen.hooks.gun.adapter: gate: "),
    (erp, "destinations.erp.connector: acme: "),
], ids=["source", "hook", "destination"])
def test_drayd_does_not_start_with_a_program_that_does_not_compile(site, use, where):
    put_adapter(site, program=BROKEN)
    put_connector(site, BROKEN)
    agent = site.make_agent(mqtt_port=1, **use(site))
    agent.spawn()
    assert agent.process.wait(60) == 1
    assert where + WORDS in agent.log()


def test_a_program_is_compiled_and_not_run(site):
    put_adapter(site, program="last(range(1; 1e15))")
    site.agent(sources=SOURCES)


# --- reload ------------------------------------------------------------------------------------------


def test_a_reload_with_an_adapter_that_does_not_compile_changes_nothing_and_says_where(site, gate):
    agent = site.agent(sources=SOURCES)
    put_adapter(site, program=BROKEN)
    agent.reload()
    wait_logged(agent, "sources.portal.adapter: gate: " + WORDS)
    gate.send(tags("T1"), topic=TOPIC)
    gate.ack("T1", "stored")
    assert "configuration reloaded" not in agent.log()
    put_adapter(site)
    agent.reload()
    wait_logged(agent, "configuration reloaded")


def test_a_reload_with_a_connector_that_does_not_compile_changes_nothing_and_says_where(site):
    put_connector(site, DELIVER)
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp, connector="acme", vars=None)})
    put_connector(site, BROKEN)
    agent.reload()
    wait_logged(agent, "destinations.erp.connector: acme: " + WORDS)
    handheld = site.device()
    handheld.send(receipt("after"))
    handheld.ack("after", "stored")
    wait_applied(erp, ["after"])
    assert "configuration reloaded" not in agent.log()


@pytest.mark.heavy
def test_events_are_taken_while_a_configuration_is_loaded(site, gate):
    agent = site.agent(sources=SOURCES)
    put_adapter(site, program=SLOW)
    before = mappers(agent)
    agent.reload()
    with standing_still(compiling(agent, before)):
        for number in range(3):
            gate.send(tags("T%d" % number), topic=TOPIC)
            gate.ack("T%d" % number, "stored")
        assert "configuration" not in agent.log()
    wait_logged(agent, "configuration refused")
    assert "sources.portal.adapter: gate: the program is held after 3 strikes" in agent.log()


@pytest.fixture
def notify():
    path = "/tmp/dray-programs-%d.sock" % os.getpid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(60)
        yield notify
    os.unlink(path)


def hear(notify):
    """Which of the two is said next."""
    while True:
        said = notify.recv(4096).decode().split("\n")[0]
        if said in ("READY=1", "RELOADING=1"):
            return said


def mappers(agent):
    """The pids of its dray-maps. Threads have children, not processes."""
    found = set()
    for task in glob.glob("/proc/%d/task/*/children" % agent.pid):
        try:
            found |= set(pathlib.Path(task).read_text().split())
        except OSError:
            pass  # the thread has gone
    return found


def compiling(agent, before):
    """The dray-maps that have come since."""
    return wait.until(lambda: mappers(agent) - before, what="a dray-map that compiles what was read")


@contextlib.contextmanager
def standing_still(pids):
    """Who compiles has not come to its end when we have: how fast each of us runs is no matter."""
    for pid in pids:
        os.kill(int(pid), signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGCONT)


def test_reloads_asked_for_during_a_load_are_one_behind_it(site, gate, notify):
    agent = site.agent(sources=SOURCES, env={"NOTIFY_SOCKET": notify.getsockname()})
    assert hear(notify) == "READY=1"
    put_adapter(site, program=SLOW)
    before = mappers(agent)
    agent.reload()
    assert hear(notify) == "RELOADING=1"
    with standing_still(compiling(agent, before)):
        put_adapter(site)
        for _ in range(2):
            agent.reload()
            assert hear(notify) == "RELOADING=1"
        assert "configuration" not in agent.log()
    assert hear(notify) == "READY=1"
    assert agent.log().count("configuration refused") == 1
    assert agent.log().count("configuration reloaded") == 1


def test_a_stop_during_a_load_is_an_orderly_end(site, gate):
    agent = site.agent(sources=SOURCES)
    put_adapter(site, program=SLOW)
    before = mappers(agent)
    agent.reload()
    with standing_still(compiling(agent, before)):
        gate.send(tags("T1"), topic=TOPIC)
        gate.ack("T1", "stored")
        agent.process.send_signal(signal.SIGTERM)
        wait_logged(agent, "stopping")
    assert agent.process.wait(60) == 0
    assert "configuration" not in agent.log()
