#!/usr/bin/python3
"""A cloud that does to its clients all that clouds have been seen to do, and keeps a ledger of it.

Each of its systems recognises a repeat in another way, or not at all:

  header   POST /header/events        by Idempotency-Key, for as long as --key-lifetime
  natural  PUT  /natural/events/KEY   an upsert
  lookup   POST /lookup/receipts      nothing but a unique `reference`; GET ?reference=KEY finds it
  steps    POST /steps/orders, then /steps/orders/N/lines, then /steps/orders/N/post; found likewise
  job      POST /job/captures         202 and a Location; GET it until the job has ended; by key.
                                      It ends whether it is looked at or not
  bulk     POST /bulk/records         an array; 200 with a result for each; every third is refused
  none     POST /none/events          it does not recognise anything

An event is applied when it counts: at the end of its steps, or of its job. One that asks for the item
BAD is refused by every system, in its own words, and never applied.

What befalls a request is drawn from the seed for it, or is the next of a script:

  fine          as it should be
  lost          the connection closes, nothing was done
  applied_close it is done, the connection closes without an answer
  applied_500   it is done, and the answer is 500 (or 502, 504, 408)
  error_500     500 (502, 503, 504), nothing was done
  ghost         it is done long after the client has given up, behind its twin
  late          it is done, the answer comes just before or after the client's time-out
  half          it is done, half an answer, then the connection closes
  html          it is done, the answer is 200 with a page in HTML
  login_page    nothing is done, the answer is 200 with a log-in page; not to `header`, `natural` and
                `none`, where a 2xx is a promise
  huge          it is done, the answer has three megabytes
  busy          429, half of them with Retry-After
  redirect      307 to itself
  unauthorised  401, whatever the token

With --token-lifetime every request needs a bearer token from POST /token (client credentials), which
lives so long; with --csrf every request that changes something needs the token and the cookie that
GET /csrf gives, which change every --csrf requests.

Two listeners, as fake_cloud.py has: the data port, and a control port that always answers.

  POST /_control  {"trouble": percent, "script": [...], "lifetime_s": …}
  GET  /_ledger   {"applied": {system: {id: n}}, "doubled": [...], "ambiguous": {system: [id]},
                   "asked": {system: {id: n}}, "befell": {what: n}, "tokens": n, "pending": n}
  GET  /_journal  [line]: each request, what befell it, what was done and when, in its order
"""
import argparse
import asyncio
import base64
import collections
import json
import random
import ssl
import sys
import time
import urllib.parse

from fake_cloud import Http, REASONS

REASONS.update({202: "Accepted", 307: "Temporary Redirect", 408: "Request Timeout",
                500: "Internal Server Error", 502: "Bad Gateway", 504: "Gateway Timeout"})

TROUBLES = ["lost", "applied_close", "applied_500", "error_500", "ghost", "late", "half", "html",
            "login_page", "huge", "busy", "redirect", "unauthorised"]
KEEPS_ITS_WORD = ("header", "natural", "none")
SAFE = ("GET", "HEAD")
JOB_S = 0.3
# After these the client can't know what was done.
AMBIGUOUS = ("applied_close", "applied_500", "error_500", "ghost", "late", "half", "lost", "html",
             "login_page", "huge")


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(body)
        self.status, self.body = status, body


def is_bad(event):
    return "\"BAD\"" in json.dumps(event.get("data", {}).get("lines", []))


class Ledger:
    def __init__(self):
        self.applied = collections.defaultdict(collections.Counter)
        self.asked = collections.defaultdict(collections.Counter)
        self.ambiguous = collections.defaultdict(set)
        self.befell = collections.Counter()
        self.order = collections.defaultdict(list)
        self.journal = []

    def note(self, text):
        now = time.time()
        self.journal.append("%s.%03dZ %s" % (time.strftime("%H:%M:%S", time.gmtime(now)),
                                             now % 1 * 1000, text))

    def apply(self, system, event):
        self.note("%s applies %s" % (system, event["id"]))
        self.applied[system][event["id"]] += 1
        self.order[system].append(event["id"])

    def sums(self, cloud):
        return {"applied": self.applied, "asked": self.asked, "befell": self.befell,
                "ambiguous": {system: sorted(ids) for system, ids in self.ambiguous.items()},
                "doubled": sorted("%s %s" % (system, event_id)
                                  for system, ids in self.applied.items()
                                  for event_id, n in ids.items() if n > 1),
                "order": self.order, "tokens": cloud.gate.n_tokens, "pending": cloud.pending}


class Systems:
    """What is applied, and how each system knows a repeat."""

    def __init__(self, ledger, key_lifetime_s, later):
        self.ledger = ledger
        self.later = later
        self.key_lifetime_s = key_lifetime_s
        self.keys = {}
        self.receipts = {}
        self.orders = []
        self.jobs = []
        self.records = 0

    def serve(self, method, path, query, headers, body):
        system, _, rest = path.strip("/").partition("/")
        handler = getattr(self, "do_" + system, None)
        if handler is None:
            raise Refused(404, {"error": "there is no %s" % path})
        return handler(method, rest.split("/"), query, headers, body)

    def once(self, system, key, body, do):
        """By key: the first answer again, for as long as the key is remembered."""
        known = self.keys.get((system, key))
        if key is None:
            raise Refused(400, {"error": "a key is required"})
        if known and time.monotonic() - known[0] < self.key_lifetime_s:
            if known[1] != body:
                raise Refused(422, {"error": "this key came with another body"})
            return known[2]
        answer = do()
        self.keys[(system, key)] = (time.monotonic(), body, answer)
        return answer

    def take(self, system, events):
        for event in events:
            if is_bad(event):
                raise Refused(422, {"message": "item BAD is not known here"})
        for event in events:
            self.ledger.apply(system, event)

    def do_header(self, method, rest, query, headers, body):
        events = body if isinstance(body, list) else [body]

        def do():
            self.take("header", events)
            return 201, {"ref": "H-%d" % len(self.keys)}, {}
        return self.once("header", headers.get("idempotency-key"), body, do)

    def do_natural(self, method, rest, query, headers, body):
        key = rest[-1]
        if method != "PUT":
            raise Refused(405, {"error": "PUT"})
        if is_bad(body):
            raise Refused(422, {"message": "item BAD is not known here"})
        if ("natural", key) not in self.keys:
            self.ledger.apply("natural", body)
        self.keys[("natural", key)] = body
        return 200, {"ref": key}, {}

    def do_none(self, method, rest, query, headers, body):
        self.take("none", [body])
        return 201, {"ref": "N"}, {}

    def do_lookup(self, method, rest, query, headers, body):
        if method == "GET":
            found = self.receipts.get(query.get("reference"))
            return 200, {"found": [found] if found else []}, {}
        reference = body["reference"]
        if reference in self.receipts:
            raise Refused(422, {"message": "a receipt with this reference is there"})
        self.take("lookup", [body["event"]])
        self.receipts[reference] = {"number": "R-%d" % (len(self.receipts) + 1)}
        return 201, self.receipts[reference], {}

    def find_order(self, reference):
        return next((order for order in self.orders if order["reference"] == reference), None)

    def do_steps(self, method, rest, query, headers, body):
        if method == "GET":
            order = self.find_order(query.get("reference"))
            shown = {k: order[k] for k in ("id", "state")} if order else None
            return 200, {"found": [shown] if shown else []}, {}
        if len(rest) == 1:
            if self.find_order(body["reference"]):
                raise Refused(409, {"message": "an order with this reference is there"})
            order = {"id": len(self.orders) + 1, "reference": body["reference"], "state": "draft",
                     "event": None}
            self.orders.append(order)
            return 201, {"id": order["id"]}, {}
        order = self.orders[int(rest[1]) - 1]
        if rest[2] == "lines":
            if is_bad(body):
                raise Refused(422, {"message": "item BAD is not known here"})
            order["event"] = body
            order["state"] = "ready" if order["state"] == "draft" else order["state"]
        elif order["state"] == "ready":
            self.ledger.apply("steps", order["event"])
            order["state"] = "posted"
        # Posted twice: 200, and nothing happens.
        return 200, {"state": order["state"]}, {}

    def end_job(self, job):
        if not job["applied"] and not is_bad(job["event"]):
            job["applied"] = True
            self.ledger.apply("job", job["event"])

    def do_job(self, method, rest, query, headers, body):
        if method == "GET":
            job = self.jobs[int(rest[1]) - 1]
            job["looks"] += 1
            if job["looks"] < 3:
                return 200, {"state": "running"}, {}
            if is_bad(job["event"]):
                return 200, {"state": "failed", "errors": ["item BAD is not known here"]}, {}
            self.end_job(job)
            return 200, {"state": "done"}, {}

        def do():
            job = {"event": body, "looks": 0, "applied": False}
            self.jobs.append(job)
            self.ledger.ambiguous["job"].add(body["id"])
            self.later(JOB_S, lambda: self.end_job(job))
            return 202, None, {"Location": "/job/captures/%d" % len(self.jobs)}
        return self.once("job", headers.get("idempotency-key"), body, do)

    def do_bulk(self, method, rest, query, headers, body):
        results = []
        for record in body:
            event, key = record["event"], record["key"]
            self.records += 1
            if is_bad(event):
                results.append({"id": event["id"], "error": "item BAD is not known here"})
            elif self.records % 3 == 0:
                results.append({"id": event["id"], "error": "locked"})
            else:
                if ("bulk", key) not in self.keys:
                    self.ledger.apply("bulk", event)
                self.keys[("bulk", key)] = event
                results.append({"id": event["id"], "ok": True})
        return 200, results, {}


class Gate:
    """Tokens that live a moment, and CSRF tokens with their cookie."""

    def __init__(self, token_lifetime_s, csrf_every):
        self.token_lifetime_s = token_lifetime_s
        self.csrf_every = csrf_every
        self.tokens = {}
        self.n_tokens = 0
        self.csrf = None
        self.n_csrf_used = 0

    def give_token(self, request):
        basic = base64.b64encode(b"dray:s3cret").decode()
        if request.headers.get("authorization") != "Basic " + basic:
            return 401, {"error": "invalid_client"}
        self.n_tokens += 1
        token = "t%d" % self.n_tokens
        self.tokens = {token: time.monotonic() + self.token_lifetime_s}
        return 200, {"access_token": token, "token_type": "Bearer",
                     "expires_in": max(1, int(self.token_lifetime_s))}

    def new_csrf(self):
        self.csrf = "c%d" % random.getrandbits(40)
        self.n_csrf_used = 0
        return self.csrf

    def check(self, request):
        if self.token_lifetime_s:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme != "Bearer" or self.tokens.get(token, 0) < time.monotonic():
                raise Refused(401, {"error": "the token has expired"})
        if self.csrf_every and request.method not in SAFE:
            self.n_csrf_used += 1
            if (self.csrf is None or request.headers.get("x-csrf-token") != self.csrf or
                    ("session=" + self.csrf) not in request.headers.get("cookie", "") or
                    self.n_csrf_used > self.csrf_every):
                raise Refused(403, {"error": "CSRF token validation failed"})


class Data(Http):
    def __init__(self, cloud):
        self.cloud = cloud

    def connection_made(self, transport):
        super().connection_made(transport)
        self.cloud.open.add(self)

    def connection_lost(self, exc):
        self.cloud.open.discard(self)

    def on_request(self, request):
        cloud = self.cloud
        path, _, text = request.path.partition("?")
        query = dict(urllib.parse.parse_qsl(text))
        system = path.strip("/").partition("/")[0]
        if system == "token":
            status, body = cloud.gate.give_token(request)
            self.say(status, body)
            return
        if system == "csrf":
            token = cloud.gate.new_csrf()
            self.say(200, {}, {"X-CSRF-Token": token, "Set-Cookie": "session=%s; HttpOnly" % token})
            return
        try:
            body = json.loads(request.body) if request.body else None
        except ValueError:
            self.say(400, {"error": "not JSON"})
            return
        ids = cloud.ids_of(system, path, body)
        for event_id in ids:
            cloud.ledger.asked[system][event_id] += 1
        what = cloud.draw(system)
        cloud.ledger.befell[what] += 1
        name = "%s %s %s" % (request.method, request.path, " ".join(ids))
        cloud.ledger.note("%s: %s" % (name, what))
        if what in AMBIGUOUS and request.method not in SAFE:
            cloud.ledger.ambiguous[system].update(ids)

        def do():
            cloud.gate.check(request)
            answer = cloud.systems.serve(request.method, path, query, request.headers, body)
            cloud.ledger.note("%s: %d %s" % (name, answer[0], json.dumps(answer[1:])))
            return answer
        getattr(self, "befall_" + what)(request, do)

    # --- what befalls a request ---------------------------------------------------------------------

    def work(self, do):
        """(status, body, headers), refusals included."""
        try:
            return do()
        except (LookupError, TypeError, ValueError) as error:
            return 404, {"error": "no such thing: %r" % error}, {}
        except Refused as refused:
            headers = {"X-CSRF-Token": "Required"} if refused.status == 403 else {}
            return refused.status, refused.body, headers

    def befall_fine(self, request, do):
        self.say(*self.work(do))

    def befall_lost(self, request, do):
        self.transport.abort()

    def befall_applied_close(self, request, do):
        self.work(do)
        self.transport.abort()

    def befall_applied_500(self, request, do):
        self.work(do)
        self.say(self.cloud.dice.choice([500, 502, 504, 408]), {"error": "it went wrong"})

    def befall_error_500(self, request, do):
        self.say(self.cloud.dice.choice([500, 502, 503, 504]), {"error": "it went wrong"})

    def befall_ghost(self, request, do):
        self.cloud.later(self.cloud.ghost_s, lambda: self.work(do))
        # The client gives up by its own time-out.

    def befall_late(self, request, do):
        answer = self.work(do)
        self.cloud.later(self.cloud.late_s, lambda: self.say_and_go_on(*answer))

    def befall_half(self, request, do):
        status, body, _ = self.work(do)
        text = json.dumps(body)
        self.transport.write(("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                              "Content-Length: %d\r\n\r\n%s" % (
                                  status, REASONS.get(status, "Status"), len(text) + 40,
                                  text[:len(text) // 2])).encode())
        self.transport.close()

    def befall_html(self, request, do):
        answer = self.work(do)
        if answer[0] >= 300:
            self.say(*answer)
        else:
            self.page("<html><body>done</body></html>")

    def befall_login_page(self, request, do):
        self.page("<html><form>who are you?</form></html>")

    def befall_huge(self, request, do):
        status, body, headers = self.work(do)
        if isinstance(body, dict):
            body = dict(body, padding="x" * (3 << 20))
        self.say(status, body, headers)

    def befall_busy(self, request, do):
        headers = {"Retry-After": "1"} if self.cloud.dice.random() < 0.5 else {}
        self.say(429, {"error": "too many requests"}, headers)

    def befall_redirect(self, request, do):
        self.say(307, None, {"Location": request.path})

    def befall_unauthorised(self, request, do):
        self.say(401, {"error": "who are you"})

    # --- answers --------------------------------------------------------------------------------------

    def say(self, status, body, headers=None):
        self.reply(status, "" if body is None else json.dumps(body), headers)

    def say_and_go_on(self, status, body, headers):
        self.say(status, body, headers)
        self.advance()

    def page(self, text):
        if self.transport.is_closing():
            return
        self.transport.write(("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"
                              "\r\n%s" % (len(text), text)).encode())
        self.served += 1
        self.busy = False


class Control(Http):
    def __init__(self, cloud):
        self.cloud = cloud

    def on_request(self, request):
        if request.path == "/_control":
            order = json.loads(request.body)
            self.cloud.trouble = order.get("trouble", self.cloud.trouble)
            self.cloud.script = order.get("script", self.cloud.script)
            if "lifetime_s" in order:
                self.cloud.systems.key_lifetime_s = order["lifetime_s"]
            if "token_lifetime_s" in order:
                self.cloud.gate.token_lifetime_s = order["token_lifetime_s"]
            self.reply(200, "{}")
        elif request.path == "/_ledger":
            self.reply(200, json.dumps(self.cloud.ledger.sums(self.cloud)))
        elif request.path == "/_journal":
            self.reply(200, json.dumps(self.cloud.ledger.journal))
        else:
            self.reply(404, "{}")


class HostileCloud:
    def __init__(self, options):
        self.dice = random.Random(options.seed)
        self.ledger = Ledger()
        self.systems = Systems(self.ledger, options.key_lifetime, self.later)
        self.gate = Gate(options.token_lifetime, options.csrf)
        self.trouble = options.trouble
        self.script = []
        self.late_s, self.ghost_s = options.late, options.ghost
        self.open = set()
        self.pending = 0

    def ids_of(self, system, path, body):
        if system == "bulk" and isinstance(body, list):
            return [record["event"]["id"] for record in body]
        events = body if isinstance(body, list) else [body]
        if system == "lookup" and isinstance(body, dict):
            events = [body["event"]]
        return [event["id"] for event in events if isinstance(event, dict) and "id" in event]

    def draw(self, system):
        if self.script:
            return self.script.pop(0)
        if self.dice.randrange(100) >= self.trouble:
            return "fine"
        what = self.dice.choice(TROUBLES)
        return "fine" if what == "login_page" and system in KEEPS_ITS_WORD else what

    def later(self, seconds, do):
        """Done even when the client has left."""
        def run():
            self.pending -= 1
            do()
        self.pending += 1
        asyncio.get_running_loop().call_later(seconds, run)


async def serve(options):
    cloud = HostileCloud(options)
    loop = asyncio.get_running_loop()
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
    data = await loop.create_server(lambda: Data(cloud), "127.0.0.1", options.port, ssl=tls,
                                    backlog=512)
    control = await loop.create_server(lambda: Control(cloud), "127.0.0.1", 0)
    print(data.sockets[0].getsockname()[1], control.sockets[0].getsockname()[1], flush=True)
    # Whoever started it holds the other end of stdin: when they end, so does it.
    await loop.run_in_executor(None, sys.stdin.read)


def main():
    parser = argparse.ArgumentParser(description="a hostile cloud")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trouble", type=int, default=0, help="percent of requests")
    parser.add_argument("--late", type=float, default=0.3, help="s, of a late answer")
    parser.add_argument("--ghost", type=float, default=0.6, help="s, until a ghost is applied")
    parser.add_argument("--key-lifetime", type=float, default=86400, help="s")
    parser.add_argument("--token-lifetime", type=float, default=0, help="s; 0: no token is asked for")
    parser.add_argument("--csrf", type=int, default=0, help="requests a token lives; 0: none")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    try:
        asyncio.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
