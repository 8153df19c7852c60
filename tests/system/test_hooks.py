"""Partners' webhooks: who is believed, what each of them hears, and that it is true."""
import gzip
import http.client
import json
import os
import re
import signal
import subprocess
import time

import pytest

from sim import agent as agents
from sim import door, partner, wait
from sim.machine import FAKETIME, TO_1970_DAYS, Machine
from sim.site import Site, destination, receipt, wait_applied

CLIENT_STATE = "client-state-0123456789"


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """One agent that every partner may call, for calls that leave nothing behind but events."""
    folder = tmp_path_factory.mktemp("every")
    site = Site(folder)
    yield site.agent(listen={"hooks": {
        name: who.hook(folder) for name, who in partner.ALL.items()}})
    site.end()


def shown(agent, event_id):
    return agent.ask("events", "show", event_id)


def is_stored(agent, event_id):
    return agent.ctl("events", "show", event_id, check=False).returncode == 0


def counts(answer):
    return answer.json["stored"], answer.json["duplicate"], answer.json["rejected"]


@pytest.mark.parametrize("name", partner.ALL)
def test_a_partner_s_call_is_stored_before_it_is_answered(every, name):
    event = receipt("right-" + name)
    answer = partner.ALL[name].call(every, event, name=name)
    assert (answer.status, counts(answer)) == (202, (1, 0, 0))
    row = shown(every, event["id"])
    assert (row["source"], row["device"]) == ("/dc-sim-1/" + name, name)


@pytest.mark.parametrize("name", partner.ALL)
def test_another_secret_is_nobody(every, name):
    event = receipt("wrong-" + name)
    wrong = partner.standard_secret("another secret of the same length") if name in (
        "standard", "svix") else "another-secret-altogether"
    answer = partner.ALL[name].call(every, event, secret=wrong, name=name)
    assert answer.status == 401 and answer.headers["WWW-Authenticate"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert partner.ALL[name].secret not in answer.body.decode()
    assert not is_stored(every, event["id"])


@pytest.mark.parametrize("name", partner.SIGNING)
def test_a_body_that_was_changed_on_its_way_is_nobody_s(every, name):
    event = receipt("changed-" + name)
    answer = partner.SIGNING[name].call(every, event, name=name,
                                        sent=json.dumps(event, indent=1).encode())
    assert answer.status == 401 and "doesn't match" in answer.json["detail"]
    assert not is_stored(every, event["id"])


@pytest.mark.parametrize("name", ["standard", "svix", "slack", "stripe"])
@pytest.mark.parametrize("off, words", [(-400, "s back"), (400, "s ahead")])
def test_a_time_too_far_from_now_is_refused(every, name, off, words):
    event = receipt("time-%s-%d" % (name, off))
    answer = partner.SIGNING[name].call(every, event, name=name, now=time.time() + off)
    assert answer.status == 401 and words in answer.json["detail"]
    assert "tolerance allows 300 s" in answer.json["detail"]
    assert not is_stored(every, event["id"])


def test_a_call_that_says_nothing_of_itself_is_told_what_is_missing(every):
    answer = door.ask(every, "POST", "/v1/hooks/standard", b"{}")
    assert (answer.status, answer.json["detail"]) == (
        401, "the header webhook-id is missing")
    assert answer.headers["WWW-Authenticate"] == 'Signature realm="dray"'
    answer = door.ask(every, "POST", "/v1/hooks/bearer", b"{}")
    assert (answer.status, answer.json["detail"]) == (401, "the header Authorization is missing")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="dray"'


def test_the_log_says_whose_calls_are_refused_and_why(site):
    agent = site.agent(listen={"hooks": {"partner": partner.STANDARD.hook(site.folder)}})
    signed_at = int(time.time()) - 1000
    assert partner.STANDARD.call(agent, receipt(), now=signed_at).status == 401
    said, = re.findall(r'hook=partner why="its time lies (\d+) s back', agent.log())
    assert 1000 <= int(said) <= time.time() - signed_at


def test_what_is_no_call_is_told_so(every):
    assert door.ask(every, "POST", "/v1/hooks/nobody", b"{}").status == 404
    answer = door.ask(every, "GET", "/v1/hooks/github")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    packed = gzip.compress(json.dumps(receipt()).encode())
    assert partner.GITHUB.call(every, packed, name="github",
                               headers={"Content-Encoding": "gzip"}).status == 415
    assert partner.GITHUB.call(every, b"[" + b" " * (1 << 20), name="github").status == 413


def test_the_same_call_again_is_a_duplicate(every):
    event = receipt("again")
    body = json.dumps(event).encode()
    headers = partner.STANDARD.sign(body)
    answers = [door.ask(every, "POST", "/v1/hooks/standard", body, headers=headers)
               for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 200, 200]
    assert [counts(answer) for answer in answers] == [(1, 0, 0), (0, 1, 0), (0, 1, 0)]


def test_what_can_t_be_stored_is_kept_for_a_person_and_not_asked_for_again(site):
    agent = site.agent(listen={"hooks": {"partner": partner.GITHUB.hook(site.folder)}})
    unknown = partner.GITHUB.call(agent, {"id": "h-1", "type": "no-such"})
    assert (unknown.status, counts(unknown)) == (202, (0, 0, 1))
    nonsense = partner.GITHUB.call(agent, b"nonsense")
    assert (nonsense.status, counts(nonsense)) == (202, (0, 0, 1))
    both = partner.GITHUB.call(agent, [receipt("h-2"), {"id": "h-3"}])
    assert (both.status, counts(both)) == (202, (1, 0, 1))
    rows = agent.exceptions()
    assert [row["kind"] for row in rows] == ["invalid", "unparsable", "invalid"]
    assert {row["origin"] for row in rows} == {"partner"}


def test_secrets_rotate_without_a_call_being_lost(site):
    new = partner.standard_secret("the new secret, another one")
    hook = partner.STANDARD.hook(site.folder)
    agent = site.agent(listen={"hooks": {"partner": hook}})
    assert partner.STANDARD.call(agent, receipt(), secret=new).status == 401
    door.write_secret(site.folder, hook["secret"]["file"], partner.STANDARD.secret + "\n" + new)
    agent.reload()
    wait.until(lambda: partner.STANDARD.call(agent, receipt(), secret=new).status == 202,
               what="the new secret holds")
    assert partner.STANDARD.call(agent, receipt()).status == 202
    body = json.dumps(receipt()).encode()
    headers = partner.STANDARD.sign(body)
    headers["webhook-signature"] = "v1,bm90IHRoaXMgb25l v1a,xyz " + headers["webhook-signature"]
    assert door.ask(agent, "POST", "/v1/hooks/partner", body, headers=headers).status == 202
    door.write_secret(site.folder, hook["secret"]["file"], new)
    agent.reload()
    wait.until(lambda: partner.STANDARD.call(agent, receipt()).status == 401,
               what="the old secret holds no more")


def test_a_secret_that_is_written_holds_without_a_reload(site):
    """And one that can't serve does not, nor does it let nobody in."""
    new = partner.standard_secret("the new secret, another one")
    hook = partner.STANDARD.hook(site.folder)
    agent = site.agent(listen={"hooks": {"partner": hook}, "tokens": door.tokens(site.folder)})

    def is_let_in(secret=None):
        return partner.STANDARD.call(agent, receipt(), secret=secret).status == 202
    assert is_let_in() and not is_let_in(new)
    door.write_secret(site.folder, hook["secret"]["file"], "no base64, this")
    wait.until(lambda: is_let_in() and "listen.hooks.partner.secret" in agent.log(), what="a warning")
    assert is_let_in()
    door.write_secret(site.folder, hook["secret"]["file"], new)
    wait.until(lambda: is_let_in(new), what="the new secret holds")
    assert not is_let_in()
    door.write_secret(site.folder, "eye-token", "another-token-0123456789")
    wait.until(lambda: door.ask(agent, "GET", "/v1/status", headers={
        "Authorization": "Bearer another-token-0123456789"}).status == 200, what="the new token")
    assert door.ask(agent, "GET", "/v1/status", token="eye").status == 401
    assert is_let_in(new) and "no base64" not in agent.log()


def test_a_secret_that_can_t_serve_is_a_configuration_error(site):
    hook = partner.STANDARD.hook(site.folder)
    agent = site.agent(listen={"hooks": {"partner": hook}})

    def check():
        done = subprocess.run([agent.binary, "--config", agent.path, "--check"],
                              capture_output=True, text=True, timeout=240)
        return done.returncode, done.stderr
    assert check()[0] == 0
    door.write_secret(site.folder, hook["secret"]["file"], "whsec_never base64")
    status, said = check()
    assert status != 0 and "listen.hooks.partner.secret" in said and "line 1" in said
    assert "never" not in said
    agent.reload()
    wait.until(lambda: "configuration refused" in agent.log(), what="the reload refused")
    assert partner.STANDARD.call(agent, receipt()).status == 202
    (site.folder / hook["secret"]["file"]).unlink()
    status, said = check()
    assert status != 0 and "listen.hooks.partner.secret" in said


def test_more_calls_than_the_rate_allows_wait_and_strangers_don_t_count(site):
    agent = site.agent(listen={"hooks": {
        "partner": partner.GITHUB.hook(site.folder, rate="60/h"),
        "other": partner.GITHUB.hook(site.folder)}})
    for _ in range(3):
        assert partner.GITHUB.call(agent, receipt(), secret="a stranger's").status == 401
    assert partner.GITHUB.call(agent, receipt("r-1")).status == 202
    answer = partner.GITHUB.call(agent, receipt("r-2"))
    assert answer.status == 429 and 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers.get_all("Retry-After") == [answer.headers["Retry-After"]]
    assert "rate of hook partner" in answer.json["detail"]
    assert not is_stored(agent, "r-2")
    assert partner.GITHUB.call(agent, receipt(), name="other").status == 202


def test_a_rate_fills_again(site):
    agent = site.agent(listen={"hooks": {
        "partner": partner.GITHUB.hook(site.folder, rate="2/s")}})
    event = receipt()
    wait.until(lambda: partner.GITHUB.call(agent, event).status == 429, what="over the rate",
               every=0)
    answer = wait.until(lambda: partner.GITHUB.call(agent, event).status in (200, 202),
                        what="a call is let in again")
    assert answer


def test_more_than_a_turn_may_take_is_no_fault_of_the_partner_s(site):
    """Some stop calling after a 4xx."""
    agent = site.agent(listen={"hooks": {"partner": partner.GITHUB.hook(site.folder)}},
                       store={"max_turn_events": 1})
    lines = [door.raw(agent) for _ in range(10)]
    os.kill(agent.pid, signal.SIGSTOP)  # so that all of them are read in one turn
    for n, line in enumerate(lines):
        body = json.dumps(receipt("f-%d" % n)).encode()
        line.sendall(b"POST /v1/hooks/partner HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                     b"X-Hub-Signature-256: %s\r\n\r\n%s" % (
                         len(body),
                         partner.GITHUB.sign(body)["X-Hub-Signature-256"].encode(), body))
    os.kill(agent.pid, signal.SIGCONT)
    statuses = []
    for line in lines:
        answer = http.client.HTTPResponse(line)
        answer.begin()
        statuses.append((answer.status, answer.headers["Retry-After"]))
        line.close()
    assert set(statuses) == {(202, None), (503, "1")}
    stored = {row["id"] for row in agent.ask("events", "list")["items"]}
    assert len(stored) == statuses.count((202, None))


def guide_hooks():
    """The hooks that the guide shows, as blocks and as rows of its table."""
    with open(os.path.join(agents.ROOT, "packaging/guides/webhooks.md")) as page:
        text = page.read()
    shown = {}
    for block in re.findall(r"```json\n(.*?)```", text, re.S):
        part = json.loads("{%s}" % block)
        shown.update(part["listen"]["hooks"] if "listen" in part else part)
    for name, header, options in re.findall(r"^\| ([^|]+) \| `([^`]+)` \| `(\{.*\})` \|$", text, re.M):
        shown[name] = {"scheme": "hmac", "header": header, "hmac": json.loads(options)}
    return shown


def test_the_hooks_of_the_guide_are_configurations(site):
    shown = guide_hooks()
    assert {"easypost", "partner", "shipengine", "bc", "Stripe", "Zendesk"} <= set(shown)
    for hook in shown.values():
        hook["secret"] = door.write_secret(site.folder, "secret-%d" % len(os.listdir(site.folder)),
                                           partner.standard_secret())
    agent = site.agent(listen={"hooks": shown})
    for name, vendor in (("GitHub", partner.GITHUB), ("Shopify", partner.SHOPIFY),
                         ("Slack", partner.SLACK), ("Stripe", partner.STRIPE)):
        assert vendor.call(agent, receipt(), secret=partner.standard_secret(),
                           name=name).status == 202, name


# --- Business Central, Microsoft Graph ------------------------------------------------------------

def central(site):
    secret = door.write_secret(site.folder, "client-state", CLIENT_STATE)
    return site.agent(listen={"hooks": {"bc": {
        "scheme": "token", "member": "/value/*/clientState", "secret": secret}}})


def test_a_subscription_s_handshake_is_echoed_and_nothing_kept(site):
    agent = central(site)
    answer = door.ask(agent, "POST", "/v1/hooks/bc?validationToken=Validation%3A+abc%2F1-2%3D", b"")
    assert (answer.status, answer.body) == (200, b"Validation: abc/1-2=")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for token in ("%3Cscript%3E", "a%0D%0ASet-Cookie:b", "a" * 1025, ""):
        answer = door.ask(agent, "POST", "/v1/hooks/bc?validationToken=" + token, b"")
        assert answer.status == 400 and "Set-Cookie" not in answer.headers, token
    # What brings a body is a call like any other.
    answer = door.ask(agent, "POST", "/v1/hooks/bc?validationToken=abc", b'{"value":[]}')
    assert answer.status == 401
    assert agent.ask("events", "list")["items"] == [] and agent.exceptions() == []


def test_every_element_of_a_notification_must_be_the_partner_s(site):
    agent = central(site)

    def call(*states):
        body = json.dumps({"id": "bc", "type": "po.changed", "value": [
            {"clientState": state, "resource": "purchaseOrders(1)"} for state in states]})
        return door.ask(agent, "POST", "/v1/hooks/bc", body)
    assert call(CLIENT_STATE, CLIENT_STATE).status == 202
    assert call(CLIENT_STATE, "client-state-of-another").status == 401
    assert call(CLIENT_STATE, None).status == 401
    assert call().status == 401


def test_a_token_in_the_address_guards_the_handshake_too(site):
    secret = door.write_secret(site.folder, "key", CLIENT_STATE)
    agent = site.agent(listen={"hooks": {"bc": {"scheme": "token", "parameter": "key",
                                                "secret": secret}}})

    def call(query, body=b""):
        return door.ask(agent, "POST", "/v1/hooks/bc?" + query, body)
    assert call("key=%s&validationToken=abc" % CLIENT_STATE).body == b"abc"
    assert call("validationToken=abc").status == 401
    assert call("key=other&validationToken=abc").status == 401
    assert call("key=" + CLIENT_STATE, json.dumps(receipt()).encode()).status == 202
    assert CLIENT_STATE not in agent.log()


# --- a 2xx is true, and a fault of ours is never a 4xx ---------------------------------------------

def test_what_was_answered_2xx_is_there_after_a_kill(site):
    erp = site.cloud()
    agent = site.agent({"erp": destination(erp)}, listen={"hooks": {
        "partner": partner.STANDARD.hook(site.folder)}})
    names = ["k-%d" % n for n in range(5)]
    for name in names:
        assert partner.STANDARD.call(agent, receipt(name)).status == 202
        agent.kill9()
        agent.start()
    wait_applied(erp, names)


def test_a_full_disk_is_503_and_nothing_is_taken(site):
    disk = site.disk(kind="tmpfs", mib=32)
    agent = site.agent(state_dir=disk.path, listen={"hooks": {
        "partner": partner.GITHUB.hook(site.folder)}})
    path = disk.fill()
    wait.until(lambda: agent.metric("dray_capture_open") == 0, what="no room")
    answer = partner.GITHUB.call(agent, receipt("f-1"))
    assert (answer.status, answer.json["reason"]) == (503, "store_full")
    assert int(answer.headers["Retry-After"]) >= 1
    assert partner.GITHUB.call(agent, receipt("f-1"), secret="a stranger's").status == 401
    assert not is_stored(agent, "f-1")
    os.unlink(path)
    wait.until(lambda: partner.GITHUB.call(agent, receipt("f-1")).status == 202, what="room again")


@pytest.mark.skipif(not FAKETIME, reason="needs libfaketime (package faketime)")
def test_a_time_is_refused_only_by_a_clock_that_is_believed(site):
    machine = Machine(site.folder)
    agent = site.agent(env=machine.env, listen={"hooks": {
        "partner": partner.STANDARD.hook(site.folder)}})
    machine.set(-40, False)
    wait.until(lambda: not agent.ask("status")["clock"]["trusted"], what="a doubted clock")
    assert partner.STANDARD.call(agent, receipt()).status == 202, "known all the same"
    agent.kill9()
    machine.set(TO_1970_DAYS, False)
    machine.new_boot()
    agent.start()
    later = time.time() + 400  # so long was the machine off, and nobody knows
    answer = partner.STANDARD.call(agent, receipt("c-1"), now=later)
    assert answer.status == 503 and "the clock here is not believed" in answer.json["detail"]
    assert answer.headers["Retry-After"] and not is_stored(agent, "c-1")
    stranger = partner.standard_secret("somebody else who has a clock")
    assert partner.STANDARD.call(agent, receipt(), now=later, secret=stranger).status == 401
    machine.set(0, True)
    wait.until(lambda: agent.ask("status")["clock"]["trusted"], what="a trusted clock")
    assert partner.STANDARD.call(agent, receipt(), now=later).status == 401
    assert partner.STANDARD.call(agent, receipt()).status == 202
