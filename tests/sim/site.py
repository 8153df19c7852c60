"""A site for a test: a real broker, clouds with a temper, drayd, and somebody with a handheld."""
import itertools

from sim import agent as agents
from sim import wait
from sim.app import App
from sim.broker import Broker
from sim.cloud import Cloud
from sim.device import Device
from sim.disk import Disk
from sim.handheld import Fleet
from sim.load import Publisher, Sink

ALL = {"receipt", "pick", "ship"}


class Site:
    """Everything that a test starts, and that is gone when it ends."""

    numbers = itertools.count(1)

    def __init__(self, folder):
        self.folder = folder
        self.started = []
        self._broker = None
        self._agent = None

    def _keep(self, thing, end):
        self.started.append((thing, end))
        return thing

    def make_broker(self, **options):
        self._broker = self._keep(Broker(self.folder, **options), "kill")
        return self._broker

    @property
    def broker(self):
        """The ordinary one: started when first asked for."""
        if self._broker is None:
            self.make_broker().start()
        return self._broker

    def cloud(self, name="erp", **options):
        return self._keep(Cloud(name, **options), "stop")

    def disk(self, **options):
        """A mounted disk of its own; state_dir=disk.path puts the agent on it."""
        return self._keep(Disk(self.folder, **options), "end")

    def proxy(self, proxy):
        return self._keep(proxy, "close")

    def make_agent(self, destinations=None, routes=None, mqtt_port=None, env=None, **more):
        """Configured, not started. One destination and no route: everything goes there."""
        if destinations and routes is None:
            routes = {"all": {"to": list(destinations)}}
        config = agents.configuration(self.folder, mqtt_port or self.broker.port, destinations,
                                      routes, **more)
        self._agent = self._keep(agents.Agent(self.folder, config, env), "end")
        return self._agent

    def agent(self, *arguments, **options):
        return self.make_agent(*arguments, **options).start()

    def device(self, name="tc52-0042", **options):
        return self._keep(Device(options.pop("port", None) or self.broker.port, name, **options),
                          "close")

    def fleet(self, **options):
        options.setdefault("journal", str(self.folder / "handhelds.jsonl"))
        return self._keep(Fleet(self.broker.port, **options), "stop")

    def publisher(self, count, **options):
        return self._keep(Publisher(self.broker.port, count, **options), "stop")

    def app(self, language, device="tc52-0042"):
        """One of the example apps for scanner developers: "python" or "javascript"."""
        return self._keep(App(language, self.broker.port, device, self.folder), "kill9")

    def sink(self):
        return self._keep(Sink(), "stop")

    def agent_log(self):
        return self._agent.log() if self._agent else ""

    def end(self):
        for thing, end in reversed(self.started):
            getattr(thing, end)()


def receipt(event_id=None, document="PO-1001", **more):
    """A good event; `more` is merged over its data."""
    event = {"id": event_id or "ev-%d" % next(Site.numbers), "type": "receipt",
             "time": "2026-11-21T15:04:05.123+01:00",
             "data": {"document": {"type": "purchase_order", "id": document},
                      "lines": [{"line": 1, "item": {"sku": "SKU-1"}, "quantity": 12,
                                 "uom": "EA"}]}}
    event["data"].update(more)
    return event


def destination(cloud, **more):
    return agents.destination(cloud.url, **more)


def wait_applied(cloud, ids, seconds=120):
    """Until exactly these event ids were applied at the cloud, each once."""
    wanted = sorted(ids)

    def applied():
        return sorted(who.split(" ", 1)[1] for who in cloud.ids())
    try:
        wait.until(lambda: applied() == wanted, seconds,
                   "%d events applied at %s" % (len(wanted), cloud.name))
    except AssertionError as error:
        there = applied()
        missing, strange = (sorted(set(a) - set(b)) for a, b in ((wanted, there), (there, wanted)))
        raise AssertionError("%s; %d are; missing %d: %s; not expected %d: %s" % (
            error, len(there), len(missing), missing[:10], len(strange), strange[:10])) from None
    assert cloud.ledger()["doubled"] == 0


def assert_ledger_closes(fleet, sides, seconds=120):
    """Every published event is applied at its destinations, once, in order. sides: {cloud: types}"""
    wait.until(fleet.is_done, seconds, "all events acked")
    for cloud, types in sides.items():
        expected = fleet.expected(types)
        try:
            wait.until(lambda: cloud.ledger()["applied"] >= len(expected), seconds,
                       "%d events applied at %s" % (len(expected), cloud.name), every=0.1)
        except AssertionError as error:
            missing = sorted(expected - set(cloud.ids()))
            raise AssertionError("%s; missing %d: %s" % (
                error, len(missing), missing[:10])) from None
        sums, applied = cloud.ledger(), cloud.ids()
        assert set(applied) == expected
        assert sums["doubled"] == 0, sums["doubled_ids"]
        assert sums["out_of_order"] == 0
        assert sums["key_conflicts"] == 0 and sums["rekeyed"] == 0
