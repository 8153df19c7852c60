"""Who we are to the other side: tokens, CSRF, sessions, signatures, certificates; against a cloud that
asks for them, over real sockets, with secrets looked for everywhere they could show."""
import os
import shutil
import subprocess

import pytest

from sim import wait
from sim.hostile import furnish
from sim.site import destination, receipt, wait_applied
from sim.tls import Certificates

SECRET = "s3cr3t"


def write_secret(folder, text=SECRET, name="secret"):
    path = folder / name
    path.write_text(text + "\n")
    os.chmod(path, 0o600)


def send(handheld, *names):
    for name in names:
        handheld.send(receipt(name, document="PO-" + name))
        handheld.ack(name, "stored")


def oauth2(cloud, **more):
    return destination(cloud, auth=dict({
        "type": "oauth2", "token_url": cloud.url + "/token", "client_id": "dray",
        "client_secret": {"file": "secret"}, "client": "body"}, **more))


CSRF = {"type": "bearer", "token": {"file": "secret"}, "csrf": {"path": "/csrf"}}
SESSION = {"type": "session", "username": "dray", "password": {"file": "secret"}}
HMAC = {"type": "hmac", "key": {"file": "secret"},
        "hmac": {"prefix": "sha256=", "signs": "timestamp_body", "timestamp_header": "X-Time"}}


def everything_said(agent):
    """All that people and programs are told."""
    said = agent.log() + agent.get("/metrics")[1]
    for path in ("status", "destinations", "exceptions", "queue"):
        said += agent.ask_control("/v1/" + path)[1]
    for command in (["status"], ["destinations", "list"], ["exceptions", "list"], ["queue"]):
        said += agent.ctl(*command, "--json", check=False).stdout
    return said


def assert_nothing_secret(agent, cloud, *more):
    said = everything_said(agent)
    given = ["%s-%d" % (kind, n) for kind, count in cloud.given().items()
             for n in range(1, count + 1)]
    for secret in [SECRET, *given, *more]:
        assert secret not in said


def test_tokens_that_live_a_second_stop_nothing(site, tmp_path):
    write_secret(tmp_path)
    erp = site.cloud()
    erp.gate(token_s=1)
    agent = site.agent({"erp": oauth2(erp)})
    handheld = site.device()
    sent = []

    def needs_a_third():
        names = ["t-%d" % n for n in range(len(sent), len(sent) + 5)]
        sent.extend(names)
        for name in names:
            handheld.send(receipt(name, document="PO-" + name))
        wait_applied(erp, sent)
        return erp.given()["token"] >= 3
    wait.until(needs_a_third, 60, "a third token", every=0.2)
    assert erp.given()["token"] < len(sent), "each serves while it lives"
    assert agent.exceptions() == []
    assert_nothing_secret(agent, erp)


def test_many_that_need_a_token_at_once_ask_for_it_once(site, tmp_path):
    write_secret(tmp_path)
    erp = site.cloud()
    erp.gate(token_s=3600)
    erp.down()
    agent = site.agent({"erp": dict(oauth2(erp), concurrency=50)})
    names = ["m-%d" % n for n in range(50)]
    send(site.device(), *names)
    wait.until(lambda: agent.metric("dray_destination_up", 'destination="erp"') == 0,
               what="the token endpoint counted as unreachable")
    assert not agent.exceptions(), "an outage is nobody's fault"
    erp.up()
    wait_applied(erp, names)
    assert erp.given()["token"] == 1
    assert erp.ledger()["requests"] == 50


def test_a_wrong_secret_holds_the_destination_and_the_right_one_frees_it(site, tmp_path):
    write_secret(tmp_path, "wr0ng!")
    erp = site.cloud()
    erp.gate(token_s=3600)
    agent = site.agent({"erp": oauth2(erp)})
    send(site.device(), "w-1", "w-2")
    hold = wait.until(lambda: agent.exceptions("hold"), what="the destination held")[0]
    assert hold["reason"] == ("the token endpoint answered 401: invalid_client: "
                              "*** is not the secret")
    assert erp.ledger()["requests"] == 0
    wait.until(lambda: agent.metric("dray_backlog", 'state="claimed"') == 0, what="none kept claimed")
    assert_nothing_secret(agent, erp, "wr0ng!")
    write_secret(tmp_path)
    wait_applied(erp, ["w-1", "w-2"])
    wait.until(lambda: agent.exceptions() == [], what="the hold resolved by itself")
    assert_nothing_secret(agent, erp, "wr0ng!")


def test_a_revoked_token_is_replaced_and_a_token_that_never_serves_holds(site, tmp_path):
    write_secret(tmp_path)
    erp = site.cloud()
    erp.gate(token_s=3600)
    agent = site.agent({"erp": oauth2(erp)})
    handheld = site.device()
    send(handheld, "r-1")
    wait_applied(erp, ["r-1"])
    erp.gate(revoked=True)
    send(handheld, "r-2")
    wait_applied(erp, ["r-1", "r-2"])
    assert erp.given()["token"] == 2
    assert agent.exceptions() == []
    erp.faults({"do": "status", "status": 401, "body": '{"error":"not for this client"}'})
    send(handheld, "r-3")
    wait.until(lambda: agent.exceptions("hold"), what="a second 401 holds")
    erp.faults()
    wait_applied(erp, ["r-1", "r-2", "r-3"])
    wait.until(lambda: agent.exceptions() == [], what="the hold resolved by itself")
    assert_nothing_secret(agent, erp)


def test_a_csrf_token_goes_with_its_cookie_and_is_fetched_anew_when_used_up(site, tmp_path):
    write_secret(tmp_path)
    erp = site.cloud()
    erp.gate(csrf_uses=4)
    agent = site.agent({"erp": destination(erp, concurrency=2, auth=CSRF)})
    names = ["c-%d" % n for n in range(10)]
    send(site.device(), *names)
    wait_applied(erp, names)
    assert erp.given()["csrf"] >= 3
    assert agent.exceptions() == []
    assert_nothing_secret(agent, erp)


def test_a_session_that_ends_in_mid_run_is_begun_anew_by_the_connector(site, tmp_path):
    furnish(tmp_path)
    write_secret(tmp_path, "0ld-pass")
    erp = site.cloud()
    erp.gate(session_s=3600)
    agent = site.agent({"erp": destination(erp, connector="gate-session", vars=None,
                                           auth=SESSION)})
    handheld = site.device()
    send(handheld, "s-1")
    hold = wait.until(lambda: agent.exceptions("hold"), what="a wrong password holds")[0]
    assert hold["reason"].startswith("the log-in answered 403: ")
    assert_nothing_secret(agent, erp, "0ld-pass")
    write_secret(tmp_path)
    wait_applied(erp, ["s-1"])
    for n in range(2, 5):
        erp.gate(revoked=True)
        send(handheld, "s-%d" % n)
        wait_applied(erp, ["s-%d" % m for m in range(1, n + 1)])
    assert erp.given()["login"] == 4
    wait.until(lambda: agent.exceptions() == [], what="nothing left to do")
    assert_nothing_secret(agent, erp, "0ld-pass")


def test_requests_are_signed_as_another_implementation_checks_it(site, tmp_path):
    write_secret(tmp_path)
    erp = site.cloud()
    erp.gate(hmac=True)
    agent = site.agent({"erp": destination(erp, auth=HMAC)})
    send(site.device(), "h-1", "h-2")
    wait_applied(erp, ["h-1", "h-2"])
    assert agent.exceptions() == []
    assert_nothing_secret(agent, erp)


@pytest.fixture
def certificates(tmp_path):
    return Certificates(tmp_path)


def test_a_client_certificate_is_shown_and_one_changed_on_disk_is_taken_up_on_reload(
        site, tmp_path, certificates):
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    wrong = Certificates(stranger)
    erp = site.cloud(tls=certificates)
    cert, key = tmp_path / "client.pem", tmp_path / "client.key"
    shutil.copy(wrong.client_cert, cert)
    shutil.copy(wrong.client_key, key)
    agent = site.agent({"erp": destination(erp, tls={
        "ca": certificates.ca, "cert": str(cert), "key": {"file": "client.key"}})})
    send(site.device(), "x-1")
    wait.until(lambda: agent.metric("dray_destination_up", 'destination="erp"') == 0,
               what="a stranger's certificate is refused")
    assert erp.ledger()["requests"] == 0
    assert agent.exceptions() == []
    shutil.copy(certificates.client_cert, cert)
    shutil.copy(certificates.client_key, key)
    agent.reload()
    wait_applied(erp, ["x-1"])
    # A connection that was kept is not used on with the certificate that it began with.
    connections = erp.ledger()["connections"]
    subprocess.run(["touch", str(cert)], check=True)
    agent.reload()
    wait.until(lambda: agent.log().count("configuration reloaded") == 2, what="the reload")
    send(site.device("tc52-0043"), "x-2")
    wait_applied(erp, ["x-1", "x-2"])
    assert erp.ledger()["connections"] > connections
    assert "PRIVATE KEY" not in agent.log()
