"""Who runs the fleet: documents signed with openssl, published as desired or served, and what sites report."""
import base64
import json
import os
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sim import wait
from sim.floor import SITE


def document(revision, config, site=SITE):
    return {"site": site, "revision": revision, "config": config}


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """An Ed25519 key as openssl makes one; it signs as the guide does it by hand."""

    def __init__(self, folder, name="fleet"):
        self.path = os.path.join(str(folder), name + ".pem")
        self._openssl("genpkey", "-algorithm", "ed25519", "-out", self.path)
        self.public = "".join(self._openssl("pkey", "-in", self.path, "-pubout").decode()
                              .splitlines()[1:-1])

    def _openssl(self, *arguments):
        return subprocess.run(("openssl",) + arguments, check=True, capture_output=True).stdout

    def sign(self, what, header=None):
        """A JWS; `what` is a document, or bytes as they are."""
        payload = what if isinstance(what, bytes) else json.dumps(what).encode()
        jws = {"protected": base64url(json.dumps(header or {"alg": "EdDSA"}).encode()),
               "payload": base64url(payload)}
        signed = self.path + ".signed"
        with open(signed, "w") as out:
            out.write("%(protected)s.%(payload)s" % jws)
        jws["signature"] = base64url(self._openssl(
            "pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", signed))
        return jws

    def verifies(self, jws):
        signature, signed = self.path + ".signature", self.path + ".signed"
        padded = jws["signature"] + "=" * (-len(jws["signature"]) % 4)
        with open(signature, "wb") as out:
            out.write(base64.urlsafe_b64decode(padded))
        with open(signed, "w") as out:
            out.write("%(protected)s.%(payload)s" % jws)
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-inkey", self.path, "-rawin", "-in",
                               signed, "-sigfile", signature], capture_output=True).returncode == 0


class Desk:
    """One site's topics, seen from the fleet's side."""

    def __init__(self, device, site=SITE, root="dray/v1"):
        self.device = device  # made with also=[topic("reported")]
        self.desired, self.reported = (topic(name, site, root) for name in ("desired", "reported"))

    def publish(self, what):
        self.device.send(what, topic=self.desired, retain=True)

    def reports(self):
        with self.device.lock:
            return [json.loads(heard.payload) for heard in self.device.heard
                    if heard.topic == self.reported and heard.payload]

    def hear(self, condition, seconds=60, what="a report"):
        """The newest report, once it meets the condition."""
        def newest():
            reports = self.reports()
            return reports[-1] if reports and condition(reports[-1]) else None
        try:
            return wait.until(newest, seconds, what)
        except AssertionError as error:
            raise AssertionError("%s; heard: %s" % (error, self.reports()[-3:])) from None

    def hear_last(self, revision, result, seconds=60):
        """The report that says this of the last that was offered; by now there may be others behind it."""
        def said():
            return next((report for report in self.reports() if report["last"] and
                         (report["last"]["revision"], report["last"]["result"]) == (revision, result)), None)
        try:
            return wait.until(said, seconds, "revision %s to be %s" % (revision, result))
        except AssertionError as error:
            raise AssertionError("%s; heard: %s" % (error, self.reports()[-3:])) from None


def topic(name, site=SITE, root="dray/v1"):
    return "%s/%s/config/%s" % (root, site, name)


class Shelf:
    """A server with one document and its entity tag. `asked`: the headers of each question."""

    def __init__(self, tls=None):
        self.status, self.body, self.tag, self.token = 404, b"", None, None
        self.asked, self.answered = [], []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                shelf.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.server_cert, tls.server_key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = "%s://127.0.0.1:%d/dray/%s.json" % ("https" if tls else "http", self.port, SITE)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def put(self, what, tag=None):
        self.body = what if isinstance(what, bytes) else json.dumps(what).encode()
        self.tag, self.status = tag, 200

    def answer(self, handler):
        asked = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append(asked)
        status, body = self.status, self.body
        if self.token and asked.get("authorization") != "Bearer " + self.token:
            status = 401
        elif status == 200 and self.tag and asked.get("if-none-match") == self.tag:
            status = 304
        if status != 200:
            body = b""
        handler.send_response(status)
        if self.tag:
            handler.send_header("ETag", self.tag)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        self.answered.append(status)

    def wait_answered(self, status, n=1, seconds=60):
        wait.until(lambda: self.answered.count(status) >= n, seconds,
                   "%d answers with %d, not %s" % (n, status, self.answered))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
