"""A vendor's published OpenAPI description, served by a mock that refuses wrong requests.

@stoplight/prism-cli from npm, kept below build/: installed once. Whoever can't have it skips."""
import http.client
import json
import os
import shutil
import subprocess

import pytest

from sim import agent, process, wait

VERSION = "5.14.2"
FOLDER = os.path.join(agent.ROOT, "build/prism-%s" % VERSION)
PROGRAM = os.path.join(FOLDER, "node_modules/.bin/prism")
INSTALL_S = 180
START_S = 120


def fixture(path):
    """A file of the fixtures; skips where it is absent."""
    folder = os.environ.get("DRAY_FIXTURES") or os.path.join(agent.ROOT, "../shared/fixtures")
    path = os.path.join(folder, path)
    if not os.path.exists(path):
        pytest.skip("no %s" % path)
    return path


def install():
    if os.path.exists(PROGRAM):
        return
    if not shutil.which("npm"):
        pytest.skip("no npm, so no @stoplight/prism-cli")
    half_made = "%s.%d" % (FOLDER, os.getpid())
    os.makedirs(half_made)
    try:
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", half_made,
                        "@stoplight/prism-cli@%s" % VERSION],
                       check=True, timeout=INSTALL_S, capture_output=True)
        os.rename(half_made, FOLDER)
    except (subprocess.SubprocessError, OSError) as error:
        if not os.path.exists(PROGRAM):
            pytest.skip("npm gives no @stoplight/prism-cli: %s" % error)
    finally:
        shutil.rmtree(half_made, ignore_errors=True)


class Prism:
    def __init__(self, description, log):
        install()
        self.port = wait.free_port()
        with open(log, "wb") as out:
            self.child = process.spawn(
                [PROGRAM, "mock", "--host", "127.0.0.1", "--port", str(self.port), description],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        wait.until(self.is_up, START_S, "prism listens; see %s" % log)

    def is_up(self):
        assert self.child.poll() is None, "prism has ended"
        return wait.is_listening(self.port)

    def end(self):
        self.child.kill()
        self.child.wait(10)

    def ask(self, send, headers):
        """Send a connector's request; the answer as a connector is told of it."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = json.dumps(send["body"]) if "body" in send else None
        headers = {**headers, **send.get("headers", {})}
        if body is not None:
            headers["Content-Type"] = send.get("content_type", "application/json")
        link.request(send.get("method", "POST"), send["path"], body, headers)
        answer = link.getresponse()
        text = answer.read().decode()
        link.close()
        return {"status": answer.status, "body": json.loads(text),
                "headers": {name.lower(): value for name, value in answer.getheaders()}}
