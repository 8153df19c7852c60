"""A real Tryton ERP with purchase orders, sales orders and stock, and a line to it that a test can break
between a request and its answer."""
import http.client
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading

from sim import agent as agents
from sim import wait


def script():
    fixtures = os.environ.get("DRAY_FIXTURES") or os.path.join(agents.ROOT, "../shared/fixtures")
    return os.path.join(fixtures, "tryton/tryton-fixture")


class Tryton:
    """Stood up by the fixtures' script, on its PostgreSQL backend: its database is the ledger."""

    def __init__(self):
        # The script hands the folder to a user of its own, who must reach it.
        self.folder = tempfile.mkdtemp(prefix="dray-tryton-")
        os.chmod(self.folder, 0o755)
        self.facts = None
        self.lock = threading.Lock()  # one command at a time

    def start(self):
        """RuntimeError with the script's words when it can't be had here."""
        done = self._run("start", "--port", wait.free_port(), "--backend", "postgresql", seconds=600)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        with open(os.path.join(self.folder, "facts.json")) as text:
            self.facts = json.load(text)
        return self

    def do(self, *command):
        with self.lock:
            done = self._run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def reset(self):
        self.do("reset")

    def pause(self):
        self.do("pause")

    def resume(self):
        self.do("resume")

    def crash(self):
        """SIGKILL, and started again on the same data."""
        self.do("crash")

    def ledger(self):
        return json.loads(self.do("ledger"))

    def check(self, **expected):
        """The script's own proof that each quantity is there once; None, or what is wrong."""
        path = os.path.join(self.folder, "want.json")
        with open(path, "w") as out:
            json.dump(expected, out)
        done = self._run("check", "--expect", path)
        return None if done.returncode == 0 else done.stdout + done.stderr

    def destroy(self):
        self._run("destroy")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *command, seconds=60):
        # Servers that it starts keep what they inherit: a pipe would not end before they do.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.run([script(), *map(str, command), "--dir", self.folder], stdout=out,
                                  stderr=err, stdin=subprocess.DEVNULL, timeout=seconds, check=False)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, out.read(), err.read())


class Line:
    """An HTTP proxy that knows what is asked: `on_request` and `on_answer` are told the RPC method, and
    the answer is lost when on_answer says so."""

    def __init__(self, facts):
        self.target = facts["host"], facts["port"]
        self.path = "/" + facts["db"]
        self.on_request = self.on_answer = lambda method: None
        self.asked = []
        self.lock = threading.Lock()
        self.at_work = 0  # requests that the other side has and hasn't answered
        line = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802, the library's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                line.serve(self, body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d%s" % (self.port, self.path)

    def serve(self, client, body):
        method = json.loads(body)["method"]
        self.asked.append(method)
        self.on_request(method)
        try:
            answer, text = self.pass_on(client, body)
        except (OSError, http.client.HTTPException):
            client.close_connection = True
            return
        if self.on_answer(method) == "lose":
            client.close_connection = True
            return
        try:
            client.send_response_only(answer.status)
            client.send_header("Content-Type", answer.headers["Content-Type"] or "text/plain")
            client.send_header("Content-Length", str(len(text)))
            client.send_header("Connection", "close")
            client.end_headers()
            client.wfile.write(text)
        except OSError:
            pass  # it went away, and what it asked for was done all the same
        client.close_connection = True

    def count_work(self, more):
        with self.lock:
            self.at_work += more

    def pass_on(self, client, body):
        connection = http.client.HTTPConnection(*self.target, timeout=60)
        self.count_work(1)
        try:
            headers = {name: client.headers[name] for name in ("Content-Type", "Authorization")
                       if name in client.headers}
            connection.request("POST", client.path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            self.count_work(-1)
            connection.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
