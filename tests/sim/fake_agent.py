"""Somebody who answers GET /v1/status on a Unix socket, with whatever a test wants said."""
import http.server
import json
import os
import socketserver
import threading

STATUS = {"version": "0.1.0", "clock": {"trusted": True}, "salvage": None,
          "store": {"level": "ample", "reason": ""},
          "broker": {"connected": True, "reason": "", "version": "", "flaw": "", "mqtt": "5"}}


class FakeAgent(socketserver.UnixStreamServer):
    def __init__(self, path, **changes):
        status = json.loads(json.dumps(STATUS))
        for name, change in changes.items():
            if isinstance(change, dict) and isinstance(status[name], dict):
                status[name].update(change)
            else:
                status[name] = change

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(status).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

            def address_string(self):
                return "drayctl"
        super().__init__(path, Handler)
        self.path = path
        os.chmod(path, 0o660)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()
        os.unlink(self.path)
