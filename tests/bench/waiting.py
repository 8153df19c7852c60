"""A million waiting: what an event costs then, against what it costs with a thousand waiting.

The same drayd on two stores, in turn (few, many, few, many…), so that whoever else uses the machine
meets both. Each figure is the median of its rounds' ratios.
"""
import statistics
import sys
import time

from house import ROOT, wait_until

FEW = 1000
DRAINED = 20000  # of each backlog, at the end; the small one is filled up to it
COUNT = 20000


def fill(bench, folder, count):
    folder.mkdir()
    return bench.run("fill", "--file", folder / "dray.db", "--count", count, "--destination", "down",
                     "--connector", ROOT / "agent/connectors/rest/connector.json",
                     *(["--scattered"] if bench.is_scattered else []))


class Backlogs:
    def __init__(self, bench, many):
        self.bench, self.many = bench, many
        self.folders = {}
        for name, count in (("few", FEW), ("many", many), ("drained", DRAINED * 2)):
            self.folders[name] = bench.folder / name
            print(f"{name}: {fill(bench, self.folders[name], count)}", file=sys.stderr)

    def measure(self, name, destination):
        with self.bench.house(destination, backlog=self.folders[name]) as house:
            return house.measure(COUNT)

    def drain(self, name):
        with self.bench.house(None, backlog=self.folders[name], is_up=True) as house:
            return house.drain(DRAINED)

    def start(self, name):
        """Seconds from exec until its control API answers, and PSS a second later, in MB."""
        house = self.bench.house(None, backlog=self.folders[name])
        try:
            house.start_broker()
            house.start_sink()
            began = time.monotonic()
            house.start_drayd()
            wait_until(lambda: alive(house), 60, "drayd's start")
            seconds = time.monotonic() - began
            time.sleep(1)
            house.processes["drayd"].sample_pss()
            return seconds, house.processes["drayd"].pss_max_kb / 1024
        finally:
            house.__exit__()


def alive(house):
    try:
        house.commits()
        return True
    except OSError:
        return False


def run(bench, many, rounds):
    backlogs = Backlogs(bench, many)
    to_sink = {"concurrency": 16}
    found = [{"start": backlogs.start("many"),
              "capture": {name: backlogs.measure(name, None) for name in ("few", "many")},
              "deliver": {name: backlogs.measure(name, to_sink) for name in ("few", "many")}}
             for _ in range(rounds)]
    drains = [{"few": backlogs.drain("drained"), "many": backlogs.drain("many")}]
    return figures(many, found, drains)


def row(name, what, pairs, target, at_most=True):
    ratios = [many / few for few, many in pairs]
    ratio = statistics.median(ratios)
    return {"name": name, "what": what, "measured": statistics.median(p[1] for p in pairs),
            "limit": statistics.median(p[0] for p in pairs), "ratio": ratio, "target": target,
            "at_most": at_most, "ok": ratio <= target if at_most else ratio >= target,
            "rounds": ratios}


def figures(many, found, drains):
    def pairs(part, field, rounds=found):
        return [(r[part]["few"][field], r[part]["many"][field]) for r in rounds]

    cpu, rate, said = "cpu_us_per_event", "events_per_s", f"{many:,} waiting: {FEW:,} waiting"
    pss = max([r["start"][1] for r in found] +
              [r[part]["many"]["pss_kb"] / 1024 for r in found for part in ("capture", "deliver")])
    ready = max(r["start"][0] for r in found)
    return [
        {"name": "waiting_ready", "what": f"start with {many:,} waiting, s until it answers",
         "measured": ready, "limit": 1, "ratio": ready, "target": 1, "at_most": True,
         "ok": ready <= 1},
        {"name": "waiting_pss", "what": f"PSS in MB with {many:,} waiting, at rest and under load",
         "measured": pss, "limit": 14, "ratio": pss, "target": 14, "at_most": True,
         "ok": pss <= 14},
        row("waiting_capture", f"capture, µs of CPU an event, {said}", pairs("capture", cpu), 1.2),
        row("waiting_deliver", f"capture and delivery to another, µs of CPU an event, {said}",
            pairs("deliver", cpu), 1.2),
        row("waiting_drain", f"draining, µs of CPU a delivery, of {many:,} : of {2 * DRAINED:,}",
            [(r["few"][cpu], r["many"][cpu]) for r in drains], 1.2),
        row("waiting_rate", f"another destination's events/s, {said}", pairs("deliver", rate), 0.95,
            at_most=False),
    ]
