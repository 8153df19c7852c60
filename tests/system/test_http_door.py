"""The TCP door: who is let in to what, by which certificate, and how long they may keep it busy."""
import http.client
import json
import os
import re
import select
import shutil
import socket
import sqlite3
import ssl
import subprocess
import time
import warnings

import pytest

from sim import agent as agents
from sim import door, long, wait
from sim.contract import Contract
from sim.site import receipt
from sim.tls import Certificates

ROLES = ["device", "viewer", "operator", "admin"]
NAMES = {"device": "wms", "viewer": "eye", "operator": "desk", "admin": "root"}

# Who is let in where the document says that so much is needed; elsewhere everybody is.
LET_IN = {"device": {"device", "operator", "admin"}, "viewer": {"viewer", "operator", "admin"},
          "operator": {"operator", "admin"}, "admin": {"admin"}}


def operations():
    """(method, path, what it needs) of all that the document has, but for what partners call."""
    for path, item in Contract("openapi.yaml").document["paths"].items():
        for method, operation in item.items():
            if "hooks" not in path:
                needs = None if path == "/metrics" else operation.get("x-role")
                yield method.upper(), re.sub(r"\{[^}]*\}", "1", path), needs


def test_each_role_may_what_the_document_says(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    seen = set()
    for method, path, needs in operations():
        for role in [None] + ROLES:
            answer = door.ask(agent, method, path, token=NAMES.get(role))
            refusal = 403 if role else 401
            if needs is None or role in LET_IN[needs]:
                assert answer.status not in (401, 403), (method, path, role)
            else:
                assert answer.status == refusal, (method, path, role)
                assert answer.headers["Content-Type"] == "application/problem+json"
        seen.add(needs)
    assert seen == {None, *ROLES}


def test_who_is_not_known_is_asked_for_a_token(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    none = door.ask(agent, "GET", "/v1/status")
    assert none.headers["WWW-Authenticate"] == 'Bearer realm="dray"'
    for value in ("Bearer", "Bearer ", "Bearer nobody-has-this-one", "Basic " + door.secret("eye"),
                  door.secret("eye"), "Bearer " + door.secret("eye")[:-1],
                  "Bearer " + door.secret("eye") + "x"):
        answer = door.ask(agent, "GET", "/v1/status", headers={"Authorization": value})
        assert answer.status == 401, value
        assert "invalid_token" in answer.headers["WWW-Authenticate"]
        assert door.secret("eye") not in answer.body.decode()
    known = door.ask(agent, "GET", "/v1/status",
                     headers={"Authorization": "bearer  " + door.secret("eye")})
    assert known.status == 200


def test_without_tokens_nothing_but_health_and_metrics_is_open(site):
    agent = site.agent()
    assert [agent.get(path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    answer = door.post(agent, receipt(), token=None)
    assert answer.status == 401 and "listen.tokens" in answer.json["detail"]
    assert door.ask(agent, "GET", "/v1/status", token="eye").status == 401


def test_what_a_token_does_is_audited_under_its_name(site):
    agent = site.agent({"erp": agents.destination("http://127.0.0.1:9")},
                       listen={"tokens": door.tokens(site.folder)})
    answer = door.ask(agent, "POST", "/v1/destinations/erp/pause", "{}", "desk")
    assert answer.status == 200
    agent.stop()
    with sqlite3.connect(os.path.join(agent.config["state_dir"], "dray.db")) as store:
        assert store.execute("SELECT who FROM audit ORDER BY rowid DESC LIMIT 1").fetchall() == [
            ("token:desk",)]


def test_tokens_are_read_again_on_reload_and_a_bad_one_changes_nothing(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    door.write_secret(site.folder, "eye-token", "another-token-0123456789")
    agent.reload()
    new = {"Authorization": "Bearer another-token-0123456789"}
    wait.until(lambda: door.ask(agent, "GET", "/v1/status", headers=new).status == 200,
               what="the new token to be known")
    assert door.ask(agent, "GET", "/v1/status", token="eye").status == 401
    for text, why in (("tiny0123", "shorter than 16"), (door.secret("desk"), "the same as that of"),
                      ("with blanks in it 0123456789", "blank")):
        door.write_secret(site.folder, "eye-token", text)
        n = agent.log().count("configuration refused")
        agent.reload()
        wait.until(lambda: agent.log().count("configuration refused") == n + 1, what="a refusal")
        refusal = [line for line in agent.log().splitlines() if "configuration refused" in line][-1]
        assert "listen.tokens.eye.token" in refusal and why in refusal
        assert text not in agent.log()
        assert door.ask(agent, "GET", "/v1/status", headers=new).status == 200


# --- TLS

def tls_options(certificates, **more):
    return {"tls": dict({"cert": certificates.server_cert,
                         "key": {"file": certificates.server_key}}, **more)}


@pytest.fixture
def certificates(tmp_path):
    return Certificates(tmp_path)


def is_answered(agent, tls):
    try:
        return door.ask(agent, "GET", "/healthz", tls=tls).status == 200
    except (OSError, http.client.HTTPException):
        return False


def start_tls(site, certificates, **more):
    agent = site.make_agent(listen=dict(tls_options(certificates, **more),
                                        tokens=door.tokens(site.folder)))
    agent.tls = door.trust(certificates, client=True)
    return agent.start()


def test_by_tls_events_are_taken_and_in_clear_nothing_is(site, certificates):
    agent = start_tls(site, certificates)
    tls = door.trust(certificates)
    answer = door.ask(agent, "POST", "/v1/events", json.dumps(receipt("tls-1", note="x" * 99_000)),
                      "wms", {"Content-Type": "application/json"}, tls)
    assert answer.acks == [("tls-1", "stored")]
    agent.tls = None
    assert agent.get("/healthz")[0] in (0, 400)
    old = door.trust(certificates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    assert not is_answered(agent, old)
    middle = door.trust(certificates)
    middle.maximum_version = ssl.TLSVersion.TLSv1_2
    assert is_answered(agent, middle)


def test_with_a_client_ca_only_who_shows_a_certificate_of_it_is_let_in(site, certificates, tmp_path):
    agent = start_tls(site, certificates, ca=certificates.ca)
    assert is_answered(agent, door.trust(certificates, client=True))
    assert not is_answered(agent, door.trust(certificates))
    (tmp_path / "other").mkdir()
    stranger = door.trust(certificates)
    other = Certificates(tmp_path / "other")
    stranger.load_cert_chain(other.client_cert, other.client_key)
    assert not is_answered(agent, stranger)


def test_a_new_certificate_is_shown_behind_a_reload(site, certificates, tmp_path):
    agent = start_tls(site, certificates)
    (tmp_path / "new").mkdir()
    new = Certificates(tmp_path / "new")
    assert not is_answered(agent, door.trust(new))
    for made, shown in ((new.server_cert, certificates.server_cert),
                        (new.server_key, certificates.server_key)):
        os.replace(made, shown)
    agent.reload()
    agent.tls = door.trust(new)
    wait.until(lambda: is_answered(agent, door.trust(new)), what="the new certificate")
    assert not is_answered(agent, door.trust(certificates))


def test_a_client_ca_that_comes_by_reload_holds_for_who_is_in_already(site, certificates):
    agent = start_tls(site, certificates)
    inside = door.connect(agent, door.trust(certificates))
    inside.request("GET", "/healthz")
    assert door.Answer(inside.getresponse()).status == 200
    config = json.loads(json.dumps(agent.config))
    config["listen"]["tls"]["ca"] = certificates.ca
    agent.reload(config)
    wait.until(lambda: not is_answered(agent, door.trust(certificates)), what="the client CA")
    with pytest.raises((OSError, http.client.HTTPException)):
        inside.auto_open = 0
        inside.request("GET", "/healthz")
        inside.getresponse()


def check(agent):
    return subprocess.run([agent.binary, "--config", agent.path, "--check"], capture_output=True,
                          text=True, timeout=240)


def overwrite(path):
    with open(path, "w") as out:
        out.write("nothing")


def encrypt(path):
    subprocess.run(["openssl", "ec", "-in", path, "-aes256", "-passout", "pass:secret", "-out",
                    path], check=True, capture_output=True)


def test_a_bad_certificate_is_refused_by_check_and_by_reload(site, certificates):
    agent = start_tls(site, certificates, ca=certificates.ca)
    files = {"cert": certificates.server_cert, "key": certificates.server_key,
             "ca": certificates.ca}
    for option, spoil in (("cert", overwrite), ("key", overwrite), ("key", encrypt),
                          ("key", lambda path: shutil.copy(certificates.client_key, path)),
                          ("ca", overwrite)):
        assert check(agent).returncode == 0
        shutil.copy(files[option], files[option] + ".good")
        spoil(files[option])
        done = check(agent)
        assert done.returncode != 0 and "listen.tls." + option in done.stderr
        n = agent.log().count("configuration refused")
        agent.reload()
        wait.until(lambda: agent.log().count("configuration refused") == n + 1, what="a refusal")
        shutil.move(files[option] + ".good", files[option])
        assert is_answered(agent, agent.tls)


def test_an_address_that_others_reach_needs_tls_and_tokens(site, certificates):
    agent = site.make_agent()
    for listen, refused in (({"address": "0.0.0.0:8750"}, True),
                            (dict(tls_options(certificates), address="0.0.0.0:8750"), True),
                            ({"address": "0.0.0.0:8750", "tokens": door.tokens(site.folder)}, True),
                            (dict(tls_options(certificates), address="0.0.0.0:8750",
                                  tokens=door.tokens(site.folder)), False)):
        agent.write_config(dict(agent.config, listen=listen))
        assert bool(check(agent).returncode) == refused, listen


# --- bounds

def begin(agent, tls=None):
    """Half a request."""
    line = door.raw(agent, tls)
    line.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    return line


def is_closed(line):
    """By the other side."""
    if not select.select([line], [], [], 0)[0]:
        return False
    try:
        return line.recv(1) == b""
    except OSError:
        return True


@pytest.mark.heavy
def test_two_hundred_slow_clients_hold_nobody_and_are_let_go_in_time(site, certificates):
    agent = start_tls(site, certificates)
    tls = door.trust(certificates)
    began = time.monotonic()
    lines = [begin(agent, tls) for _ in range(70)]
    lines += [door.raw(agent) for _ in range(130)]  # no handshake at all
    taken = []
    for n in range(20):
        asked = time.monotonic()
        answer = door.ask(agent, "POST", "/v1/events", json.dumps(receipt("slow-%d" % n)), "wms",
                          {"Content-Type": "application/json"}, tls)
        assert answer.status == 202
        taken.append(time.monotonic() - asked)
    assert sorted(taken)[10] < 3  # held, it would have been until they are let go
    spent = time.monotonic() - began
    # A byte now and then doesn't prolong it.
    while lines and time.monotonic() < began + spent + 20:
        for line in lines[:10]:
            try:
                line.send(b" ")
            except OSError:
                pass
        lines = [line for line in lines if not is_closed(line)]
        time.sleep(0.2)
    assert lines == []
    assert time.monotonic() - began > 9


def test_beyond_the_bound_the_one_that_waits_longest_makes_room(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    lines = [begin(agent) for _ in range(256)]
    for n in range(5):
        assert door.post(agent, receipt("room-%d" % n)).status == 202
    wait.until(lambda: is_closed(lines[0]), 8, "the oldest to be let go, before its time is over")
    assert not is_closed(lines[-1])
    more = [begin(agent) for _ in range(256)]
    wait.until(lambda: all(is_closed(line) for line in lines), 8, "all the older to be let go")
    assert sum(is_closed(line) for line in more) <= 2
    assert door.post(agent, receipt("room-6")).status == 202


@pytest.mark.heavy
def test_what_all_hold_is_bounded_and_who_holds_most_makes_room(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    small = begin(agent)
    lines = []
    for _ in range(14):  # 14 x 3.5 MiB, where 32 MiB are allowed
        line = door.raw(agent)
        line.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n")
        try:
            line.sendall(b" " * 3_670_016)
        except OSError:
            pass
        lines.append(line)
    wait.until(lambda: sum(is_closed(line) for line in lines) >= 4, 5, "some to be let go")
    assert sum(is_closed(line) for line in lines) <= 8
    assert not is_closed(small)
    assert resident_mib(agent) < 100
    assert door.post(agent, receipt("held")).status == 202


def resident_mib(agent):
    with open("/proc/%d/status" % agent.pid) as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def test_a_head_beyond_its_bound_is_refused(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    assert door.ask(agent, "GET", "/v1/status", token="eye",
                    headers={"X-Long": "x" * 8_000}).status == 200
    with door.raw(agent) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n")
        answer = http.client.HTTPResponse(line)
        answer.begin()
        assert answer.status == 400
    assert door.ask(agent, "GET", "/healthz").status == 200


@pytest.mark.heavy
def test_who_sends_while_it_takes_no_reply_is_not_read_for_ever(site):
    """Its replies pile up on its side: what it sends behind them stays in the network."""
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    line = door.raw(agent)
    line.settimeout(2)
    request = (b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Pad: " + b"x" * 8_000 + b"\r\n\r\n") * 100
    sent = 0
    with pytest.raises(TimeoutError):
        while sent < 200 * 1024 * 1024:
            sent += line.send(request)
    assert resident_mib(agent) < 100
    line.close()
    assert door.ask(agent, "GET", "/healthz").status == 200


@pytest.mark.skipif(not long.IS_LONG, reason="a minute of waiting: tests/run.sh --long")
def test_who_asks_nothing_and_who_takes_no_reply_are_let_go_in_a_minute(site):
    agent = site.agent(listen={"tokens": door.tokens(site.folder)})
    began = time.monotonic()
    idle = door.connect(agent)
    idle.request("GET", "/healthz")
    assert door.Answer(idle.getresponse()).status == 200
    deaf = door.raw(agent)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    try:
        while True:
            deaf.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
    except BlockingIOError:
        pass
    wait.until(lambda: connections(agent) == 0, 90, "both to be let go", every=1)
    assert time.monotonic() - began > 55


def connections(agent):
    """That drayd holds, of its listener."""
    port = "%04X" % door.address(agent)[1]
    with open("/proc/%d/net/tcp" % agent.pid) as table:
        rows = [line.split() for line in table][1:]
    return sum(row[1].endswith(":" + port) and row[3] == "01" for row in rows)
