"""Load that costs less than what it loads: the C programs of tests/bench, as a test's helpers."""
import json
import os
import subprocess
import urllib.request

import pytest

from sim import agent as agents, process, wait
from sim.floor import SITE

REST = os.path.join(agents.ROOT, "agent/connectors/rest/connector.json")


def program(name):
    return os.path.join(agents.build_folder(), "tests", "bench_" + name)


def fill(path, count, destination="down", site=SITE, **more):
    """A store in which `count` deliveries wait; see bench/fill.c. What it says of itself."""
    command = [program("fill"), "--file", str(path), "--count", str(count), "--site", site,
               "--destination", destination, "--connector", REST]
    for name, value in more.items():
        command += ["--" + name, str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Publisher:
    """Handhelds that publish receipts and wait for dray's acks; see bench/publisher.c."""

    def __init__(self, port, count, rate=0, handhelds=20, qos=1, site=SITE, stall=30, **more):
        command = [program("publisher"), "--port", port, "--count", count, "--rate", rate,
                   "--handhelds", handhelds, "--qos", qos, "--site", site, "--stall", stall]
        for name, value in more.items():
            command += ["--" + name, value]
        self.process = process.spawn([str(word) for word in command], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)

    def is_over(self):
        return self.process.poll() is not None

    def result(self, seconds=600):
        """What came back: published, acked, stored, seconds, p50_ms, p99_ms, max_ms …"""
        out, err = self.process.communicate(timeout=seconds)
        assert out, err
        return json.loads(out)

    def stop(self):
        if not self.is_over():
            self.process.kill()
        self.process.wait()


class Sink:
    """The smallest API that dray can post to; see bench/sink.c."""

    def __init__(self):
        self.port = wait.free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        self.process = process.spawn([program("sink"), "--port", str(self.port)],
                                     stdout=subprocess.DEVNULL)
        wait.until(lambda: wait.is_listening(self.port), what="the sink listening")

    def events(self):
        with urllib.request.urlopen(self.url + "/count", timeout=10) as answer:
            return json.load(answer)["events"]

    def stop(self):
        self.process.kill()
        self.process.wait()


class Vitals:
    """What the kernel says of a process. Of drayd, which can't be traced, it says most to root alone."""

    def __init__(self, pid):
        if os.geteuid() != 0:
            pytest.skip("the kernel shows drayd's memory to root alone")
        self.folder = "/proc/%d/" % pid

    def _number(self, name, word):
        with open(self.folder + name) as text:
            for line in text:
                if line.startswith(word):
                    return int(line.split()[1])
        raise AssertionError("no %s in %s" % (word, name))

    def pss_mb(self):
        return self._number("smaps_rollup", "Pss:") / 1024

    def own_mb(self):
        """What is its alone: PSS falls and rises with how many others use the same libraries."""
        return self._number("smaps_rollup", "Private_Dirty:") / 1024

    def written_bytes(self):
        return self._number("io", "write_bytes:")

    def open_files(self):
        return len(os.listdir(self.folder + "fd"))

    def cpu_s(self):
        """User and system time of all its threads."""
        with open(self.folder + "stat") as text:
            fields = text.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
