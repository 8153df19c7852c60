"""What an event costs at the door, in instructions: bench_door under callgrind, the difference of two runs.

An event through an adapter costs twice: in the agent, which asks and takes, and in dray-map, which is
counted as engine.py counts it.
"""
import json
import pathlib
import shutil
import subprocess
import tempfile

import engine
from house import ROOT, Trouble

COUNT = 2000
ASKED = 400       # calls of the adapter
TARGETS = {"plain": 2.0, "gs1": 3.0}
WHAT = {"plain": "a plain receipt", "gs1": "two GS1 barcodes, a case becomes pieces",
        "adapter": "a DataWedge scan through its adapter"}
ADAPTER = ROOT / "agent/connectors/datawedge"


def run(build):
    """A row per event, or none without valgrind."""
    if shutil.which("valgrind") is None:
        return []
    place = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dray-door-", dir=place))
    try:
        rows = [beside_bare(build, folder, what) for what in ("plain", "gs1")]
        rows.append(through_adapter(build, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def count(build, folder, arguments, n):
    """Instructions of bench_door, and of each of dray-map's calls."""
    for old in folder.glob("callgrind.*"):
        old.unlink()
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--trace-children=yes", "--quiet",
         "--dump-before=open_map_mark", f"--callgrind-out-file={folder}/callgrind.%p",
         build / "tests/bench_door", *arguments, "--count", str(n)],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"bench_door: {done.stderr[-2000:]}")
    agent, calls = 0, []
    for out in folder.glob("callgrind.*"):
        who, instructions, part = engine.read_profile(out)
        if who == "bench_door":
            agent = instructions
        elif part > 1:  # before the first mark it compiles
            calls.append(instructions / engine.MARK_EVERY)
    return agent, calls


def an_event(build, folder, arguments, n):
    (once, _), (twice, calls) = (count(build, folder, arguments, times * n) for times in (1, 2))
    return (twice - once) / n, sum(calls) / len(calls) if calls else 0


def beside_bare(build, folder, what):
    door, _ = an_event(build, folder, ["--what", what, "--how", "door"], COUNT)
    bare, _ = an_event(build, folder, ["--what", what, "--how", "bare"], COUNT)
    return {"name": what, "instructions": door, "bare": bare, "ratio": door / bare,
            "target": TARGETS[what]}


def through_adapter(build, folder):
    case = json.loads((ADAPTER / "adapter_cases.json").read_text())[0]
    payload = folder / "payload.json"
    payload.write_text(json.dumps(case["payload"]))
    arguments = ["--adapter", ADAPTER / "adapter.jq", "--payload", payload,
                 "--vars", json.dumps(variables(case)), "--map", build / "tests/bench_open_map"]
    door, child = an_event(build, folder, arguments, ASKED)
    return {"name": "adapter", "instructions": door, "child_instructions": child}


def variables(case):
    declared = json.loads((ADAPTER / "adapter.json").read_text())["vars"]
    defaults = {name: var["default"] for name, var in declared.items() if "default" in var}
    return {**defaults, **case.get("vars", {})}


def is_met(rows):
    return all(row["ratio"] <= row["target"] for row in rows if "target" in row)


def print_table(rows):
    if not rows:
        print("\nthe door: not counted, valgrind is not installed")
        return
    print("\ninstructions of an event at the door       agent  bare cJSON   ratio  target  dray-map")
    for row in rows:
        cells = [f"{row[field]:{form}}" if field in row else "–" for field, form in (
            ("bare", ",.0f"), ("ratio", ".2f"), ("target", ".1f"), ("child_instructions", ",.0f"))]
        print(f"  {WHAT[row['name']]:<38} {row['instructions']:9,.0f}  {cells[0]:>9}  {cells[1]:>6}"
              f"  {cells[2]:>6}  {cells[3]:>8}")
