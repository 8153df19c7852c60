"""drayd as a process: started, killed, asked."""
import grp
import http.client
import json
import math
import os
import signal
import socket
import subprocess
import tempfile

from sim import process, wait

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
SOCKET_PATH_MAX = 100


def build_folder():
    return os.path.abspath(os.environ.get("DRAY_BUILD") or os.path.join(ROOT, "build/release"))


def merge(base, patch):
    """A JSON merge patch (RFC 7396), in place."""
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


def socket_path(folder):
    """A Unix socket's path is short: when the folder's isn't, the socket lives elsewhere."""
    path = os.path.join(str(folder), "control.sock")
    if len(path) < SOCKET_PATH_MAX:
        return path
    return os.path.join(tempfile.mkdtemp(prefix="dray-"), "control.sock")


def destination(url, **more):
    """A destination that does not keep a test waiting. Its time-out is for tests of time-outs to change:
    a machine that stands still for a moment must not make a request be sent twice."""
    return merge({"kind": "http", "connector": "rest", "url": url, "vars": {"path": "/events"},
                  "timeout": "20s", "concurrency": 8,
                  "retry": {"base": "50ms", "max": "500ms"},
                  "breaker": {"failures": 5, "probe": "200ms"}}, more)


def configuration(folder, mqtt_port, destinations=None, routes=None, **more):
    """A whole configuration; `more` is merged over it."""
    config = {
        "site": "dc-sim-1",
        "state_dir": os.path.join(str(folder), "state"),
        "control": {"socket": socket_path(folder),
                    "group": grp.getgrgid(os.getgid()).gr_name},
        "mqtt": {"host": "127.0.0.1", "port": mqtt_port},
        "listen": {"address": "127.0.0.1:%d" % wait.free_port()},
        "destinations": destinations or {},
        "routes": routes or {},
    }
    return merge(config, more)


def total(metrics, name, *labels):
    """Of one look: the sum of a family's series that carry all these 'label="value"' texts. A look
    that drayd did not answer says nothing: NaN, which is neither 0 nor more nor less."""
    if not metrics:
        return math.nan
    return sum(value for series, value in metrics.items()
               if series.split("{")[0] == name and all(label in series for label in labels))


class Agent:
    def __init__(self, folder, config, env=None):
        self.folder = str(folder)
        self.config = config
        self.path = os.path.join(self.folder, "dray.json")
        self.log_path = os.path.join(self.folder, "drayd.log")
        self.use(build_folder())
        self.socket = config["control"]["socket"]
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.tls = None  # an SSLContext, where its listener speaks TLS
        os.makedirs(config["state_dir"], exist_ok=True)
        self.write_config(config)

    def use(self, folder):
        """From its next start on: the programs built there."""
        self.binary = os.path.join(folder, "drayd")
        self.drayctl = os.path.join(folder, "drayctl")

    def write_config(self, config):
        """Whole or not at all: drayd may be reading it."""
        self.config = config
        with open(self.path + ".new", "w") as out:
            json.dump(config, out, indent=2)
        os.replace(self.path + ".new", self.path)

    def spawn(self):
        with open(self.log_path, "a") as log:
            self.process = process.spawn([self.binary, "--config", self.path], stdout=log,
                                         stderr=log, env=self.env)
        return self

    def start(self, seconds=60):
        """Start, and wait until it is alive, with the broker reached and the store open."""
        self.spawn()
        wait.until(lambda: self.is_ready() or self.process.poll() is not None, seconds,
                   "drayd ready; see " + self.log_path)
        if self.process.poll() is not None:
            raise RuntimeError("drayd ended with %d: %s" % (self.process.returncode, self.log()))
        return self

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        """SIGTERM, and the exit status."""
        if not self.is_running():
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError("drayd did not end on SIGTERM within %g s" % seconds)

    def end(self):
        """However it stands, it is gone afterwards."""
        if self.is_running():
            self.kill9()

    def reload(self, config=None, seconds=60):
        """SIGHUP, once drayd answers: a program that has not begun yet ends on one."""
        wait.until(lambda: self.is_alive() or not self.is_running(), seconds,
                   "drayd alive; see " + self.log_path)
        if not self.is_running():
            raise AssertionError("drayd ended with %d" % self.process.returncode)
        if config is not None:
            self.write_config(config)
        self.process.send_signal(signal.SIGHUP)

    def log(self):
        try:
            with open(self.log_path, errors="replace") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    # --- asking

    def get(self, path, timeout=20):
        """(status, text) from the TCP listener; (0, "") when nobody answers."""
        host, port = self.config["listen"]["address"].rsplit(":", 1)
        if self.tls:
            connection = http.client.HTTPSConnection(host, int(port), timeout=timeout,
                                                     context=self.tls)
        else:
            connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def ask_control(self, path):
        """(status, text) from the control socket."""
        connection = http.client.HTTPConnection("drayd", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(self.socket)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def is_alive(self):
        return self.get("/healthz")[0] == 200

    def is_ready(self):
        return self.get("/readyz")[0] == 200

    def metrics(self):
        """{'name{labels}': value}; nothing when drayd doesn't answer"""
        values = {}
        for line in self.get("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name] = float(value)
        return values

    def metric(self, name, *labels):
        """total() of a look of its own: two calls see two moments."""
        return total(self.metrics(), name, *labels)

    def ctl(self, *arguments, check=True):
        """drayctl; returns the CompletedProcess."""
        done = subprocess.run([self.drayctl, "--socket", self.socket, *map(str, arguments)],
                              capture_output=True, text=True, timeout=120)
        if check and done.returncode:
            raise AssertionError("drayctl %s: exit %d: %s%s" % (
                " ".join(map(str, arguments)), done.returncode, done.stdout, done.stderr))
        return done

    def ask(self, *arguments):
        """drayctl --json, parsed; an empty list is an answer, and exit 1."""
        done = self.ctl(*arguments, "--json", check=False)
        if done.returncode > 1 or not done.stdout:
            raise AssertionError("drayctl %s: exit %d: %s" % (
                " ".join(map(str, arguments)), done.returncode, done.stderr))
        return json.loads(done.stdout)

    def exceptions(self, kind=None):
        """Open exceptions, newest first."""
        rows = self.ask("exceptions", "list")["items"]
        return [row for row in rows if kind in (None, row["kind"])]
