"""A real Mosquitto with the settings that dray ships, on a free loopback port."""
import os
import signal
import subprocess

from sim import process, wait

SNIPPET = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "../../packaging/mosquitto/dray.conf")


def find_mosquitto():
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/local/sbin"]:
        path = os.path.join(folder, "mosquitto")
        if os.access(path, os.X_OK):
            return path
    raise RuntimeError("mosquitto is not installed; apt-get install mosquitto")


class Broker:
    """
    tls   a tls.Certificates: the listener demands a client certificate
    user  (name, password): nobody else may connect
    extra more lines of configuration
    """

    def __init__(self, folder, tls=None, user=None, extra=""):
        self.folder = os.path.join(str(folder), "mosquitto")
        os.makedirs(self.folder)
        self.port = wait.free_port()
        self.process = None
        self._write_config(tls, user, extra)

    def _write_config(self, tls, user, extra):
        with open(SNIPPET) as snippet:
            lines = [snippet.read(), "persistence_location %s/" % self.folder]
        lines += ["log_dest file %s/mosquitto.log" % self.folder, "log_type all",
                  "listener %d 127.0.0.1" % self.port]
        if os.geteuid() == 0:
            lines.append("user root")
        if tls:
            lines += ["cafile " + tls.ca, "certfile " + tls.server_cert,
                      "keyfile " + tls.server_key, "require_certificate true"]
        if user:
            passwords = os.path.join(self.folder, "passwords")
            subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, *user], check=True,
                           capture_output=True)
            lines += ["password_file " + passwords, "allow_anonymous false"]
        else:
            lines.append("allow_anonymous true")
        with open(self.folder + "/mosquitto.conf", "w") as out:
            out.write("\n".join(lines) + "\n" + extra)

    def start(self):
        self.process = process.spawn(
            [find_mosquitto(), "-c", self.folder + "/mosquitto.conf"], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait.until(lambda: self.process.poll() is not None or wait.is_listening(self.port),
                   what="mosquitto listening on port %d" % self.port)
        if self.process.poll() is not None:
            raise RuntimeError("mosquitto did not start; see %s/mosquitto.log" % self.folder)
        return self

    def stop(self):
        """An orderly end: sessions are saved."""
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def forget(self):
        """Lose every session and queue. While it is stopped."""
        try:
            os.unlink(self.folder + "/mosquitto.db")
        except FileNotFoundError:
            pass

    def log(self):
        with open(self.folder + "/mosquitto.log", errors="replace") as text:
            return text.read()

    def _end(self, how):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
