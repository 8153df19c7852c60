"""First figures: what dray costs, as ratios to bare loops measured in the same run.

Rounds are interleaved (limit, dray, limit, dray…) and each figure is the median of its rounds'
ratios, since other tenants of the machine come and go.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

import durable
import door
import engine
import variants
import waiting
from house import ROOT, House, Trouble, free_port

PAYLOAD_BYTES = 480  # of receipt.h, as a handheld sends it

# What a figure comes from where that is always the same; rates are looked at in the run itself.
BOUND_BY = {
    "capture_cpu": "half is reading, checking, digesting and printing JSON, a fifth SQLite, the "
                   "rest libmosquitto: four reads a packet, and a walk over what is outstanding "
                   "at every ack",
    "e2e_cpu": "a claim and a settlement beside the insert, committed sixteen at a time where the "
               "bare loop commits two hundred; libcurl's share is the bare loop's",
    "ack_p50": "four hops through sockets and one commit",
    "ack_p99": "the disk's own tail, met once or twice on the way",
    "wear_many": "a page of each of the six trees that a commit touches, shared by its events",
    "wear_one": "a page of each of the six trees, and of the counts, for one event: twice, since it "
                "is claimed with its capture and settled in another commit",
    "pss": "the libraries (9.3 MB); the rest is SQLite's cache and what libmosquitto has queued",
}


def rate_bound(runs):
    """Who was busy all the time: a process with its one thread, or the disk."""
    cores = {who: statistics.median(r["cores"][who] for r in runs) for who in runs[0]["cores"]}
    busiest = max(cores, key=cores.get)
    share = statistics.median(r["events_per_s"] / r.get("events_per_commit", 1e9)
                              * r.get("commit_ms", 0) / 1e3 for r in runs)
    commit_ms = statistics.median(r.get("commit_ms", 0) for r in runs)
    if cores[busiest] >= 0.8:
        return f"{busiest}, whose one thread was busy {cores[busiest]:.0%} of the time"
    if share >= 0.2:
        return (f"the disk: drayd spent {share:.0%} of the time in commits of {commit_ms:.1f} ms, "
                f"and {cores['drayd']:.0%} on a core in all")
    return (f"waiting for a core: the busiest was {busiest} with {cores[busiest]:.0%} of one, "
            "commits took little")



class Bench:
    def __init__(self, options):
        self.build = ROOT / "build" / options.build
        self.drayd = self.build / "drayd"
        self.window, self.handhelds = options.window, options.handhelds
        self.documents, self.wrap = options.documents, options.wrap
        self.is_scattered = options.scattered
        self.folder = pathlib.Path(options.folder).resolve() / f"bench-{os.getpid()}"
        self.houses = 0

    def program(self, name):
        return self.build / "tests" / f"bench_{name}"

    def run(self, name, *argv):
        done = subprocess.run([str(a) for a in (self.program(name), *argv)], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"{name}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def house(self, destination=None, **more):
        self.houses += 1
        return House(self, self.folder / f"h{self.houses}", destination, **more)

    def insert(self, count, *more):
        return self.run("insert_loop", "--file", self.folder / "insert.db", "--count", count,
                        "--documents", self.documents, *more)

    def post(self, count, events=1, connections=16):
        port = free_port()
        argv = [str(self.program("sink")), "--port", str(port)]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as sink:
            try:
                while not House.answers(port):
                    time.sleep(0.02)
                return self.run("post_loop", "--port", port, "--count", count, "--events", events,
                                "--connections", connections)
            finally:
                sink.terminate()

    def fdatasync(self, count):
        return self.run("fdatasync", "--file", self.folder / "sync", "--count", count)


def measure_round(bench, size, parts):
    """Each limit beside what is held against it."""
    found = {}
    if "capture" in parts:
        with bench.house(is_echo=True) as house:
            found["echo"] = house.measure(size["capture"])
        found["insert"] = bench.insert(size["capture"])
        with bench.house() as house:
            found["capture"] = house.measure(size["capture"])
        found["insert_routed"] = bench.insert(size["capture"], "--delivery")
        with bench.house({"concurrency": 16}, is_paused=True) as house:
            found["routed"] = house.measure(size["capture"])
    if "e2e" in parts or "batch" in parts:
        found["insert_delivery"] = bench.insert(size["e2e"], "--delivery")
        found["post"] = bench.post(size["e2e"])
        with bench.house({"concurrency": 16}) as house:
            found["e2e"] = house.measure(size["e2e"])
    if "busy" in parts:
        measure_busy(bench, size, found)
    if "batch" in parts:
        with bench.house({"concurrency": 16, "batch": {"max": 50}}) as house:
            found["batch"] = house.measure(size["batch"])
    if "ack" in parts:
        found["fdatasync"] = bench.fdatasync(size["ack"])
        with bench.house({"concurrency": 16}) as house:
            found["ack"] = house.measure(size["ack"], rate=200)
    return found


def measure_busy(bench, size, found):
    """With routes, limits and lanes on, each beside what it is held against."""
    busy = {"concurrency": 16, **variants.LIMITS}
    for name, count, destination, is_paused in (
            ("routed", size["capture"], {"concurrency": 16}, True),
            ("busy_routed", size["capture"], busy, True),
            ("e2e", size["e2e"], {"concurrency": 16}, False),
            ("busy_e2e", size["e2e"], busy, False)):
        routes = variants.routes(["sink"]) if name.startswith("busy") else None
        if name not in found:
            with bench.house(destination, routes=routes, is_paused=is_paused) as house:
                found[name] = house.measure(count)


def figure(name, words, rounds, needs, values, bound, at_most=True):
    """`values` maps a round to (measured, limit, the ratio or difference that is judged)."""
    rows = [values(r) for r in rounds if all(need in r for need in needs)]
    if not rows:
        return None
    measured, limit, judged = (statistics.median(column) for column in zip(*rows))
    is_ok = judged <= bound if at_most else judged >= bound
    bound_by = BOUND_BY.get(name) or rate_bound([r[needs[0]] for r in rounds])
    return {"name": name, "what": words, "measured": measured, "limit": limit, "ratio": judged,
            "target": bound, "at_most": at_most, "ok": is_ok, "bound_by": bound_by,
            "rounds": [row[2] for row in rows]}


def judge(rounds):
    def over(measured, *limits):
        return measured, sum(limits), measured / sum(limits)

    def tail(r):
        allowed = 3 * r["fdatasync"]["p99_ms"] + 3
        return r["ack"]["p99_ms"], allowed, r["ack"]["p99_ms"] / allowed

    def wear(run):
        return run["events_per_commit"], PAYLOAD_BYTES, run["written_per_event"] / PAYLOAD_BYTES

    figures = [
        figure("routed_cpu", "capture and route to one destination, µs of CPU an event : bare "
               "insert loop's (event + delivery)", rounds, ("routed", "insert_routed"),
               lambda r: over(r["routed"]["cpu_us_per_event"],
                              r["insert_routed"]["cpu_us_per_event"]), 3),
        figure("routed_rate", "capture and route to one destination, events/s : bare insert "
               "loop's (event + delivery)", rounds, ("routed", "insert_routed"),
               lambda r: over(r["routed"]["events_per_s"], r["insert_routed"]["events_per_s"]),
               0.3, at_most=False),
        figure("capture_cpu", "capture alone, µs of CPU an event : bare insert loop's (event)", rounds,
               ("capture",), lambda r: over(r["capture"]["cpu_us_per_event"],
                                            r["insert"]["cpu_us_per_event"]), 3),
        figure("capture_rate", "capture alone, events/s : bare insert loop's (event)", rounds, ("capture",),
               lambda r: over(r["capture"]["events_per_s"], r["insert"]["events_per_s"]), 0.3,
               at_most=False),
        figure("e2e_cpu", "end to end, µs of CPU an event : insert loop + post loop", rounds,
               ("e2e", "post"), lambda r: over(r["e2e"]["cpu_us_per_event"],
                                        r["insert_delivery"]["cpu_us_per_event"],
                                        r["post"]["cpu_us_per_post"]), 2.5),
        figure("e2e_rate", "end to end, events/s : bare post loop's posts/s", rounds, ("e2e", "post"),
               lambda r: over(r["e2e"]["events_per_s"], r["post"]["posts_per_s"]), 0.25,
               at_most=False),
        figure("batch_rate", "batch.max 50, events/s : unbatched", rounds, ("batch",),
               lambda r: over(r["batch"]["events_per_s"], r["e2e"]["events_per_s"]), 3,
               at_most=False),
        figure("busy_routed_cpu", "capture with 8 routes, limits and lanes, µs of CPU an event : "
               "with one route", rounds, ("busy_routed", "routed"),
               lambda r: over(r["busy_routed"]["cpu_us_per_event"],
                              r["routed"]["cpu_us_per_event"]), 1.15),
        figure("busy_routed_rate", "the same, events/s", rounds, ("busy_routed", "routed"),
               lambda r: over(r["busy_routed"]["events_per_s"], r["routed"]["events_per_s"]),
               0.85, at_most=False),
        figure("busy_e2e_cpu", "end to end with 8 routes, limits and lanes, µs of CPU an event : "
               "with one route", rounds, ("busy_e2e", "e2e"),
               lambda r: over(r["busy_e2e"]["cpu_us_per_event"], r["e2e"]["cpu_us_per_event"]),
               1.15),
        figure("busy_e2e_rate", "the same, events/s", rounds, ("busy_e2e", "e2e"),
               lambda r: over(r["busy_e2e"]["events_per_s"], r["e2e"]["events_per_s"]), 0.85,
               at_most=False),
        figure("ack_p50", "stored ack at 200/s, p50 in ms : minus one fdatasync", rounds, ("ack",),
               lambda r: (r["ack"]["p50_ms"], r["fdatasync"]["p50_ms"],
                          r["ack"]["p50_ms"] - r["fdatasync"]["p50_ms"]), 2),
        figure("ack_p99", "stored ack at 200/s, p99 in ms : 3 × fdatasync's + 3", rounds,
               ("ack",), tail, 1),
    ]
    figures += [
        figure("wear_many", "bytes written a byte of payload, captured as fast as it goes, one route "
               "(dray: events a commit)", rounds, ("routed",), lambda r: wear(r["routed"]), 8),
        figure("wear_one", "bytes written a byte of payload, stored and delivered at 200/s (dray: "
               "events a commit)", rounds, ("ack",), lambda r: wear(r["ack"]), 200),
    ]
    pss = max((run["pss_kb"] for r in rounds for name, run in r.items()
               if name != "echo" and "pss_kb" in run), default=0)
    if pss:
        figures.append({"name": "pss", "what": "PSS in MB, the highest of all runs",
                        "measured": pss / 1024, "limit": 9.3, "ratio": pss / 1024, "target": 14,
                        "at_most": True, "ok": pss <= 14 * 1024, "bound_by": BOUND_BY["pss"]})
    return [f for f in figures if f]


def short(number):
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def machine(folder):
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.processor() or platform.machine())
    where = subprocess.run(["df", "--output=fstype", str(folder)], capture_output=True, text=True,
                           check=False).stdout.split()[-1]
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "file_system": where}


def print_table(figures, rounds, host):
    print(f"\n{host['cores']} cores, {host['cpu']}, Linux {host['kernel']}, {host['file_system']}; "
          f"median of {len(rounds) or 'the'} round(s)\n")
    if not figures:
        return
    print("| figure | dray | limit | ratio | target | |")
    print("|---|--:|--:|--:|--:|---|")
    for f in figures:
        sign = "≤" if f["at_most"] else "≥"
        print(f"| {f['what']} | {short(f['measured'])} | {short(f['limit'])} | "
              f"{short(f['ratio'])} | {sign} {f['target']} | {'ok' if f['ok'] else 'missed'} |")
    if any("bound_by" in f for f in figures):
        print("\nWhat bounds each:")
    for f in figures:
        if "bound_by" in f:
            print(f"- {f['what'].split(' : ')[0]}: {f['bound_by']}")
    if not rounds:
        return
    echoes = [r["echo"]["events_per_s"] for r in rounds if "echo" in r]
    if echoes:
        print(f"\nThe broker's own limit, with an agent that stores nothing in drayd's place: "
              f"{statistics.median(echoes):,.0f} events/s")
    print("\nWho used the cores (1.00 = one core; the publisher is one process for all handhelds):")
    for name in ("capture", "e2e", "busy_e2e", "batch", "ack"):
        runs = [r[name] for r in rounds if name in r]
        if runs:
            print(f"- {name}: " + ", ".join(
                f"{who} {statistics.median(r['cores'][who] for r in runs):.2f}"
                for who in runs[0]["cores"]) + "; events a commit "
                f"{statistics.median(r.get('events_per_commit', 0) for r in runs):.1f}, each "
                f"{statistics.median(r.get('commit_ms', 0) for r in runs):.2f} ms")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of fewer events")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="capture,e2e,busy,batch,ack,durable,engine,door",
                        help="parts, by comma")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--build", default="release", help="preset whose programs are measured")
    parser.add_argument("--json", default=str(ROOT / "build/bench.json"))
    parser.add_argument("--folder", default=str(ROOT / "build"),
                        help="where databases and logs go while it runs: the disk to measure")
    parser.add_argument("--wrap", default="", help="command that runs drayd, e.g. "
                        "'valgrind --tool=callgrind'; the figures then mean little")
    parser.add_argument("--window", type=int, default=450, help="events in flight")
    parser.add_argument("--handhelds", type=int, default=20)
    parser.add_argument("--documents", type=int, default=9999999,
                        help="ordering keys in use, in turn: beyond the events, none waits")
    parser.add_argument("--scale", type=float, default=1.0, help="events, as a multiple")
    parser.add_argument("--waiting", type=int, default=0, metavar="N", help="measure instead what "
                        "N waiting deliveries cost: 1000000 takes five minutes and 2 GB")
    parser.add_argument("--scattered", action="store_true", help="their ordering keys come in no "
                        "order")
    parser.add_argument("--keep", action="store_true", help="leave logs and databases")
    return parser.parse_args()


def main():
    options = read_options()
    bench = Bench(options)
    scale = options.scale * (0.2 if options.quick else 1.0)
    size = {"capture": int(60000 * scale), "e2e": int(40000 * scale),
            "batch": int(60000 * scale), "ack": int(1200 * scale)}
    rounds, started, parts = [], time.monotonic(), options.only.split(",")
    n_rounds = 1 if options.quick else options.rounds
    batches, engines, doors = [], [], []
    bench.folder.mkdir(parents=True)
    try:
        if options.waiting:
            figures, n_rounds, parts = waiting.run(bench, options.waiting, n_rounds), 0, []
        if set(parts) <= {"durable", "engine", "door"}:
            n_rounds = 0
        for i in range(n_rounds):
            rounds.append(measure_round(bench, size, parts))
            print(f"round {i + 1}: {time.monotonic() - started:.0f} s", file=sys.stderr)
        if "durable" in parts:
            batches = durable.run(bench, size["batch"])
            print(f"batches: {time.monotonic() - started:.0f} s", file=sys.stderr)
        if "door" in parts:
            doors = door.run(bench.build)
            print(f"door: {time.monotonic() - started:.0f} s", file=sys.stderr)
        if "engine" in parts:
            engines = engine.run(bench.build, scale)
            print(f"engine: {time.monotonic() - started:.0f} s", file=sys.stderr)
    except Trouble as trouble:
        print(f"bench: {trouble}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(bench.folder, ignore_errors=True)
    host = machine(options.folder)
    if not options.waiting:
        figures = judge(rounds)
    print_table(figures, rounds, host)
    durable.print_table(batches)
    engine.print_table(engines)
    if "door" in parts:
        door.print_table(doors)
    pathlib.Path(options.json).write_text(json.dumps(
        {"machine": host, "figures": figures, "batches": batches, "engine": engines, "door": doors,
         "rounds": rounds}, indent=1, ensure_ascii=False))
    is_met = all(f["ok"] for f in figures) and door.is_met(doors)
    return 1 if options.strict and not is_met else 0


if __name__ == "__main__":
    sys.exit(main())
