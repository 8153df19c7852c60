"""The road of a configuration, as its hand sees it: offered, watched, kept or rolled back."""
import http.client
import json
import os
import socket

from sim import agent as agents
from sim import wait

# What breaks is rolled back as soon as it is seen: a long one costs only who waits for its end.
SHORT, LONG = {"probation": "1s"}, {"probation": "60s"}


def fleet(**more):
    """A fleet section that does not keep a test waiting."""
    return agents.merge({**SHORT,
                         "allow": ["sources", "destinations", "routes", "listen", "store"]}, more)


class Road:
    def __init__(self, agent):
        self.agent = agent

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("drayd", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        try:
            connection.sock.connect(self.agent.socket)
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def document(self, revision, config):
        return json.dumps({"site": self.agent.config["site"], "revision": revision,
                           "config": config})

    def apply(self, revision, config):
        """(status, answer); 200: it is in force, on probation."""
        return self._ask("POST", "/v1/config/apply", self.document(revision, config))

    def check(self, revision, config):
        return self._ask("POST", "/v1/config/check", self.document(revision, config))

    def roll_back(self):
        return self._ask("POST", "/v1/config/rollback", "")

    def show(self):
        return self._ask("GET", "/v1/config")[1]

    def history(self):
        """Newest first: [(revision, result), …]"""
        rows = self._ask("GET", "/v1/config/history")[1]["items"]
        return [(row["revision"], row["result"]) for row in rows]

    def reason(self):
        return self._ask("GET", "/v1/config/history")[1]["items"][0]["reason"]

    def wait_for(self, revision, result, seconds=60):
        """Until the last thing that happened is this."""
        def is_there():
            return self.agent.is_running() and self.agent.is_alive() and \
                self.history()[0] == (revision, result)
        wait.until(is_there, seconds, "%s %s" % (revision, result), every=0.1)

    def wait_restored(self, seconds=60):
        """Until nothing is on trial, and what a trial did is mended."""
        def is_mended():
            with open(self.path()) as file:
                now = json.load(file)
            return now["trial"] is None and now["mends"] is None
        wait.until(is_mended, seconds, "a mended road", every=0.05)

    def path(self):
        return os.path.join(self.agent.config["state_dir"], "revisions.json")

    def file(self):
        with open(self.path()) as file:
            return json.load(file)
