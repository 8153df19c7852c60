"""drayctl device, and a Mosquitto that it made: each forbidden thing is tried, and seen refused."""
import grp
import json
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import threading

import pytest

from sim import long, wait
from sim.debian_broker import DebianBroker, Station
from sim.floor import SITE
from sim.road import Road
from sim.road import fleet as fleet_section
from sim.site import receipt

BASE = "dray/v1/" + SITE
SOURCES = {"handhelds": {"topic": "dray/v1/+/event/#"}, "portal": {"topic": "zebra/+/tevents"}}


class Gateway:
    """A machine with dray and Mosquitto, set up by drayctl."""

    def __init__(self, site):
        self.agent = site.make_agent(mqtt_port=1, sources=SOURCES)
        self.broker = DebianBroker(self.agent.drayctl, self.agent.path)
        site.started.append((self.broker, "end"))
        self.agent.config["mqtt"]["port"] = self.broker.port
        self.agent.write_config(self.agent.config)
        self.stations = site.started

    def station(self, account, **options):
        station = Station(self.broker, account, **options)
        self.stations.append((station, "close"))
        return station

    def watcher(self):
        """Somebody of the site, by lines of its own in the ACL: reads and writes all."""
        self.broker.write("dray.acl", self.broker.read("dray.acl") +
                          "user watcher\ntopic readwrite #\ntopic readwrite $SYS/#\n")
        return self.station(self.broker.enrol("watcher"), tls=False)


@pytest.fixture
def gateway(site):
    place = Gateway(site)
    place.broker.set_up()
    return place


def test_setup_makes_debians_mosquitto_the_sites_broker(gateway):
    broker = gateway.broker
    gateway.broker.start()
    gateway.agent.start()
    assert "drayd" in broker.device("list").stdout
    assert stat.S_IMODE(os.stat(broker.path("dray.passwd")).st_mode) == 0o640
    assert stat.S_IMODE(os.stat(broker.path("dray.acl")).st_mode) == 0o640
    assert stat.S_IMODE(os.stat(broker.path("ca_certificates/dray-ca.key")).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.join(gateway.agent.folder, "mqtt-password")).st_mode) == 0o640
    if os.geteuid() == 0:
        group = grp.getgrnam("mosquitto").gr_gid
        assert {os.stat(broker.path(name)).st_gid
                for name in ("dray.passwd", "dray.acl", "certs/dray.key")} == {group}
    # Once more: all is there, the site's edit of the ports among it.
    assert broker.device("setup").stdout == "all is there already\n"
    assert "listener %d" % broker.port in broker.read("conf.d/dray-access.conf")


def test_setup_leaves_a_broker_with_accounts_of_its_own_alone(site):
    gateway = Gateway(site)
    for line in ("password_file /x", "acl_file /x", "listener 1883"):
        gateway.broker.write("conf.d/site.conf", "# the site's\n" + line + "\n")
        done = gateway.broker.ctl("device", "setup")
        assert done.returncode == 1 and "conf.d/site.conf:2: " in done.stderr
        assert os.listdir(gateway.broker.path("conf.d")) == ["site.conf"]
        assert not os.path.exists(gateway.broker.path("dray.acl"))


def test_setup_brings_the_acl_up_to_date_and_keeps_own_lines(gateway):
    gateway.broker.write("dray.acl", gateway.broker.read("dray.acl") + "user x\ntopic y\n")
    gateway.agent.config["sources"]["acme"] = {"topic": "acme/+/scan"}
    gateway.agent.write_config(gateway.agent.config)
    assert gateway.broker.device("setup").stdout.startswith("wrote %s" % gateway.broker.path("dray.acl"))
    acl = gateway.broker.read("dray.acl")
    assert "topic read acme/+/scan\n" in acl and acl.endswith("# dray end\nuser x\ntopic y\n")


def test_an_enrolled_device_is_stored_and_acked_over_tls(gateway):
    gateway.broker.start()
    told = gateway.broker.enrol("tc52-0042")
    gateway.agent.start()
    assert (told["host"], told["port"], told["tls"]) == ("localhost", gateway.broker.tls_port, True)
    assert told["ca"].startswith("-----BEGIN CERTIFICATE-----")
    assert told["publish"] == [BASE + "/event/{type}/tc52-0042"]
    station = gateway.station(told).subscribe(*told["subscribe"])
    station.publish(told["publish"][0].replace("{type}", "receipt"), json.dumps(receipt("enrolled")))
    topic = BASE + "/ack/tc52-0042"
    ack = station.hear(topic)
    assert (ack["id"], ack["status"]) == ("enrolled", "stored")
    # What only drayd finds too large passes the broker, and its device is told.
    station.publish(BASE + "/event/receipt/tc52-0042", "x" * 300000)
    assert station.hear(topic)["reason"] == "too_large"


def test_a_device_speaks_only_under_its_own_name(gateway):
    gateway.broker.start()
    watcher = gateway.watcher().subscribe("#")
    told = gateway.broker.enrol("one")
    gateway.broker.enrol("two")
    forbidden = [BASE + "/event/receipt/two", BASE + "/event/receipt", BASE + "/event/receipt/one/more",
                 BASE + "/event/one", "dray/v1/dc-other/event/receipt/one", BASE + "/ack/one",
                 BASE + "/ack/two", BASE + "/work/po/1", BASE + "/alert/critical", BASE + "/status",
                 BASE + "/config/desired", BASE + "/config/reported", "zebra/two/tevents",
                 "anything", "$SYS/broker/version"]
    for topic in forbidden:
        gateway.station(told).publish(topic)  # each costs the connection
    one = gateway.station(told)
    one.publish("zebra/one/tevents")
    one.publish(BASE + "/event/receipt/one")
    assert watcher.hear_until(BASE + "/event/receipt/one") == ["zebra/one/tevents"]


def test_a_device_hears_only_what_is_for_it(gateway):
    gateway.broker.start()
    watcher = gateway.watcher()
    one = gateway.station(gateway.broker.enrol("one"))
    gateway.broker.enrol("two")
    one.subscribe("#", "$SYS/#", "$SYS/broker/version", BASE + "/ack/+", BASE + "/config/desired")
    for topic in (BASE + "/ack/two", BASE + "/event/receipt/one", BASE + "/event/receipt/two",
                  BASE + "/config/desired", BASE + "/config/reported", BASE + "/alert/critical",
                  "dray/v1/dc-other/ack/one", "dray/v1/dc-other/work/po/1", "zebra/one/tevents",
                  "anything"):
        watcher.publish(topic)
    watcher.publish(BASE + "/work/po/1")
    watcher.publish(BASE + "/status")
    watcher.publish(BASE + "/ack/one")
    heard = one.hear_until(BASE + "/ack/one")
    assert set(heard) == {BASE + "/work/po/1", BASE + "/status"}


def test_the_fleet_tool_hands_out_configuration_and_is_no_device(gateway):
    gateway.broker.start()
    watcher = gateway.watcher().subscribe("#")
    told = gateway.broker.enrol("fleet")
    for topic in (BASE + "/event/receipt/fleet", BASE + "/config/reported", BASE + "/ack/two",
                  BASE + "/status", "dray/v1/dc-other/config/desired"):
        gateway.station(told).publish(topic)
    fleet = gateway.station(told).subscribe("#")
    fleet.publish(BASE + "/config/desired")
    assert watcher.hear_until(BASE + "/config/desired") == []
    for topic in (BASE + "/event/receipt/one", BASE + "/ack/one", BASE + "/alert/low",
                  BASE + "/config/reported"):
        watcher.publish(topic)
    assert set(fleet.hear_until(BASE + "/config/reported")) == {BASE + "/alert/low"}


def test_a_configuration_that_the_fleet_tool_hands_out_is_reported_to_it(gateway):
    gateway.agent.config["fleet"] = fleet_section()
    gateway.agent.write_config(gateway.agent.config)
    gateway.broker.start()
    gateway.agent.start()
    told = gateway.broker.enrol("fleet")
    fleet = gateway.station(told).subscribe(*told["subscribe"])
    document = Road(gateway.agent).document(1, {"sources": {"portal": None}})
    fleet.publish(BASE + "/config/desired", document, retain=True)
    fleet.hear_until(BASE + "/config/reported")
    Road(gateway.agent).wait_for(1, "confirmed")


def test_none_gets_in_without_its_password(gateway):
    gateway.broker.start()
    told = gateway.broker.enrol("one")
    other = gateway.broker.enrol("two")
    assert gateway.station(told).code == 0
    assert gateway.station(told, tls=False).code == 0
    for tls in (True, False):
        assert gateway.station(told, tls=tls, password="guess").code == 5
        assert gateway.station(told, tls=tls, password=other["password"]).code == 5
        assert gateway.station(dict(told, username="three"), tls=tls).code == 5
    # Anonymous: MQTT 3.1.1 without a name.
    done = subprocess.run(["mosquitto_pub", "-p", str(gateway.broker.port), "-t", "x", "-m", "x"],
                          capture_output=True, timeout=240) if find_tool("mosquitto_pub") else None
    assert done is None or done.returncode == 5


def find_tool(name):
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in os.environ["PATH"].split(":"))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_tls_1_1_is_refused(gateway):
    gateway.broker.start()

    def handshake(version):
        context = ssl.create_default_context(cafile=gateway.broker.ca)
        context.set_ciphers("ALL:@SECLEVEL=0")  # the client would; the broker must not
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        with socket.create_connection(("localhost", gateway.broker.tls_port), 10) as line:
            with context.wrap_socket(line, server_hostname="localhost") as tls:
                return tls.version()
    assert handshake(ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with pytest.raises(ssl.SSLError):
            handshake(version)


def test_a_device_cannot_take_over_drayds_session(gateway):
    gateway.broker.start()
    gateway.agent.start()
    good = gateway.station(gateway.broker.enrol("good"))
    thief = gateway.broker.enrol("thief")
    gateway.agent.stop()
    good.publish(BASE + "/event/receipt/good", json.dumps(receipt("waits")))
    # With what waits in it, it would be gone: a clean session first, then to keep it.
    for clean in (True, False):
        station = gateway.station(thief, client_id="drayd-" + SITE, clean=clean)
        assert station.code == 0
        station.subscribe("#")
        station.close()
    gateway.agent.start()
    wait.until(lambda: gateway.agent.metric("dray_events_received_total") == 1, what="the event that waited")


def test_what_waits_survives_a_restart_of_the_broker(gateway):
    """Mosquitto's own limit is 1000; DRAY_LONG tries what a day's outage brings."""
    n = long.count(3000, 100000)
    gateway.broker.start()
    gateway.agent.start()
    told = gateway.broker.enrol("one")
    station = gateway.station(told, tls=False)
    gateway.agent.stop()
    station.client.max_inflight_messages_set(500)
    for number in range(n):
        last = station.client.publish(BASE + "/event/receipt/one",
                                      json.dumps(receipt("ev-%d" % number, "PO-%d" % number)), qos=1)
        if number % 10000 == 9999 or number == n - 1:  # the client's own queue has an end
            last.wait_for_publish(300)
    station.close()
    gateway.broker.stop()
    gateway.broker.start()
    gateway.agent.start(60)
    wait.until(lambda: gateway.agent.metric("dray_events_received_total") == n, long.count(90, 300),
               "%d events" % n)


def test_a_removed_device_is_put_out_and_the_others_stay(gateway):
    gateway.broker.start()
    told = gateway.broker.enrol("one")
    one, two = gateway.station(told), gateway.station(gateway.broker.enrol("two"))
    done = gateway.broker.device("remove", "one")
    assert "may not connect any more" in done.stdout and done.stderr == ""
    wait.until(lambda: one.down, what="the connection's end")
    assert gateway.station(told).code == 5
    two.subscribe(BASE + "/ack/two")
    assert not two.down
    assert gateway.broker.ctl("device", "remove", "one").returncode == 1
    assert [row["name"] for row in json.loads(gateway.broker.device("list", "--json").stdout)] == [
        "drayd", "two"]


def test_a_new_password_takes_the_place_of_the_old_one(gateway):
    gateway.broker.start()
    told = gateway.broker.enrol("one")
    old = gateway.station(told)
    again = gateway.broker.ctl("device", "add", "one")
    assert again.returncode == 1 and "--replace" in again.stderr
    new = gateway.broker.enrol("one", "--replace")
    assert new["password"] != told["password"] and len(new["password"]) == 24
    wait.until(lambda: gateway.station(new).code == 0, what="the new password")
    wait.until(lambda: old.down, what="the end of the connection that the old one opened")
    assert gateway.station(told).code == 5
    # One of the site's own choice.
    gateway.broker.device("add", "three", "--password-file", "-", input="own choice: ä\n")
    wait.until(lambda: gateway.station(dict(told, username="three", client_id="three"),
                                       password="own choice: ä").code == 0, what="the chosen one")


def test_accounts_are_made_while_nothing_runs_and_it_says_so(gateway):
    done = gateway.broker.device("add", "one")
    assert "Mosquitto doesn't know yet" in done.stderr
    password = re.search(r"  password +(\S+)", done.stdout).group(1)
    gateway.broker.start()
    assert gateway.station({"username": "one", "client_id": "one", "password": password}).code == 0


def test_accounts_that_are_made_at_once_are_all_there(gateway):
    hands = [threading.Thread(target=gateway.broker.enrol, args=("dev-%d" % n,)) for n in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    rows = json.loads(gateway.broker.device("list", "--json").stdout)
    assert {row["name"] for row in rows} == {"drayd"} | {"dev-%d" % n for n in range(8)}
    assert all(row["added_at"].startswith("20") for row in rows)


def test_what_cannot_be_a_device_is_refused(gateway):
    before = gateway.broker.read("dray.passwd")
    for name in ("a/b", "+", "#", "a:b", "", "x" * 65, "drayd", "drayd-" + SITE, "drayd-%s-talk" % SITE):
        done = gateway.broker.ctl("device", "add", name)
        assert done.returncode == 2 and done.stdout == "", name
    for text in ("", "\n", "two\nlines", "x" * 1025):
        done = gateway.broker.ctl("device", "add", "one", "--password-file", "-", input=text)
        assert done.returncode == 1 and "one line" in done.stderr, text
    assert gateway.broker.ctl("device", "remove", "drayd").returncode == 1
    assert gateway.broker.read("dray.passwd") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_is_not_root_is_told_and_changes_nothing(gateway):
    before = gateway.broker.read("dray.passwd")
    config = gateway.broker.folder + "/dray.json"
    shutil.copy(gateway.agent.path, config)
    os.chmod(config, 0o644)
    for arguments in (("setup",), ("add", "one"), ("remove", "drayd"), ("list",)):
        done = subprocess.run(
            [gateway.agent.drayctl, "device", *arguments, "--mosquitto", gateway.broker.etc, "--config", config],
            capture_output=True, text=True, timeout=240, user="nobody", group="nogroup", extra_groups=[])
        assert done.returncode == 4 and "this is for root to do" in done.stderr, (arguments, done)
    assert gateway.broker.read("dray.passwd") == before
