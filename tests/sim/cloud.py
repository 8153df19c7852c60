"""A handle on a fake cloud that runs as a process of its own."""
import http.client
import json
import os
import subprocess

from sim import process

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fake_cloud.py")


class CloudProcess:
    """A program that prints its data port and its control port, and ends with its stdin."""

    def __init__(self, command, scheme="http"):
        self.process = process.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port, self.control_port = map(int, self.process.stdout.readline().split())
        self.url = "%s://127.0.0.1:%d" % (scheme, self.port)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _ask(self, method, path, body=None):
        """The control port's answer, parsed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=20)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError("%s: %d %r" % (path, answer.status, text))
            return json.loads(text)
        finally:
            connection.close()


class Cloud(CloudProcess):
    """Started when made. `tls`: a tls.Certificates, then HTTPS with a client certificate."""

    def __init__(self, name, tls=None, key_header="Idempotency-Key"):
        self.name = name
        command = ["/usr/bin/python3", PROGRAM, "--name", name, "--key-header", key_header]
        if tls:
            command += ["--cert", tls.server_cert, "--key", tls.server_key, "--client-ca", tls.ca]
        super().__init__(command, "https" if tls else "http")

    def faults(self, *specs):
        """The whole script anew; none: well-behaved again."""
        self._ask("POST", "/_control", {"faults": specs})

    def down(self):
        self._ask("POST", "/_control", {"listen": False})

    def up(self):
        self._ask("POST", "/_control", {"listen": True})

    def gate(self, **rules):
        """What it asks of who comes in: gate.py."""
        self._ask("POST", "/_control", {"gate": rules})

    def given(self):
        """{"token": n, "csrf": n, "login": n}"""
        return self._ask("GET", "/_gate")

    def ledger(self):
        return self._ask("GET", "/_ledger")

    def ids(self):
        """{"<source> <id>": how often it was applied}"""
        return self._ask("GET", "/_ids")

    def asked(self):
        """{"<source> <id>": when it last came, applied or not}; seconds of time.monotonic()"""
        return self._ask("GET", "/_asked")

    def events(self):
        return self._ask("GET", "/_events")

    def requests(self):
        return self._ask("GET", "/_requests")
