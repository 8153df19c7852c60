"""Partners who call /v1/hooks/NAME, each signing as its own pages say."""
import base64
import hashlib
import hmac
import itertools
import json
import time

from sim import door

numbers = itertools.count(1)


def digest(secret, *parts, name="sha256"):
    data = b"".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    return hmac.new(secret if isinstance(secret, bytes) else secret.encode(), data, name)


def b64(mac):
    return base64.b64encode(mac.digest()).decode()


def standard_secret(text="a secret of twenty-four bytes"):
    return "whsec_" + base64.b64encode(text.encode()).decode()


def standard_signature(secret, message, now, body):
    key = base64.b64decode(secret.split("_", 1)[1])
    return "v1," + b64(digest(key, "%s.%d." % (message, now), body))


class Partner:
    """`options`: the hook's. `sign(secret, body, now)`: the headers of a call."""

    def __init__(self, options, secret, sign):
        self.options, self.secret, self._sign = options, secret, sign

    def hook(self, folder, **more):
        """Its part of the configuration, the secret in a file."""
        name = "hook-%d" % next(numbers)
        return dict(self.options, secret=door.write_secret(folder, name, self.secret), **more)

    def sign(self, body, secret=None, now=None):
        return self._sign(secret or self.secret, body, int(time.time() if now is None else now))

    def call(self, agent, event, secret=None, now=None, name="partner", headers=None, query="",
             sent=None):
        """POST what is signed; `sent`: something else goes in its place."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        signed = dict({"Content-Type": "application/json"}, **self.sign(body, secret, now),
                      **(headers or {}))
        return door.ask(agent, "POST", "/v1/hooks/" + name + query,
                        body if sent is None else sent, headers=signed)


def sign_standard(secret, body, now, prefix="webhook"):
    message = "msg_%d" % next(numbers)
    return {prefix + "-id": message, prefix + "-timestamp": str(now),
            prefix + "-signature": standard_signature(secret, message, now, body)}


STANDARD = Partner({}, standard_secret(), sign_standard)

SVIX = Partner({"scheme": "standard"}, standard_secret(),
               lambda secret, body, now: sign_standard(secret, body, now, "svix"))

GITHUB = Partner({"scheme": "hmac", "header": "X-Hub-Signature-256",
                  "hmac": {"prefix": "sha256="}}, "It's a Secret to Everybody",
                 lambda secret, body, now: {
                     "X-Hub-Signature-256": "sha256=" + digest(secret, body).hexdigest()})

EASYPOST = Partner({"scheme": "hmac", "header": "X-Hmac-Signature",
                    "hmac": {"prefix": "hmac-sha256-hex="}}, "easypost-webhook-secret",
                   lambda secret, body, now: {
                       "X-Hmac-Signature": "hmac-sha256-hex=" + digest(secret, body).hexdigest()})

SHOPIFY = Partner({"scheme": "hmac", "header": "X-Shopify-Hmac-Sha256",
                   "hmac": {"encoding": "base64"}}, "hush",
                  lambda secret, body, now: {
                      "X-Shopify-Hmac-Sha256": b64(digest(secret, body))})

SLACK = Partner({"scheme": "hmac", "header": "X-Slack-Signature",
                 "hmac": {"prefix": "v0=", "signs": "v0:{timestamp}:{body}",
                          "timestamp_header": "X-Slack-Request-Timestamp"}},
                "8f742231b10e8888abcd99yyyzzz85a5",
                lambda secret, body, now: {
                    "X-Slack-Request-Timestamp": str(now),
                    "X-Slack-Signature": "v0=" + digest(secret, "v0:%d:" % now,
                                                        body).hexdigest()})

STRIPE = Partner({"scheme": "hmac", "header": "Stripe-Signature",
                  "hmac": {"prefix": "v1=", "signs": "{timestamp}.{body}"}}, "whsec_stripe",
                 lambda secret, body, now: {
                     "Stripe-Signature": "t=%d,v1=%s,v0=00" % (
                         now, digest(secret, "%d." % now, body).hexdigest())})

BEARER = Partner({"scheme": "token"}, "a-bearer-token-of-the-partner",
                 lambda secret, body, now: {"Authorization": "Bearer " + secret})

HEADER = Partner({"scheme": "token", "header": "X-Dray-Token"}, "a-token-in-a-header-of-ours",
                 lambda secret, body, now: {"X-Dray-Token": secret})

SIGNING = {"standard": STANDARD, "svix": SVIX, "github": GITHUB, "easypost": EASYPOST,
           "shopify": SHOPIFY, "slack": SLACK, "stripe": STRIPE}
ALL = dict(SIGNING, bearer=BEARER, header=HEADER)
