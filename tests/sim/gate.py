"""Who comes in: what a cloud asks of a request before it looks at it. Rules are set while it runs.

  secret     of the client and the user "dray", who are told back what they sent: default "s3cr3t"
  token_s    a bearer token is needed: POST /token gives one for client credentials, for so long
  csrf_uses  a CSRF token and its cookie are needed: GET /csrf gives both, for so many requests
  session_s  a session is needed: POST /login of username and password gives one, for so long
  hmac       requests are signed: hex SHA-256 over "<X-Time>.<body>" in X-Signature
  revoked    what was given until now serves no more (an order, not a rule)
  broken     status with which all three paths answer
"""
import hashlib
import hmac
import json
import time
import urllib.parse

USER = "dray"


class Gate:
    def __init__(self):
        self.rules = {"secret": "s3cr3t"}
        self.given = {}  # kind: {what was given: good until}
        self.counts = {"token": 0, "csrf": 0, "login": 0}
        self.csrf_left = 0

    def obey(self, rules):
        if rules.pop("revoked", False):
            self.given = {}
        self.rules.update(rules)

    def answer(self, request):
        """(status, body, headers) when it goes no further, else None."""
        paths = {"/token": self.give_token, "/csrf": self.give_csrf, "/login": self.give_session}
        if request.path in paths:
            if self.rules.get("broken"):
                return self.rules["broken"], "{}", {}
            return paths[request.path](request)
        return self.refuse(request)

    def give(self, kind, lifetime_s):
        self.counts[kind] += 1
        name = "%s-%d" % (kind, self.counts[kind])
        self.given[kind] = {name: time.monotonic() + lifetime_s}
        return name

    def is_good(self, kind, name):
        return self.given.get(kind, {}).get(name, 0) > time.monotonic()

    def give_token(self, request):
        form = dict(urllib.parse.parse_qsl(request.body.decode()))
        if form.get("client_secret") != self.rules["secret"] or form.get("client_id") != USER:
            return 401, json.dumps({"error": "invalid_client", "error_description":
                                    "%s is not the secret" % form.get("client_secret")}), {}
        lifetime_s = self.rules["token_s"]
        return 200, json.dumps({"access_token": self.give("token", lifetime_s),
                                "token_type": "Bearer", "expires_in": lifetime_s}), {}

    def give_csrf(self, request):
        refusal = self.refuse_outsider(request)
        if refusal:
            return refusal
        token = self.give("csrf", 3600)
        self.csrf_left = self.rules["csrf_uses"]
        return 200, "<metadata/>", {"X-CSRF-Token": token,
                                    "Set-Cookie": "jar=%s; Path=/; HttpOnly" % token}

    def give_session(self, request):
        body = json.loads(request.body)
        if body != {"username": USER, "password": self.rules["secret"]}:
            return 403, json.dumps({"message": "%r can't log in" % body}), {}
        return 200, json.dumps({"session": self.give("login", self.rules["session_s"])}), {}

    def refuse_outsider(self, request):
        bearer = request.headers.get("authorization", "")
        if "token_s" in self.rules and not self.is_good("token", bearer[len("Bearer "):]):
            return 401, '{"error":"invalid_token"}', {}
        if "session_s" in self.rules and not self.is_good("login", request.headers.get("x-session")):
            return 401, '{"error":"no session"}', {}
        return None

    def refuse_forged(self, request):
        token = request.headers.get("x-csrf-token")
        self.csrf_left -= 1
        if (self.is_good("csrf", token) and request.headers.get("cookie") == "jar=" + token and
                self.csrf_left >= 0):
            return None
        return 403, "CSRF token validation failed", {"X-CSRF-Token": "Required"}

    def refuse_unsigned(self, request):
        signed = request.headers.get("x-time", "").encode() + b"." + request.body
        expected = hmac.new(self.rules["secret"].encode(), signed, hashlib.sha256).hexdigest()
        if request.headers.get("x-signature") != "sha256=" + expected:
            return 401, '{"error":"the signature is wrong"}', {}
        if abs(time.time() - int(request.headers["x-time"])) > 60:
            return 401, '{"error":"the signature is old"}', {}
        return None

    def refuse(self, request):
        refusal = self.refuse_outsider(request)
        if not refusal and "csrf_uses" in self.rules:
            refusal = self.refuse_forged(request)
        if not refusal and self.rules.get("hmac"):
            refusal = self.refuse_unsigned(request)
        return refusal
