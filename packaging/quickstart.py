#!/usr/bin/python3
"""The play that quickstart.sh shows: started by it, once everything is installed and built."""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from sim import wait  # noqa: E402
from sim.app import App  # noqa: E402
from sim.agent import Agent, build_folder, socket_path  # noqa: E402
from sim.broker import Broker  # noqa: E402
from sim.cloud import Cloud  # noqa: E402
from sim.handheld import Fleet  # noqa: E402

SITE = "dc-demo-1"
HANDHELDS = 20
RATE = 200
PUBLISH_S = 25
SCAN_EVERY_S = 1.0  # of the example app
DRAIN_S = 60
# What happens when, in seconds from the first scan.
ERP_DOWN_S, ERP_UP_S, KILL_S, RESTART_S = 6, 12, 16, 18
TO_ERP = {"receipt", "pick", "ship"}
TO_TMS = {"pick", "ship"}

CONFIG = """\
// A dray.json as a site would write it; only the addresses are this run's.
{
  "site": "%(site)s",
  "state_dir": "%(folder)s/state",
  "control": { "socket": "%(socket)s", "group": "%(group)s" },

  "mqtt": { "host": "127.0.0.1", "port": %(mqtt)d },
  "listen": { "address": "127.0.0.1:%(listen)d" },           // /metrics, /healthz, /readyz

  "destinations": {
    "erp": {
      "kind": "http", "connector": "rest", "url": "%(erp)s",
      "vars": { "path": "/events" },
      "concurrency": 8, "timeout": "5s",
      "retry": { "base": "250ms", "max": "2s" },
      "order_by": "document",
      "idempotency": { "mode": "header", "header": "Idempotency-Key" },
      "breaker": { "failures": 5, "probe": "1s" }
    },
    "tms": {
      "kind": "http", "connector": "rest", "url": "%(tms)s",
      "vars": { "path": "/shipping" },
      "batch": { "max": 20 },
      "retry": { "base": "250ms", "max": "2s" },
      "breaker": { "failures": 5, "probe": "1s" }
    }
  },

  "routes": {
    "receipts": { "when": { "type": "receipt" }, "to": ["erp"], "lane": "critical" },
    "shipping": { "when": { "type": ["pick", "ship"] }, "to": ["erp", "tms"] }
  }
}
"""


class Play:
    def __init__(self, folder):
        self.folder = folder
        self.is_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.broker = self.erp = self.tms = self.agent = self.fleet = self.app = None
        self.scans = 0
        self.began = time.monotonic()

    # --- setting and clearing the stage

    def set_up(self):
        self.broker = Broker(self.folder).start()
        self.erp, self.tms = Cloud("erp"), Cloud("tms")
        text = CONFIG % {"site": SITE, "folder": self.folder, "mqtt": self.broker.port,
                         "socket": socket_path(self.folder), "group": group_name(),
                         "listen": wait.free_port(), "erp": self.erp.url, "tms": self.tms.url}
        plain = "\n".join(line.split("  //")[0] for line in text.splitlines()
                          if not line.startswith("//"))
        self.agent = Agent(self.folder, json.loads(plain))
        with open(self.agent.path, "w") as out:
            out.write(text)
        self.agent.start()
        self.fleet = Fleet(self.broker.port, devices=HANDHELDS, rate=RATE, window=4, site=SITE,
                           journal=os.path.join(self.folder, "handhelds.jsonl"), resend_s=3)
        self.app = App("python", self.broker.port, "example-app", self.folder, site=SITE)

    def clear(self):
        if self.fleet:
            self.fleet.stop()
        if self.app:
            self.app.kill9()
        if self.agent:
            self.agent.end()
        for thing in (self.erp, self.tms, self.broker):
            if thing:
                thing.stop()

    # --- showing

    def say(self, text):
        mark = "\033[1;33m%s\033[0m" if self.is_colour else "%s"
        print("%5.1f s  " % self.elapsed() + mark % ("** " + text), flush=True)

    def elapsed(self):
        return time.monotonic() - self.began

    def show(self):
        erp, tms = self.erp.ledger(), self.tms.ledger()
        published, stored = self.published(), self.stored()
        waiting = sum(v for k, v in self.agent.metrics().items()
                      if k.startswith("dray_backlog{")) if self.agent.is_running() else None
        print("%5.1f s  published %5d   stored %5d   at ERP %5d   at TMS %5d   backlog %s" % (
            self.elapsed(), published, stored, erp["applied"], tms["applied"],
            "drayd is dead" if waiting is None else "%5d" % waiting), flush=True)

    def published(self):
        return len(self.fleet.published) + self.scans

    def stored(self):
        return len(self.fleet.acked) + self.app.count("stored", "duplicate")

    def expected(self, types):
        """What a cloud must have; the app's receipts by the ids of their acks."""
        scanned = {"/%s/example-app %s" % (SITE, ack["id"]) for ack in list(self.app.acks)}
        return self.fleet.expected(types) | (scanned if "receipt" in types else set())

    # --- the acts

    def scan(self):
        """A receipt by the example app for scanner developers, tests/sim/scanner.py."""
        self.scans += 1
        self.app.scan("receipt", {"document": {"type": "purchase_order", "id": "PO-APP-%d" % self.scans},
                                  "lines": [{"item": {"sku": "SKU-1"}, "quantity": 1, "uom": "EA"}]})

    def run(self):
        self.began = time.monotonic()
        cues = [
            (ERP_DOWN_S, "the ERP goes down", self.erp.down),
            (ERP_UP_S, "the ERP is back", self.erp.up),
            (KILL_S, "drayd is killed with -9", self.agent.kill9),
            (RESTART_S, "drayd is started again", self.agent.spawn),
            (PUBLISH_S, "the shift ends: no more scans, the queues drain",
             self.fleet.stop_publishing),
        ]
        self.say("%d handhelds and an example app start to scan, %d events a second" % (
            HANDHELDS, RATE + 1 / SCAN_EVERY_S))
        self.fleet.start()
        shown = 0
        while cues or not self.is_closed():
            if self.elapsed() > PUBLISH_S + DRAIN_S:
                self.say("the queues did not drain in %d s" % DRAIN_S)
                break
            while cues and self.elapsed() >= cues[0][0]:
                _, text, act = cues.pop(0)
                self.say(text)
                act()
            if self.elapsed() >= min(PUBLISH_S, (self.scans + 1) * SCAN_EVERY_S):
                if self.elapsed() < PUBLISH_S:
                    self.scan()
            if self.elapsed() >= shown:
                self.show()
                shown = int(self.elapsed()) + 1
            time.sleep(0.05)
        self.show()

    def is_closed(self):
        return (self.fleet.is_done() and self.stored() == self.published() and
                not any(self.missing(c, t) for c, t in self.sides()))

    def sides(self):
        return ((self.erp, TO_ERP), (self.tms, TO_TMS))

    def missing(self, cloud, types):
        return len(self.expected(types)) - cloud.ledger()["applied"]

    # --- the ledger

    def ledger(self):
        """Print what each side says; True when it closes."""
        fleet = self.fleet
        lost_on_floor = self.published() - self.stored()
        row = "  %-22s %9s %9s %9s %6s %8s %8s"
        print("\n" + row % ("", "published", "stored", "delivered", "lost", "doubled", "repeats"))
        print(row % ("handhelds -> drayd", self.published(), self.stored(), "",
                     lost_on_floor, "", fleet.resent))
        good = lost_on_floor == 0 and len(fleet.published) > 0 and self.scans > 0
        own = self.own_ledger()
        print(row % ("drayd's own ledger", "", own["accepted"], "", "", "", own["duplicates"]))
        good = good and own["closed"] and own["accepted"] == self.published()
        for cloud, types in self.sides():
            sums, applied = cloud.ledger(), set(cloud.ids())
            expected = self.expected(types)
            lost, strangers = len(expected - applied), len(applied - expected)
            print(row % ("drayd -> " + cloud.name.upper(), len(expected), "", sums["applied"],
                         lost, sums["doubled"], sums["repeats"]))
            good = good and not (lost or strangers or sums["doubled"] or sums["out_of_order"])
            if sums["out_of_order"]:
                print("  %s got %d events out of order" % (cloud.name, sums["out_of_order"]))
        print("\n  repeats: sent again after the kill or a missing answer, recognised by id or key")
        print("  the ledger %s" % ("closes: nothing lost, nothing doubled, all in order" if good
                                   else "DOES NOT CLOSE"))
        return good

    def own_ledger(self):
        """What drayd says of itself, once the last answers are settled."""
        def settled():
            ledger = self.agent.ask("ledger")
            return None if any(row["pending"] for row in ledger["by_destination"]) else ledger
        try:
            return wait.until(settled, 10, "drayd's ledger without anything pending", every=0.1)
        except AssertionError:
            return self.agent.ask("ledger")

    def explain(self):
        ctl = "%s --socket %s" % (self.agent.drayctl, self.agent.socket)
        print("\nexplore further (the run's files, drayd.log among them: %s)" % self.folder)
        for words in ("status", "queue", "destinations list", "events list", "ledger",
                      "exceptions list"):
            print("  %s %s" % (ctl, words))
        print("  curl -s http://%s/metrics" % self.agent.config["listen"]["address"])
        print("  mosquitto_sub -p %d -v -t 'dray/v1/#'     (package mosquitto-clients)" %
              self.broker.port)


def group_name():
    import grp
    return grp.getgrgid(os.getgid()).gr_name


def wait_for_enter():
    print("\nleft running; press Enter or Ctrl-C to end it", flush=True)
    if not sys.stdin.readline():
        signal.pause()


def on_signal(_number, _frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="quickstart.sh", description=__doc__)
    parser.add_argument("--keep", action="store_true",
                        help="leave everything running at the end, until Enter or Ctrl-C")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_signal)
    folder = tempfile.mkdtemp(prefix="quickstart-", dir=os.path.join(ROOT, "build"))
    play = Play(folder)
    good = False
    try:
        print("== starting Mosquitto, a fake ERP, a fake TMS and drayd in %s" % folder, flush=True)
        play.set_up()
        print("== drayd %s, with this configuration:\n" % build_folder())
        with open(play.agent.path) as text:
            print(text.read())
        play.run()
        good = play.ledger()
        play.explain()
        if options.keep:
            wait_for_enter()
        else:
            print("\nwith --keep everything is left running for them")
    except KeyboardInterrupt:
        print("\nended by hand")
    except (AssertionError, RuntimeError, OSError) as error:
        print("quickstart: %s" % error, file=sys.stderr)
    finally:
        play.clear()
        if good and not options.keep:
            shutil.rmtree(os.path.join(folder, "state"), ignore_errors=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
