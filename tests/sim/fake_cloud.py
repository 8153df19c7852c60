#!/usr/bin/python3
"""A fake ERP or TMS with a bad temper and a good memory.

It keeps a ledger of its own, so that tests ask the other side what arrived instead of believing
the agent: which idempotency keys came, and for every event (source and id) how often it was
applied. A key seen before is answered as before and applied no further; without a key everything
is applied again, which the ledger then shows as doubled. What came is remembered also when the script
made the request fail: a key with another body is a conflict, an event under another key is rekeyed.

Two listeners: the data port obeys the script of faults, the control port always answers.

  POST /_control   {"faults": [fault, ...], "listen": true|false, "gate": {rule: value}}
  GET  /_ledger    the sums
  GET  /_ids       {"<source> <id>": how often applied}
  GET  /_asked     {"<source> <id>": when it last came, applied or not; CLOCK_MONOTONIC in s}
  GET  /_events    the last events applied, as they came
  GET  /_requests  the last requests: when each was answered (Unix time in s), path, headers, status
  GET  /_gate      how many tokens, CSRF tokens and sessions were given; gate.py has the rules

A fault is an object; the first that matches a request is used up by one.
  do          status | hang | hold | close | garbage | slow | auth
  apply       apply the request before failing (default false): "error, but applied"
  count       how many requests; absent: for ever
  every       only each n-th request that matches
  id_part     only requests that carry an event whose id contains this
  path_part   only requests to a path that contains this
  kept_alive  only on a connection that was used before
  status, headers, body    what "status" answers
  ms          how long "slow" waits; "hold" waits until there is another script, "hang" for ever
  header, value            what "auth" wants to see, else 401
"""
import argparse
import asyncio
import collections
import dataclasses
import json
import socket
import ssl
import sys
import time

from gate import Gate

REASONS = {200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 409: "Conflict", 422: "Unprocessable Entity",
           429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
KEPT = 2000


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes


@dataclasses.dataclass
class Fault:
    do: str
    apply: bool = False
    count: int = None
    every: int = 1
    id_part: str = None
    path_part: str = None
    kept_alive: bool = False
    status: int = 503
    headers: dict = dataclasses.field(default_factory=dict)
    body: str = '{"error":"as the script says"}'
    ms: int = 0
    header: str = "authorization"
    value: str = ""
    seen: int = 0

    def takes(self, request, ids, served):
        if self.count == 0 or (self.kept_alive and not served):
            return False
        if self.path_part and self.path_part not in request.path:
            return False
        if self.id_part and not any(self.id_part in event_id for event_id in ids):
            return False
        if self.do == "auth" and request.headers.get(self.header.lower()) == self.value:
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        if self.count is not None:
            self.count -= 1
        return True


def name_of(event):
    return "%s %s" % (event.get("source"), event.get("id"))


class Ledger:
    def __init__(self, name):
        self.name = name
        self.requests = 0
        self.connections = 0
        self.repeats = 0
        self.key_conflicts = 0
        self.rekeyed = 0
        self.out_of_order = 0
        self.doubled = []
        self.statuses = collections.Counter()
        self.types = collections.Counter()
        self.applied = collections.Counter()
        self.answers = {}
        self.bodies = {}
        self.keys = {}
        self.asked = {}
        self.last_nth = {}
        self.events = collections.deque(maxlen=KEPT)
        self.recent = collections.deque(maxlen=KEPT)

    def hear(self, key, body, events):
        """A request came, whatever becomes of it."""
        now = time.monotonic()
        if key is not None and self.bodies.setdefault(key, hash(body)) != hash(body):
            self.key_conflicts += 1
        for event in events:
            who = name_of(event)
            self.asked[who] = now
            if self.keys.setdefault(who, key) != key:
                self.rekeyed += 1

    def take(self, key, body, events):
        """Apply a request once per key; returns (status, answer)."""
        if key is not None and key in self.answers:
            if self.bodies[key] != hash(body):
                return 422, '{"error":"this key came with another body"}'
            self.repeats += 1
            return self.answers[key]
        for event in events:
            self.apply(event)
        answer = json.dumps({"ref": "%s-%06d" % (self.name.upper(), len(self.answers) + 1)})
        if key is not None:
            self.answers[key] = (201, answer)
        return 201, answer

    def apply(self, event):
        who = name_of(event)
        self.applied[who] += 1
        if self.applied[who] == 2:
            self.doubled.append(who)
        self.types[event.get("type")] += 1
        self.events.append(event)
        data = event.get("data") or {}
        document = data.get("document") or {}
        nth = data.get("nth")
        if nth is None or self.applied[who] > 1:
            return
        key = (document.get("type"), document.get("id"))
        if nth <= self.last_nth.get(key, 0):
            self.out_of_order += 1
        self.last_nth[key] = nth

    def sums(self):
        return {"name": self.name, "requests": self.requests, "connections": self.connections,
                "applied": len(self.applied), "doubled": len(self.doubled),
                "doubled_ids": self.doubled[:20], "repeats": self.repeats,
                "key_conflicts": self.key_conflicts, "rekeyed": self.rekeyed,
                "out_of_order": self.out_of_order,
                "keys": len(self.answers), "types": self.types,
                "statuses": {str(k): v for k, v in self.statuses.items()}}


class Http(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time, as little of it as the agent needs."""

    def connection_made(self, transport):
        self.transport = transport
        self.buffer = bytearray()
        self.head = None
        self.busy = False
        self.served = 0

    def data_received(self, data):
        self.buffer += data
        self.advance()

    def advance(self):
        while not self.busy and not self.transport.is_closing():
            request = self.next_request()
            if request is None:
                return
            self.busy = True
            self.on_request(request)

    def next_request(self):
        if self.head is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return None
            lines = self.buffer[:end].decode("latin-1").split("\r\n")
            del self.buffer[:end + 4]
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            self.head = (lines[0].split(" "), headers)
            if headers.get("expect", "").lower() == "100-continue":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        (method, path, _), headers = self.head
        length = int(headers.get("content-length", 0))
        if len(self.buffer) < length:
            return None
        body = bytes(self.buffer[:length])
        del self.buffer[:length]
        self.head = None
        return Request(method, path, headers, body)

    def reply(self, status, body, headers=None):
        if self.transport.is_closing():
            return
        lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Status")),
                 "Content-Type: application/json", "Content-Length: %d" % len(body.encode())]
        lines += ["%s: %s" % item for item in (headers or {}).items()]
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        self.served += 1
        self.busy = False

    def on_request(self, request):
        raise NotImplementedError


class Data(Http):
    def __init__(self, cloud):
        self.cloud = cloud

    def connection_made(self, transport):
        super().connection_made(transport)
        self.cloud.ledger.connections += 1
        self.cloud.open.add(self)

    def connection_lost(self, exc):
        self.cloud.open.discard(self)

    def on_request(self, request):
        refusal = self.cloud.gate.answer(request)
        if refusal:
            self.answer(request, *refusal)
            return
        self.cloud.ledger.requests += 1
        try:
            events = json.loads(request.body)
        except ValueError:
            self.answer(request, 400, '{"error":"not JSON"}')
            return
        if isinstance(events, dict):
            events = [events]
        self.cloud.ledger.hear(request.headers.get(self.cloud.key_header), request.body, events)
        ids = [str(event.get("id")) for event in events]
        fault = next((f for f in self.cloud.faults if f.takes(request, ids, self.served)), None)
        if fault is None:
            self.answer(request, *self.take(request, events))
        else:
            self.misbehave(fault, request, events)

    def take(self, request, events):
        key = request.headers.get(self.cloud.key_header)
        return self.cloud.ledger.take(key, request.body, events)

    def misbehave(self, fault, request, events):
        if fault.apply:
            self.take(request, events)
        if fault.do == "hang":
            self.note(request, 0)
        elif fault.do == "hold":
            self.cloud.held.append(lambda: self.finish_slow(request, events))
        elif fault.do == "close":
            self.note(request, 0)
            self.transport.abort() if fault.ms else self.transport.close()
        elif fault.do == "garbage":
            self.note(request, 0)
            self.transport.write(b"\x00\xff 200 maybe <html>\r\n\r\n" * 4)
            self.transport.close()
        elif fault.do == "slow":
            later = asyncio.get_running_loop().call_later
            later(fault.ms / 1000, lambda: self.finish_slow(request, events))
        elif fault.do == "auth":
            self.answer(request, 401, '{"error":"who are you"}')
        else:
            self.answer(request, fault.status, fault.body, fault.headers)

    def finish_slow(self, request, events):
        self.answer(request, *self.take(request, events))
        self.advance()

    def answer(self, request, status, body, headers=None):
        self.note(request, status)
        self.reply(status, body, headers)

    def note(self, request, status):
        ledger = self.cloud.ledger
        ledger.statuses[status] += 1
        ledger.recent.append({"at": time.time(), "method": request.method, "path": request.path,
                              "headers": request.headers, "status": status,
                              "body": request.body[:4096].decode("utf-8", "replace")})


class Control(Http):
    def __init__(self, cloud):
        self.cloud = cloud

    def on_request(self, request):
        ledger = self.cloud.ledger
        views = {"/_ledger": ledger.sums, "/_ids": lambda: ledger.applied,
                 "/_asked": lambda: ledger.asked, "/_events": lambda: list(ledger.events),
                 "/_requests": lambda: list(ledger.recent),
                 "/_gate": lambda: self.cloud.gate.counts}
        if request.path == "/_control":
            asyncio.ensure_future(self.obey(json.loads(request.body)))
        elif request.path in views:
            self.reply(200, json.dumps(views[request.path]()))
        else:
            self.reply(404, "{}")

    async def obey(self, order):
        if "faults" in order:
            self.cloud.faults = [Fault(**spec) for spec in order["faults"]]
            held, self.cloud.held = self.cloud.held, []
            for finish in held:
                finish()
        self.cloud.gate.obey(order.get("gate", {}))
        if "listen" in order:
            await (self.cloud.listen() if order["listen"] else self.cloud.refuse())
        self.reply(200, "{}")


class FakeCloud:
    def __init__(self, name, key_header, tls):
        self.ledger = Ledger(name)
        self.key_header = key_header.lower()
        self.tls = tls
        self.gate = Gate()
        self.faults = []
        self.held = []
        self.open = set()
        self.server = None
        self.place = None  # bound, not listening: while we are down nobody else takes the port
        self.port = 0

    async def listen(self):
        if self.place is None:
            self.place = socket.socket()
            self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.place.bind(("127.0.0.1", self.port))
            self.port = self.place.getsockname()[1]
        if self.server is None:
            loop = asyncio.get_running_loop()
            self.server = await loop.create_server(
                lambda: Data(self), "127.0.0.1", self.port, ssl=self.tls, backlog=512,
                reuse_port=True)

    async def refuse(self):
        """Stop listening, and drop who is connected: as a host that went down."""
        if self.server is not None:
            self.server.close()
            self.server = None
            for connection in list(self.open):
                connection.transport.abort()


def tls_context(options):
    if not options.cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    if options.client_ca:
        context.load_verify_locations(options.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def serve(options):
    cloud = FakeCloud(options.name, options.key_header, tls_context(options))
    cloud.port = options.port
    await cloud.listen()
    loop = asyncio.get_running_loop()
    control = await loop.create_server(lambda: Control(cloud), "127.0.0.1", 0)
    print(cloud.port, control.sockets[0].getsockname()[1], flush=True)
    # Whoever started it holds the other end of stdin: when they end, so does it.
    await loop.run_in_executor(None, sys.stdin.read)


def main():
    parser = argparse.ArgumentParser(description="a fake ERP or TMS")
    parser.add_argument("--name", default="erp")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key-header", default="Idempotency-Key")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--client-ca")
    try:
        asyncio.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
