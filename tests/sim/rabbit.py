"""A RabbitMQ with its MQTT plugin: the clustered kind of broker. MQTT 3.1.1 only (Debian's 3.10)."""
import os
import shutil
import signal
import subprocess

from sim import process, wait

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def is_installed():
    return os.access(SERVER, os.X_OK) and shutil.which("epmd") is not None


class Rabbit:
    """A node of its own: own name, cookie, ports, folder and port mapper; nothing but MQTT listens."""

    def __init__(self, folder, user=("dray", "secret")):
        self.folder = os.path.join(str(folder), "rabbitmq")
        os.makedirs(self.folder)
        self.port, self.epmd_port = wait.free_port(), wait.free_port()
        self.process = None
        self._write("rabbitmq.conf", "\n".join([
            "listeners.tcp = none",
            "mqtt.listeners.tcp.1 = 127.0.0.1:%d" % self.port,
            "mqtt.allow_anonymous = false",
            "default_user = %s" % user[0], "default_pass = %s" % user[1],
            "loopback_users = none"]) + "\n")
        self._write("enabled_plugins", "[rabbitmq_mqtt].\n")
        self.env = dict(os.environ, HOME=self.folder, ERL_EPMD_PORT=str(self.epmd_port),
                        ERL_EPMD_ADDRESS="127.0.0.1",
                        RABBITMQ_NODENAME="dray-%d@localhost" % self.port,
                        RABBITMQ_DIST_PORT=str(wait.free_port()),
                        RABBITMQ_MNESIA_BASE=self.folder + "/mnesia",
                        RABBITMQ_LOG_BASE=self.folder + "/log",
                        RABBITMQ_CONFIG_FILE=self.folder + "/rabbitmq.conf",
                        RABBITMQ_CONF_ENV_FILE=self.folder + "/none",
                        RABBITMQ_ENABLED_PLUGINS_FILE=self.folder + "/enabled_plugins",
                        RABBITMQ_PID_FILE=self.folder + "/pid")

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as out:
            out.write(text)

    def start(self, seconds=90):
        with open(self.folder + "/out", "a") as out:
            self.process = process.spawn([SERVER], env=self.env, stdout=out, stderr=out,
                                         cwd=self.folder)
        wait.until(lambda: self.process.poll() is not None or wait.is_listening(self.port),
                   seconds, "RabbitMQ listening; see %s/out" % self.folder, every=0.1)
        if self.process.poll() is not None:
            raise RuntimeError("RabbitMQ did not start; see %s/out" % self.folder)
        return self

    def kill(self):
        """All of it: the node, its helpers, its port mapper."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            wait.until(lambda: not wait.is_listening(self.port), what="RabbitMQ gone")
        self.process = None

    def end(self):
        self.kill()
        subprocess.run(["epmd", "-port", str(self.epmd_port), "-kill"], capture_output=True)
