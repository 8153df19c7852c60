"""Mosquitto as Debian's package sets it up, in a folder of its own, and enrolled by drayctl device."""
import json
import os
import pwd
import queue
import shutil
import signal
import ssl
import subprocess
import tempfile

import paho.mqtt.client as mqtt

from sim import process, wait
from sim.broker import find_mosquitto

DEBIANS = "/etc/mosquitto/mosquitto.conf"


class DebianBroker:
    """
    Its mosquitto.conf is the package's with its folders moved. As root it runs as the package's user does:
    what it can't read there it can't read here.
    """

    def __init__(self, drayctl, config_path):
        self.drayctl, self.config_path = drayctl, config_path
        self.folder = tempfile.mkdtemp(prefix="dray-mosquitto-")
        os.chmod(self.folder, 0o755)
        self.etc = self.folder + "/etc"
        os.makedirs(self.etc + "/conf.d")
        with open(DEBIANS) as text:
            config = text.read().replace("/etc/mosquitto", self.etc)
        for name in ("/var/lib/mosquitto", "/var/log/mosquitto", "/run/mosquitto"):
            own = self.folder + name
            os.makedirs(own)
            config = config.replace(name, own)
            if os.geteuid() == 0:
                os.chown(own, pwd.getpwnam("mosquitto").pw_uid, -1)
        with open(self.etc + "/mosquitto.conf", "w") as out:
            out.write(config)
        self.log_path = self.folder + "/var/log/mosquitto/mosquitto.log"
        self.port, self.tls_port = wait.free_port(), wait.free_port()
        self.ca = self.etc + "/ca_certificates/dray-ca.crt"
        self.process = None

    def path(self, name):
        return os.path.join(self.etc, name)

    def read(self, name):
        with open(self.path(name)) as text:
            return text.read()

    def write(self, name, text):
        with open(self.path(name), "w") as out:
            out.write(text)

    # --- drayctl

    def ctl(self, *arguments, **options):
        """The CompletedProcess, whatever became of it."""
        return subprocess.run([self.drayctl, *arguments, "--config", self.config_path, "--mosquitto", self.etc],
                              capture_output=True, text=True, timeout=60, **options)

    def device(self, *arguments, **options):
        """drayctl device …, which must succeed."""
        done = self.ctl("device", *arguments, **options)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done

    def set_up(self):
        self.device("setup", "--host", "localhost")
        self.write("conf.d/dray-access.conf", self.read("conf.d/dray-access.conf")
                   .replace("listener 1883", "listener %d" % self.port)
                   .replace("listener 8883", "listener %d" % self.tls_port))
        return self

    def enrol(self, name, *arguments):
        """What the device is told."""
        return json.loads(self.device("add", name, "--json", *arguments).stdout)

    # --- the process

    def start(self):
        self.process = process.spawn([find_mosquitto(), "-c", self.etc + "/mosquitto.conf"],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait.until(lambda: self.process.poll() is not None or wait.is_listening(self.tls_port),
                   what="mosquitto listening; see " + self.log_path)
        assert self.process.poll() is None, self.log()
        return self

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def log(self):
        with open(self.log_path, errors="replace") as text:
            return text.read()

    def end(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)


class Station:
    """A client that an account was given to: tells whether it got in, and what it hears."""

    def __init__(self, broker, account, client_id=None, tls=True, password=None, clean=True, context=None):
        self.heard = queue.SimpleQueue()
        self.answers = queue.SimpleQueue()
        self.granted = queue.SimpleQueue()
        self.down = False
        self.client = mqtt.Client(client_id or account["client_id"], clean_session=clean,
                                  protocol=mqtt.MQTTv311)
        self.client.username_pw_set(account["username"], password or account["password"])
        if tls:
            self.client.tls_set_context(context or ssl.create_default_context(cafile=broker.ca))
        self.client.on_connect = lambda _c, _u, _f, code: self.answers.put(code)
        self.client.on_subscribe = lambda *_: self.granted.put(True)
        self.client.on_message = lambda _c, _u, message: self.heard.put((message.topic, message.payload))
        self.client.on_disconnect = self._on_disconnect
        self.client.reconnect_delay_set(60, 60)
        self.client.connect("localhost", broker.tls_port if tls else broker.port, keepalive=30)
        self.client.loop_start()
        self.code = self.answers.get(timeout=30)

    def _on_disconnect(self, *_):
        self.down = True

    def subscribe(self, *topics):
        self.client.subscribe([(topic, 1) for topic in topics])
        self.granted.get(timeout=30)
        return self

    def publish(self, topic, text="x", **more):
        self.client.publish(topic, text, qos=1, **more).wait_for_publish(30)

    def hear(self, topic):
        """The next that comes on this topic, parsed; what comes on others meanwhile is of no interest."""
        while True:
            heard, payload = self.heard.get(timeout=30)
            if heard == topic:
                return json.loads(payload)

    def hear_until(self, topic):
        """The topics of all that is heard before something comes on this one."""
        topics = []
        while True:
            heard = self.heard.get(timeout=30)[0]
            if heard == topic:
                return topics
            topics.append(heard)

    def close(self):
        self.client.disconnect()  # its thread ends by itself: one that waits to connect is not waited for
