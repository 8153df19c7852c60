"""The house under load: broker, sink and drayd as processes, and what they cost.

Everything lives in one temporary folder on the disk of the build tree and on free loopback ports.
"""
import contextlib
import grp
import json
import os
import pathlib
import shlex
import socket
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from sim.ports import free_port  # noqa: E402

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


class Trouble(Exception):
    """A run whose figures would mean nothing."""


def wait_until(condition, timeout_s, what):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise Trouble(f"{what} did not happen within {timeout_s} s")
        time.sleep(0.02)


class Process:
    """A child whose CPU time and memory are looked at while it runs."""

    def __init__(self, name, argv, log):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                          stdout=out, stderr=out)
        self.pss_max_kb = 0

    def is_alive(self):
        return self.child.poll() is None

    def check(self):
        if not self.is_alive():
            tail = pathlib.Path(self.log).read_text(errors="replace")[-2000:]
            raise Trouble(f"{self.name} ended by itself ({self.child.returncode}):\n{tail}")

    def cpu_s(self):
        """User and system time of all threads, ended ones included; in clock ticks."""
        text = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def sample_pss(self):
        try:
            for line in open(f"/proc/{self.child.pid}/smaps_rollup"):
                if line.startswith("Pss:"):
                    self.pss_max_kb = max(self.pss_max_kb, int(line.split()[1]))
        except PermissionError:
            raise Trouble("the kernel shows drayd's memory to root alone: be root") from None
        except (OSError, ValueError):
            pass  # it has just ended

    def stop(self):
        if self.is_alive():
            self.child.terminate()
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class House:
    """One broker, one sink, one drayd with a fresh store. Use as a context manager.

    destination  its options; None: events are captured and go nowhere.
    routes       to it, None: one that takes all.
    is_paused    the destination is paused: events are captured and routed, and wait.
    is_echo      in drayd's place an agent that stores nothing: the broker's own limit.
    backlog      a folder with a store in which deliveries wait for `down`; None: a fresh store.
    is_up        `down` is not: the sink takes what waits.
    """

    def __init__(self, bench, folder, destination=None, routes=None, is_echo=False,
                 is_paused=False, backlog=None, is_up=False):
        self.bench, self.folder, self.routes = bench, folder, routes
        self.destination, self.is_echo, self.is_paused = destination, is_echo, is_paused
        self.backlog, self.is_up = backlog, is_up
        self.processes, self.sampler = {}, None
        self.is_over = threading.Event()
        folder.mkdir(parents=True)

    def __enter__(self):
        try:
            self.start_broker()
            self.start_sink()
            if self.is_echo:
                self.start("drayd", self.bench.program("echo"), "--port", self.mqtt_port)
            else:
                self.start_drayd()
            self.sampler = threading.Thread(target=self.watch_memory)
            self.sampler.start()
            if not self.is_up:
                self.warm_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.is_over.set()
        if self.sampler:
            self.sampler.join()
        for name in ("drayd", "broker", "sink"):
            if name in self.processes:
                self.processes[name].stop()

    def start(self, name, *argv):
        self.processes[name] = Process(name, argv, self.folder / f"{name}.log")

    def start_broker(self):
        self.mqtt_port = free_port()
        shipped = ROOT / "packaging/mosquitto/dray.conf"
        rules = shipped.read_text() if shipped.exists() else (
            "max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\n")
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"{rules}\nlistener {self.mqtt_port} 127.0.0.1\nallow_anonymous true\n"
                        f"persistence_location {self.folder}/\nlog_type error\n"
                        f"{'user root' if os.geteuid() == 0 else ''}\n")
        self.start("broker", "/usr/sbin/mosquitto", "-c", conf)
        wait_until(lambda: self.answers(self.mqtt_port), 10, "the broker's start")

    def start_sink(self):
        self.sink_port = free_port()
        self.start("sink", self.bench.program("sink"), "--port", self.sink_port)
        wait_until(lambda: self.answers(self.sink_port), 10, "the sink's start")

    @staticmethod
    def answers(port):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    def start_drayd(self):
        state = self.folder / "state"
        state.mkdir()
        config = {"site": "bench", "timezone": "UTC", "state_dir": str(self.backlog or state),
                  "control": {"socket": str(state / "c.sock"),
                              "group": grp.getgrgid(os.getgid()).gr_name},
                  "mqtt": {"host": "127.0.0.1", "port": self.mqtt_port}}
        if self.destination:
            config["destinations"] = {"sink": {
                "kind": "http", "connector": "rest", "vars": {"path": "/events"},
                "url": f"http://127.0.0.1:{self.sink_port}", **self.destination}}
            config["routes"] = self.routes or {"all": {"to": ["sink"]}}
        if self.backlog:
            port = self.sink_port if self.is_up else free_port()
            config.setdefault("destinations", {})["down"] = {
                "kind": "http", "connector": "rest", "vars": {"path": "/events"},
                "url": f"http://127.0.0.1:{port}", "concurrency": 16}
        path = self.folder / "dray.json"
        path.write_text(json.dumps(config, indent=1))
        self.start("drayd", *shlex.split(self.bench.wrap), self.bench.drayd, "--config", path)

    def watch_memory(self):
        while not self.is_over.wait(0.25):
            self.processes["drayd"].sample_pss()

    def warm_up(self):
        """Until a first hundred events come back acknowledged, and have gone out."""
        deadline = time.monotonic() + (120 if self.bench.wrap else 20)
        while self.publish(count=100, stall=2, is_trial=True) is None:
            self.processes["drayd"].check()
            if time.monotonic() > deadline:
                raise Trouble("drayd acknowledges nothing; see " + str(self.folder))
        if self.destination:
            self.settle()
        if self.is_paused:
            self.control("POST /v1/destinations/sink/pause")

    def control(self, call):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(10)
            control.connect(str(self.folder / "state/c.sock"))
            control.sendall(f"{call} HTTP/1.1\r\nHost: dray\r\nContent-Length: 2\r\n"
                            "Connection: close\r\n\r\n{}".encode())
            answer = control.makefile("r", encoding="utf-8", newline="\n").readline()
        if " 200 " not in answer:
            raise Trouble(f"{call}: {answer}")

    def settle(self):
        """Until the sink hears nothing new for half a second."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < 0.5:
            now = self.sink_counts()["events"]
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.05)

    def sink_counts(self):
        url = f"http://127.0.0.1:{self.sink_port}/count"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def commits(self):
        """How many commits drayd made so far, the seconds they took, the bytes it has written."""
        found = {"dray_commit_seconds_count": 0, "dray_commit_seconds_sum": 0,
                 "dray_store_written_bytes_total": 0}
        if self.is_echo:
            return list(found.values())
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(10)
            control.connect(str(self.folder / "state/c.sock"))
            control.sendall(b"GET /metrics HTTP/1.1\r\nHost: dray\r\nConnection: close\r\n\r\n")
            for line in control.makefile("r", encoding="utf-8", newline="\n"):
                name, _, value = line.partition(" ")
                if name in found:
                    found[name] = float(value)
        return list(found.values())

    def drain(self, count):
        """CPU of drayd for each of `count` deliveries of the backlog."""
        process = self.processes["drayd"]
        wait_until(lambda: self.sink_counts()["events"] >= 1000, 60, "the first of the backlog")
        began, cpu_s, began_s = self.sink_counts()["events"], process.cpu_s(), time.monotonic()
        wait_until(lambda: self.sink_counts()["events"] >= began + count, 120,
                   f"{count} of the backlog")
        made = self.sink_counts()["events"] - began
        return {"cpu_us_per_event": (process.cpu_s() - cpu_s) * 1e6 / made,
                "events_per_s": made / (time.monotonic() - began_s)}

    def resume(self, count):
        """What the delivery of `count` events costs that were captured while it was paused."""
        before = {name: p.cpu_s() for name, p in self.processes.items()}
        baseline, (commits, commit_s, _) = self.sink_counts(), self.commits()
        began_s = time.monotonic()
        self.control("POST /v1/destinations/sink/resume")
        wait_until(lambda: self.sink_counts()["events"] - baseline["events"] >= count, 120,
                   f"the delivery of {count} events")
        self.settle()
        counts, (commits_after, commit_s_after, _) = self.sink_counts(), self.commits()
        if counts["events"] - baseline["events"] != count:
            raise Trouble(f"{count} stored, {counts['events'] - baseline['events']} delivered")
        seconds = counts["last_mono_us"] / 1e6 - began_s
        cpu = {name: p.cpu_s() - before[name] for name, p in self.processes.items()}
        n_commits = max(commits_after - commits, 1)
        return {"events_per_s": count / seconds, "cpu_us_per_event": cpu["drayd"] * 1e6 / count,
                "requests": counts["requests"] - baseline["requests"],
                "events_per_commit": count / n_commits,
                "commit_ms": (commit_s_after - commit_s) * 1e3 / n_commits,
                "cores": {name: spent / seconds for name, spent in cpu.items()}}

    def publish(self, count, rate=0, stall=20, is_trial=False):
        argv = [self.bench.program("publisher"), "--port", self.mqtt_port, "--count", count,
                "--rate", rate, "--stall", stall, "--window", self.bench.window,
                "--handhelds", self.bench.handhelds, "--documents", self.bench.documents]
        done = subprocess.run([str(a) for a in argv], capture_output=True, text=True)
        if done.returncode != 0:
            if is_trial:
                return None
            self.processes["drayd"].check()
            raise Trouble(f"publisher: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def measure(self, count, rate=0):
        """Publish, wait until all has arrived where it should, and say what each process spent."""
        before = {name: p.cpu_s() for name, p in self.processes.items()}
        sink_before, (commits, commit_s, written) = self.sink_counts(), self.commits()
        baseline = sink_before["events"]
        run = self.publish(count, rate)
        if run["stored"] != count:
            raise Trouble(f"{count} published, {run['stored']} stored")
        if self.destination and not self.is_paused:
            wait_until(lambda: self.sink_counts()["events"] - baseline >= count, 120,
                       f"the delivery of {count} events")
            self.settle()
            counts = self.sink_counts()
            if counts["events"] - baseline != count:
                raise Trouble(f"{count} published, {counts['events'] - baseline} delivered")
            run["seconds"] = (counts["last_mono_us"] - run["started_mono_us"]) / 1e6
            run["events_per_s"] = count / run["seconds"]
            run["events_per_request"] = count / (counts["requests"] - sink_before["requests"])
        cpu = {name: p.cpu_s() - before[name] for name, p in self.processes.items()}
        cpu["publisher"] = run["cpu_s"]
        after, after_s, after_written = self.commits()
        if after > commits:
            run["events_per_commit"] = count / (after - commits)
            run["commit_ms"] = (after_s - commit_s) * 1e3 / (after - commits)
        run["written_per_event"] = (after_written - written) / count
        run["cores"] = {name: spent / run["seconds"] for name, spent in cpu.items()}
        run["cpu_us_per_event"] = cpu["drayd"] * 1e6 / count
        run["pss_kb"] = self.processes["drayd"].pss_max_kb
        return run
