"""drayctl doctor: each thing that is wrong is found, and said with what to do."""
import json
import os
import shutil
import subprocess

import pytest

from sim import wait
from sim.debian_broker import DebianBroker
from sim.fake_agent import FakeAgent
from sim.floor import SITE
from sim.stingy_broker import StingyBroker
from sim.tls import Certificates


class Patient:
    """An agent's files and a broker's; the agent itself need not run."""

    def __init__(self, site, **config):
        self.site = site
        self.agent = site.make_agent(mqtt_port=1, **config)
        self.broker = DebianBroker(self.agent.drayctl, self.agent.path)
        site.started.append((self.broker, "end"))
        self.change(mqtt={"port": self.broker.port})
        self.broker.set_up()
        os.chmod(self.agent.config["state_dir"], 0o750)

    def change(self, **config):
        for name, value in config.items():
            if isinstance(value, dict):
                self.agent.config.setdefault(name, {}).update(value)
            else:
                self.agent.config[name] = value
        self.agent.write_config(self.agent.config)

    def fake(self, **changes):
        self.site.started.append((FakeAgent(self.agent.socket, **changes), "end"))

    def doctor(self):
        """(exit status, {check: [row]})"""
        done = self.broker.ctl("doctor", "--json")
        answer = json.loads(done.stdout)
        rows = {}
        for row in answer["checks"]:
            rows.setdefault(row["check"], []).append(row)
        worst = {row["result"] for row in answer["checks"]}
        assert answer["result"] == ("wrong" if "wrong" in worst else "warning" if "warning" in worst else "ok")
        assert done.returncode == (1 if "wrong" in worst else 0), done
        assert all(row["do"] for row in answer["checks"] if row["result"] != "ok")
        return done.returncode, rows

    def finds(self, check, result, text, advice=""):
        """One row of the check has that result and says that."""
        rows = self.doctor()[1].get(check, [])
        found = [row for row in rows if row["result"] == result and text in row["text"] and advice in row["do"]]
        assert found, (check, result, text, advice, rows)


@pytest.fixture
def patient(site):
    return Patient(site)


def test_a_gateway_that_is_well(patient):
    patient.broker.start()
    patient.agent.start()
    wait.until(lambda: "mosquitto version 2" in patient.agent.ask("status")["broker"]["version"],
               what="the broker's version")

    def is_well():
        code, rows = patient.doctor()
        unwell = [row for name in rows if name != "clock" for row in rows[name] if row["result"] != "ok"]
        return (code, unwell) == (0, []) and rows
    rows = wait.until(is_well, what="a gateway that has just started, and is well")
    assert set(rows) == {"agent", "configuration", "disk", "database", "permissions", "broker", "certificates",
                         "mapper", "clock"}
    assert rows["clock"][0]["result"] in ("ok", "warning")  # a test machine may have nobody who keeps it
    text = patient.broker.ctl("doctor")
    assert text.returncode == 0 and "ok       agent " in text.stdout and "mosquitto version 2" in text.stdout


def test_with_the_agent_down_drayd_check_speaks(patient):
    patient.broker.start()
    code, rows = patient.doctor()
    assert code == 1
    assert rows["agent"][0]["result"] == "wrong" and "journalctl" in rows["agent"][0]["do"]
    assert rows["configuration"][0]["text"].endswith("drayd --check finds nothing")
    assert "somebody listens at" in rows["broker"][0]["text"]
    patient.broker.stop()
    patient.finds("broker", "wrong", "nobody listens at", "systemctl status mosquitto")
    patient.change(store={"max_bytes": "few"})
    patient.finds("configuration", "wrong", "store.max_bytes")


def test_what_the_agent_says_is_passed_on(patient):
    for change, check, result, text in (
            ({"version": "0.0.9"}, "agent", "warning", "drayd 0.0.9 runs"),
            ({"clock": {"trusted": False}}, "clock", "wrong", "doesn't trust"),
            ({"store": {"level": "none", "reason": "full up"}}, "store", "wrong", "full up"),
            ({"store": {"level": "tight"}}, "store", "warning", "room is short"),
            ({"salvage": {"reason": "torn page"}}, "database", "wrong", "torn page"),
            ({"broker": {"connected": False, "reason": "Connection refused"}}, "broker", "wrong",
             "Connection refused"),
            ({"broker": {"flaw": "keeps nothing"}}, "broker", "wrong", "keeps nothing")):
        agent = FakeAgent(patient.agent.socket, **change)
        try:
            patient.finds(check, result, text)
        finally:
            agent.end()


def test_a_broker_that_would_lose_events_is_named_line_by_line(patient):
    patient.fake()
    patient.broker.write("conf.d/site.conf", "max_queued_messages 1000\n\n# x\nper_listener_settings true\n"
                                             "message_size_limit 1000\nautosave_interval 1800\n")
    site = patient.broker.path("conf.d/site.conf")
    patient.finds("broker", "wrong", site + ":1: max_queued_messages 1000: ", "max_queued_messages 0")
    patient.finds("broker", "wrong", site + ":4: per_listener_settings true: ")
    patient.finds("broker", "wrong", site + ":5: message_size_limit 1000: ", "message_size_limit 0")
    # What nobody set is Mosquitto's default: Debian's own file alone loses events.
    for name in os.listdir(patient.broker.path("conf.d")):
        os.unlink(patient.broker.path("conf.d/" + name))
    patient.finds("broker", "wrong", "Mosquitto's default: max_queued_messages 1000", "add to conf.d")
    # Another folder, another broker.
    shutil.rmtree(patient.broker.etc)
    patient.finds("broker", "warning", "is not known")


def test_an_acl_that_a_new_source_is_not_in(patient):
    patient.fake()
    patient.change(sources={"handhelds": {"topic": "dray/v1/+/event/#"}, "guns": {"topic": "acme/+/scan"}})
    patient.finds("broker", "wrong", "dray.acl is not what the configuration needs", "drayctl device setup")
    patient.broker.device("setup")
    assert [row for row in patient.doctor()[1]["broker"] if row["result"] != "ok"] == []


def test_certificates_that_end(patient, tmp_path):
    patient.fake()
    tls = Certificates(tmp_path)  # for two days
    patient.change(mqtt={"tls": {"ca": tls.ca, "cert": tls.client_cert, "key": {"file": tls.client_key}}})
    patient.finds("certificates", "warning", "mqtt.tls.ca: %s ends on " % tls.ca, "renew")
    patient.finds("certificates", "warning", "mqtt.tls.cert")
    faked = subprocess.run(["faketime", "2020-01-01", "openssl", "x509", "-req", "-in", tls.folder + "/server.csr",
                            "-CA", tls.ca, "-CAkey", tls.folder + "/ca.key", "-CAcreateserial", "-days", "30",
                            "-out", tls.client_cert], capture_output=True)
    assert faked.returncode == 0, faked.stderr
    patient.finds("certificates", "wrong", "mqtt.tls.cert: %s has ended on 2020-01-31" % tls.client_cert)
    with open(tls.client_cert, "w") as out:
        out.write("no certificate")
    patient.finds("certificates", "wrong", "holds no certificate")
    os.unlink(patient.broker.path("certs/dray.crt"))
    patient.finds("certificates", "wrong", "broker's certfile")


def test_a_database_that_is_none(patient):
    database = os.path.join(patient.agent.config["state_dir"], "dray.db")
    patient.broker.start()
    patient.agent.start()
    patient.agent.stop()
    patient.finds("database", "ok", "schema ")
    with open(database, "r+b") as file:
        file.truncate(os.path.getsize(database) - 4096)
    for tail in ("-wal", "-shm"):
        if os.path.exists(database + tail):
            os.unlink(database + tail)
    patient.finds("database", "wrong", "its end is gone", "--restore")
    with open(database, "r+b") as file:
        file.write(b"gone")
    patient.finds("database", "wrong", "doesn't begin as a database")


def test_a_disk_that_is_too_small(patient):
    patient.fake()
    patient.change(store={"max_bytes": "16TiB"})
    patient.finds("disk", "warning", "may grow to", "store.max_bytes")
    patient.change(state_dir="/nonexistent/dray")
    patient.finds("disk", "wrong", "No such file")


def test_files_that_are_open_to_others(patient):
    patient.fake()
    folder = patient.agent.folder
    os.chmod(folder + "/mqtt-password", 0o644)
    patient.finds("permissions", "wrong", "mqtt.password: %s/mqtt-password is a secret that others" % folder, "chmod o=")
    os.chmod(folder + "/mqtt-password", 0o640)
    os.chmod(patient.agent.path, 0o646)
    patient.finds("permissions", "wrong", "dray.json is open to others", "chmod o-w")
    os.chmod(patient.agent.path, 0o640)
    os.chmod(patient.agent.config["state_dir"], 0o755)
    patient.finds("permissions", "wrong", "state: ", "chmod o=")
    os.chmod(patient.agent.config["state_dir"], 0o750)
    os.chmod(patient.agent.socket, 0o666)
    patient.finds("permissions", "wrong", "control socket: ")
    os.chmod(patient.agent.socket, 0o660)
    os.rename(folder + "/mqtt-password", folder + "/gone")
    patient.finds("permissions", "wrong", "isn't there")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_secret_that_drayd_cannot_read(patient):
    """root can: drayd --check finds nothing wrong."""
    patient.fake()
    shutil.chown(patient.agent.config["state_dir"], "nobody", "nogroup")
    patient.finds("configuration", "ok", "finds nothing")
    patient.finds("permissions", "wrong", "mqtt-password can't be read by nobody", "chgrp dray")
    shutil.chown(patient.agent.folder + "/mqtt-password", "root", "nogroup")
    os.chmod(patient.agent.path, 0o644)
    assert [row["text"] for row in patient.doctor()[1]["permissions"] if row["result"] != "ok"] == []


def test_a_mapper_that_is_gone(patient, tmp_path):
    patient.fake()
    os.makedirs(tmp_path / "bin")
    for name in ("drayctl", "drayd"):
        shutil.copy(os.path.join(os.path.dirname(patient.agent.drayctl), name), tmp_path / "bin")
    patient.broker.drayctl = str(tmp_path / "bin/drayctl")
    if not os.path.exists("/usr/libexec/dray/dray-map"):
        patient.finds("mapper", "wrong", "dray-map", "install")
    os.unlink(tmp_path / "bin/drayd")
    if not os.path.exists("/usr/sbin/drayd"):
        patient.finds("configuration", "wrong", "there is no /usr/sbin/drayd")


@pytest.mark.parametrize("granted, word", [({"session_expiry": 60}, "keeps the session for 60 s"),
                                           ({"maximum_qos": 0}, "no QoS 1")])
def test_a_broker_that_grants_too_little_is_in_the_status(site, granted, word):
    broker = StingyBroker(receive_maximum=7, **granted)
    site.started.append((broker, "close"))
    agent = site.make_agent(mqtt_port=broker.port).spawn()
    wait.until(agent.is_alive, what="drayd alive")
    said = wait.until(lambda: agent.ask("status")["broker"]["flaw"], what="the flaw")
    status = agent.ask("status")["broker"]
    assert word in said and status["receive_maximum"] == 7
    assert status["session_expiry_s"] == granted.get("session_expiry")
    assert status["maximum_qos"] == granted.get("maximum_qos", 2)
    assert word in agent.ctl("status").stdout and "events may be lost at the broker" in agent.log()


def test_a_broker_that_takes_too_small_packets_raises_an_alarm(site):
    topic = "dray/v1/%s/alert/critical" % SITE
    broker = site.make_broker(extra="max_packet_size 3000\n").start()
    watcher = site.device("watcher", also=[topic])
    agent = site.agent(mqtt_port=broker.port)
    heard = json.loads(watcher.hear(lambda message: message.topic == topic).payload)
    assert (heard["kind"], heard["state"]) == ("broker", "raised") and "3000 bytes" in heard["message"]
    assert agent.ask("status")["broker"]["maximum_packet_bytes"] == 3000
    with open(broker.folder + "/mosquitto.conf") as text:
        config = text.read().replace("max_packet_size 3000", "")
    with open(broker.folder + "/mosquitto.conf", "w") as out:
        out.write(config)
    broker.stop()
    broker.start()
    wait.until(lambda: agent.ask("status")["broker"]["flaw"] == "", what="the flaw's end")
