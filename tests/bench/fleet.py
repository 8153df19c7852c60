#!/usr/bin/python3
"""A fleet on one machine: so many drayd against one broker, a revision out, a poisoned wave, and back.

  fleet.py [--agents 200] [--wave 50] [--probation 20]

Every document is signed, and every agent has the key. Of the poisoned wave each agent gets one event, which
its ERP has no place for (404): the destination holds, the agent goes back by itself, and the event arrives
all the same, once.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import paho.mqtt.client as mqtt

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from sim import agent as agents, wait  # noqa: E402
from sim.broker import Broker  # noqa: E402
from sim.cloud import Cloud  # noqa: E402
from sim.site import receipt  # noqa: E402

TOPIC = "dray/v1/%s/config/%s"
# The sites share a broker, and each hears its own alone: by default an agent also takes what was sent for
# another site, and makes work items of it.
TOPIC_OF_EVENTS = "dray/v1/%s/event/#"
Reported = collections.namedtuple("Reported", "at document")


class Desk:
    """Who owns the fleet: hears what is reported, and says what is desired."""

    def __init__(self, port):
        self.reported = {}  # by site, the last
        self.lock = threading.Lock()
        self.client = mqtt.Client(client_id="desk", protocol=mqtt.MQTTv5)
        self.client.on_message = self.on_message
        self.client.on_connect = lambda client, *_: client.subscribe(TOPIC % ("+", "reported"), 1)
        self.client.max_inflight_messages_set(1000)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def on_message(self, _client, _ctx, message):
        site = message.topic.split("/")[2]
        with self.lock:
            self.reported[site] = Reported(time.monotonic(), json.loads(message.payload))

    def desire(self, site, document):
        self.client.publish(TOPIC % (site, "desired"), document, qos=1, retain=True)

    def send(self, site, event):
        self.client.publish("dray/v1/%s/event/receipt/gun-1" % site, json.dumps(event), qos=1)

    def wait_until(self, what, sites, is_there, seconds):
        """Until every site's report is so; the seconds that each took."""
        began, seen = time.monotonic(), {}

        def all_there():
            with self.lock:
                for site in sites:
                    report = self.reported.get(site)
                    if site not in seen and report and is_there(report.document):
                        seen[site] = report.at - began
            return len(seen) == len(sites)

        try:
            wait.until(all_there, seconds, what, every=0.1)
        except AssertionError:
            missing = sorted(set(sites) - set(seen))
            sys.exit("%s: %d of %d sites are missing after %d s, %s among them: %s" % (
                what, len(missing), len(sites), seconds, missing[0],
                self.reported.get(missing[0])))
        return sorted(seen.values())


def line(what, times):
    print("%-46s first %5.1f s  median %5.1f s  last %5.1f s" % (
        what, times[0], times[len(times) // 2], times[-1]), flush=True)


def say(what):
    print(what, flush=True)


class Signer:
    def __init__(self, folder):
        self.folder = folder
        self.key = str(folder / "fleet.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key],
                       check=True, capture_output=True)
        os.chmod(self.key, 0o600)
        public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout"], check=True,
                                capture_output=True, text=True).stdout
        self.public = "".join(public.splitlines()[1:-1])

    def sign(self, site, revision, config):
        path = self.folder / "desired.json"
        path.write_text(json.dumps({"site": site, "revision": revision, "config": config}))
        return subprocess.run([os.path.join(agents.build_folder(), "drayctl"), "config", "sign",
                               "--key", self.key, str(path)], check=True, capture_output=True,
                              text=True).stdout


def make_agent(folder, site, broker, erp, signer, options):
    home = folder / site
    home.mkdir()
    config = agents.configuration(
        home, broker.port, {"erp": agents.destination(erp.url, concurrency=1)},
        {"all": {"to": ["erp"]}}, site=site, listen=None,
        sources={"handhelds": {"topic": TOPIC_OF_EVENTS % site}},
        fleet={"public_key": signer.public, "probation": "%ds" % options.probation})
    return agents.Agent(home, config).spawn()


def pss_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as rollup:
        return next(int(row.split()[1]) for row in rollup if row.startswith("Pss:"))


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(folder, options):
    broker = Broker(folder, extra="max_connections -1\n").start()
    erp = Cloud("erp")
    erp.faults({"do": "status", "status": 404, "path_part": "/nowhere"})
    signer = Signer(folder)
    desk = Desk(broker.port)
    sites = ["site-%03d" % n for n in range(1, options.agents + 1)]
    began = time.monotonic()
    fleet = [make_agent(folder, site, broker, erp, signer, options) for site in sites]
    desk.wait_until("the first report", sites, lambda report: True, 300)
    say("%d agents up and reporting after %.1f s" % (len(fleet), time.monotonic() - began))

    good = {"destinations": {"erp": {"concurrency": 2}}}
    documents = {site: signer.sign(site, 1, good) for site in sites}
    for site in sites:
        desk.desire(site, documents[site])
    line("revision 1 in force, on probation", desk.wait_until(
        "revision 1 tried", sites, lambda report: report["revision"] == 1, 300))
    line("revision 1 confirmed (probation %d s)" % options.probation, desk.wait_until(
        "revision 1 good", sites,
        lambda report: report["revision"] == 1 and report["state"] == "good", 300))

    wave = sites[:options.wave]
    poison = {"destinations": {"erp": {"vars": {"path_part": "/nowhere"}}}}
    for site in wave:
        desk.desire(site, signer.sign(site, 2, poison))
    desk.wait_until("revision 2 tried", wave, lambda report: report["revision"] == 2, 60)
    for site in wave:
        desk.send(site, receipt("event-of-" + site))
    line("poisoned revision 2 back to 1, %d agents" % len(wave), desk.wait_until(
        "revision 2 rolled back", wave,
        lambda report: report["revision"] == 1 and report["last"]["revision"] == 2 and
        report["last"]["result"] == "rolled_back", 300))
    wait.until(lambda: len(erp.ids()) == len(wave), 120, "an event of each site at the ERP")
    others = [desk.reported[site].document for site in sites[options.wave:]]
    if any(report["revision"] != 1 or report["state"] != "good" for report in others):
        sys.exit("an agent outside of the wave was moved by it")
    ledger = erp.ledger()
    say("of %d events sent meanwhile %d arrived, %d doubled" % (
        len(wave), len(erp.ids()), ledger["doubled"]))
    if ledger["doubled"]:
        sys.exit("an event was applied twice")
    reason = desk.reported[wave[0]].document["last"]["reason"]
    say("the reason that %s gives: %s" % (wave[0], reason))
    pids = [agent.pid for agent in fleet]
    say("PSS of an agent %.1f MB, CPU of an agent %.2f s since its start" % (
        sum(map(pss_kib, pids)) / len(pids) / 1024, sum(map(cpu_s, pids)) / len(pids)))
    alive = sum(agent.is_running() for agent in fleet)
    if alive != len(fleet):
        sys.exit("%d agents ended" % (len(fleet) - alive))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--wave", type=int, default=50)
    parser.add_argument("--probation", type=int, default=20, help="seconds")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dray-fleet-"))
    try:
        run(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
