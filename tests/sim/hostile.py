"""A handle on a hostile cloud that runs as a process of its own, and what drayd is told of it."""
import json
import os

from sim.agent import destination, merge
from sim.cloud import CloudProcess

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "hostile_cloud.py")
CONNECTORS = os.path.join(HERE, "connectors")

# system: what its destination says, and how a repeat is recognised there
SYSTEMS = {
    "header": {"connector": "rest", "vars": {"path": "/header/events"}},
    "natural": {"connector": "hostile-natural"},
    "lookup": {"connector": "hostile-lookup", "looks": 30},
    "steps": {"connector": "hostile-steps", "looks": 30},
    "job": {"connector": "hostile-job"},
    "bulk": {"connector": "hostile-bulk"},
    "none": {"connector": "rest", "vars": {"path": "/none/events"},
             "idempotency": {"mode": "none"}},
}


class HostileCloud(CloudProcess):
    def __init__(self, **options):
        command = ["/usr/bin/python3", PROGRAM]
        for name, value in options.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        self.options = options
        super().__init__(command, "https" if "cert" in options else "http")

    def destination(self, system, **more):
        """Of the site's configuration; quick, so that a test need not wait."""
        settings = destination(self.url, vars=None, timeout="250ms", settle="700ms",
                               retry={"base": "20ms", "max": "200ms"},
                               breaker={"failures": 3, "probe": "100ms"})
        merge(settings, json.loads(json.dumps(SYSTEMS[system])))
        if self.options.get("token_lifetime"):
            settings["auth"] = {"type": "oauth2", "token_url": self.url + "/token",
                                "client_id": "dray", "client_secret": {"file": "hostile-secret"},
                                "expiry_skew": "200ms"}
        if self.options.get("csrf"):
            settings.setdefault("auth", {"type": "none"})["csrf"] = {"path": "/csrf"}
        return merge(settings, more)

    def control(self, **order):
        self._ask("POST", "/_control", order)

    def ledger(self):
        return self._ask("GET", "/_ledger")

    def journal(self):
        """Each request, what befell it and what was done, in its order."""
        return self._ask("GET", "/_journal")


def furnish(folder):
    """What drayd looks for beside its configuration: connectors, and the secret of the tokens."""
    target = os.path.join(str(folder), "connectors")
    if not os.path.exists(target):
        os.symlink(CONNECTORS, target)
    path = os.path.join(str(folder), "hostile-secret")
    with open(path, "w") as out:
        out.write("s3cret")
    os.chmod(path, 0o600)
