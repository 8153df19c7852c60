"""TLS 1.2 is the least that is spoken, with whoever drayd calls and whoever calls drayd.

The other side speaks 1.1 alone, and drayd's own OpenSSL is told that 1.0 would do: what the machine
allows must not be what protects. Who looks for the cause finds it in words.
"""
import contextlib
import socket
import ssl
import threading
import warnings

import pytest

from sim import agent as agents
from sim import door, wait
from sim.site import receipt
from sim.tls import Certificates

LAX = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = lax
[lax]
MinProtocol = TLSv1
CipherString = DEFAULT:@SECLEVEL=0
"""


@pytest.fixture
def tls(tmp_path):
    return Certificates(tmp_path)


@pytest.fixture
def lax(tmp_path):
    """An environment whose OpenSSL speaks what it can."""
    path = tmp_path / "openssl.cnf"
    path.write_text(LAX)
    return {"OPENSSL_CONF": str(path)}


def only(version, context):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class Peer:
    """A server that speaks one version of TLS; what comes of each handshake is kept."""

    def __init__(self, tls, version):
        self.context = only(version, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self.context.load_cert_chain(tls.server_cert, tls.server_key)
        self.spoken, self.failed = [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                line = self.listener.accept()[0]
                line.settimeout(5)
                try:
                    with self.context.wrap_socket(line, server_side=True) as spoken:
                        self.spoken.append(spoken.version())
                except OSError as error:
                    self.failed.append(str(error))

    def close(self):
        self.listener.close()


@pytest.fixture
def peer(site, tls):
    return lambda version: site.proxy(Peer(tls, version))


def use_broker(site, tls, port, env):
    return site.make_agent(mqtt_port=port, env=env, mqtt={"tls": {"ca": tls.ca}}).spawn()


def use_destination(site, tls, port, env, **more):
    there = agents.destination("https://127.0.0.1:%d" % port, tls={"ca": tls.ca})
    agent = site.agent({"there": agents.merge(there, more)}, env=env)
    site.device().send(receipt("e-1"))
    return agent


def use_mqtt_destination(site, tls, port, env):
    return use_destination(site, tls, port, env, kind="mqtt", connector="cloudevents",
                           url="mqtts://127.0.0.1:%d" % port, vars={"topic": "out", "path": None})


CALLS = [use_broker, use_destination, use_mqtt_destination]


@pytest.mark.parametrize("call", CALLS)
def test_whoever_speaks_less_is_not_spoken_with_and_the_log_says_why(site, tls, lax, peer, call):
    there = peer(ssl.TLSVersion.TLSv1_1)
    agent = call(site, tls, there.port, lax)
    wait.until(lambda: "alert protocol version" in agent.log(), what="the reason in the log")
    wait.until(lambda: there.failed, what="the handshake that failed")
    assert there.spoken == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("call", CALLS)
def test_whoever_speaks_as_much_is_spoken_with(site, tls, lax, peer, call, version):
    there = peer(version)
    call(site, tls, there.port, lax)
    wait.until(lambda: there.spoken, what="a handshake")


def test_a_broker_that_nobody_vouches_for_gets_nothing(site, tls, tmp_path):
    (tmp_path / "other").mkdir()
    broker = site.make_broker(tls=tls).start()
    agent = use_broker(site, Certificates(tmp_path / "other"), broker.port, {})
    wait.until(lambda: 'why="TLS: certificate verify failed"' in agent.log(), what="the reason")
    assert "CONNECT from" not in broker.log() and "New client connected" not in broker.log()


def test_a_caller_that_speaks_less_is_refused_and_both_sides_know_why(site, tls, lax):
    agent = site.make_agent(env=lax, listen={
        "tls": {"cert": tls.server_cert, "key": {"file": tls.server_key}},
        "tokens": door.tokens(site.folder)})
    agent.tls = door.trust(tls)
    agent.start()
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        door.ask(agent, "GET", "/healthz", tls=only(ssl.TLSVersion.TLSv1_1, door.trust(tls)))
    wait.until(lambda: 'handshake failed at the listener peer=127.0.0.1 error="unsupported protocol"'
               in agent.log(), what="the reason in the log")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert door.ask(agent, "GET", "/healthz", tls=only(version, door.trust(tls))).status == 200
