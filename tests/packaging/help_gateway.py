"""A gateway to install dray on: a machine with a broker, and an ERP and a handheld beside it."""
import contextlib
import json
import subprocess

from sim import debian, package, wait
from sim.cloud import Cloud
from sim.device import Device
from sim.site import receipt, wait_applied

SITE_FILE = "/etc/dray/conf.d/site.json"
DPKG = ["dpkg", "--force-confdef", "--force-confold"]


def this_deb():
    return package.paths("dray_*_%s.deb" % debian.NATIVE)[0]


def depends_of(deb):
    """Names of what it needs: the first of alternatives, without versions."""
    field = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], capture_output=True, text=True,
                           check=True).stdout
    return [words.split("|")[0].split()[0].split(":")[0] for words in field.split(",")]


def base(*more):
    """A Debian that boots and has what dray needs and recommends, and `more`, but not dray."""
    return debian.make_base("-".join(("ready", *more)), debian.NATIVE, [
        "systemd-sysv", "mosquitto", "ca-certificates", *depends_of(this_deb()), *more])


class Gateway:
    """From its making to its end the test itself is in the gateway's network."""

    def __init__(self, folder, from_base):
        self.root = debian.Root(folder, from_base)
        self.network = debian.Network()
        self.stay = contextlib.ExitStack()
        self.stay.enter_context(self.network.inside())
        self.machine = debian.Machine(folder, self.root)
        self.started = []
        self.sent = []

    def boot(self):
        self.machine.boot()
        return self

    def end(self):
        for thing, end in reversed(self.started):
            getattr(thing, end)()
        self.machine.end()
        self.stay.close()
        self.network.end()
        self.root.end()

    # --- dray on it

    def install(self, deb):
        """As apt would call dpkg; on the machine where it is on, else in its root."""
        self.root.put(deb)
        place = self.machine if self.machine.leader else self.root
        return place.run(*DPKG, "-i", "/root/" + deb.rsplit("/", 1)[1])

    def configure(self, erp, **more):
        """The site's own file: everything goes to the ERP."""
        config = {"site": "dc-sim-1", "routes": {"all": {"to": ["erp"]}}, "destinations": {
            "erp": {"url": erp.url, "vars": {"path": "/events"}, "timeout": "20s",
                    "retry": {"base": "100ms", "max": "1s"},
                    "breaker": {"failures": 5, "probe": "500ms"}}}}
        config.update(more)
        self.root.write(SITE_FILE, json.dumps(config))

    def drayctl(self, *words):
        return json.loads(self.machine.run("drayctl", *words, "--json"))

    def pid(self):
        return int(self.machine.unit("MainPID"))

    def is_active(self):
        return self.machine.unit("ActiveState") == "active"

    def wait_restarted(self, pid, seconds=180):
        """Until another process than this one is the active service; its pid."""
        wait.until(lambda: self.pid() not in (0, pid) and self.is_active(), seconds,
                   "drayd restarted", every=0.1)
        return self.pid()

    # --- beside it

    def cloud(self):
        cloud = Cloud("erp")
        self.started.append((cloud, "stop"))
        return cloud

    def device(self):
        device = Device(1883)
        self.started.append((device, "close"))
        return device

    def scan(self, device, count=1, seconds=60):
        """Send so many receipts, each until it is acknowledged as stored."""
        for _ in range(count):
            event_id = "scan-%d" % (len(self.sent) + 1)
            device.send(receipt(event_id, document="PO-%d" % (len(self.sent) + 1)))
            assert device.ack(event_id, seconds=seconds)["status"] in ("stored", "duplicate")
            self.sent.append(event_id)

    def wait_delivered(self, erp, seconds=120):
        wait_applied(erp, self.sent, seconds)
