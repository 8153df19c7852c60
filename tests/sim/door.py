"""The TCP door of an agent: tokens and certificates in files, and requests to it."""
import http.client
import json
import os
import socket
import ssl

TOKENS = {"wms": "device", "tc52-0042": "device", "eye": "viewer", "desk": "operator",
          "root": "admin"}


def secret(name):
    return "token-of-%s-0123456789" % name


def write_secret(folder, name, text):
    path = os.path.join(str(folder), name)
    with open(path, "w") as out:
        out.write(text + "\n")
    os.chmod(path, 0o600)
    return {"file": name}


def tokens(folder, bound=("tc52-0042",), **roles):
    """listen.tokens: one of each role, and a device that speaks for itself only."""
    options = {}
    for name, role in dict(TOKENS, **roles).items():
        options[name] = {"role": role, "token": write_secret(folder, name + "-token",
                                                             secret(name))}
        if name in bound:
            options[name]["device"] = name
    return options


def address(agent):
    host, port = agent.config["listen"]["address"].rsplit(":", 1)
    return host, int(port)


def connect(agent, tls=None, timeout=30):
    host, port = address(agent)
    if tls:
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
    return http.client.HTTPConnection(host, port, timeout=timeout)


def bearer(name):
    return {"Authorization": "Bearer " + secret(name)} if name else {}


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def acks(self):
        return [(ack["id"], ack["status"]) for ack in self.json]


def ask(agent, method, path, body=None, token=None, headers=None, tls=None):
    """One request on a connection of its own."""
    connection = connect(agent, tls)
    try:
        connection.request(method, path, body, dict(bearer(token), **(headers or {})))
        return Answer(connection.getresponse())
    finally:
        connection.close()


def post(agent, events, token="wms", kind="application/json", **headers):
    """POST /v1/events; what is not text yet becomes JSON."""
    body = events if isinstance(events, (str, bytes)) else json.dumps(events)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if kind:
        headers["Content-Type"] = kind
    return ask(agent, "POST", "/v1/events", body, token, headers)


def raw(agent, tls=None, timeout=30):
    """A socket to the door."""
    plain = socket.create_connection(address(agent), timeout=timeout)
    return tls.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain


def trust(certificates, client=False):
    """A client's TLS that knows the private CA, and shows a certificate of it."""
    context = ssl.create_default_context(cafile=certificates.ca)
    if client:
        context.load_cert_chain(certificates.client_cert, certificates.client_key)
    return context
