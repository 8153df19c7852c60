"""The example apps for scanner developers, as processes: scanner.py and scanner.mjs."""
import json
import os
import shutil
import subprocess
import threading

from sim import npm, process

HERE = os.path.dirname(os.path.abspath(__file__))
MQTT_VERSION = "5.16.0"


def command(language):
    if language == "python":
        return ["/usr/bin/python3", os.path.join(HERE, "scanner.py")]
    place = npm.folder("mqtt", MQTT_VERSION)
    shutil.copy(os.path.join(HERE, "scanner.mjs"), place)  # node looks for modules beside the file
    return ["node", os.path.join(place, "scanner.mjs")]


class App:
    def __init__(self, language, port, device, folder, site="dc-sim-1"):
        self.command = command(language) + [
            "--port", str(port), "--site", site, "--device", device,
            "--outbox", os.path.join(str(folder), "outbox-" + device)]
        self.acks = []
        self.start()

    def start(self):
        """Also again after kill9(): with the outbox that it left."""
        self.process = process.spawn(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True, bufsize=1)
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self.reader.start()
        return self

    def _read(self, lines):
        for line in lines:
            self.acks.append(json.loads(line))

    def scan(self, kind, data):
        self.process.stdin.write("%s %s\n" % (kind, json.dumps(data)))
        self.process.stdin.flush()

    def finish(self, seconds):
        """No more scans; it ends by itself when all are confirmed."""
        self.process.stdin.close()
        status = self.process.wait(seconds)
        self.reader.join(10)
        return status

    def count(self, *statuses):
        return len({ack["id"] for ack in list(self.acks) if ack["status"] in statuses})

    def kill9(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(10)
        self.process.stdout.close()
