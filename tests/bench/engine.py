"""What a delivery costs the engine: bench_engine by itself for time, under callgrind for instructions.

Instructions are the difference of two runs, of N and of 2 N: what is done once, at the start and at the
end, goes out of it. They are the same on a busy machine. Without valgrind they are left out, and the table says so.
"""
import json
import pathlib
import shutil
import subprocess
import tempfile

import variants
from house import ROOT, Trouble

COUNT = 1000     # of callgrind's difference
TIMED = 20000
MARK_EVERY = 8   # of open_map.c

REST = {"kind": "http", "url": "http://sink", "connector": "rest", "vars": {"path": "/events"},
        "concurrency": 16}
MAPPED = {**{k: v for k, v in REST.items() if k != "vars"}, "connector": "mapped"}
BUSY = {**REST, **variants.LIMITS}


def batch(n):
    return {"batch": {"max": n, "max_bytes": "16MiB"}}


# name, what is said of it, destination, whether routes and lanes are on
VARIANTS = [
    ("rest", "declared request", REST, False),
    ("rest_50", "declared, batches of 50", {**REST, **batch(50)}, False),
    ("rest_500", "declared, batches of 500", {**REST, **batch(500), "concurrency": 2}, False),
    ("program", "program, two calls a delivery", MAPPED, False),
    ("program_50", "program, batches of 50", {**MAPPED, **batch(50), "concurrency": 4}, False),
    ("busy", "declared; 8 routes, limits, lanes", BUSY, True),
    ("busy_50", "declared, batches of 50; 8 routes, limits, lanes", {**BUSY, **batch(50)}, True),
]


def document(destination, is_busy):
    routes = variants.routes(["sink"]) if is_busy else {"all": {"to": ["sink"]}}
    return {"site": "bench", "destinations": {"sink": destination}, "routes": routes}


class Engine:
    def __init__(self, build):
        self.program = build / "tests/bench_engine"
        self.map, self.open_map = build / "dray-map", build / "tests/bench_open_map"
        # In memory: nothing here is about the disk.
        place = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dray-engine-", dir=place))
        self.connectors = self.folder / "connectors"
        shutil.copytree(ROOT / "agent/connectors/rest", self.connectors / "rest")
        mapped = self.connectors / "mapped"
        mapped.mkdir()
        (mapped / "connector.json").write_text(json.dumps({"name": "mapped", "version": 1}))
        (mapped / "connector.jq").write_text(variants.PROGRAM)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, config, events, deliver, wrap=(), child=None):
        for old in self.folder.glob("dray.*"):
            old.unlink()
        (self.folder / "dray.json").write_text(json.dumps(config))
        argv = [*wrap, self.program, "--folder", self.folder, "--connectors", self.connectors,
                "--map", child or self.map, "--events", events, "--deliver", deliver]
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"bench_engine: {done.stdout}{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def count(self, config, events, deliver):
        """Instructions of the agent, and of a call in the mapper's child."""
        wrap = ["valgrind", "--tool=callgrind", "--trace-children=yes", "--quiet",
                "--dump-before=open_map_mark", f"--callgrind-out-file={self.folder}/callgrind.%p"]
        for old in self.folder.glob("callgrind.*"):
            old.unlink()
        said = self.run(config, events, deliver, wrap, self.open_map)
        found = {"agent": 0, "calls": [], "requests": said["requests"]}
        for out in self.folder.glob("callgrind.*"):
            who, n, part = read_profile(out)
            if who == "bench_engine":
                found["agent"] = n
            elif who == "bench_open_map" and part > 1:  # before the first mark it compiles
                found["calls"].append(n / MARK_EVERY)
        if found["agent"] == 0:
            raise Trouble("callgrind has counted nothing")
        return found


def read_profile(path):
    """Whose it is, its instructions, and which part of the run. What was killed has no totals."""
    said = {"cmd": "-", "totals": "0", "part": "0"}
    for line in path.read_text(errors="replace").splitlines():
        name, colon, rest = line.partition(":")
        if colon and name in ("cmd", "part", "totals"):
            said[name] = rest.strip()
    return pathlib.Path(said["cmd"].split()[0]).name, int(said["totals"]), int(said["part"])


def event_instructions(engine, config):
    once, twice = (engine.count(config, n * COUNT, 0)["agent"] for n in (1, 2))
    return (twice - once) / COUNT


def instructions(engine, config, of_event):
    """Of a delivery, and of the program's calls for it. All that is stored is delivered, so that
    nothing is left under way."""
    once, twice = (engine.count(config, n * COUNT, n * COUNT) for n in (1, 2))
    calls = twice["calls"]
    a_call = sum(calls) / len(calls) if calls else 0
    return {"event_instructions": of_event,
            "instructions": (twice["agent"] - once["agent"]) / COUNT - of_event,
            "child_instructions": 2 * a_call * twice["requests"] / (2 * COUNT)}


def times(engine, config, count):
    once, twice = (engine.run(config, 2 * count, n) for n in (count, 2 * count))
    spent = twice["deliver"]
    return {"event_us": twice["events"]["cpu_us"] / (2 * count),
            "us": spent["cpu_us"] / spent["n"],
            "child_us": max(twice["child_cpu_us"] - once["child_cpu_us"], 0) / count,
            "requests_per_turn": twice["requests"] / twice["turns"]}


def run(build, scale=1.0):
    engine = Engine(build)
    has_valgrind = shutil.which("valgrind") is not None
    rows, of_event = [], {}
    try:
        for name, what, destination, is_busy in VARIANTS:
            config = document(destination, is_busy)
            row = {"name": name, "what": what, **times(engine, config, int(TIMED * scale))}
            if has_valgrind:
                if is_busy not in of_event:
                    of_event[is_busy] = event_instructions(engine, config)
                row.update(instructions(engine, config, of_event[is_busy]))
            rows.append(row)
    finally:
        engine.close()
    return rows


def print_table(rows):
    def cell(row, field, form):
        return format(row[field], form) if field in row else "–"

    if not rows:
        return
    print("\nThe engine by itself (no socket, no disk), for each event that comes in and each delivery:\n")
    print("| | event, µs | instructions | delivery, µs | instructions | dray-map, µs | "
          "instructions |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        print(f"| {row['what']} | {cell(row, 'event_us', '.1f')} | "
              f"{cell(row, 'event_instructions', ',.0f')} | {cell(row, 'us', '.1f')} | "
              f"{cell(row, 'instructions', ',.0f')} | {cell(row, 'child_us', '.1f')} | "
              f"{cell(row, 'child_instructions', ',.0f')} |")
    if not any("instructions" in row for row in rows):
        print("\nInstructions were not counted: valgrind is not there.")
